"""Clients that hold something and go on with nothing: the server's deadlines end it.

For a server whose deadlines for a head, for progress of a body and for the next request are
short.
"""

import time
from dataclasses import dataclass

import wire
from abuse import Neighbour
from case import Case, answered
from connection import PREFACE
from expect import ALIVE, WRONG, Closed, Expectation, Goaway, Reply, Reset, failed
from wire import GET, INITIAL_WINDOW_SIZE, POST, continuation, data, headers, request

BIG = request(path=b"/big")
STREAMS = range(1, 201, 2)
ANY = range(14)


@dataclass
class Stall(Case):
    group: str = "stalls"
    patience_s: float = 10.0

    def play(self, address):
        neighbour = Neighbour(address, self.patience_s)
        neighbour.start()
        good, seen = super().play(address)
        problem = neighbour.leave()
        return good and problem is None, seen + (f"; {problem}" if problem else "")


class AllOver(Expectation):
    """Every one of these streams is given up by the server, or answered."""

    def __init__(self, streams):
        self.streams = set(streams)

    def decide(self, events):
        gone = {event.stream for event in events if event.kind == "RST_STREAM" or event.end}
        return ALIVE if self.streams <= gone else WRONG if failed(events) else None

    def __str__(self):
        return f"the end of all {len(self.streams)} streams"


def stall(name, expect, *steps, **more):
    return Stall(f"stall-{name}", expect, steps, **more)


def trickle(make, gap_s=0.1, count=60):
    """Sends a little again and again, until the server has enough."""
    def step(connection):
        for number in range(count):
            if connection.closed:
                return
            connection.pump(make(number))
            connection.read_some(time.monotonic() + gap_s)
    return step


ENDED = AllOver(STREAMS) | Goaway(wire.ENHANCE_YOUR_CALM)
TIMED_OUT = Goaway(*ANY)

CASES = [
    stall("zero-window-on-100-streams", ENDED, b"".join(headers(s, BIG) for s in STREAMS),
          settings=((INITIAL_WINDOW_SIZE, 0),), survives=False),
    stall("broke-window-cve-2024-30156", ENDED, b"".join(headers(s, BIG) for s in STREAMS),
          settings=((INITIAL_WINDOW_SIZE, 1 << 20),), survives=False),
    stall("zero-window-on-one-stream", Reset(1, *ANY), headers(1, BIG),
          settings=((INITIAL_WINDOW_SIZE, 0),)),
    stall("zero-window-after-a-part", Reset(1, *ANY), headers(1, BIG),
          settings=((INITIAL_WINDOW_SIZE, 1000),)),
    stall("headers-without-continuation", TIMED_OUT, headers(1, GET, done=False)),
    stall("headers-byte-by-byte", TIMED_OUT, headers(1, b"", done=False),
          trickle(lambda number: continuation(1, GET[number : number + 1], done=False))),
    stall("headers-frame-byte-by-byte", TIMED_OUT,
          trickle(lambda number: headers(1, GET)[number : number + 1])),
    stall("head-of-a-frame-cut", TIMED_OUT, headers(1, GET)[:5]),
    stall("headers-frame-cut", TIMED_OUT, headers(1, GET)[:30]),
    stall("trailers-without-continuation", Goaway(*ANY) | Reset(1, *ANY) | Reply(1, 408),
          headers(1, POST, end=False) + data(1, b"x") + headers(1, wire.TRAILERS[:3], done=False),
          survives=False),
    stall("body-that-does-not-come", Reset(1, *ANY) | Reply(1, 408), headers(1, POST, end=False)),
    stall("body-that-stops", Reset(1, *ANY) | Reply(1, 408),
          headers(1, POST, end=False) + data(1, b"x")),
    stall("bodies-of-100-streams-that-do-not-come",
          AllOver(STREAMS) | Goaway(wire.ENHANCE_YOUR_CALM),
          b"".join(headers(stream, POST, end=False) for stream in STREAMS),
          survives=False),
    stall("nothing-after-a-request", TIMED_OUT, headers(1, GET), answered(1)),
    stall("nothing-at-all", TIMED_OUT),
    stall("preface-cut", Closed(*ANY), PREFACE[:10], prefaced=False),
    stall("preface-byte-by-byte", Closed(*ANY),
          trickle(lambda number: PREFACE[number : number + 1]), prefaced=False),
    stall("no-settings", Closed(*ANY), PREFACE, prefaced=False),
    stall("settings-cut", Closed(*ANY), PREFACE + wire.settings((4, 65535))[:12], prefaced=False),
    stall("nothing-is-sent", Closed(*ANY), prefaced=False),
]
