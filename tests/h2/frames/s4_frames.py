"""RFC 9113 §4: the frame head, frame sizes, and field blocks as frames carry them."""

import wire
from case import Case
from expect import UNHARMED, Goaway, Reply, Seen, error, refused
from wire import (
    COMPRESSION_ERROR, FRAME_SIZE_ERROR, GET, POST, PROTOCOL_ERROR, continuation, data, frame,
    headers,
)

OPEN = headers(1, POST, end=False)
UNKNOWN = 0xFA


def case(name, expect, *steps, **more):
    return Case(name, expect, steps, **more)


def over(kind, stream, flags=0, first=b""):
    """A frame one byte longer than the server takes."""
    def step(connection):
        length = min(connection.peer.get(wire.MAX_FRAME_SIZE, 16384), 2**24 - 2) + 1
        return frame(kind, flags, stream, first + b"\0" * (length - len(first)))
    return step


def sized(block, length):
    """The block with a field that makes it this long."""
    name = b"x-fill"
    rest = length - len(block) - len(wire.literal(name, b"v" * 9000)) + 9000
    return block + wire.literal(name, b"v" * rest)


FORMAT = [
    case("4.1-unknown-type", UNHARMED, frame(UNKNOWN, 0, 0, b"whatever")),
    case("4.1-unknown-type-empty", UNHARMED, frame(UNKNOWN)),
    case("4.1-unknown-type-all-flags", UNHARMED, frame(UNKNOWN, 0xFF, 0, b"whatever")),
    case("4.1-unknown-type-on-idle-stream", UNHARMED, frame(UNKNOWN, 0, 5, b"whatever")),
    case(
        "4.1-unknown-type-on-open-stream", Reply(1, 200),
        OPEN + frame(UNKNOWN, 1, 1, b"whatever") + data(1, b"x", end=True),
    ),
    case("4.1-unknown-type-on-closed-stream", Reply(3, 200),
         headers(1, GET) + frame(UNKNOWN, 1, 1, b"x") + headers(3, GET)),
    case("4.1-unknown-flags-of-ping", Seen("PING_ACK"), frame(wire.PING, 0xFE, 0, b"01234567")),
    case("4.1-unknown-flags-of-settings", Seen("SETTINGS_ACK"), frame(wire.SETTINGS, 0xFE)),
    case("4.1-unknown-flags-of-headers", Reply(1, 200), headers(1, GET, flags=0xD2)),
    case("4.1-unknown-flags-of-data", Reply(1, 200), OPEN + data(1, b"x", end=True, flags=0xF6)),
    case("4.1-unknown-flags-of-continuation", Reply(1, 200),
         headers(1, GET[:9], done=False) + continuation(1, GET[9:], flags=0xFB)),
    case("4.1-unknown-flags-of-window-update", UNHARMED,
         frame(wire.WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1")),
    case("4.1-unknown-flags-of-priority", UNHARMED,
         frame(wire.PRIORITY, 0xFF, 1, wire.dependency(0))),
    case("4.1-unknown-flags-of-rst-stream", UNHARMED,
         OPEN + frame(wire.RST_STREAM, 0xFF, 1, wire.u32(wire.CANCEL))),
    case("4.1-reserved-bit-of-ping", Seen("PING_ACK"),
         frame(wire.PING, 0, 0x80000000, b"01234567")),
    case("4.1-reserved-bit-of-headers", Reply(1, 200),
         frame(wire.HEADERS, wire.END_STREAM | wire.END_HEADERS, 0x80000001, GET)),
    case("4.1-reserved-bit-of-data", Reply(1, 200),
         OPEN + frame(wire.DATA, wire.END_STREAM, 0x80000001, b"x")),
    case("4.1-reserved-bit-of-increment", UNHARMED,
         frame(wire.WINDOW_UPDATE, 0, 0, b"\x80\0\0\1")),
    case("4.1-frame-in-two-parts", Reply(1, 200), headers(1, GET)[:20], headers(1, GET)[20:]),
]

SIZES = [
    case("4.2-data-of-16384", Reply(1, 200), OPEN + data(1, b"x" * 16384, end=True)),
    case("4.2-headers-of-16384", Reply(1, 200), headers(1, sized(GET, 16384))),
    case("4.2-unknown-of-16384", UNHARMED, frame(UNKNOWN, 0, 0, b"\0" * 16384)),
    case("4.2-data-too-long", error(1, FRAME_SIZE_ERROR), OPEN, over(wire.DATA, 1)),
    case("4.2-headers-too-long", Goaway(FRAME_SIZE_ERROR), over(wire.HEADERS, 1, 5, GET)),
    case("4.2-priority-too-long", error(1, FRAME_SIZE_ERROR), OPEN, over(wire.PRIORITY, 1)),
    case("4.2-rst-stream-too-long", Goaway(FRAME_SIZE_ERROR), OPEN, over(wire.RST_STREAM, 1)),
    case("4.2-settings-too-long", Goaway(FRAME_SIZE_ERROR), over(wire.SETTINGS, 0)),
    case("4.2-push-promise-too-long", Goaway(FRAME_SIZE_ERROR, PROTOCOL_ERROR),
         OPEN, over(wire.PUSH_PROMISE, 1, wire.END_HEADERS)),
    case("4.2-ping-too-long", Goaway(FRAME_SIZE_ERROR), over(wire.PING, 0)),
    case("4.2-goaway-too-long", Goaway(FRAME_SIZE_ERROR), over(wire.GOAWAY, 0)),
    case("4.2-window-update-too-long", Goaway(FRAME_SIZE_ERROR), over(wire.WINDOW_UPDATE, 0)),
    case("4.2-continuation-too-long", Goaway(FRAME_SIZE_ERROR),
         headers(1, GET, done=False), over(wire.CONTINUATION, 1, wire.END_HEADERS)),
    case("4.2-unknown-too-long", Goaway(FRAME_SIZE_ERROR), over(UNKNOWN, 0)),
    case("4.2-length-of-16-mib", Goaway(FRAME_SIZE_ERROR),
         frame(wire.HEADERS, 5, 1, b"", length=0xFFFFFF)),
    case("4.2-headers-empty", refused(), headers(1, b"")),
    case("4.2-headers-with-priority-too-short", error(1, FRAME_SIZE_ERROR),
         frame(wire.HEADERS, 0x25, 1, b"\0\0\0\0")),
    case("4.2-headers-padded-and-empty", Goaway(FRAME_SIZE_ERROR, PROTOCOL_ERROR),
         frame(wire.HEADERS, 0x0D, 1)),
    case("4.2-data-padded-and-empty", Goaway(FRAME_SIZE_ERROR, PROTOCOL_ERROR),
         OPEN + frame(wire.DATA, wire.PADDED, 1)),
]


def split(first, *parts, stream=1):
    """A block in HEADERS and as many CONTINUATION."""
    more = [continuation(stream, part, done=False) for part in parts[:-1]]
    return headers(stream, first, done=False) + b"".join(more) + continuation(stream, parts[-1])


def within(name, content):
    """Something else between the frames of a block."""
    steps = headers(1, GET[:9], done=False) + content + continuation(1, GET[9:])
    return case(f"4.3-{name}-within-a-block", Goaway(PROTOCOL_ERROR), steps, origin="nothing")


BLOCKS = [
    case("4.3-block-in-two-frames", Reply(1, 200), split(GET[:9], GET[9:])),
    case("4.3-block-in-four-frames", Reply(1, 200), split(GET[:3], GET[3:9], GET[9:10], GET[10:])),
    case("4.3-block-begins-empty", Reply(1, 200), split(b"", GET)),
    case("4.3-block-ends-empty", Reply(1, 200), split(GET, b"")),
    case("4.3-not-a-block", Goaway(COMPRESSION_ERROR), headers(1, b"\xff" * 9)),
    case("4.3-block-of-trailers-broken", Goaway(COMPRESSION_ERROR),
         OPEN + headers(1, b"\x00\x7f")),
    case("4.3-block-cut-in-a-literal", Goaway(COMPRESSION_ERROR), headers(1, GET[:-3])),
    case("4.3-block-cut-over-two-frames", Goaway(COMPRESSION_ERROR), split(GET[:9], GET[9:-3])),
    within("ping", wire.ping()),
    within("settings", wire.settings()),
    within("settings-ack", wire.SETTINGS_ACK),
    within("headers-of-another-stream", headers(3, GET)),
    within("headers-of-the-same-stream", headers(1, GET)),
    within("data", data(1, b"x")),
    within("priority", wire.priority(1)),
    within("rst-stream", wire.rst(1)),
    within("goaway", wire.goaway()),
    within("window-update", wire.window_update(0, 1)),
    within("unknown-frame", frame(UNKNOWN, 0, 1)),
    within("priority-update", wire.priority_update(1)),
    within("continuation-of-another-stream", continuation(3, GET[9:])),
]

CASES = FORMAT + SIZES + BLOCKS
