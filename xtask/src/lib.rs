//! The tasks of the project as functions, so that tests can call them too.

pub mod bench;
pub mod check;
pub mod fuzz;
pub mod setup;
pub mod shell;
pub mod test;
pub mod tidy;
