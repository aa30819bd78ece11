#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A primary that dies under I/O, by each way there is: its hugepages are free at once, its services keep
nothing of it, say so to whoever asks, and hand over to the next one's without a refused connection; also
when it dies within a hand-over or a start, and when its services were stopped meanwhile. And a start over a
living one's files is refused."""
import os
import random
import resource
import signal
import subprocess
import threading
import time

import primary as p
from mond_common import Knocker, Monitor, Stayer, of_a_primary
from rpc_common import Client

INSTANCE = 132
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)
SLACK = float(os.environ.get("CAL_TIME_SLACK", "1"))
FREE_MS = 100 * SLACK
CALCTL = os.path.join(p.BIN, "calctl")
HERE = ["rpcd", "mond"]


def free_pages():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") as file:
        return int(file.read())


def sock(prim):
    return os.path.join(prim.folder(), "mond.sock")


def services(prim):
    return {name: one["pid"] for name, one in prim.state()["services"].items()}


def up(root, *args, **more):
    prim = root.start(*args, instance=INSTANCE, **more)
    p.wait_for(lambda: prim.state()["services"]["mond"]["state"] == "running", 10, "cal-mond")
    return prim


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def processes(root):
    """Services of this run: {pid: name}."""
    wanted, found = f"CALANDRIA_RUN_ROOT={root.run}".encode(), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                name = file.read().strip()
            if not name.startswith("cal-"):
                continue
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found[int(pid)] = name[4:]
        except OSError:
            pass
    return found


def busy(prim):
    """I/O under way, which nothing would end."""
    for method, params in (("bdev_malloc_create", {"name": "M", "num_blocks": 16384, "block_size": 512}),
                           ("cal_perf_start", {"name": "M", "queue_depth": 32, "time_ms": 600000})):
        answer = prim.rpc_call(method, params)
        p.check("result" in answer, f"{answer}")


class Caller(threading.Thread):
    """A JSON-RPC connection for each call. Errors are answers; a refused connection is a problem."""

    def __init__(self, prim):
        super().__init__(daemon=True)
        self.path, self.stopping, self.problems = prim.rpc, False, []
        self.results = self.errors = 0

    def run(self):
        while not self.stopping:
            try:
                with Client(self.path) as client:
                    answer = client.call("spdk_get_version")
                self.results += "result" in answer
                self.errors += "error" in answer
            except (OSError, ValueError) as error:
                self.problems.append(repr(error))
            time.sleep(0.002)

    def stop(self):
        self.stopping = True
        self.join(15)


def wait_free(before, since, what):
    """Milliseconds until as many pages are free as before the start."""
    while free_pages() < before:
        if time.monotonic() - since > 5:
            break
        time.sleep(0.0005)
    took = (time.monotonic() - since) * 1000
    p.check(free_pages() >= before, f"{what}: {before - free_pages()} hugepages stay")
    p.check(took < FREE_MS, f"{what}: hugepages are free after {took:.0f} ms")
    return took


def has_nothing(root, pids, what):
    def left():
        return {name: of_a_primary(pid, root.run) for name, pid in pids.items()}
    end = time.monotonic() + 1.0 * SLACK
    while any(left().values()) and time.monotonic() < end:
        time.sleep(0.005)
    for name, found in left().items():
        p.check(not found, f"{what}: cal-{name} keeps {found}")


def by_signal(sig):
    def kill(prim):
        prim.proc.send_signal(sig)
    return kill


def killed_by(root, name, kill, status):
    before = free_pages()
    prim = up(root, "-c", root.file("c.json", '{"subsystems":[]}'), mem=256, **p.own_signals())
    busy(prim)
    pids = services(prim)
    stays = Monitor(sock(prim))
    json_stays = Client(prim.rpc)
    json_stays.result("spdk_get_version")
    clients = [Knocker(sock(prim), 0.002), Stayer(sock(prim), 0.002), Caller(prim)]
    for client in clients:
        client.start()
    traced = subprocess.run([CALCTL, "-i", str(INSTANCE), "trace", "start", "pollers"],
                            env=root.env(), capture_output=True, check=False).returncode == 0
    kill(prim)
    ended = prim.proc.wait(20)
    since = time.monotonic()
    took = wait_free(before, since, name)
    p.check(ended in status, f"{name}: the primary ended with {ended}: {prim.output()}")
    has_nothing(root, {one: pids[one] for one in HERE}, name)
    p.wait_for(lambda: not is_alive(pids["confd"]), 1, f"{name}: the end of cal-confd")
    says = f"(pid {prim.pid}) crashed or was killed while running"
    answer = stays.show().decode(errors="replace")
    p.check(says in answer and "start it again" in answer, f"{name}: cal-mond says {answer!r}")
    answer = json_stays.call("spdk_get_version")
    p.check(answer["error"]["code"] == -32603 and says in answer["error"]["message"],
            f"{name}: cal-rpcd says {answer}")
    done = subprocess.run([CALCTL, "-i", str(INSTANCE), "trace", "show", "pollers"],
                          env=root.env(), capture_output=True, text=True, check=False)
    p.check(done.returncode != 0 and says in done.stderr, f"calctl trace: {done}")
    if traced:
        p.wait_for(lambda: not os.path.exists(f"/sys/fs/bpf/calandria/{INSTANCE}"), 1,
                   f"{name}: the pins are removed")
    time.sleep(0.05)
    begin = time.monotonic()
    after = up(root, mem=256)
    p.wait_for(lambda: set(processes(root)) == {services(after)[one] for one in HERE}, 5,
               f"{name}: the end of the old services")
    handed = time.monotonic() - begin
    p.check("result" in json_stays.call("spdk_get_version"), f"{name}: the connection goes on")
    p.check(b"trace start" in stays.show(), f"{name}: the monitor's, too")
    time.sleep(0.05)
    for client in clients:
        client.stop()
        p.check(not client.problems, f"{name}: {client.problems[:3]}")
    p.check(clients[2].errors > 0 and clients[2].results > 0, f"{name}: errors, then results")
    json_stays.close()
    stays.close()
    print(f"          {name}: hugepages free after {took:.1f} ms, the next one serves after "
          f"{handed:.2f} s")
    code, _ = after.stop()
    p.check(code == 0 and not processes(root), f"{name}: {code}, {processes(root)}")
    root.primaries.remove(prim)


def each_way(root):
    """Fails when a service keeps the link (cal_client_close() in link_lost(), of mond/main.c and
    rpcd/server.c), EAL's files (private_unmap() in core/env/env_secondary.c) or, cal-mond, the primary's
    program; when a claim of the folder takes mond.sock away (g_keep_claim in core/util/instance.c); and
    when pins stay (trace_drop() in orphan_look())."""
    for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        killed_by(root, sig.name, by_signal(sig), (-sig,))


def memory_group():
    """A memory cgroup of ours, (folder, name of the limit), or None."""
    for base, limit, usage in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                "memory.usage_in_bytes"),
                               ("/sys/fs/cgroup", "memory.max", "memory.current")):
        folder = os.path.join(base, f"cal-test-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError:
            continue
        if os.path.exists(os.path.join(folder, limit)):
            return folder, limit, usage
        os.rmdir(folder)
    return None


def put(path, text):
    with open(path, "w") as file:
        file.write(str(text))


def out_of_memory(root):
    group = memory_group()
    if group is None:
        print("          (no memory cgroup can be made here)")
        return
    folder, limit, usage = group
    root.at_end(lambda: os.rmdir(folder))

    def kill(prim):
        """With room for little more it is asked for more, until the kernel ends it."""
        put(os.path.join(folder, "cgroup.procs"), prim.pid)
        with open(os.path.join(folder, usage)) as file:
            put(os.path.join(folder, limit), int(file.read()) + (1 << 20))
        try:
            for i in range(200000):
                prim.rpc_call("bdev_null_create", {"name": f"N{i}", "num_blocks": 8, "block_size": 512})
                if prim.proc.poll() is not None:
                    return
        except (OSError, p.Failure):
            pass
    killed_by(root, "OOM", kill, (-signal.SIGKILL,))


def stopped_meanwhile(root):
    """Services that are stopped when the primary dies, and go on when the next one is up: hugepages are
    free, nobody waits for them for long, and what they do at last is no harm. Fails without
    rpc_socket_abandon() (the start takes more than 5 s, not 2), without ignoring SIGHUP, without
    is_replaced() in rpcd/socket.c (the old one removes the new one's socket), and without pins_are_of()
    in trace_drop()."""
    before = free_pages()
    folder = root.file("state")
    os.mkdir(folder)
    prim = up(root, "--state-dir", folder, mem=256)
    busy(prim)
    old = services(prim)
    for pid in old.values():
        os.kill(pid, signal.SIGSTOP)
    prim.kill()
    took = wait_free(before, time.monotonic(), "with stopped services")
    for one in HERE:  # the kernel continues a process group whose parent has gone
        p.check(is_alive(old[one]), f"cal-{one} has not outlived its primary (SIGHUP)")
        os.kill(old[one], signal.SIGSTOP)
    begin = time.monotonic()
    after = up(root, "--state-dir", folder, mem=256)
    started = time.monotonic() - begin
    new = services(after)
    subprocess.run([CALCTL, "-i", str(INSTANCE), "trace", "start", "pollers"], env=root.env(),
                   capture_output=True, check=False)
    pins = os.path.exists(f"/sys/fs/bpf/calandria/{INSTANCE}")
    for one in HERE:
        p.check(is_alive(old[one]), f"cal-{one} is still stopped")
        os.kill(old[one], signal.SIGCONT)
    p.wait_for(lambda: not any(is_alive(old[one]) for one in HERE), 5, "their end")
    p.check(services(after) == new and all(is_alive(pid) for pid in new.values()),
            f"{services(after)} instead of {new}")
    p.check("result" in after.rpc_call("spdk_get_version"), "JSON-RPC goes on")
    with Monitor(sock(after)) as monitor:
        p.check(b"crashed" not in monitor.show(), "cal-mond goes on")
    p.check(not pins or os.path.exists(f"/sys/fs/bpf/calandria/{INSTANCE}"), "the new one's pins stay")
    print(f"          hugepages free after {took:.1f} ms; the next start took {started:.2f} s")
    p.check(started < 4 * SLACK, f"the next start took {started:.1f} s")
    after.stop()
    p.check(not processes(root), f"{processes(root)}")


def answers(path, one):
    try:
        if one == "mond":
            with Monitor(path, 2) as monitor:
                return monitor.show()
        with Client(path, 2) as client:
            return client.call("spdk_get_version")
    except (OSError, ValueError):
        return None


def within_a_hand_over(root):
    """Somebody serves each socket afterwards, and hands it over to the next one's."""
    rnd = random.Random(SEED)
    for i in range(8):
        what = f"round {i} (CAL_TEST_SEED={SEED:#x})"
        before = free_pages()
        prim = up(root)
        one = HERE[i % 2]
        restart = subprocess.Popen([CALCTL, "-i", str(INSTANCE), "service", "restart", one],
                                   env=root.env(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            p.wait_for(lambda: list(processes(root).values()).count(one) > 1, 0.3, "two")
        except p.Failure:
            pass
        time.sleep(rnd.random() * 0.03)
        prim.kill()
        wait_free(before, time.monotonic(), what)
        restart.wait(20)
        p.wait_for(lambda: answers(prim.rpc, "rpcd"), 3, f"{what}: JSON-RPC is answered")
        p.wait_for(lambda: answers(sock(prim), "mond"), 3, f"{what}: the monitor answers")
        clients = [Knocker(sock(prim), 0.002), Caller(prim)]
        for client in clients:
            client.start()
        after = up(root)
        p.wait_for(lambda: set(processes(root)) == set(filter(None, services(after).values())), 5,
                   f"{what}: two services, not {processes(root)}")
        for client in clients:
            client.stop()
            p.check(not client.problems, f"{what}: {client.problems[:3]}")
        prim = after
        status, _ = prim.stop()
        p.check(status == 0 and not processes(root), f"{what}: {status}, {processes(root)}")
        root.primaries.clear()


def within_a_start(root):
    """Of the services, and so of the primary: nothing hangs, and the next start is as any."""
    rnd = random.Random(SEED)
    before = free_pages()
    for i in range(10):
        prim = root.start(instance=INSTANCE, wait=None)
        time.sleep(rnd.random() * 0.12)
        prim.kill()
        wait_free(before, time.monotonic(), f"start {i} (CAL_TEST_SEED={SEED:#x})")
        root.primaries.remove(prim)
    prim = up(root)
    p.wait_for(lambda: set(processes(root)) == set(filter(None, services(prim).values())), 5,
               "the services of the last one only")
    status, _ = prim.stop()
    p.check(status == 0 and not processes(root), f"{status}, {processes(root)}")


def files(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            st = os.lstat(os.path.join(where, name))
            found[os.path.join(where, name)] = (st.st_ino, st.st_mode, st.st_uid)
    return found


def over_a_living_one(root):
    """Refused, and nothing of the living one is touched, also while it is stopped. Fails without the
    lock (lock_take() in core/util/instance.c)."""
    prim = up(root)
    busy(prim)
    had = files(prim.folder())
    for sig in (signal.SIGSTOP, signal.SIGCONT):
        prim.proc.send_signal(sig)
        status, out, err = root.run_to_end("-i", str(INSTANCE), "-m", hex(1 << p.a_core()), "-s", "64",
                                           "-r", prim.rpc + ".2")
        p.check(status != 0 and f"in use by process {prim.pid}" in out + err, f"{status}: {out}{err}")
    p.check(files(prim.folder()) == had, "its files are as they were")
    p.check("result" in prim.rpc_call("spdk_get_version"), "it serves")
    with Monitor(sock(prim)) as monitor:
        p.check(b"trace start" in monitor.show(), "its monitor, too")
    prim.stop()


def orphans_end(root):
    """By SIGTERM, when the name is gone, by calctl stop; and with a primary that ends in order."""
    for how in ("TERM", "name", "stop"):
        prim = up(root)
        pids = services(prim)
        prim.kill()
        p.wait_for(lambda: b"crashed" in (answers(sock(prim), "mond") or b""), 2, "an orphan")
        if how == "TERM":
            os.kill(pids["mond"], signal.SIGTERM)
            os.kill(pids["rpcd"], signal.SIGTERM)
        elif how == "name":
            os.unlink(sock(prim))
            os.unlink(prim.rpc + ".lock")
        else:
            done = subprocess.run([CALCTL, "-i", str(INSTANCE), "stop"], env=root.env(),
                                  capture_output=True, text=True, check=False)
            p.check(done.returncode == 0 and "cal-mond" in done.stdout, f"{done}")
        p.wait_for(lambda: not processes(root), 3, f"{how}: the end of both")
        p.check(not os.path.exists(sock(prim)), f"{how}: no socket stays")
        root.primaries.remove(prim)


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump of the hugepages would take its time
p.needs_hugepages(512)
p.main([each_way, out_of_memory, stopped_meanwhile, within_a_hand_over, within_a_start,
        over_a_living_one, orphans_end])
