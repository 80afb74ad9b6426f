"""RFC 9113 §6.5 and §6.9: settings, and the windows that they and updates open and close."""

import wire
from case import Case, answered, headed, settled, until
from expect import UNHARMED, Delivered, Goaway, Reply, Seen, error
from upload import overfill, overfill_all
from wire import (
    ENABLE_PUSH, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GET, HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, POST,
    PROTOCOL_ERROR, WINDOW_MAX, frame, headers, settings, window_update,
)

OPEN = headers(1, POST, end=False)
STALLED = ((INITIAL_WINDOW_SIZE, 0),)


def case(name, expect, *steps, **more):
    return Case(name, expect, steps, **more)


def setting(name, expect, key, value):
    return case(f"6.5.2-{name}", expect, settings((key, value)))


FRAMES = [
    case("6.5-settings-empty", Seen("SETTINGS_ACK"), settings()),
    case("6.5-settings-ack-that-nobody-awaits", UNHARMED | Goaway(PROTOCOL_ERROR),
         wire.SETTINGS_ACK),
    case("6.5-settings-ack-with-payload", Goaway(FRAME_SIZE_ERROR),
         frame(wire.SETTINGS, wire.ACK, 0, wire.u16(1) + wire.u32(1))),
    case("6.5-settings-on-a-stream", Goaway(PROTOCOL_ERROR), frame(wire.SETTINGS, 0, 1)),
    case("6.5-settings-on-an-open-stream", Goaway(PROTOCOL_ERROR),
         OPEN + frame(wire.SETTINGS, 0, 1, wire.u16(3) + wire.u32(1))),
    case("6.5-settings-ack-on-a-stream", Goaway(PROTOCOL_ERROR), frame(wire.SETTINGS, 1, 1)),
    *[case(f"6.5-settings-of-{length}-octets", Goaway(FRAME_SIZE_ERROR),
           frame(wire.SETTINGS, 0, 0, b"\0" * length)) for length in (1, 5, 7)],
    case("6.5.3-settings-are-acknowledged-in-order", Seen("PING_ACK", payload=b"01234567"),
         settings((MAX_CONCURRENT_STREAMS, 5)) + settings((MAX_CONCURRENT_STREAMS, 6)),
         until("SETTINGS_ACK"), until("SETTINGS_ACK"), wire.ping()),
    case("6.5.3-the-last-of-several-values-counts", Reply(1, 200),
         settings((INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 65535)) + headers(1, GET)),
]

VALUES = [
    setting("enable-push-0", UNHARMED, ENABLE_PUSH, 0),
    setting("enable-push-1", UNHARMED, ENABLE_PUSH, 1),
    setting("enable-push-2", Goaway(PROTOCOL_ERROR), ENABLE_PUSH, 2),
    setting("window-of-nothing", UNHARMED, INITIAL_WINDOW_SIZE, 0),
    setting("window-largest", UNHARMED, INITIAL_WINDOW_SIZE, WINDOW_MAX),
    setting("window-too-large", Goaway(FLOW_CONTROL_ERROR), INITIAL_WINDOW_SIZE, WINDOW_MAX + 1),
    setting("window-far-too-large", Goaway(FLOW_CONTROL_ERROR), INITIAL_WINDOW_SIZE, 2**32 - 1),
    setting("frame-size-smallest", UNHARMED, MAX_FRAME_SIZE, 16384),
    setting("frame-size-largest", UNHARMED, MAX_FRAME_SIZE, 2**24 - 1),
    setting("frame-size-too-small", Goaway(PROTOCOL_ERROR), MAX_FRAME_SIZE, 16383),
    setting("frame-size-0", Goaway(PROTOCOL_ERROR), MAX_FRAME_SIZE, 0),
    setting("frame-size-too-large", Goaway(PROTOCOL_ERROR), MAX_FRAME_SIZE, 2**24),
    setting("no-streams-of-the-server", UNHARMED, MAX_CONCURRENT_STREAMS, 0),
    setting("table-of-nothing", UNHARMED, HEADER_TABLE_SIZE, 0),
    setting("table-of-4-gib", UNHARMED, HEADER_TABLE_SIZE, 2**32 - 1),
    setting("small-header-list", UNHARMED, MAX_HEADER_LIST_SIZE, 4096),
    setting("connect-protocol-of-a-client", UNHARMED, wire.ENABLE_CONNECT_PROTOCOL, 1),
]

UPDATES = [
    case("6.9-increment-0-of-the-connection", Goaway(PROTOCOL_ERROR), window_update(0, 0)),
    case("6.9-increment-0-of-a-stream", error(1, PROTOCOL_ERROR), OPEN + window_update(1, 0)),
    case("6.9-increment-0-half-closed", error(1, PROTOCOL_ERROR),
         headers(1, GET), headed(1), window_update(1, 0), settings=STALLED),
    *[case(f"6.9-window-update-of-{length}-octets", Goaway(FRAME_SIZE_ERROR),
           frame(wire.WINDOW_UPDATE, 0, 0, b"\0\0\0\1\1"[:length])) for length in (0, 3, 5)],
    case("6.9-window-update-of-3-octets-on-a-stream", Goaway(FRAME_SIZE_ERROR),
         OPEN + frame(wire.WINDOW_UPDATE, 0, 1, b"\0\0\1")),
    case("6.9-a-hundred-updates", UNHARMED, window_update(0, 1) * 100),
    case("6.9.1-connection-overflow", Goaway(FLOW_CONTROL_ERROR),
         window_update(0, WINDOW_MAX)),
    case("6.9.1-connection-overflow-in-two", Goaway(FLOW_CONTROL_ERROR),
         window_update(0, WINDOW_MAX - 65535) + window_update(0, 1)),
    case("6.9.1-connection-largest", UNHARMED, window_update(0, WINDOW_MAX - 65535)),
    case("6.9.1-stream-overflow", error(1, FLOW_CONTROL_ERROR),
         OPEN + window_update(1, WINDOW_MAX)),
    case("6.9.1-stream-overflow-in-two", error(1, FLOW_CONTROL_ERROR),
         OPEN + window_update(1, WINDOW_MAX - 65535) + window_update(1, 1)),
    case("6.9.1-stream-overflow-half-closed", error(1, FLOW_CONTROL_ERROR), headers(1, GET),
         headed(1), window_update(1, WINDOW_MAX) + window_update(1, 1),
         settings=STALLED),
    case("6.9.1-stream-largest", UNHARMED, OPEN + window_update(1, WINDOW_MAX - 65535)),
]

BIG = wire.request(path=b"/big")
BIG_BYTES = 300_000

SENDING = [
    case("6.9.1-nothing-without-a-window", Delivered(1, 0), headers(1, GET),
         headed(1), settings=STALLED),
    case("6.9.1-a-window-of-one", Delivered(1, 1), headers(1, GET),
         settings=((INITIAL_WINDOW_SIZE, 1),)),
    case("6.9.1-no-more-than-the-stream-window", Delivered(1, 1000), headers(1, BIG),
         settings=((INITIAL_WINDOW_SIZE, 1000),)),
    case("6.9.1-no-more-than-the-connection-window", Delivered(1, 65535), headers(1, BIG),
         settings=((INITIAL_WINDOW_SIZE, 1 << 20),), survives=False),
    case("6.9.1-both-windows-count", Delivered(1, 3000),
         headers(1, BIG) + window_update(1, 2000), settings=((INITIAL_WINDOW_SIZE, 1000),)),
    case("6.9.1-a-window-granted-late", Reply(1, 200), headers(1, GET), headed(1),
         window_update(1, 65535), settings=STALLED),
    case("6.9.1-a-connection-window-granted-late", Reply(1, 200, length=BIG_BYTES),
         headers(1, BIG) + window_update(1, 400_000), window_update(0, 200_000),
         window_update(0, 200_000), settings=((INITIAL_WINDOW_SIZE, 1000),)),
    case("6.9.1-a-window-byte-by-byte", Delivered(1, 40), headers(1, GET),
         headed(1), *[window_update(1, 1)] * 40, settings=STALLED),
    case("6.9.1-a-stalled-stream-stops-no-other", Reply(3, 200), headers(1, BIG),
         headed(1), headers(3, GET) + window_update(3, 65535), settings=STALLED),
    case("6.9.1-frames-of-a-response-keep-to-the-size", Reply(1, 200, length=BIG_BYTES),
         window_update(0, 1 << 20) + headers(1, BIG), settings=((INITIAL_WINDOW_SIZE, 1 << 20),)),
]


def all_of(stream, count):
    """A step that waits for so many bytes of a response."""
    def step(connection):
        def got(_event):
            parts = [e.payload for e in connection.recent()
                     if e.kind == "DATA" and e.stream == stream]
            return sum(map(len, parts)) >= count
        if connection.await_event(got) is None:
            raise TimeoutError(f"not {count} bytes of response({stream})")
        connection.forget()
    return step


CHANGES = [
    case("6.9.2-settings-open-the-window-of-open-streams", Reply(1, 200),
         headers(1, GET), headed(1), settings((INITIAL_WINDOW_SIZE, 65535)),
         settings=STALLED),
    case("6.9.2-settings-open-it-by-the-difference", Delivered(1, 7), headers(1, GET),
         headed(1), settings((INITIAL_WINDOW_SIZE, 3)),
         settings((INITIAL_WINDOW_SIZE, 7)), settings=STALLED),
    case("6.9.2-settings-make-a-window-negative", Delivered(1, 5), headers(1, GET),
         all_of(1, 10), settings((INITIAL_WINDOW_SIZE, 0)) + window_update(1, 10),
         until("SETTINGS_ACK"), window_update(1, 5), settings=((INITIAL_WINDOW_SIZE, 10),)),
    case("6.9.2-a-negative-window-sends-nothing", Delivered(1, 0), headers(1, GET),
         all_of(1, 10), settings((INITIAL_WINDOW_SIZE, 0)) + window_update(1, 10),
         settings=((INITIAL_WINDOW_SIZE, 10),)),
    case("6.9.2-settings-leave-the-connection-window", Delivered(1, 65535),
         headers(1, BIG), headed(1), settings((INITIAL_WINDOW_SIZE, 1 << 20)),
         settings=STALLED, survives=False),
    case("6.9.2-settings-overflow-an-open-stream", Goaway(FLOW_CONTROL_ERROR),
         OPEN + window_update(1, WINDOW_MAX - 65535) + settings((INITIAL_WINDOW_SIZE, 65536))),
    case("6.9.2-settings-hold-for-later-streams", Delivered(3, 0),
         headers(1, wire.HEAD), answered(1), settings((INITIAL_WINDOW_SIZE, 0)),
         until("SETTINGS_ACK"), headers(3, GET), headed(3)),
]

RECEIVING = [
    case("6.9.1-data-beyond-the-window-of-a-stream", error(1, FLOW_CONTROL_ERROR),
         settled, overfill(1), origin="not whole"),
    case("6.9.1-data-beyond-the-window-of-the-connection", Goaway(FLOW_CONTROL_ERROR),
         settled, overfill_all, origin="not whole"),
]

CASES = FRAMES + VALUES + UPDATES + SENDING + CHANGES + RECEIVING
