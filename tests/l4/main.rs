//! Layer 4: bytes that nobody looks into, and the PROXY protocol.

mod databases;
mod passthrough;
mod proxies;
mod proxy_protocol;
mod scene;
mod tcp;
mod tls;
mod udp;
