"""Calls the server of grpc_server.py in one way and checks what comes back.
Arguments: target, what to do, and for TLS a file with the authority."""

import queue
import sys

import grpc

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
]


def channel():
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        return grpc.secure_channel(sys.argv[1], credentials, OPTIONS)
    return grpc.insecure_channel(sys.argv[1], OPTIONS)


def refused(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except grpc.RpcError as error:
        return error
    raise AssertionError("no error")


def all_kinds(c):
    unary = c.unary_unary("/test.Echo/Unary")
    answer, call = unary.with_call(b"hello", metadata=(("token", "t1"),))
    assert answer == b"olleh", answer
    assert dict(call.trailing_metadata())["seen"] == "t1"
    assert dict(call.initial_metadata())["server-name"], call.initial_metadata()
    total = c.stream_unary("/test.Echo/ClientStream")(iter([b"x" * 1000] * 50))
    assert total == b"50000", total
    stream = list(c.unary_stream("/test.Echo/ServerStream")(b"200"))
    assert stream == [b"message %d" % number for number in range(200)]
    # Each message has to pass before the next one is sent.
    pending = queue.Queue()
    answers = c.stream_stream("/test.Echo/Both")(iter(pending.get, None))
    for number in range(20):
        pending.put(b"%d" % number)
        assert next(answers) == b"echo %d" % number
    pending.put(None)
    assert list(answers) == []


def errors(c):
    error = refused(c.unary_unary("/test.Echo/Unary"), b"fail")
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "not like this: 100%", error
    trailers = dict(error.trailing_metadata())
    assert trailers["why"] == "asked to" and trailers["raw-bin"] == b"\x00\xff", trailers
    error = refused(c.unary_unary("/test.Echo/Missing"), b"")
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def large(c):
    body = bytes(range(256)) * 16384
    assert c.unary_unary("/test.Echo/Unary")(body) == body[::-1]


def many(c):
    call = c.unary_unary("/test.Echo/Unary")
    calls = [call.future(b"%d" % number) for number in range(1000)]
    names = set()
    for number, one in enumerate(calls):
        assert one.result(timeout=60) == (b"%d" % number)[::-1]
        names.add(dict(one.trailing_metadata())["name"])
    print(" ".join(sorted(names)))


def deadline(c):
    error = refused(c.unary_unary("/test.Echo/Unary"), b"sleep", timeout=0.5)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def cancel(c):
    answers = c.unary_stream("/test.Echo/Endless")(b"")
    assert next(answers) == b"tick"
    answers.cancel()


def status(c):
    error = refused(c.unary_unary("/test.Echo/Unary"), b"hello")
    print(error.code().value[0], error.details())


with channel() as c:
    globals()[sys.argv[2]](c)
