//! Parses complete heads: `httparse` finds the tokens, the checks here decide what they mean.
//!
//! `httparse` accepts a bare LF and does not know Host, targets or our limits; everything it
//! accepts is looked at again before it counts. Nothing is allocated once the buffers are warm.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Response, Status};

use crate::diagnose::{StartLine, diagnose};
use crate::limits::{HEADERS_MAX, NAME_BYTES_MAX};
use crate::target::{self, Target};
use crate::{
    HeadLimits, Known, Method, Refusal, RequestHead, ResponseHead, TargetForm, Version, authority,
};

/// How many fields are parsed without the large scratch space (nearly every message fits).
const FIELDS_FAST: usize = 64;

/// `HTTP/1.1 200`: what stands before the reason phrase, and all of it is fixed in length.
const STATUS_LEN: usize = 12;

type Scratch<'h, 'b> = &'h mut [MaybeUninit<Header<'b>>];

impl RequestHead {
    /// Reads a complete head, as [`crate::HeadScanner`] has found its end: the bytes up to and
    /// including the empty line. Whatever was here before is replaced.
    ///
    /// # Errors
    /// The first fault found. The contents of `self` mean nothing then.
    pub fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        self.clear();
        with_scratch(limits, |scratch| self.parse_with(head, limits, scratch))
    }

    fn parse_with<'b>(
        &mut self,
        head: &'b [u8],
        limits: &HeadLimits,
        scratch: Scratch<'_, 'b>,
    ) -> Result<(), Refusal> {
        check_size(head, limits)?;
        let mut request = Request::new(&mut []);
        let outcome = request.parse_with_uninit_headers(head, room(scratch, limits));
        let (Some(method), Some(path), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(failure(head, &outcome, StartLine::Request));
        };
        if !is_complete(&outcome, head) || !is_sound(head, method, request.headers) {
            return Err(failure(head, &outcome, StartLine::Request));
        }
        if path.len() > limits.uri_bytes_max {
            return Err(Refusal::UriTooLong);
        }
        self.method = Method::parse(method.as_bytes()).ok_or(Refusal::MethodTooLong)?;
        self.version = version(minor);
        self.headers.fill(head, slices(request.headers));
        let target = target::read(self.method, path.as_bytes())?;
        self.form = target.form;
        target::write_origin(&mut self.target, self.method, &target);
        self.settle_authority(&target)?;
        self.check_expectation()
    }

    /// Decides whom the request is for (RFC 9112 §3.2, §3.3).
    fn settle_authority(&mut self, target: &Target<'_>) -> Result<(), Refusal> {
        let mut hosts = self.headers.values(Known::Host);
        let chosen = match (hosts.next(), hosts.next()) {
            (_, Some(_)) => return Err(Refusal::DuplicateHost),
            (None, None) if self.version == Version::Http10 => target.authority,
            (None, None) => return Err(Refusal::MissingHost),
            (Some(host), None) if !authority::is_authority(host) => return Err(Refusal::BadHost),
            (Some(host), None) if target.authority.is_empty() => host,
            (Some(host), None) => {
                // CONNECT is for the proxy to refuse, with a reason that says so.
                let same = target.form == TargetForm::Authority
                    || authority::is_same(host, target.authority, target.default_port);
                if !same {
                    return Err(Refusal::HostMismatch);
                }
                target.authority
            }
        };
        self.authority.extend_from_slice(chosen);
        Ok(())
    }

    /// A single `100-continue` is the only expectation there is (RFC 9110 §10.1.1). Variants of it
    /// have made proxies and origins disagree about who waits for whom.
    pub(crate) fn check_expectation(&self) -> Result<(), Refusal> {
        let mut expectations = self.headers.values(Known::Expect);
        match (expectations.next(), expectations.next()) {
            (None, None) => Ok(()),
            (Some(only), None) if only.eq_ignore_ascii_case(b"100-continue") => Ok(()),
            _ => Err(Refusal::BadExpectation),
        }
    }
}

impl ResponseHead {
    /// Reads a complete head, as [`crate::HeadScanner`] has found its end: the bytes up to and
    /// including the empty line. Whatever was here before is replaced.
    ///
    /// A missing space after the status code is accepted where there is no reason phrase either.
    ///
    /// # Errors
    /// The first fault found. The contents of `self` mean nothing then.
    pub fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        self.clear();
        with_scratch(limits, |scratch| self.parse_with(head, limits, scratch))
    }

    fn parse_with<'b>(
        &mut self,
        head: &'b [u8],
        limits: &HeadLimits,
        scratch: Scratch<'_, 'b>,
    ) -> Result<(), Refusal> {
        check_size(head, limits)?;
        let mut response = Response::new(&mut []);
        let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            head,
            room(scratch, limits),
        );
        let (Some(minor), Some(status)) = (response.version, response.code) else {
            return Err(failure(head, &outcome, StartLine::Status));
        };
        let starts = head.starts_with(b"HTTP/");
        if !starts || !is_complete(&outcome, head) || !lines_end_well(head, response.headers) {
            return Err(failure(head, &outcome, StartLine::Status));
        }
        if !(100..=599).contains(&status) {
            return Err(Refusal::BadStatus);
        }
        self.status = status;
        self.version = version(minor);
        self.reason.extend_from_slice(reason_of(head));
        self.headers.fill(head, slices(response.headers));
        Ok(())
    }
}

fn check_size(head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
    let fits = head.len() <= limits.head_bytes_max && u32::try_from(head.len()).is_ok();
    if fits { Ok(()) } else { Err(Refusal::HeadTooLarge) }
}

/// Runs `parse` with room for the fields of nearly every message, and once more with all the room
/// that may ever be allowed where that was too little.
#[inline]
fn with_scratch<'b>(
    limits: &HeadLimits,
    mut parse: impl FnMut(Scratch<'_, 'b>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_FAST];
    match parse(&mut fields) {
        Err(Refusal::TooManyHeaders) if limits.headers_max > FIELDS_FAST => {
            with_large_scratch(parse)
        }
        other => other,
    }
}

#[cold]
#[inline(never)]
fn with_large_scratch<'b>(
    mut parse: impl FnMut(Scratch<'_, 'b>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    parse(&mut fields)
}

/// As much of the scratch space as the limit allows.
fn room<'h, 'b>(scratch: Scratch<'h, 'b>, limits: &HeadLimits) -> Scratch<'h, 'b> {
    let len = scratch.len().min(limits.headers_max);
    scratch.get_mut(..len).unwrap_or_default()
}

fn is_complete(outcome: &Result<Status<usize>, Error>, head: &[u8]) -> bool {
    matches!(outcome, Ok(Status::Complete(len)) if *len == head.len())
}

/// Why a head was not accepted.
#[cold]
fn failure(head: &[u8], outcome: &Result<Status<usize>, Error>, start_line: StartLine) -> Refusal {
    match outcome {
        Err(Error::TooManyHeaders) => Refusal::TooManyHeaders,
        _ => diagnose(head, start_line),
    }
}

/// Whether nothing but CR LF stands before the request line, and every line ends in CR LF.
fn is_sound(head: &[u8], method: &str, fields: &[Header<'_>]) -> bool {
    let leading = offset_in(head, method.as_bytes());
    let before = head.get(..leading).unwrap_or(head);
    before.chunks(2).all(|pair| pair == b"\r\n") && lines_end_well(head, fields)
}

/// `httparse` takes a bare LF for the end of a line. What stands before each name and at the end
/// of the head is enough to know that there was none.
fn lines_end_well(head: &[u8], fields: &[Header<'_>]) -> bool {
    head.ends_with(b"\r\n\r\n")
        && fields.iter().all(|field| {
            let start = offset_in(head, field.name.as_bytes());
            head.get(..start).is_some_and(|before| before.ends_with(b"\r\n"))
                && field.name.len() <= NAME_BYTES_MAX
        })
}

fn offset_in(head: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(head.as_ptr().addr())
}

fn slices<'b>(fields: &[Header<'b>]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
    fields.iter().map(|field| (field.name.as_bytes(), field.value))
}

fn version(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

/// The reason phrase, taken from the bytes because `httparse` drops one with obs-text in it.
fn reason_of(head: &[u8]) -> &[u8] {
    let rest = head.get(STATUS_LEN..).unwrap_or_default();
    let end = memchr::memchr(b'\r', rest).unwrap_or(0);
    match rest.get(..end) {
        Some([b' ', reason @ ..]) => reason,
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<RequestHead, Refusal> {
        let mut head = RequestHead::default();
        head.parse(text.as_bytes(), &HeadLimits::default()).map(|()| head)
    }

    fn response(text: &[u8]) -> Result<ResponseHead, Refusal> {
        let mut head = ResponseHead::default();
        head.parse(text, &HeadLimits::default()).map(|()| head)
    }

    #[test]
    fn a_plain_request() {
        let head = request("GET /a?b HTTP/1.1\r\nHost: h:80\r\nX-One:  1 \r\nE:\r\n\r\n").unwrap();
        assert_eq!((head.method, head.version), (Method::Get, Version::Http11));
        assert_eq!((head.path(), head.query()), (&b"/a"[..], Some(&b"b"[..])));
        assert_eq!((head.authority.as_slice(), head.host()), (&b"h:80"[..], &b"h"[..]));
        assert_eq!(head.headers.len(), 3);
        assert_eq!(head.headers.values_named(b"x-one").next(), Some(&b"1"[..]));
        assert_eq!(head.headers.values_named(b"e").next(), Some(&b""[..]));
    }

    #[test]
    fn the_authority_is_settled() {
        let head = request("GET http://H:80 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert_eq!((head.target.as_slice(), head.authority.as_slice()), (&b"/"[..], &b"H:80"[..]));
        assert_eq!(head.form, TargetForm::Absolute);
        let head = request("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(head.authority.is_empty());
        for (text, refusal) in [
            ("GET / HTTP/1.1\r\n\r\n", Refusal::MissingHost),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Refusal::BadHost),
            ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", Refusal::BadHost),
            ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Refusal::DuplicateHost),
            ("GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", Refusal::HostMismatch),
            ("GET http://a HTTP/1.1\r\n\r\n", Refusal::MissingHost),
        ] {
            assert_eq!(request(text).unwrap_err(), refusal, "{text:?}");
        }
        assert!(request("CONNECT a:1 HTTP/1.1\r\nHost: b\r\n\r\n").is_ok());
    }

    #[test]
    fn expectations() {
        let ask = |value: &str| request(&format!("PUT / HTTP/1.1\r\nHost: h\r\n{value}\r\n"));
        assert!(ask("Expect: 100-Continue\r\n").unwrap().expects_continue());
        assert!(!ask("").unwrap().expects_continue());
        for fields in
            ["Expect: x 100-continue\r\n", "Expect:\r\n", "Expect: 100-continue\r\nExpect: a\r\n"]
        {
            assert_eq!(ask(fields).unwrap_err(), Refusal::BadExpectation);
        }
    }

    #[test]
    fn bare_lf_is_seen_without_a_scanner() {
        for text in [
            "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n\n",
        ] {
            assert_eq!(request(text).unwrap_err(), Refusal::BareLf, "{text:?}");
        }
    }

    #[test]
    fn field_counts_around_both_scratch_sizes() {
        for (count, headers_max, fits) in
            [(63, 64, true), (64, 64, false), (64, 65, true), (65, 65, false), (511, 9999, true)]
        {
            let fields = "A: b\r\n".repeat(count);
            let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            let limits = HeadLimits { headers_max, ..HeadLimits::default() };
            let mut head = RequestHead::default();
            let expected = if fits { Ok(()) } else { Err(Refusal::TooManyHeaders) };
            assert_eq!(head.parse(text.as_bytes(), &limits), expected, "{count} {headers_max}");
        }
    }

    #[test]
    fn limits_hold_here_too() {
        let limits = HeadLimits { head_bytes_max: 60, headers_max: 9, uri_bytes_max: 4 };
        let mut head = RequestHead::default();
        let mut parse = |text: &str| head.parse(text.as_bytes(), &limits);
        assert_eq!(parse("GET /abc HTTP/1.1\r\nHost: h\r\n\r\n"), Ok(()));
        assert_eq!(parse("GET /abcd HTTP/1.1\r\nHost: h\r\n\r\n"), Err(Refusal::UriTooLong));
        let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(40));
        assert_eq!(parse(&long), Err(Refusal::HeadTooLarge));
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{name}: v\r\n\r\n");
        assert_eq!(request(&text).unwrap_err(), Refusal::HeaderNameTooLong);
    }

    #[test]
    fn responses() {
        let head = response(b"HTTP/1.0 404 Not \xe9 Found\r\nA: b\r\n\r\n").unwrap();
        assert_eq!((head.status, head.version), (404, Version::Http10));
        assert_eq!(head.reason, b"Not \xe9 Found");
        assert!(response(b"HTTP/1.1 200\r\n\r\n").unwrap().reason.is_empty());
        assert!(response(b"HTTP/1.1 200 \r\n\r\n").unwrap().reason.is_empty());
        for (text, refusal) in [
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", Refusal::BadStatusLine),
            ("HTTP/1.1 200 OK\n\r\n", Refusal::BareLf),
            ("HTTP/1.1 200 O\rK\r\n\r\n", Refusal::BareCr),
            ("HTTP/1.1 200 O\0K\r\n\r\n", Refusal::BadStatusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", Refusal::BadStatus),
            ("HTTP/1.1 600 OK\r\n\r\n", Refusal::BadStatus),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Refusal::SpaceBeforeColon),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Refusal::ObsFold),
        ] {
            assert_eq!(response(text.as_bytes()).unwrap_err(), refusal, "{text:?}");
        }
    }
}
