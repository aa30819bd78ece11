#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""cal-mond replaced while clients ask it: nobody's connection is refused or ends, what is traced goes on
counting; a successor that may not, cannot or does not take over changes nothing."""
import array
import glob
import json
import os
import random
import signal
import socket
import struct
import subprocess
import time

import primary as p
from mond_common import Knocker, Monitor, Stayer

INSTANCE = 130
RESTARTS = 50
KILLS = 30
SEED = int(os.environ.get("CAL_TEST_SEED", "0"), 0) or random.getrandbits(32)
CALCTL = os.path.join(p.BIN, "calctl")
FRAME = struct.Struct("<IHHIII")  # struct handover_frame
MAGIC, BEGIN, CONN = 0x4f48434c, 1, 2
ANSWER = b"an answer that was half written"


def calctl(root, *args):
    done = subprocess.run([CALCTL, "-i", str(INSTANCE), *args], env=root.env(), text=True, timeout=30,
                          capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def sock(prim):
    return os.path.join(prim.folder(), "mond.sock")


def mond(prim):
    """(pid, restarts) of the one that serves, once it does."""
    def there():
        service = prim.state()["services"].get("mond")
        return service["state"] == "running" and os.path.exists(sock(prim)) and service
    service = p.wait_for(there, 10, "a monitor that serves")
    return service["pid"], service["restarts"]


def processes(prim):
    """The cal-monds of this run."""
    wanted, found = f"CALANDRIA_RUN_ROOT={prim.root.run}".encode(), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read() != "cal-mond\n":
                    continue
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def children(prim):
    """The primary's cal-monds; looks at few files."""
    found = []
    for tasks in glob.glob(f"/proc/{prim.pid}/task/*/children"):
        try:
            with open(tasks) as file:
                pids = file.read().split()
            for pid in pids:
                with open(f"/proc/{pid}/stat") as stat:
                    _, comm, state = stat.read().split()[:3]
                if comm == "(cal-mond)" and state != "Z":
                    found.append(int(pid))
        except OSError:
            pass
    return found


def restarts_are_not_seen(root):
    """Fails without the hand-over (`hands_over` of mond in core/app/service.c: connections refused),
    without the connections in it (queue(HANDOVER_CONN…) in services/mond/handover.c: the stayers' end)
    and without their half requests (peer->in there: no answer)."""
    prim = root.start(instance=INSTANCE)
    before = mond(prim)
    rc, _, err = calctl(root, "trace", "start", "pollers", "--sample", "10")
    traced = rc == 0
    if not traced:
        print(f"          (nothing is traced: {err.strip()})")
    clients = [Knocker(sock(prim)) for _ in range(3)] + [Stayer(sock(prim)) for _ in range(2)]
    for client in clients:
        client.start()
    seen = []
    for _ in range(RESTARTS):
        rc, _, err = calctl(root, "service", "restart", "mond")
        p.check(rc == 0, f"restart: {err}")
        if traced:
            rows = json.loads(calctl(root, "--json", "trace", "show", "pollers")[1])
            seen.append(max(row["count"] for row in rows))
    for client in clients:
        client.stop()
    problems = [text for client in clients for text in client.problems]
    answers = [client.answers for client in clients]
    p.check(not problems, f"{len(problems)} problems: {problems[:5]}")
    p.check(min(answers) > RESTARTS, f"answers: {answers}")
    p.check(all(b > a for a, b in zip(seen, seen[1:])), f"the trace began anew: {seen}")
    after = mond(prim)
    p.check(after[1] == before[1] + RESTARTS and after[0] != before[0], f"{before}, {after}")
    p.wait_for(lambda: processes(prim) == [after[0]], 3, "one process")
    slowest = max(client.slowest for client in clients)
    print(f"          {sum(answers)} answers, the slowest after {slowest * 1000:.0f} ms")
    status, _ = prim.stop()
    p.check(status == 0 and os.listdir(root.run) == [], f"{status}: {os.listdir(root.run)}")
    p.check(not processes(prim), f"{processes(prim)} outlive the stop")


def killed_in_between(root):
    """kill -9 of either at random instants of a hand-over: one of them serves, or the next one does. Fails
    without the successor's byte back (services/mond/handover.c ends at once: then nobody serves)."""
    rnd = random.Random(SEED)
    prim = root.start(instance=INSTANCE)
    both, worst = 0, 0.0
    for i in range(KILLS):
        mond(prim)
        restart = subprocess.Popen([CALCTL, "-i", str(INSTANCE), "service", "restart", "mond",
                                    "--timeout", "0.001"], env=root.env(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            p.wait_for(lambda: len(children(prim)) > 1, 0.3, "two")
            time.sleep(rnd.random() * 0.02)
        except p.Failure:
            pass
        victims = children(prim)
        both += len(victims) > 1
        if victims:
            try:
                os.kill(rnd.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
        since = time.monotonic()

        def serves():
            try:
                with Monitor(sock(prim), 1) as monitor:
                    return monitor.show()
            except OSError:
                return None
        p.wait_for(serves, 5, f"an answer after kill -9 number {i + 1} (CAL_TEST_SEED={SEED:#x})")
        worst = max(worst, time.monotonic() - since)
        restart.wait()
    print(f"          {both} of {KILLS} kills with two processes, an answer at most "
          f"{worst * 1000:.0f} ms later")
    p.check(both > KILLS // 5, f"only {both} kills with two processes")
    p.wait_for(lambda: processes(prim) == [mond(prim)[0]], 5, "one process")
    prim.stop()


def takeovers_that_fail(root):
    """Each check of services/mond/handover.c's handover_answer(), and the second byte: without it the
    first asker below would have taken the socket with it."""
    prim = root.start(instance=INSTANCE)
    pid, _ = mond(prim)
    hand = "mond_handover"
    with Monitor(sock(prim)) as stays:
        with Monitor(sock(prim)) as asker:
            for params, says in (({"version": 9, "primary_pid": prim.pid}, b"another version"),
                                 ({"version": 1, "primary_pid": 1}, b"another, and lives"),
                                 ({"version": 1}, b"are needed"), (None, b"are needed")):
                answer = asker.call(hand, params)
                p.check(says in answer, f"{params}: {answer}")
            p.check(b"'calctl trace start pollers'" in asker.show(), "and it serves on")
            child = os.fork()
            if child == 0:
                os._exit(0 if other_user_is_refused(prim) else 1)
            p.check(os.waitpid(child, 0)[1] == 0, "another user's asker is refused")
            answer = asker.call(hand, {"version": 1, "primary_pid": prim.pid})
            p.check(b"version" in answer and b"needed" not in answer, f"{answer}")
        # It went away with everything, and without a word.
        p.check(b"'calctl trace start pollers'" in stays.show(), "the old connection is served")
        with Monitor(sock(prim)) as asker:  # one that hangs
            asker.call(hand, {"version": 1, "primary_pid": prim.pid})
            begin = time.monotonic()
            p.check(b"'calctl trace start pollers'" in stays.show(), "served after a stuck successor")
            p.check(0.5 < time.monotonic() - begin < 3, "it is waited for, but not for long")
        with Monitor(sock(prim)) as monitor:
            p.check(b"'calctl trace start pollers'" in monitor.show(), "new ones are served")
    p.check(mond(prim)[0] == pid, "nobody took over")
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}")


def other_user_is_refused(prim):
    os.chmod(prim.folder(), 0o711)
    os.chmod(sock(prim), 0o666)
    os.chdir(prim.folder())
    try:
        os.setresuid(65534, 65534, 65534)
        with Monitor("mond.sock") as asker:
            return b"only root" in asker.call("mond_handover", {"version": 1,
                                                                 "primary_pid": prim.pid})
    except OSError:
        return False


def a_stopped_one_is_replaced(root):
    """One that does not answer keeps nobody from serving; what it does when it goes on is no harm. Fails
    without the comparison of the name in server_stop() (it would remove its successor's)."""
    prim = root.start(instance=INSTANCE)
    pid, _ = mond(prim)
    os.kill(pid, signal.SIGSTOP)
    rc, _, err = calctl(root, "service", "restart", "mond")
    p.check(rc == 0, f"restart beside a stopped one: {err}")
    p.wait_for(lambda: mond(prim)[0] != pid, 5, "another one")
    try:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
    p.wait_for(lambda: processes(prim) == [mond(prim)[0]], 5, "one process")
    with Monitor(sock(prim)) as monitor:
        p.check(b"'calctl trace start pollers'" in monitor.show(), "the new one is asked")
    prim.stop()


def frame(sock, kind, flags, fd, out=b""):
    sock.sendmsg([FRAME.pack(MAGIC, kind, 1, flags, 0, len(out)) + out],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def predecessor(path, ready, theirs, took_back):
    """Gives all but the last frame, and dies."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    os.write(ready, b"r")
    sock, _ = listener.accept()
    size, = struct.unpack("=I", sock.recv(4, socket.MSG_WAITALL))
    request = sock.recv(size, socket.MSG_WAITALL)
    p.check(request[:2] == b"\x94\x00" and request[2] < 0x80, f"an odd request: {request}")
    answer = b"\x94\x01" + request[2:3] + b"\xc0\x80"
    sock.sendall(struct.pack("=I", len(answer)) + answer)
    marks = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) - 1
    frame(sock, BEGIN, marks << 16, listener.fileno())
    frame(sock, CONN, 0, theirs.fileno(), ANSWER)
    if took_back:  # as handover_mark() does, then it is used
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, marks + 2)
        theirs.sendall(ANSWER)
    os._exit(0)


def one_dies(root, prim, took_back):
    path = os.path.join(prim.folder(), "mond.sock")
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            predecessor(path, write_end, theirs, took_back)
        finally:
            os._exit(1)
    theirs.close()
    os.close(write_end)
    p.check(os.read(read_end, 1) == b"r", "the predecessor does not listen")
    os.close(read_end)
    mond = subprocess.Popen([os.path.join(p.BIN, "cal-mond"), "-i", str(INSTANCE)], env=root.env(),
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        p.check(os.waitpid(pid, 0)[1] == 0, "the predecessor failed")
        ours.settimeout(5)
        got = ours.recv(len(ANSWER), socket.MSG_WAITALL)
        p.check(got == ANSWER, f"the client got {got}")
        p.wait_for(lambda: answers(path) or mond.poll() is not None, 5, "a cal-mond that answers")
        p.check(mond.poll() is None, f"cal-mond ended: {mond.returncode}")
        ours.setblocking(False)
        try:
            more = ours.recv(100)
        except BlockingIOError:
            more = None  # nothing, and the connection is served
        p.check(more == (b"" if took_back else None),
                f"its client got {more} more after {'a' if took_back else 'no'} taking back")
    finally:
        mond.terminate()
        _, said = mond.communicate(timeout=5)
        ours.close()
    p.check(mond.returncode == 0, said)


def answers(path):
    """Whether somebody accepts and waits for a request."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect(path)
            sock.sendall(struct.pack("=I", 8) + b"\x94\x00\x01\xa3xyz\x80")
            return sock.recv(1) != b""
        except OSError:
            return False


def a_dead_one_had_taken_back(root):
    """A predecessor (played here) dies in the middle of its hand-over. What it gave is served, but for what
    it had taken back, and used: nothing of that is written once more (tests/model/handover.pml;
    cal-rpcd's is tests/unit/services/rpcd/takeover.c). Fails without broken_off()'s look at
    handover_stands()."""
    prim = root.start("--no-services", instance=INSTANCE)
    one_dies(root, prim, took_back=False)
    one_dies(root, prim, took_back=True)


p.needs_hugepages(128)
p.main([restarts_are_not_seen, killed_in_between, takeovers_that_fail, a_stopped_one_is_replaced,
        a_dead_one_had_taken_back])
