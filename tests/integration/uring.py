#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Block devices on files, over io_uring, in a real primary: on a disk's file system and in memory.
Verified I/O of many sizes, the shape of the answers, saving and loading, deletion under I/O, a thread
that moves between reactors under I/O, files that cannot be used; and nothing is left open."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from rpc_common import CALCTL, Primary, check, finish, wait_until

INSTANCE = 181
MIB = 1 << 20
UUID = "d7f1e3a0-6f0c-4c37-9a3c-0a1b2c3d4e5f"
KEYS = {"name", "aliases", "product_name", "block_size", "num_blocks", "preferred_write_alignment",
        "preferred_write_granularity", "optimal_write_size", "preferred_unmap_alignment",
        "preferred_unmap_granularity", "uuid", "assigned_rate_limits", "claimed", "zoned",
        "supported_io_types", "driver_specific"}


def make_file(folder, name, size):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def open_files(primary):
    """What the primary has open of the kinds that we open."""
    folder = f"/proc/{primary.proc.pid}/fd"
    names = []
    for fd in os.listdir(folder):
        try:
            names.append(os.readlink(os.path.join(folder, fd)))
        except FileNotFoundError:
            pass
    return [name for name in names if "io_uring" in name or "cal-uring" in name]


def create(client, name, path, **more):
    return client.call("bdev_uring_create", {"name": name, "filename": path, **more})


def calctl(primary, *args):
    return subprocess.run([CALCTL, "-i", str(primary.instance), *args], env=primary.env, text=True,
                          capture_output=True, timeout=60)


def perf(primary, *args):
    """A run to its end; the report, None if calctl gave none."""
    done = calctl(primary, "--json", "perf", *args)
    return json.loads(done.stdout) if done.stdout else None


def check_answers(client, paths):
    answer = create(client, "Disk", paths["disk"], uuid=UUID)
    check(answer.get("result") == "Disk", "create answers the name", answer)
    check(create(client, "Mem", paths["mem"]).get("result") == "Mem", "create in memory")
    answer = create(client, "Mem4k", paths["mem4k"], block_size=4096)
    check(answer.get("result") == "Mem4k", "create with a block size", answer)
    one, = client.result("bdev_get_bdevs", {"name": UUID})
    check(set(one) == KEYS, "bdev_get_bdevs has SPDK's keys", set(one) ^ KEYS)
    check(one["aliases"][0] == UUID and one["uuid"] == UUID, "the UUID is the first alias", one)
    check(one["product_name"] == "URING bdev", "product_name", one["product_name"])
    check(one["driver_specific"] == {"uring": {"filename": paths["disk"]}}, "driver_specific",
          one["driver_specific"])
    check(one["block_size"] in (512, 4096) and
          one["num_blocks"] * one["block_size"] == 64 * MIB, "size", one)
    types = {name for name, has in one["supported_io_types"].items() if has}
    check(types >= {"read", "write", "flush", "reset"}, "supported_io_types", types)
    one, = client.result("bdev_get_bdevs", {"name": "Mem4k"})
    check(one["block_size"] == 4096 and one["num_blocks"] == 16 * MIB // 4096, "4 KiB blocks", one)


def check_buffered_is_said(primary, paths):
    said = [line for line in primary.output().splitlines() if "O_DIRECT" in line]
    check(len([line for line in said if "Mem: " in line and paths["mem"] in line and
               "NOTICE" in line]) == 1,
          "one notice that there is no O_DIRECT in memory", said)
    check(not any(paths["disk"] in line for line in said), "and none for the disk", said)


def check_io(primary):
    for name, size, workload, depth in (
            ("Disk", "4096", "randrw", "32"), ("Mem", "4096", "randrw", "32"),
            ("Disk", "512", "randwrite", "64"), ("Mem", "512", "randrw", "512"),
            ("Disk", "1536", "randrw", "7"), ("Mem", "9728", "rw", "3"),
            ("Disk", "1048576", "randrw", "8"), ("Mem", "1048576", "randrw", "16"),
            ("Mem4k", "12288", "randrw", "1"), ("Disk", "65536", "write", "512")):
        report = perf(primary, name, "-w", workload, "-q", depth, "-o", size, "-t", "0.5",
                      "--verify")
        check(report and report["errors"] == 0 and report["ios"] > 0 and
              report["verify"]["checked"] > 0 and report["verify"]["mismatches"] == 0,
              f"verified I/O: {name} {workload} {size} bytes, depth {depth}", report)
    done = calctl(primary, "perf", "Mem4k", "-o", "512", "-t", "0.1")
    check(done.returncode == 1, "less than a block is refused", done)


def worker_cpus(pid):
    """Where the kernel's workers of the primary may run."""
    cpus = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as file:
                if file.read().startswith("iou-wrk"):
                    cpus.append(os.sched_getaffinity(int(task)))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return cpus


def check_workers(client, primary):
    """Large I/O through the page cache is copied by workers, off the reactor's core."""
    core = max(os.sched_getaffinity(0))
    if len(os.sched_getaffinity(0)) == 1:
        return
    job = client.result("cal_perf_start", {"name": "Mem", "workload": "randrw", "io_size": MIB,
                                           "queue_depth": 16, "time_ms": 60000})
    cpus = wait_until(lambda: worker_cpus(primary.proc.pid), 5)
    wait_until(lambda: not any(core in one for one in worker_cpus(primary.proc.pid)), 2)
    cpus = worker_cpus(primary.proc.pid)
    client.result("cal_perf_stop", job)
    check(cpus and not any(core in one for one in cpus), "workers keep off the reactor's core",
          cpus)


def check_block_device(client, primary, folder):
    """A loop device; only where there are any to be had."""
    done = subprocess.run(["losetup", "-f", "--show", make_file(folder, "loop", 64 * MIB)],
                          capture_output=True, text=True) if shutil.which("losetup") else None
    if done is None or done.returncode != 0:
        print("        no loop device to be had: block devices are not tested")
        return
    device = done.stdout.strip()
    try:
        answer = create(client, "Loop", device)
        if not check(answer.get("result") == "Loop", "create on a block device", answer):
            return
        one, = client.result("bdev_get_bdevs", {"name": "Loop"})
        check(one["block_size"] * one["num_blocks"] == 64 * MIB, "size of a block device", one)
        report = perf(primary, "Loop", "-w", "randrw", "-q", "32", "-o", "4096", "-t", "0.5",
                      "--verify")
        check(report and report["errors"] == 0 and report["verify"]["checked"] > 0 and
              report["verify"]["mismatches"] == 0, "verified I/O on a block device", report)
        refused(client, primary, "a block device in use", "in use",
                {"name": "Bad", "filename": device})
        refused(client, primary, "blocks smaller than the device's", "block size of 256",
                {"name": "Bad", "filename": make_file(folder, "b", 1024), "block_size": 256})
        client.result("bdev_uring_delete", {"name": "Loop"})
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def check_config(client, paths):
    config = client.result("framework_get_config", {"name": "bdev"})
    mine = {entry["params"]["name"]: entry["params"] for entry in config
            if entry["method"] == "bdev_uring_create"}
    check(mine.get("Disk") == {"name": "Disk", "block_size": mine["Disk"]["block_size"],
                               "filename": paths["disk"], "uuid": UUID}, "saved configuration",
          mine)
    check(set(mine) == {"Disk", "Mem", "Mem4k"}, "all are saved", mine)
    return {"subsystems": [{"subsystem": "bdev", "config": config}]}


def refused(client, primary, what, says, params):
    begin = len(primary.output())
    answer = client.call("bdev_uring_create", params)
    error = answer.get("error", {})
    check(error.get("code") == -32603 and
          error.get("message", "").startswith("Unable to create URING bdev.") and
          says in error.get("message", ""), f"{what} is refused, with a reason", answer)

    def errors():
        return [line for line in primary.output()[begin:].splitlines() if "ERROR" in line]
    wait_until(errors, 2)  # the log is written a little later than the answer
    time.sleep(0.05)
    check(len(errors()) == 1 and says in errors()[0], f"{what}: one line in the log", errors())


def check_refusals(client, primary, folder, paths):
    before = sorted(open_files(primary))
    cases = [("a file that is missing", "No such file", folder + "/missing", {}),
             ("a directory", "is a directory", folder, {}),
             ("a device that is none for blocks", "neither a file nor", "/dev/null", {}),
             ("a size of half a block", "not a multiple", make_file(folder, "odd", 1000), {}),
             ("a block size that is too large", "not a multiple",
              make_file(folder, "small", 4096 + 512), {"block_size": 4096}),
             ("a block size of 1000", "power of 2", paths["disk"], {"block_size": 1000}),
             ("an empty file", "it is empty", make_file(folder, "empty", 0), {})]
    for what, says, path, more in cases:
        refused(client, primary, what, says, {"name": "Bad", "filename": path, **more})
    refused(client, primary, "a name that exists", "exists already",
            {"name": "Disk", "filename": paths["disk"]})
    refused(client, primary, "a UUID that exists", "exists already",
            {"name": "Bad", "filename": paths["disk"], "uuid": UUID})
    locked = make_file(folder, "locked", MIB)
    if shutil.which("chattr") and subprocess.run(["chattr", "+i", locked],
                                                 capture_output=True).returncode == 0:
        try:
            refused(client, primary, "a file that may not be written", "not permitted",
                    {"name": "Bad", "filename": locked})
        finally:
            subprocess.run(["chattr", "-i", locked], check=True)
    for params in ({}, {"name": "Bad"}, {"name": "Bad", "filename": paths["disk"], "direct": True}):
        answer = client.call("bdev_uring_create", params)
        check(answer.get("error", {}).get("code") == -32603, f"parameters {list(params)}", answer)
    answer = client.call("bdev_uring_delete", {"name": "Bad"})
    check(answer.get("error", {}).get("code") == -19, "delete what is not there", answer)
    check(sorted(open_files(primary)) == before, "refusals leave nothing open",
          open_files(primary))


def check_delete_under_io(client, primary):
    for name in ("Disk", "Mem"):
        job = client.result("cal_perf_start", {"name": name, "workload": "randrw", "verify": True,
                                               "queue_depth": 128, "time_ms": 60000})
        wait_until(lambda: client.result("cal_perf_get", job)["ios"] > 1000, 10)
        begin = time.monotonic()
        answer = client.call("bdev_uring_delete", {"name": name})
        took = time.monotonic() - begin
        check(answer.get("result") is True and took < 5, f"delete {name} under I/O",
              f"{answer}, {took:.1f} s")
        report = client.result("cal_perf_stop", job)
        check(not report["running"] and report["ios"] > 1000 and
              report["verify"]["mismatches"] == 0, "the load has ended with it", report)
    client.result("bdev_uring_delete", {"name": "Mem4k"})
    check(client.result("bdev_get_bdevs") == [], "no device is left")
    check(open_files(primary) == [], "everything is closed", open_files(primary))


def thread_of(client, name):
    for thread in client.result("thread_get_stats")["threads"]:
        if name in thread["name"]:
            return thread
    return None


def core_of(client, name):
    for reactor in client.result("framework_get_reactors")["reactors"]:
        if any(thread["name"] == name for thread in reactor["lw_threads"]):
            return reactor["lcore"]
    return None


def check_moving(client):
    """The thread of a load goes from core to core and back."""
    job = client.result("cal_perf_start", {"name": "Disk", "workload": "randrw", "verify": True,
                                           "queue_depth": 64, "time_ms": 60000})
    thread = wait_until(lambda: thread_of(client, "perf"), 5)
    if not check(thread, "the load has a thread of its own"):
        client.result("cal_perf_stop", job)
        return
    cores = set()
    for turn in range(40):
        client.result("thread_set_cpumask", {"id": thread["id"], "cpumask": "12"[turn % 2]})
        before = client.result("cal_perf_get", job)["ios"]
        if not wait_until(lambda: client.result("cal_perf_get", job)["ios"] > before + 200, 5):
            check(False, f"I/O goes on after move {turn}")
            break
        cores.add(core_of(client, thread["name"]))
    check(cores == {0, 1}, "it has been on both cores", cores)
    report = client.result("cal_perf_stop", job)
    check(report["errors"] == 0 and report["verify"]["mismatches"] == 0,
          f"a thread that moved {turn + 1} times lost nothing", report)
    print(f"        longest gap {report['longest_gap_us'] / 1000:.1f} ms")


def main(folders):
    paths = {"disk": make_file(folders[0], "disk", 64 * MIB),
             "mem": make_file(folders[1], "mem", 64 * MIB),
             "mem4k": make_file(folders[1], "mem4k", 16 * MIB)}
    with Primary(INSTANCE, megabytes=128) as primary, primary.connect() as client:
        primary.wait_state("running")
        check_answers(client, paths)
        check_buffered_is_said(primary, paths)
        check_io(primary)
        config = check_config(client, paths)
        check_refusals(client, primary, folders[0], paths)
        check_workers(client, primary)
        check_block_device(client, primary, folders[0])
        check_delete_under_io(client, primary)
        errors = [line for line in primary.output().splitlines() if " failed: " in line]
        check(not errors, "no I/O error was logged", errors)
        primary.proc.terminate()
        check(primary.proc.wait(10) == 0, "it ends well")
    mask = "0x3" if {0, 1} <= os.sched_getaffinity(0) else None
    with Primary(INSTANCE, megabytes=128, mask=mask, config=config) as primary, \
            primary.connect() as client:
        primary.wait_state("running")
        check(client.result("framework_get_config", {"name": "bdev"}) ==
              config["subsystems"][0]["config"], "what was saved can be loaded")
        if mask:
            check_moving(client)
        # The end comes while devices exist and are worked on.
        client.result("cal_perf_start", {"name": "Disk", "time_ms": 60000, "queue_depth": 32})
        primary.proc.terminate()
        check(primary.proc.wait(10) == 0, "it ends well under I/O")


if __name__ == "__main__":
    made = []
    try:
        for place in ("/var/tmp", "/dev/shm"):
            made.append(tempfile.mkdtemp(prefix="cal-uring.", dir=place))
        main(made)
    finally:
        for folder_made in made:
            shutil.rmtree(folder_made, ignore_errors=True)
    finish()
