//! Reading a header of the PROXY protocol, version 1 or 2, as strictly as it is specified.
//!
//! A header is either whole, not there yet, or a reason to close the connection: whoever may
//! send one is trusted to name clients, so nothing is guessed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the binary form begins with.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of the text form, its end included.
const LINE_BYTES_MAX: usize = 107;

/// Signature, version, family and length.
const FIXED_BYTES: usize = 16;

/// The largest block of addresses: two paths of Unix sockets.
const ADDRESSES_BYTES_MAX: usize = 216;

/// Bytes of additional values behind the addresses.
pub const VALUES_BYTES_MAX: usize = 4096;

/// The longest header.
pub const HEADER_BYTES_MAX: usize = FIXED_BYTES + ADDRESSES_BYTES_MAX + VALUES_BYTES_MAX;

/// The additional value that holds a checksum.
const CHECKSUM: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The connection that is relayed; `None` where the proxy speaks for itself, does not know,
    /// or was spoken to by a Unix socket. Then the addresses of this connection count.
    pub relayed: Option<Addresses>,
    /// Bytes of the header; the first byte of the client's comes behind them.
    pub length: usize,
}

/// Both ends of a relayed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub client: SocketAddr,
    /// The address that the client connected to.
    pub server: SocketAddr,
}

/// Why a connection that must begin with a header is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// It begins with something else.
    Missing,
    /// The text form is not what it has to be.
    Line,
    /// The binary form has a version that does not exist.
    Version,
    /// The binary form has a command that does not exist.
    Command,
    /// The binary form is about something that is no stream.
    Family,
    /// The binary form is too short for its addresses.
    Short,
    /// The additional values do not fill their block exactly.
    Values,
    /// There are too many of them.
    Long,
    /// The checksum is wrong.
    Checksum,
}

impl HeaderFault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::Missing,
        Self::Line,
        Self::Version,
        Self::Command,
        Self::Family,
        Self::Short,
        Self::Values,
        Self::Long,
        Self::Checksum,
    ];

    /// The reason in logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "proxy_header_missing",
            Self::Line => "proxy_header_line",
            Self::Version => "proxy_header_version",
            Self::Command => "proxy_header_command",
            Self::Family => "proxy_header_family",
            Self::Short => "proxy_header_short",
            Self::Values => "proxy_header_values",
            Self::Long => "proxy_header_long",
            Self::Checksum => "proxy_header_checksum",
        }
    }
}

/// Reads the header that `bytes` begin with; `None` until it is whole.
///
/// # Errors
/// When it is no header, which more bytes would not mend.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    if begins(bytes, &SIGNATURE) {
        parse_binary(bytes)
    } else if begins(bytes, b"PROXY ") {
        parse_line(bytes)
    } else {
        Err(HeaderFault::Missing)
    }
}

/// Whether the bytes are a beginning of `mark`, or begin with it.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.iter().zip(mark).all(|(byte, wanted)| byte == wanted)
}

fn parse_line(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if window.len() == LINE_BYTES_MAX { Err(HeaderFault::Line) } else { Ok(None) };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(HeaderFault::Line)?;
    let relayed = addresses_of(line).ok_or(HeaderFault::Line)?;
    Ok(Some(Header { relayed, length: end + 1 }))
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 1000 80`, or `PROXY UNKNOWN` and anything.
fn addresses_of(line: &str) -> Option<Option<Addresses>> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let [client, server, client_port, server_port] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    Some(Some(Addresses {
        client: SocketAddr::new(address(client)?, port(client_port)?),
        server: SocketAddr::new(address(server)?, port(server_port)?),
    }))
}

/// A port without sign and leading zeros.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let short = text.len() == 1 || !text.starts_with('0');
    if plain && short { text.parse().ok() } else { None }
}

fn parse_binary(bytes: &[u8]) -> Result<Option<Header>, HeaderFault> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else { return Ok(None) };
    let [.., version_and_command, family, high, low] = *fixed;
    if version_and_command >> 4 != 2 {
        return Err(HeaderFault::Version);
    }
    let relays = match version_and_command & 0x0f {
        0 => false,
        1 => true,
        _ => return Err(HeaderFault::Command),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > ADDRESSES_BYTES_MAX + VALUES_BYTES_MAX {
        return Err(HeaderFault::Long);
    }
    let (relayed, addresses_bytes) = if relays { family_of(family)? } else { (None, 0) };
    let Some(block) = rest.get(..length) else { return Ok(None) };
    let whole = bytes.get(..FIXED_BYTES + length).unwrap_or(bytes);
    let length = whole.len();
    if !relays {
        // What the proxy says of itself is of no use; it has to be skipped (section 2.2).
        return Ok(Some(Header { relayed: None, length }));
    }
    let (addresses, values) = block.split_at_checked(addresses_bytes).ok_or(HeaderFault::Short)?;
    check_values(values, whole)?;
    let relayed = relayed.map(|read| read(addresses).ok_or(HeaderFault::Short)).transpose()?;
    Ok(Some(Header { relayed, length }))
}

/// How addresses are read.
type Reader = fn(&[u8]) -> Option<Addresses>;

/// How the addresses of a family are read, and how many bytes they have.
fn family_of(family: u8) -> Result<(Option<Reader>, usize), HeaderFault> {
    match family {
        0x00 => Ok((None, 0)),
        0x11 => Ok((Some(addresses::<4>), 12)),
        0x21 => Ok((Some(addresses::<16>), 36)),
        0x31 => Ok((None, ADDRESSES_BYTES_MAX)),
        _ => Err(HeaderFault::Family),
    }
}

fn addresses<const N: usize>(block: &[u8]) -> Option<Addresses> {
    let (client, rest) = block.split_first_chunk::<N>()?;
    let (server, rest) = rest.split_first_chunk::<N>()?;
    let [client_high, client_low, server_high, server_low] = *rest.first_chunk()?;
    let at = |octets: &[u8; N], port: [u8; 2]| {
        Some(SocketAddr::new(ip(octets)?, u16::from_be_bytes(port)))
    };
    Some(Addresses {
        client: at(client, [client_high, client_low])?,
        server: at(server, [server_high, server_low])?,
    })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(IpAddr::from(*octets.first_chunk::<4>()?)),
        _ => Some(IpAddr::from(*octets.first_chunk::<16>()?)),
    }
}

/// The values have to fill their block, and a checksum among them has to be right. What else
/// they say is of no use here.
fn check_values(values: &[u8], whole: &[u8]) -> Result<(), HeaderFault> {
    if values.len() > VALUES_BYTES_MAX {
        return Err(HeaderFault::Long);
    }
    let start = whole.len() - values.len();
    let mut rest = values;
    while let Some((&[kind, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, next) = behind.split_at_checked(length).ok_or(HeaderFault::Values)?;
        if kind == CHECKSUM {
            let at = start + (values.len() - behind.len());
            let wanted: [u8; 4] = value.try_into().map_err(|_| HeaderFault::Values)?;
            if checksum(whole, at) != u32::from_be_bytes(wanted) {
                return Err(HeaderFault::Checksum);
            }
        }
        rest = next;
    }
    if rest.is_empty() { Ok(()) } else { Err(HeaderFault::Values) }
}

/// CRC-32C over the whole header, in which the four bytes `at` count as zero (section 2.2.3).
#[must_use]
pub fn checksum(whole: &[u8], at: usize) -> u32 {
    let mut crc = u32::MAX;
    for (index, byte) in whole.iter().enumerate() {
        let own = (at..at + 4).contains(&index);
        crc ^= u32::from(if own { 0 } else { *byte });
        for _ in 0..8 {
            let carry = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = crc >> 1 ^ carry;
        }
    }
    !crc
}
