"""RFC 7541: the tables, integers, strings and representations of header compression."""

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

import wire
from case import NOTHING, ONCE, Case, answered, until
from expect import Goaway, Reply, refused
from wire import (
    COMPRESSION_ERROR, GET, HEADER_TABLE_SIZE, headers, huffman, indexed, integer, literal,
    literal_of, table_size,
)

PLAIN, INDEXED, NEVER = 0x00, 0x40, 0x10


def code(text):
    return HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)


def good(name, *blocks, holds=(), **more):
    """Blocks that must be understood; the last response shows what of."""
    steps = []
    for number, block in enumerate(blocks):
        stream = 2 * number + 1
        last = number == len(blocks) - 1
        steps += [headers(stream, block)] + ([] if last else [answered(stream)])
    expect = Reply(2 * len(blocks) - 1, 200, holds=holds)
    return Case(f"7541-{name}", expect, tuple(steps), origin="anything" if blocks[1:] else ONCE,
                **more)


def bad(name, *blocks):
    """Blocks of which the last cannot be decoded."""
    before = tuple(part for number, block in enumerate(blocks[:-1])
                   for part in (headers(2 * number + 1, block), answered(2 * number + 1)))
    last = headers(2 * len(blocks) - 1, blocks[-1])
    origin = "anything" if before else NOTHING
    return Case(f"7541-{name}", Goaway(COMPRESSION_ERROR), (*before, last), origin=origin)


def bad_end(name, end):
    """A request followed by what cannot be decoded."""
    return bad(name, GET + end)


SHORT = indexed(2) + indexed(6) + literal_of(4, wire.PATH) + literal_of(1, b"a.test")
KEPT = literal(b"x-kept", b"in-table", INDEXED)
OTHER = literal(b"x-other", b"also", INDEXED)
KEPT_BYTES = 32 + len(b"x-kept") + len(b"in-table")

REPRESENTATIONS = [
    good("6.1-indexed-of-the-static-table", SHORT, holds=[b"get /case-"]),
    good("6.1-last-of-the-static-table", GET + indexed(61), holds=[b"www-authenticate: \r\n"]),
    good("6.2.1-literal-with-indexing", GET + KEPT, holds=[b"x-kept: in-table"]),
    good("6.2.1-used-in-the-same-block", GET + KEPT + literal_of(62, b"again", INDEXED),
         holds=[b"x-kept: in-table", b"x-kept: again"]),
    good("6.2.1-used-in-the-next-block", GET + KEPT, GET + indexed(62),
         holds=[b"x-kept: in-table"]),
    good("6.2.1-name-of-the-static-table", GET + literal_of(58, b"weir-test", INDEXED),
         holds=[b"user-agent: weir-test"]),
    good("6.2.2-literal-without-indexing", GET + literal(b"x-plain", b"yes"),
         holds=[b"x-plain: yes"]),
    good("6.2.2-name-of-the-dynamic-table", GET + KEPT, GET + literal_of(62, b"new"),
         holds=[b"x-kept: new"]),
    good("6.2.3-literal-never-indexed", GET + literal(b"x-secret", b"pass", NEVER),
         holds=[b"x-secret: pass"]),
    good("6.2.3-never-indexed-with-a-known-name", GET + literal_of(32, b"a=secret", NEVER),
         holds=[b"cookie: a=secret"]),
    good("2.3.2-last-in-first-out", GET + KEPT + OTHER, GET + indexed(62) + indexed(63),
         holds=[b"x-other: also\r\nx-kept: in-table"]),
    good("2.3.2-the-same-entry-twice", GET + KEPT + KEPT, GET + indexed(62) + indexed(63),
         holds=[b"x-kept: in-table\r\nx-kept: in-table"]),
    bad_end("6.1-index-0", indexed(0)),
    bad_end("2.3.3-index-beyond-the-static-table", indexed(62)),
    bad_end("2.3.3-index-beyond-the-dynamic-table", KEPT + indexed(63)),
    bad_end("2.3.3-index-far-beyond", indexed(5000)),
    bad_end("2.3.3-name-index-beyond-with-indexing", literal_of(62, b"x", INDEXED)),
    bad_end("2.3.3-name-index-beyond-without-indexing", literal_of(70, b"x")),
    bad_end("2.3.3-name-index-beyond-never-indexed", literal_of(70, b"x", NEVER)),
]


def announced(connection):
    return connection.peer.get(HEADER_TABLE_SIZE, 4096)


def beyond(connection):
    return headers(1, table_size(announced(connection) + 1) + GET)


def filled(count, size):
    """Entries of this size each, whose values tell them apart."""
    value = size - 32 - len(b"x-00")
    return b"".join(literal(b"x-%02d" % i, b"%02d" % i + b"v" * (value - 2), INDEXED)
                    for i in range(count))


TABLES = [
    good("4.2-size-update-at-the-start", table_size(100) + GET),
    good("4.2-two-size-updates-at-the-start", table_size(0) + table_size(4096) + GET + KEPT,
         GET + indexed(62), holds=[b"x-kept: in-table"]),
    good("4.2-size-update-keeps-what-fits", GET + KEPT,
         table_size(KEPT_BYTES) + GET + indexed(62), holds=[b"x-kept: in-table"]),
    good("4.3-nothing-is-kept-in-a-table-of-0", table_size(0) + GET + KEPT + OTHER,
         table_size(4096) + GET + OTHER + indexed(62), holds=[b"x-other: also"]),
    good("4.4-entry-as-large-as-the-table", table_size(KEPT_BYTES) + GET + KEPT,
         GET + indexed(62), holds=[b"x-kept: in-table"]),
    good("4.4-entry-larger-than-the-table-is-no-error",
         GET + KEPT + literal(b"x-large", b"v" * 5000, INDEXED)),
    good("4.4-name-taken-from-an-entry-that-goes", table_size(60) + GET + KEPT,
         GET + literal_of(62, b"longer-value", INDEXED), GET + indexed(62),
         holds=[b"x-kept: longer-value"]),
    bad("4.2-size-update-in-the-middle", GET + table_size(100) + KEPT),
    bad_end("4.2-size-update-at-the-end", table_size(100)),
    Case("7541-6.3-size-update-beyond-the-limit", Goaway(COMPRESSION_ERROR), (beyond,)),
    bad("6.3-size-update-far-beyond", table_size(2**30) + GET),
    bad("4.3-size-0-evicts-all", GET + KEPT, table_size(0) + GET + indexed(62)),
    bad("4.3-size-0-and-back-evicts-all", GET + KEPT,
        table_size(0) + table_size(4096) + GET + indexed(62)),
    bad("4.3-one-octet-too-small-evicts", GET + KEPT,
        table_size(KEPT_BYTES - 1) + GET + indexed(62)),
    bad("4.4-entry-larger-than-the-table-empties-it", GET + KEPT,
        GET + literal(b"x-large", b"v" * 5000, INDEXED) + indexed(62)),
    good("4.4-the-last-that-fit-are-kept", GET + filled(5, 1024), GET + indexed(65),
         holds=[b"x-01: 01v"]),
    bad("4.4-the-first-is-evicted", GET + filled(5, 1024), GET + indexed(66)),
    good("4.1-entries-cost-32-octets-more", GET + filled(60, 64) + filled(4, 64),
         GET + indexed(125), holds=[b"x-00: 00v"]),
    bad("4.1-the-65th-of-64-octets-evicts", GET + filled(65, 64), GET + indexed(126)),
]

INTEGERS = [
    good("5.1-length-in-two-octets", GET + literal(b"x-long", b"v" * 127), holds=[b"v" * 127]),
    good("5.1-length-in-three-octets", GET + literal(b"x-long", b"v" * 255), holds=[b"v" * 255]),
    bad_end("5.1-index-overflows", b"\xff" * 11 + b"\x7f"),
    bad_end("5.1-index-beyond-32-bits", integer(2**33, 7, 0x80)),
    bad_end("5.1-length-overflows", b"\x00\x01x\x7f" + b"\xff" * 10 + b"\x7f"),
    bad_end("5.1-size-update-overflows", b"\x3f" + b"\xff" * 10 + b"\x7f"),
    bad_end("5.1-name-index-overflows", b"\x7f" + b"\xff" * 10 + b"\x7f"),
    bad_end("5.1-integer-never-ends", b"\xff" * 100),
    bad_end("5.1-integer-is-cut", b"\xff\x80"),
]

STRINGS = [
    good("5.2-huffman-value",
         GET + b"\x00" + wire.string(b"x-coded") + huffman(code(b"by huffman")),
         holds=[b"x-coded: by huffman"]),
    good("5.2-huffman-name", GET + b"\x40" + huffman(code(b"x-coded")) + huffman(code(b"both")),
         GET + indexed(62), holds=[b"x-coded: both"]),
    good("5.2-huffman-empty", GET + b"\x00" + wire.string(b"x-coded") + huffman(b"")),
    good("5.2-huffman-of-every-code-length",
         GET + b"\x00" + wire.string(b"x-coded") + huffman(code(b"0aZ&!#<\\\xc3\xa4\xff")),
         holds=[b"x-coded: 0aZ&!#<\\\xc3\xa4\xff"]),
    *[bad_end(f"5.2-huffman-{what}", b"\x00" + wire.string(b"x-coded") + huffman(coded))
      for what, coded in (
          ("eos", b"\xff\xff\xff\xff"),
          ("eos-within", code(b"aaaaaaaa") + b"\xff\xff\xff\xfc"),
          ("padding-of-8-bits", b"\xff"),
          ("padding-of-11-bits", b"\x1f\xff"),
          ("padding-of-zeros", b"\x18"),
          ("padding-of-mixed-bits", b"\x1d"),
          ("code-is-cut", b"\x1f\xfe"),
      )],
    bad_end("5.2-huffman-name-with-eos", b"\x00" + huffman(b"\xff\xff\xff\xff") + b"\x01v"),
    bad_end("5.2-name-is-cut", b"\x00\x0ax-na"),
    bad_end("5.2-value-is-cut", b"\x00\x01x\x0aval"),
    bad_end("5.2-value-is-missing", b"\x00\x01x"),
    bad_end("5.2-name-is-missing", b"\x40"),
    bad_end("5.2-length-of-2-gib", b"\x00\x01x" + integer(2**31, 7) + b"v"),
    Case("7541-5.2-huffman-line-feed-is-no-way-around", refused(),
         (headers(1, GET + b"\x00" + wire.string(b"x-v") + huffman(code(b"a\r\nevil: 1"))),),
         origin=NOTHING),
]

ENCODER = [
    Case("7541-4.2-responses-without-a-table", Reply(5, 200),
         (headers(1, GET), answered(1), headers(3, GET), answered(3), headers(5, GET)),
         settings=((HEADER_TABLE_SIZE, 0),)),
    Case("7541-4.2-responses-with-a-small-table", Reply(5, 200),
         (headers(1, GET), answered(1), headers(3, GET), answered(3), headers(5, GET)),
         settings=((HEADER_TABLE_SIZE, 60),)),
    Case("7541-4.2-table-shrinks-between-responses", Reply(3, 200),
         (headers(1, GET), answered(1), wire.settings((HEADER_TABLE_SIZE, 0)),
          until("SETTINGS_ACK"), lambda connection: connection.allow_table(0),
          headers(3, GET))),
]

CASES = REPRESENTATIONS + TABLES + INTEGERS + STRINGS + ENCODER
