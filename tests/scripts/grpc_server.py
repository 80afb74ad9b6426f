"""A gRPC server without generated code: messages are bytes. Arguments: port, name, and for TLS a
file with key and certificate."""

import sys
import time
from concurrent import futures

import grpc
from grpc_serving import serve

NAME = sys.argv[2]


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    if request == b"fail":
        context.set_trailing_metadata((("why", "asked to"), ("raw-bin", b"\x00\xff")))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not like this: 100%")
    if request == b"sleep":
        time.sleep(30)
    context.send_initial_metadata((("server-name", NAME),))
    context.set_trailing_metadata((("seen", metadata.get("token", "")), ("name", NAME)))
    return request[::-1]


def client_stream(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def server_stream(request, context):
    for number in range(int(request)):
        yield b"message %d" % number


def both(requests, context):
    for request in requests:
        yield b"echo " + request


def until_cancelled(request, context):
    context.add_callback(lambda: print("cancelled", file=sys.stderr, flush=True))
    while context.is_active():
        yield b"tick"
        time.sleep(0.02)


class Service(grpc.GenericRpcHandler):
    def service(self, details):
        return {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
            "/test.Echo/ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
            "/test.Echo/ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
            "/test.Echo/Both": grpc.stream_stream_rpc_method_handler(both),
            "/test.Echo/Endless": grpc.unary_stream_rpc_method_handler(until_cancelled),
        }.get(details.method)


options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=options)
server.add_generic_rpc_handlers((Service(),))
serve(server, sys.argv[1], *sys.argv[3:4])
