#!/usr/bin/env python3
"""An HTTP proxy on this machine that knows one name: CONNECT NAME:443 leads to a port here (RFC 9110 section 9.3.6).

    connect_proxy.py NAME

Prints `ready http://127.0.0.1:PORT`, then reads one line, the port that NAME stands for. Prints each request line that it gets;
what is not CONNECT to that name is answered 403. Standard library only.
"""
import socket
import sys
import threading


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client: socket.socket, name: str, port: int) -> None:
    try:
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
                threading.Thread(target=copy, args=(client, server), daemon=True).start()
                copy(server, client)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)


def main() -> None:
    name = sys.argv[1]
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    port = int(sys.stdin.readline())
    threading.Thread(target=lambda: (sys.stdin.read(), listener.shutdown(socket.SHUT_RDWR)), daemon=True).start()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection, name, port), daemon=True).start()


main()
