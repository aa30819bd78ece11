#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Start-up from a JSON configuration: both passes, comments, mistakes with their place, methods that
fail, exit statuses, an application's own data. cal-confd killed in between: config_kills.py."""
import json
import os
import time

from rpc_common import BUILD, Primary, SLOW, check, finish, wait_until

INSTANCE = 551


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


def fails(what, text, *words, args=(), status=234):
    """The start must fail with a sentence that has all these words, SPDK's exit status, and soon."""
    with Primary(INSTANCE, config=text, args=args) as primary:
        ended = wait_until(lambda: primary.proc.poll() is not None, 15)
        output = primary.output()
        words = [w.replace("FILE", primary.config) for w in words]
        check(ended and primary.proc.returncode == status and all(w in output for w in words),
              f"{what} ends the start with a sentence and {status}",
              (primary.proc.returncode, words, output))
        check(not os.path.exists(primary.socket), "… and leaves no socket")


def test_bad_text():
    fails("a syntax error", '{\n  "subsystems": [\n    { "subsystem": "bdev", "config": [}] }\n',
          "FILE:3:39: a value was expected here")
    fails("an empty file", "", "FILE:1:1: there is no configuration")
    fails("a comment of another language", '{ "subsystems": [] # none\n}', "FILE:1:20: ")
    fails("a comment without its end", '{ "subsystems": []\n/* none }', "FILE:2:")
    fails("what follows the end", '{ "subsystems": [] }\n{}', "FILE:1:21: something follows")


def test_bad_structure():
    fails("a root that is no object", "[]", "FILE:1: the configuration must be an object")
    fails("subsystems that are no array", '{"subsystems": {}}', "'subsystems' must be an array")
    fails("a subsystem with another key", '{"subsystems":[\n{"subsystem":"bdev","conf":[]}]}',
          "FILE:2:", "not 'conf'")
    fails("a subsystem without its config", '{"subsystems":[\n\n{"subsystem":"bdev"}]}',
          "FILE:3: this subsystem has no 'config'")
    fails("an entry with an extra key",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_null_create","id":1}]}]}',
          "FILE:2:", "not 'id'")
    fails("an entry without a method", '{"subsystems":[{"subsystem":"bdev","config":[\n{}]}]}',
          "FILE:2: this entry has no 'method'")


def test_bad_entries():
    fails("an unknown method", '{"subsystems":[{"subsystem":"bdev","config":[\n\n'
          '{"method":"bdev_no_such_method"}]}]}', "FILE:3: there is no RPC method 'bdev_no_such_method'",
          status=254)
    fails("a method that fails",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_malloc_create",'
          '"params":{"name":"M0","num_blocks":0,"block_size":512}}]}]}',
          "FILE:2: bdev_malloc_create failed: ")
    fails("a parameter that is refused",
          '{"subsystems":[{"subsystem":"bdev","config":[\n\n{"method":"bdev_malloc_create",'
          '"params":{"name":"M0","num_blocks":"many","block_size":512}}]}]}',
          "FILE:3: bdev_malloc_create failed: ", '"num_blocks"')
    fails("a startup method that fails",
          '{"subsystems":[{"subsystem":"bdev","config":[\n{"method":"bdev_set_options",'
          '"params":{"bdev_io_pool_size":1}}]}]}', "FILE:2: bdev_set_options failed: ")
    fails("a batch of methods that no state allows together",
          '{"subsystems":[{"subsystem":"bdev","config":[[\n{"method":"bdev_set_options"},'
          '{"method":"log_set_level","params":{"level":"ERROR"}},\n'
          '{"method":"bdev_malloc_create"}]]}]}',
          "FILE:2: this batch can be called at no time: bdev_set_options (line 2)",
          "bdev_malloc_create (line 3)")
    fails("a method that --rpcs-allowed hides", config(malloc("M0")),
          "FILE:", "--rpcs-allowed does not allow 'bdev_malloc_create'",
          args=("--rpcs-allowed", "bdev_get_bdevs"))


def test_unreadable():
    with Primary(INSTANCE, args=("-c", "/nowhere/at/all.json")) as primary:
        wait_until(lambda: primary.proc.poll() is not None, 15)
        output = primary.output()
        check(primary.proc.returncode == 1 and "/nowhere/at/all.json" in output and
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


def test_wait_for_rpc_startup_entries():
    """They are applied before anybody is asked for framework_start_init; SR methods only then."""
    text = {"subsystems": [{"subsystem": "scheduler", "config": [
        {"method": "framework_set_scheduler", "params": {"name": "dynamic", "period": 123456}}]},
        {"subsystem": "bdev", "config": [malloc("M0")]}]}
    with Primary(INSTANCE, config=text, args=("--wait-for-rpc",)) as primary:
        with primary.connect() as client:
            got = client.result("framework_get_scheduler")
            check(got["scheduler_period"] == 123456, "startup entries come before the wait", got)
            client.result("framework_set_scheduler", {"name": "static"})
            client.result("framework_start_init")
            check(primary.wait_state("running") == "running" and bdev_names(primary) == ["M0"],
                  "… the rest after it")
            got = client.result("framework_get_scheduler")
            check(got.get("scheduler_name") == "static", "… what was applied is not once more", got)


def test_no_subsystems():
    with Primary(INSTANCE, config='{"other": [1]}') as primary:
        check(primary.wait_state("running", "failed") == "running", "no 'subsystems' is no mistake")
        check("no 'subsystems'" in primary.service_log("confd"), "… and worth a warning")


class DataApp(Primary):
    """An application with its configuration in memory."""

    def __init__(self, data, *args):
        super().__init__(INSTANCE)
        self.proc.kill()
        self.proc.wait()
        self.argv = [os.path.join(BUILD, "tests/helpers/config_app"), data, *self.argv[1:], *args]
        self.env["CALANDRIA_LIBEXEC"] = os.path.join(BUILD, "bin")
        self.start()


def test_data():
    text = json.dumps(config(malloc("M0")))
    for what, data in (("without a terminator", text), ("that counts its terminator", "nul:" + text)):
        with DataApp(data) as app:
            state = app.wait_state("running", "failed")
            check(state == "running" and bdev_names(app) == ["M0"], f"data {what} is loaded", state)
    for what, data, args, word, rc in (
            ("of no length", "", (), "configuration data of no length", -22),
            ("that is not JSON", "{", (), "config.json:1:2: ", -22),
            ("and a file", text, ("-c", "/dev/null"), "both given", 1)):
        with DataApp(data, *args) as app:
            wait_until(lambda: app.proc.poll() is not None, 15)
            output = app.output()
            check(word in output and f"returned {rc}" in output, f"data {what} is refused", output)


def test_step_under_way():
    """The method of a killed confd goes on; the next one neither calls it again nor overtakes it."""
    entries = [{"method": "app_count", "params": {"ms": 700}},
               {"method": "app_count", "params": {"ms": 1}}, malloc("M0")]
    batch = config([entries[0], malloc("M1")], *entries[1:])  # makes a runtime entry of it
    for state, what in (("startup_rpc", config(*entries)), ("config", batch)):
        with DataApp(json.dumps(what)) as app:
            wait_until(lambda: "count 1\n" in app.output() and
                       (state != "config" or app.wait_state("config")), 10)
            wait_until(lambda: "app_count" in (app.status() or {}).get("doing", "") and
                       app.status()["state"] == state, 5)
            app.kill_service("confd")
            check(app.wait_state("running", "failed") == "running", "… the start goes on", app.logs())
            check(app.output().count("count ") == 2 and "count 3" not in app.output(),
                  "… each method was called once", app.output())


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
    for test in (test_good, test_bad_text, test_bad_structure, test_bad_entries, test_unreadable,
                 test_ignored, test_foreign_subsystem, test_wait_for_rpc,
                 test_wait_for_rpc_startup_entries, test_no_subsystems, test_data,
                 test_step_under_way, test_save_and_load):
        test()
    finish()


main()
