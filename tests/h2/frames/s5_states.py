"""RFC 9113 §5.1: every kind of frame in every state of a stream."""

import wire
from case import Case, answered, headed, settled, until
from expect import UNHARMED, Goaway, Reply, error
from upload import upload
from wire import (
    GET, INITIAL_WINDOW_SIZE, POST, PROTOCOL_ERROR, STREAM_CLOSED, TRAILERS, WINDOW_MAX,
    continuation, data, headers, window_update,
)

OPEN = headers(1, POST, end=False)

# A client that takes nothing keeps its stream from being closed by the server.
STALLED = ((INITIAL_WINDOW_SIZE, 0),)
HALF_CLOSED = (headers(1, GET), headed(1))

CLOSED = (headers(1, GET), answered(1))
GIVEN_UP = OPEN + wire.rst(1)

# The server gives the stream up, since its window cannot be that wide.
PUT_DOWN = (OPEN + window_update(1, WINDOW_MAX), until("RST_STREAM", 1))


def case(name, expect, *steps, **more):
    return Case(f"5.1-{name}", expect, steps, **more)


def stalled(name, expect, content):
    return case(f"half-closed-{name}", expect, *HALF_CLOSED, content, settings=STALLED)


IDLE = [
    case("idle-headers", Reply(1, 200), headers(1, GET)),
    case("idle-priority", UNHARMED, wire.priority(1)),
    case("idle-data", Goaway(PROTOCOL_ERROR, STREAM_CLOSED), data(1, b"x")),
    case("idle-data-empty", Goaway(PROTOCOL_ERROR, STREAM_CLOSED), data(1, b"", end=True)),
    case("idle-rst-stream", Goaway(PROTOCOL_ERROR), wire.rst(1)),
    case("idle-window-update", Goaway(PROTOCOL_ERROR), window_update(1, 1)),
    case("idle-push-promise", Goaway(PROTOCOL_ERROR), wire.push_promise(1, 2, GET)),
    case("idle-continuation", Goaway(PROTOCOL_ERROR), continuation(1, GET)),
    case("idle-beyond-the-last-data", Goaway(PROTOCOL_ERROR, STREAM_CLOSED),
         *CLOSED, data(3, b"x")),
    case("idle-beyond-the-last-rst-stream", Goaway(PROTOCOL_ERROR), *CLOSED, wire.rst(3)),
    case("idle-beyond-the-last-window-update", Goaway(PROTOCOL_ERROR),
         *CLOSED, window_update(3, 1)),
    case("idle-even-window-update", Goaway(PROTOCOL_ERROR), window_update(2, 1)),
    case("idle-even-rst-stream", Goaway(PROTOCOL_ERROR), wire.rst(2)),
]

OPENED = [
    case("open-data", Reply(1, 200), OPEN + data(1, b"x", end=True)),
    case("open-trailers", Reply(1, 200), OPEN + data(1, b"x") + headers(1, TRAILERS)),
    case("open-trailers-without-data", Reply(1, 200), OPEN + headers(1, TRAILERS)),
    case("open-priority", Reply(1, 200), OPEN + wire.priority(1) + data(1, b"x", end=True)),
    case("open-window-update", Reply(1, 200),
         OPEN + window_update(1, 9) + data(1, b"x", end=True)),
    case("open-rst-stream", UNHARMED, OPEN + wire.rst(1), origin="not whole"),
    case("open-continuation", Goaway(PROTOCOL_ERROR), OPEN + continuation(1, TRAILERS)),
    case("open-push-promise", Goaway(PROTOCOL_ERROR), OPEN + wire.push_promise(1, 2, GET)),
]

HALF = [
    stalled("window-update", Reply(1, 200), window_update(1, 65535)),
    stalled("priority", UNHARMED, wire.priority(1)),
    stalled("rst-stream", UNHARMED, wire.rst(1)),
    stalled("data", error(1, STREAM_CLOSED), data(1, b"x")),
    stalled("data-empty", error(1, STREAM_CLOSED), data(1, b"")),
    stalled("data-that-ends", error(1, STREAM_CLOSED), data(1, b"", end=True)),
    stalled("headers", error(1, STREAM_CLOSED), headers(1, GET)),
    stalled("trailers", error(1, STREAM_CLOSED), headers(1, TRAILERS)),
    stalled("headers-without-end", error(1, STREAM_CLOSED, PROTOCOL_ERROR),
            headers(1, TRAILERS, end=False)),
    stalled("continuation", Goaway(PROTOCOL_ERROR), continuation(1, TRAILERS)),
    stalled("push-promise", Goaway(PROTOCOL_ERROR), wire.push_promise(1, 2, GET)),
]

# Both sides have ended the stream: the client knows, and must not use it again.
ENDED_MISUSE = error(1, STREAM_CLOSED) | Goaway(PROTOCOL_ERROR)

ENDED = [
    case("closed-priority", UNHARMED, *CLOSED, wire.priority(1)),
    case("closed-window-update", UNHARMED, *CLOSED, window_update(1, 1)),
    case("closed-rst-stream", UNHARMED, *CLOSED, wire.rst(1)),
    case("closed-data", ENDED_MISUSE, *CLOSED, data(1, b"x")),
    case("closed-data-that-ends", ENDED_MISUSE, *CLOSED, data(1, b"x", end=True)),
    case("closed-headers", ENDED_MISUSE, *CLOSED, headers(1, GET), origin="once"),
    case("closed-trailers", ENDED_MISUSE, *CLOSED, headers(1, TRAILERS), origin="once"),
    case("closed-continuation", Goaway(PROTOCOL_ERROR), *CLOSED, continuation(1, TRAILERS)),
    case("closed-push-promise", Goaway(PROTOCOL_ERROR), *CLOSED, wire.push_promise(1, 2, GET)),
]

# The client gave it up. What it sends after that may be ignored as well as blamed.
RESET_MISUSE = UNHARMED | ENDED_MISUSE

GONE = [
    case("reset-by-client-priority", UNHARMED, GIVEN_UP + wire.priority(1)),
    case("reset-by-client-rst-stream", RESET_MISUSE, GIVEN_UP + wire.rst(1)),
    case("reset-by-client-window-update", RESET_MISUSE, GIVEN_UP + window_update(1, 1)),
    case("reset-by-client-data", ENDED_MISUSE, GIVEN_UP + data(1, b"x")),
    case("reset-by-client-headers", ENDED_MISUSE, GIVEN_UP + headers(1, GET), origin="not whole"),
    case("reset-by-client-continuation", Goaway(PROTOCOL_ERROR),
         GIVEN_UP + continuation(1, TRAILERS)),
]


def in_flight(name, content, expect=UNHARMED):
    """The client cannot know yet that its stream is gone."""
    return case(f"reset-by-server-{name}", expect, *PUT_DOWN, content)


REFERRED = wire.request((b"x-again", b"yes"), path=b"/again")

PUT = [
    in_flight("data", data(1, b"x" * 100)),
    in_flight("data-that-ends", data(1, b"x" * 100, end=True)),
    in_flight("trailers", headers(1, TRAILERS)),
    in_flight("window-update", window_update(1, 100)),
    in_flight("rst-stream", wire.rst(1)),
    in_flight("priority", wire.priority(1)),
    in_flight("continuation", continuation(1, TRAILERS), Goaway(PROTOCOL_ERROR)),
    # The block of a stream that is gone still changes the table of all (§4.3).
    in_flight(
        "keeps-the-table", headers(1, wire.literal(b"x-kept", b"in-table", 0x40))
        + headers(3, GET + wire.indexed(62)), Reply(3, 200, holds=[b"x-kept: in-table"]),
    ),
    # Its DATA still counts against the window of the connection, which must be given back (§5.1).
    case("reset-by-server-data-is-credited", Reply(3, 200),
         *PUT_DOWN, data(1, b"x" * 16384) * 3 + window_update(0, 1 << 26), settled,
         upload(3, 2_000_000, spent=3 * 16384), settings=((INITIAL_WINDOW_SIZE, 1 << 26),)),
]


CASES = IDLE + OPENED + HALF + ENDED + GONE + PUT
