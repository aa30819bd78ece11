#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A client can write its own link and nothing else of the primary's. tests/helpers/hostile_writes.c tries,
as root, as root without capabilities (as services run), and as another user who was handed all that a
client has; what must be refused is refused by the kernel. Meanwhile another client calls and verified
I/O runs; before and after, what the primary's EAL and the stats segment say of themselves is the same.

Each refusal, and what it takes to see this test fail:
  hugepages_at_their_addresses, allocations_from_the_heap, no_hugepage_is_mapped
        core/env/env_template.c: zeroed() left out, a client's EAL then maps the primary's memory
  eal_files_of_ours    core/env/env_secondary.c: the primary's own files in place of file_copy()'s
  stats_by_*           ipc/stats/writer.c: the granted descriptor opened O_RDWR
  stats_opened_again   … its mode, 0400
  files_of_the_instance (nobody)  any mode of a file in the instance's folder that others may write
  own_link_is_sealed, links_by_*  ipc/link/link.c: the seals that follow MAPPED

What root's capabilities can do all the same, by design (a hostile root is out of scope), is said here by
name: ROOT_CAN. A test fails, too, when one of these becomes impossible: then this list is too long."""
import hashlib
import json
import os
import re
import struct
import subprocess

import primary as p

INSTANCE = 110
HELPERS = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers")
CALCTL = os.path.join(p.BIN, "calctl")
METRIC_SIZE = 64

# Written, but it is the writer's own: private copies of EAL's files, and addresses that its EAL keeps free.
OWN = {"eal_files_of_ours", "hugepages_unprotected"}
# With the capabilities that root has: CAP_SYS_PTRACE opens another process's memory, CAP_DAC_OVERRIDE any
# file. What is sealed (links) not even root can map or write.
ROOT_CAN = {"stats_opened_again", "memory_by_proc_mem", "memory_of_primary_by_call",
            "files_of_the_instance"}
# The primary's own user without any capability: the files of the instance that it owns and that somebody
# has to write by name (the lock of the next primary, logs, the private folders of attached clients).
OWNER_CAN = {"files_of_the_instance"}
CAN = {"root": ROOT_CAN, "nocaps": OWNER_CAN, "nobody": set()}


def mappings(pid):
    """(begin, end, permissions, device:inode, path) of each."""
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ (\S+) (\d+)\s*(.*)", line)
            yield (int(m[1], 16), int(m[2], 16), m[3], f"{m[4]} {m[5]}", m[6])


class Picture:
    """What of the primary's must not change, as seen from outside."""

    def __init__(self, prim):
        self.eal = {}
        with open(f"/proc/{prim.pid}/mem", "rb", 0) as mem:
            for begin, end, perms, _, path in mappings(prim.pid):
                if perms == "rw-s" and "/dpdk/" in path:
                    mem.seek(begin)
                    data = mem.read(min(end - begin, 4 << 20))
                    self.eal[os.path.basename(path)] = data
        with open(os.path.join(prim.folder(), "stats"), "rb") as f:
            raw = f.read()
        offset, count = struct.unpack_from("<II", raw, 24)
        self.stats = hashlib.sha1(raw[:64] + raw[offset:offset + count * METRIC_SIZE]).hexdigest()
        self.state = prim.state()

    def check_same(self, prim, what):
        now = Picture(prim)
        p.check(len(self.eal) > 4, f"the primary's EAL files are not mapped: {self.eal}")
        for name, data in self.eal.items():
            at = [i for i in range(0, len(data), 8) if now.eal[name][i:i + 8] != data[i:i + 8]] \
                if now.eal[name] != data else []
            p.check(not at, f"{what}: {name} of the primary changed at {at[:8]}, {len(at)} words")
        p.check(now.stats == self.stats, f"{what}: the description of the stats changed")
        p.check(now.state == self.state, f"{what}: the state file changed")


def shares_one_mapping(prim, client):
    """Of all that a client has mapped shared and writable, only its link is the primary's, too."""
    theirs = {node for _, _, perms, node, _ in mappings(prim.pid) if perms.endswith("s")}
    shared = [path for _, _, perms, node, path in mappings(client.pid)
              if perms[1] == "w" and perms.endswith("s") and node in theirs]
    p.check(len(shared) == 1 and "calandria-link" in shared[0],
            f"a client shares with the primary, writable: {shared}")


def no_hugepage_is_mapped(client):
    with open(f"/proc/{client.pid}/status") as f:
        line = next(line for line in f if line.startswith("HugetlbPages"))
    p.check(line.split()[1] == "0", f"a client maps hugepages: {line}")
    huge = [m for m in mappings(client.pid) if "huge" in m[4] and m[3] != "00:00 0"]
    p.check(not huge, f"a client maps files of hugepages: {huge}")


def holds_nothing_to_write(prim, client):
    """No descriptor of a client's is open for writing on a file that the primary has mapped or open, but
    its bell, its connection, and a link's memory, which is sealed."""
    theirs = {node.split(" ", 1)[1] for _, _, _, node, _ in mappings(prim.pid)}
    for number in os.listdir(f"/proc/{client.pid}/fd"):
        path = f"/proc/{client.pid}/fd/{number}"
        target = os.readlink(path)
        with open(f"/proc/{client.pid}/fdinfo/{number}") as f:
            flags = int(re.search(r"flags:\s*(\d+)", f.read())[1], 8)
        if flags & os.O_ACCMODE != os.O_RDONLY and str(os.stat(path).st_ino) in theirs:
            p.check("calandria-link" in target or target == "/dev/null" or target.startswith("anon_inode"),
                    f"a client holds {target} open for writing")


def tries(root, prim, who, other):
    done = subprocess.run([os.path.join(HELPERS, "hostile_writes"), str(INSTANCE), who, str(other.pid)],
                          env=root.env(), capture_output=True, text=True, timeout=60)
    p.check(done.returncode == 0, f"{who}: {done}")
    results = {r["attempt"]: r for r in map(json.loads, done.stdout.splitlines())}
    p.check(len(results) == 15, f"{who}: some attempts were not made: {sorted(results)}")
    for name, r in results.items():
        p.check(r["tried"] > 0 and r["tried"] == r["segv"] + r["refused"] + r["wrote"], f"{who}: {r}")
        if name in OWN:
            continue
        if name in CAN[who]:
            p.check(r["wrote"] > 0, f"{who} cannot {name} any more, say so: {r}")
        else:
            p.check(r["wrote"] == 0, f"{who} can {name}: {r}")
    print(f"          {who}: {sum(r['tried'] for r in results.values())} writes tried, "
          f"{sum(r['segv'] for r in results.values())} faults, "
          f"{sum(r['refused'] for r in results.values())} refused")


def start_clients(root):
    clients = []
    for mode in ("calls", "idle"):
        proc = subprocess.Popen([os.path.join(HELPERS, "link_client"), str(INSTANCE), mode],
                                env=root.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                text=True)
        root.at_end(lambda proc=proc: (proc.kill(), proc.wait(), proc.stdout.close()))
        p.check(proc.stdout.readline() == "attached\n", f"{mode} does not attach")
        clients.append(proc)
    return clients


def isolation(root):
    prim = root.start("--no-services", instance=INSTANCE)
    ctl = [CALCTL, "-i", str(INSTANCE)]
    for name in "MN":
        subprocess.run([*ctl, "rpc", "bdev_malloc_create",
                        json.dumps({"name": name, "num_blocks": 8192, "block_size": 512})],
                       env=root.env(), check=True, capture_output=True)
    calls, idle = start_clients(root)
    shares_one_mapping(prim, idle)
    no_hugepage_is_mapped(idle)
    holds_nothing_to_write(prim, idle)
    io = subprocess.Popen([*ctl, "--json", "perf", "M", "-w", "randrw", "-q", "8", "-o", "4k", "-t", "60",
                           "--verify"], env=root.env(), text=True, stdout=subprocess.PIPE)
    root.at_end(io.wait)
    root.at_end(io.kill)
    p.wait_for(lambda: "perf" in "".join(t["name"] for r in json.loads(subprocess.run(
        [*ctl, "--json", "rpc", "framework_get_reactors"], env=root.env(), capture_output=True,
        text=True).stdout)["reactors"] for t in r["lw_threads"]), 5, "the I/O has begun")
    for who in ("root", "nocaps", "nobody"):
        before = Picture(prim)
        tries(root, prim, who, idle)
        p.check(calls.poll() is None and idle.poll() is None, f"{who}: another client ended")
        p.check(prim.proc.poll() is None, f"{who}: the primary ended")
        p.check("its link is closed" not in prim.output(), f"{who}: a link was closed")
        before.check_same(prim, who)
    io.send_signal(2)
    report = json.loads(io.communicate(timeout=20)[0])
    p.check(report["errors"] == 0 and report["verify"]["mismatches"] == 0 and
            report["verify"]["checked"] > 1000, f"I/O meanwhile: {report}")
    status, _ = prim.stop()
    p.check(status == 0, f"the primary ended with {status}")


if __name__ == "__main__":
    p.needs_hugepages(64)
    p.main([isolation])
