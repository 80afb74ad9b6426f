//! KDL version 2, read by hand: every mistake of a text in one pass, in time that grows with
//! its length alone. The `kdl` crate takes seconds over large files, twice as long for each
//! block that is commented out inside another, and all of the stack for a row of `/-`; it
//! serves as the oracle of the tests.

pub(crate) mod lexer;
mod number;
#[cfg(test)]
mod oracle;
mod parser;
mod string;

pub(crate) use parser::parse;
