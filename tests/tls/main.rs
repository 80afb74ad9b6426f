//! TLS against what others have made of it: openssl, curl, Python's ssl, nginx, rustls.

mod clients;
mod faults;
mod misdirected;
mod names;
mod reload;
mod resumption;
mod scene;
mod versions;
