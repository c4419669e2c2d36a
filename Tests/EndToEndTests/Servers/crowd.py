#!/usr/bin/env python3
"""Clients of a Unix socket that connect, perhaps say something, and then do nothing.

    crowd.py SOCKET COUNT [TEXT]

Prints `ready N`, the number of those that got a connection, and keeps them until its input ends. Standard library only.
"""
import resource
import socket
import struct
import sys

path, count, text = sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:4])
_, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, count + 100), limit))
crowd = []
for _ in range(count):
    client = socket.socket(socket.AF_UNIX)
    # Python's own timeout would not wait for a place in the backlog.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
    try:
        client.connect(path)
        client.sendall(text.encode())
    except OSError:
        break
    crowd.append(client)
print(f"ready {len(crowd)}", flush=True)
sys.stdin.read()
