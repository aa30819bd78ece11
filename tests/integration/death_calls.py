#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A client may die at any system call: it is killed at each that it makes (tests/helpers/death.c), entry
and exit, from its connect() on. Its link, with descriptors and folder, is gone within 10 ms of each death, and
in the end the primary has the descriptors, mappings, heap and files that it had before.

With `all` every step of every program is tried (some minutes), with `interrupt` the primary is in interrupt mode,
with the name of a part (as it is printed) only that is. Without `all`, what is before a client's system call
and what is after the one before it count as one while it attaches, since nobody can tell them apart; and of the
other programs a sample is taken.

Fails without gate_conn_end()'s link_down(), link_down_on_app()'s conn_end(), gate_grant_undo()'s
folder_remove(), and conn_unwatch()'s close() of the pidfd. It guards gate_conn_end()'s gate_grant_undo(), too
(link_ends.py fails without that).
"""
import os
import signal
import subprocess
import time

import death_common as d
import primary as p

INSTANCE = 171


def sample(total, wanted):
    """A step so that about so many are tried, odd so that it is entry and exit in turn."""
    return 1 if d.ALL else max(1, total // wanted) | 1


def library(deaths):
    client = deaths.helper("death_client", str(INSTANCE))
    total, attached = deaths.steps(client)
    p.check(0 < attached < total, f"steps: {attached} to attach, {total} in all")
    deaths.kill("attach", client, "-t", attached, "-s", 1 if d.ALL else 2)
    deaths.kill("calls and detach", client, "-m", "-s", 1 if d.ALL else 2)
    deaths.kill("SIGSEGV", client, "-f", 2, "-s", sample(total, 12), "-S", int(signal.SIGSEGV))
    deaths.kill("held for 30 ms", client, "-f", 3, "-s", sample(total, 6), "-w", 30)


def commands(deaths):
    calctl = os.path.join(p.BIN, "calctl")
    for args in (("rpc", "spdk_get_version"), ("status",)):
        program = (calctl, "-i", str(INSTANCE), *args)
        options = ("-a",) if args == ("status",) else ()
        total, _ = deaths.steps(program, *options)
        deaths.kill(f"calctl {args[0]}", program, "-s", sample(total, 10), *options)


def service(deaths, name, *args):
    """Until it rests. One that is killed leaves its sockets' names, which the next one takes over, and removes
    at an orderly end."""
    program = (os.path.join(p.BIN, name), "-i", str(INSTANCE), *args)
    total, _ = deaths.steps(program)
    deaths.kill(name, program, "-s", sample(total, 10), "-t", total)
    with subprocess.Popen(program, env=deaths.root.env(), stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as proc:
        time.sleep(0.3)
        p.check(proc.poll() is None, f"{name} does not start any more: {proc.returncode}")
        proc.terminate()
        p.check(proc.wait(5) == 0, f"{name}: {proc.stderr.read()}")


def case(deaths):
    library(deaths)
    commands(deaths)
    service(deaths, "cal-rpcd", "-r", deaths.prim.rpc)
    service(deaths, "cal-mond")


if __name__ == "__main__":
    d.main(INSTANCE, case)
