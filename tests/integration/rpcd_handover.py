#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""cal-rpcd replaced under load: every request gets exactly one answer and no connection ends, when
it is restarted in order and when the primary is killed and started anew; and kill -9 of either
cal-rpcd at random instants of a hand-over leaves a socket that serves.

CAL_HANDOVER_SEED repeats the random parts of a run."""
import glob
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

from primary import SERVICE, SERVICES_OFFSET
from rpc_common import CALCTL, SLOW, Client, Primary, check, finish, wait_until

SEED = int(os.environ.get("CAL_HANDOVER_SEED", str(random.randrange(1 << 32))))
INSTANCE = 540
CLIENTS = 8
RESTARTS = 50
KILLS = 100


class Load(threading.Thread):
    """A client in a closed loop: some requests in one piece or several, then their answers."""

    def __init__(self, path, name, errors_allowed):
        super().__init__(daemon=True)
        self.client = Client(path, timeout=20)
        self.rng = random.Random(SEED + name)
        self.name, self.errors_allowed = str(name), errors_allowed
        self.stopping = False
        self.answers = self.errors = 0
        self.problem = None

    def run(self):
        try:
            while not self.stopping and not self.problem:
                self.once()
        except Exception as exc:  # any end of it must be seen
            self.problem = repr(exc)

    def once(self):
        ids = [f"{self.name}.{self.answers}.{i}" for i in range(self.rng.randrange(1, 20))]
        data = "".join('{"method":"spdk_get_version","id":"%s"}' % i for i in ids).encode()
        while data:
            n = self.rng.randrange(1, len(data) + 1)
            self.client.send(data[:n])
            data = data[n:]
            if self.rng.random() < 0.02:
                time.sleep(0.001)
        got = []
        for _ in ids:
            line = self.client.line()
            if not line:
                self.problem = "the connection was closed"
                return
            answer = json.loads(line)
            got.append(answer["id"])
            if "error" in answer:
                self.errors += 1
                if not self.errors_allowed:
                    self.problem = answer
        if sorted(got) != sorted(ids):
            self.problem = f"{got} instead of {ids}"
        self.answers += len(ids)


class Loads:
    def __init__(self, primary, errors_allowed):
        self.all = [Load(primary.socket, i, errors_allowed) for i in range(CLIENTS)]
        for one in self.all:
            one.start()

    def stop(self, what):
        for one in self.all:
            one.stopping = True
        for one in self.all:
            one.join(30)
        problems = [one.problem for one in self.all if one.problem or one.is_alive()]
        answers, errors = (sum(getattr(one, key) for one in self.all)
                           for key in ("answers", "errors"))
        extra = []
        for one in self.all:  # nothing comes that nobody asked for
            one.client.sock.setblocking(False)
            try:
                extra.append(one.client.buf + one.client.sock.recv(1))
            except BlockingIOError:
                extra.append(one.client.buf)
            one.client.close()
        check(not problems and not any(extra) and answers > 1000,
              f"{what}: each request has its one answer", (problems[:2], extra, answers))
        return answers, errors


def restart(primary):
    out = subprocess.run([CALCTL, "-i", str(INSTANCE), "--json", "service", "restart", "rpcd"],
                         env=primary.env, capture_output=True, text=True)
    return json.loads(out.stdout)[0]["took_ms"] if out.returncode == 0 else out.stderr


def children(primary):
    """The primary's cal-rpcds; looks at few files."""
    found = []
    for tasks in glob.glob(f"/proc/{primary.proc.pid}/task/*/children"):
        try:
            with open(tasks) as file:
                for pid in file.read().split():
                    with open(f"/proc/{pid}/stat") as stat:
                        _, comm, state = stat.read().split()[:3]
                    if comm == "(cal-rpcd)" and state != "Z":
                        found.append(int(pid))
        except OSError:
            pass
    return found


def processes(primary):
    """The cal-rpcds of this run."""
    root = ("CALANDRIA_RUN_ROOT=" + primary.env["CALANDRIA_RUN_ROOT"]).encode()
    found = []
    for comm in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(comm) as file:
                name = file.read().strip()
            with open(os.path.join(os.path.dirname(comm), "environ"), "rb") as file:
                if name == "cal-rpcd" and root in file.read().split(b"\0"):
                    found.append(int(comm.split("/")[2]))
        except OSError:
            pass
    return found


def test_restart(primary):
    loads = Loads(primary, errors_allowed=False)
    before = primary.service("rpcd")
    took = []
    for _ in range(RESTARTS):
        took.append(restart(primary))
        if isinstance(took[-1], str):
            break
    answers, errors = loads.stop(f"{RESTARTS} restarts with {CLIENTS} clients")
    check(all(isinstance(ms, float) for ms in took), "… each of which succeeds", took[-1])
    check(errors == 0, "… without an error", errors)
    after = primary.service("rpcd")
    check(after["restarts"] == before["restarts"] + RESTARTS and after["state"] == "running",
          "… and is counted", (before, after))
    check(wait_until(lambda: processes(primary) == [after["pid"]], 2),
          "… and one process is left", processes(primary))
    if not isinstance(took[-1], str):
        print(f"        ({answers} answers; a restart took {sorted(took)[len(took) // 2]:.0f} ms, "
              f"at most {max(took):.0f})")


def test_half_a_request(primary):
    """What was read of a request goes along; what a slow reader has not taken, too."""
    with primary.connect() as half, primary.connect() as slow, primary.connect() as ended:
        half.send('{"method":"spdk_get_ver')
        slow.send('{"method":"rpc_get_methods","id":1}' * 300)
        ended.send('{"method":"spdk_get_version","id":3}' * 3)
        ended.sock.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        took = restart(primary)
        check(isinstance(took, float), "a restart with a half request and a slow reader", took)
        half.send('sion","id":2}')
        check(b'"result"' in half.line(), "the rest of the request reaches the successor")
        lines = [slow.line() for _ in range(300)]
        check(len(set(lines)) == 1 and b'"result":["' in lines[0],
              "the slow reader gets every answer whole", {len(line) for line in lines})
        check(all(b'"result"' in ended.line() for _ in range(3)) and ended.at_end(),
              "one that had sent its last gets its answers and the end")


def test_crowd(primary):
    """With every place taken and more waiting, the successor gets in, and so do those later."""
    clients = [primary.connect() for _ in range(70)]
    for client in clients[:64]:
        client.result("spdk_get_version")
    took = restart(primary)
    check(isinstance(took, float), "a restart with 70 connections", took)
    for client in clients:
        client.send('{"method":"spdk_get_version","id":1}')
    check(all(b'"result"' in client.line() for client in clients[:64]), "… keeps the 64 served")
    for client in clients[:6]:
        client.close()
    check(all(b'"result"' in client.line() for client in clients[64:]), "… and the 6 that wait")
    for client in clients[6:]:
        client.close()


def test_stuck_call(primary):
    """A call that takes longer than the grace is told so; its connection stays."""
    with primary.connect() as client:
        client.send('{"method":"cal_test_never_answers","id":1}')
        client.line()
    with primary.connect() as client:
        os.kill(primary.proc.pid, signal.SIGSTOP)
        client.send('{"method":"spdk_get_version","id":1}')
        time.sleep(0.05)
        old = processes(primary)[0]
        asker = Client(primary.socket)
        asker.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "cal_rpcd_handover",
                               "params": {"version": 99, "take": True}}))
        refused = json.loads(asker.line())
        check(refused["error"]["code"] == -93 and "version 99" in refused["error"]["message"],
              "a successor of another version is refused in words", refused)
        asker.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "cal_rpcd_handover",
                               "params": {"version": 1, "primary_pid": 1, "take": True}}))
        refused = json.loads(asker.line())
        check(refused["error"]["code"] == -16, "one of another primary, too", refused)
        asker.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "cal_rpcd_handover",
                               "params": {"version": 1, "primary_pid": primary.proc.pid,
                                          "take": True}}))
        check(b'"result":{"version":1}' in asker.line(), "one of this primary is let in")
        answer = json.loads(client.line())
        check(answer["error"]["code"] == -32603 and "being replaced" in answer["error"]["message"],
              "a call that takes too long is answered", answer)
        asker.close()
        os.kill(primary.proc.pid, signal.SIGCONT)
        with primary.connect() as late:
            check(late.result("spdk_get_version") and processes(primary) == [old],
                  "when the successor dies the old one goes on")


def test_primary_killed(primary):
    loads = Loads(primary, errors_allowed=True)
    for _ in range(5):
        time.sleep(0.2)
        primary.proc.kill()
        primary.proc.wait()
        time.sleep(0.1)
        primary.start()
        primary.wait_state("running")
    # Until the last one's cal-rpcd has taken over: the clients hear results again.
    wait_until(lambda: len(processes(primary)) == 1, 5)
    time.sleep(0.1)
    _, errors = loads.stop("the primary killed and started anew five times")
    check(errors > 0, "… in between with errors", errors)
    check(wait_until(lambda: processes(primary) == [primary.service_pid("rpcd")], 5),
          "… and one cal-rpcd is left", processes(primary))


def calctl(primary, *args):
    out = subprocess.run([CALCTL, "-i", str(INSTANCE), *args], env=primary.env,
                         capture_output=True, text=True)
    return out.returncode, out.stdout, out.stderr


def test_stop_orphan(primary):
    """`calctl stop` ends what a dead primary left, and nothing else."""
    pid, dead = primary.service_pid("rpcd"), primary.proc.pid
    with primary.connect() as client:
        primary.proc.kill()
        primary.proc.wait()
        check("error" in client.call("spdk_get_version"), "cal-rpcd outlives its primary")
        rc, out, err = calctl(primary, "service", "list")
        check(rc != 0 and f"cal-rpcd (pid {pid})" in err, "service list says so", (rc, out, err))
        rc, out, err = calctl(primary, "--json", "stop")
        ended = json.loads(out)["ended"] if rc == 0 else []
        check({"name": "rpcd", "pid": pid} in ended and {one["name"] for one in ended} <=
              {"rpcd", "mond"} and json.loads(out)["pid"] == dead,
              "stop ends it (and a cal-mond that stayed)", (rc, out, err))
        check(client.at_end() and not processes(primary) and not glob.glob(primary.socket + "*"),
              "… and leaves nothing of it", processes(primary))
    rc, out, err = calctl(primary, "stop")
    check(rc != 0 and "dead" in err, "then there is nothing more to stop", (rc, out, err))
    # The pid in the state file may be somebody else's by now, even another cal-rpcd's.
    fake = os.path.join(primary.dir, "cal-rpcd")
    with open(fake, "w") as file:
        file.write("#!/bin/sh\nread line\n")
    os.chmod(fake, 0o755)
    other = dict(primary.env, CALANDRIA_RUN_ROOT=primary.env["CALANDRIA_RUN_ROOT"] + "x")
    for argv, env in ((["cat"], primary.env), ([fake], primary.env),
                      ([fake, "-i", str(INSTANCE + 1)], primary.env),
                      ([fake, "-i", str(INSTANCE)], other)):
        with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE) as stranger:
            time.sleep(0.05)  # until it is what it is to be
            with open(os.path.join(primary.env["CALANDRIA_RUN_ROOT"], str(INSTANCE), "state"),
                      "r+b") as state:
                state.seek(SERVICES_OFFSET + 16)
                state.write(stranger.pid.to_bytes(4, "little"))
            rc, out, err = calctl(primary, "stop")
            check(rc != 0 and stranger.poll() is None,
                  f"… and {os.path.basename(argv[0])} {argv[1:]} of the listed pid lives",
                  (rc, out, err))
            stranger.kill()
    # Of several, the one that does not end is named.
    stubborn = os.path.join(primary.dir, "cal-confd")
    with open(stubborn, "w") as file:
        file.write("#!/bin/sh\ntrap '' TERM\nread line\n")
    os.chmod(stubborn, 0o755)
    strangers = [subprocess.Popen([path, "-i", str(INSTANCE)], env=primary.env,
                                  stdin=subprocess.PIPE) for path in (fake, stubborn)]
    time.sleep(0.1)
    with open(os.path.join(primary.env["CALANDRIA_RUN_ROOT"], str(INSTANCE), "state"),
              "r+b") as state:
        for i, stranger in enumerate(strangers):
            state.seek(SERVICES_OFFSET + i * SERVICE.size + 16)
            state.write(stranger.pid.to_bytes(4, "little"))
    rc, out, err = calctl(primary, "stop", "--timeout", "0.5")
    check(rc != 0 and f"cal-confd (pid {strangers[1].pid}) has not ended" in err,
          "stop names the one that does not end", (rc, out, err))
    for stranger in strangers:
        stranger.kill()
        stranger.communicate()
    # A start that fails has another list of services than the one that was killed.
    primary.start()
    primary.wait_state("running")
    pid = primary.service_pid("rpcd")
    primary.proc.kill()
    primary.proc.wait()
    argv = primary.argv
    primary.argv = argv + ["-c", "/nowhere/at/all"]
    primary.start()
    primary.proc.wait(20 * SLOW)
    rc, out, err = calctl(primary, "stop")
    check(rc == 0 and f"cal-rpcd (pid {pid})" in out and not processes(primary),
          "one that was left before a start that failed is found as well", (rc, out, err))
    primary.argv = argv
    primary.start()
    primary.wait_state("running")


def answers(primary):
    try:
        with Client(primary.socket, timeout=0.5) as client:
            return "result" in client.call("spdk_get_version")
    except (OSError, ValueError):
        return False


def test_killed_in_between(primary):
    rng = random.Random(SEED)
    clients = [primary.connect() for _ in range(4)]
    worst, reached = 0.0, 0
    for i in range(KILLS):
        begin = subprocess.Popen([CALCTL, "-i", str(INSTANCE), "service", "restart", "rpcd",
                                  "--timeout", "0.001"], env=primary.env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(children(primary)) > 1, 0.2, step=0.001)
        time.sleep(rng.random() * 0.015)
        victims = children(primary)
        reached += len(victims) > 1
        if victims:
            try:
                os.kill(rng.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
        since = time.monotonic()
        ok = wait_until(lambda: answers(primary), 5, step=0.002)
        worst = max(worst, time.monotonic() - since)
        begin.wait()
        if not check(ok, f"the socket serves after kill -9 number {i + 1}"):
            break
    print(f"        (worst of {KILLS}: {worst * 1e3:.0f} ms; {reached} with two processes)")
    check(worst < 1.0 * SLOW, "each time within a second", f"{worst:.3f} s")
    check(reached > KILLS // 10, "… and often enough in the middle of it", reached)
    for client in clients:
        client.close()
    check(wait_until(lambda: processes(primary) == [primary.service_pid("rpcd")], 5),
          "… and one process is left", processes(primary))


def main():
    print(f"seed {SEED}")
    with Primary(INSTANCE) as primary:
        primary.wait_state("running")
        for test in (test_restart, test_half_a_request, test_crowd, test_stuck_call,
                     test_killed_in_between, test_primary_killed, test_stop_orphan):
            test(primary)
        primary.proc.terminate()
        check(primary.proc.wait(10 * SLOW) == 0, "the primary stops in order",
              primary.proc.returncode)
        check(not glob.glob(primary.socket + "*"), "… and leaves no socket and no lock",
              glob.glob(primary.socket + "*"))
        check(not processes(primary), "… and no process", processes(primary))
    finish()


main()
