"""Lints the one response in the file named by its first argument.

Exit code 1 and one line for each note that says something is bad or to be warned of. With
`configured` as the second argument the freshness is left out: it is the configuration's matter.
"""

import sys

from httplint import HttpResponseLinter
from httplint.note import categories, levels


def parse(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    version, status, phrase = (start.split(b" ", 2) + [b""])[:3]
    fields = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines]
    return (version, status, phrase), fields, body


def main():
    with open(sys.argv[1], "rb") as file:
        top, fields, body = parse(file.read())
    linter = HttpResponseLinter()
    linter.process_response_topline(*top)
    linter.process_headers(fields)
    linter.feed_content(body)
    linter.finish_content(True)
    faults = [note for note in linter.notes if note.level in (levels.BAD, levels.WARN)]
    # What a status code says of itself ("the request was not understood") is no fault of ours.
    faults = [note for note in faults if type(note).__module__ != "httplint.status"]
    if sys.argv[2:] == ["configured"]:
        faults = [note for note in faults if note.category is not categories.CACHING]
    for note in faults:
        print(f"{top[1].decode()} {note.level}: {note.summary} {dict(note.vars)}")
    sys.exit(1 if faults else 0)


main()
