#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SPDK's own block modules, with $SPDK_DIR, a source tree of SPDK v26.05 in which include/spdk_internal/
rpc_autogen.h has been generated: compiled as they are against our headers, linked with our library
into SPDK's own applications, driven over JSON-RPC. Headers of parts of SPDK that are none of ours
(accel, NVMe, data protection, modules' own) and the sources behind them come from that tree, too, and
are compiled against ours likewise."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import uuid
import zlib

import primary as p
from spdk_programs import Running, call, pkg

SPDK = os.environ.get("SPDK_DIR", "")
SAN = {"asan": ["-fsanitize=address,undefined"]}.get(os.environ.get("CAL_SAN", ""), [])
OURS = os.path.join(os.path.dirname(p.BIN), "lib", "libcalandria.a")
# Theirs in place of ours: the whole of what ours have a part of.
FIRST = ["nvme_spec.h", "dif.h", "dma.h"]
CRC = [f"lib/util/{name}.c" for name in ("crc16", "crc32", "crc32_ieee", "crc32c", "crc64")]
DIF = [*CRC, "lib/util/dif.c"]
MODULES = {
    "passthru": ["vbdev_passthru", "vbdev_passthru_rpc"],
    "delay": ["vbdev_delay", "vbdev_delay_rpc"],
    "error": ["vbdev_error", "vbdev_error_rpc"],
    "split": ["vbdev_split", "vbdev_split_rpc"],
    "zone_block": ["vbdev_zone_block", "vbdev_zone_block_rpc"],
    "gpt": ["gpt", "vbdev_gpt"],
    "aio": ["bdev_aio", "bdev_aio_rpc"],
    "null": ["bdev_null", "bdev_null_rpc"],
    "malloc": ["bdev_malloc", "bdev_malloc_rpc"],
}
# What the benchmark asks for and our block layer does not have yet; it is not used unless asked for.
NOT_YET = """#include "spdk/bdev.h"
#include "spdk/histogram_data.h"
typedef void (*spdk_bdev_histogram_data_cb)(void *, int, struct spdk_histogram_data *);
#define spdk_bdev_set_timeout(desc, seconds, cb, arg) ((void)(cb))
#define spdk_bdev_histogram_enable(bdev, cb, arg, on) cb(arg, 0)
#define spdk_bdev_channel_get_histogram(ch, cb, arg) cb(arg, -ENOTSUP, NULL)
"""


def module(*names):
    return [f"module/bdev/{name}/{file}.c" for name in names for file in MODULES[name]]


class Tree:
    """Objects of SPDK's sources, each compiled once."""

    def __init__(self):
        self.root = p.Root()
        self.objects = {}
        self.first = self.root.file("first")
        self.after = self.root.file("after")
        os.makedirs(os.path.join(self.first, "spdk"))
        for header in FIRST:
            shutil.copy(os.path.join(SPDK, "include", "spdk", header),
                        os.path.join(self.first, "spdk"))
        ours = next(f[2:] for f in pkg("--cflags-only-I", "calandria"))
        include = os.path.join(SPDK, "include")
        for folder, _, files in os.walk(include):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), include)
                if not os.path.exists(os.path.join(ours, path)):
                    out = os.path.join(self.after, path)
                    os.makedirs(os.path.dirname(out), exist_ok=True)
                    shutil.copy(os.path.join(include, path), out)

    def compile(self, source):
        more = ["-include", self.root.file("not_yet.h", NOT_YET)] if "bdevperf" in source else []
        out = self.root.file(source.replace("/", "_")[:-2] + ".o")
        path = os.path.join(SPDK, source)
        done = subprocess.run(
            [*os.environ.get("CC", "gcc").split(), "-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE",
             "-Wall", "-Werror", "-Wno-unused", "-Wno-pointer-sign", "-march=corei7", *SAN,
             "-I" + self.first, *pkg("--cflags", "calandria"), "-idirafter", self.after,
             "-I" + os.path.dirname(path), *more, "-c", path, "-o", out],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        p.check(done.returncode == 0, f"{source}:\n{done.stdout.decode()[:3000]}")
        return out

    def objects_of(self, sources):
        missing = [s for s in sources if s not in self.objects]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for source, out in zip(missing, pool.map(self.compile, missing)):
                self.objects[source] = out
        return [self.objects[s] for s in sources]

    def link(self, name, sources, libs=(), without=()):
        """A program; `without`: members of our library that stay out of it."""
        out = self.root.file(name)
        if os.path.exists(out):
            return out
        objects = self.objects_of(sources)
        flags = pkg("--libs", "calandria")
        if without:
            own = self.root.file(name + ".lib")
            os.makedirs(own)
            shutil.copy(OURS, own)
            subprocess.run(["ar", "d", os.path.join(own, "libcalandria.a"), *without], check=True)
            flags = ["-L" + own, *flags]
        done = subprocess.run([*os.environ.get("CC", "gcc").split(), *SAN, *objects, *flags, *libs,
                               "-o", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        p.check(done.returncode == 0, f"{name}:\n{done.stdout.decode()[:3000]}")
        return out


TREE = None


def service():
    """SPDK's application that has all the modules that go on others, and our null, malloc and uring."""
    return TREE.link("bdev_svc", ["test/app/bdev_svc/bdev_svc.c",
                                  *module("passthru", "delay", "error", "split", "zone_block", "gpt",
                                          "aio"), "lib/util/crc32.c", "lib/util/crc32_ieee.c"],
                     ["-laio"])


class App(Running):
    def __init__(self, root, exe, instance, *args):
        # Its mark that it is up.
        self.mark = f"/var/run/spdk_bdev{instance}"
        if os.path.exists(self.mark):
            os.unlink(self.mark)
        self.sock = root.file(f"compat{instance}.sock")
        if os.path.exists(self.sock):
            os.unlink(self.sock)
        super().__init__(root, exe, "-r", self.sock, "-m", hex(1 << p.a_core()), "-s", "128", "-i",
                         str(instance), *args)
        self.result("framework_wait_init")

    def result(self, method, params=None):
        answer = call(self.sock, method, params)
        p.check("result" in answer, f"{method} {params}: {answer}\n{self.text()[-1500:]}")
        return answer["result"]

    def error(self, method, params, code):
        answer = call(self.sock, method, params)
        p.check(answer.get("error", {}).get("code") == code, f"{method} {params}: {answer}")

    def names(self):
        return sorted(b["name"] for b in self.result("bdev_get_bdevs"))

    def bdev(self, name):
        return self.result("bdev_get_bdevs", {"name": name})[0]

    def verify(self, name, **more):
        """Data written through the device comes back."""
        job = self.result("cal_perf_start", {"name": name, "workload": "randrw", "queue_depth": 8,
                                             "time_ms": 300, "verify": True, **more})["id"]
        p.wait_for(lambda: not self.result("cal_perf_get", {"id": job})["running"], 20,
                   f"the end of the I/O on {name}")
        out = self.result("cal_perf_stop", {"id": job})
        p.check(out["ios"] > 0 and out["errors"] == 0 and out["verify"]["checked"] > 0 and
                out["verify"]["mismatches"] == 0, f"{name}: {out}")
        return out

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if os.path.exists(self.mark):
            os.unlink(self.mark)

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        status = self.proc.wait(20)
        p.check(status == 0, f"status {status}: {self.text()[-3000:]}")


def saved(app):
    return {"subsystems": [{"subsystem": s["subsystem"],
                            "config": app.result("framework_get_config", {"name": s["subsystem"]})}
                           for s in app.result("framework_get_subsystems")]}


def alike(config):
    """Without the delays: the module rounds them down to ticks, and those to microseconds, each time."""
    text = json.dumps(config)
    return re.sub(r'("\w+_latency": )\d+', r"\g<1>0", text)


def on_others(root):
    """Virtual devices on our malloc: made, written through, saved, loaded, gone with what they stand on."""
    exe = service()
    with App(root, exe, 580) as app:
        app.result("bdev_malloc_create", {"name": "M0", "num_blocks": 65536, "block_size": 512})
        app.result("bdev_passthru_create", {"base_bdev_name": "M0", "name": "P0"})
        app.result("bdev_delay_create", {"base_bdev_name": "P0", "name": "D0",
                                         "avg_read_latency": 100, "p99_read_latency": 200,
                                         "avg_write_latency": 100, "p99_write_latency": 200})
        p.check(app.result("bdev_split_create", {"base_bdev": "D0", "split_count": 2}) ==
                ["D0p0", "D0p1"], "the split's names")
        app.result("bdev_malloc_create", {"name": "M1", "num_blocks": 8192, "block_size": 4096})
        app.result("bdev_error_create", {"base_name": "M1"})
        app.result("bdev_malloc_create", {"name": "M2", "num_blocks": 4096, "block_size": 4096})
        app.result("bdev_zone_block_create", {"name": "Z0", "base_bdev": "M2",
                                              "zone_capacity": 1024, "optimal_open_zones": 2})
        want = ["D0", "D0p0", "D0p1", "EE_M1", "M0", "M1", "M2", "P0", "Z0"]
        p.check(app.names() == want, app.names())
        p.check(app.bdev("P0")["product_name"] == "passthru" and app.bdev("M0")["claimed"] and
                app.bdev("P0")["driver_specific"]["passthru"]["base_bdev_name"] == "M0",
                app.bdev("P0"))
        p.check(app.bdev("D0p1")["num_blocks"] == 32768 and app.bdev("D0p1")["driver_specific"]
                ["split"] == {"base_bdev": "D0", "offset_blocks": 32768}, app.bdev("D0p1"))
        zone = app.bdev("Z0")
        p.check(zone["zoned"] and zone["zone_size"] == 1024 and zone["optimal_open_zones"] == 2,
                zone)
        for name in ("D0p0", "D0p1", "EE_M1"):
            app.verify(name)
        fast, slow = app.verify("EE_M1", queue_depth=1), app.verify("D0p0", queue_depth=1)
        p.check(slow["latency_us"]["p50"] >= 100 > fast["latency_us"]["p50"],
                f"{slow['latency_us']} {fast['latency_us']}")
        # What the modules refuse, with their own codes.
        app.error("bdev_passthru_create", {"base_bdev_name": "M0"}, -32603)
        app.error("bdev_passthru_create", {"base_bdev_name": "M1", "name": "P9", "uuid": "x"},
                  -32603)
        app.error("bdev_delay_delete", {"name": "P0"}, -19)
        app.error("bdev_error_inject_error", {"name": "EE_M1", "io_type": "sing",
                                              "error_type": "failure"}, -32603)
        app.result("bdev_error_inject_error", {"name": "EE_M1", "io_type": "read",
                                               "error_type": "failure", "num": 3})
        job = app.result("cal_perf_start", {"name": "EE_M1", "workload": "read", "time_ms": 100})
        time.sleep(0.3)
        out = app.result("cal_perf_stop", {"id": job["id"]})
        p.check(out["errors"] == 3, f"3 errors were injected: {out}")
        # What is saved makes the same again.
        config = saved(app)
        methods = [e["method"] for s in config["subsystems"] if s["subsystem"] == "bdev"
                   for e in s["config"]]
        for method in ("bdev_passthru_create", "bdev_delay_create", "bdev_split_create",
                       "bdev_error_create", "bdev_zone_block_create"):
            p.check(methods.count(method) == 1, f"{method} in {methods}")
        app.stop()
    path = root.file("saved.json", json.dumps(config))
    with App(root, exe, 581, "-c", path) as app:
        p.check(app.names() == want, app.names())
        p.check(alike(saved(app)) == alike(config), f"{saved(app)}\n{config}")
        # Gone with the lowest.
        app.result("bdev_malloc_delete", {"name": "M0"})
        p.wait_for(lambda: not {"M0", "P0", "D0", "D0p0", "D0p1"} & set(app.names()), 5,
                   "everything on M0 is gone")
        app.result("bdev_error_delete", {"name": "EE_M1"})
        p.check("M1" in app.names() and not app.bdev("M1")["claimed"], app.names())
        app.result("bdev_zone_block_delete", {"name": "Z0"})
        app.stop()


def removed_under_io(root):
    """A base goes while its parts and what is on them are written and read."""
    with App(root, service(), 582) as app:
        for turn in range(3):
            app.result("bdev_malloc_create", {"name": "M0", "num_blocks": 65536,
                                              "block_size": 512})
            app.result("bdev_split_create", {"base_bdev": "M0", "split_count": 4})
            if turn == 0:
                app.result("bdev_passthru_create", {"base_bdev_name": "M0p3", "name": "P0"})
            # Later it comes by itself, in its examination of the base.
            p.check(app.names() == ["M0", "M0p0", "M0p1", "M0p2", "M0p3", "P0"], app.names())
            jobs = [app.result("cal_perf_start", {"name": n, "workload": "randrw",
                                                  "queue_depth": 16, "time_ms": 20000})["id"]
                    for n in ("M0p0", "M0p1", "P0")]
            time.sleep(0.05 * turn)
            app.result("bdev_malloc_delete", {"name": "M0"})
            p.check(app.names() == [], app.names())
            for job in jobs:
                p.wait_for(lambda: not app.result("cal_perf_get", {"id": job})["running"], 5,
                           "the job ends with its device")
                app.result("cal_perf_stop", {"id": job})
        app.stop()


def gpt_image(path):
    """A disk of 32 MiB, in blocks of 4096 bytes, with two of SPDK's partitions."""
    size, blocks = 4096, 8192
    kind = uuid.UUID("6527994e-2c5a-4eec-9613-8f5944074e8b").bytes_le
    parts = [(256, 2047, "first"), (2048, 4095, "second")]
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", kind, uuid.UUID(int=i + 1).bytes_le, begin, end, 0,
                    name.encode("utf-16-le")) for i, (begin, end, name) in enumerate(parts))
    entries = entries.ljust(128 * 128, b"\0")

    def header(my, other, table):
        def pack(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, my, other, 6,
                               blocks - 6, uuid.UUID(int=99).bytes_le, table, 128, 128,
                               zlib.crc32(entries))
        return pack(zlib.crc32(pack(0))).ljust(size, b"\0")

    mbr = bytearray(size)
    mbr[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1, blocks - 1)
    mbr[510:512] = b"\x55\xaa"
    with open(path, "wb") as f:
        f.truncate(blocks * size)
        f.write(mbr + header(1, blocks - 1, 2) + entries)
        f.seek((blocks - 5) * size)
        f.write(entries + header(blocks - 1, 1, blocks - 5))


def partitions(root):
    """SPDK's aio on a file (asynchronous examine reads from it), gpt's partitions on that."""
    path = root.file("disk")
    gpt_image(path)
    with App(root, service(), 583) as app:
        app.result("bdev_aio_create", {"name": "A0", "filename": path, "block_size": 4096})
        app.result("bdev_wait_for_examine")
        p.check(app.names() == ["A0", "A0p1", "A0p2"], app.names())
        second = app.bdev("A0p2")
        p.check(second["num_blocks"] == 2048 and
                second["driver_specific"]["gpt"]["partition_name"] == "second" and
                second["driver_specific"]["gpt"]["offset_blocks"] == 2048, second)
        p.check(str(uuid.UUID(int=2)) in second["aliases"], second)
        app.verify("A0p1")
        app.verify("A0p2")
        app.result("bdev_aio_delete", {"name": "A0"})
        p.check(app.names() == [], app.names())
        app.error("bdev_aio_create", {"name": "A0", "filename": root.file("none")}, -2)
        app.stop()


def in_place_of_ours(root):
    """SPDK's null and malloc, with the accel framework under it, in place of our drivers."""
    exe = TREE.link("bdev_theirs", [
        "test/app/bdev_svc/bdev_svc.c", *module("null", "malloc", "passthru"), *DIF,
        "lib/util/hexlify.c", "lib/util/xor.c", "lib/accel/accel.c", "lib/accel/accel_sw.c", "lib/accel/accel_rpc.c", "lib/dma/dma.c",
        "module/event/subsystems/accel/accel.c"],
        ["-lcrypto"], ["null.o", "null_rpc.o", "malloc.o", "malloc_rpc.o"])
    with App(root, exe, 584) as app:
        p.check([s["subsystem"] for s in app.result("framework_get_subsystems")].count("accel") == 1,
                "the accel subsystem")
        app.result("bdev_null_create", {"name": "N0", "num_blocks": 65536, "block_size": 4096})
        app.result("bdev_malloc_create", {"name": "M0", "num_blocks": 32768, "block_size": 512})
        app.result("bdev_malloc_create", {"name": "M1", "num_blocks": 4096, "block_size": 4096})
        app.result("bdev_passthru_create", {"base_bdev_name": "M0", "name": "P0"})
        app.verify("P0")
        app.verify("M1")
        p.check(app.result("accel_get_opc_assignments")["copy"] == "software", "the accel module")
        p.check(app.bdev("N0")["product_name"] == "Null disk" and
                app.bdev("M0")["supported_io_types"]["zcopy"], app.bdev("M0"))
        app.result("bdev_null_resize", {"name": "N0", "new_size": 512})
        p.check(app.bdev("N0")["num_blocks"] == 512 * 256, app.bdev("N0"))
        config = saved(app)
        app.stop()
    path = root.file("theirs.json", json.dumps(config))
    with App(root, exe, 585, "-c", path) as app:
        p.check(saved(app) == config, f"{saved(app)}\n{config}")
        app.stop()


def run(root, exe, *args, seconds=60):
    done = subprocess.run([exe, "-m", hex(1 << p.a_core()), "-s", "128", *args],
                          env=root.env(CALANDRIA_LIBEXEC=os.path.abspath(p.BIN)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          cwd=root.path)
    text = done.stdout.decode(errors="replace")
    p.check(done.returncode == 0, f"{os.path.basename(exe)} {args}: {done.returncode}\n{text[-3000:]}")
    return text


def hello(root):
    """The first programs that everybody builds, as an external tree does."""
    folder = "test/external_code"
    exe = TREE.link("hello_external", [f"{folder}/hello_world/hello_bdev.c",
                                       f"{folder}/passthru/vbdev_passthru.c",
                                       f"{folder}/passthru/vbdev_passthru_rpc.c"])
    out = run(root, exe, "-r", root.file("compat586.sock"), "--json",
              os.path.join(SPDK, folder, "hello_world", "bdev_external.json"), "-b", "TestPT")
    p.check("Read string from bdev : Hello World!" in out, out)
    exe = TREE.link("hello_bdev", ["examples/bdev/hello_world/hello_bdev.c",
                                   *module("zone_block")])
    out = run(root, exe, "-r", root.file("compat586.sock"), "-c",
              os.path.join(SPDK, "examples/bdev/hello_world/bdev.json"), "-b", "Malloc0")
    p.check("Read string from bdev : Hello World!" in out, out)
    # On zones: it resets one, and waits for that, before it writes.
    config = root.file("zone.json", json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_malloc_create",
         "params": {"name": "M0", "num_blocks": 8192, "block_size": 512}},
        {"method": "bdev_zone_block_create", "params": {
            "name": "Z0", "base_bdev": "M0", "zone_capacity": 1024, "optimal_open_zones": 1}}]}]}))
    out = run(root, exe, "-r", root.file("compat586.sock"), "-c", config, "-b", "Z0")
    p.check("Read string from bdev : Hello World!" in out, out)


def bdevperf(root):
    """SPDK's benchmark; on the command line and by its own RPC."""
    exe = TREE.link("bdevperf", ["examples/bdev/bdevperf/bdevperf.c", *DIF, "lib/util/zipf.c",
                                 "lib/conf/conf.c",
                                 *module("delay", "passthru")])
    config = root.file("perf.json", json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_malloc_create",
         "params": {"name": "M0", "num_blocks": 32768, "block_size": 512}},
        {"method": "bdev_passthru_create", "params": {"base_bdev_name": "M0", "name": "P0"}}]}]}))
    for workload in ("verify", "randrw", "unmap", "reset", "write_zeroes", "flush"):
        more = ["-M", "50"] if workload == "randrw" else []
        out = run(root, exe, "-r", root.file("compat587.sock"), "-c", config, "-q", "16", "-o",
                  "4096", "-w", workload, "-t", "1", *more)
        total = re.search(r"Total +: +([\d.]+) +([\d.]+) +([\d.]+)", out)
        p.check(total and float(total[1]) > 0 and float(total[3]) == 0, f"{workload}: {out[-2500:]}")
        print(f"          bdevperf {workload}: {float(total[1]):.0f} IOPS")


if __name__ == "__main__":
    if not SPDK:
        print("  ($SPDK_DIR is not set: SPDK's modules are not built)")
        sys.exit(0)
    if not os.path.exists(os.path.join(SPDK, "include/spdk_internal/rpc_autogen.h")):
        print("SPDK's rpc_autogen.h is not there: run `make include` in $SPDK_DIR")
        sys.exit(77)
    p.needs_hugepages(300)
    TREE = Tree()
    try:
        p.main([on_others, removed_under_io, partitions, in_place_of_ours, hello, bdevperf])
    finally:
        TREE.root.close()
