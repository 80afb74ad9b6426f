"""RFC 9113 §6.1 to §6.4, §6.6 to §6.8, §6.10: each type of frame, its stream and its length."""

import wire
from case import Case, headed, settled
from expect import UNHARMED, Goaway, Reply, Seen, error
from upload import upload, upload_padded
from wire import (
    FRAME_SIZE_ERROR, GET, INITIAL_WINDOW_SIZE, POST, PROTOCOL_ERROR, TRAILERS, continuation,
    data, frame, headers,
)

OPEN = headers(1, POST, end=False)
TAIL = data(1, b"x", end=True)

# For a response of any length.
OPEN_WINDOW = ((INITIAL_WINDOW_SIZE, 1 << 26),)
WIDE = wire.window_update(0, 1 << 26)


def case(name, expect, *steps, **more):
    return Case(name, expect, steps, **more)


OF_DATA = [
    case("6.1-data-in-many", Reply(1, 200, holds=[b"abc"]),
         OPEN + data(1, b"a") + data(1, b"b") + data(1, b"c", end=True)),
    case("6.1-data-padded", Reply(1, 200, holds=[b"abc"]), OPEN + data(1, b"abc", True, pad=200)),
    case("6.1-data-of-padding-only", Reply(1, 200), OPEN + data(1, b"", True, pad=255)),
    case("6.1-data-padded-by-0", Reply(1, 200, holds=[b"abc"]), OPEN + data(1, b"abc", True, 0)),
    case("6.1-data-ends-empty", Reply(1, 200, holds=[b"abc"]),
         OPEN + data(1, b"abc") + data(1, b"", end=True)),
    case("6.1-padding-is-not-zero", Reply(1, 200) | error(1, PROTOCOL_ERROR),
         OPEN + frame(wire.DATA, 9, 1, b"\3abc\1\2\3")),
    case("6.1-data-on-stream-0", Goaway(PROTOCOL_ERROR), data(0, b"x")),
    case("6.1-padding-as-long-as-the-payload", Goaway(PROTOCOL_ERROR),
         OPEN + frame(wire.DATA, wire.PADDED, 1, b"\4abc")),
    case("6.1-padding-longer-than-the-payload", Goaway(PROTOCOL_ERROR),
         OPEN + frame(wire.DATA, wire.PADDED, 1, b"\xffabc")),
    case("6.1-padding-is-credited", Reply(1, 200), WIDE, settled, upload_padded(1),
         settings=OPEN_WINDOW),
    case("6.1-a-mebibyte", Reply(1, 200), WIDE, settled, upload(1, 1 << 20),
         settings=OPEN_WINDOW),
]

OF_HEADERS = [
    case("6.2-headers-padded", Reply(1, 200), headers(1, GET, pad=200)),
    case("6.2-headers-padded-with-priority", Reply(1, 200),
         headers(1, GET, pad=9, priority=wire.dependency(0))),
    case("6.2-headers-on-stream-0", Goaway(PROTOCOL_ERROR), headers(0, GET), origin="nothing"),
    case("6.2-padding-longer-than-the-payload", Goaway(PROTOCOL_ERROR),
         frame(wire.HEADERS, 0x0D, 1, b"\xff" + GET[:200]), origin="nothing"),
    case("6.2-padding-leaves-no-room-for-priority", Goaway(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
         frame(wire.HEADERS, 0x2D, 1, b"\4" + b"\0" * 7)),
    case("6.2-trailers-padded", Reply(1, 200), OPEN + data(1, b"x") + headers(1, TRAILERS, pad=1)),
]

OF_PRIORITY = [
    case("6.3-priority-on-stream-0", Goaway(PROTOCOL_ERROR), wire.priority(0)),
    *[case(f"6.3-priority-of-{length}-octets", error(1, FRAME_SIZE_ERROR),
           OPEN + frame(wire.PRIORITY, 0, 1, b"\0" * length)) for length in (0, 4, 6)],
    case("6.3-priority-of-4-octets-on-idle", error(1, FRAME_SIZE_ERROR),
         frame(wire.PRIORITY, 0, 1, b"\0" * 4)),
    case("6.3-priority-of-4-octets-half-closed", error(1, FRAME_SIZE_ERROR),
         headers(1, GET), headed(1), frame(wire.PRIORITY, 0, 1, b"1234"),
         settings=((INITIAL_WINDOW_SIZE, 0),)),
]

OF_RST_STREAM = [
    case("6.4-rst-stream-unknown-code", UNHARMED, OPEN + wire.rst(1, 0xDEAD)),
    case("6.4-rst-stream-on-stream-0", Goaway(PROTOCOL_ERROR), wire.rst(0)),
    *[case(f"6.4-rst-stream-of-{length}-octets", Goaway(FRAME_SIZE_ERROR),
           OPEN + frame(wire.RST_STREAM, 0, 1, b"\0" * length)) for length in (0, 3, 5)],
    case("6.4-rst-stream-stops-the-response", UNHARMED, headers(1, GET), headed(1),
         wire.rst(1) + wire.settings((INITIAL_WINDOW_SIZE, 65535)),
         settings=((INITIAL_WINDOW_SIZE, 0),)),
]

OF_PUSH_PROMISE = [
    case("6.6-push-promise-of-a-client", Goaway(PROTOCOL_ERROR),
         OPEN + wire.push_promise(1, 2, GET), origin="not whole"),
    case("6.6-push-promise-on-stream-0", Goaway(PROTOCOL_ERROR), wire.push_promise(0, 2, GET)),
    case("6.6-push-promise-of-an-odd-stream", Goaway(PROTOCOL_ERROR),
         OPEN + wire.push_promise(1, 3, GET)),
    case("6.6-push-promise-too-short", Goaway(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
         OPEN + frame(wire.PUSH_PROMISE, 4, 1, b"\0\0")),
]

OF_PING = [
    case("6.7-ping", Seen("PING_ACK", payload=b"\0\1\2\3\xff\xfe\xfd\xfc"),
         wire.ping(b"\0\1\2\3\xff\xfe\xfd\xfc")),
    case("6.7-pings-in-a-row", Seen("PING_ACK", payload=b"00000009"),
         b"".join(wire.ping(b"%08d" % i) for i in range(10))),
    case("6.7-ping-ack-that-nobody-awaits", UNHARMED, wire.ping(b"notyours", ack=True)),
    case("6.7-ping-while-a-response-stands", Seen("PING_ACK", payload=b"01234567"),
         headers(1, GET), headed(1), wire.ping(), settings=((INITIAL_WINDOW_SIZE, 0),)),
    case("6.7-ping-on-a-stream", Goaway(PROTOCOL_ERROR), frame(wire.PING, 0, 1, b"01234567")),
    case("6.7-ping-ack-on-a-stream", Goaway(PROTOCOL_ERROR), frame(wire.PING, 1, 1, b"01234567")),
    *[case(f"6.7-ping-of-{length}-octets", Goaway(FRAME_SIZE_ERROR),
           frame(wire.PING, 0, 0, b"\0" * length)) for length in (0, 7, 9)],
    case("6.7-ping-ack-of-7-octets", Goaway(FRAME_SIZE_ERROR), frame(wire.PING, 1, 0, b"1234567")),
]

OF_GOAWAY = [
    case("6.8-streams-end-after-goaway", Reply(1, 200),
         OPEN + wire.goaway(), TAIL, survives=False),
    case("6.8-goaway-with-text", Reply(1, 200),
         OPEN + wire.goaway(wire.NO_ERROR, 0, b"good bye"), TAIL, survives=False),
    case("6.8-goaway-unknown-code", Reply(1, 200) | Goaway(*range(14)),
         OPEN + wire.goaway(0xDEAD), TAIL, survives=False),
    case("6.8-goaway-on-a-stream", Goaway(PROTOCOL_ERROR), wire.goaway(stream=1)),
    case("6.8-goaway-of-7-octets", Goaway(FRAME_SIZE_ERROR), frame(wire.GOAWAY, 0, 0, b"1234567")),
    case("6.8-goaway-empty", Goaway(FRAME_SIZE_ERROR), frame(wire.GOAWAY)),
]

OF_CONTINUATION = [
    case("6.10-continuation-on-stream-0", Goaway(PROTOCOL_ERROR),
         headers(1, GET[:9], done=False) + continuation(0, GET[9:]), origin="nothing"),
    case("6.10-continuation-after-the-end-of-headers", Goaway(PROTOCOL_ERROR),
         headers(1, GET) + continuation(1, TRAILERS)),
    case("6.10-continuation-after-the-end-of-continuation", Goaway(PROTOCOL_ERROR),
         headers(1, GET[:9], done=False) + continuation(1, GET[9:]) + continuation(1, TRAILERS)),
    case("6.10-continuation-after-data", Goaway(PROTOCOL_ERROR),
         OPEN + data(1, b"x") + continuation(1, TRAILERS), origin="not whole"),
    case("6.10-continuation-after-settings", Goaway(PROTOCOL_ERROR),
         wire.settings() + continuation(1, GET)),
    case("6.10-continuation-empty", Reply(1, 200),
         headers(1, GET[:9], done=False) + continuation(1, b"", False) + continuation(1, GET[9:])),
    case("6.10-trailers-continued", Reply(1, 200),
         OPEN + data(1, b"x") + headers(1, TRAILERS[:4], done=False)
         + continuation(1, TRAILERS[4:])),
    case("6.10-end-of-stream-is-that-of-headers", Reply(1, 200),
         headers(1, GET[:9], done=False) + continuation(1, GET[9:], flags=wire.END_STREAM)),
]

ERROR_CODES = [
    case("7-rst-stream-with-every-code", Reply(101, 200),
         b"".join(headers(2 * code + 1, POST, end=False) + wire.rst(2 * code + 1, code)
                  for code in range(14)) + headers(101, GET)),
    case("7-goaway-with-enhance-your-calm", Reply(1, 200) | Goaway(*range(14)),
         OPEN + wire.goaway(wire.ENHANCE_YOUR_CALM), TAIL, survives=False),
]

CASES = (
    OF_DATA + OF_HEADERS + OF_PRIORITY + OF_RST_STREAM + OF_PUSH_PROMISE + OF_PING + OF_GOAWAY
    + OF_CONTINUATION + ERROR_CODES
)
