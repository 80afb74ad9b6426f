"""A gRPC server with the health protocol (grpc.health.v1) and nothing else, without generated code.
Arguments: port, a file with the status of every service whose name begins with `app.` and of the
server as a whole, and for TLS a file with key and certificate. (A script called `grpc_health`
would be imported by the package `grpc` itself.)"""

import sys
from concurrent import futures

import grpc
from grpc_serving import serve

STATUSES = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}


def check(request, context):
    # Field 1, text, shorter than 128 bytes.
    service = ""
    if request:
        assert request[0] == 0x0A and request[1] == len(request) - 2, request
        service = request[2:].decode()
    print("asked about " + service, file=sys.stderr, flush=True)
    if service and not service.startswith("app."):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    with open(sys.argv[2]) as file:
        status = STATUSES[file.read().strip()]
    return bytes([0x08, status]) if status else b""


class Service(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(check)
        return None


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
server.add_generic_rpc_handlers((Service(),))
serve(server, sys.argv[1], *sys.argv[3:4])
