#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The methods of the start and the end, as SPDK's do them: framework_start_init, framework_wait_init,
framework_get_subsystems, framework_get_config, spdk_kill_instance."""
import json
import os
import signal
import socket
import subprocess
import time

import primary as p

APP = os.path.join(os.path.dirname(p.BIN), "tests", "helpers", "app")
ID = 562
INVALID_STATE, NOT_FOUND, INVALID_PARAMS, INTERNAL = -1, -32601, -32602, -32603


class App:
    """tests/helpers/app.c: its subsystem slow needs quick, and 0.5 s in mode linger."""

    def __init__(self, root, mode, *args):
        # A socket of its own: a killed one's cal-rpcd goes on answering on the other.
        self.root, self.sock = root, root.file(f"app{len(root.ends)}.sock")
        self.proc = subprocess.Popen(
            [APP, mode, "-m", hex(1 << p.a_core()), "-s", "64", "-i", str(ID), "-r", self.sock,
             *args], env=root.env(CALANDRIA_LIBEXEC=p.BIN), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        root.at_end(self.kill)
        p.wait_for(self.listens, 10, "the socket")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.sock) == 0

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.communicate()

    def end(self, status=0):
        out, _ = self.proc.communicate(timeout=10)
        p.check(self.proc.returncode == status, f"exit status {self.proc.returncode}: {out}")
        return out


class Client:
    def __init__(self, app):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(app.sock)
        self.data = b""
        app.root.at_end(self.sock.close)

    def send(self, method, params=None, ident=1):
        request = {"jsonrpc": "2.0", "id": ident, "method": method}
        if params is not None:
            request["params"] = params
        self.sock.sendall(json.dumps(request).encode())

    def reply(self, seconds=10):
        """The next answer, None if none comes within the time."""
        self.sock.settimeout(seconds)
        try:
            while b"\n" not in self.data:
                piece = self.sock.recv(65536)
                if not piece:
                    return None
                self.data += piece
        except socket.timeout:
            return None
        line, self.data = self.data.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, params=None):
        self.send(method, params)
        return self.reply()

    def fails(self, code, words, method, params=None):
        reply = self.call(method, params)
        p.check(reply["error"]["code"] == code and words in reply["error"]["message"],
                f"{method} {params}: {reply}, not {code}, {words}")
        p.check(set(reply["error"]) == {"code", "message"}, f"{reply}")


def result(reply, wanted):
    p.check(reply is not None and reply.get("result") == wanted, f"{reply}, not {wanted}")


def stops(app, client):
    result(client.call("spdk_kill_instance", {"sig_name": "SIGTERM"}), True)
    return app.end()


def before_the_init(root):
    app = App(root, "wait", "--wait-for-rpc")
    client = Client(app)
    client.fails(INVALID_PARAMS, "requires no parameters", "framework_start_init", {})
    client.fails(INVALID_PARAMS, "\"a\"", "framework_start_init", {"a": 1})
    for method in ("framework_get_subsystems", "framework_get_config", "spdk_kill_instance"):
        client.fails(INVALID_STATE, "framework_start_init", method)
    methods = client.call("rpc_get_methods", {"current": True})["result"]
    p.check("framework_start_init" in methods and "framework_wait_init" in methods and
            "framework_get_subsystems" not in methods, f"{methods}")
    result(client.call("framework_start_init"), True)
    methods = client.call("rpc_get_methods", {"current": True})["result"]
    p.check("framework_start_init" not in methods and "framework_get_subsystems" in methods,
            f"{methods}")
    client.fails(INVALID_STATE, "", "framework_start_init")
    client.fails(INVALID_STATE, "", "framework_start_init", {})
    stops(app, client)


def while_the_init_is_under_way(root):
    """Nobody is answered until it is through, nothing is lost, and a second start is refused."""
    app = App(root, "linger", "--wait-for-rpc")
    waiting, starting, other, again = (Client(app) for _ in range(4))
    waiting.send("framework_wait_init", {"whatever": [1, 2]})
    p.check(waiting.reply(0.2) is None, "framework_wait_init is answered before the init")
    starting.send("framework_start_init")
    begin = time.monotonic()
    p.check(starting.reply(0.1) is None, "framework_start_init is answered before the init is over")
    other.send("spdk_get_version")
    again.send("framework_start_init", ident="second")
    p.check(other.reply(0.1) is None, "the server is not paused")
    result(starting.reply(), True)
    p.check(0.4 <= time.monotonic() - begin <= 3, "the subsystem takes 0.5 s")
    result(waiting.reply(), True)
    p.check("version" in other.reply()["result"], "spdk_get_version")
    reply = again.reply()
    p.check(reply["id"] == "second" and reply["error"]["code"] == INVALID_STATE, f"{reply}")
    for params in (None, {}, {"a": 1}):
        result(other.call("framework_wait_init", params), True)
    out = stops(app, other)
    p.check(out.count("slow begins") == 1 and out.count("started on") == 1, out)


def an_init_that_fails(root):
    app = App(root, "fail-late", "--wait-for-rpc")
    waiting, starting = Client(app), Client(app)
    waiting.send("framework_wait_init")
    p.check(waiting.reply(0.1) is None, "framework_wait_init")
    starting.send("framework_start_init")
    for client in (starting, waiting):
        error = client.reply()["error"]
        p.check(error["code"] == INTERNAL and error["message"].startswith(
            "framework_initialization failed: subsystem slow failed to initialise: No such device"),
            f"{error}")
    out = app.end()
    p.check("quick ends on app_thread\nreturned -6 after 0 start(s)" in out and
            "slow ends" not in out, out)


def a_stop_before_the_init(root):
    """Who waits is told."""
    app = App(root, "wait", "--wait-for-rpc")
    client = Client(app)
    client.send("framework_wait_init")
    p.check(client.reply(0.1) is None, "framework_wait_init")
    app.proc.send_signal(signal.SIGTERM)
    error = client.reply()["error"]
    p.check(error["code"] == INTERNAL and "stop" in error["message"], f"{error}")
    p.check("returned 0 after 0 start(s)" in app.end(), "the end")


def subsystems_in_their_order(root):
    app = App(root, "wait")
    client = Client(app)
    result(client.call("framework_wait_init"), True)
    got = client.call("framework_get_subsystems")["result"]
    p.check(all(set(s) == {"subsystem", "depends_on"} for s in got), f"{got}")
    names = [s["subsystem"] for s in got]
    for entry in got:
        for needed in entry["depends_on"]:
            p.check(names.index(needed) < names.index(entry["subsystem"]), f"{got}")
    p.check({"subsystem": "slow", "depends_on": ["quick"]} in got, f"{got}")
    p.check({"quick", "slow", "bdev", "iobuf", "scheduler"} <= set(names), f"{names}")
    client.fails(INVALID_PARAMS, "requires no arguments", "framework_get_subsystems", {})
    # No writer: null; the others an array.
    result(client.call("framework_get_config", {"name": "slow"}), None)
    result(client.call("framework_get_config", {"name": "slow", "with_batches": True}), None)
    config = client.call("framework_get_config", {"name": "bdev"})["result"]
    p.check(config[0]["method"] == "bdev_set_options", f"{config}")
    client.fails(INVALID_PARAMS, "Subsystem 'x' not found", "framework_get_config", {"name": "x"})
    for params in (None, {}, {"name": 1}, {"name": "bdev", "more": 1}):
        client.fails(INVALID_PARAMS, "", "framework_get_config", params)
    stops(app, client)


def signals_by_name(root):
    app = App(root, "wait")
    client = Client(app)
    result(client.call("framework_wait_init"), True)
    for params in (None, {}, {"sig_name": "15"}, {"sig_name": 15}, {"sig_name": "TERM"},
                   {"sig_name": "sigterm"}, {"sig_name": "SIGSTOP"}, {"sig_name": "SIGTERMX"},
                   {"sig_name": "SIGTERM", "more": 1}):
        client.fails(INVALID_PARAMS, "", "spdk_kill_instance", params)
    p.check(app.proc.poll() is None, "one of these had an effect")
    p.check("returned 0" in stops(app, client), "SIGTERM")
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1"):
        app = App(root, "wait")
        client = Client(app)
        result(client.call("framework_wait_init"), True)
        # The answer may be lost with the process.
        client.send("spdk_kill_instance", {"sig_name": name})
        app.end(0 if name == "SIGINT" else -getattr(signal, name))


if __name__ == "__main__":
    p.needs_hugepages(64)
    p.main([before_the_init, while_the_init_is_under_way, an_init_that_fails,
            a_stop_before_the_init, subsystems_in_their_order, signals_by_name])
