//! What may be stored, what may be reused, and where it is kept.
//!
//! The rules of RFC 9111 are pure functions: a request, what is stored, and the time in; a
//! decision out. The stores keep bytes and know no rule.

pub mod date;
pub mod device;
pub mod directives;
pub mod disk;
pub mod freshness;
pub mod invalidate;
pub mod key;
pub mod members;
pub mod no_vary_search;
pub mod range;
pub mod reuse;
pub mod search_rules;
pub mod status;
pub mod steering;
pub mod storable;
pub mod store;
pub mod targeted;
pub mod tier;
pub mod top;
pub mod urlencoded;
pub mod validate;
pub mod vary;
