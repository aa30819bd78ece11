#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Schedulers in a real application on two cores: threads that spin, rest and come back, where
framework_get_reactors shows them; cores that sleep; options and what is saved of them; locks on cores
at run time; the log's word for a thread that nobody told to exit."""
import os
import sys
import tempfile
import time

from rpc_common import BUILD, Primary, check, finish, wait_until

INSTANCE, OTHER = 240, 241
CORES = sorted(os.sched_getaffinity(0))[:2]


class App(Primary):
    def __init__(self, instance, args=(), mask=None):
        super().__init__(instance, args, mask or hex(sum(1 << core for core in CORES)))

    def start(self):
        self.argv[0] = os.path.join(BUILD, "tests/helpers/sched")
        self.env.update(CALANDRIA_CPU_LOCK_DIR=LOCKS, CALANDRIA_LIBEXEC=os.path.join(BUILD, "bin"))
        super().start()


LOCKS = tempfile.mkdtemp(prefix="cal-test-")


def reactors(client):
    return {reactor["lcore"]: reactor
            for reactor in client.result("framework_get_reactors")["reactors"]}


def core_of(client, thread):
    for lcore, reactor in reactors(client).items():
        if any(entry["id"] == thread for entry in reactor["lw_threads"]):
            return lcore
    return None


def sleeps(client, lcore):
    return reactors(client)[lcore]["in_interrupt"]


def create(client, name, active, cpumask=None):
    params = {"name": name, "active": active}
    if cpumask is not None:
        params["cpumask"] = f"[{cpumask}]"
    return client.result("test_thread_create", params)


def there(client, thread, core, what, seconds=3):
    check(wait_until(lambda: core_of(client, thread) == core, seconds, 0.02), what,
          core_of(client, thread))


def stays(client, places, what, seconds=0.3):
    """They are, or come, there, and stay: up to a glance in ten, since on a busy machine a thread may
    be taken off its CPU for longer than a period and look as if it had worked."""
    def seen():
        return {thread: core_of(client, thread) for thread in places}
    wait_until(lambda: seen() == places, 3, 0.02)
    glances = wrong = 0
    end, last = time.monotonic() + seconds, places
    while time.monotonic() < end:
        now = seen()
        glances += 1
        if now != places:
            wrong, last = wrong + 1, now
        time.sleep(0.01)
    check(wrong * 10 <= glances, what, (places, last))


def check_startup(client):
    first = client.result("framework_get_scheduler")
    check("scheduler_name" not in first and first["isolated_core_mask"] == "0" and
          first["scheduling_core"] == CORES[0], "before initialisation there is no scheduler", first)
    for params in ({"isolated_core_mask": f"[{CORES[0]}]"}, {"isolated_core_mask": "[1000]"},
                   {"isolated_core_mask": "x"}, {"scheduling_core": 1000}, {"core": 1}):
        error = client.call("scheduler_set_options", params).get("error")
        check(error and error["code"] == -32602, f"scheduler_set_options refuses {params}", error)
    check(client.result("scheduler_set_options", {"scheduling_core": CORES[1],
                                                  "isolated_core_mask": f"[{CORES[0]}]"}),
          "another core may schedule")
    now = client.result("framework_get_scheduler")
    check(now["scheduling_core"] == CORES[1] and
          int(now["isolated_core_mask"], 16) == 1 << CORES[0], "and is shown", now)
    check(client.result("framework_set_scheduler", {"name": "dynamic", "period": 424242}),
          "it is chosen there")
    check(client.result("scheduler_set_options", {"scheduling_core": CORES[0],
                                                  "isolated_core_mask": "0"}), "and back")
    client.result("framework_set_scheduler", {"name": "dynamic", "core_limit": 42})
    now = client.result("framework_get_scheduler")
    check((now["scheduler_name"], now["scheduler_period"], now["load_limit"], now["core_limit"],
           now["core_busy"]) == ("dynamic", 424242, 20, 42, 95), "options are kept and shown", now)
    client.result("framework_set_scheduler", {"name": "static"})
    client.result("framework_start_init")


def check_moves(client):
    main, other = CORES
    check(client.result("framework_get_scheduler")["scheduler_name"] == "static", "static is used")
    spinner = create(client, "spinner", 100)
    resting = [create(client, f"resting{i}", 0) for i in range(4)]
    pinned = create(client, "pinned", 0, other)
    check({core_of(client, thread) for thread in resting} == {main, other},
          "static places threads in turn")
    before = {thread: core_of(client, thread) for thread in [spinner, *resting, pinned]}
    stays(client, before, "static moves nobody")

    client.result("framework_set_scheduler", {"name": "dynamic", "period": 10000, "core_limit": 80})
    for thread in resting:
        there(client, thread, main, "dynamic gathers an idle thread on the main core")
    there(client, spinner, other, "one that spins is, or goes, on the other core")
    stays(client, {spinner: other, pinned: other, **{thread: main for thread in resting}},
          "and there they stay")

    client.result("test_thread_active", {"id": spinner, "active": 0})
    there(client, spinner, main, "it has come to rest: it is gathered too")
    there(client, pinned, other, "a mask is respected")
    check(not sleeps(client, other), "a core with a thread does not sleep")
    client.result("test_thread_delete", {"id": pinned})
    check(wait_until(lambda: sleeps(client, other), 3, 0.02), "the core without threads sleeps")
    check(not sleeps(client, main), "the main core never does")

    client.result("test_thread_active", {"id": spinner, "active": 100})
    there(client, spinner, other, "work wakes the other core")
    check(not sleeps(client, other), "which polls again")

    client.result("test_thread_active", {"id": spinner, "active": 0})
    there(client, spinner, main, "all is on the main core once more")
    client.result("framework_set_scheduler", {"name": "static"})
    there(client, spinner, before[spinner], "static brings a thread back")
    for thread in resting:
        there(client, thread, before[thread], "and another")
    check(wait_until(lambda: not sleeps(client, other), 3), "and wakes the cores")
    check(client.result("framework_get_scheduler")["scheduler_period"] == 0, "its period is 0")
    to = other if before[resting[0]] == main else main
    client.result("framework_set_scheduler", {"name": "static", "mappings": f"{resting[0]}:{to}"})
    there(client, resting[0], to, "static maps a thread to a core")
    stays(client, {thread: before[thread] for thread in resting[1:]}, "and leaves the others")
    for thread in [spinner, *resting]:
        client.result("test_thread_delete", {"id": thread})


def check_refusals(client):
    error = client.call("framework_set_scheduler", {"name": "nosuch", "period": 77})["error"]
    check(error["code"] == -32603 and "nosuch" in error["message"], "an unknown name is said", error)
    check(client.result("framework_get_scheduler")["scheduler_period"] == 77,
          "its period is applied all the same")
    for params in ({"name": "dynamic", "load_limit": 101}, {"name": "dynamic", "core_busy": "x"},
                   {"name": "static", "mappings": "1-2"}, {"name": "static", "mappings": "1:1000"},
                   {"name": 1}, {"name": "static", "period": -1}, {}):
        error = client.call("framework_set_scheduler", params).get("error")
        check(error and error["code"] == -32602, f"{params} is refused", error)
    check(client.result("framework_get_governor") == {}, "there is no governor")


def check_saved(client):
    client.result("framework_set_scheduler", {"name": "dynamic", "period": 50000, "core_limit": 70,
                                              "load_limit": 10})
    saved = client.result("framework_get_config", {"name": "scheduler"})
    check(saved == [{"method": "framework_set_scheduler",
                     "params": {"name": "dynamic", "period": 50000, "load_limit": 10,
                                "core_limit": 70, "core_busy": 95}}], "dynamic is saved", saved)
    client.result("framework_set_scheduler", {"name": "static"})
    saved = client.result("framework_get_config", {"name": "scheduler"})
    check(saved == [{"method": "framework_set_scheduler", "params": {"name": "static"}}],
          "static is saved", saved)


def lock_files():
    return sorted(name for name in os.listdir(LOCKS) if name.startswith("spdk_cpu_lock_"))


def check_locks(client, primary):
    mine = [f"spdk_cpu_lock_{core:03}" for core in CORES]
    check(lock_files() == mine, "cores are locked from the start", lock_files())
    check(client.result("framework_enable_cpumask_locks"), "to enable that again is no error")
    check(client.result("framework_disable_cpumask_locks"), "locks can be given up")
    check(client.result("framework_disable_cpumask_locks"), "twice")
    check(lock_files() == [], "then there are none", lock_files())
    check(client.result("framework_enable_cpumask_locks"), "and taken again")
    check(lock_files() == mine, "then they are there", lock_files())
    with App(OTHER, mask=hex(1 << CORES[1])) as other:
        check(other.proc.wait(10) == 1 and str(primary.proc.pid) in other.output() and
              f"core {CORES[1]}" in other.output(), "who wants one is told who has it",
              other.output())
    with App(OTHER, ["--disable-cpumask-locks", "--interrupt-mode"],
             hex(1 << CORES[1])) as other, other.connect() as second:
        other.wait_state("running")
        error = second.call("framework_enable_cpumask_locks").get("error")
        check(error and error["code"] == -32603 and
              error["message"].startswith(f"Failed to claim CPU core: {CORES[1]}") and
              str(primary.proc.pid) in error["message"], "at run time too", error)
        client.result("framework_disable_cpumask_locks")
        check(second.result("framework_enable_cpumask_locks"), "what was given up is free")
        error = client.call("framework_enable_cpumask_locks").get("error")
        check(error and str(other.proc.pid) in error["message"], "for the first to want it", error)
        check(lock_files() == mine[1:], "and nothing is held after a refusal", lock_files())
    check(client.result("framework_enable_cpumask_locks"), "whose end frees it")


def check_end(client, primary):
    """While a round comes every millisecond."""
    client.result("framework_set_scheduler", {"name": "dynamic", "period": 1000})
    told = create(client, "told", 30)
    forgotten = create(client, "forgotten", 0)
    client.result("test_forget", {"id": forgotten})
    check(told != forgotten, "two threads are there")
    primary.proc.terminate()
    check(primary.proc.wait(10) == 0, "it ends")
    log = primary.output()
    check("thread forgotten still runs" in log, "a thread that nobody told to exit is named", log)
    check("thread told still runs" not in log, "and no other", log)
    check(lock_files() == [], "no lock is left", lock_files())


def main():
    if len(CORES) < 2:
        print("two cores are needed")
        sys.exit(77)
    with App(INSTANCE, ["--wait-for-rpc"]) as primary, primary.connect() as client:
        check_startup(client)
        primary.wait_state("running")
        check_moves(client)
        check_refusals(client)
        check_saved(client)
        check_locks(client, primary)
        check_end(client, primary)
    os.rmdir(LOCKS)
    finish()


if __name__ == "__main__":
    main()
