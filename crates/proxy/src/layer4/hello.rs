//! The first message of a TLS client (RFC 8446 §4.1.2), as far as it says where it wants to go.
//!
//! Nothing is decrypted and nothing is changed: the bytes go on as they came.

/// What a client asks for before anything is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name of the server (RFC 6066 §3), in lower case.
    pub name: Option<String>,
    /// The protocols that it offers (RFC 7301 §3.1), in its order.
    pub alpn: Vec<Vec<u8>>,
}

/// Why bytes are no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloFault {
    /// This is not TLS.
    NotTls,
    /// It is TLS, and breaks its rules.
    Malformed,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_BYTES_MAX: usize = 1 << 14;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const ALPN: u16 = 16;
const NAME_BYTES_MAX: usize = 253;

/// Reads the message at the beginning of `bytes`; `None` while more must come.
///
/// # Errors
/// When no more bytes would make it one.
pub fn parse(bytes: &[u8]) -> Result<Option<Hello>, HelloFault> {
    let mut message = Vec::new();
    let mut rest = bytes;
    while let Some(record) = next_record(&mut rest)? {
        message.extend_from_slice(record);
        if let Some(body) = whole(&message)? {
            return read(&mut Reader(body)).map(Some).ok_or(HelloFault::Malformed);
        }
    }
    Ok(None)
}

/// Takes the next record, if it is there whole, and gives its content.
fn next_record<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, HelloFault> {
    // Version 3.x is all that there has ever been (RFC 8446 §5.1).
    let begins = [HANDSHAKE, 3];
    if bytes.iter().zip(begins).any(|(found, expected)| *found != expected) {
        return Err(HelloFault::NotTls);
    }
    let Some((head, rest)) = bytes.split_first_chunk::<5>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    // A handshake has no empty records (RFC 8446 §5.1).
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(HelloFault::Malformed);
    }
    let Some((content, after)) = rest.split_at_checked(length) else { return Ok(None) };
    *bytes = after;
    Ok(Some(content))
}

/// The body of the message, once it is there whole.
fn whole(message: &[u8]) -> Result<Option<&[u8]>, HelloFault> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Err(HelloFault::Malformed);
    }
    let Some((head, body)) = message.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    Ok(body.get(..length))
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// What follows a length of one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// What follows a length of two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

fn read(message: &mut Reader<'_>) -> Option<Hello> {
    let mut hello = Hello::default();
    let _version_and_random = message.take(34)?;
    let _session = message.short()?;
    let _suites = message.long()?;
    let _compressions = message.short()?;
    if message.0.is_empty() {
        // Clients of old send no extensions.
        return Some(hello);
    }
    let mut extensions = Reader(message.long()?);
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.u16()?, extensions.long()?);
        match kind {
            SERVER_NAME => hello.name = Some(server_name(content)?),
            ALPN => hello.alpn = protocols(content)?,
            _ => {}
        }
    }
    message.0.is_empty().then_some(hello)
}

/// The one host name of the list (RFC 6066 §3).
fn server_name(content: &[u8]) -> Option<String> {
    let mut outer = Reader(content);
    let mut list = Reader(outer.long()?);
    let (kind, name) = (list.u8()?, list.long()?);
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let is_whole = kind == HOST_NAME
        && list.0.is_empty()
        && outer.0.is_empty()
        && !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.iter().all(is_host);
    let name = std::str::from_utf8(name).ok().filter(|_| is_whole)?;
    Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
}

fn protocols(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut outer = Reader(content);
    let mut list = Reader(outer.long()?);
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        protocols.push(list.short().filter(|protocol| !protocol.is_empty())?.to_vec());
    }
    (outer.0.is_empty() && !protocols.is_empty()).then_some(protocols)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn long(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        [&length.to_be_bytes()[..], content].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(content)].concat()
    }

    fn sni(name: &str) -> Vec<u8> {
        let entry = [&[HOST_NAME][..], &long(name.as_bytes())].concat();
        extension(SERVER_NAME, &long(&entry))
    }

    fn alpn(protocols: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = protocols
            .iter()
            .flat_map(|name| [&[name.len() as u8][..], name.as_bytes()].concat())
            .collect();
        extension(ALPN, &long(&list))
    }

    fn message(extensions: &[u8]) -> Vec<u8> {
        let suites = [0x13, 0x01, 0x0a, 0x0a];
        let body =
            [&[3, 3][..], &[7; 32], &[0], &long(&suites), &[1, 0], &long(extensions)].concat();
        let length = (body.len() as u32).to_be_bytes();
        [&[CLIENT_HELLO][..], &length[1..], &body].concat()
    }

    /// The message in records of so many bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &long(part)].concat();
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn names_and_protocols_are_found_among_anything_else() {
        let grease = extension(0x0a0a, &[0]);
        let key_share = extension(51, &[9; 1300]);
        let all = [grease, key_share, sni("DB.Example.com"), alpn(&["h2", "http/1.1"])].concat();
        let expected = Hello {
            name: Some("db.example.com".to_owned()),
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        for size in [1, 7, 500, RECORD_BYTES_MAX] {
            let bytes = records(&message(&all), size);
            assert_eq!(parse(&bytes), Ok(Some(expected.clone())));
            let early = [&bytes[..], b"what follows"].concat();
            assert_eq!(parse(&early), Ok(Some(expected.clone())));
            for end in 0..bytes.len() {
                assert_eq!(parse(&bytes[..end]), Ok(None), "{end} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn a_client_may_name_nothing() {
        assert_eq!(parse(&records(&message(&[]), 100)), Ok(Some(Hello::default())));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(parse(b"GET / HTTP/1.1"), Err(HelloFault::NotTls));
        assert_eq!(parse(&[HANDSHAKE, 2]), Err(HelloFault::NotTls));
        let malformed = Err(HelloFault::Malformed);
        assert_eq!(parse(&[HANDSHAKE, 3, 1, 0, 0]), malformed, "an empty record");
        assert_eq!(parse(&[HANDSHAKE, 3, 1, 0x40, 1]), malformed, "a record too long");
        assert_eq!(parse(&[HANDSHAKE, 3, 1, 0, 1, 2]), malformed, "no ClientHello");
        let bad = |extensions: &[u8]| parse(&records(&message(extensions), 1000));
        for name in ["", "a b", "a\0", &"a".repeat(254)] {
            assert_eq!(bad(&sni(name)), malformed, "{name:?}");
        }
        assert_eq!(bad(&alpn(&[])), malformed);
        assert_eq!(bad(&alpn(&[""])), malformed);
        assert_eq!(bad(&sni("a.test")[..10]), malformed, "an extension that is cut short");
        let twice = [long(b"x").as_slice(), b"y"].concat();
        assert_eq!(bad(&extension(SERVER_NAME, &twice)), malformed);
    }

    proptest! {
        /// Whatever comes: no panic, and more bytes never turn a found message into another.
        #[test]
        fn it_is_total_and_settled(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            size in 1_usize..50,
        ) {
            let _ = parse(&bytes);
            let whole = records(&message(&bytes), size);
            let found = parse(&whole);
            prop_assert!(found != Ok(None));
            prop_assert_eq!(parse(&[whole, bytes].concat()), found);
        }
    }
}
