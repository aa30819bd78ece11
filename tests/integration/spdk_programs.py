#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SPDK's API from outside: every public name of thread.h, event.h, env.h and the small headers has SPDK's
type, in C and in C++, and is linked; programs that use all of it do what the headers say (tests/compat/).
With $SPDK_DIR, a source tree of SPDK v26.05, its own programs are built as they are and run, too.
Everything is compiled with what pkg-config says and nothing else."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import primary as p

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat")
PKG = os.path.join(os.path.dirname(p.BIN), "lib", "pkgconfig")
SPDK = os.environ.get("SPDK_DIR")
SAN = {"asan": ["-fsanitize=address,undefined"]}.get(os.environ.get("CAL_SAN", ""), [])
WARN = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]


def pkg(*what):
    env = dict(os.environ, PKG_CONFIG_PATH=PKG)
    return subprocess.run(["pkg-config", *what], env=env, check=True,
                          stdout=subprocess.PIPE).stdout.decode().split()


def build(root, source, name, *more, static=False, lang="c", warn=(), flags=()):
    """Compile and link one source as somebody else's program; returns its path."""
    out = root.file(name)
    std = ["-x", "c", "-std=gnu11"] if lang == "c" else ["-x", "c++", "-std=gnu++17"]
    cc = os.environ.get("CC", "gcc") if lang == "c" else os.environ.get("CXX", "g++")
    done = subprocess.run(
        [*cc.split(), *std, "-O1", "-g", "-D_GNU_SOURCE", *SAN, *warn, *flags, *pkg("--cflags", "calandria"),
         source, *more, "-x", "none", *pkg("--libs", *(["--static"] if static else []), "calandria"),
         "-o", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.check(done.returncode == 0, f"{source} as {lang}:\n{done.stdout.decode()[:3000]}")
    return out


def run(root, *argv, seconds=60, status=0):
    done = subprocess.run(argv, env=root.env(CALANDRIA_LIBEXEC=p.BIN), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          cwd=root.path)
    text = done.stdout.decode(errors="replace")
    p.check(done.returncode == status,
            f"{os.path.basename(argv[0])} {' '.join(argv[1:])}: status {done.returncode}\n{text[-3000:]}")
    return text


def cores():
    """Two CPUs where there are two."""
    cpus = sorted(os.sched_getaffinity(0))[-2:]
    return hex(sum(1 << cpu for cpu in cpus)), cpus


# --- ours ------------------------------------------------------------------------------------------

def names_have_their_types(root):
    jobs = [(f, lang) for f in sorted(os.listdir(HERE)) if re.fullmatch(r"names_\w+\.c", f)
            for lang in ("c", "c++")]
    p.check(len(jobs) >= 8, f"only {len(jobs)} lists of names")
    main = root.file("main.c", "int main(void) { return 0; }\n")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: build(root, os.path.join(HERE, job[0]), f"{job[0]}.{job[1]}", main,
                                        lang=job[1], warn=WARN), jobs))


def a_wrong_type_is_seen(root):
    """The lists could not fail if this compiled."""
    for line in ("FUNCTION(spdk_thread_poll, int(struct spdk_thread *, uint64_t));",
                 "FUNCTION(spdk_no_such_function, void(void));",
                 "FIELD(struct spdk_thread_stats, busy_tsc, uint32_t);",
                 "FIELD(struct spdk_thread_stats, no_such_field, uint64_t);"):
        source = root.file("wrong.c", f'#include "names.h"\n#include "spdk/thread.h"\n{line}\n'
                                      "int main(void) { return 0; }\n")
        for lang in ("c", "c++"):
            try:
                build(root, source, "wrong", lang=lang, flags=["-Werror", "-I" + HERE])
            except p.Failure:
                continue
            raise p.Failure(f"it compiles as {lang}: {line}")


def environment(root):
    for static in (False, True):
        exe = build(root, os.path.join(HERE, "use_env.c"), "use_env", static=static, warn=WARN)
        p.check("as the header says" in run(root, exe, cores()[0]), "it does not say so")


def threads(root):
    exe = build(root, os.path.join(HERE, "use_thread.c"), "use_thread", warn=WARN)
    p.check("as the header says" in run(root, exe, hex(1 << p.a_core())), "it does not say so")


def events_and_stops(root):
    exe = build(root, os.path.join(HERE, "use_event.c"), "use_event", warn=WARN)
    for where in ("start", "event", "thread", "twice", "threads", "signal"):
        out = run(root, exe, "-m", cores()[0], "-s", "64", "-x", where)
        p.check("returned 7" in out, f"{where}: {out}")
        p.check(os.listdir(root.run) == [], f"{where} leaves {os.listdir(root.run)}")


# --- SPDK's ----------------------------------------------------------------------------------------

UT = """#include "spdk_internal/cunit.h"
int
spdk_ut_run_tests(int argc, char **argv, const struct spdk_ut_opts *opts)
{
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return (int)CU_get_number_of_failures();
}
"""
# What SPDK's tests include of its implementation, in terms of ours.
MEMORY = """#include <rte_config.h>
#include <rte_memory.h>
#include <rte_eal.h>
#include <rte_dev.h>
#include <rte_vfio.h>
#include "spdk/env.h"
#include "spdk/env_dpdk.h"
#include "spdk/bit_array.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"
#include "spdk_internal/assert.h"
#define VALUE_1GB (1ull << 30)
struct rte_pci_device;
static int mem_map_init(bool legacy) { return 0; }
"""
PCI = """#include "spdk/env.h"
struct spdk_pci_driver { uint64_t any[8]; };
"""
VHOST = "static inline int spdk_vhost_set_socket_path(const char *path) { return 0; }\n"


def spdk(root, path, *more, libs=(), ut=False, whole=True, name=None):
    """Build one of SPDK's programs. What it may see of SPDK is its test framework's headers."""
    inc = root.file("inc")
    os.makedirs(os.path.join(inc, "spdk_internal"), exist_ok=True)
    os.makedirs(os.path.join(inc, "env_dpdk"), exist_ok=True)
    os.makedirs(os.path.join(inc, "spdk"), exist_ok=True)
    for header in ("cunit.h", "mock.h"):
        shutil.copy(os.path.join(SPDK, "include", "spdk_internal", header),
                    os.path.join(inc, "spdk_internal", header))
    for file, text in (("env_dpdk/memory.c", MEMORY), ("env_dpdk/pci.c", PCI),
                       ("spdk/vhost.h", VHOST), ("spdk/conf.h", "")):
        with open(os.path.join(inc, file), "w") as f:
            f.write(text)
    extra = list(more)
    if ut:
        extra += [root.file("ut.c", UT), "-x", "none", "-lcunit"]
    flags = ["-I" + inc, "-I" + os.path.join(SPDK, "test"), *pkg("--cflags-only-I", "libdpdk"), *libs]
    source = os.path.join(SPDK, path)
    name = name or os.path.basename(path)[:-2]
    if whole:
        return build(root, source, name, *extra, flags=flags)
    # A test that has doubles for parts of the environment takes only what it lacks.
    out = root.file(name)
    done = subprocess.run(
        [*os.environ.get("CC", "gcc").split(), "-g", "-D_GNU_SOURCE", "-march=corei7", *SAN, *flags,
         *pkg("--cflags", "calandria"), source, *extra,
         os.path.join(os.path.dirname(PKG), "libcalandria.a"), "-l:librte_eal.a", "-lbsd", "-lnuma",
         "-lpthread", "-o", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.check(done.returncode == 0, done.stdout.decode()[:3000])
    return out


def spdk_unit_test(root, path, *flags, left_out=()):
    """One of SPDK's unit tests, which include the sources that they test: tests/compat/unit has files
    of those names that stand for ours. Returns how many assertions it made."""
    name = os.path.basename(path)[:-2]
    inc = root.file("inc")
    os.makedirs(os.path.join(inc, "spdk_internal"), exist_ok=True)
    for header in ("cunit.h", "mock.h"):
        shutil.copy(os.path.join(SPDK, "include", "spdk_internal", header),
                    os.path.join(inc, "spdk_internal", header))
    unit = os.path.join(HERE, "unit")
    lib = os.path.dirname(PKG)
    done = subprocess.run(
        [*os.environ.get("CC", "gcc").split(), "-g", "-D_GNU_SOURCE", *SAN, *flags, f'-DNOT_RUN="{",".join(left_out)}"',
         "-I" + unit, "-I" + inc, "-I" + os.path.join(SPDK, "test"), *pkg("--cflags", "calandria"),
         "-I" + os.path.join(HERE, "..", ".."), os.path.join(SPDK, path),
         os.path.join(unit, "runner.c"), os.path.join(lib, "libcalandria.a"), "-lcunit", "-lm",
         "-luuid", "-o", root.file(name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.check(done.returncode == 0, done.stdout.decode()[:3000])
    out = run(root, root.file(name))
    row = re.search(r"asserts +(\d+) +(\d+) +(\d+) +(\d+)", out)
    tests = re.search(r"tests +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)", out)
    p.check(row and tests and int(row[4]) == 0 and int(tests[5]) == len(left_out), out[-2000:])
    return int(row[3])


def spdk_rpc_library(root):
    """core/rpc/README.md says which of these do not run, and why."""
    unit = "test/unit/lib/"
    for path, least in (("json/json_parse.c/json_parse_ut.c", 1500),
                        ("json/json_util.c/json_util_ut.c", 200),
                        ("json/json_write.c/json_write_ut.c", 900),
                        ("notify/notify.c/notify_ut.c", 10)):
        count = spdk_unit_test(root, unit + path)
        p.check(count >= least, f"{path}: {count} assertions")
    count = spdk_unit_test(root, unit + "log/log.c/log_ut.c", "-DDEBUG")
    p.check(count >= 70, f"log: {count} assertions")
    count = spdk_unit_test(root, unit + "rpc/rpc.c/rpc_ut.c",
                           *(f"-Wl,--wrap={name}" for name in ("open", "close", "flock")),
                           left_out=("test_spdk_rpc_listen_close", "test_rpc_run_multiple_servers"))
    p.check(count >= 10, f"rpc: {count} assertions")


def json_is_the_same(root):
    """One source over spdk/json.h, with our library and with SPDK's: both print the same, line by line."""
    source = os.path.join(HERE, "same_json.c")
    ours = run(root, build(root, source, "ours", warn=WARN)).splitlines()
    p.check(len(ours) > 60000, f"{len(ours)} lines")
    libs = [os.path.join(SPDK, "build", "lib", f"libspdk_{name}.a") for name in ("json", "util", "log")]
    if not all(os.path.exists(lib) for lib in libs):
        print("          (not compared: $SPDK_DIR is not built)")
        return
    done = subprocess.run(
        [*os.environ.get("CC", "gcc").split(), "-g", "-O1", "-D_GNU_SOURCE", "-I" + os.path.join(SPDK, "include"),
         source, *libs, "-lm", "-luuid", "-lssl", "-lcrypto", "-o", root.file("theirs")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.check(done.returncode == 0, done.stdout.decode()[:3000])
    theirs = run(root, root.file("theirs")).splitlines()
    p.check(len(ours) == len(theirs), f"{len(ours)} lines and {len(theirs)}")
    for one, other in zip(ours, theirs):
        p.check(one == other, f"ours:   {one[:1000]}\nSPDK's: {other[:1000]}")


def figures(text):
    """For people: what a benchmark of SPDK's says."""
    for line in text.splitlines():
        if re.search(r"lcore +\d|Performance|poller_cost", line):
            print(f"          {line.strip()}")


def spdk_event_programs(root):
    mask, cpus = cores()
    out = run(root, spdk(root, "test/event/event_perf/event_perf.c"), "-m", mask, "-t", "1")
    counts = [int(n) for n in re.findall(r"lcore +\d+: +(\d+)", out)]
    p.check(len(counts) == len(cpus) and all(counts), out)
    figures(out)
    out = run(root, spdk(root, "test/event/reactor/reactor.c"), "-t", "1")
    for word, least in (("tick 100", 8), ("tick 250", 3), ("tick 500", 1), ("oneshot", 1),
                        ("test_start", 1), ("test_end", 1)):
        p.check(out.count(word) >= least, f"{word} came {out.count(word)} times:\n{out}")
    p.check(out.count("oneshot") == 1, out)
    out = run(root, spdk(root, "test/event/reactor_perf/reactor_perf.c"), "-t", "1")
    p.check("events per second" in out, out)
    figures(out)
    for period in ("0", "1"):
        out = run(root, spdk(root, "test/thread/poller_perf/poller_perf.c"), "-b", "1000", "-l",
                  period, "-t", "1")
        p.check("poller_cost" in out, out)
        figures(out)
    out = run(root, spdk(root, "examples/thread/thread/thread_ex.c"))
    p.check("Threads destroyed successfully" in out and out.count("Hello from timed poller!") >= 4,
            out)


def call(path, method, params=None, seconds=20):
    """One call; the socket may not be there yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(path)
                request = {"jsonrpc": "2.0", "id": 1, "method": method}
                if params is not None:
                    request["params"] = params
                s.sendall(json.dumps(request).encode())
                data = b""
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        raise ConnectionError("closed")
                    data += piece
                    try:
                        return json.loads(data)
                    except ValueError:
                        pass
        except (ConnectionError, FileNotFoundError):
            if time.monotonic() > end:
                raise p.Failure(f"nobody answers at {path}")
            time.sleep(0.02)


class Running:
    def __init__(self, root, *argv):
        self.out = open(root.file("out"), "w+b")
        self.proc = subprocess.Popen(argv, env=root.env(CALANDRIA_LIBEXEC=p.BIN),
                                     stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)

    def text(self):
        self.out.seek(0)
        return self.out.read().decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        self.out.close()


def spdk_app_repeat(root):
    sock = root.file("r.sock")
    exe = spdk(root, "test/event/app_repeat/app_repeat.c")
    with Running(root, exe, "-r", sock, "-m", cores()[0], "-s", "64", "-t", "3") as app:
        for i in range(3):
            def round_is_up():
                return app.text().count("JSON-RPC on") > i
            p.wait_for(round_is_up, 20, f"round {i}")
            answer = call(sock, "framework_get_reactors")
            p.check(len(answer["result"]["reactors"]) == len(cores()[1]), str(answer))
            app.proc.send_signal(signal.SIGTERM)
        status = app.proc.wait(20)
        p.check(status == 0, f"status {status}: {app.text()}")
        p.check("Round 2" in app.text(), app.text())


def spdk_scheduler(root):
    sock = root.file("r.sock")
    exe = spdk(root, "test/event/scheduler/scheduler.c")
    with Running(root, exe, "-r", sock, "-m", cores()[0], "-s", "64", "-f") as app:
        answer = call(sock, "framework_set_scheduler", {"name": "dynamic", "period": 100000})
        p.check("error" not in answer, str(answer))
        ids = []
        for name, active in (("busy", 100), ("half", 50), ("lazy", 0)):
            answer = call(sock, "scheduler_thread_create", {"name": name, "active": active})
            p.check("result" in answer, str(answer))
            ids.append(answer["result"])
        time.sleep(1)
        reactors = call(sock, "framework_get_reactors")["result"]["reactors"]
        there = [t["name"] for r in reactors for t in r["lw_threads"]]
        p.check(sorted(n for n in there if n in ("busy", "half", "lazy")) == ["busy", "half", "lazy"],
                str(there))
        p.check("result" in call(sock, "scheduler_thread_set_active",
                                 {"thread_id": ids[2], "active": 30}), "set_active")
        for i in ids:
            p.check(call(sock, "scheduler_thread_delete", {"thread_id": i}).get("result") is True,
                    "delete")
        app.proc.send_signal(signal.SIGTERM)
        status = app.proc.wait(20)
        p.check(status == 0, f"status {status}: {app.text()}")


def spdk_interrupt_tgt(root):
    sock = root.file("r.sock")
    exe = spdk(root, "examples/interrupt_tgt/interrupt_tgt.c")
    with Running(root, exe, "-r", sock, "-m", cores()[0], "-s", "64", "-E") as app:
        def modes():
            reactors = call(sock, "framework_get_reactors")["result"]["reactors"]
            return {r["lcore"]: r["in_interrupt"] for r in reactors}
        call(sock, "rpc_get_methods")
        p.check(all(modes().values()), str(modes()))
        core = cores()[1][-1]
        for disable in (True, False):
            answer = call(sock, "reactor_set_interrupt_mode",
                          {"lcore": core, "disable_interrupt": disable})
            p.check(answer.get("result") is True, str(answer))
            p.check(modes()[core] is not disable, str(modes()))
        answer = call(sock, "reactor_set_interrupt_mode", {"lcore": 999, "disable_interrupt": True})
        p.check("error" in answer, str(answer))
        app.proc.send_signal(signal.SIGTERM)
        status = app.proc.wait(20)
        p.check(status == 0, f"status {status}: {app.text()}")


def spdk_env_programs(root):
    def asserts(out):
        row = re.search(r"asserts +(\d+) +(\d+) +(\d+) +(\d+)", out)
        p.check(row and int(row[1]) > 0 and int(row[4]) == 0, out[-2000:])
    asserts(run(root, spdk(root, "test/env/memory/memory_ut.c", ut=True, whole=False)))
    asserts(run(root, spdk(root, "test/env/pci/pci_ut.c", ut=True)))
    for lock in ("10000:00:01.0",):
        try:
            os.unlink("/var/tmp/spdk_pci_lock_" + lock)
        except FileNotFoundError:
            pass
    asserts(run(root, spdk(root, "test/env/vtophys/vtophys.c", ut=True)))
    asserts(run(root, spdk(root, "test/env/mem_callbacks/mem_callbacks.c", ut=True)))
    text = '{"a": [1, 2.5, "x"], "b": null}'
    exe = spdk(root, "test/app/jsoncat/jsoncat.c")
    out = run(root, exe, root.file("a.json", text))
    p.check(json.loads(out) == json.loads(text), out)
    run(root, exe, root.file("b.json", '{"a": '), status=1)
    p.check("count = " in run(root, spdk(root, "test/app/histogram_perf/histogram_perf.c")), "count")


if __name__ == "__main__":
    p.needs_hugepages(300 if SPDK else 64)
    if not SPDK:
        print("  ($SPDK_DIR is not set: SPDK's own programs are not built)")
    p.main([names_have_their_types, a_wrong_type_is_seen, environment, threads, events_and_stops,
            *([spdk_event_programs, spdk_app_repeat, spdk_scheduler, spdk_interrupt_tgt,
               spdk_env_programs, spdk_rpc_library, json_is_the_same] if SPDK else [])])
