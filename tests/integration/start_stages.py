#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A start or stop that hangs, in each of its stages: `calctl status` says in which, in what and for
how long; --init-timeout ends it and leaves nothing; `calctl status --wait` waits for every state."""
import fcntl
import json
import os
import signal
import subprocess
import time

import primary as p

APP = os.path.join(os.path.dirname(p.BIN), "tests", "helpers", "app")
CALCTL = os.path.join(p.BIN, "calctl")
ID = 561
SLACK = float(os.environ.get("CAL_TIME_SLACK", "2"))
# After the time is up, how long a hung core is given to notice (core/app/app_private.h).
HEAR_S = 2


def start_app(root, mode, *args):
    """tests/helpers/app.c, as an object of which the harness knows how to get rid."""
    prim = p.Primary.__new__(p.Primary)
    prim.root, prim.instance, prim.rpc = root, ID, root.file("app.sock")
    prim.stderr = open(root.file(f"stderr.{time.monotonic_ns()}"), "w+b")
    prim.begun = time.monotonic()
    prim.proc = subprocess.Popen(
        [APP, mode, "-m", hex(1 << p.a_core()), "-s", "64", "-i", str(ID), "-r", prim.rpc, *args],
        env=root.env(CALANDRIA_LIBEXEC=p.BIN), stdin=subprocess.DEVNULL, stdout=prim.stderr,
        stderr=prim.stderr)
    prim.pid = prim.proc.pid
    root.primaries.append(prim)
    return prim


def calctl(root, *args, rc=0):
    done = subprocess.run([CALCTL, "-i", str(ID), *args], env=root.env(), capture_output=True,
                          text=True, timeout=30)
    p.check(rc is None or done.returncode == rc,
            f"calctl {args}: status {done.returncode}, not {rc}: {done.stdout}{done.stderr}")
    return done


def status(root, *args, rc=0):
    return json.loads(calctl(root, "--json", "status", *args, rc=rc).stdout)


def background(root, *args):
    return subprocess.Popen([CALCTL, "-i", str(ID), *args], env=root.env(), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def wait_doing(root, prim, state, doing):
    def there():
        now = prim.state()
        return now and now["pid"] == prim.pid and now["state"] == state and doing in now["doing"]
    p.wait_for(there, 10, f"{state}, doing {doing}")


def shown(root, state, doing, stopped=False):
    """Both outputs say it, and the time goes on between two looks."""
    first = status(root)
    p.check(first["state"] == state and doing in first["doing"], f"not {state}, {doing}: {first}")
    p.check(first["stopped_by_signal"] == stopped, f"stopped: {first}")
    time.sleep(0.3)
    text = calctl(root, "status").stdout
    p.check(f": {state} for " in text and f"doing     {doing}" in text, text)
    second = status(root)
    for key in ("state_s", "doing_s"):
        p.check(second[key] >= first[key] + 0.3, f"{key} stands still: {first} {second}")
    # Nothing else than this state has been going on since the last one of those passed.
    passed = [s["state"] for s in second["passed"]]
    p.check(passed == sorted(passed, key=p.STATES.index) and state not in passed, f"{second}")
    return second


def left_is(root, prim, *names):
    """What the end has left in the instance's folder, and nothing anywhere else."""
    folder = os.path.join(root.run, str(ID))
    left = sorted(os.listdir(folder)) if os.path.exists(folder) else []
    p.check(left == sorted(names), f"run-time files: {left}")
    p.check(os.listdir(root.locks) == [], f"core locks stay: {os.listdir(root.locks)}")
    for name in (prim.rpc, prim.rpc + ".lock"):
        p.check(not os.path.exists(name), f"{name} stays")


def free_hugepages():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") as f:
        return int(f.read())


def is_late(root, prim, limit, code, *words, hung=False, limit_s=None):
    """It ended by itself in time (`limit`: after so many s at least), with one sentence on stderr, and
    in state failed."""
    status_code = prim.proc.wait(20)
    took = time.monotonic() - prim.begun
    most = (limit + (HEAR_S if hung else 0)) + 1.0 * SLACK
    p.check(limit <= took <= most, f"ended after {took:.2f} s, not {limit} to {most}")
    out = prim.output()
    p.check(status_code == code, f"exit status {status_code}, not {code}: {out}")
    sentences = [line for line in out.splitlines() if "--init-timeout" in line]
    p.check(len(sentences) == 1, f"not one sentence: {out}")
    for word in (f"not through after {limit_s or limit:g} s", *words):
        p.check(word in sentences[0], f"'{word}' is not in: {sentences[0]}")
    state = status(root, rc=3)
    p.check(state["state"] == "failed" and not state["alive"], f"{state}")
    p.check(state["reason"] in sentences[0], f"{state['reason']} / {sentences[0]}")
    left_is(root, prim, "lock", "log", "state")
    # The id may be taken again at once.
    again = start_app(root, "stop-0")
    p.check(again.proc.wait(10) == 0, again.output())
    p.check("returned 0 after 1 start(s)" in again.output(), again.output())
    left_is(root, again)


# --- status ---------------------------------------------------------------------------------------

def hung_in_env_by_a_signal(root):
    prim = start_app(root, "stop-7")
    p.wait_for(lambda: prim.state_name() == "env", 5, "env")
    prim.proc.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    if prim.state_name() != "env" or not prim.state()["doing"]:
        prim.proc.send_signal(signal.SIGCONT)  # it was quicker
        prim.proc.wait(10)
        return
    shown(root, "env", "", stopped=True)
    prim.proc.send_signal(signal.SIGCONT)
    prim.proc.wait(10)
    p.check("returned 7 after 1 start(s)" in prim.output(), prim.output())


def hanging_driver(root):
    """Arguments that have EAL load a driver which does not come back before a file is there. EAL takes
    none from below a folder that everybody may write to, as /tmp is, where the build may be, too."""
    go, source = root.file("go"), root.file("hang.c")
    lib = f"/run/cal-hang-{os.getpid()}.so"
    root.at_end(lambda: os.path.exists(lib) and os.unlink(lib))
    root.file("hang.c", '#include <unistd.h>\n__attribute__((constructor)) static void hang(void)\n'
              '{ while (access("%s", F_OK) != 0) { usleep(1000); } }\n' % go)
    subprocess.run([os.environ.get("CC", "gcc").split()[-1], "-shared", "-fPIC", "-o", lib, source],
                   check=True)
    return ["--env-context", f"-d {lib}"]


def hung_in_eal(root):
    prim = start_app(root, "stop-7", *hanging_driver(root))
    wait_doing(root, prim, "env", "EAL")
    shown(root, "env", "EAL")
    root.file("go", "")
    prim.proc.wait(10)
    p.check("returned 7 after 1 start(s)" in prim.output(), prim.output())


def hung_before_eal(root):
    """Somebody else's program holds a lock that EAL takes, and is stopped."""
    fd = os.open("/dev/hugepages", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        prim = start_app(root, "stop-7")
        wait_doing(root, prim, "env", "a look at the machine")
        shown(root, "env", "a look at the machine")
    finally:
        os.close(fd)
    prim.proc.wait(10)
    p.check("returned 7 after 1 start(s)" in prim.output(), prim.output())


def hung_in_a_subsystem(root):
    for mode in ("never", "block"):
        prim = start_app(root, mode)
        wait_doing(root, prim, "subsystem_init", "subsystem slow")
        seen = shown(root, "subsystem_init", "subsystem slow")
        p.check([s["state"] for s in seen["passed"]] == ["env"], f"{seen}")
        p.check(mode == "never" or seen["reactors"][0]["heartbeat_age_ms"] >= 300, f"{seen}")
        prim.kill()


def hung_in_startup_rpc(root):
    prim = start_app(root, "stop-7", "--wait-for-rpc", "--init-timeout", "0.6")
    wait_doing(root, prim, "startup_rpc", "waits for framework_start_init")
    shown(root, "startup_rpc", "waits for framework_start_init")
    time.sleep(0.6)  # waiting is not what is limited
    p.check(prim.state_name() == "startup_rpc", f"{prim.state()}")
    calctl(root, "rpc", "framework_start_init")
    p.check(prim.proc.wait(10) == 0, prim.output())
    p.check("returned 7 after 1 start(s)" in prim.output(), prim.output())


def config(root):
    return root.file("c.json", '{"subsystems": [{"subsystem": "slow", "config": '
                     '[{"method": "app_wait", "params": {"ms": 60000}}]}]}')


def hung_in_config(root):
    prim = start_app(root, "stop-7", "-c", config(root))
    wait_doing(root, prim, "config", "app_wait")
    seen = shown(root, "config", "app_wait") if prim.state()["doing"].startswith("app_wait") \
        else shown(root, "config", prim.state()["doing"])
    p.check([s["state"] for s in seen["passed"]] == ["env", "startup_rpc", "subsystem_init"],
            f"{seen}")
    prim.proc.send_signal(signal.SIGTERM)
    p.check(prim.proc.wait(10) == 0, prim.output())


def hung_in_stop(root):
    prim = start_app(root, "fini-never")
    calctl(root, "status", "--wait", "running", "--timeout", "10")
    prim.proc.send_signal(signal.SIGTERM)
    wait_doing(root, prim, "stopping", "subsystem slow (ends)")
    shown(root, "stopping", "subsystem slow (ends)")
    p.wait_for(lambda: "has not ended" in prim.state()["reason"], 8, "it is told")
    text = calctl(root, "status").stdout
    p.check("error     subsystem slow has not ended 5 s after the stop began" in text, text)
    prim.proc.send_signal(signal.SIGTERM)
    p.check(prim.proc.wait(5) == 0, prim.output())
    left_is(root, prim)


def a_stop_while_a_subsystem_hangs(root):
    """It is waited for; after five seconds that is told, and a second signal ends the waiting."""
    prim = start_app(root, "never")
    wait_doing(root, prim, "subsystem_init", "subsystem slow")
    prim.proc.send_signal(signal.SIGTERM)
    wait_doing(root, prim, "stopping", "subsystem slow (its init is waited for)")
    p.wait_for(lambda: "has not ended" in prim.state()["reason"], 8, "it is told")
    prim.proc.send_signal(signal.SIGTERM)
    p.check(prim.proc.wait(5) == 0, prim.output())
    out = prim.output()
    p.check("quick ends on app_thread\n" in out and "slow ends" not in out, out)
    p.check("returned 0 after 0 start(s)" in out, out)
    left_is(root, prim)


# --- --init-timeout -------------------------------------------------------------------------------

def late_in_a_subsystem(root):
    free = free_hugepages()
    prim = start_app(root, "never", "--init-timeout", "0.8")
    is_late(root, prim, 0.8, 0, "in state subsystem_init, in subsystem slow for 0.")
    # The one that was up has been finalised, and the rest gone in order.
    p.check("quick ends on app_thread\nreturned -110 after 0 start(s)" in prim.output(),
            prim.output())
    p.check(free_hugepages() == free, "hugepages are missing")


def late_in_a_core_that_hangs(root):
    free = free_hugepages()
    prim = start_app(root, "block", "--init-timeout", "0.8")
    is_late(root, prim, 0.8, p.EXIT_LATE, "in subsystem slow for 0.", "hangs", hung=True)
    p.check("returned" not in prim.output(), prim.output())
    p.check(free_hugepages() == free, "hugepages are missing")


def late_in_eal(root):
    prim = start_app(root, "stop-7", "--init-timeout", "0.5", *hanging_driver(root))
    is_late(root, prim, 0.5, p.EXIT_LATE, "in state env, in EAL", "hangs", hung=True)


def late_in_config(root):
    prim = start_app(root, "stop-7", "-c", config(root), "--init-timeout", "0.8")
    is_late(root, prim, 0.8, 0, "in state config, in ", "app_wait")
    p.check("returned -110 after 0 start(s)" in prim.output(), prim.output())


def late_and_then_the_stop_hangs(root):
    prim = start_app(root, "fini-never", "-c", config(root), "--init-timeout", "0.8")
    prim.proc.wait(20)
    out = prim.output()
    p.check("app waits for subsystem slow, which has not ended 5 s after" in out, out)
    p.check("returned -110 after 0 start(s)" in out, out)
    left_is(root, prim, "lock", "log", "state")


def late_and_then_the_core_hangs(root):
    """It has noticed, begins to stop, and hangs in that: 10 s after the time is up there is an end."""
    prim = start_app(root, "fini-block", "-c", config(root), "--init-timeout", "0.8")
    is_late(root, prim, 0.8 + HEAR_S + 8, p.EXIT_LATE, "app_wait", "the stop did not end either",
            limit_s=0.8)


def in_time_nothing_happens(root):
    prim = root.start("--init-timeout", "5", instance=ID)
    time.sleep(0.2)
    code, _ = prim.stop()
    p.check(code == 0 and prim.output().count("\n") == 1, prim.output())
    code, _, err = root.run_to_end("-i", str(ID), "-s", "64", "-m", hex(1 << p.a_core()), "-r",
                                   root.file("r.sock"), "--init-timeout", "0.001")
    p.check(code == p.EXIT_LATE and err.count("\n") == 1 and "--init-timeout" in err,
            f"{code}: {err}")


# --- status --wait --------------------------------------------------------------------------------

def every_state_can_be_waited_for(root):
    """All at once, from before there is an instance to after it is gone."""
    begin = time.monotonic()
    waits = {s: background(root, "status", "--wait", s, "--timeout", "20")
             for s in p.STATES[1:7]}
    time.sleep(0.3)
    p.check(all(w.poll() is None for w in waits.values()), "a wait ended before the start")
    prim = start_app(root, "wait", "-c", root.file("e.json", '{"subsystems": []}'))
    for state in p.STATES[1:6]:
        out, err = waits[state].communicate(timeout=20)
        p.check(waits[state].returncode == 0 and out.startswith(f"Instance {ID}: "),
                f"{state}: {out}{err}")
    print(f"          running after {time.monotonic() - begin - 0.3:.3f} s")
    p.check(waits["stopping"].poll() is None, "stopping has not come")
    stopped = background(root, "--json", "status", "--wait", "stopped", "--timeout", "20")
    time.sleep(0.2)
    prim.proc.send_signal(signal.SIGTERM)
    p.check(waits["stopping"].wait(5) in (0, 3), "stopping")
    out, err = stopped.communicate(timeout=5)
    p.check(stopped.returncode == 0 and out.count("\n") == 1, f"{out}{err}")
    p.check(json.loads(out)["state"] in ("none", "stopped", "stopping"), out)
    prim.proc.wait(5)
    calctl(root, "status", "--wait", "stopped", "--timeout", "0.1")


def a_wait_that_is_in_vain(root):
    done = calctl(root, "status", "--wait", "running", "--timeout", "0.2", rc=3)
    p.check("no primary of it runs" in done.stderr, done.stderr)
    prim = start_app(root, "never", "--init-timeout", "1")
    done = calctl(root, "status", "--wait", "running", "--timeout", "0.5", rc=1)
    p.check("is not running after 0.5 s: it is subsystem_init for " in done.stderr and
            "(subsystem slow, for " in done.stderr and done.stdout == "", f"{done}")
    done = calctl(root, "--json", "status", "--wait", "running", "--timeout", "20", rc=1)
    p.check("failed to start and will not be running: the start is not through after 1 s"
            in done.stderr or "is stopping and will not be running" in done.stderr, f"{done}")
    p.check(done.stdout.count("\n") == 1 and "state" in json.loads(done.stdout), f"{done}")
    prim.proc.wait(10)
    # What failed has failed, and somebody who asks later hears so, too.
    begin = time.monotonic()
    done = calctl(root, "status", "--wait", "running", "--timeout", "20", rc=1)
    p.check("failed to start and will not be running: the start is not" in done.stderr, f"{done}")
    p.check(0.9 <= time.monotonic() - begin <= 3 * SLACK, "the time for being taken over")
    calctl(root, "status", "--wait", "failed")
    # … unless it is started again.
    wait = background(root, "status", "--wait", "running", "--timeout", "20")
    time.sleep(0.2)
    prim = start_app(root, "wait")
    p.check(wait.wait(10) == 0, wait.stderr.read())
    wait = background(root, "status", "--wait", "stopping", "--timeout", "20")
    time.sleep(0.2)
    prim.kill()
    p.check(wait.wait(5) == 1, "it was killed")
    p.check("died and will not be stopping; it was running" in wait.stderr.read(), "why")
    calctl(root, "status", "--wait", "frobbed", rc=2)


def waiting_costs_little_and_sees_soon(root):
    prim = start_app(root, "never")
    wait_doing(root, prim, "subsystem_init", "subsystem slow")
    wait = background(root, "status", "--wait", "stopping", "--timeout", "20")
    time.sleep(2)
    prim.proc.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    _, code, usage = os.wait4(wait.pid, 0)
    took = time.monotonic() - begin
    wait.returncode = os.waitstatus_to_exitcode(code)
    cpu = usage.ru_utime + usage.ru_stime
    print(f"          seen {took * 1000:.1f} ms after the signal; 2 s of waiting took "
          f"{cpu * 1000:.1f} ms of CPU")
    p.check(wait.returncode == 0, wait.stderr.read())
    p.check(took <= 0.1 * SLACK and cpu <= 0.1 * SLACK, f"took {took:.3f} s, {cpu:.3f} s of CPU")
    prim.kill()


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([hung_in_env_by_a_signal, hung_before_eal, hung_in_eal,
            hung_in_a_subsystem, hung_in_startup_rpc,
            hung_in_config, hung_in_stop, a_stop_while_a_subsystem_hangs, late_in_a_subsystem,
            late_in_a_core_that_hangs, late_in_eal, late_in_config, late_and_then_the_stop_hangs,
            late_and_then_the_core_hangs,
            in_time_nothing_happens, every_state_can_be_waited_for, a_wait_that_is_in_vain,
            waiting_costs_little_and_sees_soon])
