#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SPDK's Python client against our socket.

First the wire as that client uses it: one object without a line break, pretty-printed or not, ids
counted from 1, the reply decoded again after each piece until it is whole. Then, if $SPDK_DIR is a
checkout of SPDK, its own scripts/rpc.py, unmodified, one process a command."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

from rpc_common import Primary, SLOW, check, finish

INSTANCE = 163
SPDK_DIR = os.environ.get("SPDK_DIR")


class WireClient:
    """Sends and receives as SPDK's client does."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.decoder = json.JSONDecoder()
        self.buf = ""
        self.id = 0

    def receive(self):
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buf)
                self.buf = self.buf[end:].lstrip()
                return value
            except ValueError:
                data = self.sock.recv(4096)
                if not data:
                    raise ConnectionError("closed with a partial reply: " + self.buf)
                self.buf += data.decode("utf-8")

    def send(self, method, params=None):
        self.id += 1
        request = {"jsonrpc": "2.0", "method": method, "id": self.id}
        if params:
            request["params"] = params
        self.sock.sendall(json.dumps(request, indent=2).encode())
        return self.id

    def call(self, method, params=None):
        id = self.send(method, params)
        reply = self.receive()
        if reply["id"] != id:
            raise RuntimeError(f"reply to {reply['id']}, not to {id}")
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]


def test_wire(primary):
    client = WireClient(primary.socket)
    version = client.call("spdk_get_version")
    check(set(version) >= {"version", "fields"} and
          set(version["fields"]) >= {"major", "minor", "patch", "suffix"}, "spdk_get_version", version)
    methods = client.call("rpc_get_methods", {"current": True, "include_aliases": False})
    check({"bdev_get_bdevs", "thread_get_stats"} <= set(methods), "rpc_get_methods")
    reactors = client.call("framework_get_reactors")
    check(reactors["tick_rate"] > 0 and reactors["reactors"] and
          set(reactors["reactors"][0]) >= {"lcore", "numa_id", "tid", "busy", "idle",
                                           "in_interrupt", "irq", "sys", "usr", "lw_threads"},
          "framework_get_reactors", reactors)
    stats = client.call("thread_get_stats")
    check(any(t["name"] == "app_thread" for t in stats["threads"]), "thread_get_stats", stats)
    pollers = client.call("thread_get_pollers")
    check(set(pollers["threads"][0]) >= {"name", "id", "active_pollers", "timed_pollers",
                                         "paused_pollers"}, "thread_get_pollers", pollers)
    name = client.call("bdev_malloc_create", {"num_blocks": 2048, "block_size": 512,
                                              "name": "Wire0"})
    bdevs = client.call("bdev_get_bdevs", {"name": "Wire0"})
    check(name == "Wire0" and bdevs[0]["product_name"] == "Malloc disk", "bdev_get_bdevs", bdevs)
    check(client.call("bdev_malloc_delete", {"name": "Wire0"}) is True, "bdev_malloc_delete")
    # Several before the first reply is read, as its batches of calls do.
    ids = [client.send("spdk_get_version") for _ in range(10)]
    check(sorted(client.receive()["id"] for _ in ids) == ids, "ten requests at once")
    names = [client.call("bdev_malloc_create", {"num_blocks": 8, "block_size": 512})
             for _ in range(16)]
    bdevs = client.call("bdev_get_bdevs")
    check(len(json.dumps(bdevs)) > 3 * 4096 and sorted(b["name"] for b in bdevs) == sorted(names),
          "a reply longer than one read", names)
    for name in names:
        client.call("bdev_malloc_delete", {"name": name})


def rpc_py(primary, *args, stdin=None, tool="rpc.py", python=sys.executable):
    out = subprocess.run([python, os.path.join(SPDK_DIR, "scripts", tool), "-s",
                          primary.socket, *args], input=stdin, capture_output=True, text=True,
                         timeout=60 * SLOW, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    return out.returncode, out.stdout, out.stderr


def works(primary, test, *args, stdin=None):
    rc, out, err = rpc_py(primary, *args, stdin=stdin)
    ok = rc == 0 and "Traceback" not in err
    value = None
    if ok and test is not None:
        try:
            value = json.loads(out)
        except ValueError:
            value = out.strip()
        ok = bool(test(value))
    check(ok, "rpc.py " + " ".join(args), (rc, out[-500:], err[-500:]))
    return value


def test_rpc_py(primary):
    works(primary, lambda v: "version" in v, "spdk_get_version")
    works(primary, lambda v: "bdev_get_bdevs" in v, "rpc_get_methods")
    works(primary, lambda v: v["reactors"][0]["lw_threads"], "framework_get_reactors")
    works(primary, lambda v: v["threads"], "thread_get_stats")
    works(primary, lambda v: v["threads"], "thread_get_pollers")
    works(primary, lambda v: v == "Py0", "bdev_malloc_create", "-b", "Py0", "1", "512")
    works(primary, lambda v: v[0]["name"] == "Py0" and v[0]["num_blocks"] == 2048,
          "bdev_get_bdevs", "-b", "Py0")
    works(primary, lambda v: v["bdevs"], "bdev_get_iostat")
    saved = works(primary, lambda v: v["subsystems"], "save_config")
    works(primary, None, "bdev_malloc_delete", "Py0")
    works(primary, lambda v: v == [], "bdev_get_bdevs")
    rc, out, err = rpc_py(primary, "bdev_malloc_delete", "Py0")
    check(rc == 1 and "No such device" in out + err, "rpc.py shows an error of ours", (rc, out, err))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(saved, file)
        file.flush()
        works(primary, None, "load_config", "-j", file.name)
    works(primary, lambda v: [b["name"] for b in v] == ["Py0"], "bdev_get_bdevs")


def names(primary):
    return sorted(b["name"] for b in works(primary, lambda v: isinstance(v, list), "bdev_get_bdevs"))


def values_of(text):
    """The JSON values that it printed one after another."""
    decoder, out = json.JSONDecoder(), []
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        out.append(value)
        text = text[end:].lstrip()
    return out


def test_configurations(primary):
    """All ways in which it saves and loads, and requests in batches."""
    for name in ("A", "B"):
        works(primary, None, "bdev_malloc_create", "-b", name, "1", "512")
    saved = works(primary, lambda v: [s["subsystem"] for s in v["subsystems"]][-1] == "bdev",
                  "save_config", "-i", "4", "--with-batches")
    works(primary, lambda v: v == saved, "save_config", "--no-with-batches")
    works(primary, lambda v: {"bdev", "iobuf"} <= {s["subsystem"] for s in v["subsystems"]},
          "save_config", "-s", "bdev")
    bdev = works(primary, lambda v: v["subsystem"] == "bdev" and v["config"],
                 "save_subsystem_config", "-n", "bdev")
    rc, out, err = rpc_py(primary, "save_subsystem_config", "-n", "none")
    check(rc == 1 and "-32602" in out + err, "save_subsystem_config of none", (rc, out, err))
    batch = {"subsystems": [{"subsystem": "bdev", "config": [
        [{"method": "bdev_malloc_create", "params": {"name": n, "num_blocks": 2048,
                                                     "block_size": 512}} for n in ("A", "B")],
        {"method": "bdev_wait_for_examine"}]}]}
    for what, config in (("load_config", saved), ("load_config", batch),
                         ("load_subsystem_config", bdev)):
        for name in ("A", "B"):
            works(primary, None, "bdev_malloc_delete", name)
        works(primary, None, what, stdin=json.dumps(config))
        check(names(primary) == ["A", "B"], f"{what} brings them back")
    rc, out, err = rpc_py(primary, "-b", stdin="spdk_get_version\nbdev_get_bdevs -b A\n")
    replies = [v for v in values_of(out) if v is not None] if rc == 0 else []
    check(len(replies) == 2 and "version" in replies[0] and replies[1][0]["name"] == "A",
          "requests in a batch", (rc, out[-500:], err[-500:]))
    rc, out, err = rpc_py(primary, stdin="# two\nspdk_get_version\nbdev_get_bdevs -b none\n")
    check(rc == 1 and "bdev_get_bdevs -b none <<<" in out and "-19" in out,
          "a script ends at its first error", (rc, out[-500:], err[-500:]))
    for name in ("A", "B"):
        works(primary, None, "bdev_malloc_delete", name)


def test_spdkcli(primary):
    """SPDK's shell, where its library (Debian's python3-configshell-fb) is installed."""
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import configshell_fb"], capture_output=True).returncode:
        print("        (no configshell_fb: SPDK's spdkcli.py was not run)")
        return
    for args, want in ((("ls",), "o- bdevs"), (("/bdevs/malloc", "create", "1", "512", "C0"), "C0"),
                       (("/bdevs/malloc", "ls"), "o- C0"),
                       (("/bdevs/malloc", "delete", "C0"), "")):
        rc, out, err = rpc_py(primary, *args, tool="spdkcli.py", python=python)
        check(rc == 0 and want in out and "Traceback" not in err, "spdkcli.py " + " ".join(args),
              (rc, out[-500:], err[-500:]))
    check(names(primary) == [], "spdkcli.py deleted it")


def test_tcp():
    """rpc.py -s ADDRESS -p PORT."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Primary(INSTANCE + 2, args=("--rpc-tcp", str(port))) as primary:
        primary.wait_state("running")
        out = subprocess.run([sys.executable, os.path.join(SPDK_DIR, "scripts/rpc.py"), "-s",
                              "127.0.0.1", "-p", str(port), "spdk_get_version"],
                             capture_output=True, text=True, timeout=60 * SLOW)
        check(out.returncode == 0 and "version" in out.stdout, "rpc.py -p PORT",
              (out.stdout, out.stderr, primary.output()))


def test_rpc_py_from_the_start():
    """load_config of a saved configuration into a primary that waits: both of its passes."""
    with Primary(INSTANCE + 1, args=("--wait-for-rpc",)) as primary:
        primary.wait_state("startup_rpc")
        text = json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
            {"method": "bdev_malloc_create",
             "params": {"name": "L0", "num_blocks": 2048, "block_size": 512}},
            {"method": "bdev_set_options", "params": {"bdev_io_pool_size": 8191}}]}]})
        primary.connect().close()
        works(primary, None, "load_config", "-i", stdin=text)
        works(primary, lambda v: [b["name"] for b in v] == ["L0"], "bdev_get_bdevs")


def main():
    with Primary(INSTANCE) as primary:
        primary.wait_state("running")
        test_wire(primary)
        if SPDK_DIR:
            begin = time.monotonic()
            test_rpc_py(primary)
            works(primary, None, "bdev_malloc_delete", "Py0")
            test_configurations(primary)
            test_spdkcli(primary)
            print(f"        (rpc.py: {time.monotonic() - begin:.1f} s)")
    if SPDK_DIR:
        test_rpc_py_from_the_start()
        test_tcp()
    else:
        print("        (no $SPDK_DIR: SPDK's own rpc.py was not run)")
    finish()


main()
