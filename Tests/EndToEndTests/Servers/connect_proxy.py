#!/usr/bin/env python3
"""An HTTP proxy on this machine that knows one name: CONNECT NAME:443 leads to a port here (RFC 9110 section 9.3.6).

    connect_proxy.py NAME

Prints `ready http://127.0.0.1:PORT`, then reads one line, the port that NAME stands for. Prints each request line that it gets;
what is not CONNECT to that name is answered 403. Standard library only.
"""
import pathlib
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import relay  # noqa: E402


def answer(client: socket.socket, port: int) -> None:
    name = sys.argv[1]
    with client:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 65536:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        print(line, flush=True)
        if line.split(" ")[:2] != ["CONNECT", f"{name}:443"]:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay.join(client, server)


relay.serve("http", answer)
