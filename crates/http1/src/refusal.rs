//! Why a message is refused: one variant for each reason, with its code, status and sentence.

use std::fmt;

macro_rules! refusals {
    ($($variant:ident $status:literal $code:literal $detail:literal;)*) => {
        /// The reason for which a message is refused. What is refused is never forwarded in part.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $(#[doc = $detail] $variant,)*
        }

        impl Refusal {
            /// Every reason, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The reason in `snake_case`, for logs and metrics. Stable.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status for the client when its request is refused. A response that is refused
            /// becomes a 502 whatever this says.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// One sentence for people.
            #[must_use]
            pub fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }
        }
    };
}

refusals! {
    BareLf 400 "bare_lf" "A line ends with LF alone, not with CR LF.";
    BareCr 400 "bare_cr" "A CR is not followed by LF.";
    ObsFold 400 "obs_fold" "A field line begins with white space (obsolete line folding).";
    SpaceBeforeColon 400 "space_before_colon" "White space stands before the colon of a field.";
    EmptyHeaderName 400 "empty_header_name" "A field line has no name before its colon.";
    BadHeaderName 400 "bad_header_name" "A field line has no colon, or its name is not a token.";
    HeaderNameTooLong 431 "header_name_too_long" "A field name is longer than 1024 bytes.";
    BadHeaderValue 400 "bad_header_value" "A field value contains a control character.";
    BadRequestLine 400 "bad_request_line" "The first line is not a request line.";
    MethodTooLong 501 "method_too_long" "The method is longer than any that exists.";
    BadTarget 400 "bad_target" "The request target is malformed or does not fit the method.";
    UriTooLong 414 "uri_too_long" "The request target is longer than the limit.";
    BadVersion 400 "bad_version" "The protocol version is malformed.";
    UnsupportedVersion 505 "unsupported_version" "The version is neither HTTP/1.0 nor HTTP/1.1.";
    HeadTooLarge 431 "head_too_large" "The head is larger than the limit.";
    TooManyHeaders 431 "too_many_headers" "The head has more fields than the limit.";
    MissingHost 400 "missing_host" "An HTTP/1.1 request has no Host field.";
    DuplicateHost 400 "duplicate_host" "The request has more than one Host field.";
    BadHost 400 "bad_host" "The host is empty or not a valid host with an optional port.";
    HostMismatch 400 "host_mismatch" "The authority of the target differs from Host.";
    BadContentLength 400 "bad_content_length" "Content-Length is not a plain decimal number.";
    RepeatedContentLength 400 "repeated_content_length" "Content-Length is repeated or a list.";
    LengthAndCoding 400 "length_and_coding" "Content-Length and Transfer-Encoding are both there.";
    CodingInHttp10 400 "coding_in_http10" "An HTTP/1.0 message has a Transfer-Encoding.";
    BadCoding 400 "bad_coding" "Transfer-Encoding is malformed.";
    UnknownCoding 501 "unknown_coding" "Transfer-Encoding names a coding other than chunked.";
    ChunkedNotFinal 400 "chunked_not_final" "Another transfer coding follows chunked.";
    RepeatedCoding 400 "repeated_coding" "Transfer-Encoding names chunked more than once.";
    UnexpectedBody 400 "unexpected_body" "A 1xx or 204 response announces a body.";
    BadChunkSize 400 "bad_chunk_size" "A chunk size is not a hexadecimal number.";
    ChunkSizeOverflow 400 "chunk_size_overflow" "A chunk size has more than 16 digits.";
    ChunkExtensionTooLong 400 "chunk_extension_too_long" "Chunk extensions are over the limit.";
    BadChunkExtension 400 "bad_chunk_extension" "A chunk extension is malformed.";
    BadChunkEnd 400 "bad_chunk_end" "Chunk data is not followed by CR LF.";
    BadTrailer 400 "bad_trailer" "A trailer field is malformed.";
    TrailersTooLarge 431 "trailers_too_large" "The trailer section is larger than the limit.";
    ForbiddenTrailer 400 "forbidden_trailer" "A trailer has a name that trailers may not have.";
    BadExpectation 417 "bad_expectation" "Expect is something else than 100-continue.";
    // RFC 9110 §15.6.2: 501 says that the method is supported for no resource at all, which is
    // the truth here. 405 (§15.5.6) would promise an Allow list for this one resource, and a
    // CONNECT names none.
    ConnectRefused 501 "connect_refused" "CONNECT is refused: this is not a forward proxy.";
    BadStatusLine 400 "bad_status_line" "The first line is not a status line.";
    BadStatus 400 "bad_status" "The status code is outside 100 to 599.";
    Truncated 400 "truncated" "The connection ended before the message did.";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_snake_case() {
        let codes: HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        for refusal in Refusal::ALL {
            let variant = format!("{refusal:?}");
            let mut snake = String::new();
            for letter in variant.chars() {
                if letter.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            assert_eq!(refusal.code(), snake);
        }
    }

    #[test]
    fn statuses_and_sentences_fit() {
        for refusal in Refusal::ALL {
            assert!([400, 414, 417, 431, 501, 505].contains(&refusal.status()), "{refusal:?}");
            assert!(refusal.detail().ends_with('.') && refusal.to_string().len() < 90);
        }
    }
}
