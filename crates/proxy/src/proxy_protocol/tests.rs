//! Headers that are right, wrong in every way, and made at random.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::header::{self, Addresses, HeaderFault, SIGNATURE};
use super::write::{self, Relayed};

fn relayed(header: &[u8]) -> Result<Option<Addresses>, HeaderFault> {
    let parsed = header::parse(header)?.unwrap_or_else(|| panic!("not whole: {header:?}"));
    assert_eq!(parsed.length, header.len());
    Ok(parsed.relayed)
}

fn pair(client: &str, server: &str) -> Addresses {
    Addresses { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

/// A binary header with this version and command, family and block.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend_from_slice(&[command, family]);
    header.extend_from_slice(&u16::try_from(block.len()).unwrap().to_be_bytes());
    header.extend_from_slice(block);
    header
}

const IPV4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0, 80];

#[test]
fn lines_that_are_right() {
    let four = b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 80\r\n";
    assert_eq!(relayed(four), Ok(Some(pair("192.0.2.1:4660", "192.0.2.2:80"))));
    let six = b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
    assert_eq!(relayed(six), Ok(Some(pair("[2001:db8::1]:1", "[::1]:65535"))));
    for unknown in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ffff:f...f 1 2 what ever\r\n"] {
        assert_eq!(relayed(unknown), Ok(None));
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    assert_eq!((longest.len(), relayed(longest.as_bytes())), (107, Ok(None)));
}

#[test]
fn lines_that_are_wrong() {
    for wrong in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n",
        "PROXY SCTP 192.0.2.1 192.0.2.2 1 2\r\n",
    ] {
        assert_eq!(header::parse(wrong.as_bytes()), Err(HeaderFault::Line), "{wrong:?}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(108 - 16));
    assert_eq!(header::parse(long.as_bytes()), Err(HeaderFault::Line));
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(107 - 14));
    assert_eq!(header::parse(endless.as_bytes()), Err(HeaderFault::Line));
}

#[test]
fn what_is_no_header_is_known_by_its_first_wrong_byte() {
    for other in
        ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "PROXY\t", "\r\n\r\n\0\r\nQUIX", "\x16\x03"]
    {
        assert_eq!(header::parse(other.as_bytes()), Err(HeaderFault::Missing), "{other:?}");
    }
    for begun in ["", "P", "PROXY ", "\r\n\r\n\0\r\nQUIT\n"] {
        assert_eq!(header::parse(begun.as_bytes()), Ok(None), "{begun:?}");
    }
}

#[test]
fn binary_headers_that_are_right() {
    let four = Some(pair("192.0.2.1:4660", "192.0.2.2:80"));
    assert_eq!(relayed(&binary(0x21, 0x11, &IPV4)), Ok(four));
    let six = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]; 2].concat();
    let six = [&six[..], &[0, 1, 0, 2]].concat();
    let known = pair("[2001:db8::9]:1", "[2001:db8::9]:2");
    assert_eq!(relayed(&binary(0x21, 0x21, &six)), Ok(Some(known)));
    assert_eq!(relayed(&binary(0x21, 0x31, &[b'/'; 216])), Ok(None));
    // The proxy speaks for itself, or does not know.
    assert_eq!(relayed(&binary(0x20, 0x00, b"")), Ok(None));
    assert_eq!(relayed(&binary(0x20, 0x77, b"anything")), Ok(None));
    assert_eq!(relayed(&binary(0x21, 0x00, b"")), Ok(None));
    let more = [&IPV4[..], &[0x02, 0, 6], b"a.test", &[0x04, 0, 0], &[0xe0, 0, 1, 7]].concat();
    assert_eq!(relayed(&binary(0x21, 0x11, &more)), Ok(four));
}

#[test]
fn binary_headers_that_are_wrong() {
    let fault = |header: Vec<u8>| header::parse(&header).unwrap_err();
    assert_eq!(fault(binary(0x11, 0x11, &IPV4)), HeaderFault::Version);
    assert_eq!(fault(binary(0x22, 0x11, &IPV4)), HeaderFault::Command);
    for family in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41] {
        assert_eq!(fault(binary(0x21, family, &[0; 216])), HeaderFault::Family, "{family:x}");
    }
    assert_eq!(fault(binary(0x21, 0x11, &IPV4[..11])), HeaderFault::Short);
    assert_eq!(fault(binary(0x21, 0x21, &[0; 35])), HeaderFault::Short);
    assert_eq!(fault(binary(0x21, 0x31, &[0; 215])), HeaderFault::Short);
    for values in [&[1][..], &[1, 0], &[1, 0, 1], &[4, 0, 0, 1], &[3, 0, 3, 0, 0, 0]] {
        let header = binary(0x21, 0x11, &[&IPV4[..], values].concat());
        assert_eq!(fault(header), HeaderFault::Values, "{values:?}");
    }
}

#[test]
fn additional_values_are_bounded() {
    let with = |bytes: usize| {
        let length = u16::try_from(bytes - 3).unwrap().to_be_bytes();
        let value = [&[4][..], &length, &vec![0; bytes - 3]].concat();
        binary(0x21, 0x11, &[&IPV4[..], &value].concat())
    };
    assert!(relayed(&with(4096)).is_ok());
    assert_eq!(header::parse(&with(4097)), Err(HeaderFault::Long));
    // Known before a byte of it has come.
    let mut endless = binary(0x21, 0x31, b"");
    endless[14..16].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(header::parse(&endless), Err(HeaderFault::Long));
}

#[test]
fn a_checksum_is_believed_only_where_it_is_right() {
    // The check value of CRC-32C; no four bytes of these are left out.
    assert_eq!(header::checksum(b"123456789", 99), 0xe306_9283);
    let mut header = binary(0x21, 0x11, &[&IPV4[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
    assert_eq!(header::parse(&header), Err(HeaderFault::Checksum));
    let at = header.len() - 4;
    let sum = header::checksum(&header, at).to_be_bytes();
    header[at..].copy_from_slice(&sum);
    assert!(relayed(&header).is_ok());
    header[20] ^= 1;
    assert_eq!(header::parse(&header), Err(HeaderFault::Checksum));
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u8; 16], u16)>().prop_map(SocketAddr::from),
    ]
}

/// The same address, told from none of its other spellings.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        client in address(),
        server in address(),
        name in proptest::option::of("[a-z.]{1,300}"),
    ) {
        let relayed = Relayed {
            addresses: Some((client, server)),
            name: name.as_deref(),
            alpn: Some("h2"),
        };
        for header in [write::line(&relayed), write::binary(&relayed)] {
            let behind = [&header[..], b"GET"].concat();
            let parsed = header::parse(&behind).unwrap().unwrap();
            prop_assert_eq!(parsed.length, header.len());
            let addresses = parsed.relayed.unwrap();
            prop_assert_eq!(canonical(addresses.client), canonical(client));
            prop_assert_eq!(canonical(addresses.server), canonical(server));
            // Every part of it is a beginning.
            for cut in 0..header.len() {
                prop_assert_eq!(header::parse(&header[..cut]), Ok(None));
            }
        }
    }

    #[test]
    fn nothing_makes_it_panic(
        start in prop_oneof![Just(&b"PROXY TCP4 "[..]), Just(&SIGNATURE[..]), Just(&b""[..])],
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [start, &rest].concat();
        if let Ok(Some(header)) = header::parse(&bytes) {
            prop_assert!(header.length <= bytes.len());
        }
    }
}

#[test]
fn a_client_without_an_address_is_unknown() {
    assert_eq!(write::line(&Relayed::default()), b"PROXY UNKNOWN\r\n");
    assert_eq!(relayed(&write::binary(&Relayed::default())), Ok(None));
}
