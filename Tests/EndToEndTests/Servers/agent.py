#!/usr/bin/env python3
"""An agent that says what a test tells it to, whatever it is asked.

    agent.py SOCKET REPLY [--hold] [--bytewise] [--as UID]

Listens at SOCKET (mode 0600) and prints `ready`. To each connection it answers, after one message that ends with NUL, what stands in
the file REPLY at that moment, NUL included if there is one; then it closes. Prints each message as a line. --hold: it does not
close; --bytewise: it sends each byte by itself; --as: it listens as another user (root only). Prints each line of its input after
"- ", behind all messages that were answered until then, and ends with it. Standard library only.
"""
import argparse
import os
import pathlib
import socket
import sys
import threading

parser = argparse.ArgumentParser()
parser.add_argument("socket")
parser.add_argument("reply", type=pathlib.Path)
parser.add_argument("--hold", action="store_true")
parser.add_argument("--bytewise", action="store_true")
parser.add_argument("--as", dest="user", type=int)
options = parser.parse_args()

os.umask(0o177)
listener = socket.socket(socket.AF_UNIX)
listener.bind(options.socket)
# What a client sees as its peer is whoever called listen.
if options.user is not None:
    os.seteuid(options.user)
listener.listen(64)
if options.user is not None:
    os.seteuid(0)


def answer(client: socket.socket) -> None:
    with client:
        message = b""
        while not message.endswith(b"\0"):
            piece = client.recv(65536)
            if not piece:
                return
            message += piece
        print(message[:-1].decode("utf-8", "backslashreplace"), flush=True)
        reply = options.reply.read_bytes()
        try:
            for piece in [reply[index:index + 1] for index in range(len(reply))] if options.bytewise else [reply]:
                client.sendall(piece)
            if options.hold:
                client.recv(1)
        except OSError:
            pass


def serve() -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print("- " + line, end="", flush=True)
