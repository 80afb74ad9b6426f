//! What a request is known by: its URI, then lines for whatever else counts. No value can have a
//! line end, and each line says what it is, so that no two requests have one key by chance.

use cache::device::Device;
use cache::key::{self, QueryRule, URI_END};
use cache::steering::steering;
use http1::{Headers, Known};

use super::post::Posted;
use crate::exchange::Exchange;
use crate::parts;

/// What a route's responses are known by.
#[derive(Debug)]
pub(super) struct KeyPlan {
    query: QueryRule,
    /// What tells the responses of this route from those of others for the same URI.
    route: Vec<u8>,
    headers: Vec<String>,
    cookies: Vec<String>,
    /// Clients go to one of several upstreams, each with answers of its own.
    is_split: bool,
    /// The rewritten target is made of more than the URI.
    is_rewritten: bool,
    /// The field that tells the origin the class of device, where that counts.
    pub(super) device: Option<String>,
}

/// What is known of a request when the lines behind its URI are written.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside<'a> {
    /// The number of the rule by which the query was written.
    pub(super) search: Option<u64>,
    pub(super) posted: Option<&'a Posted>,
}

impl KeyPlan {
    pub(super) fn compile(route: &config::Route, key: &config::CacheKey) -> Self {
        let told_apart = format!("{:?}", route.predicates).into_bytes();
        Self {
            query: QueryRule {
                sort: key.sort_query,
                allow: key.query_allow.clone(),
                deny: key.query_deny.clone(),
            },
            route: if route.predicates.is_empty() { Vec::new() } else { told_apart },
            headers: key.headers.clone(),
            cookies: key.cookies.clone(),
            is_split: matches!(route.action, config::Action::Split(_)),
            is_rewritten: route.rewrite.as_ref().is_some_and(is_made_of_more),
            device: key.device_header.clone(),
        }
    }

    /// Writes the URI of a target as it is known here.
    pub(super) fn write_uri(
        &self,
        (scheme, authority): (&str, &[u8]),
        target: &[u8],
        out: &mut Vec<u8>,
    ) {
        if self.query.is_plain() {
            return key::write(scheme, authority, target, out);
        }
        let mut counted = Vec::with_capacity(target.len());
        self.query.apply(target, &mut counted);
        key::write(scheme, authority, &counted, out);
    }

    /// What the rule of a path is known by: rules of routes for the same paths are apart.
    pub(super) fn search_key(&self, uri: &[u8]) -> Vec<u8> {
        let end = memchr::memchr(b'?', uri).unwrap_or(uri.len());
        let mut key = uri.get(..end).unwrap_or_default().to_vec();
        key.push(URI_END);
        key.extend_from_slice(&self.route);
        key
    }

    /// Whether a field is part of the key.
    pub(super) fn has_header(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()))
    }

    /// Whether the keys of this route have lines behind the URI.
    pub(super) fn has_rest(&self) -> bool {
        let is_plain = self.route.is_empty() && self.headers.is_empty() && self.cookies.is_empty();
        !is_plain || self.device.is_some() || self.is_split || self.is_rewritten
    }

    /// Writes what belongs to the key behind the URI, if anything does.
    pub(super) fn write_rest(&self, exchange: &Exchange, beside: Beside<'_>, out: &mut Vec<u8>) {
        let request = &exchange.request.headers;
        if self.has_rest() {
            self.write_rules(request, out);
        }
        if self.is_split {
            line(out, "upstream", exchange.upstream_name().as_bytes());
        }
        if self.is_rewritten {
            line(out, "target", b"");
            self.query.apply(&exchange.request.target, out);
        }
        if exchange.client.trusted {
            write_forwarded(exchange, out);
        }
        if let Some(number) = beside.search {
            line(out, "search", &number.to_be_bytes().map(hex).concat());
        }
        if let Some(posted) = beside.posted {
            posted.write(request, out);
        }
    }

    fn write_rules(&self, request: &Headers, out: &mut Vec<u8>) {
        if !self.route.is_empty() {
            line(out, "route", &self.route);
        }
        for name in &self.headers {
            for value in request.values_named(name.as_bytes()) {
                line_of(out, ("header", name), value);
            }
        }
        for name in &self.cookies {
            // Of several of one name, origins take the first or the last.
            for value in parts::cookies(request, name.as_bytes()) {
                line_of(out, ("cookie", name), value);
            }
        }
        if self.device.is_some() {
            line(out, "device", Device::of(request).label().as_bytes());
        }
    }
}

/// Whether the target that goes on depends on what is not in the URI.
fn is_made_of_more(rewrite: &config::Rewrite) -> bool {
    use config::{Placeholder as P, TemplateSegment};
    let config::Rewrite::Replace(template) = rewrite else { return false };
    let is_more = |segment: &TemplateSegment| match segment {
        TemplateSegment::Literal(_) => false,
        TemplateSegment::Placeholder(placeholder) => !matches!(
            placeholder,
            P::Path | P::PathRest | P::Query | P::Uri | P::Host | P::Scheme | P::Capture(_)
        ),
    };
    template.segments.iter().any(is_more)
}

/// What a trusted proxy tells the origin of the URI that the client asked it for, where that is
/// another one than we see: the origin may answer for that one.
fn write_forwarded(exchange: &Exchange, out: &mut Vec<u8>) {
    let request = &exchange.request.headers;
    let (host, scheme) = (&exchange.request.authority, exchange.client.scheme.as_bytes());
    let known = [
        (Known::XForwardedHost, "x-forwarded-host", &host[..]),
        (Known::XForwardedProto, "x-forwarded-proto", scheme),
    ];
    for (field, name, usual) in known {
        for value in request.values(field).filter(|value| *value != usual) {
            line(out, name, value);
        }
    }
    let elements = request.values(Known::Forwarded).flat_map(|value| value.split(|b| *b == b','));
    let pairs = elements.flat_map(|element| element.split(|b| *b == b';')).map(<[u8]>::trim_ascii);
    for pair in pairs.filter(|pair| names_another(pair, host, scheme)) {
        line(out, "forwarded", pair);
    }
    for field in steering(request) {
        line(out, "field", field.name);
        out.push(b' ');
        out.extend_from_slice(field.value);
    }
}

/// Whether a pair of `Forwarded` has another host or scheme than we see. Commas in quotes part
/// too, which only makes more of a difference.
fn names_another(pair: &[u8], host: &[u8], scheme: &[u8]) -> bool {
    let (name, value) = match memchr::memchr(b'=', pair) {
        Some(mark) => pair.split_at(mark),
        None => (pair, &b""[..]),
    };
    let value = value.get(1..).unwrap_or_default();
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let value = bare.unwrap_or(value);
    let is = |other: &[u8]| name.trim_ascii().eq_ignore_ascii_case(other);
    is(b"host") && value != host || is(b"proto") && value != scheme
}

/// Begins a line that says what it is.
pub(super) fn line(out: &mut Vec<u8>, what: &str, value: &[u8]) {
    out.push(URI_END);
    out.extend_from_slice(what.as_bytes());
    out.push(b' ');
    out.extend_from_slice(value);
}

fn line_of(out: &mut Vec<u8>, (what, name): (&str, &str), value: &[u8]) {
    line(out, what, name.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value);
}

/// A byte in two digits.
pub(super) fn hex(byte: u8) -> [u8; 2] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}
