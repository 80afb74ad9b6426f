//! Directives for one kind of cache alone (RFC 9213), and those of the older `Surrogate-Control`.
//!
//! The first of these fields that is there and well formed speaks instead of `Cache-Control` and
//! `Expires`: `Weir-Cache-Control`, `CDN-Cache-Control`, `Surrogate-Control`.

use http1::{Headers, Known};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::directives::ResponseDirectives;
use crate::members::{Member, members};

/// The name under which a surrogate is addressed.
const DEVICE: &[u8] = b"weir";

/// The field by which an origin is told that `Surrogate-Control` is understood.
pub const CAPABILITY_FIELD: &[u8] = b"Surrogate-Capability";

/// What it says.
pub const CAPABILITY: &[u8] = b"weir=\"Surrogate/1.0\"";

/// The directives that are meant for this cache, and whether a targeted field speaks.
#[must_use]
pub fn directives(headers: &Headers) -> (ResponseDirectives, bool) {
    for field in [Known::WeirCacheControl, Known::CdnCacheControl] {
        if headers.contains(field)
            && let Some(read) = structured(headers, field)
        {
            return (read, true);
        }
    }
    if headers.contains(Known::SurrogateControl)
        && let Some(read) = surrogate(headers)
    {
        return (read, true);
    }
    (ResponseDirectives::read(headers), false)
}

/// Reads a dictionary (RFC 9213 §2.1). One that cannot be parsed or is empty is as if it were
/// not there.
fn structured(headers: &Headers, field: Known) -> Option<ResponseDirectives> {
    let value: Vec<&[u8]> = headers.values(field).collect();
    let dictionary: Dictionary = Parser::new(&value.join(&b", "[..])).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut read = ResponseDirectives::default();
    for (key, entry) in &dictionary {
        let ListEntry::Item(item) = entry else { continue };
        let name = key.as_str().as_bytes();
        match &item.bare_item {
            BareItem::Boolean(true) => read.take(Member { name, argument: None }),
            BareItem::Integer(number) => {
                let digits = number.to_string();
                read.take(Member { name, argument: Some(digits.as_bytes()) });
            }
            BareItem::String(text) => {
                read.take(Member { name, argument: Some(text.as_str().as_bytes()) });
            }
            _ => {}
        }
    }
    Some(read)
}

/// Reads `Surrogate-Control`: each directive may be meant for one device, which `;` names.
fn surrogate(headers: &Headers) -> Option<ResponseDirectives> {
    let mut read = ResponseDirectives::default();
    let mut is_for_us = false;
    for part in headers.values(Known::SurrogateControl).flat_map(crate::members::split) {
        let mut pieces = part.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let directive = pieces.next().unwrap_or_default();
        if pieces.any(|device| !device.eq_ignore_ascii_case(DEVICE)) {
            continue;
        }
        for member in members(directive) {
            if member.is("max-age") || member.is("no-store") {
                is_for_us = true;
                read.take(member);
            }
        }
    }
    is_for_us.then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> (ResponseDirectives, bool) {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        directives(&headers)
    }

    #[test]
    fn the_most_specific_target_speaks_alone() {
        let (read, targeted) = read(&[
            ("Cache-Control", "no-store"),
            ("CDN-Cache-Control", "max-age=60"),
            ("Weir-Cache-Control", "max-age=10, must-revalidate;x=1"),
        ]);
        assert!(targeted && !read.no_store && read.must_revalidate);
        assert_eq!(read.max_age_s, Some(10));
    }

    #[test]
    fn a_target_that_cannot_be_parsed_is_not_there() {
        for bad in ["max-age=", "max-age=10,", "MAX-AGE=10", "", "&"] {
            let (read, targeted) =
                read(&[("Cache-Control", "max-age=5"), ("CDN-Cache-Control", bad)]);
            assert!(!targeted, "{bad}");
            assert_eq!(read.max_age_s, Some(5), "{bad}");
        }
        let (read, _) = read(&[("CDN-Cache-Control", "max-age=\"a\", no-store=?0")]);
        assert_eq!((read.max_age_s, read.no_store), (Some(0), false));
    }

    #[test]
    fn surrogate_control_speaks_to_its_device() {
        let (one, targeted) = read(&[("Surrogate-Control", "max-age=60;other, max-age=5;weir")]);
        assert!(targeted);
        assert_eq!(one.max_age_s, Some(5));
        let (other, targeted) = read(&[("Surrogate-Control", "max-age=60;other")]);
        assert!(!targeted && other.max_age_s.is_none());
    }
}
