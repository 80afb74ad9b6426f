"""RFC 9113 §3: how a connection starts."""

import socket

import wire
from case import Case, pause, until
from connection import PREFACE
from expect import UNHARMED, Closed, First, Goaway, Reply
from wire import FRAME_SIZE_ERROR, GET, PROTOCOL_ERROR, headers


def start(name, expect, *steps, **more):
    return Case(f"3.4-{name}", expect, steps, prefaced=False, **more)


def ends_sending(connection):
    connection.socket.shutdown(socket.SHUT_WR)


def one_by_one(content):
    return [content[at : at + 1] for at in range(len(content))]


BAD_START = Closed(PROTOCOL_ERROR, FRAME_SIZE_ERROR)

CASES = [
    start("server-settings-come-first", First("SETTINGS"), PREFACE + wire.settings()),
    start("settings-are-acknowledged", UNHARMED, PREFACE + wire.settings(), until("SETTINGS_ACK")),
    start("requests-need-not-wait", Reply(1, 200), PREFACE + wire.settings() + headers(1, GET)),
    start(
        "preface-byte-by-byte", Reply(1, 200),
        *one_by_one(PREFACE + wire.settings()), headers(1, GET),
    ),
    start(
        "preface-in-two-parts", Reply(1, 200),
        PREFACE[:7], pause(0.05), PREFACE[7:] + wire.settings() + headers(1, GET),
    ),
    start("preface-wrong-end", BAD_START, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + wire.settings()),
    start("preface-wrong-version", BAD_START,
          b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n" + wire.settings()),
    start("preface-cut", BAD_START, PREFACE[:16], ends_sending),
    start("preface-missing", BAD_START, wire.settings() + headers(1, GET), ends_sending),
    start("garbage", BAD_START, b"\0\x01\x02garbage\r\n\r\n", ends_sending),
    start("preface-then-http1", BAD_START, PREFACE + b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    start("preface-without-settings", BAD_START, PREFACE + headers(1, GET), origin="nothing"),
    start("preface-then-ping", BAD_START, PREFACE + wire.ping()),
    start("preface-then-window-update", BAD_START, PREFACE + wire.window_update(0, 1)),
    start("preface-then-settings-ack", BAD_START, PREFACE + wire.SETTINGS_ACK),
    start(
        "preface-then-bad-settings", BAD_START,
        PREFACE + wire.frame(wire.SETTINGS, 0, 0, b"12345"),
    ),
    start(
        "preface-then-settings-on-a-stream", BAD_START,
        PREFACE + wire.frame(wire.SETTINGS, 0, 1, b""),
    ),
    Case("3.4-second-preface", Goaway(FRAME_SIZE_ERROR, PROTOCOL_ERROR), (PREFACE,)),
]
