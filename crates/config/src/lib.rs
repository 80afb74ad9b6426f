//! KDL text into a typed, spanned, checked configuration.
