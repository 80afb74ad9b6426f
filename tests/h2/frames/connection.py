"""One raw connection to the server under test: sends any bytes, reads frames into events."""

import select
import socket
import time
from typing import NamedTuple

import hpack
import hyperframe.exceptions
import hyperframe.frame as known

import wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHUNK_BYTES = 1 << 16


class Event(NamedTuple):
    """What the server did: a frame, or the end of the connection (`CLOSED`)."""

    kind: str
    stream: int = 0
    code: int = 0
    payload: bytes = b""
    end: bool = False
    fields: tuple = ()

    @property
    def status(self):
        return next((int(value) for name, value in self.fields if name == b":status"), None)

    def __str__(self):
        what = {
            "RST_STREAM": lambda: f"({self.stream}, {wire.code_name(self.code)})",
            "GOAWAY": lambda: f"({wire.code_name(self.code)})",
            "HEADERS": lambda: f"({self.stream}, {self.status})",
            "DATA": lambda: f"({self.stream}, {len(self.payload)} bytes)",
            "CLOSED": lambda: f"({self.payload.decode()})",
        }
        return self.kind + what.get(self.kind, lambda: f"({self.stream})" if self.stream else "")()


class Connection:
    """`settings` are announced in the preface; `prefaced=False` sends nothing of itself."""

    def __init__(self, address, settings=(), patience_s=5.0, prefaced=True, mark=wire.MARK):
        self.socket = socket.create_connection(address, patience_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.patience_s, self.prefaced, self.mark = patience_s, prefaced, mark
        self.decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self.unread = bytearray()
        self.block = None
        self.events = []
        self.looked = 0
        self.closed = False
        self.peer = {}
        self.next_stream = 1
        self.owed = b""
        if prefaced:
            self.pump(PREFACE + wire.settings(*settings))
            self.await_event(lambda event: event.kind == "SETTINGS_ACK", forget=True)
            self.allow_table(dict(settings).get(wire.HEADER_TABLE_SIZE, 4096))

    def close(self):
        self.socket.close()

    def allow_table(self, size):
        """From now on the server may use no larger table; the decoder complains if it does."""
        self.decoder.max_allowed_table_size = min(size, 1 << 16)

    def forget(self):
        """What came so far is of no interest any more."""
        self.looked = len(self.events)

    def recent(self):
        return self.events[self.looked :]

    def deadline(self):
        return time.monotonic() + self.patience_s

    def take_stream(self):
        """The next stream of this connection, for those who do not care which."""
        self.next_stream += 2
        return self.next_stream - 2

    def await_event(self, wanted, until=None, forget=False):
        """Reads until an event fits; None when none came. `forget` drops all up to it."""
        until = until or self.deadline()
        at = self.looked
        while True:
            while at < len(self.events):
                event, at = self.events[at], at + 1
                if wanted(event):
                    self.looked = at if forget else self.looked
                    return event
            if self.closed or not self.read_some(until):
                return None

    def read_some(self, until):
        """Waits for bytes; false when none came in time."""
        left = until - time.monotonic()
        if self.closed or left <= 0 or not select.select([self.socket], [], [], left)[0]:
            return False
        self.receive()
        if self.owed and not self.closed:
            self.pump(b"")
        return True

    def pump(self, content, until=None, done=lambda: False):
        """Sends and reads until all is sent, `done`, or the server closes or takes no more."""
        until = until or self.deadline()
        content = self.owed + content.replace(wire.MARK, self.mark)
        self.owed = b""
        view = memoryview(content)
        while view and not self.closed and not done():
            left = until - time.monotonic()
            if left <= 0:
                return
            readable, writable, _ = select.select([self.socket], [self.socket], [], left)
            if readable:
                self.receive()
            if writable and not self.closed:
                try:
                    view = view[self.socket.send(view[:CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except OSError:
                    # The server has closed; what it said before is still to be read.
                    self.drain()
                    return

    def drain(self):
        until = self.deadline()
        while not self.closed and self.read_some(until):
            pass

    def receive(self):
        try:
            got = self.socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(error.strerror or "reset")
            return
        if not got:
            self.end("end of stream")
            return
        self.unread += got
        self.take_frames()

    def end(self, how):
        self.closed = True
        self.events.append(Event("CLOSED", payload=how.encode()))

    def take_frames(self):
        while len(self.unread) >= 9:
            head = memoryview(bytes(self.unread[:9]))
            try:
                frame, length = known.Frame.parse_frame_header(head)
                if len(self.unread) < 9 + length:
                    return
                frame.parse_body(memoryview(bytes(self.unread[9 : 9 + length])))
            except hyperframe.exceptions.HyperframeError as error:
                self.end(f"not HTTP/2: {error}: {bytes(self.unread[:40])}")
                return
            del self.unread[: 9 + length]
            self.take(frame)

    def take(self, frame):
        stream = frame.stream_id
        if isinstance(frame, known.SettingsFrame):
            self.take_settings(frame)
        elif isinstance(frame, known.RstStreamFrame):
            self.events.append(Event("RST_STREAM", stream, frame.error_code))
        elif isinstance(frame, known.GoAwayFrame):
            self.events.append(Event("GOAWAY", frame.last_stream_id, frame.error_code))
        elif isinstance(frame, known.PingFrame):
            if "ACK" in frame.flags:
                self.events.append(Event("PING_ACK", payload=bytes(frame.opaque_data)))
        elif isinstance(frame, known.WindowUpdateFrame):
            self.events.append(Event("WINDOW_UPDATE", stream, frame.window_increment))
        elif isinstance(frame, known.DataFrame):
            end = "END_STREAM" in frame.flags
            self.events.append(Event("DATA", stream, 0, bytes(frame.data), end))
        elif isinstance(frame, (known.HeadersFrame, known.ContinuationFrame)):
            self.take_block(frame)
        else:
            self.events.append(Event(type(frame).__name__, stream))

    def take_settings(self, frame):
        if "ACK" in frame.flags:
            self.events.append(Event("SETTINGS_ACK"))
            return
        self.peer.update(frame.settings)
        self.events.append(Event("SETTINGS"))
        # Sent before the next thing that is: here we may be in the middle of a frame.
        self.owed += wire.SETTINGS_ACK * self.prefaced

    def take_block(self, frame):
        if isinstance(frame, known.HeadersFrame):
            self.block = (frame.stream_id, "END_STREAM" in frame.flags, b"")
        stream, end, block = self.block
        self.block = (stream, end, block + frame.data)
        if "END_HEADERS" in frame.flags:
            decoded = tuple(self.decoder.decode(self.block[2], raw=True))
            pairs = tuple((bytes(field[0]), bytes(field[1])) for field in decoded)
            self.events.append(Event("HEADERS", stream, end=end, fields=pairs))
