//! HTTP/1.1 messages as tests see them. Strict on purpose, and written apart from `http1`, so
//! that a mistake there is not repeated here.

/// A field as received: name in its original case, value without surrounding blanks.
pub type Pair = (String, String);

/// How a message's body was delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body at all (HEAD, 204, 304, a request without framing).
    #[default]
    None,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closed.
    Close,
}

/// Why a message could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The peer closed before the message was complete; what had come.
    Eof(Vec<u8>),
    /// The peer reset the connection; what had come.
    Reset(Vec<u8>),
    /// Nothing came for the whole patience; what had come.
    Hang(Vec<u8>),
    /// The bytes are not a message.
    Malformed(String),
}

/// A start line and its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first line without its line end.
    pub start: String,
    /// The fields in the order received.
    pub fields: Vec<Pair>,
}

impl Head {
    /// Parses a head that ends with an empty line. Line ends must be CRLF.
    ///
    /// # Errors
    /// A sentence that says which line is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text: String = bytes.iter().map(|&b| char::from(b)).collect();
        let body = text.strip_suffix("\r\n\r\n").ok_or("head without an empty line")?;
        let mut lines = body.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        if start.contains(['\r', '\n', '\0']) {
            return Err(format!("stray control in start line {start:?}"));
        }
        let fields = lines.map(parse_field).collect::<Result<_, _>>()?;
        Ok(Self { start, fields })
    }

    /// Every value of this field, names compared without case.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |pair: &&Pair| pair.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of this field; `None` when absent.
    ///
    /// # Panics
    /// When the field is there twice.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} repeated: {all:?}");
        all.first().copied()
    }

    /// The body length this head declares; `Err` when it declares two or nonsense.
    pub(crate) fn framing(&self) -> Result<(Framing, u64), String> {
        let coding = self.all("transfer-encoding");
        let length = self.all("content-length");
        match (coding.as_slice(), length.as_slice()) {
            ([], []) => Ok((Framing::None, 0)),
            ([one], []) if one.eq_ignore_ascii_case("chunked") => Ok((Framing::Chunked, 0)),
            ([], [n]) if n.bytes().all(|b| b.is_ascii_digit()) => {
                Ok((Framing::Length, n.parse().map_err(|_| format!("length {n:?}"))?))
            }
            other => Err(format!("ambiguous framing {other:?}")),
        }
    }
}

/// A request as an origin saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Request line and fields.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailer fields of a chunked body.
    pub trailers: Vec<Pair>,
    /// How the body came.
    pub framing: Framing,
    /// Exactly the bytes that came, head and framed body.
    pub raw: Vec<u8>,
}

impl Request {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap_or_default()
    }

    /// The request target as received.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The only value of a field (see [`Head::one`]).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.one(name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A response as a client saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The 1xx responses before it.
    pub interim: Vec<Head>,
    /// Status line and fields.
    pub head: Head,
    /// The status code.
    pub status: u16,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailer fields of a chunked body.
    pub trailers: Vec<Pair>,
    /// How the body came.
    pub framing: Framing,
}

impl Response {
    /// The only value of a field (see [`Head::one`]).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.one(name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status codes of the interim responses.
    #[must_use]
    pub fn interim_statuses(&self) -> Vec<u16> {
        self.interim.iter().filter_map(|head| status_of(&head.start).ok()).collect()
    }

    /// The request that an echoing origin saw (see `Origin::echo`).
    #[must_use]
    pub fn echoed(&self) -> Request {
        let end = find(&self.body, b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no echo: {:?} {}", self.head, self.text())) + 4;
        let head = Head::parse(&self.body[..end]).expect("an echoed head");
        let framing = head.framing().expect("one framing").0;
        let body = self.body[end..].to_vec();
        Request { head, body, framing, raw: self.body.clone(), ..Request::default() }
    }
}

/// The status code of a status line.
///
/// # Errors
/// A sentence when it is none.
pub fn status_of(line: &str) -> Result<u16, String> {
    let wrong = || format!("not a status line: {line:?}");
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let rest = rest.ok_or_else(wrong)?;
    let (code, tail) = rest.split_at_checked(3).ok_or_else(wrong)?;
    if !(tail.is_empty() || tail.starts_with(' ')) {
        return Err(wrong());
    }
    code.parse().map_err(|_| wrong())
}

/// Where `needle` starts in `hay`.
#[must_use]
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

/// One `name: value` line.
pub(crate) fn parse_field(line: &str) -> Result<Pair, String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(format!("bad field name in {line:?}"));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.contains(['\r', '\n', '\0']) {
        return Err(format!("control character in {line:?}"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_keep_case_and_order_and_refuse_what_is_unclear() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nhOst: a\r\nX: 1\r\nx:2 \r\n\r\n").unwrap();
        assert_eq!(head.fields[0], ("hOst".into(), "a".into()));
        assert_eq!(head.all("X"), ["1", "2"]);
        for bad in ["GET /\r\nA : b\r\n\r\n", "GET /\nA: b\r\n\r\n", "GET /\r\nA: b\n\r\n\r\n"] {
            assert!(Head::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_framings_are_an_error() {
        let both = "X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(Head::parse(both.as_bytes()).unwrap().framing().is_err());
        let twice = "X\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
        assert!(Head::parse(twice.as_bytes()).unwrap().framing().is_err());
    }

    #[test]
    fn status_lines() {
        assert_eq!(status_of("HTTP/1.1 204"), Ok(204));
        assert_eq!(status_of("HTTP/1.0 200 OK"), Ok(200));
        assert!(status_of("HTTP/1.1 2000 OK").is_err());
        assert!(status_of("HTTP/2 200").is_err());
    }
}
