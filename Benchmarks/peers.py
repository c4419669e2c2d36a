"""The programs that ours is measured beside: each in a home of its own, with what it needs to answer once asked.

Each class names its Debian package and the programs it needs, and starts in its constructor. `pids` are the processes that stay.
"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

from scene import Home, Keyring, Provider, fetch, find

SECRET = "s" * 64


class Peer:
    """A folder with a short path, an environment in it, and the agent of that name, if there is one."""

    package = ""
    programs: list[str] = []

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peer-"))
        self.environment = {
            "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
        }
        self.processes: list[subprocess.Popen] = []
        self.stdin = "/dev/null"

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def start(self, *command: str, **options) -> subprocess.Popen:
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, **options)
        self.processes.append(process)
        return process

    def run(self, *command: str, text: str = "") -> str:
        outcome = subprocess.run(command, env=self.environment, input=text, capture_output=True, text=True)
        if outcome.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {outcome.returncode} {outcome.stderr.strip()[:300]}")
        return outcome.stdout

    def stop(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(path, patience: float = 10) -> None:
    """Until somebody accepts connections there."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
                return
            except OSError:
                time.sleep(0.0002)
    raise RuntimeError(f"nobody listens at {path}")


def children(pid: int) -> list[int]:
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


class OidcAgent(Peer):
    """oidc-agent with accounts at the demo provider, named as its persons."""

    package = "oidc-agent-cli"
    programs = ["oidc-agent", "oidc-gen", "oidc-add", "oidc-token"]

    def __init__(self, provider: Provider):
        super().__init__()
        self.provider = provider
        self.socket = self.folder / "oidc.sock"
        (self.folder / "oidc").mkdir(mode=0o700)
        self.environment |= {"OIDC_CONFIG_DIR": str(self.folder / "oidc"), "OIDC_SOCK": str(self.socket), "OIDC_ENCRYPTION_PW": "pw"}
        self.begin()

    def begin(self) -> None:
        self.start(find("oidc-agent"), "-d", "-a", str(self.socket), "--no-webserver", "--no-scheme", "--no-autoreauthenticate")
        wait_for(self.socket)

    @property
    def pids(self) -> list[int]:
        return [pid for process in self.processes for pid in [process.pid, *children(process.pid)]]

    def add(self, person: str) -> None:
        self.environment["OIDC_REFRESH_TOKEN"] = self.refresh_token(person)
        self.run(find("oidc-gen"), person, "--iss", self.provider.base, "--client-id", "cli", "--client-secret", "none",
                 "--redirect-uri", "http://localhost:4242", "--scope", "openid offline_access", "--rt-env", "--pw-env",
                 "--prompt=none", "--manual", "--confirm-default")

    def refresh_token(self, person: str) -> str:
        """The code flow with the browser played by us."""
        verifier, redirect = "v" * 64, "http://127.0.0.1/callback"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"response_type": "code", "client_id": "cli", "redirect_uri": redirect, "scope": "openid offline_access", "state": "s",
                 "code_challenge": challenge, "code_challenge_method": "S256", "demo_user": person}
        _, location = fetch(f"{self.provider.base}/oauth/authorize?{urllib.parse.urlencode(query)}")
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "client_id": "cli", "code": code, "code_verifier": verifier, "redirect_uri": redirect}
        connection = http.client.HTTPConnection("127.0.0.1", self.provider.port, timeout=30)
        connection.request("POST", "/oauth/token", urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        return json.load(connection.getresponse())["refresh_token"]

    def request(self, person: str) -> str:
        return json.dumps({"request": "access_token", "account": person, "min_valid_period": 0}, separators=(",", ":"))

    def command(self, person: str) -> list[str]:
        return [find("oidc-token"), person]

    def cold(self, person: str) -> float:
        """Seconds from its start to the first answer, with the account loaded from its file; once it has been stopped."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()
        self.socket.unlink(missing_ok=True)
        begun = time.perf_counter()
        self.begin()
        self.run(find("oidc-add"), "--pw-env", person)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(self.request(person).encode())
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        if b'"access_token"' not in answer:
            raise RuntimeError(f"oidc-agent: {answer[:200]}")
        return time.perf_counter() - begun


class SshAgent(Peer):
    """ssh-agent with so many keys."""

    package, programs = "openssh-client", ["ssh-agent", "ssh-add", "ssh-keygen"]

    def __init__(self, keys: int = 1):
        super().__init__()
        self.environment["SSH_AUTH_SOCK"] = str(self.folder / "ssh.sock")
        self.start(find("ssh-agent"), "-D", "-a", self.environment["SSH_AUTH_SOCK"])
        wait_for(self.environment["SSH_AUTH_SOCK"])
        for number in range(keys):
            key = str(self.folder / f"key{number}")
            self.run(find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key)
            self.run(find("ssh-add"), "-q", key)
        self.command = [find("ssh-add"), "-l"]


class GpgAgent(Peer):
    """gpg-agent, and pass with a secret of a key without a passphrase."""

    package, programs = "gnupg", ["gpg", "gpg-agent", "gpg-connect-agent"]

    def __init__(self):
        super().__init__()
        self.environment |= {"GNUPGHOME": str(self.folder / "gnupg"), "PASSWORD_STORE_DIR": str(self.folder / "store")}
        (self.folder / "gnupg").mkdir(mode=0o700)
        self.run(find("gpg"), "--batch", "--passphrase", "", "--quick-gen-key", "bench@example.org", "default", "default", "never")
        self.command = [find("gpg-connect-agent"), "/bye"]
        self.run(*self.command)

    @property
    def pids(self) -> list[int]:
        text = self.run(find("gpg-connect-agent"), "getinfo pid", "/bye")
        return [int(text.split()[1])]

    def stop(self) -> None:
        subprocess.run([find("gpgconf"), "--kill", "all"], env=self.environment, check=False)
        super().stop()


class Pass(GpgAgent):
    package, programs = "pass", ["pass", "gpg"]

    def __init__(self):
        super().__init__()
        self.run(find("pass"), "init", "bench@example.org")
        self.run(find("pass"), "insert", "-m", "-f", "bench", text=SECRET + "\n")
        self.command = [find("pass"), "show", "bench"]


class GitCache(Peer):
    """git credential-cache with one credential."""

    package, programs = "git", ["git"]

    def __init__(self):
        super().__init__()
        question = self.folder / "question"
        question.write_text("protocol=https\nhost=example.org\n\n")
        self.stdin = str(question)
        path = str(self.folder / "cache" / "socket")
        (self.folder / "cache").mkdir(mode=0o700)
        self.command = [find("git"), "credential-cache", "--socket", path, "get"]
        # The daemon that it starts keeps its standard error.
        subprocess.run([find("git"), "credential-cache", "--socket", path, "--timeout", "100000", "store"], env=self.environment, check=True,
                       input=f"protocol=https\nhost=example.org\nusername=ada\npassword={SECRET}\n\n".encode(),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.exit = [find("git"), "credential-cache", "--socket", path, "exit"]

    def stop(self) -> None:
        subprocess.run(self.exit, env=self.environment, check=False, stdin=subprocess.DEVNULL)
        super().stop()


class Gh(Peer):
    """gh with a token in its own file."""

    package, programs = "gh", ["gh"]

    def __init__(self):
        super().__init__()
        self.environment["GH_CONFIG_DIR"] = str(self.folder)
        (self.folder / "hosts.yml").write_text(f"github.com:\n    user: ada\n    oauth_token: {SECRET}\n    git_protocol: https\n")
        self.command = [find("gh"), "auth", "token"]
        self.run(*self.command)


class SystemdCreds(Peer):
    """A credential that is sealed with the key of this machine, which root has."""

    package, programs = "systemd", ["systemd-creds"]

    def __init__(self):
        super().__init__()
        if os.geteuid() != 0:
            raise RuntimeError("needs root, who has the machine's key")
        sealed = str(self.folder / "sealed")
        self.run(find("systemd-creds"), "encrypt", "--with-key=host", "--name=bench", "-", sealed, text=SECRET)
        self.command = [find("systemd-creds"), "decrypt", "--name=bench", sealed, "-"]
        self.run(*self.command)


class SecretService(Peer):
    """gnome-keyring on a bus of its own, unlocked, with so many items."""

    package, programs = "libsecret-tools", Keyring.programs

    def __init__(self, items: int = 1):
        super().__init__()
        home = Home(self.folder / "home", "")
        self.keyring = Keyring(home)
        self.environment = home.environment
        self.home = home
        for number in range(items):
            self.keyring.store(f"benchmark{number}", SECRET.encode())
        self.command = [find("secret-tool"), "lookup", "benchmark0", "benchmark0"]

    @property
    def pids(self) -> list[int]:
        return [self.keyring.service.pid]

    def stop(self) -> None:
        self.keyring.stop()
        super().stop()


class OurAgent:
    """`ai-usage-agent agent run` in a home that is there."""

    def __init__(self, home: Home, account: str):
        self.home, self.account = home, account
        self.socket = pathlib.Path(home.runtime) / "ai-usage-agent" / "agent.sock"
        self.process: subprocess.Popen | None = None

    @staticmethod
    def is_possible(home: Home) -> bool:
        """Whether this program has an agent."""
        said = subprocess.run([home.agent, "agent", "run", "--help"], env=home.environment, capture_output=True, text=True).stdout
        return "USAGE: ai-usage-agent agent run" in said

    def start(self) -> None:
        log = open(self.home.folder / "agent.log", "wb")
        self.process = subprocess.Popen(
            [self.home.agent, "agent", "run"], env=self.home.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        try:
            wait_for(self.socket)
        except RuntimeError:
            sys.exit(f"the agent did not start:\n{(self.home.folder / 'agent.log').read_text()}")

    @property
    def pids(self) -> list[int]:
        return [self.process.pid] if self.process else []

    def request(self) -> str:
        """With `$` for its NUL, as the load generator takes it."""
        parameters = {"provider": "codex", "account": self.account, "store": str(self.home.data)}
        return json.dumps({"method": "io.aiusage.Agent.GetToken", "parameters": parameters}, separators=(",", ":")) + "$"

    def ask(self) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(self.request().replace("$", "\0").encode())
            answer = b""
            while not answer.endswith(b"\0"):
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        if b'"accessToken"' not in answer:
            sys.exit(f"the agent answered {answer[:300]!r}")
        return answer

    def cold(self) -> float:
        """Seconds from its start to its first answer."""
        self.stop()
        begun = time.perf_counter()
        self.start()
        self.ask()
        return time.perf_counter() - begun

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        self.socket.unlink(missing_ok=True)
