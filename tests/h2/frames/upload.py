"""Senders of large request bodies: an honest one that keeps to the windows the server opens, and
one that sends more."""

import time

import wire
from case import told

# How long a server that gives no window is waited for until it is taken to be full.
FULL_AFTER_S = 1.0

# What no server takes of a body that nobody reads.
FULL_BYTES_MAX = 64 << 20

UNREAD = wire.request(method=b"POST", path=b"/unread")


class Uploads:
    """The windows of a connection and what has been taken from them; `spent` is what was taken
    before, of that of the connection."""

    def __init__(self, connection, spent=0):
        self.connection = connection
        self.spent, self.of_streams = spent, {}

    def open(self, stream, block=wire.POST):
        self.of_streams[stream] = 0
        self.connection.pump(wire.headers(stream, block, end=False))

    def room(self, stream):
        """What the server lets come: on all streams, and on this one."""
        updates = [event for event in self.connection.events if event.kind == "WINDOW_UPDATE"]
        initial = self.connection.peer.get(wire.INITIAL_WINDOW_SIZE, 65535)
        of_all = 65535 + sum(event.code for event in updates if event.stream == 0)
        of_stream = initial + sum(event.code for event in updates if event.stream == stream)
        return of_all - self.spent, of_stream - self.of_streams[stream]

    def send(self, stream, size, end=False, pad=None):
        charged = size + (0 if pad is None else pad + 1)
        self.spent += charged
        self.of_streams[stream] += charged
        self.connection.pump(wire.data(stream, b"x" * size, end=end, pad=pad))

    def body(self, stream, total, pad=None, size_max=16128):
        """A whole body in frames of at most `size_max`, padded by `pad`."""
        overhead, sent = (0 if pad is None else pad + 1), 0
        while sent < total:
            size = min(*self.room(stream), size_max + overhead) - overhead
            size = min(size, total - sent)
            if size <= 0 and not self.connection.read_some(self.connection.deadline()):
                saw = told(self.connection.recent())
                raise TimeoutError(f"no window after {sent} bytes; saw {saw}")
            if size > 0:
                sent += size
                self.send(stream, size, sent == total, pad)

    def fill(self, stream):
        """A body that nobody reads, until the server takes no more of it."""
        self.open(stream, UNREAD)
        while not self.connection.closed:
            if self.of_streams[stream] > FULL_BYTES_MAX:
                raise OverflowError(f"{FULL_BYTES_MAX} bytes were taken and not read")
            size = min(*self.room(stream), 16384)
            if size > 0:
                self.send(stream, size)
            elif not self.connection.read_some(time.monotonic() + FULL_AFTER_S):
                return


def upload(stream, total, spent=0, **how):
    """A step that sends a request with a body of `total` bytes."""
    def step(connection):
        uploads = Uploads(connection, spent)
        uploads.open(stream)
        uploads.body(stream, total, **how)
    return step


def upload_padded(stream):
    """A step that sends so much padding that a server which gave no window back for it would
    end at none."""
    def step(connection):
        uploads = Uploads(connection)
        uploads.open(stream)
        frames = uploads.room(stream)[1] // 256 + 100
        uploads.body(stream, frames * 256, pad=255, size_max=256)
    return step


def overfill(stream):
    """A step that sends one byte more than the window of a stream."""
    def step(connection):
        uploads = Uploads(connection)
        uploads.fill(stream)
        uploads.send(stream, max(uploads.room(stream)[1], 0) + 1)
    return step


def overfill_all(connection):
    """Sends one byte more than the window of the connection, each stream keeping to its own."""
    uploads = Uploads(connection)
    for stream in range(1, 99, 2):
        uploads.fill(stream)
        of_all, of_stream = uploads.room(stream)
        if of_all <= 0 < of_stream:
            uploads.send(stream, 1)
            return
        if of_all <= 0:
            uploads.open(stream + 2, UNREAD)
            uploads.send(stream + 2, 1)
            return
