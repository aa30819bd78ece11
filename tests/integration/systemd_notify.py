#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What systemd would be told, by a socket in its place that also sees who sends: the primary says
READY when, and only when, its state is `running`; nobody says it for the primary; a service says
READY when it serves, and goes on saying that it is alive.

Each case names the line that it guards."""
import os
import signal
import socket
import struct
import subprocess
import time

from primary import BIN, Primary, a_core, check, main, needs_hugepages, wait_for
from rpc_common import SLOW, Client

INSTANCE = 160
needs_hugepages(64)


class Listener:
    """$NOTIFY_SOCKET."""

    def __init__(self, root, name):
        self.path = root.file(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        root.at_end(self.socket.close)
        self.heard = []  # (pid, {name: value})

    def look(self):
        while True:
            try:
                data, anc, _, _ = self.socket.recvmsg(4096, 256)
            except BlockingIOError:
                return self.heard
            pid = struct.unpack("iII", anc[0][2][:12])[0]
            lines = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.heard.append((pid, lines))

    def has(self, name, pid=None):
        return [lines for sender, lines in self.look()
                if name in lines and pid in (None, sender)]


def statuses(listener, pid):
    return [lines["STATUS"] for lines in listener.has("STATUS", pid)]


def test_ready_means_running(root):
    """Fails when app_systemd.c's `ready` asks for another state, or when service_spawn.c hands
    NOTIFY_SOCKET on: then the services' READY comes first, and from others."""
    systemd = Listener(root, "notify")
    primary = root.start("--wait-for-rpc", "--no-pci", instance=INSTANCE, wait="startup_rpc",
                         NOTIFY_SOCKET=systemd.path)
    wait_for(lambda: any("waits for framework_start_init" in s
                         for s in statuses(systemd, primary.pid)), 5 * SLOW, "what it waits for")
    wait_for(lambda: primary.state()["services"].get("mond", {}).get("state") == "running",
             10 * SLOW, "services are ready")
    time.sleep(0.6)
    check(not systemd.has("READY"), f"not ready before it runs: {systemd.heard}")
    # Somebody may take his time: systemd is told so, again and again.
    before = len(systemd.has("EXTEND_TIMEOUT_USEC", primary.pid))
    wait_for(lambda: len(systemd.has("EXTEND_TIMEOUT_USEC", primary.pid)) > before, 5 * SLOW,
             "the time to start is extended")
    primary.rpc_call("framework_start_init")
    wait_for(lambda: systemd.has("READY"), 10 * SLOW, "READY")
    check(primary.state_name() == "running", f"it runs: {primary.state()}")
    wait_for(lambda: any(s.startswith("running: instance 160, JSON-RPC on")
                         for s in statuses(systemd, primary.pid)), 5 * SLOW, "what runs")
    check(primary.stop()[0] == 0, "stops")
    check(len(systemd.has("READY")) == 1, "READY came once")
    check(systemd.has("STOPPING", primary.pid), "STOPPING came")
    check(statuses(systemd, primary.pid)[-1] == "stopped", "the last word")
    check({pid for pid, _ in systemd.heard} == {primary.pid}, "nobody speaks for the primary")


def test_failed_start_says_why(root):
    """Fails without app_systemd_failed() in app_say_why(), or without the reason in describe()."""
    systemd = Listener(root, "notify")
    config = root.file("bad.json", '{"subsystems":[{"subsystem":"bdev","config":[{"method":'
                       '"bdev_malloc_create","params":{"num_blocks":0,"block_size":1}}]}]}')
    primary = root.start("-c", config, "--no-pci", instance=INSTANCE, wait=None,
                         NOTIFY_SOCKET=systemd.path)
    check(primary.proc.wait(20 * SLOW) != 0, "the start fails")
    check(not systemd.has("READY"), "never ready")
    told = systemd.has("STATUS", primary.pid)
    check("bdev_malloc_create" in told[-1]["STATUS"], f"why: {told[-1]}")
    check([lines["ERRNO"] for lines in systemd.has("ERRNO", primary.pid)] == ["22"],
          f"an errno: {told}")


def test_slow_listener_holds_up_nothing(root):
    """The receiver's queue is full and stays so: what sends must not block. (One of SOCK_NONBLOCK and
    MSG_DONTWAIT in core/util/systemd.c is enough: it is not seen to fail without one of the two.)"""
    systemd = Listener(root, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        try:
            while True:
                other.sendto(b"STATUS=x", systemd.path)
        except BlockingIOError:
            pass
    primary = root.start("--no-pci", instance=INSTANCE, NOTIFY_SOCKET=systemd.path)
    systemd.look()
    # What did not get through is said later.
    wait_for(lambda: systemd.has("READY", primary.pid), 5 * SLOW, "READY comes late")
    check(primary.stop()[0] == 0, "stops")


def service(root, systemd, name, *args):
    """As systemd starts one: $WATCHDOG_PID is the process that it starts."""
    env = root.env(NOTIFY_SOCKET=systemd.path, WATCHDOG_USEC="400000")
    return subprocess.Popen(["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh",
                             os.path.join(BIN, name), "-i", str(INSTANCE), *args], env=env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def beats(systemd, pid, seconds):
    """How often it says within so many seconds that it is alive."""
    systemd.look()
    before = len(systemd.has("WATCHDOG", pid))
    time.sleep(seconds)
    return len(systemd.has("WATCHDOG", pid)) - before


def test_services(root):
    """Each says READY as itself, then WATCHDOG, until it is stopped. Fails for rpcd without the
    timer in services/rpcd/server.c, for mond without the one in its main.c, for confd without
    client_poll() in ipc/client; and READY without client_tell_systemd()."""
    systemd = Listener(root, "notify")
    config = root.file("config.json", '{"subsystems":[]}')
    primary = root.start("--no-services", "--no-pci", "-c", config, instance=INSTANCE, wait=None)
    wait_for(lambda: os.path.exists(os.path.join(primary.folder(), "gate.sock")), 10 * SLOW, "gate")
    rpcd = service(root, systemd, "cal-rpcd", "-r", primary.rpc)
    mond = service(root, systemd, "cal-mond")
    # It cannot be ready before the primary has loaded what it sends.
    confd = service(root, systemd, "cal-confd", "-c", config)
    procs = {"cal-rpcd": rpcd, "cal-mond": mond, "cal-confd": confd}
    for proc in procs.values():
        root.at_end(lambda proc=proc: (proc.kill(), proc.wait(), proc.stderr.close()))
    for name, proc in procs.items():
        ready = wait_for(lambda p=proc: systemd.has("READY", p.pid), 15 * SLOW, f"{name} READY")
        check(ready[0]["MAINPID"] == str(proc.pid), f"{name}: {ready}")
        check(systemd.has("EXTEND_TIMEOUT_USEC", proc.pid) or name != "cal-confd",
              "a start that waits has its time extended")
    primary.wait_state("running")
    with Client(primary.rpc) as client:
        client.result("spdk_get_version")
    for name, proc in procs.items():
        check(beats(systemd, proc.pid, 1) >= 2, f"{name} lives")
        proc.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        check(beats(systemd, proc.pid, 0.6) == 0, f"{name} is silent while it is stopped")
        proc.send_signal(signal.SIGCONT)
    # One without a primary is as alive.
    primary.kill()
    wait_for(lambda: confd.poll() is not None, 10 * SLOW, "cal-confd ends with its primary")
    time.sleep(0.2)
    check(beats(systemd, rpcd.pid, 1) >= 2, "cal-rpcd lives without a primary, too")
    rpcd.terminate()
    check(rpcd.wait(10 * SLOW) == 0, "and ends")


main([test_ready_means_running, test_failed_start_says_why, test_slow_listener_holds_up_nothing,
      test_services])
