//! What may be stored, what may be reused, and where it is kept.
//!
//! The rules of RFC 9111 are pure functions: a request, what is stored, and the time in; a
//! decision out. The stores keep bytes and know no rule.
