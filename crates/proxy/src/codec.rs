//! Room 3: turns bytes into exchanges and responses into bytes.

pub mod h1;
pub mod h2;
