//! Scripted origins and clients over raw sockets, for tests.
