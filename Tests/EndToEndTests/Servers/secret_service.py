"""A Secret Service that does what a test tells it: org.freedesktop.secrets on the bus that DBUS_SESSION_BUS_ADDRESS names.

    python secret_service.py [--state FILE] [--set NAME=VALUE]... [--on METHOD=ACTION[@N]]... [--activated]

One collection, items in memory (and in FILE, before a call is answered, so that a next process has them), transport
`plain` alone. Prints `ready` once it has the name; ends with its standard input, or with the bus where `--activated`
says that the bus itself started it.

Settings: locked=no|yes  default=yes|no (is there a default collection?)  lists-locked=yes|no (does a search name items
of a locked collection?)  replaces=yes|no (does CreateItem replace, or leave two items with the same attributes?)
newest-first=no|yes (order of a search)  prompt=dismiss|complete|wait (the person says no, yes, or nothing for ever).

Rules: METHOD is a name such as OpenSession, SearchItems, GetSecrets, CreateItem, Delete, GetAll, or * for every call;
ACTION is done from the Nth such call on, counted from when the rule was given:
    silent      the call is not answered            lock        the collection is locked before the call is done
    refuse      it is answered with an error        alter       other bytes are stored (CreateItem) or handed out (GetSecrets)
    die         the process ends instead            die-done    it ends with the call done and not answered
    die-answered  it ends with the call done and answered

Lines on standard input, each answered by `ID RESULT` on standard output: `ID on RULE`, `ID set NAME=VALUE`, `ID behave`
(no rules, and the settings of the start), `ID calls` (the names of all calls since the last `forget`, as JSON),
`ID forget`, `ID items` (labels and attributes as JSON, never a secret), `ID answer` (the person says yes after all),
`ID age SECONDS` (every item was made that much earlier).
Anything else is answered with `ID error`.
"""

import argparse
import asyncio
import json
import os
import sys
import time

from dbus_next import DBusError, Message, MessageType, RequestNameReply, Variant
from dbus_next.aio import MessageBus

NAME = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/scripted"
SESSION = ROOT + "/session/1"
PROMPT = ROOT + "/prompt/1"
SECRET = "org.freedesktop.Secret."
PROPERTIES = "org.freedesktop.DBus.Properties"
SETTINGS = {
    "locked": ("no", "yes"),
    "default": ("yes", "no"),
    "lists-locked": ("yes", "no"),
    "replaces": ("yes", "no"),
    "newest-first": ("no", "yes"),
    "prompt": ("dismiss", "complete", "wait"),
}
ACTIONS = ("silent", "refuse", "lock", "alter", "die", "die-done", "die-answered")


class Rule:
    def __init__(self, text):
        self.method, _, rest = text.partition("=")
        self.action, _, first = rest.partition("@")
        self.left = int(first or "1")
        if not self.method or self.action not in ACTIONS or self.left < 1:
            raise ValueError(text)

    def applies(self, method):
        if self.method not in ("*", method):
            return False
        self.left -= 1
        return self.left < 1


class Script:
    """What the service is told to do."""

    def __init__(self, settings, rules):
        self.start = {name: values[0] for name, values in SETTINGS.items()}
        self.settings = dict(self.start)
        for text in settings:
            self.set(text)
        self.start = dict(self.settings)
        self.rules = [Rule(text) for text in rules]

    def set(self, text):
        name, _, value = text.partition("=")
        if value not in SETTINGS.get(name, ()):
            raise ValueError(text)
        self.settings[name] = value

    def has(self, name, value="yes"):
        return self.settings[name] == value

    def behave(self):
        self.rules = []
        self.settings = dict(self.start)

    def actions(self, method):
        """Every rule counts the call, also one that another rule decides."""
        return {rule.action for rule in self.rules if rule.applies(method)}


class Items:
    """The items by number, in a file where one is named."""

    def __init__(self, path):
        self.path = path
        self.items = {}
        if path and os.path.exists(path):
            with open(path) as file:
                self.items = {int(number): item for number, item in json.load(file).items()}

    def save(self):
        if self.path:
            with open(os.open(self.path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(self.items, file)
            os.rename(self.path + ".new", self.path)

    def put(self, label, attributes, value, kind, replace):
        number = next((n for n in self.find(attributes) if self.items[n]["attributes"] == attributes), None) if replace else None
        number = number or max(self.items, default=0) + 1
        self.items[number] = {
            "label": label, "attributes": attributes, "value": value.hex(), "type": kind, "time": int(time.time())}
        self.save()
        return number

    def delete(self, number):
        self.items.pop(number, None)
        self.save()

    def find(self, attributes):
        return [n for n, item in self.items.items() if attributes.items() <= item["attributes"].items()]


class Service:
    def __init__(self, script, items):
        self.script = script
        self.items = items
        self.calls = []
        self.bus = None

    async def run(self):
        self.bus = await MessageBus().connect()
        self.bus.add_message_handler(self.receive)
        if await self.bus.request_name(NAME) != RequestNameReply.PRIMARY_OWNER:
            sys.exit("somebody else has the name " + NAME)
        print("ready", flush=True)

    # MARK: - Calls

    def receive(self, message):
        if message.message_type != MessageType.METHOD_CALL or not message.path.startswith(ROOT):
            return None
        self.calls.append(message.member)
        actions = self.script.actions(message.member)
        if "silent" in actions:
            return True
        if "die" in actions:
            os._exit(9)
        if "refuse" in actions:
            return Message.new_error(message, "org.freedesktop.DBus.Error.Failed", "the script says no")
        if "lock" in actions:
            self.set("locked=yes")
        try:
            signature, body = self.answer(message, "alter" in actions)
        except DBusError as error:
            return Message.new_error(message, error.type, error.text)
        if "die-done" in actions:
            os._exit(9)
        sent = self.bus.send(Message.new_method_return(message, signature, body))
        if "die-answered" in actions:
            sent.add_done_callback(lambda _: os._exit(9))
        return True

    def answer(self, message, altered):
        """Signature and body of the reply."""
        interface, member, body = message.interface or "", message.member, message.body
        if interface == PROPERTIES:
            return self.properties(message.path, member, body)
        method = (interface.removeprefix(SECRET), member)
        if method == ("Service", "OpenSession"):
            if body[0] != "plain":
                raise DBusError("org.freedesktop.DBus.Error.NotSupported", "plain alone")
            return "vo", [Variant("s", ""), SESSION]
        if method == ("Service", "ReadAlias"):
            return "o", [COLLECTION if body[0] == "default" and self.script.has("default") else "/"]
        if method == ("Service", "SearchItems"):
            return "aoao", self.search(body[0])
        if method == ("Service", "GetSecrets"):
            found = {path: self.secret(path, altered) for path in body[0]} if not self.script.has("locked") else {}
            return "a{o(oayays)}", [{path: secret for path, secret in found.items() if secret}]
        if method == ("Service", "Unlock"):
            return "aoo", [[], PROMPT] if self.script.has("locked") else [body[0], "/"]
        if method == ("Service", "Lock"):
            self.set("locked=yes")
            return "aoo", [body[0], "/"]
        if method == ("Prompt", "Prompt"):
            if not self.script.has("prompt", "wait"):
                asyncio.get_running_loop().call_soon(self.complete, self.script.has("prompt", "complete"))
            return "", []
        if method in (("Prompt", "Dismiss"), ("Session", "Close")):
            return "", []
        if method == ("Collection", "CreateItem"):
            return "oo", [self.create(*body, altered), "/"]
        if method == ("Item", "Delete"):
            self.needs_unlocked()
            self.items.delete(self.number(message.path))
            return "o", ["/"]
        raise DBusError("org.freedesktop.DBus.Error.UnknownMethod", interface + "." + member)

    def needs_unlocked(self):
        if self.script.has("locked"):
            raise DBusError(SECRET + "Error.IsLocked", "the collection is locked")

    def search(self, attributes):
        paths = [self.path(number) for number in self.items.find(attributes)]
        if self.script.has("newest-first"):
            paths.reverse()
        if not self.script.has("locked"):
            return [paths, []]
        return [[], paths if self.script.has("lists-locked") else []]

    def secret(self, path, altered):
        item = self.items.items.get(self.number(path))
        return [SESSION, b"", self.bytes(bytes.fromhex(item["value"]), altered), item["type"]] if item else None

    def create(self, properties, secret, replace, altered):
        self.needs_unlocked()
        _, _, value, kind = secret
        number = self.items.put(
            properties[SECRET + "Item.Label"].value, properties[SECRET + "Item.Attributes"].value, self.bytes(value, altered), kind,
            replace and self.script.has("replaces"))
        return self.path(number)

    @staticmethod
    def bytes(value, altered):
        return bytes(reversed(value)) if altered else bytes(value)

    @staticmethod
    def path(number):
        return f"{COLLECTION}/{number}"

    @staticmethod
    def number(path):
        last = path.rsplit("/", 1)[-1]
        return int(last) if last.isdigit() else None

    # MARK: - Properties

    def properties(self, path, member, body):
        have = self.values(path)
        if have is None:
            raise DBusError("org.freedesktop.DBus.Error.UnknownObject", path)
        if member == "GetAll":
            return "a{sv}", [have]
        if member == "Get" and body[1] in have:
            return "v", [have[body[1]]]
        raise DBusError("org.freedesktop.DBus.Error.UnknownProperty", " ".join(map(str, body[:2])))

    def values(self, path):
        locked = Variant("b", self.script.has("locked"))
        if path == ROOT:
            return {"Collections": Variant("ao", [COLLECTION])}
        if path == COLLECTION:
            return {
                "Items": Variant("ao", [self.path(number) for number in self.items.items]), "Label": Variant("s", "Scripted"),
                "Locked": locked, "Created": Variant("t", 0), "Modified": Variant("t", 0)}
        item = self.items.items.get(self.number(path))
        if item is None:
            return None
        return {
            "Locked": locked, "Attributes": Variant("a{ss}", item["attributes"]), "Label": Variant("s", item["label"]),
            "Type": Variant("s", ""), "Created": Variant("t", item["time"]), "Modified": Variant("t", item["time"])}

    # MARK: - Signals

    def set(self, text):
        was = self.script.has("locked")
        self.script.set(text)
        self.tell_locked(was)

    def tell_locked(self, was):
        if self.script.has("locked") != was:
            changed = {"Locked": Variant("b", not was)}
            self.bus.send(Message.new_signal(COLLECTION, PROPERTIES, "PropertiesChanged", "sa{sv}as", [SECRET + "Collection", changed, []]))

    def complete(self, agreed):
        if agreed:
            self.set("locked=no")
        result = Variant("ao", [COLLECTION] if agreed else [])
        self.bus.send(Message.new_signal(PROMPT, SECRET + "Prompt", "Completed", "bv", [not agreed, result]))

    # MARK: - The test

    def obey(self, command):
        verb, _, rest = command.partition(" ")
        if verb == "on":
            self.script.rules.append(Rule(rest))
        elif verb == "set":
            self.set(rest)
        elif verb == "behave":
            was = self.script.has("locked")
            self.script.behave()
            self.tell_locked(was)
        elif verb == "calls":
            return json.dumps(self.calls)
        elif verb == "forget":
            self.calls = []
        elif verb == "age":
            for item in self.items.items.values():
                item["time"] -= int(rest)
        elif verb == "answer":
            self.complete(True)
        elif verb == "items":
            return json.dumps([{"label": i["label"], "attributes": i["attributes"]} for i in self.items.items.values()])
        else:
            raise ValueError(command)
        return "ok"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--on", action="append", default=[])
    parser.add_argument("--activated", action="store_true")
    options = parser.parse_args()
    service = Service(Script(options.set, options.on), Items(options.state))
    if options.activated:
        await service.run()
        return await service.bus.wait_for_disconnect()

    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await service.run()
    while line := await lines.readline():
        number, _, command = line.decode().strip().partition(" ")
        try:
            print(number, service.obey(command), flush=True)
        except ValueError as error:
            print(number, "error", error, flush=True)


asyncio.run(main())
