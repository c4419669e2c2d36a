"""What the proxies of the tests have in common: bytes copied both ways, and connections served until our input ends."""
import socket
import sys
import threading
from collections.abc import Callable


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


def join(client: socket.socket, server: socket.socket) -> None:
    """Passes on what either says until the server has said everything."""
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)


def serve(scheme: str, answer: Callable[[socket.socket, int], None]) -> None:
    """Prints `ready SCHEME://127.0.0.1:PORT`, reads the port of the server behind us, and answers each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready {scheme}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    port = int(sys.stdin.readline())

    # Whoever started us ends us: at the latest with the end of our input.
    threading.Thread(target=lambda: (sys.stdin.read(), listener.shutdown(socket.SHUT_RDWR)), daemon=True).start()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=guarded, args=(answer, connection, port), daemon=True).start()


def guarded(answer: Callable[[socket.socket, int], None], connection: socket.socket, port: int) -> None:
    try:
        answer(connection, port)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
