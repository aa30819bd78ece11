#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""How service processes end or fail to begin: by signals, hung, out of memory, without a program that can
be started. Each comes back with a back-off, at once the first time; a crash loop is shown and left."""
import ctypes
import os
import shutil
import signal
import subprocess
import time

import primary as p
import service_common as c

PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def libexec(root):
    """A folder with the services' programs, to be changed."""
    folder = root.file("libexec")
    os.makedirs(folder, exist_ok=True)
    for name in c.NAMES:
        shutil.copy(os.path.join(c.BUILD, "bin/cal-" + name), folder)
    return folder


def by_signals(root):
    """Fails without on_end() (nobody comes back), and without the first start at once (0.1 s)."""
    prim = c.start(root, 127, **p.own_signals())
    for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        for name in c.NAMES:
            before = c.service(prim, name)
            begin = time.monotonic()
            os.kill(before["pid"], sig)
            now = c.wait_service(prim, name, 2, f"comes back after {sig.name}",
                                 lambda s: s["state"] == "running" and s["pid"] != before["pid"])
            p.check(time.monotonic() - begin < 1.0 * c.SLACK, f"{name} within a second")
            p.check(now["status"] & 0x7f == sig and now["restarts"] == before["restarts"] + 1 and
                    now["ends"] == before["ends"] + 1, f"{name} after {sig.name}: {now}")
    p.check("result" in prim.rpc_call("spdk_get_version"), "it answers")
    c.one_of_each(prim)
    # Ten good seconds forgive; until then the next start is put off for a little longer each time.
    p.wait_for(lambda: all(s["ends"] == 0 for s in c.services(prim).values()), 13 * c.SLACK,
               f"it is forgiven: {c.services(prim)}")
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def in_the_kernel(root):
    """A service that hangs in the kernel is not killed: it goes on when that is over. Fails without
    hung_too_long()'s look at its state."""
    prim = c.start(root, 128)
    rc, _, err = c.restart(prim, "--binary", c.odd(root, "kernel"), name="mond")
    p.check(rc == 0, f"it reports READY: {err}")
    pid = c.service(prim, "mond")["pid"]
    c.wait_service(prim, "mond", 6, "is shown as hung", lambda s: s["state"] == "hung")
    now = c.wait_service(prim, "mond", 20, "answers again", lambda s: s["state"] != "hung")
    p.check(now["pid"] == pid and now["state"] == "running", f"it was not killed: {now}")
    p.check("hangs in the kernel" in prim.output(), "the log says so")
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def hung(root):
    """Stopped, in an endless loop, traced. Fails without service_alive.c's SIGKILL (they stay as they are)
    and without its look at TracerPid (the traced one is killed)."""
    prim = c.start(root, 128)
    libc = ctypes.CDLL(None, use_errno=True)
    rc, _, err = c.restart(prim, "--binary", c.odd(root, "loop"), name="mond")
    p.check(rc == 0, f"one that loops reports READY: {err}")
    loops, stopped, traced = (c.service(prim, name)["pid"] for name in ("mond", "rpcd", "confd"))
    os.kill(stopped, signal.SIGSTOP)
    p.check(libc.ptrace(PTRACE_ATTACH, traced, 0, 0) == 0, "ptrace works")
    os.waitpid(traced, 0x40000000)  # __WALL
    try:
        begin = time.monotonic()
        for name in c.NAMES:
            now = c.wait_service(prim, name, 6, "is shown as hung", lambda s: s["state"] == "hung")
            p.check(time.monotonic() - begin > 1.9, f"{name} not too soon")
        _, text, _ = c.calctl(prim, "status")
        p.check(text.count("does not answer the primary") == 3, text)
        # One that goes on in time is left alone.
        os.kill(stopped, signal.SIGCONT)
        now = c.wait_service(prim, "rpcd", 3, "answers again", lambda s: s["state"] == "running")
        p.check(now["pid"] == stopped, f"it was not killed: {now}")
        os.kill(stopped, signal.SIGSTOP)
        again = time.monotonic()
        for name, pid in (("mond", loops), ("rpcd", stopped)):
            now = c.wait_service(prim, name, 18, "is killed", lambda s, pid=pid: s["pid"] not in (0, pid))
            p.check(now["status"] & 0x7f == signal.SIGKILL, f"{name}: {now}")
        p.check(time.monotonic() - again > 11, "but not before its ten seconds were over")
        c.wait_running(prim, "rpcd")
        now = c.service(prim, "confd")
        p.check(now["pid"] == traced and now["state"] == "hung", f"the traced one is left: {now}")
    finally:
        libc.ptrace(PTRACE_DETACH, traced, 0, 0)
    now = c.wait_service(prim, "confd", 4, "answers again", lambda s: s["state"] == "running")
    p.check(now["pid"] == traced, f"and goes on: {now}")
    output = prim.output()
    p.check("stopped by a signal" in output and "traces it" in output, "the log says why")
    rc, _, err = c.restart(prim, "--binary", "default", name="mond")
    p.check(rc == 0, f"the way back: {err}")
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


def spoil(folder, name, how):
    """Make the program one that cannot be started; returns what keeps it so."""
    path = os.path.join(folder, "cal-" + name)
    os.rename(path, path + ".good")
    if how == "missing":
        return None
    if how == "busy":
        shutil.copy(path + ".good", path)
        return open(path, "r+b")
    with open(path, "wb") as f:
        f.write({"garbage": b"\x7fELF of no kind", "interpreter": b"#!/no/such/shell\n"}.get(how, b"?"))
    os.chmod(path, 0o644 if how == "not executable" else 0o755)
    return None


def mend(folder, name, keeper):
    path = os.path.join(folder, "cal-" + name)
    os.rename(path + ".good", path)
    if keeper is not None:
        keeper.close()


def not_to_be_started(root):
    """Of each kind, each service: put off, told, and back as soon as it can be. Fails when a start that fails
    is the last (start_failed() without schedule_restart())."""
    folder = libexec(root)
    prim = c.start(root, 129, CALANDRIA_LIBEXEC=folder, PATH="/usr/bin:/bin")
    installed = os.path.join(folder, "cal-rpcd")
    for i, how in enumerate(("missing", "not executable", "garbage", "interpreter", "busy")):
        keepers = {name: spoil(folder, name, how) for name in c.NAMES}
        found = {name: c.service(prim, name)["pid"] for name in c.NAMES}
        fallback = how in ("missing", "not executable")  # then the build tree's is found
        for name in c.NAMES:
            os.kill(found[name], signal.SIGKILL)
        for name in c.NAMES:
            if fallback:
                c.wait_service(prim, name, 3, f"is found elsewhere ({how})",
                               lambda s, n=name: s["pid"] not in (0, found[n]))
                continue
            now = c.wait_service(prim, name, 3, f"cannot be started ({how})",
                                 lambda s: s["error"] != 0 and s["ends"] >= 2 and s["pid"] == 0)
            p.check(now["state"] in ("backoff", "crash_loop"), f"{name} {how}: {now}")
        if how == "garbage":
            now = c.wait_service(prim, "rpcd", 5, "is in a crash loop", lambda s: s["state"] == "crash_loop")
            p.check(now["ends"] >= 5, f"{now}")
            _, text, _ = c.calctl(prim, "service", "list")
            log = os.path.join(prim.folder(), "log/rpcd.log")
            p.check("crash_loop" in text and f"times in a row, last: start ENOEXEC; see {log}" in text,
                    f"{text}")
            _, text, _ = c.calctl(prim, "--json", "status")
            p.check('"state":"crash_loop"' in text and '"last_end":"start ENOEXEC"' in text, text)
            p.wait_for(lambda: f"cal-rpcd ended 5 times in a row, last: {installed} cannot be started"
                       in prim.output(), 2, "the log says so")
        for name in c.NAMES:
            mend(folder, name, keepers[name])
        if how == "garbage":
            c.wait_running(prim, seconds=7)  # by itself
            p.check(c.service(prim, "rpcd")["state"] == "running", "the loop is left")
        for name in c.NAMES:
            rc, _, err = c.restart(prim, name=name)
            p.check(rc == 0, f"{name}, {how}: restart: {err}")
        p.check(i == 0 or os.readlink(f"/proc/{c.service(prim, 'rpcd')['pid']}/exe") == installed,
                "it is the mended one")
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


class Cgroup:
    """A memory cgroup, of version 1 or 2."""

    def __init__(self):
        self.v1 = os.path.isdir("/sys/fs/cgroup/memory")
        parent = "/sys/fs/cgroup/memory" if self.v1 else "/sys/fs/cgroup"
        if not self.v1:
            with open(os.path.join(parent, "cgroup.subtree_control")) as f:
                if "memory" not in f.read().split():
                    raise OSError("no memory controller")
        self.path = os.path.join(parent, f"cal-test-{os.getpid()}")
        os.mkdir(self.path)

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(str(value))

    def limit(self, size):
        self.write("memory.limit_in_bytes" if self.v1 else "memory.max", size)

    def kills(self):
        with open(os.path.join(self.path, "memory.oom_control" if self.v1 else "memory.events")) as f:
            return int(dict(line.split() for line in f)["oom_kill"])

    def close(self):
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.02)


def out_of_memory(root):
    """The kernel's own choice: services go, the primary stays, and they come back. Fails without
    service_oom_adjust(): then they have what the primary has (-900 in its unit), and the biggest goes."""
    try:
        cgroup = Cgroup()
    except OSError as error:
        print(f"          SKIPPED: no memory cgroup can be made: {error}")
        return
    root.at_end(cgroup.close)
    with open("/proc/self/oom_score_adj") as f:
        own = f.read()
    low = "-900"
    try:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write(low)
    except PermissionError:  # a container without CAP_SYS_RESOURCE
        low = own
    try:
        prim = c.start(root, 120)
    finally:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write(own)

    def score(pid, what):
        with open(f"/proc/{pid}/{what}") as f:
            return int(f.read())
    before = c.services(prim)
    p.check(score(prim.pid, "oom_score_adj") == int(low), "the primary has its own")
    for name, one in before.items():
        p.check(score(one["pid"], "oom_score_adj") == max(300, int(low) + 100), f"{name}: its own")
        p.check(score(one["pid"], "oom_score") > score(prim.pid, "oom_score"), f"{name} goes first")
    for pid in (prim.pid, *(one["pid"] for one in before.values())):
        cgroup.write("cgroup.procs", pid)
    # Pages of a file in memory: nobody's, so that they do not make a victim of who writes them. What
    # is added to a service's badness is a share of the limit.
    limit = 320
    filler = os.path.join("/dev/shm", f"cal-test-{os.getpid()}")
    root.at_end(lambda: os.path.exists(filler) and os.unlink(filler))
    cgroup.limit(limit << 20)
    filling = subprocess.Popen(["sh", "-c", f"echo $$ > {cgroup.path}/cgroup.procs && exec dd "
                                f"if=/dev/zero of={filler} bs=1M count={limit + 16}"],
                               stderr=subprocess.DEVNULL)
    try:
        p.wait_for(lambda: cgroup.kills() > 0, 20, "the kernel kills for want of memory")
    finally:
        # Room again at once: the next start needs some, and with no service left it is the
        # primary's turn.
        cgroup.limit(1 << 40 if cgroup.v1 else "max")
        filling.kill()
        filling.wait()
        os.unlink(filler)
    p.wait_for(lambda: any(s["status"] & 0x7f == signal.SIGKILL
                           for s in c.services(prim).values()), 5, "a service was chosen")
    p.check(prim.proc.poll() is None and prim.state_name() == "running", "the primary stays")
    c.wait_running(prim, seconds=12)
    p.check("result" in prim.rpc_call("spdk_get_version"), "all are back")
    print(f"          ({cgroup.kills()} kills by the kernel; the primary had {low.strip()})")
    c.one_of_each(prim)
    p.check(prim.stop()[0] == 0, "the primary stops in order")


p.needs_hugepages(128)
p.main([by_signals, in_the_kernel, hung, not_to_be_started, out_of_memory])
