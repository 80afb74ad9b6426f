//! The router from outside: which route takes which request, and the path tricks that slipped
//! past the routes of other proxies.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod attacks;
mod conditions;
mod precedence;
mod properties;
mod reference;
mod scale;
mod table;
