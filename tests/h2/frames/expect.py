"""What a server may do about a sequence of frames, decided from the events that came of it.

An expectation looks at the events so far and says `ALIVE` (met, and the connection goes on),
`DEAD` (met, and the connection is over), `WRONG`, or None: not decided yet.
"""

from wire import CODES, PROTOCOL_ERROR, code_name

ALIVE, DEAD, WRONG = "alive", "dead", "wrong"

# What the ping carries that is sent behind everything.
FENCE = b"\xffFENCE!\xff"


def names(codes):
    if len(codes) == len(CODES):
        return "any code"
    return "|".join(code_name(code) for code in codes)


def ended(events):
    return any(event.kind == "CLOSED" for event in events)


def fence_passed(events):
    return any(event.kind == "PING_ACK" and event.payload == FENCE for event in events)


def failed(events):
    """An error of the whole connection."""
    return any(event.kind == "GOAWAY" and event.code for event in events) or ended(events)


class Expectation:
    # Whether a ping is to be sent behind everything.
    fenced = False

    def __or__(self, other):
        return AnyOf(self, other)


class AnyOf(Expectation):
    def __init__(self, *options):
        self.options = options
        self.fenced = any(option.fenced for option in options)

    def decide(self, events):
        verdicts = [option.decide(events) for option in self.options]
        met = next((verdict for verdict in verdicts if verdict in (ALIVE, DEAD)), None)
        return met or (WRONG if set(verdicts) == {WRONG} else None)

    def __str__(self):
        return " or ".join(map(str, self.options))


class Goaway(Expectation):
    """GOAWAY with one of these codes, and only then the end."""

    def __init__(self, *codes):
        self.codes = codes

    def decide(self, events):
        if not ended(events):
            return None
        codes = [event.code for event in events if event.kind == "GOAWAY"]
        return DEAD if codes and codes[-1] in self.codes else WRONG

    def __str__(self):
        return f"GOAWAY({names(self.codes)})"


class Reset(Expectation):
    """RST_STREAM with one of these codes."""

    def __init__(self, stream, *codes):
        self.stream, self.codes = stream, codes

    def decide(self, events):
        for event in events:
            if event.kind == "RST_STREAM" and event.stream == self.stream:
                return ALIVE if event.code in self.codes else WRONG
        return WRONG if failed(events) else None

    def __str__(self):
        return f"RST_STREAM({self.stream}, {names(self.codes)})"


class Reply(Expectation):
    """A whole response with one of these statuses, whose body has `holds` in it."""

    # A server whose responses do not show the request cannot be asked what it understood.
    echoes = True

    def __init__(self, stream, *statuses, holds=(), lacks=(), length=None):
        self.stream, self.statuses, self.length = stream, statuses, length
        self.holds, self.lacks = holds, lacks

    def decide(self, events):
        mine = [event for event in events if event.stream == self.stream]
        if not any(event.end for event in mine):
            lost = failed(events) or any(event.kind == "RST_STREAM" for event in mine)
            return WRONG if lost else None
        status = next((event.status for event in mine if (event.status or 0) >= 200), None)
        body = b"".join(event.payload for event in mine if event.kind == "DATA").lower()
        fits = status in self.statuses and self.length in (None, len(body))
        if self.echoes:
            fits = fits and all(part.lower() in body for part in self.holds)
            fits = fits and not any(part.lower() in body for part in self.lacks)
        return ALIVE if fits else WRONG

    def __str__(self):
        statuses = "|".join(map(str, self.statuses))
        more = f" with {list(self.holds)}" if self.holds else ""
        more += f" without {list(self.lacks)}" if self.lacks else ""
        more += f" of {self.length} bytes" if self.length is not None else ""
        return f"response({self.stream}, {statuses}){more}"


class Seen(Expectation):
    """One event of this kind."""

    def __init__(self, kind, stream=0, payload=None):
        self.kind, self.stream, self.payload = kind, stream, payload

    def decide(self, events):
        for event in events:
            if event.kind == self.kind and self.payload in (None, event.payload):
                if event.stream == self.stream:
                    return ALIVE
        return WRONG if failed(events) else None

    def __str__(self):
        return self.kind + (f"({self.payload})" if self.payload else "")


class Unharmed(Expectation):
    """No error of any kind; a ping that was sent behind everything is answered."""

    fenced = True

    def decide(self, events):
        if failed(events) or any(event.kind == "RST_STREAM" for event in events):
            return WRONG
        return ALIVE if fence_passed(events) else None

    def __str__(self):
        return "nothing but service"


class Closed(Expectation):
    """The connection ends; a GOAWAY before it is welcome and not needed."""

    def __init__(self, *codes):
        self.codes = codes

    def decide(self, events):
        if not ended(events):
            return None
        codes = [event.code for event in events if event.kind == "GOAWAY"]
        return DEAD if not codes or codes[-1] in self.codes else WRONG

    def __str__(self):
        return "the end" + (f" or GOAWAY({names(self.codes)})" if self.codes else "")


class Delivered(Expectation):
    """Exactly so many bytes of the response and no more."""

    fenced = True

    def __init__(self, stream, count):
        self.stream, self.count = stream, count

    def decide(self, events):
        parts = [e.payload for e in events if e.kind == "DATA" and e.stream == self.stream]
        got = sum(map(len, parts))
        if got > self.count or failed(events):
            return WRONG
        return ALIVE if got == self.count and fence_passed(events) else None

    def __str__(self):
        return f"{self.count} bytes of response({self.stream}) and no more"


class First(Expectation):
    """The very first frame is of this kind."""

    def __init__(self, kind):
        self.kind = kind

    def decide(self, events):
        return None if not events else ALIVE if events[0].kind == self.kind else WRONG

    def __str__(self):
        return f"{self.kind} first of all"


def error(stream, *codes):
    """A stream error, which may also be treated as one of the connection (RFC 9113 §5.4.2)."""
    return Reset(stream, *codes) | Goaway(*codes)


def refused(stream=1, *statuses):
    """A malformed request: answered as bad, or an error of the stream, which may also be
    treated as one of the connection (RFC 9113 §8.1.1, §5.4.2)."""
    return Reply(stream, 400, *statuses) | error(stream, PROTOCOL_ERROR)


UNHARMED = Unharmed()
