"""Where Weir is known to answer otherwise than a case demands, and why.

A case that is listed here and goes as it must, or goes wrong in another way, fails: then its line
is to be taken out, or to be thought about.
"""

import fnmatch

CODE = "the h2 crate has one error code for all of them; what must not pass does not"
FIELDS = "the h2 crate drops what must not be there before we see it"

# What name and expectation look like, a part of what is seen instead, the reason.
KNOWN = (
    ("*: GOAWAY(COMPRESSION_ERROR)", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("6.*-of-?-octets*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("6.8-goaway-empty*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("6.5-settings-ack-with-payload*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("4.2-headers-with-priority-too-short*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("5.4.1-connection-error-ends-it*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("6.5.2-window-*too-large*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("5.1-half-closed-data*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("5.1-half-closed-headers:*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("5.1-half-closed-trailers*", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("3.4-preface-without-settings*", "HEADERS(1, 200)", "the h2 crate asks for no SETTINGS first"),
    ("3.4-preface-then-[pw]*", "nothing", "the h2 crate asks for no SETTINGS first"),
    ("3.4-preface-then-settings-ack*", "nothing", "the h2 crate asks for no SETTINGS first"),
    ("8.1-trailers-with-method*", "HEADERS(1, 200)", FIELDS),
    ("8.1-trailers-with-path*", "HEADERS(1, 200)", FIELDS),
    ("8.1-trailers-with-status*", "HEADERS(1, 200)", FIELDS),
    ("8.3-path-with-fragment*", "HEADERS(1, 200)", FIELDS),
    ("8.1-block-of-a-self-dependent-*", "HEADERS(5, 200)",
     "the h2 crate does not decode the block of a stream that depends on itself"),
    ("8.2.1-name-of-token-characters*", "HEADERS(1, 400)", "a `#` in a name is refused"),
    ("8.3-host-alone*", "HEADERS(1, 400)", "the h2 crate shows no scheme without an authority"),
    ("9218-7.1-update-o[fn]-*: GOAWAY*", "nothing", "what is wrong is passed over"),
    ("9218-2.1-no-rfc7540-priorities-2*", "SETTINGS_ACK", "the setting is not looked at"),
)


def fits(case, pattern):
    return fnmatch.fnmatchcase(f"{case.name}: {case.expect}", pattern)


def judge(case, good, seen):
    """Whether that is what was to be expected of this case, what was seen, and the reason why it
    may go otherwise than it must."""
    listed = [(part, why) for pattern, part, why in KNOWN if fits(case, pattern)]
    if not listed:
        return good, seen, None
    if good:
        return False, f"{seen}, as it must be: take it out of known.py", None
    why = next((why for part, why in listed if part in seen), None)
    return why is not None, seen, why
