//! The data plane: the eight rooms a request walks through.

pub mod record;
pub mod route;
