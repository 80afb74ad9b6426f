//! Real programs on both sides of Weir, and test suites that others wrote.

mod httplint;
mod origins;
mod slowhttptest;
mod varnishtest;
mod websockets;
mod wrk;
