"""RFC 9218: priorities by field and by frame."""

import wire
from case import ONCE, Case, answered
from expect import UNHARMED, Goaway, Reply
from wire import (
    FRAME_SIZE_ERROR, GET, NO_RFC7540_PRIORITIES, POST, PROTOCOL_ERROR, data, frame, headers,
    priority_update, request, settings,
)

OPEN = headers(1, POST, end=False)


def case(name, expect, *steps, **more):
    return Case(f"9218-{name}", expect, steps, **more)


def field(name, value):
    return case(f"5-field-{name}", Reply(1, 200), headers(1, request((b"priority", value))),
                origin=ONCE)


FIELDS = [
    field("urgency", b"u=0"),
    field("incremental", b"u=7, i"),
    field("unknown-parameter", b"u=1, x=y"),
    field("urgency-out-of-range", b"u=9"),
    field("of-no-dictionary", b"=;=,,"),
    field("empty", b""),
]

BIG = [headers(stream, request((b"priority", value), path=b"/big"))
       for stream, value in ((1, b"u=7"), (3, b"u=0"))]

FRAMES = [
    case("7.1-update-of-an-open-stream", Reply(1, 200),
         OPEN + priority_update(1, b"u=0") + data(1, b"x", end=True)),
    case("7.1-update-of-an-idle-stream", Reply(1, 200), priority_update(1, b"u=0, i") + OPEN
         + data(1, b"x", end=True)),
    case("7.1-update-of-a-closed-stream", UNHARMED,
         headers(1, GET), answered(1), priority_update(1, b"u=0")),
    case("7.1-update-with-an-empty-value", UNHARMED, OPEN + priority_update(1, b"")),
    case("7.1-update-of-no-dictionary", UNHARMED | Goaway(PROTOCOL_ERROR),
         OPEN + priority_update(1, b"\xff\xfe,,")),
    case("7.1-update-with-flags", UNHARMED,
         OPEN + frame(wire.PRIORITY_UPDATE, 0xFF, 0, wire.u32(1) + b"u=2")),
    case("7.1-update-of-stream-0", Goaway(PROTOCOL_ERROR), priority_update(0)),
    case("7.1-update-on-a-stream", Goaway(PROTOCOL_ERROR), OPEN + priority_update(1, stream=1)),
    case("7.1-update-of-an-idle-push", Goaway(PROTOCOL_ERROR), priority_update(2)),
    *[case(f"7.1-update-of-{length}-octets", Goaway(FRAME_SIZE_ERROR),
           frame(wire.PRIORITY_UPDATE, 0, 0, b"\0\0\0\1"[:length])) for length in (0, 3)],
    case("10-both-responses-come", Reply(1, 200, length=300_000), *BIG,
         wire.window_update(0, 1 << 20), settings=((wire.INITIAL_WINDOW_SIZE, 1 << 20),)),
]

SETTINGS = [
    *[case(f"2.1-no-rfc7540-priorities-{value}", UNHARMED,
           settings=((NO_RFC7540_PRIORITIES, value),)) for value in (0, 1)],
    case("2.1-no-rfc7540-priorities-2", Goaway(PROTOCOL_ERROR),
         settings((NO_RFC7540_PRIORITIES, 2))),
    case("2.1-no-rfc7540-priorities-changes", UNHARMED | Goaway(PROTOCOL_ERROR),
         settings((NO_RFC7540_PRIORITIES, 1))),
]

CASES = FIELDS + FRAMES + SETTINGS
