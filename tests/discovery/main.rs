//! Servers that come and go while Weir runs: by DNS, files, documents and the operator. No request
//! is lost on the way.

mod admin;
mod dns;
mod dnsmasq;
mod load;
mod sources;
