"""Makes vaults of any size out of a small one, by the description of the files (docs/vault.md, docs/auth-store-schema.md).

A login takes a tenth of a second and rewrites the whole store: a thousand of them would be ten minutes of every benchmark.
So one account is logged in, and its copies, with keys and tokens of their own and of the same size, are written around
it with the vault's own key and the real `age`. What is measured never touches them, except as the weight that they are.
"""
import copy
import hashlib
import hmac
import json
import pathlib
import secrets
import string
import subprocess
import uuid

from scene import Home, Provider, find, log_in

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
TOKEN = string.ascii_letters + string.digits + "-_"


def raw_key(identity: str) -> bytes:
    """The 32 bytes of an `AGE-SECRET-KEY-1…` line (bech32; its checksum is left to age)."""
    line = next(line for line in identity.splitlines() if line.startswith("AGE-SECRET-KEY-1"))
    bits = "".join(f"{BECH32.index(character):05b}" for character in line.removeprefix("AGE-SECRET-KEY-1").lower()[:-6])
    return bytes(int(bits[start:start + 8], 2) for start in range(0, len(bits) // 8 * 8, 8))


def derive(secret: bytes, label: str) -> bytes:
    """HKDF-SHA256 with an empty salt, one block."""
    pseudorandom = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(pseudorandom, label.encode() + b"\x01", "sha256")


def fields(*texts: str) -> bytes:
    return b"".join(f"{len(text.encode())}:{text}\n".encode() for text in texts)


def like(token: str) -> str:
    """Another token of that size."""
    return "".join(secrets.choice(TOKEN) for _ in token)


def add_accounts(data: pathlib.Path, state: pathlib.Path, age: str, count: int) -> None:
    """Adds copies of the vault's one account."""
    if count == 0:
        return
    metadata = json.loads((data / "auth.json").read_text())
    vault = metadata["vault"]
    key = raw_key(pathlib.Path(vault["keyFile"]).read_text())
    sealed = data / "secrets.age"
    plain = subprocess.run([age, "-d", "-i", vault["keyFile"], sealed], check=True, capture_output=True).stdout
    body = json.loads(plain)["body"]

    for number in range(count):
        account, bundle = copy.deepcopy(metadata["accounts"][0]), copy.deepcopy(body["bundles"][0])
        account["id"] = bundle["accountId"] = str(uuid.uuid4())
        for record in account, bundle:
            record["accountKey"] = f"filler-{number:06}" + record["accountKey"][13:]
            record["email"] = f"filler{number}@example.org"
        for name in "accessToken", "refreshToken", "idToken":
            if bundle.get(name):
                bundle[name] = like(bundle[name])
        metadata["accounts"].append(account)
        body["bundles"].append(bundle)

    body["generation"] += 1
    text = json.dumps(body, separators=(",", ":")).encode()
    seal = hmac.digest(derive(key, "ai-usage-agent/1/writer"), fields("secrets-1") + text, "sha256")
    plain = b'{"mac":"' + seal.hex().encode() + b'","body":' + text + b"}"
    plain += b" " * (-len(plain) % 4096)
    sealed.write_bytes(subprocess.run([age, "-r", vault["recipient"]], input=plain, check=True, capture_output=True).stdout)

    vault["generation"] = body["generation"]
    vault["sealedSha256"] = hashlib.sha256(sealed.read_bytes()).hexdigest()
    record = fields(
        "vault-record-1", vault["id"], vault["backend"], vault["identitySource"], vault["keyFile"] or "", vault["recipient"],
        str(vault["generation"]), vault["sealedSha256"])
    vault["mac"] = hmac.digest(derive(key, "ai-usage-agent/1/metadata"), record, "sha256").hex()
    (data / "auth.json").write_text(json.dumps(metadata, indent=2) + "\n")
    # A machine that remembers nothing distrusts nothing; the next write brings it up to date.
    (state / "vault-memory").unlink(missing_ok=True)


class Seeds:
    """Vaults of any size, with one account in each that is measured and that nobody else has the tokens of."""

    def __init__(self, folder: pathlib.Path, agent: str, provider: Provider):
        self.folder, self.agent, self.provider = folder, agent, provider
        self.small = self.empty("seed")
        log_in(self.small, provider, "filler")

    def empty(self, name: str) -> Home:
        home = Home(self.folder / name, self.agent)
        home.configure(self.provider.base)
        home.run("vault", "init", "--backend", "file", "--identity", "key-file")
        return home

    def home(self, name: str, accounts: int, base: str | None = None) -> Home:
        """A vault of that many accounts, among them `NAME@example.org`, logged in at `base`."""
        if accounts == 1:
            home = self.empty(name)
        else:
            home = self.small.copy(self.folder / name)
            add_accounts(home.data, home.folder / "state/ai-usage-agent", find("age"), accounts - 2)
        if base:
            home.configure(base)
        log_in(home, self.provider, name, base)
        return home
