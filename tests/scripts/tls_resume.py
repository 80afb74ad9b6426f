"""Connects again and again with the last session: prints whether each connection resumed it."""

import socket
import ssl
import sys

port, ca, version, rounds = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
session = None
told = []
for _ in range(rounds):
    with socket.create_connection(("127.0.0.1", port), timeout=15) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            while piece := tls.recv(65536):
                text += piece
            assert text.startswith(b"HTTP/1.1 200 "), text
            told.append(str(tls.session_reused))
            session = tls.session
print(" ".join(told))
