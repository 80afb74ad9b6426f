//! Properties over generated messages: what is encoded is parsed back, cuts change nothing, and no
//! input makes anything panic.

mod corpus;
mod drive;

use drive::{End, Head, Message, read, read_whole};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use weir_http1::{
    BodyDecoder, BodyLength, CHUNK_END, Framing, HeadLimits, Headers, Known, Method, Persistence,
    Refusal, RequestHead, ResponseHead, Version, chunk_prefix, is_upgrade, last_chunk, persists,
    request_head, response_head, trailers,
};

/// A body and how it travels.
#[derive(Clone, Debug)]
enum Body {
    None,
    Exact(Vec<u8>),
    Chunked(Vec<Vec<u8>>, Headers),
}

impl Body {
    fn framing(&self) -> Framing {
        match self {
            Self::None => Framing::Absent,
            Self::Exact(data) => Framing::Length(data.len() as u64),
            Self::Chunked(..) => Framing::Chunked,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Exact(data) => data.clone(),
            Self::Chunked(chunks, _) => chunks.concat(),
        }
    }

    fn trailers(&self) -> Option<Headers> {
        match self {
            Self::Chunked(_, trailers) if !trailers.is_empty() => Some(trailers.clone()),
            _ => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Exact(data) => out.extend_from_slice(data),
            Self::Chunked(chunks, trailers) => {
                for chunk in chunks {
                    out.extend_from_slice(chunk_prefix(&mut [0; 20], chunk.len()));
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(CHUNK_END);
                }
                last_chunk(out, Some(trailers));
            }
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,20}".prop_filter("names with a meaning", |name| {
        let known = Known::of(name.as_bytes());
        known == Known::Other && !trailers::is_forbidden(name.as_bytes())
    })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![9 => 0x21..=0x7e_u8, 1 => 0x80..=0xff_u8];
    (vec(octet.clone(), 0..20), prop::option::of((select(&b" \t"[..]), octet))).prop_map(
        |(mut value, tail)| {
            if let (Some((blank, last)), false) = (tail, value.is_empty()) {
                value.extend([blank, last]);
            }
            value
        },
    )
}

fn fields() -> impl Strategy<Value = Headers> {
    vec((name(), value()), 0..12).prop_map(|fields| {
        let mut headers = Headers::new();
        fields.iter().for_each(|(name, value)| headers.push(name.as_bytes(), value));
        headers
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::None),
        vec(any::<u8>(), 0..300).prop_map(Body::Exact),
        (vec(vec(any::<u8>(), 1..40), 0..8), fields())
            .prop_map(|(chunks, trailers)| Body::Chunked(chunks, trailers)),
    ]
}

fn method() -> impl Strategy<Value = Method> {
    const COMMON: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];
    prop_oneof![select(COMMON).prop_map(str::to_owned), "[!-'*+.0-9A-Za-z-]{1,23}"]
        .prop_filter_map("not a method here", |text| {
            Method::parse(text.as_bytes()).filter(|method| *method != Method::Connect)
        })
}

prop_compose! {
    fn request()(
        method in method(),
        target in "/[!$-\\[\\]-~]{0,40}",
        host in "[a-z0-9._~-]{1,20}(:[1-9][0-9]{0,3})?",
        mut headers in fields(),
    ) -> RequestHead {
        headers.push(b"hOsT", host.as_bytes());
        RequestHead {
            method,
            target: target.into_bytes(),
            authority: host.into_bytes(),
            headers,
            ..RequestHead::default()
        }
    }
}

prop_compose! {
    fn response()(
        status in 200..=599_u16,
        reason in "[ -~]{1,20}",
        headers in fields(),
        version in select(&[Version::Http10, Version::Http11][..]),
    ) -> ResponseHead {
        ResponseHead { status, version, reason: reason.into_bytes(), headers }
    }
}

fn persistence() -> impl Strategy<Value = Persistence> {
    use Persistence::*;
    select(&[Implied, KeepAlive, Close, Upgrade][..])
}

/// The input in pieces, cut anywhere.
fn pieces<'a>(input: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter()
        .map(|end| {
            let piece = &input[start..end];
            start = end;
            piece
        })
        .collect()
}

/// Takes away what the encoder has added, so that the rest can be compared.
fn without_framing(mut headers: Headers) -> Headers {
    headers.remove(Known::ContentLength);
    headers.remove(Known::TransferEncoding);
    headers.remove(Known::Connection);
    headers
}

fn says(persistence: Persistence, version: Version, headers: &Headers) -> bool {
    match persistence {
        Persistence::Implied => persists(version, headers) == (version == Version::Http11),
        Persistence::KeepAlive => persists(version, headers),
        Persistence::Close => !persists(version, headers),
        Persistence::Upgrade => is_upgrade(headers) == headers.contains(Known::Upgrade),
    }
}

/// Good input of either kind with a few octets changed, or bytes without any meaning.
fn damaged(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0..3_u8, prop_oneof![select(&b"\r\n :,;0\0"[..]), any::<u8>()]);
    (select(good), vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        for (at, kind, octet) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, octet),
                1 if at < bytes.len() => bytes[at] = octet,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

fn small(cases: Vec<corpus::Case>) -> Vec<Vec<u8>> {
    cases.into_iter().map(|case| case.bytes).filter(|bytes| bytes.len() < 600).collect()
}

/// Small limits, so that generated input meets them.
const TIGHT: HeadLimits = HeadLimits { head_bytes_max: 90, headers_max: 3, uri_bytes_max: 20 };

fn cuts_change_nothing<H>(input: &[u8], cuts: &[Index]) -> Result<(), TestCaseError>
where
    H: Head + PartialEq + std::fmt::Debug,
{
    for limits in [HeadLimits::default(), TIGHT] {
        let whole = read::<H>([input], Method::Get, limits);
        let cut = read::<H>(pieces(input, cuts), Method::Get, limits);
        prop_assert_eq!(whole, cut);
    }
    Ok(())
}

/// What a chunked decoder makes of pieces: the data and how it ended.
fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Result<Option<usize>, Refusal>) {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let (mut data, mut consumed) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match decoder.step(rest) {
                Err(refusal) => return (data, Err(refusal)),
                Ok(step) => {
                    data.extend_from_slice(&rest[step.data]);
                    consumed += step.consumed;
                    rest = &rest[step.consumed..];
                    if step.ended {
                        return (data, Ok(Some(consumed)));
                    }
                }
            }
        }
    }
    (data, Ok(None))
}

proptest! {
    #[test]
    fn requests_survive_a_round_trip(
        head in request(), body in body(), persistence in persistence(),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let mut wire = Vec::new();
        request_head(&mut wire, &head, body.framing(), persistence);
        body.write(&mut wire);
        let twice = wire.repeat(2);
        let (messages, end) =
            read::<RequestHead>(pieces(&twice, &cuts), Method::Get, HeadLimits::default());
        prop_assert_eq!(end, End::Clean);
        prop_assert_eq!(messages.len(), 2);
        for Message { head: mut found, body: data, trailers } in messages {
            prop_assert!(says(persistence, found.version, &found.headers));
            found.headers = without_framing(found.headers);
            prop_assert_eq!(&found, &head);
            prop_assert_eq!(data, body.data());
            prop_assert_eq!(trailers, body.trailers());
        }
    }

    #[test]
    fn responses_survive_a_round_trip(
        head in response(), body in body(), persistence in persistence(),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let bodiless = matches!(head.status, 204 | 304) || head.version == Version::Http10;
        let body = if bodiless { Body::Exact(Vec::new()) } else { body };
        let framing = match body.framing() {
            Framing::Absent => Framing::Length(0),
            framing => framing,
        };
        let mut wire = Vec::new();
        response_head(&mut wire, head.version, &head, framing, persistence);
        body.write(&mut wire);
        let (messages, end) =
            read::<ResponseHead>(pieces(&wire, &cuts), Method::Get, HeadLimits::default());
        prop_assert_eq!(end, End::Clean);
        prop_assert_eq!(messages.len(), 1);
        for Message { head: mut found, body: data, trailers } in messages {
            prop_assert!(says(persistence, found.version, &found.headers));
            found.headers = without_framing(found.headers);
            prop_assert_eq!(&found, &head);
            prop_assert_eq!(data, body.data());
            prop_assert_eq!(trailers, body.trailers());
        }
    }

    /// What rewrites and header operations put together from a request splits nothing.
    #[test]
    fn no_made_request_is_ever_two(
        target in vec(any::<u8>(), 0..30), name in vec(any::<u8>(), 0..9),
        value in damaged(vec![b"a\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n".to_vec(), b"b".to_vec()]),
    ) {
        let mut head = RequestHead { target: b"/".to_vec(), ..RequestHead::default() };
        head.target.extend(target.iter().filter(|octet| **octet != b'\\'));
        head.headers.push(b"Host", b"h");
        head.headers.push(b"X", &value);
        head.headers.push(&name, b"");
        let mut wire = Vec::new();
        request_head(&mut wire, &head, Framing::Length(0), Persistence::Implied);
        let (messages, end) = read_whole::<RequestHead>(&wire, Method::Get);
        prop_assert!(messages.len() == usize::from(end == End::Clean) && end != End::More);
        for message in messages {
            prop_assert!(message.head.headers.len() <= head.headers.len() + 1);
        }
    }

    #[test]
    fn no_made_response_is_ever_two(
        reason in vec(any::<u8>(), 0..30), value in vec(any::<u8>(), 0..30),
    ) {
        let mut head = ResponseHead { status: 302, reason, ..ResponseHead::default() };
        head.headers.push(b"Location", &value);
        let mut wire = Vec::new();
        let version = Version::Http11;
        response_head(&mut wire, version, &head, Framing::Length(0), Persistence::Implied);
        let (messages, end) = read_whole::<ResponseHead>(&wire, Method::Get);
        prop_assert!(messages.len() == usize::from(end == End::Clean) && end != End::More);
    }

    #[test]
    fn cuts_do_not_change_what_requests_mean(
        input in damaged(small(corpus::requests())), cuts in vec(any::<Index>(), 0..8),
    ) {
        cuts_change_nothing::<RequestHead>(&input, &cuts)?;
    }

    #[test]
    fn cuts_do_not_change_what_responses_mean(
        input in damaged(small(corpus::responses())), cuts in vec(any::<Index>(), 0..8),
    ) {
        cuts_change_nothing::<ResponseHead>(&input, &cuts)?;
    }

    #[test]
    fn cuts_do_not_change_what_chunks_mean(
        input in damaged(vec![
            b"5\r\nhello\r\n0\r\n\r\n".to_vec(),
            b"a;b=\"c\\\"d\" ; e\r\n0123456789\r\n1\r\nx\r\n0;z\r\nA: b\r\nC: d\r\n\r\n".to_vec(),
        ]),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        prop_assert_eq!(decode(&[&input]), decode(&pieces(&input, &cuts)));
    }

    #[test]
    fn any_bytes_are_refused_or_understood(input in vec(any::<u8>(), 0..200)) {
        let _ = read_whole::<RequestHead>(&input, Method::Get);
        let _ = read_whole::<ResponseHead>(&input, Method::Get);
        let _ = RequestHead::default().parse(&input, &HeadLimits::default());
        let _ = ResponseHead::default().parse(&input, &HeadLimits::default());
    }

    #[test]
    fn heads_that_no_scanner_has_seen_are_safe(input in damaged(small(corpus::requests()))) {
        let mut head = RequestHead::default();
        if head.parse(&input, &HeadLimits::default()).is_ok() {
            let lines: Vec<_> = input.split(|octet| *octet == b'\n').collect();
            let ends_well = lines[..lines.len() - 1].iter().all(|line| line.ends_with(b"\r"));
            prop_assert!(ends_well, "a bare LF was accepted");
            prop_assert!(input.ends_with(b"\r\n\r\n"));
        }
        let _ = ResponseHead::default().parse(&input, &HeadLimits::default());
    }
}
