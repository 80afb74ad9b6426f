"""RFC 9113 §5.1.1 to §5.5: identifiers, concurrency, dependencies, errors, extensions."""

import wire
from case import Case, answered, headed, until
from expect import UNHARMED, Goaway, Reply, Reset, error
from wire import (
    GET, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, POST, PROTOCOL_ERROR, REFUSED_STREAM, data,
    headers,
)

OPEN = headers(1, POST, end=False)
TAIL = data(1, b"x", end=True)


def case(name, expect, *steps, **more):
    return Case(name, expect, steps, **more)


IDENTIFIERS = [
    case("5.1.1-first-stream-may-be-any-odd", Reply(77, 200), headers(77, GET)),
    case("5.1.1-streams-may-be-skipped", Reply(9, 200), headers(1, GET) + headers(9, GET)),
    case("5.1.1-last-possible-stream", Reply(2**31 - 1, 200),
         headers(2**31 - 1, GET), survives=False),
    case("5.1.1-even-stream", Goaway(PROTOCOL_ERROR), headers(2, GET), origin="nothing"),
    case("5.1.1-smaller-stream", Goaway(PROTOCOL_ERROR),
         headers(5, wire.HEAD), answered(5), headers(3, GET)),
    case("5.1.1-smaller-stream-at-once", Goaway(PROTOCOL_ERROR),
         headers(5, GET) + headers(3, GET)),
    case("5.1.1-stream-0", Goaway(PROTOCOL_ERROR), headers(0, GET), origin="nothing"),
    case("5.1.1-skipped-stream-is-closed-data", error(3, wire.STREAM_CLOSED)
         | Goaway(PROTOCOL_ERROR), headers(5, GET), answered(5), data(3, b"x")),
]


def limit(connection):
    return connection.peer.get(MAX_CONCURRENT_STREAMS, 1000)


def fill(connection):
    """As many open streams as the server allows, all of which wait for their bodies."""
    ids = range(1, 2 * limit(connection), 2)
    return b"".join(headers(stream, POST, end=False) for stream in ids)


class BeyondLimit(Reset):
    """The stream after those of `fill`, whatever its number."""

    def __init__(self):
        super().__init__(0, REFUSED_STREAM, PROTOCOL_ERROR)

    def decide(self, events):
        resets = [event.stream for event in events if event.kind == "RST_STREAM"]
        self.stream = max(resets, default=0)
        return super().decide(events)


def one_more(connection):
    return headers(2 * limit(connection) + 1, GET)


def give_up_all(connection):
    connection.forget()
    return b"".join(wire.rst(stream) for stream in range(1, 2 * limit(connection), 2))


CONCURRENCY = [
    case("5.1.2-as-many-as-allowed", UNHARMED, fill, survives=False),
    case("5.1.2-one-more-than-allowed", BeyondLimit() | Goaway(PROTOCOL_ERROR),
         fill, one_more, survives=False),
    case("5.1.2-room-again-after-resets", UNHARMED, fill, give_up_all),
    case("5.1.2-room-again-after-responses", Reply(901, 200),
         *[part for stream in range(1, 801, 2)
           for part in (headers(stream, wire.HEAD), answered(stream))], headers(901, GET)),
    case("5.1.2-refused-stream-keeps-the-table",
         Reply(0x70000001, 200, holds=[b"x-kept: in-table"]), fill,
         lambda connection: headers(2 * limit(connection) + 1,
                                    GET + wire.literal(b"x-kept", b"in-table", 0x40)),
         lambda connection: give_up_all(connection)
         + headers(0x70000001, GET + wire.indexed(62))),
]

DEPENDENCIES = [
    case("5.3-headers-with-priority", Reply(1, 200),
         headers(1, GET, priority=wire.dependency(0, 256))),
    case("5.3-headers-that-depend-on-an-idle-stream", Reply(1, 200),
         headers(1, GET, priority=wire.dependency(7, 1, exclusive=True))),
    case("5.3-headers-that-depend-on-themselves", error(1, PROTOCOL_ERROR),
         headers(1, GET, priority=wire.dependency(1))),
    case("5.3-priority-weights", UNHARMED, wire.priority(1, 0, 1) + wire.priority(1, 0, 256)),
    case("5.3-priority-exclusive", UNHARMED, wire.priority(3, 1, exclusive=True)),
    case("5.3-priority-opens-nothing", Reply(1, 200), wire.priority(9) + headers(1, GET)),
    case("5.3-priority-depends-on-itself", error(1, PROTOCOL_ERROR), OPEN + wire.priority(1, 1)),
    case("5.3-idle-priority-depends-on-itself", error(1, PROTOCOL_ERROR) | UNHARMED,
         wire.priority(1, 1)),
]

ERRORS = [
    case("5.4.1-connection-error-ends-it", Goaway(wire.FRAME_SIZE_ERROR),
         wire.frame(wire.PING, 0, 0, b"short")),
    case("5.4.2-stream-error-leaves-the-others", Reply(3, 200),
         OPEN + headers(3, POST, end=False) + wire.window_update(1, wire.WINDOW_MAX),
         until("RST_STREAM", 1), data(3, b"x", end=True)),
    case("5.4.2-reset-is-not-answered-by-reset", UNHARMED, OPEN + wire.rst(1, 99)),
    case("5.4-response-cut-by-client", UNHARMED, headers(1, GET), headed(1),
         wire.rst(1), settings=((INITIAL_WINDOW_SIZE, 1),)),
]

EXTENSIONS = [
    case("5.5-unknown-frames-among-others", Reply(1, 200),
         wire.frame(0x55) + OPEN + wire.frame(0x56, 1, 1, b"x") + TAIL + wire.frame(0x57, 0, 3)),
    case("5.5-unknown-settings", UNHARMED, wire.settings((0xF000, 1), (0x0A0A, 0xFFFFFFFF))),
    case("5.5-altsvc-and-origin-of-a-client", UNHARMED,
         wire.frame(10, 0, 0, b"\0\0h2=\":1\"") + wire.frame(wire.ORIGIN, 0, 0, b"")),
    case("5.5-reserved-setting-0", UNHARMED, wire.settings((0, 1))),
]

CASES = IDENTIFIERS + CONCURRENCY + DEPENDENCIES + ERRORS + EXTENSIONS
