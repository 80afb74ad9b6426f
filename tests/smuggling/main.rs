//! Malformed and ambiguous messages over real sockets: for each the exact outcome, and that the
//! origin never sees more or other requests than the access log lists.
//!
//! The cases are those of crate `http1`, so that the engine alone and the whole proxy agree.

mod corpus;
mod requests;
mod responses;
