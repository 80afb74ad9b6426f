"""Clients that make a server work for nothing, each by the name under which it became known.

Each must be told to calm down before it has sent what it has, while a neighbour is served.
"""

import itertools
import threading
from dataclasses import dataclass

import wire
from case import Case, honest, told
from connection import Connection
from expect import Goaway, Reply, Reset
from upload import upload
from wire import (
    ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, GET, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED,
    WINDOW_MAX, continuation, data, frame, headers, indexed, literal, request, settings,
    window_update,
)

CALM = Goaway(ENHANCE_YOUR_CALM)
POST = request(method=b"POST")

# Repeats of one chunk that are handed to the socket at once.
BATCH = 50


class Neighbour(threading.Thread):
    """A client on a connection of its own that asks for one thing after the other."""

    def __init__(self, address, patience_s):
        super().__init__(daemon=True)
        self.connection = Connection(address, patience_s=patience_s)
        self.over = threading.Event()
        self.served = 0
        self.problem = None

    def run(self):
        for stream in itertools.count(1, 2):
            if self.over.wait(0.01) or self.problem:
                return
            self.problem = honest(self.connection, stream)
            self.served += self.problem is None

    def leave(self):
        """What went wrong for it, if anything did."""
        served = self.served
        while self.problem is None and self.served == served and self.is_alive():
            self.over.wait(0.01)
        self.over.set()
        self.join()
        self.connection.close()
        return self.problem and f"a neighbour saw: {self.problem}"


@dataclass
class Flood(Case):
    """`chunk` makes the nth part of what is sent, after the steps, `limit` times at most."""

    chunk: object = None
    limit: int = 10_000
    group: str = "abuse"
    patience_s: float = 10.0

    def play(self, address):
        neighbour = Neighbour(address, self.patience_s)
        neighbour.start()
        good, seen = super().play(address)
        problem = neighbour.leave()
        return good and problem is None, seen + (f"; {problem}" if problem else "")

    def dialogue(self, connection):
        for step in self.steps:
            step = step(connection) if callable(step) else step
            connection.pump(step or b"")
        sent = 0
        while sent < self.limit and not self.is_over(connection):
            parts = [self.chunk(n) for n in range(sent, min(sent + BATCH, self.limit))]
            sent += len(parts)
            connection.pump(b"".join(parts))
        verdict = self.verdict(connection)
        return verdict in ("alive", "dead"), f"{told(connection.recent())} after {sent} of it"

    @staticmethod
    def is_over(connection):
        return connection.closed or any(
            event.kind == "GOAWAY" and event.code for event in connection.events[-200:]
        )


def flood(name, chunk, *steps, expect=CALM, **more):
    make = chunk if callable(chunk) else lambda _: chunk
    return Flood(f"abuse-{name}", expect, steps, chunk=make, **more)


def each(*parts):
    """On the nth stream, what these functions of its number make."""
    return lambda n: b"".join(part(2 * n + 1) for part in parts)


def asks(stream):
    return headers(stream, GET)


def opens(stream):
    return headers(stream, POST, end=False)


OPEN = opens(1)

RESETS = [
    flood("rapid-reset-cve-2023-44487", each(opens, wire.rst)),
    flood("rapid-reset-of-whole-requests", each(asks, wire.rst)),
    flood("made-you-reset-window-update-0", each(opens, lambda s: window_update(s, 0)),
          expect=CALM | Goaway(PROTOCOL_ERROR)),
    flood("made-you-reset-window-overflow", each(opens, lambda s: window_update(s, WINDOW_MAX))),
    flood("made-you-reset-headers-after-end", each(asks, asks),
          expect=Goaway(ENHANCE_YOUR_CALM, STREAM_CLOSED, PROTOCOL_ERROR)),
    flood("made-you-reset-data-after-end", each(asks, lambda s: data(s, b"x")),
          expect=Goaway(ENHANCE_YOUR_CALM, STREAM_CLOSED, PROTOCOL_ERROR)),
    flood("made-you-reset-priority-length",
          each(opens, lambda s: frame(wire.PRIORITY, 0, s, b"1234")),
          expect=Goaway(ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    flood("made-you-reset-priority-of-itself", each(opens, lambda s: wire.priority(s, s)),
          expect=CALM | Goaway(PROTOCOL_ERROR)),
    flood("made-you-reset-headers-of-itself",
          each(lambda s: headers(s, GET, priority=wire.dependency(s))),
          expect=CALM | Goaway(PROTOCOL_ERROR)),
    flood("made-you-reset-malformed-requests",
          each(lambda s: headers(s, request((b"Upper", b"x")))),
          expect=CALM | Goaway(PROTOCOL_ERROR)),
    flood("made-you-reset-length-mismatch",
          each(lambda s: headers(s, request((b"content-length", b"9"), method=b"POST")))),
    flood("streams-beyond-the-limit", each(opens)),
    flood("rst-stream-of-a-closed-stream", wire.rst(1), OPEN + wire.rst(1),
          expect=Goaway(ENHANCE_YOUR_CALM, STREAM_CLOSED, PROTOCOL_ERROR)),
]

BEGUN = headers(1, GET, done=False)

CONTINUATIONS = [
    flood("continuation-cve-2024-27316", continuation(1, literal(b"x-a", b"v"), done=False),
          BEGUN),
    flood("continuation-empty-cve-2019-9518", continuation(1, b"", done=False), BEGUN),
    flood("continuation-large", continuation(1, literal(b"x-a", b"v" * 16000), done=False), BEGUN),
    flood("continuation-of-one-field-that-never-ends",
          continuation(1, b"v" * 16000, done=False),
          headers(1, GET + b"\x00\x01x" + wire.integer(2**28, 7), done=False),
          expect=Goaway(ENHANCE_YOUR_CALM, wire.COMPRESSION_ERROR)),
]

MANY = [(0x1000 + key, key) for key in range(2700)]
WINDOW = wire.INITIAL_WINDOW_SIZE

FRAMES = [
    flood("settings-cve-2019-9515", settings()),
    flood("settings-with-a-change", lambda n: settings((WINDOW, 65535 + n % 2)), OPEN),
    flood("settings-with-many-changes", settings(*MANY), limit=3000),
    flood("settings-of-many-windows",
          lambda _: settings(*[(WINDOW, 65535 + key % 2) for key in range(2700)]), OPEN,
          limit=2000),
    flood("settings-ack", wire.SETTINGS_ACK, expect=Goaway(ENHANCE_YOUR_CALM, PROTOCOL_ERROR)),
    flood("ping-cve-2019-9512", wire.ping()),
    flood("ping-ack", wire.ping(ack=True)),
    flood("priority-cve-2019-9513", lambda n: wire.priority(2 * n + 1, 2 * n + 3)),
    flood("priority-of-one-stream", lambda n: wire.priority(1, 3 + 2 * (n % 9)), OPEN),
    flood("priority-update", lambda n: wire.priority_update(1, b"u=%d" % (n % 8)), OPEN),
    flood("priority-update-of-idle-streams", lambda n: wire.priority_update(2 * n + 1)),
    flood("empty-data-cve-2019-9518", data(1, b""), OPEN),
    flood("data-of-padding-only", data(1, b"", pad=0), OPEN),
    flood("unknown-frames", frame(0xFA, 0, 0, b"12345678")),
    flood("unknown-frames-of-a-stream", frame(0xFA, 0, 1), OPEN),
    flood("window-updates", window_update(0, 1), limit=60_000),
    flood("window-updates-of-a-stream", window_update(1, 1), OPEN, limit=60_000),
    flood("goaway", wire.goaway(), expect=Goaway(*range(14))),
]


BIG_ENTRY = literal(b"x-bomb", b"v" * 3900, 0x40)
REFUSED = (
    Reply(1, 431, 400) | Reset(1, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM) | CALM
)


def bomb(name, block):
    """One request, in as many frames as it takes."""
    parts = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    more = [continuation(1, part, done=part is parts[-1]) for part in parts[1:]]
    first = headers(1, parts[0], done=len(parts) == 1)
    return flood(f"hpack-bomb-{name}", b"", first + b"".join(more), expect=REFUSED,
                 limit=0, origin="nothing")


BOMBS = [
    bomb("one-large-entry", GET + BIG_ENTRY + indexed(62) * 12_000),
    bomb("one-large-entry-in-64-kib", GET + BIG_ENTRY + indexed(62) * 60_000),
    bomb("many-tiny-fields", GET + indexed(61) * 15_000),
    bomb("many-tiny-new-fields", GET + literal(b"a", b"") * 4000),
    bomb("cookie-crumbs", GET + literal(b"cookie", b"a") * 5000),
    bomb("cookie-crumbs-by-reference", GET + literal(b"cookie", b"a", 0x40) + indexed(62) * 12_000),
    bomb("empty-cookie-crumbs", GET + literal(b"cookie", b"") + indexed(32) * 12_000),
    flood("hpack-bomb-in-a-row",
          each(lambda s: headers(s, GET + BIG_ENTRY + indexed(62) * 12_000)), limit=1000),
    flood("header-lists-over-the-limit",
          each(lambda s: headers(s, GET + BIG_ENTRY + indexed(62) * 12)), limit=3000),
]

SMALL = [
    flood("data-of-one-octet", b"", upload(1, 20_000, size_max=1),
          expect=CALM | Reply(1, 200), limit=0),
]

CASES = RESETS + CONTINUATIONS + FRAMES + BOMBS + SMALL
