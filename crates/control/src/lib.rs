//! Off the data path: admin listener, metrics text, DNS refresh.
