"""Where Weir is known to answer otherwise than a case demands, and why.

A case that is listed here and goes as it must, or goes wrong in another way, fails: then its line
is to be taken out, or to be thought about.
"""

import fnmatch

CODE = "the h2 crate has one error code for all that cannot be decoded; none of it passes"
FIELDS = "the h2 crate drops what must not be there before we see it"

# What name and expectation look like, a part of what is seen instead, the reason.
KNOWN = (
    ("*: GOAWAY(COMPRESSION_ERROR)", "GOAWAY(PROTOCOL_ERROR)", CODE),
    ("8.1-trailers-with-method*", "HEADERS(1, 200)", FIELDS),
    ("8.1-trailers-with-path*", "HEADERS(1, 200)", FIELDS),
    ("8.1-trailers-with-status*", "HEADERS(1, 200)", FIELDS),
    ("8.3-path-with-fragment*", "HEADERS(1, 200)", FIELDS),
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
