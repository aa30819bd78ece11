#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Buffer pools in real processes: options by RPC, their bounds and what is saved of them; counters
that move with I/O; more I/O than there are buffers."""
import json
import os

from rpc_common import CALANDRIA, Primary, check, finish, wait_until

BIN = os.path.dirname(CALANDRIA)
APP = os.path.join(os.path.dirname(BIN), "tests", "helpers", "iobuf_app")
PARAMS = ["small_pool_count", "large_pool_count", "small_bufsize", "large_bufsize", "enable_numa"]
POOL = ["cache", "main", "retry", "cache_size"]


class App(Primary):
    """tests/helpers/iobuf_app.c in the primary's place."""

    def start(self):
        self.argv[0] = APP
        self.env["CALANDRIA_LIBEXEC"] = BIN
        super().start()


def saved(client):
    entry, = client.result("framework_get_config", {"name": "iobuf"})
    check(entry["method"] == "iobuf_set_options" and list(entry["params"]) == PARAMS,
          "the options are saved", entry)
    return entry["params"]


def stats(client):
    modules = client.result("iobuf_get_stats", {"ignored": 1})
    check([m["module"] for m in modules] == ["bdev"], "one module is there", modules)
    for pool in ("small_pool", "large_pool"):
        check(list(modules[0][pool]) == POOL, f"{pool} has SPDK's keys", modules)
    return modules[0]


def refused(client, params, code):
    answer = client.call("iobuf_set_options", params)
    check(answer.get("error", {}).get("code") == code, f"{params} is refused by {code}", answer)


def check_defaults():
    with Primary(250, megabytes=256) as primary, primary.connect() as client:
        client.result("framework_wait_init")
        params = saved(client)
        bytes_ = (params["small_pool_count"] * params["small_bufsize"] +
                  params["large_pool_count"] * params["large_bufsize"])
        check(60 << 20 < bytes_ <= 64 << 20, "a quarter of 256 MB are pools", (params, bytes_))
        subsystems = client.result("framework_get_subsystems")
        bdev, = [s for s in subsystems if s["subsystem"] == "bdev"]
        check(bdev["depends_on"] == ["iobuf"], "bdev depends on iobuf", subsystems)
        names = [s["subsystem"] for s in subsystems]
        check(names.index("iobuf") < names.index("bdev"), "and comes after it", names)
        answer = client.call("iobuf_set_options", {})
        check(answer["error"]["code"] == -1, "it is too late for options", answer)


def check_options():
    config = None
    with Primary(251, ["--wait-for-rpc"]) as primary, primary.connect() as client:
        refused(client, {"small_pool_count": 63}, -22)
        refused(client, {"large_pool_count": 7}, -22)
        refused(client, {"small_bufsize": 4095}, -22)
        refused(client, {"large_bufsize": 8191}, -22)
        refused(client, {"large_bufsize": "8192x"}, -32602)
        refused(client, {"pool_count": 1}, -32602)
        refused(client, {"small_pool_count": 16383, "large_pool_count": 2047}, -12)
        check(wait_until(lambda: "larger -s" in primary.logs(), 5), "and the log says what to do", primary.logs())
        check(client.result("iobuf_set_options", {"small_pool_count": 100, "large_pool_count": 9,
                                                  "large_bufsize": 65536}) is True, "set")
        client.result("bdev_set_options", {"iobuf_small_cache_size": 5,
                                           "iobuf_large_cache_size": 2})
        client.result("framework_start_init")
        params = saved(client)
        check([params[p] for p in PARAMS] == [100, 9, 8192, 65536, False], "as they were set",
              params)
        config = {"subsystems": [{"subsystem": "iobuf", "config": client.result(
            "framework_get_config", {"name": "iobuf"})}]}
    with Primary(252, config=json.dumps(config)) as primary:
        check(primary.wait_state("running", "failed") == "running", "what is saved can be loaded")
        with primary.connect() as client:
            check(saved(client) == params, "and is the same")


def check_io():
    with App(253, ["--wait-for-rpc"]) as app, app.connect() as client:
        client.result("iobuf_set_options", {"small_pool_count": 64, "large_pool_count": 8})
        client.result("bdev_set_options", {"iobuf_small_cache_size": 4,
                                           "iobuf_large_cache_size": 2})
        client.result("framework_start_init")
        client.result("bdev_malloc_create", {"name": "M", "num_blocks": 2048, "block_size": 512})
        before = stats(client)
        check(client.result("app_read", {"name": "M", "blocks": 8, "count": 3}) == 3, "three reads")
        after = stats(client)
        check(after["small_pool"]["cache"] == before["small_pool"]["cache"] + 3,
              "have taken three buffers from the cache", (before, after))
        check(after["large_pool"] == before["large_pool"] or
              after["large_pool"]["cache"] == before["large_pool"]["cache"], "and no large one",
              (before, after))
        check(client.result("app_read", {"name": "M", "blocks": 128, "count": 200}) == 200,
              "25 times as many reads as there are buffers")
        after = stats(client)["large_pool"]
        check(after["cache"] + after["main"] == 8 and after["retry"] == 192,
              "of which all but eight had to wait", after)
        check(client.result("app_read", {"name": "M", "blocks": 265, "count": 1}) == 0,
              "one that is longer than a buffer fails")
        check(stats(client)["large_pool"]["retry"] == 192, "and does not wait")
        client.result("bdev_malloc_delete", {"name": "M"})
        app.proc.terminate()
        check(app.proc.wait(20) == 0, "the end", app.logs())
        check("never put back" not in app.logs() and "missing" not in app.logs(),
              "finds every buffer", app.logs())


def main():
    check_defaults()
    check_options()
    check_io()
    finish()


if __name__ == "__main__":
    main()
