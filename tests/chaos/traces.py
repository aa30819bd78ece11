# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What a primary has and what is on the machine because of it, to be compared before and after.

Not a test (not executable)."""
import collections
import glob
import json
import os
import re
import subprocess

OUTSIDE = ("/var/tmp/*", "/dev/hugepages/*", "/dev/shm/*", "/tmp/spdk_mem_dump.txt")
# What the allocators of a process may go up and down. Most of it is the pool of answers, which grows by
# 1 MiB to as many as were ever unread at a time (core/rpc/rpc_server.c; 8 MiB a client, 64 MiB in all).
RSS_LIMIT_KB = 12 * 1024


def plain(name):
    """Without what counts up: numbers of links, of sockets, of deleted files."""
    return re.sub(r"\d+", "N", name.replace(" (deleted)", ""))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def fds(pid):
    found = collections.Counter()
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            found[plain(os.readlink(os.path.join(folder, name)))] += 1
        except OSError:
            pass
    return found


def mappings(pid):
    """The named ones: anonymous ones are the allocator's, and counted by RSS."""
    found = collections.Counter()
    for line in read(f"/proc/{pid}/maps").splitlines():
        fields = line.split(None, 5)
        if len(fields) > 5 and not fields[5].startswith("["):
            found[f"{fields[1]} {plain(fields[5])}"] += 1
    return found


def threads(pid):
    """But the kernel's own for io_uring, which come and go with the load."""
    found = collections.Counter()
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            found[plain(read(f"/proc/{pid}/task/{tid}/comm").strip())] += 1
        except OSError:
            pass
    found.pop("iou-wrk-N", None)
    return found


def rss_kb(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", read(f"/proc/{pid}/status"), re.M)[1])


def files(folder):
    return collections.Counter(plain(os.path.relpath(os.path.join(at, name), folder))
                               for at, folders, names in os.walk(folder) for name in folders + names)


def outside(instance):
    patterns = (*OUTSIDE, f"/sys/fs/bpf/calandria/{instance}/*")
    return collections.Counter(path for pattern in patterns for path in glob.glob(pattern))


def processes(run_root):
    """Of this run root, without us: {pid: name}; a zombie has no environment, see zombies()."""
    wanted, found = f"CALANDRIA_RUN_ROOT={run_root}".encode(), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found[int(pid)] = read(f"/proc/{pid}/comm").strip()
        except OSError:  # it has ended meanwhile
            pass
    return found


def zombies(parents):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            name, rest = read(path).split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if state == "Z" and int(parent) in parents:
            found.append(name)
    return found


def heap(calctl, env):
    out = subprocess.run([*calctl, "--json", "status"], env=env, stdout=subprocess.PIPE, check=True,
                         timeout=10).stdout
    return collections.Counter(json.loads(out)["memory"])


def lightweight_threads(calctl, env):
    out = subprocess.run([*calctl, "--json", "threads"], env=env, stdout=subprocess.PIPE, check=True,
                         timeout=10).stdout
    return collections.Counter(plain(one["name"]) for one in json.loads(out)["threads"])


class Snapshot:
    def __init__(self, prim, calctl, env):
        self.parts = {
            "heap": heap(calctl, env),
            "descriptors": fds(prim.pid),
            "mappings": mappings(prim.pid),
            "threads": threads(prim.pid),
            "lightweight threads": lightweight_threads(calctl, env),
            "files of the instance": files(prim.folder()),
            "files elsewhere": outside(prim.instance),
            "processes": collections.Counter(processes(prim.root.run).values()) +
            collections.Counter(f"zombie {name}" for name in zombies({prim.pid, os.getpid()})),
        }
        self.rss_kb = rss_kb(prim.pid)

    def differences(self, before):
        """{part: what is there that was not, and what was there that is not}"""
        found = {}
        for part, now in self.parts.items():
            was = before.parts[part]
            found[part] = [f"{name}: {was[name]} -> {now[name]}" for name in sorted(set(now) | set(was))
                           if now[name] != was[name]]
        return found
