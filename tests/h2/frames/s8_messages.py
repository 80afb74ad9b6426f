"""RFC 9113 §8.1 to §8.2: messages, trailers, lengths, and the names and values of fields."""

import wire
from case import NOT_WHOLE, NOTHING, ONCE, Case, answered
from expect import Goaway, Reply, error, refused
from wire import (
    ENHANCE_YOUR_CALM, GET, POST, PROTOCOL_ERROR, TRAILERS, data, fields, headers, request,
)

OPEN = headers(1, POST, end=False)


def case(name, expect, *steps, **more):
    return Case(name, expect, steps, **more)


def malformed(name, *more, **pseudo):
    """A request that must not be served, and of which no origin may learn."""
    return Case(f"8.2.{name}", refused(), (headers(1, request(*more, **pseudo)),), origin=NOTHING)


def allowed(name, *more, holds=(), lacks=(), **pseudo):
    return Case(f"8.2.{name}", Reply(1, 200, holds=holds, lacks=lacks),
                (headers(1, request(*more, **pseudo)),), origin=ONCE)


def late(name, *steps, expect=None, **more):
    """A fault that shows while the body comes: the origin may know the head by then."""
    expect = expect or error(1, PROTOCOL_ERROR) | Reply(1, 400)
    return Case(f"8.1{name}", expect, steps, origin=NOT_WHOLE, **more)


MESSAGES = [
    case("8.1-get", Reply(1, 200), headers(1, GET), origin=ONCE),
    case("8.1-head", Reply(1, 200, length=0), headers(1, wire.HEAD), origin=ONCE),
    case("8.1-post", Reply(1, 200, holds=[b"\r\n\r\nabc"]),
         OPEN + data(1, b"abc", end=True), origin=ONCE),
    case("8.1-post-without-body", Reply(1, 200), headers(1, POST), origin=ONCE),
    case("8.1-get-with-body", Reply(1, 200, holds=[b"abc"]),
         headers(1, GET, end=False) + data(1, b"abc", end=True), origin=ONCE),
    case("8.1-unknown-method", Reply(1, 200), headers(1, request(method=b"PURGE")), origin=ONCE),
    case("8.1-trailers", Reply(1, 200, holds=[b"abc"]),
         OPEN + data(1, b"abc") + headers(1, TRAILERS), origin=ONCE),
    case("8.1-two-requests-at-once", Reply(3, 200), headers(1, GET) + headers(3, GET)),
    case("8.1-a-hundred-in-a-row", Reply(199, 200),
         b"".join(headers(stream, wire.HEAD) for stream in range(1, 199, 2)), answered(1),
         headers(199, GET)),
    case("8.1-interim-responses-do-not-end-it", Reply(1, 200),
         headers(1, request((b"expect", b"100-continue"), method=b"POST"), end=False),
         data(1, b"x", end=True)),
]

KEPT = wire.literal(b"x-kept", b"in-table", 0x40)


def keeps_the_table(name, block):
    """The next request refers to what a block left in the table that was refused otherwise."""
    expect = Reply(3, 200, holds=[b"x-kept: in-table"]) | Goaway(PROTOCOL_ERROR, ENHANCE_YOUR_CALM)
    steps = headers(1, block + KEPT) + headers(3, GET + wire.indexed(62))
    return case(f"8.1-block-with-{name}-keeps-the-table", expect, steps)


SEQUENCES = [
    late("-second-headers-without-end", OPEN + headers(1, TRAILERS, end=False)),
    late("-headers-after-data-without-end", OPEN + data(1, b"x") + headers(1, TRAILERS, end=False)),
    late("-trailers-with-method", OPEN + data(1, b"x") + headers(1, fields((b":method", b"GET")))),
    late("-trailers-with-path", OPEN + data(1, b"x") + headers(1, fields((b":path", b"/")))),
    late("-trailers-with-status", OPEN + data(1, b"x") + headers(1, fields((b":status", b"200")))),
    late("-trailers-with-upper-case", OPEN + data(1, b"x") + headers(1, fields((b"X-Up", b"x")))),
    late("-trailers-with-line-feed", OPEN + data(1, b"x") + headers(1, fields((b"x", b"a\nb: c")))),
    late("-trailers-with-connection",
         OPEN + data(1, b"x") + headers(1, fields((b"connection", b"close")))),
    late("-trailers-with-transfer-encoding",
         OPEN + data(1, b"x") + headers(1, fields((b"transfer-encoding", b"chunked")))),
    case("8.1-data-after-trailers", error(1, wire.STREAM_CLOSED) | Goaway(PROTOCOL_ERROR),
         OPEN + data(1, b"x") + headers(1, TRAILERS) + data(1, b"y"),
         settings=((wire.INITIAL_WINDOW_SIZE, 0),)),
    keeps_the_table("a-malformed-name", request((b"Upper", b"x"))),
    keeps_the_table("a-forbidden-field", request((b"connection", b"close"))),
    keeps_the_table("a-bad-length", request((b"content-length", b"x"))),
    keeps_the_table("an-unknown-protocol", request((b":protocol", b"x"))),
    keeps_the_table("too-many-bytes", request(*[(b"x-%d" % i, b"v" * 1000) for i in range(15)])
                    + wire.literal(b"x-fill", b"v" * 1000, 0x40) + wire.indexed(62) * 30),
    case("8.1-block-of-trailers-keeps-the-table", Reply(3, 200, holds=[b"x-kept: in-table"]),
         OPEN + headers(1, KEPT) + headers(3, GET + wire.indexed(62))),
    # A server that passes over the first block takes the second to speak of an older entry.
    case("8.1-block-of-a-self-dependent-request-keeps-the-table",
         Reply(5, 200, holds=[b"x-kept: in-table"]) | Goaway(PROTOCOL_ERROR),
         headers(1, GET + wire.literal(b"x-older", b"mixed-up", 0x40))
         + headers(3, GET + KEPT, priority=wire.dependency(3))
         + headers(5, GET + wire.indexed(62))),
]


def with_length(length, *more):
    return headers(1, request((b"content-length", length), *more, method=b"POST"), end=False)


def of_length(name, *steps):
    return late(f".1-length-{name}", *steps)


LENGTHS = [
    case("8.1.1-length-fits", Reply(1, 200, holds=[b"hello"]),
         with_length(b"5") + data(1, b"hel") + data(1, b"lo", end=True), origin=ONCE),
    case("8.1.1-length-fits-with-padding", Reply(1, 200, holds=[b"hello"]),
         with_length(b"5") + data(1, b"hello", end=True, pad=9), origin=ONCE),
    case("8.1.1-length-fits-with-trailers", Reply(1, 200, holds=[b"hello"]),
         with_length(b"5") + data(1, b"hello") + headers(1, TRAILERS), origin=ONCE),
    case("8.1.1-length-0", Reply(1, 200),
         headers(1, request((b"content-length", b"0"), method=b"POST")), origin=ONCE),
    of_length("more-than-data", with_length(b"6") + data(1, b"hello", end=True)),
    of_length("less-than-data", with_length(b"4") + data(1, b"hello", end=True)),
    of_length("less-than-two-data", with_length(b"4") + data(1, b"hel") + data(1, b"lo", end=True)),
    of_length("0-and-data", with_length(b"0") + data(1, b"hello", end=True)),
    of_length("and-empty-data", with_length(b"5") + data(1, b"", end=True)),
    of_length("more-than-data-then-trailers",
              with_length(b"6") + data(1, b"hello") + headers(1, TRAILERS)),
    of_length("less-than-data-then-trailers",
              with_length(b"4") + data(1, b"hello") + headers(1, TRAILERS)),
    of_length("and-trailers-at-once", with_length(b"5") + headers(1, TRAILERS)),
    *[Case(f"8.1.1-length-{name}", refused(), (headers(1, request(*more, method=b"POST")),),
           origin=NOTHING)
      for name, *more in (
          ("and-end-of-stream", (b"content-length", b"5")),
          ("signed", (b"content-length", b"+0")),
          ("negative", (b"content-length", b"-1")),
          ("of-no-number", (b"content-length", b"zero")),
          ("empty", (b"content-length", b"")),
          ("as-list-of-two", (b"content-length", b"0, 5")),
          ("beyond-64-bits", (b"content-length", b"18446744073709551616")),
          ("twice-and-different", (b"content-length", b"0"), (b"content-length", b"5")),
          ("as-hexadecimal", (b"content-length", b"0x0")),
      )],
]

NAMES = [
    malformed("1-name-upper-case", (b"X-Upper", b"x")),
    malformed("1-name-partly-upper-case", (b"x-uppeR", b"x")),
    malformed("1-name-empty", (b"", b"x")),
    *[malformed(f"1-name-with-{what}", (b"x-a" + bad + b"b", b"x")) for what, bad in (
        ("space", b" "), ("colon", b":"), ("line-feed", b"\n"), ("return", b"\r"), ("nul", b"\0"),
        ("line-end", b"\r\nevil: 1\r\n"), ("tab", b"\t"), ("delete", b"\x7f"),
        ("high-bit", b"\xe4"), ("slash", b"/"), ("parenthesis", b"("),
    )],
    malformed("1-name-ends-in-a-space", (b"content-length ", b"0")),
    malformed("1-name-begins-with-a-space", (b" x", b"0")),
    allowed("1-name-with-underscore", (b"x_under", b"kept"), holds=[b"x_under"]),
    allowed("1-name-of-token-characters", (b"x!#$%&'*+-.^_`|~", b"x")),
]

VALUES = [
    *[malformed(f"1-value-with-{what}", (b"x-value", b"a" + bad + b"b")) for what, bad in (
        ("line-feed", b"\n"), ("return", b"\r"), ("nul", b"\0"), ("line-end", b"\r\nevil: 1"),
        ("request", b"\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"), ("bell", b"\x07"), ("delete", b"\x7f"),
    )],
    *[malformed(f"1-value-{what}", (b"x-value", value)) for what, value in (
        ("begins-with-a-space", b" a"), ("begins-with-a-tab", b"\ta"),
        ("ends-in-a-space", b"a "), ("ends-in-a-tab", b"a\t"), ("is-a-space", b" "),
    )],
    allowed("1-value-empty", (b"x-value", b"")),
    allowed("1-value-with-inner-blanks", (b"x-value", b"a \t b"), holds=[b"a \t b"]),
    allowed("1-value-with-high-bits", (b"x-value", b"\xc3\xa4\xff"), holds=[b"\xc3\xa4\xff"]),
    allowed("1-value-of-8-kib", (b"x-value", b"v" * 8192)),
]

CONNECTION_FIELDS = [
    *[malformed(f"2-field-{name.decode()}", (name, value)) for name, value in (
        (b"connection", b"close"), (b"proxy-connection", b"keep-alive"),
        (b"keep-alive", b"timeout=5"), (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"websocket"),
    )],
    malformed("2-field-connection-names-another", (b"connection", b"x-case")),
    malformed("2-field-transfer-encoding-identity", (b"transfer-encoding", b"identity")),
    malformed("2-field-te-gzip", (b"te", b"gzip")),
    malformed("2-field-te-trailers-and-more", (b"te", b"trailers, gzip")),
    malformed("2-field-te-with-weight", (b"te", b"trailers;q=0.5")),
    malformed("2-field-te-empty", (b"te", b"")),
    allowed("2-field-te-trailers", (b"te", b"trailers")),
    allowed("2-http2-settings-is-not-forwarded", (b"http2-settings", b"AAMAAABk"),
            lacks=[b"http2-settings"]),
]

COOKIES = [
    allowed("3-cookie-crumbs-are-joined", (b"cookie", b"a=1"), (b"cookie", b"b=2"),
            (b"cookie", b"c=3"), holds=[b"cookie: a=1; b=2; c=3\r\n"]),
    allowed("3-cookie-crumbs-around-a-field", (b"cookie", b"a=1"), (b"x-mid", b"m"),
            (b"cookie", b"b=2"), holds=[b"cookie: a=1; b=2\r\n"]),
]

CASES = (
    MESSAGES + SEQUENCES + LENGTHS + NAMES + VALUES + CONNECTION_FIELDS + COOKIES
)
