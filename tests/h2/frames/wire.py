"""Frames and header blocks as bytes, well-formed or not: nothing here checks anything."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
ORIGIN, PRIORITY_UPDATE = 12, 16

END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6
ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 8, 9

CODES = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED "
    "FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM "
    "INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split()
(
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
    INADEQUATE_SECURITY, HTTP_1_1_REQUIRED,
) = range(len(CODES))

WINDOW_MAX = 2**31 - 1

# Replaced by the case's own number, of the same length, so that an origin can be asked for it.
MARK = b"case-0000"
PATH = b"/" + MARK


def code_name(code):
    return CODES[code] if code < len(CODES) else hex(code)


def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    length = len(payload) if length is None else length
    return length.to_bytes(3, "big") + bytes([kind, flags]) + u32(stream) + payload


def padded(payload, pad, claimed=None):
    claimed = pad if claimed is None else claimed
    return bytes([claimed]) + payload + b"\0" * pad


def headers(stream, block, end=True, done=True, pad=None, priority=None, flags=0):
    """HEADERS; `end` ends the stream, `done` the block."""
    flags |= END_STREAM * end | END_HEADERS * done
    if priority is not None:
        flags, block = flags | WITH_PRIORITY, priority + block
    if pad is not None:
        flags, block = flags | PADDED, padded(block, pad)
    return frame(HEADERS, flags, stream, block)


def continuation(stream, block=b"", done=True, flags=0):
    return frame(CONTINUATION, flags | END_HEADERS * done, stream, block)


def data(stream, payload=b"", end=False, pad=None, flags=0):
    flags |= END_STREAM * end
    if pad is not None:
        flags, payload = flags | PADDED, padded(payload, pad)
    return frame(DATA, flags, stream, payload)


def dependency(on, weight=16, exclusive=False):
    return u32(on | (0x80000000 if exclusive else 0)) + bytes([weight - 1])


def priority(stream, on=0, weight=16, exclusive=False):
    return frame(PRIORITY, 0, stream, dependency(on, weight, exclusive))


def rst(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, u32(code))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(u16(key) + u32(value) for key, value in pairs))


SETTINGS_ACK = frame(SETTINGS, ACK)


def push_promise(stream, promised, block):
    return frame(PUSH_PROMISE, END_HEADERS, stream, u32(promised) + block)


def ping(payload=b"01234567", ack=False):
    return frame(PING, ACK * ack, 0, payload)


def goaway(code=NO_ERROR, last=0, text=b"", stream=0):
    return frame(GOAWAY, 0, stream, u32(last) + u32(code) + text)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, u32(increment))


def priority_update(prioritized, value=b"u=1", stream=0):
    return frame(PRIORITY_UPDATE, 0, stream, u32(prioritized) + value)


def integer(value, prefix_bits, first=0):
    """An integer of RFC 7541 §5.1 below the bits of `first`."""
    top = (1 << prefix_bits) - 1
    if value < top:
        return bytes([first | value])
    out, value = [first | top], value - top
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def raw(text):
    return text if isinstance(text, bytes) else text.encode()


def string(text):
    text = raw(text)
    return integer(len(text), 7) + text


def huffman(coded):
    return integer(len(coded), 7, 0x80) + coded


def indexed(index):
    return integer(index, 7, 0x80)


def literal(name, value, first=0x00):
    """A literal with a new name: 0x00 without indexing, 0x10 never indexed, 0x40 indexed."""
    return bytes([first]) + string(name) + string(value)


def literal_of(index, value, first=0x00):
    """A literal that takes its name from a table."""
    return integer(index, 6 if first == 0x40 else 4, first) + string(value)


def table_size(size):
    return integer(size, 5, 0x20)


def fields(*pairs):
    return b"".join(literal(name, value) for name, value in pairs)


def request(*more, method=b"GET", scheme=b"http", path=PATH, authority=b"a.test"):
    """The block of a request with `more` fields; what is `None` is left out."""
    pseudo = ((b":method", method), (b":scheme", scheme), (b":path", path))
    given = [pair for pair in (*pseudo, (b":authority", authority)) if pair[1] is not None]
    return fields(*given, (b"x-case", MARK), *more)


GET = request()
POST = request(method=b"POST")
HEAD = request(method=b"HEAD")
TRAILERS = fields((b"x-trailer", b"last"))
