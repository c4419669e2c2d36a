"""What the benchmark needs around the programs: homes, the demo provider, a private keyring, logins without a browser."""
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse


def say(text: str) -> None:
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def find(name: str) -> str:
    """A program of the system; empty if it is not installed."""
    return shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or ""


class Home:
    """A home directory with all of XDG in it, and the program as it runs there."""

    def __init__(self, folder: pathlib.Path, agent: str):
        self.folder, self.agent = folder, agent
        # Sockets have short paths.
        self.runtime = tempfile.mkdtemp(prefix="bench-")
        self.environment = {
            "HOME": str(folder), "XDG_CONFIG_HOME": f"{folder}/config", "XDG_DATA_HOME": f"{folder}/data",
            "XDG_STATE_HOME": f"{folder}/state", "XDG_RUNTIME_DIR": self.runtime, "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }
        for name in ["config/ai-usage-agent", "data", "state"]:
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def data(self) -> pathlib.Path:
        return self.folder / "data/ai-usage-agent"

    def __del__(self):
        shutil.rmtree(self.runtime, ignore_errors=True)

    def copy(self, folder: pathlib.Path) -> "Home":
        shutil.copytree(self.folder, folder)
        # auth.json names the key file by its absolute path, under a seal: the copy uses the same one.
        return Home(folder, self.agent)

    def configure(self, base: str) -> None:
        path = self.folder / "config/ai-usage-agent/config.json"
        path.write_text(
            '{"schemaVersion": 1, "providers": {"codex": {"issuer": "BASE", "redirectUri": "http://127.0.0.1/callback", '
            '"endpoints": {"usage": "BASE/backend-api/wham/usage"}}}}'.replace("BASE", base))
        path.chmod(0o600)

    def run(self, *arguments: str) -> str:
        outcome = subprocess.run([self.agent, *arguments], env=self.environment, capture_output=True, text=True)
        if outcome.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: {outcome.returncode}\n{outcome.stderr}")
        return outcome.stdout


class Provider:
    def __init__(self, program: str):
        self.process = subprocess.Popen(
            [program, "--exit-with-parent", "--expires-in", "86400"], stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().removeprefix("ready ").strip()
        self.port = int(self.base.rsplit(":", 1)[1])

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def fetch(url: str) -> tuple[int, str | None]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Location")


def log_in(home: Home, provider: Provider, person: str, base: str | None = None) -> None:
    """A login with the browser played by us."""
    login = subprocess.Popen(
        [home.agent, "auth", "login", "codex", "--no-open"], env=home.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    lines = []
    for line in login.stderr:
        lines.append(line)
        if line.startswith("http"):
            break
    else:
        sys.exit(f"the login of {person} printed no address:\n{''.join(lines)}")
    _, callback = fetch(f"{lines[-1].strip()}&demo_user={person}")
    _, done = fetch(callback)
    if done:
        fetch(urllib.parse.urljoin(callback, done))
    rest = login.stderr.read()
    if login.wait() != 0:
        sys.exit(f"the login of {person} failed:\n{''.join(lines)}{rest}")


class StampingProxy:
    """Stands between the program and the provider and notes when the answer was handed over.

    The program's own work before and after it is not slowed down; only the exchange itself is, by a fraction of a
    millisecond that no row counts but the whole process's.
    """

    def __init__(self, provider: Provider):
        self.provider = provider
        self.answered = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.provider.port)) as server:
            server.sendall(self.message(client))
            client.sendall(self.message(server))
            self.answered = time.perf_counter_ns()

    @staticmethod
    def message(source: socket.socket) -> bytes:
        """One HTTP message with a length."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = source.recv(65536)
            if not piece:
                return data
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            piece = source.recv(65536)
            if not piece:
                break
            body += piece
        return head + b"\r\n\r\n" + body


class Keyring:
    """A private session bus with an unlocked gnome-keyring for one home, which finds it in its environment."""

    programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"]

    def __init__(self, home: Home):
        self.home = home
        self.bus = subprocess.Popen(
            [find("dbus-daemon"), "--session", "--nofork", "--nopidfile", "--print-address=1"], env=home.environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        home.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().strip()
        self.service = subprocess.Popen(
            [find("gnome-keyring-daemon"), "--foreground", "--unlock", "--components=secrets"], env=home.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # No newline: one would become part of the password.
        self.service.stdin.write(b"pw")
        self.service.stdin.close()
        for _ in range(500):
            owner = subprocess.run(
                [find("dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                 "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"],
                env=home.environment, capture_output=True, text=True)
            if "boolean true" in owner.stdout:
                return
            time.sleep(0.02)
        sys.exit("gnome-keyring did not come up")

    def store(self, name: str, secret: bytes) -> None:
        subprocess.run(
            [find("secret-tool"), "store", "--label=benchmark", name, name], env=self.home.environment, input=secret, check=True)

    def stop(self) -> None:
        for process in [self.service, self.bus]:
            process.kill()
            process.wait()
        self.home.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
