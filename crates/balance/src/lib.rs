//! Who gets the next request: pure logic, no I/O, time is an argument.
//!
//! A [`Picker`] belongs to one worker and one upstream. It knows its servers as numbers; what
//! they are and how they are reached is the caller's business.

pub mod picker;
mod rotation;
pub mod tried;

pub use picker::{Picker, Policy, Report, Settings};
pub use tried::Tried;

/// The number of a server: its place in the list the picker was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIndex(pub u32);
