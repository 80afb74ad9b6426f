//! Text with placeholders, already split and checked.

use super::Span;

/// A value that is filled in for each exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its parts in order; two literals never follow each other.
    pub segments: Vec<TemplateSegment>,
    /// Where it is written.
    pub span: Span,
}

impl Template {
    /// The whole text, where there is no placeholder in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [TemplateSegment::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSegment {
    /// Text as it is.
    Literal(String),
    /// A value of the exchange.
    Placeholder(Placeholder),
}

/// What can be filled in. A value that is absent is the empty string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// `{path}`: the path as received, without query.
    Path,
    /// `{path.rest}`: the path after the matched prefix, without its leading slash.
    PathRest,
    /// `{query}`: the query without `?`.
    Query,
    /// `{uri}`: path and query as received.
    Uri,
    /// `{method}`
    Method,
    /// `{host}`: the host asked for, without port.
    Host,
    /// `{scheme}`: `http` or `https`.
    Scheme,
    /// `{client.ip}`: the client's address, after trusted proxies are taken away.
    ClientIp,
    /// `{request.id}`
    RequestId,
    /// `{upstream.name}`: the upstream of the route.
    UpstreamName,
    /// `{status}`: the response's status; in response fields only.
    Status,
    /// `{header.NAME}`: a request field; the name is in lower case.
    Header(String),
    /// `{cookie.NAME}`: a cookie of the request.
    Cookie(String),
    /// `{query.NAME}`: a parameter of the query, percent-decoded.
    QueryValue(String),
    /// `{NAME}` or `{1}`: a group of the route's regular expression, by its index.
    Capture(usize),
    /// `{tls.version}` and the like: a value of the client's encryption.
    Tls(TlsValue),
}

/// What is known of a client's encryption; absent where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsValue {
    /// `{tls.version}`: `TLSv1.3` and the like.
    Version,
    /// `{tls.cipher}`: the cipher suite by its IANA name.
    Cipher,
    /// `{tls.sni}`: the name that the client asked for.
    ServerName,
    /// `{tls.alpn}`: the protocol agreed on in the handshake.
    Alpn,
    /// `{tls.client.subject}`: the subject of the client's verified certificate.
    ClientSubject,
    /// `{tls.client.fingerprint}`: its SHA-256, in hexadecimal.
    ClientFingerprint,
    /// `{tls.client.serial}`: its serial number, in hexadecimal.
    ClientSerial,
}
