"""Starts a gRPC server at a port of this machine and serves until it is killed. `pem` names a file
with key and certificate, for TLS."""

import grpc


def serve(server, port, pem=None):
    address = "127.0.0.1:" + port
    if pem:
        with open(pem, "rb") as file:
            text = file.read()
        server.add_secure_port(address, grpc.ssl_server_credentials([(text, text)]))
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()
