#!/usr/bin/env python3
"""Makes the files of this folder with the real age and age-keygen; see README.md."""

import hashlib
import os
import pty
import subprocess
import sys

PASSPHRASE = "correct horse battery staple"


def plaintext(count):
    """The same bytes every time: SHA-256 of a counter, one block after another."""
    blocks = (hashlib.sha256(index.to_bytes(8, "big")).digest() for index in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def with_passphrase(arguments):
    """Runs a command on a terminal of its own and answers each of its passphrase questions."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(arguments[0], arguments)
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 1024)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if b"assphrase" in seen and seen.rstrip(b" ").endswith(b":"):
            seen = b""
            os.write(terminal, PASSPHRASE.encode() + b"\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    for name in ["identity.txt", "second-identity.txt"]:
        if not os.path.exists(name):
            subprocess.run(["age-keygen", "-o", name], check=True)
    first, second = (
        subprocess.run(["age-keygen", "-y", name], check=True, capture_output=True, text=True).stdout.strip()
        for name in ["identity.txt", "second-identity.txt"]
    )
    with open("passphrase.txt", "w") as file:
        file.write(PASSPHRASE + "\n")
    files = {
        "small.age": (b"a small secret\n", ["-r", first]),
        "empty.age": (b"", ["-r", first]),
        "chunk.age": (plaintext(65536), ["-r", first]),
        "chunk-and-one.age": (plaintext(65537), ["-r", first]),
        "two-recipients.age": (b"for either of two\n", ["-r", second, "-r", first]),
        "armored.age": (plaintext(1000), ["-a", "-r", first]),
        "passphrase.age": (b"under a passphrase\n", ["-p"]),
        "passphrase-armored.age": (b"under a passphrase, armored\n", ["-p", "-a"]),
    }
    hashes = []
    for name, (text, options) in files.items():
        with open("plain.tmp", "wb") as file:
            file.write(text)
        command = ["age", *options, "-o", name, "plain.tmp"]
        with_passphrase(command) if "-p" in options else subprocess.run(command, check=True)
        os.remove("plain.tmp")
        hashes.append(f"{hashlib.sha256(text).hexdigest()}  {name}\n")
    with open("SHA256SUMS", "w") as file:
        file.writelines(hashes)


if __name__ == "__main__":
    sys.exit(main())
