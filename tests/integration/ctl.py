#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""calctl against a real primary: looking, calling, restarting services, stopping; while it runs,
hangs and after it has crashed."""
import json
import os
import re
import signal
import time

from ctl_fixture import keys, run


def check_status(cal, primary):
    status = cal.ask("status")
    keys(status, "state since state_s passed pid alive stopped_by_signal instance app version rpc_socket "
         "uptime_s memory reactors services", "reason doing doing_s")
    for passed in status["passed"]:
        keys(passed, "state since spent_s")
    assert status["state"] == "running" and status["pid"] == primary.pid, status
    assert status["alive"] is True and status["uptime_s"] > 0
    keys(status["memory"], "heap_bytes heap_free_bytes heap_allocs")
    assert status["memory"]["heap_bytes"] > status["memory"]["heap_free_bytes"] > 0, status["memory"]
    assert status["memory"]["heap_allocs"] > 0, status["memory"]
    assert len(status["reactors"]) == 1, status["reactors"]
    keys(status["reactors"][0], "lcore tid threads busy idle iterations in_interrupt "
         "heartbeat_age_ms stale", "running")
    assert not status["reactors"][0]["stale"], status
    for service in status["services"]:
        keys(service, "name pid state restarts ends_in_row",
             "metrics last_end log binary")
    services = cal.ask("service", "list")
    assert [s["name"] for s in services] == [s["name"] for s in status["services"]]
    text = cal.calctl("status").stdout
    assert text.startswith(f"Instance {cal.id}: running for "), text
    assert f"pid {primary.pid}" in text and "REACTOR" in text, text
    assert "rpcd" in cal.calctl("service", "list").stdout
    return {s["name"]: s for s in services}


def check_rpc(cal):
    version = cal.ask("rpc", "spdk_get_version")
    keys(version, "version fields")
    assert json.loads(cal.calctl("rpc", "spdk_get_version").stdout) == version
    failed = cal.calctl("rpc", "no_such_method", rc=1)
    assert failed.stdout == "" and "-32601" in failed.stderr and "not found" in failed.stderr, failed
    failed = cal.calctl("rpc", "log_set_level", '{"level":"loud"}', rc=1)
    assert failed.stderr == ("calctl: log_set_level failed: \"level\": expected ERROR, WARNING, "
                             "NOTICE, INFO or DEBUG, got 'loud' (code -32603)\n"), failed.stderr
    error = json.loads(cal.calctl("--json", "rpc", "no_such_method", rc=1).stderr)
    assert error["code"] == -32601 and error["message"], error
    repeated = cal.ask("rpc", "--repeat", "1000", "spdk_get_version")
    keys(repeated, "method calls seconds attach_ms latency_us")
    keys(repeated["latency_us"], "avg p50 p99 max")
    assert repeated["calls"] == 1000 and 0 < repeated["latency_us"]["p50"] < 10000, repeated
    assert "p50" in cal.calctl("rpc", "--repeat", "10", "spdk_get_version").stdout
    cal.calctl("rpc", "--repeat", "10", "no_such_method", rc=1)


def check_views(cal):
    methods = cal.ask("methods")
    assert "spdk_get_version" in methods
    assert cal.calctl("methods").stdout.split() == sorted(methods)
    assert "framework_start_init" not in cal.ask("methods", "--current")
    keys(cal.ask("reactors"), "tick_rate reactors", "pid")
    assert re.match(r"LCORE +MODE +BUSY .*\n +\d+  poll ", cal.calctl("reactors").stdout)
    keys(cal.ask("threads"), "tick_rate threads")
    assert re.search(r"^ *1  app_thread +[0-9a-f]+ ", cal.calctl("threads").stdout, re.M)
    keys(cal.ask("pollers"), "tick_rate threads")
    assert cal.calctl("pollers").stdout.startswith("THREAD ")
    for subsystem in cal.ask("subsystems"):
        keys(subsystem, "subsystem depends_on")
    cal.calctl("subsystems")


def check_terminal(cal):
    colour = re.compile(r"\033\[[0-9]*m")
    rc, text = cal.on_terminal("status")
    assert rc == 0 and colour.search(text), text
    plain = colour.sub("", text)
    assert "\033" not in plain and max(map(len, plain.splitlines())) <= 80, text
    assert "\033" not in cal.on_terminal("status", NO_COLOR="1")[1]
    assert "\033" not in cal.on_terminal("--json", "status")[1]
    assert max(map(len, cal.on_terminal("methods", columns=60)[1].splitlines())) <= 60
    # What lasts shows that it does, and only there.
    lasting = ["status", "--wait", "stopping", "--timeout", "1.3"]
    rc, text = cal.on_terminal(*lasting)
    assert rc == 1 and "\rwaiting for stopping: running, 1." in text, text
    assert cal.calctl(*lasting, rc=1).stdout == ""


def check_services(cal, services):
    assert cal.calctl("logs", "rpcd").returncode == 0
    log = cal.ask("logs", "rpcd")
    keys(log, "name path lines")
    assert os.path.exists(log["path"]), log
    assert "rpcd" in cal.calctl("logs", "nope", rc=1).stderr
    restarted = cal.ask("service", "restart", "rpcd")
    assert len(restarted) == 1, restarted
    keys(restarted[0], "name pid old_pid took_ms")
    assert restarted[0]["name"] == "rpcd" and restarted[0]["old_pid"] == services["rpcd"]["pid"]
    assert restarted[0]["pid"] != restarted[0]["old_pid"], restarted
    assert restarted[0]["took_ms"] < 2000, restarted
    assert re.fullmatch(r"rpcd runs again after [0-9.]+ m?s: pid \d+, was \d+\n",
                        cal.calctl("service", "restart", "rpcd").stdout)
    everyone = {s["name"] for s in cal.ask("service", "restart", "all")}
    assert everyone == {s["name"] for s in cal.ask("service", "list") if s["state"] != "off"}
    cal.calctl("service", "restart", "nope", rc=1)


def check_hung(cal, primary):
    primary.proc.send_signal(signal.SIGSTOP)
    try:
        time.sleep(1.5)
        begin = time.monotonic()
        status = cal.ask("status")
        text = cal.calctl("status").stdout
        assert time.monotonic() - begin < 1
        assert status["state"] == "running" and status["stopped_by_signal"], status
        assert status["reactors"][0]["stale"], status
        assert status["reactors"][0]["heartbeat_age_ms"] >= 1000, status
        assert "STALE" in text and "kill -CONT" in text, text
        begin = time.monotonic()
        cal.calctl("rpc", "--timeout", "0.5", "spdk_get_version", rc=3)
        assert time.monotonic() - begin < 5
    finally:
        primary.proc.send_signal(signal.SIGCONT)
    cal.calctl("rpc", "spdk_get_version")
    assert not cal.ask("status")["reactors"][0]["stale"]


def check_stop(cal, primary):
    stopped = cal.ask("stop")
    keys(stopped, "instance pid took_ms")
    assert stopped["pid"] == primary.pid and stopped["took_ms"] < 5000, stopped
    assert primary.proc.wait(5) == 0
    cal.calctl("stop", rc=3)
    cal.calctl("status", rc=3)


def check_stop_before_start(cal):
    primary = cal.start("--wait-for-rpc", wait="startup_rpc")
    cal.calctl("stop")
    primary.proc.wait(5)


def check_stop_not_allowed(cal):
    """The list of methods is for those who call them; a process may be stopped by who owns it."""
    primary = cal.start("--rpcs-allowed", "spdk_get_version,no_such_method")
    assert "names no_such_method, and there is no such RPC method" in primary.output()
    assert "names spdk_get_version" not in primary.output()
    assert "Method not found" in cal.calctl("bdevs", rc=1).stderr
    cal.calctl("stop")
    assert primary.proc.wait(5) == 0


def check_crashed(cal):
    primary = cal.start()
    primary.kill()
    status = cal.ask("status", rc=3)
    assert status["state"] == "failed" and status["last_state"] == "running", status
    assert not status["alive"] and str(primary.pid) in status["reason"], status
    assert "dead" in cal.calctl("status", rc=3).stdout
    cal.calctl("service", "list", rc=3)
    dead = cal.calctl("rpc", "spdk_get_version", rc=3)
    assert dead.stderr.startswith("calctl: ") and dead.stderr.count("\n") == 1, dead
    cal.calctl("logs", "rpcd")  # for the post-mortem
    assert "ended cal-rpcd" in cal.calctl("stop").stdout
    cal.calctl("stop", rc=3)


def main(cal):
    primary = cal.start()
    services = check_status(cal, primary)
    check_rpc(cal)
    check_views(cal)
    check_terminal(cal)
    check_services(cal, services)
    check_hung(cal, primary)
    check_stop(cal, primary)
    check_stop_before_start(cal)
    check_stop_not_allowed(cal)
    check_crashed(cal)


run(171, main)
