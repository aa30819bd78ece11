#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SPDK's methods of the RPC library, the log, notifications and the environment, row by row: results, codes
and texts; what --rpcs-allowed hides; what is asked while a configuration is loaded is answered after it."""
import json
import os
import re
import select
import stat
import subprocess
import sys
import threading

from rpc_common import Client, Primary, check, finish, wait_until

INSTANCE = 510
LEVELS = ("ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


def error(client, method, params=None):
    answer = client.call(method, params)
    return (answer["error"]["code"], answer["error"]["message"]) if "error" in answer else answer


def refused(client, method, params, code, text):
    got = error(client, method, params)
    check(got == (code, text), f"{method} {params}: {text}", got)


def takes_nothing(client, *methods):
    for method in methods:
        got = error(client, method, {})
        check(got[0] == -32602 and method in got[1], f"{method} refuses even an empty object", got)
        refused(client, method, {"any": 1}, -32602,
                f'{method}: "any": no such parameter, the method takes none')
        got = error(client, method, [1])
        check(got[0] == -32602 and method in got[1], f"{method} refuses an array", got)


def test_rpc_methods(client):
    version = client.result("spdk_get_version")
    fields = version["fields"]
    check(list(version) == ["version", "fields"] and set(fields) == {"major", "minor", "patch", "suffix"} and
          version["version"].startswith("SPDK v%d.%02d" % (fields["major"], fields["minor"])),
          "spdk_get_version", version)
    takes_nothing(client, "spdk_get_version")
    every = client.result("rpc_get_methods")
    now = client.result("rpc_get_methods", {"current": True})
    check(set(now) < set(every) and "framework_start_init" in every and
          "framework_start_init" not in now and "thread_get_stats" in now, "rpc_get_methods, current")
    check(client.result("rpc_get_methods", {}) == every and
          client.result("rpc_get_methods", {"include_aliases": True, "current": False}) == every and
          len(every) == len(set(every)), "rpc_get_methods, all")
    refused(client, "rpc_get_methods", {"current": 1}, -32602,
            'rpc_get_methods: "current": expected boolean, got 1')
    refused(client, "rpc_get_methods", [True], -32602,
            "rpc_get_methods: expected object with named parameters, got array")
    refused(client, "no_such_method", None, -32601, "Method not found")
    refused(client, "framework_start_init", None, -1,
            "Method may only be called before framework is initialized. Use --wait-for-rpc command line "
            "parameter and then issue this RPC before the framework_start_init RPC.")
    check(client.result("framework_wait_init") is True and
          client.result("framework_wait_init", {"x": [1]}) is True, "framework_wait_init, params ignored")


def test_log(primary, client):
    words = "expected ERROR, WARNING, NOTICE, INFO or DEBUG"
    for what in ("level", "print_level"):
        for word in LEVELS:
            check(client.result(f"log_set_{what}", {"level": word}) is True and
                  client.result(f"log_get_{what}") == word, f"log_set_{what} {word}")
        for value, got in (("error", "'error'"), ("DISABLED", "'DISABLED'"), ("WARN", "'WARN'"),
                           ("", "''"), (1, "1"), (None, "null"), (["INFO"], "array")):
            refused(client, f"log_set_{what}", {"level": value}, -32603,
                    f'log_set_{what}: "level": {words}, got {got}')
        check(client.result(f"log_get_{what}") == "DEBUG", f"{what} is as it was")
        refused(client, f"log_set_{what}", None, -32603,
                f'log_set_{what}: "level": required, but missing')
        client.result(f"log_set_{what}", {"level": "NOTICE"})
    takes_nothing(client, "log_get_level", "log_get_print_level", "log_get_flags")
    flags = client.result("log_get_flags")
    check(list(flags) == sorted(flags) and not any(flags.values()), "log_get_flags: sorted, all off",
          flags)
    check(client.result("log_set_flag", {"flag": "all"}) is True and
          all(client.result("log_get_flags").values()), "log_set_flag all")
    check(client.result("log_clear_flag", {"flag": "ALL"}) is True and
          not any(client.result("log_get_flags").values()), "log_clear_flag all")
    if flags:
        name = next(iter(flags))
        client.result("log_set_flag", {"flag": name})
        check([n for n, on in client.result("log_get_flags").items() if on] == [name], "one flag")
        client.result("log_clear_flag", {"flag": name})
    for method in ("log_set_flag", "log_clear_flag"):
        refused(client, method, {"flag": "no such"}, -32602, "invalid log flag")
        refused(client, method, {"flag": True}, -32603,
                f'{method}: "flag": expected string, got boolean')
        refused(client, method, {"flag": "all", "level": 1}, -32603,
                f'{method}: "level": no such parameter')
    check(client.result("log_enable_timestamps", {"enabled": False}) is True, "log_enable_timestamps")
    client.call("log_set_level", {"level": "quiet"})
    line = '*ERROR*: log_set_level: "level": ' + words + ", got 'quiet'"
    check(wait_until(lambda: line in primary.output(), 5), "a refused parameter is in the log")
    told = [row for row in primary.output().splitlines() if line in row]
    check(told and not told[0].startswith("["), "… without the time", told)
    client.result("log_enable_timestamps", {"enabled": True})
    refused(client, "log_enable_timestamps", {}, -32602,
            'log_enable_timestamps: "enabled": required, but missing')


def events_of(client, **params):
    return client.result("notify_get_notifications", params or None)


def test_notify(primary, client):
    check(client.result("notify_get_types") == ["bdev_register", "bdev_unregister", "bdev_resize"],
          "notify_get_types")
    check(client.call("notify_get_types", {}).get("error", {}).get("code") == -32602,
          "notify_get_types takes nothing")
    check(events_of(client) == [], "nothing has happened yet")
    client.result("bdev_malloc_create", {"num_blocks": 8, "block_size": 512, "name": "M"})
    client.result("bdev_null_create", {"name": "ä" * 90, "num_blocks": 8, "block_size": 512})
    client.result("bdev_malloc_delete", {"name": "M"})
    client.result("bdev_null_delete", {"name": "ä" * 90})
    cut = "ä" * 63
    want = [{"type": "bdev_register", "ctx": "M", "id": 0}, {"type": "bdev_register", "ctx": cut, "id": 1},
            {"type": "bdev_unregister", "ctx": "M", "id": 2},
            {"type": "bdev_unregister", "ctx": cut, "id": 3}]
    check(events_of(client) == want, "what happened, from 0; long names are cut", events_of(client))
    check(events_of(client, id=1) == want[1:] and events_of(client, id=1, max=2) == want[1:3] and
          events_of(client, max=1) == want[:1] and events_of(client, max=0) == [] and
          events_of(client, id=4) == [] and events_of(client, id=2**64 - 1) == [], "id and max")
    for i in range(600):
        client.send('{"method":"bdev_null_create","id":1,"params":{"name":"N","num_blocks":8,'
                    '"block_size":512}}{"method":"bdev_null_delete","id":2,"params":{"name":"N"}}')
        client.line(), client.line()
    events = events_of(client)
    check([event["id"] for event in events] == list(range(1204 - 1024, 1204)),
          "the last 1024 of 1204 events", (len(events), events[:1], events[-1:]))
    check(events[0] == {"type": "bdev_register", "ctx": "N", "id": 180} and
          events[-1] == {"type": "bdev_unregister", "ctx": "N", "id": 1203}, "… each whole")
    check([event["id"] for event in events_of(client, id=5, max=40)] == list(range(180, 220)),
          "overwritten ones are stepped over")
    for params, what in (({"id": -1}, '"id": -1 is out of range (0 to 18446744073709551615)'),
                         ({"max": "1"}, '"max": expected unsigned integer, got string'),
                         ({"ids": 1}, '"ids": no such parameter')):
        refused(client, "notify_get_notifications", params, -32602, "notify_get_notifications: " + what)


def test_memory(primary, client):
    path = os.path.join(primary.dir, "spdk_mem_dump.txt")
    victim = os.path.join(primary.dir, "victim")
    with open(victim, "w") as file:
        file.write("precious")
    os.symlink(victim, path)
    takes_nothing(client, "env_dpdk_get_mem_stats")
    for _ in range(2):
        check(client.result("env_dpdk_get_mem_stats") == {"filename": path},
              "env_dpdk_get_mem_stats: the file's name")
    with open(path) as file:
        text = file.read()
    parts = [text.find(word) for word in ("DPDK memory size ", "DPDK memzones.", "DPDK mempools.",
                                          "DPDK malloc stats.", "DPDK malloc heaps.")]
    check(-1 not in parts and parts == sorted(parts), "all five parts are there", parts)
    check(int(re.search(r"DPDK memory size (\d+)", text)[1]) == 64 << 20, "the memory's size")
    check("Malloc element at 0x" in text, "the heap's pieces")
    with open(victim) as file:
        check(file.read() == "precious" and not os.path.islink(path) and
              stat.S_IMODE(os.stat(path).st_mode) == 0o600, "a symbolic link is replaced, not followed")
    check([name for name in os.listdir(primary.dir) if name.startswith("spdk_mem_dump")] ==
          ["spdk_mem_dump.txt"], "nothing is left beside it")
    os.unlink(path)
    os.mkdir(path)
    code, message = error(client, "env_dpdk_get_mem_stats")
    check(code == -32603 and path in message, "a file that cannot be written is said", (code, message))
    spdk = os.environ.get("SPDK_DIR")
    if spdk:
        os.rmdir(path)
        client.result("env_dpdk_get_mem_stats")
        out = subprocess.run([sys.executable, os.path.join(spdk, "scripts/dpdk_mem_info.py"), "-f", path],
                             capture_output=True, text=True)
        check(out.returncode == 0 and "DPDK memory size 64.000000 MiB in 1 heap(s)" in out.stdout,
              "SPDK's dpdk_mem_info.py reads it", out)


def test_allow_list():
    allowed = ["rpc_get_methods", "spdk_get_version", "bdev_get_bdevs"]
    with Primary(INSTANCE + 1, ["--rpcs-allowed", ",".join(allowed)]) as primary, \
            primary.connect() as client:
        primary.wait_state("running", "failed")
        check(sorted(client.result("rpc_get_methods")) == sorted(allowed), "only what is allowed is listed")
        check(client.result("bdev_get_bdevs") == [], "… and can be called")
        for method in ("log_get_level", "bdev_malloc_create", "framework_wait_init"):
            refused(client, method, None, -32601, "Method not found")


def test_start_in_steps():
    with Primary(INSTANCE + 2, ["--wait-for-rpc"]) as primary, primary.connect() as client, \
            primary.connect() as waiting:
        waiting.send('{"method":"framework_wait_init","id":"w"}')
        refused(client, "thread_get_stats", None, -1, "Method may only be called after framework is "
                "initialized using framework_start_init RPC.")
        refused(client, "notify_get_types", None, -1, "Method may only be called after framework is "
                "initialized using framework_start_init RPC.")
        takes_nothing(client, "framework_start_init")
        check(not select.select([waiting.sock], [], [], 0.2)[0], "framework_wait_init waits")
        check(client.result("framework_start_init") is True, "framework_start_init")
        check(json.loads(waiting.line()) == {"jsonrpc": "2.0", "id": "w", "result": True},
              "… and framework_wait_init is answered")
        check(client.result("framework_wait_init") is True, "from now on at once")


def many_nulls(count):
    entries = [{"method": "bdev_null_create", "params": {"name": f"N{i}", "num_blocks": 8, "block_size": 512}}
               for i in range(count)]
    return {"subsystems": [{"subsystem": "bdev", "config": entries}]}


def ask_meanwhile(path, count, answers):
    """Send `count` requests in a row; their answers with the time, or what went wrong."""
    try:
        with Client(path, timeout=60) as client:
            # The last one tells whether the whole configuration was there when it was answered.
            for i in range(count - 1):
                client.send('{"method":"spdk_get_version","id":%d}' % i)
            client.send('{"method":"bdev_get_bdevs","id":%d,"params":{"name":"N3999"}}' % (count - 1))
            answers.append([json.loads(client.line()) for i in range(count)])
    except (OSError, ValueError) as problem:
        answers.append(problem)


def test_paused():
    """Twelve clients with a hundred requests each, before the configuration is half loaded."""
    with Primary(INSTANCE + 3, config=many_nulls(4000), megabytes=128) as primary:
        def listens():
            try:
                Client(primary.socket).close()
                return True
            except OSError:
                return False
        check(wait_until(listens, 20, 0.001), "the socket is there")
        before = primary.status()
        answers = []
        threads = [threading.Thread(target=ask_meanwhile, args=(primary.socket, 100, answers))
                   for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(before["state"] != "running", "they asked while it was loaded", before["state"])
        problems = [a for a in answers if not isinstance(a, list)]
        check(not problems and len(answers) == 12, "none is lost", problems[:1])
        lists = [a for a in answers if isinstance(a, list)]
        check(all([row["id"] for row in a] == list(range(100)) for a in lists), "in order of asking")
        check(all("result" in row for a in lists for row in a), "all served",
              [row for a in lists for row in a if "error" in row][:1])
        check(all(a[-1]["result"][0]["name"] == "N3999" for a in lists), "after the last entry")


def main():
    with Primary(INSTANCE) as primary, primary.connect() as client:
        primary.wait_state("running", "failed")
        test_rpc_methods(client)
        test_log(primary, client)
        test_notify(primary, client)
        test_memory(primary, client)
    test_allow_list()
    test_start_in_steps()
    test_paused()
    finish()


if __name__ == "__main__":
    main()
