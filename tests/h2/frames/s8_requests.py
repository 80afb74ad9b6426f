"""RFC 9113 §8.3 to §8.5 and RFC 8441: what a request says it wants, and of whom."""

import wire
from case import NOTHING, ONCE, Case
from expect import ALIVE, WRONG, Expectation, Goaway, Reply, Reset, refused
from wire import fields, headers, request


def block(*pairs):
    """Exactly these fields and the mark."""
    return headers(1, fields(*pairs, (b"x-case", wire.MARK)))


METHOD, SCHEME, AUTHORITY = (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a.test")
TARGET = (b":path", wire.PATH)
PSEUDO = (METHOD, SCHEME, TARGET, AUTHORITY)


def malformed(name, *steps):
    return Case(f"8.3-{name}", refused(), steps, origin=NOTHING)


def wrong(name, **pseudo):
    return malformed(name, headers(1, request(**pseudo)))


def allowed(name, *steps, holds=(), lacks=()):
    return Case(f"8.3-{name}", Reply(1, 200, holds=holds, lacks=lacks), steps, origin=ONCE)


PSEUDO_FIELDS = [
    allowed("pseudo-fields-in-any-order", block(AUTHORITY, TARGET, SCHEME, METHOD)),
    malformed("pseudo-after-regular", block(METHOD, SCHEME, (b"x-a", b"1"), TARGET, AUTHORITY)),
    malformed("pseudo-last-of-all",
              headers(1, fields(METHOD, SCHEME, AUTHORITY, (b"x-case", wire.MARK), TARGET))),
    malformed("pseudo-unknown", block(*PSEUDO, (b":test", b"x"))),
    malformed("pseudo-of-a-response", block(*PSEUDO, (b":status", b"200"))),
    malformed("pseudo-status-alone", block((b":status", b"200"))),
    malformed("pseudo-without-a-name", block(*PSEUDO, (b":", b"x"))),
    malformed("pseudo-upper-case", block(*PSEUDO, (b":Path", b"/"))),
    malformed("pseudo-protocol-without-connect", block(*PSEUDO, (b":protocol", b"websocket"))),
    *[malformed(f"pseudo-{twice[0].decode()[1:]}-twice", block(*PSEUDO, twice))
      for twice in PSEUDO],
    malformed("pseudo-authority-twice-and-different",
              block(*PSEUDO, (b":authority", b"b.test"))),
    wrong("no-method", method=None),
    wrong("no-scheme", scheme=None),
    wrong("no-path", path=None),
    malformed("no-pseudo-at-all", block((b"host", b"a.test"))),
]

METHODS = [
    wrong("method-empty", method=b""),
    *[wrong(f"method-with-{what}", method=b"GE" + bad + b"T") for what, bad in (
        ("space", b" "), ("line-feed", b"\n"), ("return", b"\r"), ("nul", b"\0"), ("colon", b":"),
        ("slash", b"/"), ("high-bit", b"\xe4"),
    )],
    wrong("method-that-is-a-request-line", method=b"GET /evil HTTP/1.1\r\nhost: a.test\r\n\r\nGET"),
]

SCHEMES = [
    wrong("scheme-empty", scheme=b""),
    *[wrong(f"scheme-with-{what}", scheme=b"ht" + bad + b"tp") for what, bad in (
        ("space", b" "), ("line-feed", b"\n"), ("line-end", b"\r\n"), ("nul", b"\0"),
        ("slash", b"/"), ("colon", b":"),
    )],
    wrong("scheme-with-authority", scheme=b"http://evil.test/"),
]

PATHS = [
    wrong("path-empty", path=b""),
    wrong("path-without-slash", path=wire.MARK),
    wrong("path-star-of-get", path=b"*"),
    wrong("path-star-and-more", method=b"OPTIONS", path=b"*" + wire.MARK),
    wrong("path-absolute", path=b"http://a.test" + wire.PATH),
    wrong("path-begins-with-query", path=b"?a=" + wire.MARK),
    *[wrong(f"path-with-{what}", path=wire.PATH + bad + b"x") for what, bad in (
        ("space", b" "), ("line-feed", b"\n"), ("return", b"\r"), ("nul", b"\0"), ("tab", b"\t"),
        ("line-end", b" HTTP/1.1\r\nhost: evil.test\r\nx:"), ("delete", b"\x7f"),
        ("fragment", b"#"), ("fragment-in-query", b"?a#b"),
    )],
    allowed("path-with-query", headers(1, request(path=wire.PATH + b"?a=b&c=%20d"))),
    allowed("path-of-4-kib", headers(1, request(path=wire.PATH + b"/a" * 2000))),
    Case("8.3-path-star-of-options", Reply(1, 200, holds=[b"options * http/1.1"]),
         (headers(1, request(method=b"OPTIONS", path=b"*")),), origin=ONCE),
]

AUTHORITIES = [
    *[wrong(f"authority-with-{what}", authority=value) for what, value in (
        ("userinfo", b"user@a.test"), ("userinfo-and-password", b"u:p@a.test"),
        ("comma", b"a.test,b.test"), ("space", b"a.test b.test"), ("slash", b"a.test/x"),
        ("question-mark", b"a.test?x"), ("fragment", b"a.test#x"), ("backslash", b"a.test\\x"),
        ("line-feed", b"a.test\nx: y"), ("line-end", b"a.test\r\nx: y"), ("nul", b"a.test\0"),
        ("bad-port", b"a.test:port"), ("port-too-large", b"a.test:65536"),
        ("two-ports", b"a.test:80:80"), ("open-bracket", b"[::1"),
    )],
    malformed("authority-and-another-host", block(*PSEUDO, (b"host", b"b.test"))),
    malformed("authority-and-empty-host", block(*PSEUDO, (b"host", b""))),
    malformed("authority-and-two-hosts",
              block(*PSEUDO, (b"host", b"a.test"), (b"host", b"b.test"))),
    malformed("two-hosts",
              block(METHOD, SCHEME, TARGET, (b"host", b"a.test"), (b"host", b"b.test"))),
    malformed("neither-authority-nor-host", block(METHOD, SCHEME, TARGET)),
    malformed("authority-empty", block(METHOD, SCHEME, TARGET, (b":authority", b""))),
    malformed("host-with-userinfo", block(METHOD, SCHEME, TARGET, (b"host", b"u@a.test"))),
    allowed("authority-and-the-same-host", block(*PSEUDO, (b"host", b"a.test")),
            holds=[b"host: a.test\r\n"]),
    allowed("authority-and-host-differ-in-case", block(*PSEUDO, (b"host", b"A.TEST"))),
    allowed("host-alone", block(METHOD, SCHEME, TARGET, (b"host", b"a.test")),
            holds=[b"host: a.test\r\n"]),
    allowed("authority-becomes-host", block(*PSEUDO), holds=[b"host: a.test\r\n"]),
    allowed("authority-with-port",
            block(METHOD, SCHEME, TARGET, (b":authority", b"a.test:8080")),
            holds=[b"host: a.test:8080\r\n"]),
    allowed("authority-in-brackets", block(METHOD, SCHEME, TARGET, (b":authority", b"[::1]:80"))),
    allowed("authority-goes-before-forwarded-ones",
            block(*PSEUDO, (b"x-forwarded-host", b"evil.test")), lacks=[b"evil.test"]),
]


def too_large(name, *more, **pseudo):
    """Over a limit of ours: refused by a status that says so, or by a reset."""
    codes = (wire.ENHANCE_YOUR_CALM, wire.PROTOCOL_ERROR, wire.REFUSED_STREAM)
    expect = Reply(1, 431, 414, 400) | Reset(1, *codes) | Goaway(wire.ENHANCE_YOUR_CALM)
    block = request(*more, **pseudo)
    parts = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    whole = headers(1, parts[0], done=len(parts) == 1) + b"".join(
        wire.continuation(1, part, done=part is parts[-1]) for part in parts[1:]
    )
    return Case(f"10.5.1-{name}", expect, (whole,), origin=NOTHING)


LARGE = [
    too_large("field-of-40-kib", (b"x-large", b"v" * 40_000)),
    too_large("fields-of-60-kib", *[(b"x-%d" % i, b"v" * 1000) for i in range(60)]),
    too_large("300-fields", *[(b"x-%d" % i, b"v") for i in range(300)]),
    too_large("name-of-30-kib", (b"n" * 30_000, b"v")),
    too_large("path-of-20-kib", path=wire.PATH + b"/a" * 10_000),
    too_large("authority-of-10-kib", authority=b"a" * 10_000),
]


def connect(name, expect, *pairs, end=True, **more):
    steps = (headers(1, fields((b":method", b"CONNECT"), *pairs, (b"x-case", wire.MARK)), end),)
    return Case(name, expect, steps, origin=more.pop("origin", NOTHING), **more)


# A reverse proxy is no way to anywhere; any answer will do that opens nothing.
DECLINED = Reply(1, 400, 403, 404, 405, 421, 501) | refused()
FAR = (b":authority", b"a.test:443")

CONNECT = [
    connect("8.5-connect", DECLINED, FAR),
    connect("8.5-connect-that-stays-open", DECLINED, FAR, end=False),
    connect("8.5-connect-with-scheme", refused(1, 501), FAR, SCHEME),
    connect("8.5-connect-with-path", refused(1, 501), FAR, TARGET),
    connect("8.5-connect-with-both", refused(1, 501), FAR, SCHEME, TARGET),
    connect("8.5-connect-without-authority", refused(1, 501)),
    connect("8.5-connect-with-empty-authority", refused(1, 501), (b":authority", b"")),
    connect("8.5-connect-without-port", DECLINED, AUTHORITY),
]


class Announced(Expectation):
    """The server's first SETTINGS have this value."""

    def __init__(self, key, value):
        self.key, self.value, self.peer = key, value, None

    def look(self, connection):
        self.peer = dict(connection.peer)

    def decide(self, events):
        return ALIVE if self.peer.get(self.key) == self.value else WRONG

    def __str__(self):
        return f"SETTINGS with {self.key}={self.value}"


def announced(name, key, value):
    expect = Announced(key, value)
    return Case(name, expect, (expect.look,))


WEBSOCKET = ((b":protocol", b"websocket"), SCHEME, TARGET, AUTHORITY)

EXTENDED = [
    announced("8441-3-connect-protocol-is-announced", wire.ENABLE_CONNECT_PROTOCOL, 1),
    connect("8441-4-protocol-without-scheme", refused(),
            (b":protocol", b"websocket"), TARGET, AUTHORITY, end=False),
    connect("8441-4-protocol-without-path", refused(),
            (b":protocol", b"websocket"), SCHEME, AUTHORITY, end=False),
    connect("8441-4-protocol-without-authority", refused(),
            (b":protocol", b"websocket"), SCHEME, TARGET, end=False),
    connect("8441-4-protocol-twice", refused(),
            (b":protocol", b"websocket"), *WEBSOCKET, end=False),
    connect("8441-4-protocol-empty", refused(1, 501),
            (b":protocol", b""), *WEBSOCKET[1:], end=False),
    connect("8441-4-protocol-unknown", Reply(1, 400, 501) | refused(),
            (b":protocol", b"teapot"), *WEBSOCKET[1:], end=False),
    connect("8441-4-protocol-with-line-feed", refused(1, 501),
            (b":protocol", b"web\nsocket"), *WEBSOCKET[1:], end=False),
    connect("8441-5-websocket-to-an-origin-without", Reply(1, 200, 400, 426, 501, 502),
            *WEBSOCKET, (b"sec-websocket-version", b"13"), end=False, origin="anything"),
]

CASES = (
    PSEUDO_FIELDS + METHODS + SCHEMES + PATHS + AUTHORITIES + LARGE + CONNECT + EXTENDED
)
