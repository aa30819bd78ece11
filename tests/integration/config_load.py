#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Start-up from a JSON configuration: both passes, comments, mistakes with their place, methods that
fail, cal-confd killed in between."""
import json
import os
import signal
import time

from rpc_common import Primary, SLOW, check, finish, wait_until

INSTANCE = 162


def malloc(name, blocks=2048, **more):
    return {"method": "bdev_malloc_create",
            "params": dict({"name": name, "num_blocks": blocks, "block_size": 512}, **more)}


def config(*entries, subsystem="bdev"):
    return {"subsystems": [{"subsystem": subsystem, "config": list(entries)}]}


def bdev_names(primary):
    with primary.connect() as client:
        return sorted(bdev["name"] for bdev in client.result("bdev_get_bdevs"))


def test_good():
    text = """// Block devices, in an order that start-up must change
    { "subsystems": [
      { "subsystem": "bdev", "config": [
        { "method": "bdev_malloc_create", "params": { "name": "M0", "num_blocks": 2048, "block_size": 512 } },
        /* startup only, though it stands
           second */
        { "method": "bdev_set_options", "params": { "bdev_io_pool_size": 8191, "bdev_io_cache_size": 64 } },
        [ { "method": "bdev_malloc_create", "params": { "name": "M1", "num_blocks": 2048, "block_size": 512 } },
          { "method": "bdev_null_create", "params": { "name": "N0", "num_blocks": 2048, "block_size": 512 } } ]
      ] },
      { "subsystem": "nothing", "config": null }
    ], "other": 1 }
    """
    with Primary(INSTANCE, config=text) as primary:
        state = primary.wait_state("running", "failed")
        check(state == "running", "a good configuration brings the primary up", state)
        check(bdev_names(primary) == ["M0", "M1", "N0"], "… with what is in it", bdev_names(primary))
        with primary.connect() as client:
            saved = client.result("framework_get_config", {"name": "bdev"})
        options = [e["params"]["bdev_io_pool_size"] for e in saved
                   if e["method"] == "bdev_set_options"]
        check(options == [8191], "… startup methods came first", options)
        pid = primary.kill_service("confd")
        back = wait_until(lambda: primary.service_pid("confd") not in (0, pid), 5)
        time.sleep(0.2)
        check(back and primary.proc.poll() is None and bdev_names(primary) == ["M0", "M1", "N0"],
              "confd killed afterwards: it comes back and changes nothing")
        check(primary.wait_state("running") == "running", "… the primary runs on")
        proc = primary.proc
        proc.terminate()
        check(proc.wait(10 * SLOW) == 0, "… and stops in order", proc.returncode)


def fails(what, text, *words, args=()):
    """The start must fail with a sentence that has all these words, and within a second or two."""
    begin = time.monotonic()
    with Primary(INSTANCE, config=text, args=args) as primary:
        ended = wait_until(lambda: primary.proc.poll() is not None, 15)
        took = time.monotonic() - begin
        output = primary.output()
        words = [w.replace("FILE", primary.config) for w in words]
        check(ended and primary.proc.returncode != 0 and all(w in output for w in words),
              f"{what} ends the start with a sentence", (primary.proc.returncode, words, output))
        check(not os.path.exists(primary.socket), "… and leaves no socket")
        return took


def test_bad():
    fails("a syntax error", '{\n  "subsystems": [\n    { "subsystem": "bdev", "config": [}] }\n',
          "FILE:3:39: a value was expected here")
    fails("an empty file", "", "FILE:1:1: there is no configuration")
    fails("a wrong structure", '{"subsystems":[\n{"subsystem":"bdev","conf":[]}]}',
          "FILE:2:", "not 'conf'")
    fails("an entry with an extra key",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_null_create","id":1}]}]}',
          "FILE:2:", "not 'id'")
    fails("an unknown method", '{"subsystems":[{"subsystem":"bdev","config":[\n\n'
          '{"method":"bdev_no_such_method"}]}]}', "FILE:3: there is no RPC method 'bdev_no_such_method'")
    fails("a method that fails",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_malloc_create",'
          '"params":{"name":"M0","num_blocks":0,"block_size":512}}]}]}',
          "FILE:2: bdev_malloc_create failed: ")
    fails("a parameter of the wrong type",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_malloc_create",'
          '"params":{"name":"M0","num_blocks":"8","block_size":512}}]}]}',
          'FILE:2: bdev_malloc_create failed: "num_blocks": expected unsigned integer, got string')
    fails("a startup method that fails",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_set_options",'
          '"params":{"bdev_io_pool_size":1}}]}]}', "FILE:2: bdev_set_options failed: ")


def test_unreadable():
    with Primary(INSTANCE, args=("-c", "/nowhere/at/all.json")) as primary:
        wait_until(lambda: primary.proc.poll() is not None, 15)
        output = primary.output()
        check(primary.proc.returncode not in (0, None) and "/nowhere/at/all.json" in output and
              "No such file" in output, "a file that is not there ends the start", output)


def test_ignored():
    entries = config(malloc("M0"), malloc("M0"), malloc("bad", 0), malloc("M1"))
    with Primary(INSTANCE, config=entries, args=("--json-ignore-init-errors",)) as primary:
        state = primary.wait_state("running", "failed")
        check(state == "running" and bdev_names(primary) == ["M0", "M1"],
              "--json-ignore-init-errors goes on", state)
        log = primary.service_log("confd")
        check(log.count("bdev_malloc_create failed") == 2, "… and logs what failed", log)


def test_foreign_subsystem():
    entries = config(malloc("M0"))
    entries["subsystems"].append({"subsystem": "iscsi", "config": [
        {"method": "iscsi_set_options", "params": {}}, {"method": "iscsi_other"}]})
    with Primary(INSTANCE, config=entries) as primary:
        state = primary.wait_state("running", "failed")
        check(state == "running" and bdev_names(primary) == ["M0"],
              "a subsystem that is not in this program is skipped", state)
        log = primary.service_log("confd")
        check("subsystem 'iscsi' is not in this program" in log, "… with a notice", log)
        check("subsystem 'iscsi' is not in this program" in primary.output(),
              "… that the primary prints, too", primary.output())


def test_wait_for_rpc():
    with Primary(INSTANCE, config=config(malloc("M0")), args=("--wait-for-rpc",)) as primary:
        state = primary.wait_state("startup_rpc")
        check(state == "startup_rpc", "--wait-for-rpc with a configuration waits", state)
        with primary.connect() as client:
            answer = client.call("bdev_get_bdevs")
            check(answer.get("error", {}).get("code") == -1, "… runtime methods are refused", answer)
            check(client.result("framework_start_init") is True, "… for framework_start_init")
        check(primary.wait_state("running") == "running" and bdev_names(primary) == ["M0"],
              "… then the runtime entries are applied")


def test_killed():
    """confd is killed again and again while it loads; everything is applied once."""
    names = [f"M{i:03}" for i in range(200)]
    # Something to do between them that takes its time and leaves nothing.
    filler = [{"method": "log_enable_timestamps", "params": {"enabled": True}}] * 60
    entries = [entry for name in names for entry in [malloc(name, 8)] + filler]
    with Primary(INSTANCE, config=config(*entries)) as primary:
        kills, last = 0, 0
        end = time.monotonic() + 30 * SLOW
        while time.monotonic() < end:
            status = primary.status()
            if status and status["state"] in ("running", "failed"):
                break
            pid = next((s["pid"] for s in (status or {}).get("services", ())
                        if s["name"] == "confd"), 0)
            if status and status["state"] == "config" and pid not in (0, last) and kills < 3 and \
                    "log_enable" in (status.get("doing") or ""):
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills, last = kills + 1, pid
                except ProcessLookupError:
                    pass
        state = primary.wait_state("running", "failed", seconds=30)
        check(kills == 3, "confd was killed three times while it loaded", kills)
        check(state == "running", "… the start went on all the same", primary.logs())
        if state == "running":
            check(bdev_names(primary) == names, "… and applied every entry once")
        print(f"        ({kills} kills)")


def test_save_and_load():
    """What a running primary says is its configuration starts another one like it."""
    with Primary(INSTANCE, config=config(malloc("M0"), malloc("M1"))) as primary:
        primary.wait_state("running")
        with primary.connect() as client:
            subsystems = [{"subsystem": s["subsystem"], "config": client.result(
                "framework_get_config", {"name": s["subsystem"]})}
                for s in client.result("framework_get_subsystems")]
            bdevs = client.result("bdev_get_bdevs")
    with Primary(INSTANCE, config=json.dumps({"subsystems": subsystems})) as primary:
        state = primary.wait_state("running", "failed")
        check(state == "running", "a saved configuration loads", state)
        with primary.connect() as client:
            check(client.result("bdev_get_bdevs") == bdevs, "… and gives the same block devices")


def main():
    for test in (test_good, test_bad, test_unreadable, test_ignored, test_foreign_subsystem,
                 test_wait_for_rpc, test_killed, test_save_and_load):
        test()
    finish()


main()
