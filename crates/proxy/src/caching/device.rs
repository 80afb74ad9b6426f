//! The class of device where a route's key has it: told to the origin, and to the caches beyond.

use cache::device::{Device, FIELDS, FIELDS_LIST};
use http1::{Headers, Known};

use crate::exchange::{Exchange, Response};

/// Tells the origin the class, whatever the client says it is.
pub(super) fn tell_origin(exchange: &mut Exchange, field: &str) {
    let class = Device::of(&exchange.request.headers).label();
    exchange.request.headers.set(field.as_bytes(), class.as_bytes());
}

/// Tells caches beyond by what the class was found.
pub(super) fn tell_caches(response: &mut Response) {
    let headers = &mut response.head.headers;
    if !headers.contains(Known::Vary) {
        return headers.push_known(Known::Vary, FIELDS_LIST.as_bytes());
    }
    let mut missing = String::new();
    for name in FIELDS.into_iter().filter(|name| !varies(headers, name)) {
        if !missing.is_empty() {
            missing.push_str(", ");
        }
        missing.push_str(name);
    }
    if !missing.is_empty() {
        headers.push_known(Known::Vary, missing.as_bytes());
    }
}

fn varies(headers: &Headers, name: &str) -> bool {
    let mut names = headers.values(Known::Vary).flat_map(|value| value.split(|b| *b == b','));
    names.any(|other| {
        let other = other.trim_ascii();
        other == b"*" || other.eq_ignore_ascii_case(name.as_bytes())
    })
}
