"""`rooftile mcp` as a process: nothing but messages on standard output, and it ends when nobody is there."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from plugin_dist import install

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="needs the extra 'mcp'")

WITHIN_S = 1.0
"""That the server takes to end, once it works."""


class Server:
    """A server and what it says; each message is a line."""

    def __init__(self, folder, *options):
        path = os.pathsep.join([str(folder), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "mcp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path, "ROOFTILE_NO_CODE": ""},
        )  # fmt: skip
        self.number = 0
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        assert self.ask("initialize", about)["result"]["serverInfo"]["name"] == "rooftile"
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def say(self, message):
        text = message if isinstance(message, str) else json.dumps(message)
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def send(self, method, params):
        self.number += 1
        self.say({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        return self.number

    def ask(self, method, params):
        number = self.send(method, params)
        while True:
            message = json.loads(self.process.stdout.readline())  # nothing else may stand there
            if message.get("id") == number:
                return message

    def call(self, name, **arguments):
        return self.ask("tools/call", {"name": name, "arguments": arguments})["result"]

    def ends(self, code):
        begin = time.monotonic()
        rest, said = self.process.communicate(timeout=20)
        took = time.monotonic() - begin
        assert all(json.loads(line) for line in rest.splitlines())
        assert self.process.returncode == code
        assert "Traceback" not in said
        assert took < WITHIN_S
        return said


TALKS = """
import os
print("of the import")
os.write(1, b"past Python\\n")

def build(n: int = 1):
    print("of the builder")
    raise ValueError("on purpose")
"""


def test_standard_output_has_messages_alone_and_a_closed_input_ends_it_while_it_works(tmp_path):
    install(
        tmp_path, {"networks": "talker = talking_net:build\nbroken = no_such_module:build"}, "talks", talking_net=TALKS
    )
    server = Server(tmp_path)
    assert len(server.ask("tools/list", {})["result"]["tools"]) <= 10
    failed = server.call("run", network="talker", chip="example_edge")
    assert failed["isError"]
    assert failed["content"][0]["text"] == "talker: plug-in talker of talks 1.2 raised ValueError: on purpose"
    told = server.call("run", network="broken", chip="example_edge")["content"][0]["text"]
    assert told.startswith("network: broken: plug-in broken of talks 1.2: cannot be loaded: ModuleNotFoundError")
    listed = server.call("list_networks", contains="alk")["structuredContent"]
    assert [(row["name"], row["plugin"]) for row in listed["networks"]] == [("talker", "talks 1.2")]
    assert listed["notes"] == [
        "plug-in broken of talks 1.2: cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"
    ]
    server.say("no message at all")
    server.say("[" * 10_000)
    assert "must be a bundled chip" in server.call("cost", chip="nope")["content"][0]["text"]
    begin_work(server)
    said = server.ends(0)
    assert "of the import" in said
    assert "past Python" in said
    assert "of the builder" in said


def begin_work(server):
    """Have it work in both of its lanes."""
    server.call("submit", work={"question": "size", "network": "resnet50", "at_least_per_s": 1000.0})
    server.send("tools/call", {"name": "poll", "arguments": {"ticket": "work-1", "wait_s": 20}})
    server.send("tools/call", {"name": "sensitivity", "arguments": {"network": "resnet50", "chip": "inferx_x1"}})
    time.sleep(0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_it_while_it_works(tmp_path):
    server = Server(tmp_path)
    begin_work(server)
    server.process.send_signal(signal.SIGINT)
    server.ends(130)
