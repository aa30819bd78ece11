# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Kills: spawns victims and signals them at random instants, beside them services, successors and
programs that cannot be executed. Not a test (not executable)."""
import collections
import heapq
import os
import signal
import time

import target as t
import victims as v

ALIVE = 5             # victims at a time: they share a CPU with the services and us
SERVICE_LIVES_S = 0.5  # at most, once it serves
HANDOVER_EVERY_S = 1.2
SPOIL_EVERY_S = 4
SPOILT_S = 0.25
OOM_LIMIT_S = 5


class Killer:
    def __init__(self, target, kinds, rnd, stderr):
        self.target, self.kinds, self.rnd, self.stderr = target, kinds, rnd, stderr
        self.env = target.env
        self.events, self.order = [], 0
        self.alive = []
        self.counts = collections.Counter()    # kills by kind of victim
        self.signals = collections.Counter()   # and by signal
        self.survived = 0
        self.ended = collections.Counter()     # by themselves, before a signal came: (kind, status)
        self.away = {}                         # services that were killed: since when, on our clock
        self.back_s = collections.defaultdict(list)
        self.seen = {}                         # pid of each service, to notice a new one
        self.spoilt = None
        self.next_handover = self.next_spoil = 0
        self.exec_failures = 0
        self.killing_is_over = False
        self.services_too = True
        self.clock = 0                         # stands still while we ourselves do not run
        self.last_turn = None
        self.longest_turn_s = 0

    @property
    def kills(self):
        return sum(self.counts.values())

    def at(self, when, fn, *args):
        self.order += 1
        heapq.heappush(self.events, (when, self.order, fn, args))

    def count(self, kind, name):
        self.counts[kind] += 1
        self.signals[name] += 1

    def restrict(self, only):
        """To find out who is the cause of something."""
        for name in self.kinds.names:
            self.kinds.weights[name] *= name in only
        never = float("inf")
        self.next_handover = 0 if "handover" in only else never
        self.next_spoil = 0 if "spoil" in only else never
        self.services_too = "services" in only

    # --- victims ----------------------------------------------------------------------------------

    def spawn(self, name=None, draws_signal=True):
        kind, argv, life = self.kinds.draw(name)
        one = v.Victim(kind, argv, self.env, self.stderr)
        self.alive.append(one)
        if kind == "oom":
            self.at(one.begun + OOM_LIMIT_S, self.end_of_oom, one)
        elif draws_signal:
            self.at(one.begun + self.kinds.when(life), self.strike, one,
                    self.rnd.choice(v.SIGNALS))
        return one

    def strike(self, one, name):
        if one.reap():
            return
        one.send(name, self.clock)
        now = time.monotonic()
        if name == "STOP":
            then = self.rnd.choice(("KILL", "CONT"))
            self.at(now + self.rnd.random() * 0.3, self.strike, one, then)
        elif name == "CONT":
            self.at(now + self.rnd.random() * 0.05, self.strike, one, "KILL")
        elif name != "KILL":
            self.at(now + v.GRACE_S, self.finish, one)

    def finish(self, one):
        """It has caught the signal, or that is ignored."""
        if not one.reap():
            self.survived += 1
            one.send("KILL", self.clock)

    def end_of_oom(self, one):
        if not one.reap():
            raise t.Hang(f"a victim in its memory cgroup was not killed within {OOM_LIMIT_S} s:\n"
                         + t.stacks(one.pid))

    def reap(self):
        for one in list(self.alive):
            if one.reap():
                self.alive.remove(one)
                if one.signalled is not None or one.kind == "oom" and one.status == -signal.SIGKILL:
                    self.count(one.kind, "OOM" if one.kind == "oom" else one.signal)
                else:
                    self.ended[one.kind, one.status] += 1
            elif one.signalled is not None and self.clock - one.signalled > v.HANG_S:
                raise t.Hang(f"{one.kind} does not end {v.HANG_S} s after SIG{one.signal}:\n"
                             + t.stacks(one.pid))

    # --- services ---------------------------------------------------------------------------------

    def look_at_services(self):
        now = time.monotonic()
        for name, service in self.target.services().items():
            pid = service["pid"]
            if service["state"] == "running" and name in self.away and pid != self.away[name][1]:
                self.back_s["spoilt" if self.away[name][2] else name].append(self.clock - self.away[name][0])
                del self.away[name]
            if pid == 0 or self.seen.get(name) == (pid, service["state"]):
                continue
            self.seen[name] = (pid, service["state"])
            if not self.services_too:
                continue
            if service["state"] == "running":
                self.at(now + self.rnd.random() * SERVICE_LIVES_S, self.strike_service, name, pid,
                        self.rnd.choice(v.SIGNALS))
            elif service["state"] == "starting" and self.rnd.random() < 0.1:
                self.at(now + self.rnd.random() * 0.03, self.strike_service, name, pid, "KILL",
                        "starting ")

    def strike_service(self, name, pid, sig, how=""):
        """If it is still that one; one that a signal does not end is left."""
        if not self.is_a_service(pid, name) or self.killing_is_over:
            return
        now = time.monotonic()
        try:
            os.kill(pid, getattr(signal, "SIG" + sig))
        except ProcessLookupError:  # it has ended meanwhile
            return
        if sig == "STOP":
            self.at(now + self.rnd.random() * 0.3, self.resume_service, name, pid,
                    self.rnd.choice(("KILL", "CONT")))
            return
        self.count(f"{how}cal-{name}", sig)
        if sig not in ("HUP", "PIPE"):
            self.gone(name, pid, bool(how))

    def resume_service(self, name, pid, sig):
        """Whatever else is over: nothing stays stopped."""
        if self.is_a_service(pid, name):
            try:
                os.kill(pid, getattr(signal, "SIG" + sig))
            except ProcessLookupError:
                return
            self.count(f"cal-{name}", f"STOP, {sig}")
            if sig == "KILL":
                self.gone(name, pid, False)
            else:
                self.seen.pop(name, None)

    def gone(self, name, pid, long):
        """`long`: one that was not ready is not started again at once."""
        if self.target.services().get(name, {}).get("pid") == pid:
            self.away[name] = (self.clock, pid, long or self.spoilt is not None)

    def is_a_service(self, pid, name):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                return file.read().strip() == f"cal-{name}"
        except OSError:
            return False

    def hand_over(self):
        name = self.rnd.choice(t.SERVICES)
        one = v.Victim("calctl service restart", [*self.target.calctl, "service", "restart", name],
                       self.env, self.stderr)
        self.alive.append(one)
        self.at(time.monotonic() + self.rnd.random() * 0.12, self.strike_handover, one, name)

    def strike_handover(self, one, name):
        pids = self.target.service_processes(name)
        victim = self.rnd.choice([*pids, None])
        if victim is None:
            self.strike(one, "KILL")
            return
        try:
            os.kill(victim, signal.SIGKILL)
            self.count("hand-over" if len(pids) > 1 else f"cal-{name}", "KILL")
            self.gone(name, victim, True)
        except ProcessLookupError:
            pass
        self.at(time.monotonic() + 0.3, self.strike, one, "KILL")

    def spoil(self):
        """The program of a service cannot be executed for a while, and it is needed."""
        name, pid = self.rnd.choice(t.SERVICES), 0
        self.spoilt = name
        self.target.spoil(name, self.rnd.choice(("no format", "no loader", "ends")))
        pid = self.target.services().get(name, {}).get("pid", 0)
        if pid and self.is_a_service(pid, name):
            os.kill(pid, signal.SIGKILL)
            self.count(f"cal-{name}", "KILL")
            self.gone(name, pid, True)
            self.exec_failures += 1
        self.at(time.monotonic() + self.rnd.random() * SPOILT_S, self.mend)

    def mend(self):
        self.target.mend(self.spoilt)
        self.spoilt = None

    # --- a slice ----------------------------------------------------------------------------------

    def run(self, seconds, limit):
        """Kill for so long, or until so many are killed; then until none of the victims is left."""
        self.killing_is_over, self.last_turn = False, None
        end = time.monotonic() + seconds
        self.seen.clear()
        now = time.monotonic()
        self.next_handover = self.next_handover or now + HANDOVER_EVERY_S * self.rnd.random()
        self.next_spoil = self.next_spoil or now + SPOIL_EVERY_S
        while time.monotonic() < end and self.kills < limit:
            self.turn(spawning=True)
            now = time.monotonic()
            if now > self.next_handover:
                self.hand_over()
                self.next_handover = now + HANDOVER_EVERY_S
            if now > self.next_spoil and self.spoilt is None:
                self.spoil()
                self.next_spoil = now + SPOIL_EVERY_S
        self.killing_is_over = True
        while self.alive or self.events:
            self.turn(spawning=False)
            if self.alive and not self.events:
                self.nothing_comes()

    def nothing_comes(self):
        """Each signal has a next one, up to SIGKILL: whoever is left has had that one."""
        for one in self.alive:
            if one.last != "KILL" and not one.reap():
                raise t.Hang(f"{one.kind} was forgotten after {one.last}")

    def tick(self):
        now = time.monotonic()
        passed = now - self.last_turn if self.last_turn else 0
        self.longest_turn_s = max(self.longest_turn_s, passed)
        self.clock += min(passed, 0.05)
        self.last_turn = now

    def turn(self, spawning):
        self.tick()
        self.look_at_services()
        if spawning and len(self.alive) < ALIVE:
            self.spawn()
        now = time.monotonic()
        while self.events and self.events[0][0] <= now:
            _, _, fn, args = heapq.heappop(self.events)
            fn(*args)
        self.reap()
        left = self.events[0][0] - time.monotonic() if self.events else 0.002
        time.sleep(min(max(left, 0), 0.002))

    def kill_all(self):
        """After a failure."""
        for one in self.alive:
            try:  # one may have been waited for when a signal came to us
                one.send("KILL", self.clock)
                if one.status is None:
                    os.waitpid(one.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        self.alive.clear()
        if self.spoilt:
            self.mend()
