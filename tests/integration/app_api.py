#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""An application linked with the library (tests/helpers/app.c): what spdk_app_start() and its kin
promise."""
import os
import signal
import subprocess
import time

import primary as p

APP = os.path.join(os.path.dirname(p.BIN), "tests", "helpers", "app")


class App:
    def __init__(self, root, mode, *args):
        self.root = root
        self.proc = subprocess.Popen(
            [APP, mode, "-m", hex(1 << p.a_core()), "-s", "64", "-r", root.file("app.sock"), *args],
            env=root.env(CALANDRIA_LIBEXEC=p.BIN), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)

    def until(self, line):
        while True:
            got = self.proc.stdout.readline().decode()
            if not got:
                raise p.Failure(f"'{line}' never came: {self.proc.stderr.read().decode()}")
            if got.startswith(line):
                return

    def end(self):
        out, err = self.proc.communicate(timeout=20)
        p.check(self.proc.returncode == 0, f"exit status {self.proc.returncode}: {err.decode()}")
        p.check(os.listdir(self.root.run) == [], f"run-time files: {os.listdir(self.root.run)}")
        p.check(os.listdir(self.root.locks) == [], "core locks stay")
        return out.decode().splitlines(), err.decode().splitlines()


def expect(lines, *wanted):
    p.check(lines == list(wanted), f"got {lines}, wanted {list(wanted)}")


UP = ["quick is up on app_thread", "slow begins", "slow is up"]
DOWN = ["slow ends", "quick ends on app_thread"]


def mask():
    return f"cores {1 << p.a_core():x}"


def stop_value_is_returned(root):
    app = App(root, "stop-7")
    out, err = app.end()
    expect(out, *UP, f"started on app_thread with ctx, id {app.proc.pid}", mask(), *DOWN,
           "returned 7 after 1 start(s)")
    # … and one that comes when spdk_app_start() has returned changes nothing.
    p.check("spdk_app_stop() without a running application" in err[-1], f"{err}")


def it_may_be_stopped_from_anywhere(root):
    """From another spdk_thread, and from a thread that is none of ours."""
    for mode, value in (("stop-thread", 9), ("stop-pthread", 11)):
        out, _ = App(root, mode).end()
        expect(out[4:], mask(), *DOWN, f"returned {value} after 1 start(s)")


def nothing_to_stop(root):
    out, err = App(root, "stop-early").end()
    expect(out[4:], mask(), *DOWN, "returned 0 after 1 start(s)")
    p.check("spdk_app_stop() without" in err[0] and "spdk_app_start_shutdown() without" in err[1],
            f"{err}")


def caught(pid, what):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(what + ":"):
                return {n for n in range(1, 32) if int(line.split()[1], 16) >> (n - 1) & 1}
    raise p.Failure(f"no {what}")


def signals_are_spdks(root):
    app = App(root, "wait")
    app.until("cores")
    p.check({signal.SIGINT, signal.SIGTERM} == caught(app.proc.pid, "SigCgt") &
            {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD}, f"{caught(app.proc.pid, 'SigCgt')}")
    p.check(signal.SIGPIPE in caught(app.proc.pid, "SigIgn"), "SIGPIPE")
    app.proc.send_signal(signal.SIGPIPE)
    app.proc.send_signal(signal.SIGTERM)
    app.end()


def an_application_with_handlers_of_its_own(root):
    """spdk_app_start_shutdown() may be called in a signal handler."""
    app = App(root, "own-signals")
    app.until("cores")
    p.check(not {signal.SIGINT, signal.SIGTERM} & caught(app.proc.pid, "SigCgt"), "handlers")
    for _ in range(20):
        app.proc.send_signal(signal.SIGUSR1)
    out, _ = app.end()
    expect(out, *DOWN, "returned 0 after 1 start(s)")


def a_subsystem_that_answers_twice(root):
    app = App(root, "twice")
    app.until("cores")
    app.proc.send_signal(signal.SIGTERM)
    out, err = app.end()
    expect(out, *DOWN, "returned 0 after 1 start(s)")
    p.check("spdk_subsystem_init_next(-5) is ignored" in err[0], f"{err}")


def a_subsystem_that_answers_elsewhere(root):
    """What follows is on the app thread nevertheless."""
    app = App(root, "elsewhere")
    app.until("started on app_thread")
    app.proc.send_signal(signal.SIGTERM)
    out, _ = app.end()
    expect(out, mask(), *DOWN, "returned 0 after 1 start(s)")


def an_id_may_be_given(root):
    out, _ = App(root, "stop-0", "-i", "3").end()
    expect(out, *UP, "started on app_thread with ctx, id 3", mask(), *DOWN,
           "returned 0 after 1 start(s)")


def signal_calls_shutdown_cb(root):
    app = App(root, "callback")
    app.until("cores")
    app.proc.send_signal(signal.SIGTERM)
    out, err = app.end()
    expect(out, "shutdown_cb on app_thread", *DOWN, "returned 5 after 1 start(s)")
    p.check(any("is stopping already" in line for line in err), f"{err}")


def start_shutdown_calls_it_too(root):
    app = App(root, "shut-down")
    app.until("cores")
    out, _ = app.end()
    expect(out, "shutdown_cb on app_thread", *DOWN, "returned 5 after 1 start(s)")


def signal_without_shutdown_cb_stops(root):
    app = App(root, "wait")
    app.until("cores")
    app.proc.send_signal(signal.SIGINT)
    out, _ = app.end()
    expect(out, *DOWN, "returned 0 after 1 start(s)")


def failed_subsystem_is_named(root):
    out, err = App(root, "fail-late").end()
    expect(out, *UP, DOWN[1], "returned -6 after 0 start(s)")
    p.check(len(err) == 1 and "slow" in err[0] and err[0].startswith("app: "), f"stderr: {err}")


def a_stop_that_waits_says_for_what(root):
    app = App(root, "hold")
    app.until("cores")
    told = b""
    while b"put, on threads: " not in told:
        line = app.proc.stderr.readline()
        p.check(line, f"it ended: {told.decode()}")
        told += line
    p.check(b"waits for subsystem slow, which has not ended 5 s after" in told, told.decode())
    p.check(b"device held waits for its last 1 channels" in told, told.decode())
    p.check(told.endswith(b"threads: holder\n"), told.decode())
    app.proc.send_signal(signal.SIGTERM)
    out, err = app.end()
    p.check(any("stops without what it has waited for" in line for line in err), f"told: {err}")
    # Told to exit, the holder lets go; what the subsystem says then is too late for the stop.
    expect(out, *DOWN, "returned 0 after 1 start(s)")


def a_signal_stops_it_though_the_app_thread_has_exited(root):
    app = App(root, "exit-app")
    told = b""
    while b"app_thread ends with" not in told:
        line = app.proc.stderr.readline()
        p.check(line, f"it ended: {told.decode()}")
        told += line
    app.proc.send_signal(signal.SIGTERM)
    out, err = app.end()
    p.check(any("app stops out of order: its app thread has exited" in line for line in err),
            f"told: {err}")
    p.check(out[-1] == "returned 0 after 1 start(s)", f"printed: {out}")


def signal_during_subsystem_init(root):
    """The one that is under way is waited for; start_fn is never called."""
    app = App(root, "linger")
    app.until("slow begins")
    app.proc.send_signal(signal.SIGTERM)
    out, _ = app.end()
    expect(out, "slow is up", *DOWN, "returned 0 after 0 start(s)")


def config(root, *waits):
    entries = ", ".join('{"method": "app_wait", "params": {"ms": %d}}' % ms for ms in waits)
    return root.file("c.json",
                     '{"subsystems": [{"subsystem": "slow", "config": [%s]}]}' % entries)


def signal_during_config(root):
    """A method that is under way does not hold up the end."""
    app = App(root, "wait", "-c", config(root, 1, 60000, 2))
    app.until("app_wait 60000")
    begin = time.monotonic()
    app.proc.send_signal(signal.SIGTERM)
    out, _ = app.end()
    p.check(time.monotonic() - begin < 1, "the end took its time")
    expect(out, *DOWN, "returned 0 after 0 start(s)")


def confd_dies_during_config(root):
    """The next one waits for the end of the entry that was under way, and goes on after it."""
    app = App(root, "stop-7", "-i", "4", "-c", config(root, 1, 400, 2))
    app.until("app_wait 400")
    with open(os.path.join(root.run, "4", "state"), "rb") as f:
        state = p.parse_state(f.read())
    p.check(state["state"] == "config" and "app_wait" in state["doing"], f"{state}")
    os.kill(state["services"]["confd"]["pid"], signal.SIGKILL)
    out, _ = app.end()
    expect(out, "app_wait 2", "started on app_thread with ctx, id 4", mask(),
           *DOWN, "returned 7 after 1 start(s)")


def json_data_is_loaded(root):
    out, _ = App(root, "json").end()
    expect(out, *UP, out[3], mask(), *DOWN, "returned 0 after 1 start(s)", "log level 0")


def it_may_be_started_again(root):
    app = App(root, "again")
    out, err = app.end()
    pid = app.proc.pid
    expect(out, *UP, f"started on app_thread with ctx, id {pid}", mask(), *DOWN,
           "returned 0 after 1 start(s)",
           *UP, f"started on app_thread with ctx, id {pid}", mask(), *DOWN,
           "returned 0 after 2 start(s)",
           "returned 1 after 2 start(s)",
           *UP, f"started on app_thread with ctx, id {pid + 1}", mask(), *DOWN,
           "returned 0 after 3 start(s)", "log level 0")
    p.check(any("new process" in line for line in err), f"stderr: {err}")


def wrong_options_are_told(root):
    with open(root.file("c.json", "{}")):
        pass
    out, err = App(root, "json", "-c", root.file("c.json")).end()
    expect(out, "returned 1 after 0 start(s)", "log level 2")
    p.check(len(err) == 1 and "both" in err[0], f"stderr: {err}")


if __name__ == "__main__":
    p.needs_hugepages(64)
    p.main([stop_value_is_returned, it_may_be_stopped_from_anywhere, nothing_to_stop, signals_are_spdks,
            an_application_with_handlers_of_its_own, a_subsystem_that_answers_twice,
            a_subsystem_that_answers_elsewhere, an_id_may_be_given, signal_calls_shutdown_cb,
            start_shutdown_calls_it_too, signal_without_shutdown_cb_stops,
            failed_subsystem_is_named, a_stop_that_waits_says_for_what,
            a_signal_stops_it_though_the_app_thread_has_exited,
            signal_during_subsystem_init, signal_during_config, confd_dies_during_config,
            json_data_is_loaded, it_may_be_started_again, wrong_options_are_told])
