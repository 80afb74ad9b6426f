//! Making a header of the PROXY protocol for a server.

use std::net::{IpAddr, SocketAddr};

use config::ProxyVersion;

use super::header::SIGNATURE;
use crate::tls::Facts;

/// The additional value with the protocol that the client chose in TLS (ALPN).
const ALPN: u8 = 0x01;

/// The additional value with the name that the client asked for in TLS (SNI).
const AUTHORITY: u8 = 0x02;

/// What a server is told of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relayed<'a> {
    /// The client, and the address that it connected to; `None` for one of a Unix socket.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The name that the client asked for in TLS.
    pub name: Option<&'a str>,
    /// The protocol that was agreed upon in TLS.
    pub alpn: Option<&'a str>,
}

impl<'a> Relayed<'a> {
    /// What is known of a client by the ends of its connection and its TLS session.
    #[must_use]
    pub fn new(addresses: Option<(SocketAddr, SocketAddr)>, tls: Option<&'a Facts>) -> Self {
        let name = tls.and_then(|facts| facts.server_name.as_deref());
        Self { addresses, name, alpn: tls.and_then(|facts| facts.alpn) }
    }

    /// The bytes that a connection begins with; none without the PROXY protocol.
    #[must_use]
    pub fn header(&self, version: Option<ProxyVersion>) -> Vec<u8> {
        match version {
            None => Vec::new(),
            Some(ProxyVersion::V1) => line(self),
            Some(ProxyVersion::V2) => binary(self),
        }
    }
}

/// The text form, which has room for addresses only.
#[must_use]
pub fn line(relayed: &Relayed<'_>) -> Vec<u8> {
    let Some((client, server)) = relayed.addresses else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let (client_ip, server_ip) = one_family(client.ip(), server.ip());
    let family = if client_ip.is_ipv4() { "TCP4" } else { "TCP6" };
    let (client_port, server_port) = (client.port(), server.port());
    format!("PROXY {family} {client_ip} {server_ip} {client_port} {server_port}\r\n").into_bytes()
}

/// The binary form.
#[must_use]
pub fn binary(relayed: &Relayed<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    let family = relayed.addresses.map_or(0x00, |addresses| add_addresses(addresses, &mut block));
    for (kind, value) in [(ALPN, relayed.alpn), (AUTHORITY, relayed.name)] {
        let Some(value) = value else { continue };
        // Both come out of a handshake, where they have 255 bytes at the most.
        let value = value.as_bytes().get(..255).unwrap_or(value.as_bytes());
        block.extend_from_slice(&[kind, 0, value.len() as u8]);
        block.extend_from_slice(value);
    }
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[0x21, family]);
    out.extend_from_slice(&(block.len() as u16).to_be_bytes());
    out.extend_from_slice(&block);
    out
}

fn add_addresses((client, server): (SocketAddr, SocketAddr), block: &mut Vec<u8>) -> u8 {
    let (client_ip, server_ip) = one_family(client.ip(), server.ip());
    for ip in [client_ip, server_ip] {
        match ip {
            IpAddr::V4(ip) => block.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => block.extend_from_slice(&ip.octets()),
        }
    }
    block.extend_from_slice(&client.port().to_be_bytes());
    block.extend_from_slice(&server.port().to_be_bytes());
    if client_ip.is_ipv4() { 0x11 } else { 0x21 }
}

/// A header has room for one family: IPv4 where both are, else IPv6.
fn one_family(client: IpAddr, server: IpAddr) -> (IpAddr, IpAddr) {
    match (client.to_canonical(), server.to_canonical()) {
        (client @ IpAddr::V4(_), server @ IpAddr::V4(_)) => (client, server),
        (client, server) => (mapped(client), mapped(server)),
    }
}

fn mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(_) => ip,
    }
}
