//! What a proxy must add to and take from a message that it passes on (RFC 9110 §7.6).
//!
//! Fields that describe one connection end here. Fields that name the client are written anew
//! from what is known of the connection, and continue an existing chain only behind a trusted
//! proxy.

use std::io::Write;
use std::net::IpAddr;
use std::ops::ControlFlow;

use http1::{Headers, Known, Method, RequestHead, Version, framing};
use ipnet::IpNet;

use crate::body::Body;
use crate::exchange::{Client, Exchange, Response};
use crate::io::{Peer, clock};
use crate::recycle::Recycled;
use crate::snapshot::Snapshot;
use crate::tls::Facts;

/// Hop-by-hop fields that are known by name. The encoder generates `Connection` and framing.
const HOP_BY_HOP: [Known; 7] = [
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::Te,
    Known::Http2Settings,
    Known::ProxyAuthorization,
    Known::ProxyAuthenticate,
];

/// Who the client is: the connection's peer, or behind trusted proxies the right-most address
/// of `X-Forwarded-For` (else `Forwarded`) that no trusted proxy stands for.
#[must_use]
pub fn client(
    (peer, scheme): (Peer, &'static str),
    head: &RequestHead,
    trusted: &[IpNet],
) -> Client {
    let direct = match peer {
        Peer::Tcp(address) => address.ip().to_canonical(),
        Peer::Unix => IpAddr::from([0, 0, 0, 0]),
    };
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    // A process on this machine that may open the socket is as near as a trusted proxy.
    let trusts_peer = peer == Peer::Unix || is_trusted(direct);
    let mut client = Client { peer, local: None, address: direct, trusted: trusts_peer, scheme };
    if !trusts_peer {
        return client;
    }
    if let Some(address) = named_client(&head.headers, is_trusted) {
        client.address = address;
    }
    match head.headers.value(Known::XForwardedProto) {
        Some(b"https") => client.scheme = "https",
        Some(b"http") => client.scheme = "http",
        _ => {}
    }
    client
}

/// Walks the chain from its right end past trusted proxies. A link that is no address ends the
/// walk: what stands left of it cannot be believed.
fn named_client(headers: &Headers, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut named = None;
    let by_x = headers.contains(Known::XForwardedFor);
    let field = if by_x { Known::XForwardedFor } else { Known::Forwarded };
    let values = headers.iter().rev().filter(|held| held.known == field);
    for link in values.flat_map(|held| held.value.rsplit(|byte| *byte == b',')) {
        let text = if by_x { Some(link) } else { forwarded_for(link) };
        let Some(address) = text.and_then(parse_address) else { break };
        named = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    named
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    element.split(|byte| *byte == b';').find_map(|pair| {
        let (name, value) = pair.trim_ascii().split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })
}

/// An address with or without port, brackets and quotes.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?.trim_matches('"');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse::<IpAddr>().ok()
}

/// `Max-Forwards` of an OPTIONS request (RFC 9110 §7.6.2): at zero this proxy is the one asked,
/// else it is one less for the next.
pub fn count_down(exchange: &mut Exchange) -> ControlFlow<Response> {
    if exchange.request.method != Method::Options {
        return ControlFlow::Continue(());
    }
    let value = exchange.request.headers.value(Known::MaxForwards);
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let Some(left) = text.and_then(|text| text.parse::<u32>().ok()) else {
        return ControlFlow::Continue(());
    };
    if left == 0 {
        let mut response = Response::own(204, b"", Body::Empty);
        response.declared_length = None;
        add_date(&mut response.head.headers);
        return ControlFlow::Break(response);
    }
    let next = (left - 1).to_string();
    exchange.request.headers.set_known(Known::MaxForwards, next.as_bytes());
    ControlFlow::Continue(())
}

/// Makes a request ready to go on: hop-by-hop fields out, forwarding fields in.
pub fn prepare_request(exchange: &mut Exchange) {
    let snapshot = std::rc::Rc::clone(&exchange.snapshot);
    let head = &mut *exchange.request;
    remove_hop_by_hop(&mut head.headers);
    let id = exchange.request_id.as_bytes();
    if !id.is_empty() {
        head.headers.set(snapshot.request_id.header.as_bytes(), id);
    }
    let client = exchange.client;
    write_client_cert(&snapshot, exchange.tls.as_deref(), client, &mut head.headers);
    let mut value = Recycled::<Vec<u8>>::take();
    push_forwarded_for(&mut head.headers, client, &mut value);
    push_forwarded(head, client, &mut value);
    let keeps = |headers: &Headers, field| client.trusted && headers.contains(field);
    if !keeps(&head.headers, Known::XForwardedProto) {
        head.headers.set_known(Known::XForwardedProto, client.scheme.as_bytes());
    }
    if !keeps(&head.headers, Known::XForwardedHost) {
        head.headers.set_known(Known::XForwardedHost, &head.authority);
    }
    push_via(&mut head.headers, head.version);
    if !head.headers.contains(Known::Host) {
        head.headers.push_known(Known::Host, &head.authority);
    } else if head.form == http1::TargetForm::Absolute {
        head.headers.set_known(Known::Host, &head.authority);
    }
}

/// Shows origins who a client has proved to be (RFC 9440 §2.4), and lets no client say so itself.
fn write_client_cert(
    snapshot: &Snapshot,
    facts: Option<&Facts>,
    client: Client,
    headers: &mut Headers,
) {
    if !client.trusted || facts.is_some_and(|facts| facts.identity.is_some()) {
        headers.remove(Known::ClientCert);
        headers.remove(Known::ClientCertChain);
        for field in snapshot.client_cert_fields.iter() {
            headers.remove_named(field.as_bytes());
        }
    }
    let Some(identity) = facts.and_then(|facts| facts.identity.as_ref()) else { return };
    let Some(fields) = facts.and_then(|facts| facts.client_cert.as_ref()) else { return };
    headers.set(fields.header.as_bytes(), &identity.certificate_field);
    if let Some(chain) = fields.chain_header.as_ref().filter(|_| !identity.chain_field.is_empty()) {
        headers.set(chain.as_bytes(), &identity.chain_field);
    }
}

fn push_forwarded_for(headers: &mut Headers, client: Client, value: &mut Vec<u8>) {
    value.clear();
    if client.trusted {
        join(headers, Known::XForwardedFor, value);
    }
    separate(value);
    write_peer(client.peer, value, false);
    headers.set_known(Known::XForwardedFor, value);
}

fn push_forwarded(head: &mut RequestHead, client: Client, value: &mut Vec<u8>) {
    value.clear();
    if client.trusted {
        join(&head.headers, Known::Forwarded, value);
    }
    separate(value);
    value.extend_from_slice(b"for=");
    write_peer(client.peer, value, true);
    if !head.authority.is_empty() {
        value.extend_from_slice(b";host=");
        push_quotable(&head.authority, value);
    }
    value.extend_from_slice(b";proto=");
    value.extend_from_slice(client.scheme.as_bytes());
    head.headers.set_known(Known::Forwarded, value);
}

/// A host is quoted when it has characters that a token may not have (RFC 7239 §4).
fn push_quotable(text: &[u8], out: &mut Vec<u8>) {
    let plain = text.iter().all(|byte| http1::method::is_token(*byte));
    if plain {
        out.extend_from_slice(text);
    } else {
        out.push(b'"');
        out.extend(text.iter().filter(|byte| !matches!(byte, b'"' | b'\\')));
        out.push(b'"');
    }
}

fn write_peer(peer: Peer, out: &mut Vec<u8>, forwarded: bool) {
    let Peer::Tcp(address) = peer else { return out.extend_from_slice(b"unknown") };
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => write_v4(ip.octets(), out),
        // Writing to memory cannot fail.
        IpAddr::V6(ip) if forwarded => drop(write!(out, "\"[{ip}]\"")),
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

/// The common case without the formatting machinery, which costs more than the rest of the field.
fn write_v4(octets: [u8; 4], out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(digits.format(octet).as_bytes());
    }
}

fn join(headers: &Headers, field: Known, out: &mut Vec<u8>) {
    for value in headers.values(field) {
        separate(out);
        out.extend_from_slice(value);
    }
}

fn separate(list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
}

/// Makes an origin's response ready to go on; adds `Via`, and `Date` where the origin has no
/// clock (RFC 9110 §6.6.1).
pub fn prepare_response(headers: &mut Headers, version: Version) {
    remove_hop_by_hop(headers);
    push_via(headers, version);
    add_date(headers);
}

/// Adds `Date` where there is none.
pub fn add_date(headers: &mut Headers) {
    if !headers.contains(Known::Date) {
        clock::with_date(|date| headers.push_known(Known::Date, date));
    }
}

/// Names this proxy, and the version in which it received the message (RFC 9110 §7.6.3).
fn push_via(headers: &mut Headers, version: Version) {
    let value: &[u8] = match version {
        Version::Http10 => b"1.0 weir",
        Version::Http11 => b"1.1 weir",
        Version::Http2 => b"2.0 weir",
    };
    headers.push_known(Known::Via, value);
}

/// Removes the hop-by-hop fields, also those that `Connection` names (RFC 9110 §7.6.1).
///
/// Fields that say where a message goes or who sent it cannot be named away: a client would
/// otherwise strip what another proxy has written.
pub fn remove_hop_by_hop(headers: &mut Headers) {
    let usual = |name: &[u8]| {
        USUAL_OPTIONS.iter().any(|option| name.eq_ignore_ascii_case(option.as_bytes()))
    };
    if headers.contains(Known::Connection) && !framing::connection_names(headers).all(usual) {
        remove_named(headers);
    }
    for field in HOP_BY_HOP {
        headers.remove(field);
    }
}

/// Connection options that name no field beside those that go anyway.
const USUAL_OPTIONS: [&str; 4] = ["keep-alive", "close", "upgrade", "te"];

#[cold]
fn remove_named(headers: &mut Headers) {
    let names: Vec<Vec<u8>> = framing::connection_names(headers).map(<[u8]>::to_vec).collect();
    let listed = |name: &[u8]| names.iter().any(|listed| listed.eq_ignore_ascii_case(name));
    headers.retain(|field| is_end_to_end(field.known) || !listed(field.name));
}

/// Known fields that no `Connection` option may remove. `Upgrade` is left to the encoder, which
/// copies it only when the exchange asks for a switch.
fn is_end_to_end(known: Known) -> bool {
    !matches!(
        known,
        Known::Other
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::Te
            | Known::Trailer
            | Known::Http2Settings
            | Known::ProxyAuthenticate
            | Known::ProxyAuthorization
    )
}
