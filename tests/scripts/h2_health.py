"""A server of HTTP/2 in the clear that answers every request with one status and `all is well`.
Arguments: port, status."""

import socket
import sys
import threading

import h2.config
import h2.connection
import h2.events


def serve(client):
    config = h2.config.H2Configuration(client_side=False)
    connection = h2.connection.H2Connection(config=config)
    connection.initiate_connection()
    client.sendall(connection.data_to_send())
    while data := client.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                connection.send_headers(event.stream_id, [(":status", sys.argv[2])])
                connection.send_data(event.stream_id, b"all is ")
                connection.send_data(event.stream_id, b"well", end_stream=True)
        client.sendall(connection.data_to_send())


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
