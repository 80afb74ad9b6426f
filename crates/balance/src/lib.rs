//! Who gets the next request: pure logic, no I/O, time is an argument.
