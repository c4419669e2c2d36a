#!/usr/bin/env python3
"""TLS in front of a plain HTTP server on this machine, with an authority and a certificate made for the occasion (openssl).

    tls_proxy.py FOLDER [--name NAME]... [--expired] [--tls 1.1|1.2]

FOLDER gets certificate.pem, the authority that a client has to trust, and server.pem with key.pem. The certificate is for
127.0.0.1, or for the names given instead; with --expired it ended yesterday. With --tls
nothing newer is spoken, with 1.1 in the old way that OpenSSL 3 has to be asked for. Prints `ready https://127.0.0.1:PORT`, then
reads one line, the port of the server behind it, and passes each connection on until it ends. Standard library only.
"""
import argparse
import pathlib
import socket
import ssl
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import relay  # noqa: E402

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


def make_certificate(folder: pathlib.Path, names: list[str], expired: bool, newest: str | None) -> ssl.SSLContext:
    authority, authority_key = folder / "certificate.pem", folder / "authority.key"
    certificate, key, request, extensions = (folder / name for name in ("server.pem", "key.pem", "server.csr", "server.ext"))
    openssl("req", "-x509", *EC, "-days", "2", "-subj", "/CN=Authority of a test", "-keyout", authority_key, "-out", authority)
    openssl("req", *EC, "-subj", "/CN=server of a test", "-keyout", key, "-out", request)
    alternatives = [f"DNS:{name}" for name in names] or ["IP:127.0.0.1"]
    extensions.write_text(f"subjectAltName={','.join(alternatives)}\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-set_serial", "2",
            "-days", "-1" if expired else "2", "-extfile", extensions, "-out", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if newest:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = VERSIONS[newest]
    return context


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--name", action="append", default=[], help="a name of the certificate, in place of 127.0.0.1")
    parser.add_argument("--expired", action="store_true")
    parser.add_argument("--tls", choices=VERSIONS, help="the newest version that is spoken")
    arguments = parser.parse_args()
    context = make_certificate(arguments.folder, arguments.name, arguments.expired, arguments.tls)

    def answer(plain: socket.socket, port: int) -> None:
        with context.wrap_socket(plain, server_side=True) as client, socket.create_connection(("127.0.0.1", port)) as server:
            relay.join(client, server)

    relay.serve("https", answer)


main()
