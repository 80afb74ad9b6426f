//! Keys that requests are known by.

use super::headers::is_token_char;
use super::{Context, Text};
use crate::model::HashKey;
use crate::report::Diagnostic;

/// A client keeps its key while its provider gives it another address of the same network.
const V6_BITS: u8 = 64;

pub(super) fn hash_key(text: Text<'_>, context: &mut Context) -> Option<HashKey> {
    match parse(text.text) {
        Ok(key) => Some(key),
        Err(reason) => {
            let message = format!("{:?}: {reason}", text.text);
            context.error(Diagnostic::error(text.span, message).help(
                "one of `client-ip`, `client-ip/24`, `client-ip/24/56`, `path`, `uri`, `host`, \
                 `header:NAME`, `cookie:NAME` or `query:NAME`",
            ));
            None
        }
    }
}

fn parse(text: &str) -> Result<HashKey, &'static str> {
    if let Some(bits) = text.strip_prefix("client-ip") {
        return client_ip(bits);
    }
    let name = |name: &str| {
        let is_token = !name.is_empty() && name.chars().all(is_token_char);
        if is_token { Ok(name.to_owned()) } else { Err("a name is expected after the colon") }
    };
    match text.split_once(':') {
        None if text == "path" => Ok(HashKey::Path),
        None if text == "uri" => Ok(HashKey::Uri),
        None if text == "host" => Ok(HashKey::Host),
        Some(("header", rest)) => Ok(HashKey::Header(name(rest)?.to_ascii_lowercase())),
        Some(("cookie", rest)) => Ok(HashKey::Cookie(name(rest)?)),
        Some(("query", rest)) => Ok(HashKey::Query(name(rest)?)),
        _ => Err("this is no part of a request"),
    }
}

fn client_ip(bits: &str) -> Result<HashKey, &'static str> {
    let number = |text: &str, most: u8| {
        let bits = text.parse().ok().filter(|bits| (1..=most).contains(bits));
        bits.ok_or("a prefix length is from 1 to 32, and from 1 to 128 for IPv6")
    };
    let mut parts = bits.split('/');
    let (first, v4, v6) = (parts.next(), parts.next(), parts.next());
    if first != Some("") || parts.next().is_some() {
        return Err("this is no part of a request");
    }
    let v4_bits = v4.map_or(Ok(32), |text| number(text, 32))?;
    let v6_bits = v6.map_or(Ok(V6_BITS), |text| number(text, 128))?;
    Ok(HashKey::ClientIp { v4_bits, v6_bits })
}
