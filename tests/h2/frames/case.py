"""A case: what is sent, what must come of it, and how one is played against a server."""

import time
from dataclasses import dataclass, field

import wire
from connection import Connection
from expect import ALIVE, DEAD, FENCE

# What may have reached an origin: no byte of it, no whole request, exactly one, or whatever.
NOTHING, NOT_WHOLE, ONCE, ANYTHING = "nothing", "not whole", "once", "anything"

# What is asked for when all is over. It bears no mark.
HONEST_STREAM = 0x7FFF0001
HONEST = wire.fields(
    (b":method", b"HEAD"), (b":scheme", b"http"), (b":path", b"/honest"),
    (b":authority", b"a.test"),
)


@dataclass
class Case:
    """`steps` are bytes, or functions that get the connection and may return bytes."""

    name: str
    expect: object
    steps: tuple
    settings: tuple = ()
    prefaced: bool = True
    origin: str = ANYTHING
    survives: bool = True
    group: str = "conformance"
    patience_s: float = 5.0
    number: int = field(default=0, init=False)

    @property
    def mark(self):
        return b"case-%04d" % self.number

    def play(self, address):
        """What was seen, and whether it is as expected."""
        how = (self.settings, self.patience_s, self.prefaced, self.mark)
        connection = Connection(address, *how)
        try:
            return self.dialogue(connection)
        finally:
            connection.close()

    def dialogue(self, connection):
        for step in self.steps:
            if callable(step):
                step = step(connection)
            if step:
                connection.pump(step)
        if self.expect.fenced:
            connection.pump(wire.ping(FENCE))
        verdict = self.verdict(connection)
        seen = told(connection.recent())
        if verdict == ALIVE and self.survives:
            problem = honest(connection)
            return (problem is None), seen + (f", then {problem}" if problem else "")
        return verdict in (ALIVE, DEAD), seen

    def verdict(self, connection):
        until = connection.deadline()
        while True:
            verdict = self.expect.decide(connection.recent())
            if verdict or connection.closed or not connection.read_some(until):
                return verdict


def honest(connection, stream=HONEST_STREAM):
    """Why a plain request is not served on this connection; None when it is."""
    if connection.closed:
        return "the connection is over"
    connection.forget()
    connection.pump(wire.headers(stream, HONEST))
    def over(event):
        return event.kind in ("CLOSED", "GOAWAY") or event.stream == stream and (
            event.end or event.kind == "RST_STREAM"
        )
    last = connection.await_event(over)
    if last is not None and last.stream == stream and last.end:
        return None
    return f"an honest request saw {told(connection.recent())}"


def told(events):
    """A line about what came, without what says nothing."""
    dull = ("WINDOW_UPDATE", "SETTINGS", "PING_ACK")
    words = []
    for event in events:
        if event.kind in dull:
            continue
        word = str(event)
        if event.kind == "DATA" and words and words[-1].startswith(f"DATA({event.stream},"):
            continue
        words.append(word)
    if len(words) > 8:
        words = words[:5] + ["..."] + words[-2:]
    return ", ".join(words) or "nothing"


def awaited(what, fits, forget=True):
    """A step that waits for an event and, unless told otherwise, forgets all up to it."""
    def step(connection):
        if connection.await_event(fits, forget=forget) is None:
            raise TimeoutError(f"no {what}; saw {told(connection.recent())}")
    return step


def until(kind, stream=0):
    """Waits for this kind of event."""
    return awaited(f"{kind}({stream})", lambda e: e.kind == kind and e.stream == stream)


def headed(stream):
    """Waits for the head of a response, which is not forgotten."""
    def fits(event):
        return event.kind == "HEADERS" and event.stream == stream
    return awaited(f"HEADERS({stream})", fits, forget=False)


def answered(stream):
    """Waits for the end of the response."""
    return awaited(f"response({stream})", lambda e: e.stream == stream and e.end)


def settled(connection):
    """A step that waits until the server has said all it wanted to say by itself."""
    connection.pump(wire.ping(b"settled?"))
    awaited("PING_ACK", lambda event: event.payload == b"settled?")(connection)


def pause(seconds):
    return lambda connection: time.sleep(seconds)
