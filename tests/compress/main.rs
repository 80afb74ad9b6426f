//! `compress`, decoded by real clients: the bytes, the fields around them, and the time they come.

mod browser;
mod cached;
mod chained;
mod codings;
mod conditions;
mod fields;
mod scene;
mod streams;
