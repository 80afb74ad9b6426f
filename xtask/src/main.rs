//! Tasks of the project: set-up, checks, tests, benchmarks.

fn main() {}
