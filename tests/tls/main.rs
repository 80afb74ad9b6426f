//! TLS against what others have made of it: openssl, curl, Python's ssl, nginx, rustls.

mod bodies;
mod clients;
mod directory;
mod faults;
mod handshakes;
mod https;
mod misdirected;
mod names;
mod reload;
mod resumption;
mod scanners;
mod scene;
mod staple;
mod upstream;
mod versions;
