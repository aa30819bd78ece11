# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Kills at random while a primary does verified I/O, and everything that must hold then. See
tests/README.md; `make chaos` runs it, the suite `chaos` of tests/run does in three ways.

The I/O goes on from the beginning to the end; slices of time with kills and without take turns, and
the gaps between its completions are compared. Every check prints what it has seen and can fail
(selftest.py)."""
import argparse
import os
import random
import resource
import signal
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import killer  # noqa: E402
import target as t  # noqa: E402
import traces  # noqa: E402
import victims as v  # noqa: E402
from target import p  # noqa: E402

SLICE_S = 2.5
WARM_UP_KILLS = 40
ATTACHES = 5              # after each slice with kills
ATTACH_LIMIT_MS = 30
GAP_LIMIT_US = 1000
TRIES = 3
BACK_LIMIT_S = 1          # a service that had served
BACK_LONG_LIMIT_S = 7     # one that had not, several times perhaps: its back-off goes up to 5 s
SETTLE_S = 8


class Report:
    def __init__(self):
        self.checks = {}  # name: passed

    def say(self, text):
        print("        " + text, flush=True)

    def check(self, name, ok, figures, problems=()):
        self.checks[name] = bool(ok)
        print(f"{'ok     ' if ok else 'FAILED '} {name:<34} {figures}", flush=True)
        for problem in list(problems)[:20]:
            print(f"          | {problem}", flush=True)

    def failed(self):
        return [name for name, ok in self.checks.items() if not ok]


class Gaps:
    """The gaps of several slices of one device, added up."""

    def __init__(self):
        self.counts, self.wall_max, self.seconds, self.ios = {}, 0, 0, 0

    def add(self, figures):
        for ns, count in figures["gap_counts"]:
            self.counts[ns] = self.counts.get(ns, 0) + count
        self.wall_max = max(self.wall_max, figures["wall_gaps_us"]["max"])
        self.seconds += figures["elapsed_ms"] / 1000
        self.ios += figures["ios"]

    def quantile_us(self, share):
        total, so_far = sum(self.counts.values()), 0
        for ns in sorted(self.counts):
            so_far += self.counts[ns]
            if so_far >= share * total:
                return ns / 1000
        return 0

    def max_us(self):
        return max(self.counts, default=0) / 1000

    def text(self):
        return (f"{self.seconds:.1f} s, {self.ios} I/Os; on-CPU gaps p50 {self.quantile_us(0.5):.1f} us, "
                f"p99.9 {self.quantile_us(0.999):.1f} us, p99.99 {self.quantile_us(0.9999):.1f} us, "
                f"longest {self.max_us():.0f} us (by the clock {self.wall_max:.0f} us)")


class Chaos:
    def __init__(self, args, report, root, harm=None):
        self.args, self.report, self.root, self.harm = args, report, root, harm
        self.rnd = random.Random(args.seed)
        self.target = t.Target(root, args.build, args.instance, args.mode, args.reactors, args.slack)
        self.oom = v.OomGroup()
        root.at_end(self.oom.close)
        self.stderr = os.open(root.file("victims.log"), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        kinds = v.Kinds(self.rnd, args.build, args.instance, self.target.prim.rpc,
                        root.file("saved.json"), self.oom.procs)
        self.killer = killer.Killer(self.target, kinds, self.rnd, self.stderr)
        if args.only:
            self.killer.restrict(args.only.split(","))
        root.at_end(self.killer.kill_all)
        self.forget_gaps()
        self.attach_ms = []
        self.errors = {}

    # --- the run ----------------------------------------------------------------------------------

    def warm_up(self):
        """Every kind once and some more, so that pools have the size that they need. And as many jobs at
        a time as there may be: the memory of a lightweight thread is kept for the next one, with its
        eventfd in interrupt mode (core/thread/thread.c), so what there is of it is the most that there
        ever were at a time. Kills alone reach that late, and by chance."""
        self.target.most_jobs()
        for name in self.killer.kinds.names:
            if self.killer.kinds.weights[name]:
                self.killer.spawn(name)
        self.killer.run(30, min(WARM_UP_KILLS, self.args.n // 2))
        self.settle()

    def settle(self):
        """Until all services serve and nobody else is there."""
        expected = len(t.SERVICES) + 2  # the primary and the client that stays
        end = time.monotonic() + SETTLE_S * self.args.slack
        while time.monotonic() < end:
            self.killer.tick()
            self.killer.look_at_services()
            if self.target.all_serve() and len(traces.processes(self.root.run)) <= expected:
                return True
            time.sleep(0.005)
        return False

    def forget_gaps(self):
        self.quiet = {name: Gaps() for name in t.JOBS}
        self.killing = {name: Gaps() for name in t.JOBS}

    def gap_figures(self):
        """[(what, with kills, without)] of the malloc device, in microseconds. Who holds up the reactor
        holds up both devices; a file's gaps are its disk's, too."""
        with_kills, without = self.killing["Malloc0"], self.quiet["Malloc0"]
        return [("p99.99 of the gaps", with_kills.quantile_us(0.9999), without.quantile_us(0.9999)),
                ("longest gap", with_kills.max_us(), without.max_us())]

    def gaps_again(self):
        """A virtual machine has gaps of some milliseconds now and then that count as on-CPU, in either
        half: one that is out of bounds is looked for again, among as many kills (1000 at most, so what
        one kill in 1000 does may escape). Quantiles do not suffer from one such gap: these are not taken again."""
        for _ in range(TRIES - 1):
            figures = self.gap_figures()
            ((_, p9999, p9999_without), (_, longest, longest_without)) = figures
            if not self.args.limits or longest <= longest_without + GAP_LIMIT_US or \
                    p9999 > p9999_without + GAP_LIMIT_US:
                return
            self.report.say("gaps are out of bounds, once more: " + "; ".join(
                f"{what} {a:.0f} us with kills, {b:.0f} us without" for what, a, b in figures))
            self.forget_gaps()
            self.slices(self.killer.kills + min(self.args.n, 1000))

    def note(self, half, figures):
        for name, one in figures.items():
            half[name].add(one)
            self.errors[name] = (one["errors"], one["verify"]["mismatches"], one["verify"]["checked"],
                                 one.get("error", ""), one["verify"].get("first"))

    def slices(self, limit):
        while self.killer.kills < limit:
            if self.harm:
                self.harm(self, "before kills")
            begin = time.monotonic()
            self.killer.run(SLICE_S, limit)
            self.settle()
            for _ in range(ATTACHES):
                self.attach_ms.append(self.target.attach(delay_us=50000 if self.harm else 0))
            self.target.caller.call("spdk_get_version")
            self.note(self.killing, self.target.slice())
            if self.harm:
                self.harm(self, "before quiet")
                self.target.slice()
            time.sleep(min(time.monotonic() - begin, 2 * SLICE_S))
            self.note(self.quiet, self.target.slice())

    def snapshot(self):
        self.root_calls_off_traces()
        return traces.Snapshot(self.target.prim, self.target.calctl, self.target.env)

    def root_calls_off_traces(self):
        """A trace that a killed calctl began goes on until somebody ends it."""
        one = v.Victim("calctl", [*self.target.calctl, "trace", "stop"], self.target.env, self.stderr)
        p.wait_for(one.reap, 10 * self.args.slack, "calctl trace stop")

    def run(self):
        begin = time.monotonic()
        self.target.begin()
        self.warm_up()
        before = self.snapshot()
        self.target.slice()
        links = self.target.links_granted()
        self.slices(self.args.n)
        self.gaps_again()
        if self.harm:
            self.harm(self, "at the end")
        settled = self.settle()
        self.report_kills(time.monotonic() - begin, self.target.links_granted() - links)
        self.check_io()
        self.check_gaps()
        self.check_attach()
        self.check_services(settled)
        self.check_traces(before)
        self.check_answers()
        self.check_end()

    # --- what must hold ---------------------------------------------------------------------------

    def report_kills(self, seconds, links):
        k = self.killer
        faults = sum(k.signals[s] for s in (*v.FAULTS, "OOM")) + k.exec_failures
        self.report.say(f"{k.kills} kills, {links} attaches, {faults} faults ("
                        f"{sum(k.signals[s] for s in v.FAULTS)} by signal, {k.signals['OOM']} out of memory, "
                        f"{k.exec_failures} programs that could not be executed) in {seconds:.0f} s")
        if not self.oom.procs:
            self.report.say(f"no OOM kills: no memory cgroup can be made here ({self.oom.why})")
        for title, counter in (("victims", k.counts), ("signals", k.signals)):
            self.report.say(f"{title}: " + ", ".join(f"{name} {n}" for name, n in counter.most_common()))
        self.report.say(f"{k.survived} caught their signal and were killed later; ended by themselves: "
                        f"{sum(k.ended.values())}")

    def check_io(self):
        self.note(self.quiet, self.target.slice())
        text = ", ".join(f"{name}: {e} errors, {m} wrong blocks of {c} checked"
                         for name, (e, m, c, _, _) in self.errors.items())
        whys = [f"{name}: {why}" for name, (_, _, _, why, _) in self.errors.items() if why]
        firsts = [f"{name}: {first}" for name, (*_, first) in self.errors.items() if first]
        self.report.check("no I/O error", not whys and all(e[0] == 0 for e in self.errors.values()),
                          text, whys)
        self.report.check("no wrong byte", all(m == 0 and c > 0 for _, m, c, _, _ in self.errors.values()),
                          text, firsts)

    def check_gaps(self):
        for name in t.JOBS:
            self.report.say(f"{name} with kills:    {self.killing[name].text()}")
            self.report.say(f"{name} without kills: {self.quiet[name].text()}")
        for what, a, b in self.gap_figures():
            text = f"{a:.0f} us with kills, {b:.0f} us without"
            if self.args.limits:
                self.report.check(what, a <= b + GAP_LIMIT_US, f"{text} (at most {GAP_LIMIT_US} us more)")
            else:
                self.report.say(f"{what}: {text}; not judged {self.args.why_no_limits}")

    def check_attach(self):
        wall = sorted(one[0] for one in self.attach_ms)
        own = sorted(one[1] for one in self.attach_ms)
        text = "; ".join(f"{name} median {statistics.median(values):.1f}, "
                         f"p99 {values[int(len(values) * 0.99)]:.1f}, max {values[-1]:.1f} ms"
                         for name, values in (("by the clock", wall), ("without waiting for a CPU", own)))
        if self.args.limits:
            # All of them, but without what the machine did instead of running them.
            self.report.check("attach", statistics.median(wall) <= ATTACH_LIMIT_MS and
                              own[-1] <= ATTACH_LIMIT_MS,
                              f"{len(wall)} times: {text} (at most {ATTACH_LIMIT_MS} ms)")
        else:
            self.report.say(f"attach, {len(wall)} times: {text}; not judged {self.args.why_no_limits}")

    def check_services(self, settled):
        back = {name: times for name, times in self.killer.back_s.items() if name != "spoilt"}
        long = self.killer.back_s.get("spoilt", [0])
        text = ", ".join(f"{name} {len(times)} times, median {statistics.median(times) * 1000:.0f}, "
                         f"max {max(times) * 1000:.0f} ms" for name, times in back.items())
        self.report.check("services are back", all(max(times) <= BACK_LIMIT_S * self.args.slack
                                                   for times in back.values()) and
                          max(long) <= BACK_LONG_LIMIT_S * self.args.slack,
                          f"{text}; when it took several tries, max {max(long):.1f} s")
        state = self.target.services()
        self.report.check("services are well", settled, ", ".join(
            f"{name} {s['state']} ({s['restarts']} restarts)" for name, s in state.items()))

    def check_traces(self, before):
        for _ in range(5):
            after = self.snapshot()
            differences = after.differences(before)
            if not any(differences.values()):
                break
            time.sleep(0.5)
        for part, changes in differences.items():
            counts = after.parts[part]
            figures = ", ".join(f"{name} {n}" for name, n in counts.items()) if part in ("heap", "processes") \
                else f"{sum(counts.values())} as before" if not changes else f"{sum(counts.values())}"
            self.report.check(f"same {part}", not changes, figures, changes)
        grown = after.rss_kb - before.rss_kb
        self.report.check("same memory", abs(grown) <= traces.RSS_LIMIT_KB,
                          f"{before.rss_kb} -> {after.rss_kb} KiB (± {traces.RSS_LIMIT_KB} KiB)")

    def check_answers(self):
        begin = time.monotonic()
        try:
            version = self.target.prim.rpc_call("spdk_get_version", timeout=5)
        except (OSError, p.Failure) as error:
            version = {"error": str(error)}
        self.report.check("a JSON-RPC client is answered", "result" in version,
                          f"{version.get('error', '')}{(time.monotonic() - begin) * 1000:.1f} ms; the client that stayed: "
                          f"{self.target.caller.longest_us / 1000:.1f} ms at most")

    def check_end(self):
        self.target.end()
        self.target.caller.close()
        status, took = self.target.prim.stop()
        left = [name for _, _, names in os.walk(self.root.run) for name in names]
        self.report.check("an orderly end", status == 0 and not left and not traces.processes(self.root.run),
                          f"exit status {status} after {took:.2f} s", left)


def run(args, report, harm=None):
    """The report has the checks; what went wrong beside them is raised as p.Failure."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for fd in map(int, os.listdir("/proc/self/fd")):  # a lock of who started us, say
        if fd > 2:
            keep_to_ourselves(fd)
    with p.Root() as root:
        chaos = None
        try:
            chaos = Chaos(args, report, root, harm)
            chaos.run()
        except (p.Failure, OSError) as failure:
            kind = "no hang" if isinstance(failure, t.Hang) else "no failure"
            report.check(kind, False, str(failure))
        else:
            report.check("no hang", True, f"nothing took longer than {v.HANG_S} s; the killer itself was away for "
                         f"{chaos.killer.longest_turn_s * 1000:.0f} ms at most")
        if report.failed() and chaos and not harm:
            show_logs(chaos, root)


def keep_to_ourselves(fd):
    try:
        os.set_inheritable(fd, False)
    except OSError:  # the one that listed them
        pass


def show_logs(chaos, root):
    for title, path in (("the primary", chaos.target.prim.stderr.name),
                        ("the victims", root.file("victims.log"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        print(f"--- {title}, the last lines")
        print("\n".join(lines[-40:]))


def parse(argv):
    ap = argparse.ArgumentParser()
    ap.add_argument("-n", type=int, default=1000, help="kills")
    ap.add_argument("--seed", default="", help="of an earlier run")
    ap.add_argument("--mode", choices=["polling", "interrupt"], default="polling")
    ap.add_argument("--reactors", type=int, choices=[1, 2], default=1)
    ap.add_argument("--build", default=os.environ.get("CAL_BUILD", "build"))
    ap.add_argument("--only", default="", help="these kinds of victims alone, comma-separated; with "
                    "'services' also these, with 'handover' and 'spoil' that")
    ap.add_argument("--instance", type=int, default=150)
    args = ap.parse_args(argv)
    args.build = os.path.abspath(args.build)
    args.seed = int(args.seed, 0) if args.seed else random.getrandbits(32)
    san = os.environ.get("CAL_SAN", "") or ("asan" if args.build.endswith("-asan") else "")
    args.why_no_limits = f"under {san}" if san else \
        "with two reactors: they leave no core to the others" if args.reactors == 2 and os.cpu_count() < 3 else ""
    args.limits = not args.why_no_limits
    args.slack = 1 if args.limits else 4
    return args


def main(argv=None):
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and clean up
    p.needs_hugepages(256)
    print(f"        {args.n} kills, seed {args.seed:#x}, {args.mode} mode, "
          f"{args.reactors} reactor{'s' if args.reactors > 1 else ''}", flush=True)
    report = Report()
    run(args, report)
    if report.failed():
        print(f"FAILED: {', '.join(report.failed())}; again with SEED={args.seed:#x}")
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
