#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A block module that somebody wrote for SPDK (tests/modules/echo: its own devices, RPC methods,
decoders and configuration, with SPDK's public API and nothing else), compiled and linked with what
pkg-config says, in an application of its own. With $SPDK_DIR, an SPDK v26.05 that was built, the same
sources are compiled and linked against that, too, and the same is done to it and must be answered."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import primary as p
from spdk_programs import Running, call, pkg

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "modules", "echo")
SOURCES = [os.path.join(FOLDER, f) for f in ("echo_app.c", "vbdev_echo.c", "echo_slice.c",
                                             "vbdev_echo_rpc.c")]
SPDK = os.environ.get("SPDK_DIR", "")
SAN = {"asan": ["-fsanitize=address,undefined"]}.get(os.environ.get("CAL_SAN", ""), [])
UUID = "31234567-89ab-cdef-0123-456789abcdef"
CC = os.environ.get("CC", "gcc").split()
WARN = ["-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
        "-Wno-unused-parameter", "-Wno-missing-field-initializers"]


def build(root, cflags, libs):
    out = root.file("echo_app")
    done = subprocess.run([*CC, *WARN, *cflags, *SOURCES, *libs, "-o", out],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.check(done.returncode == 0, done.stdout.decode()[:3000])
    return out


def build_ours(root):
    return build(root, [*SAN, *pkg("--cflags", "calandria")], pkg("--libs", "calandria"))


def build_theirs(root):
    """As SPDK's own makefiles link: everything of its libraries, and DPDK's as they say."""
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(SPDK, "build/lib/pkgconfig"))
    def ask(*what):
        return subprocess.run(["pkg-config", *what], env=env, check=True,
                              stdout=subprocess.PIPE).stdout.decode().split()
    libs = ask("--libs", "spdk_event", "spdk_event_bdev", "spdk_bdev_malloc", "spdk_env_dpdk",
               "spdk_sock_posix", "spdk_dpdklibs")
    libs = list(dict.fromkeys(lib for lib in libs if lib.startswith(("-L", "-lspdk", "-lrte"))))
    system = ask("--libs", "--static", "spdk_syslibs")
    return build(root, ["-I" + os.path.join(SPDK, "include"), "-march=native"],
                 ["-Wl,--whole-archive,-Bstatic", *libs, "-Wl,--no-whole-archive,-Bdynamic",
                  *system, "-lnuma", "-lbsd", "-ldl", "-lm", "-lpthread"])


class App(Running):
    def __init__(self, root, exe, ours, *args):
        self.sock = root.file("compat589.sock")
        if os.path.exists(self.sock):
            os.unlink(self.sock)
        more = ["-i", "589"] if ours else ["-u"]
        super().__init__(root, exe, "-r", self.sock, "-m", hex(1 << p.a_core()), "-s", "128",
                         *more, *args)
        call(self.sock, "rpc_get_methods")

    def __exit__(self, *exc):
        if exc[0] is not None:
            print("".join(f"          | {line}\n" for line in self.text().splitlines()[-30:]),
                  f"         status {self.proc.poll()}")
        super().__exit__(*exc)

    def answer(self, method, params=None):
        """The result, or the error's code."""
        reply = call(self.sock, method, params)
        return reply["result"] if "result" in reply else reply["error"]["code"]

    def result(self, method, params=None):
        reply = call(self.sock, method, params)
        p.check("result" in reply, f"{method} {params}: {reply}\n{self.text()[-2000:]}")
        return reply["result"]

    def names(self):
        return sorted(b["name"] for b in self.result("bdev_get_bdevs"))

    def saved(self):
        return {"subsystems": [
            {"subsystem": s["subsystem"],
             "config": self.result("framework_get_config", {"name": s["subsystem"]})}
            for s in self.result("framework_get_subsystems")]}

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        status = self.proc.wait(20)
        p.check(status == 0, f"status {status}: {self.text()[-3000:]}")


M0 = {"name": "M0", "num_blocks": 16384, "block_size": 512}
# Method, parameters, and what must be answered: a result, or the code of an error.
CALLS = [
    ("bdev_malloc_create", M0, "M0"),
    ("bdev_malloc_create", {"name": "M1", "num_blocks": 16384, "block_size": 512}, "M1"),
    ("bdev_echo_create", {"name": "E0", "base_bdev": "M0", "uuid": UUID, "mode": "invert",
                          "delay": {"read_us": 50}, "tags": ["a", "b\u00fc\n", ""]}, "E0"),
    ("bdev_echo_create", {"name": "E0", "base_bdev": "M1"}, -17),
    ("bdev_echo_create", {"name": "E1", "base_bdev": "M0"}, -1),
    # Its base is not there yet.
    ("construct_echo_bdev", {"name": "E2", "base_bdev": "M2", "uuid": UUID[:-1] + "0"}, "E2"),
    ("bdev_echo_create", {"base_bdev": "M1"}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "mode": "loud"}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "mode": 1}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "delay": 5}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "delay": {"read_us": -5}}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "delay": {"why": 1}}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "tags": list("123456789")}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "tags": ["1", 2]}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "tags": {}}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "uuid": "x"}, -32602),
    ("bdev_echo_create", {"name": "E3", "base_bdev": "M1", "more": 1}, -32602),
    ("bdev_echo_create", None, -32602),
    ("bdev_echo_get", {"a": 1}, -32602),
    ("bdev_echo_get", None, {"waits": 0, "echoes": [
        {"name": "E0", "there": True, "reads": 0, "writes": 0, "others": 0},
        {"name": "E2", "there": False, "reads": 0, "writes": 0, "others": 0}]}),
    ("bdev_echo_set_options", {"priority": 1}, -1),
    ("bdev_echo_slice_create", {"base_bdev": "M1", "slices": [
        {"name": "S0", "offset_blocks": 0, "num_blocks": 1024, "uuid": UUID[:-1] + "1"},
        {"name": "S1", "offset_blocks": 4096, "num_blocks": 8192, "uuid": UUID[:-1] + "2",
         "remark": {"of": ["no", "interest"]}}]}, ["S0", "S1"]),
    ("bdev_echo_slice_create", {"base_bdev": "M1", "slices": []}, -17),
    ("bdev_echo_slice_create", {"base_bdev": "none", "slices": []}, -19),
    ("bdev_echo_slice_create", {"base_bdev": "M1", "slices": [{"name": "S2"}]}, -32602),
    ("bdev_echo_slice_create", {"base_bdev": "M1", "slices": [1]}, -32602),
    ("bdev_echo_slice_delete", {"base_bdev": "none"}, -19),
    ("bdev_echo_slice_delete", {"base_bdev": 1}, -32602),
    ("bdev_echo_slice_delete", {"base_bdev": "M1", "more": 1}, -32602),
    ("bdev_echo_delete", {"name": "none"}, -19),
    ("bdev_echo_delete", {}, -32602),
    ("bdev_malloc_delete", {"name": "E0"}, -19),
    ("bdev_echo_delete", {"name": "E2"}, True),
    ("construct_echo_bdev", {"name": "E2", "base_bdev": "M2", "uuid": UUID[:-1] + "0"}, "E2"),
    ("bdev_malloc_create", {"name": "M2", "num_blocks": 2048, "block_size": 4096}, "M2"),
]


def described(app):
    """Its devices as they are described, without what the two block layers can do differently."""
    bdevs = {b["name"]: b for b in app.result("bdev_get_bdevs")}
    return {name: {key: bdev[key] for key in ("name", "aliases", "product_name", "block_size",
                                              "num_blocks", "uuid", "claimed", "driver_specific")}
            for name, bdev in bdevs.items() if name[0] in "ES"}


def waits(app):
    """A request that is answered later; one whose client does not wait for it."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(app.sock)
    s.sendall(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "bdev_echo_wait",
                          "params": {"name": "Later"}}).encode())
    p.wait_for(lambda: app.result("bdev_echo_get")["waits"] == 1, 5, "the request waits")
    app.result("bdev_malloc_create", {"name": "Later", "num_blocks": 8, "block_size": 512})
    p.check(json.loads(s.recv(4096))["result"] is True, "the answer that came later")
    s.close()
    p.wait_for(lambda: app.result("bdev_echo_get")["waits"] == 0, 5, "nobody waits")
    app.result("bdev_malloc_delete", {"name": "Later"})


def drive(root, exe, ours):
    """Everything that both sides must do alike. Returns what is compared."""
    seen = []
    with App(root, exe, ours, "--wait-for-rpc") as app:
        seen.append(sorted(m for m in app.result("rpc_get_methods", {"current": True})
                           if "echo" in m))
        p.check(app.answer("bdev_echo_set_options", {"priority": 256}) == -32602, "u8")
        p.check(app.answer("bdev_echo_set_options", {"poll_us": 65536}) == -32602, "u16")
        p.check(app.answer("bdev_echo_set_options", {"bias": 2147483648}) == -32602, "i32")
        p.check(app.answer("bdev_echo_set_options", {"loud": 1}) == -32602, "bool")
        p.check(app.answer("bdev_echo_set_options", {"priority": 255, "poll_us": 10,
                                                     "bias": -2147483648, "loud": True}) is True,
                "options")
        p.check(app.answer("bdev_echo_create", {"name": "x", "base_bdev": "y"}) == -1, "state")
        app.result("framework_start_init")
        for method, params, want in CALLS:
            got = app.answer(method, params)
            for echo in got["echoes"] if isinstance(got, dict) else ():
                echo["reads"] = 0  # other modules may have read it to see whether it is theirs
            p.check(got == want, f"{method} {params}: {got}, not {want}\n{app.text()[-1500:]}")
        seen += [described(app), app.names(), app.result("notify_get_types").count("echo_up"),
                 sorted(m for m in app.result("rpc_get_methods") if "echo" in m),
                 sorted(m for m in app.result("rpc_get_methods", {"include_aliases": True})
                        if "echo" in m)]
        p.check(app.result("bdev_get_bdevs", {"name": "echo/E0"})[0]["name"] == "E0", "its alias")
        p.check(app.result("bdev_get_iostat", {"names": ["E0"]})["bdevs"][0]["driver_specific"]
                ["finished_reads"] >= 0, "its statistics")
        if ours:
            waits(app)
            io(app)
        config = app.saved()
        seen.append([e for s in config["subsystems"] if s["subsystem"] == "bdev"
                     for e in s["config"] if "echo" in e["method"]])
        # Gone with their bases, also when nobody asks them.
        app.result("bdev_malloc_delete", {"name": "M1"})
        app.result("bdev_malloc_delete", {"name": "M0"})
        p.check(app.names() == ["E2", "M2"], app.names())
        p.check(not app.result("bdev_echo_get")["echoes"][0]["there"], "E0 is not there")
        app.result("bdev_malloc_create", M0)
        p.check("E0" in app.names(), "E0 comes with its base")
        p.check(app.result("bdev_echo_delete", {"name": "E0"}) is True, "E0 is deleted")
        seen.append(app.names())
        app.stop()
    path = root.file("echo.json", json.dumps(config))
    with App(root, exe, ours, "-c", path) as app:
        app.result("framework_wait_init")
        p.check(app.saved() == config, f"{app.saved()}\n{config}")
        p.check(described(app) == seen[1], f"{described(app)}\n{seen[1]}")
        app.stop()
    return seen


def io(app):
    """Through our load generator: what is written comes back, and is what it says it is."""
    for name, more in (("E0", {}), ("S1", {}), ("E2", {"io_size": 65536}), ("E0", {"io_size": 512})):
        job = app.result("cal_perf_start", {"name": name, "workload": "randrw", "queue_depth": 64,
                                            "time_ms": 200, "verify": True, **more})["id"]
        p.wait_for(lambda: not app.result("cal_perf_get", {"id": job})["running"], 20, "the end")
        out = app.result("cal_perf_stop", {"id": job})
        p.check(out["ios"] > 0 and out["errors"] == 0 and out["verify"]["checked"] > 0 and
                out["verify"]["mismatches"] == 0, f"{name}: {out}")
    counts = {e["name"]: e for e in app.result("bdev_echo_get")["echoes"]}
    p.check(counts["E0"]["reads"] > 0 and counts["E0"]["writes"] > 0, counts)
    # More at once than there are spdk_bdev_io for it, and its base goes meanwhile.
    for turn in range(5):
        app.result("bdev_malloc_create", {"name": "H", "num_blocks": 8192, "block_size": 512})
        app.result("bdev_echo_create", {"name": "EH", "base_bdev": "H", "mode": "invert",
                                        "delay": {"write_us": random.randrange(300)}})
        jobs = [app.result("cal_perf_start", {"name": "EH", "workload": w, "queue_depth": 128,
                                              "time_ms": 20000})["id"]
                for w in ("randwrite", "randread")]
        time.sleep(random.random() / 20)
        app.result("bdev_malloc_delete", {"name": "H"})
        for job in jobs:
            p.wait_for(lambda: not app.result("cal_perf_get", {"id": job})["running"], 5, "the end")
            app.result("cal_perf_stop", {"id": job})
        app.result("bdev_echo_delete", {"name": "EH"})


def with_us(root):
    drive(root, build_ours(root), True)


def with_both(root):
    ours = drive(root, build_ours(root), True)
    theirs = drive(root, build_theirs(root), False)
    for mine, their in zip(ours, theirs):
        p.check(mine == their, f"\n  {mine}\n  {their}")


if __name__ == "__main__":
    p.needs_hugepages(300 if SPDK else 130)
    built = SPDK and os.path.exists(os.path.join(SPDK, "build/lib/libspdk_event_bdev.a"))
    if not built:
        print("  ($SPDK_DIR is not set, or not built: the module is not compared with SPDK's side)")
    p.main([with_both if built else with_us])
