//! Host names, as patterns of sites and as literal values.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::address::unbracketed;
use super::{Context, Text};
use crate::model::HostPattern;
use crate::report::Diagnostic;

/// `example.com`, `*.example.com`, `192.0.2.1` or `[::1]`.
pub(super) fn pattern(text: Text<'_>, context: &mut Context) -> Option<HostPattern> {
    match parse(text.text) {
        Ok(pattern) => Some(pattern),
        Err(reason) => {
            context.error(Diagnostic::error(text.span, format!("{:?}: {reason}", text.text)));
            None
        }
    }
}

fn parse(text: &str) -> Result<HostPattern, &'static str> {
    if text == "*" {
        return Err("a site for every host is written without any host");
    }
    if text.contains("://") || text.contains('/') {
        return Err("a host is a name alone, without scheme or path");
    }
    if let Some(rest) = text.strip_prefix("*.") {
        let host = normal(rest)?;
        return Ok(HostPattern::Wildcard(format!(".{host}")));
    }
    if text.contains('*') {
        return Err("a wildcard is the whole first label, as in \"*.example.com\"");
    }
    normal(text).map(HostPattern::Exact)
}

fn normal(text: &str) -> Result<String, &'static str> {
    if text.starts_with('[') {
        let ip: Ipv6Addr = unbracketed(text).parse().map_err(|_| "this is not an IPv6 address")?;
        return Ok(format!("[{ip}]"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address stands in brackets");
    }
    let host = text.strip_suffix('.').unwrap_or(text);
    check_name(host)?;
    Ok(host.to_ascii_lowercase())
}

/// Whether a name can be that of a host: labels of letters, digits, `-` and `_`.
pub(super) fn check_name(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("a host name is missing");
    }
    if host.contains(':') {
        return Err("a host has no port here");
    }
    if !host.is_ascii() {
        return Err("a host name is written in ASCII (the xn-- form)");
    }
    if host.len() > 253 {
        return Err("a host name has at most 253 characters");
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') && host.parse::<Ipv4Addr>().is_err() {
        return Err("this is not an IPv4 address");
    }
    host.split('.').try_for_each(check_label)
}

fn check_label(label: &str) -> Result<(), &'static str> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match label.len() {
        0 => Err("a host name has an empty label"),
        64.. => Err("a label of a host name has at most 63 characters"),
        _ if !label.bytes().all(fine) => Err("a host name has letters, digits, `-` and `.` only"),
        _ if label.starts_with('-') || label.ends_with('-') => {
            Err("a label of a host name does not start or end with `-`")
        }
        _ => Ok(()),
    }
}
