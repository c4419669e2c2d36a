#!/usr/bin/env python3
"""TLS in front of a plain HTTP server on this machine, with a certificate made for the occasion (openssl).

    tls_proxy.py FOLDER      FOLDER gets certificate.pem and key.pem
Prints `ready https://127.0.0.1:PORT`, then reads one line, the port of the server behind it, and passes each
connection on until it ends. Standard library only.
"""
import pathlib
import socket
import ssl
import subprocess
import sys
import threading


def make_certificate(folder: pathlib.Path) -> ssl.SSLContext:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


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


def serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    try:
        with context.wrap_socket(plain, server_side=True) as client, socket.create_connection(("127.0.0.1", port)) as server:
            up = threading.Thread(target=copy, args=(client, server), daemon=True)
            up.start()
            copy(server, client)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)


def main() -> None:
    context = make_certificate(pathlib.Path(sys.argv[1]))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready https://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    port = int(sys.stdin.readline())

    # Whoever started us ends us: at the latest with the end of our input.
    threading.Thread(target=lambda: (sys.stdin.read(), listener.shutdown(socket.SHUT_RDWR)), daemon=True).start()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection, context, port), daemon=True).start()


main()
