#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The services in their sandboxes, as real processes: what the kernel says of them is what
services/README.md says, all their threads are in it, and who cannot enter it does not serve.

What a process in a sandbox can and cannot do is tried in tests/unit/services/sandbox."""
import os
import re
import resource
import signal
import struct
import subprocess

import primary as p

INSTANCE = 140
TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
HELPER = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers", "sandbox")
SERVICES = ["confd", "mond", "rpcd"]
# linux/capability.h
CAPABILITIES = {"dac_override": 1, "sys_admin": 21}
SANITIZERS_OWN = {"clone", "wait4", "ptrace", "tgkill", "personality", "getdents", "getppid", "sigaltstack",
                  "set_tid_address", "prlimit64", "process_vm_readv", "readlink", "readlinkat"}


def readme_tables():
    """The rows of the tables of the section about the sandbox, by their first heading's text."""
    with open(os.path.join(TREE, "services", "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## The sandbox\n")[1].split("\n## ")[0]
    tables, rows = {}, None
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            rows = None
        elif rows is None:
            rows = tables[cells[1]] = []
        elif not set(line) <= set("|-"):
            rows.append(cells)
    return tables


def words(cell):
    """The names in backticks."""
    return set(re.findall(r"`([^`]+)`", cell))


def written_calls():
    """{service: names}, "all" with what all have."""
    calls, service = {}, None
    for first, names, _ in readme_tables()["system calls kept"]:
        service = first.strip("`") or service
        # To its own pid: a rule of its own.
        names = names.split(";")[0]
        calls.setdefault(service, set()).update(words(names))
    return calls


def built_in():
    calls, capabilities = {}, {}
    out = subprocess.run([HELPER], stdout=subprocess.PIPE, check=True, text=True).stdout
    for line in out.split("\n"):
        kind, _, rest = line.partition(" ")
        service, _, name = rest.partition(" ")
        if kind == "call":
            calls.setdefault(service, set()).add(name)
        elif kind == "capability":
            capabilities.setdefault(service, set()).add(name)
    return calls, capabilities


def written_capabilities():
    return {words(first).pop(): words(kept)
            for first, kept, _ in readme_tables()["capabilities kept"]}


def test_readme(root):
    """README and policy.c are compared: neither can change alone."""
    calls, capabilities = built_in()
    if os.environ.get("CAL_SAN"):
        calls["all"] -= SANITIZERS_OWN
    written = written_calls()
    p.check(sorted(written) == sorted(calls), f"services: {sorted(written)}, {sorted(calls)}")
    for service, names in calls.items():
        p.check(names == written[service],
                f"{service}: only in README: {sorted(written[service] - names)}, "
                f"only in policy.c: {sorted(names - written[service])}")
    for service, names in written_capabilities().items():
        p.check(names == capabilities.get(service, set()), f"{service}: {names}, {capabilities}")


def status(pid, tid=None):
    with open(f"/proc/{pid}/task/{tid or pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def wait_ready(prim, inside=True):
    """The pids of the services once each says that it runs, and (it may say so a little before) the
    last thing that it does before it serves is done."""
    def ready():
        services = prim.state()["services"]
        return all(services.get(name, {}).get("state") == "running" and
                   (not inside or status(services[name]["pid"]).get("Seccomp_filters") == "2")
                   for name in SERVICES)
    p.wait_for(ready, 10, "all services run, and in the sandbox")
    return {name: prim.state()["services"][name]["pid"] for name in SERVICES}


def check_status(name, pid):
    kept = sum(1 << CAPABILITIES[word] for word in written_capabilities()[f"cal-{name}"])
    if os.geteuid() != 0:
        kept = 0
    tasks = os.listdir(f"/proc/{pid}/task")
    for tid in tasks:
        line = status(pid, tid)
        found = {key: int(line[key], 16) for key in
                 ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}
        expected = {"CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapAmb": 0, "NoNewPrivs": 1,
                    "Seccomp": 2, "CapBnd": 0 if os.geteuid() == 0 else found["CapBnd"]}
        p.check(found == expected, f"{name}, thread {tid} of {len(tasks)}: {found}, not {expected}")


def start(root, **more):
    state = root.file("state-dir")
    os.mkdir(state, 0o700)
    return root.start("--state-dir", state, instance=INSTANCE, **more)


def test_real_processes(root):
    """Fails without sandbox_drop() or sandbox_enter() in a service's main(), and without TSYNC."""
    prim = start(root)
    for name, pid in wait_ready(prim).items():
        check_status(name, pid)
    # Those that follow, too.
    for name in SERVICES:
        os.kill(prim.state()["services"][name]["pid"], 9)
    p.wait_for(lambda: all(s["restarts"] > 0 for s in prim.state()["services"].values()), 10,
               "restarts")
    for name, pid in wait_ready(prim).items():
        check_status(name, pid)
    p.check(prim.rpc_call("spdk_get_version").get("result"), "served")
    p.check(prim.stop()[0] == 0, "an orderly end")


def log(prim, name):
    with open(os.path.join(prim.folder(), "log", f"{name}.log")) as f:
        return f.read()


def test_off(root):
    prim = start(root, CAL_SANDBOX="off")
    for name, pid in wait_ready(prim, inside=False).items():
        p.check(status(pid)["Seccomp"] == "0" and status(pid)["NoNewPrivs"] == "0", name)
        p.check("warning: CAL_SANDBOX=off" in log(prim, name), log(prim, name))
    p.check(prim.stop()[0] == 0, "an orderly end")


def test_cannot_enter(root):
    """A service that cannot enter says so and does not serve: the start fails with its sentence.
    Fails without the check of sandbox_drop()'s result in main()."""
    code, _, err = root.run_to_end("-m", hex(1 << p.a_core()), "-s", "64", "-i", str(INSTANCE),
                                   "-r", root.file("x.sock"), CAL_SANDBOX="nonsense")
    p.check(code != 0 and "CAL_SANDBOX is 'nonsense': it takes 'off'" in err, f"{code}: {err}")


# --- core dumps -----------------------------------------------------------------------------------

def mappings(pid):
    """[(first, end, name, flags)] of what is not to be in a core."""
    found, entry = [], None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)", line)
            if head:
                entry = (int(head[1], 16), int(head[2], 16), head[3])
            elif line.startswith("VmFlags:") and re.search(
                    r"memfd:calandria-link|calmap_|/hugepages|anon_hugepage", entry[2]):
                found.append((*entry, line.split()[1:]))
    return found


def core_segments(path):
    """[(address, bytes in the file)] of an ELF core's PT_LOAD headers."""
    with open(path, "rb") as f:
        head = f.read(64)
        offset, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        f.seek(offset)
        table = f.read(size * count)
    rows = (struct.unpack_from("<IIQQQQQQ", table, i * size) for i in range(count))
    return [(row[3], row[5]) for row in rows if row[0] == 1]


def crash(pid):
    """End a process by SIGSEGV, all kinds of memory asked for. Returns what is not to be in its core."""
    taboo = check_flags(pid, ["calandria-link"])
    try:
        with open(f"/proc/{pid}/coredump_filter", "w") as f:
            f.write("0x7f")
    except PermissionError:
        pass  # another user's namespace may say no: the default is what is tried then
    os.kill(pid, signal.SIGSEGV)
    return taboo


def check_flags(pid, expect):
    """What the kernel says of each mapping that is not to be in a core; `expect` are among them."""
    taboo = mappings(pid)
    names = {name for _, _, name, _ in taboo}
    for word in expect:
        p.check(any(word in name for name in names), f"{word} is not mapped: {names}")
    for first, end, name, flags in taboo:
        p.check("dd" in flags, f"{name} at {first:x} would be dumped: {flags}")
    return taboo


def check_core(root, taboo):
    """Returns whether there was one."""
    cores = [name for name in os.listdir(root.path) if name.split(".")[0] == "core"]
    for name in cores:
        path = root.file(name)
        segments = core_segments(path)
        p.check(sum(size for _, size in segments) > 100000, f"{name} is no whole core")
        for first, end, what, _ in taboo:
            for address, size in segments:
                p.check(size == 0 or address + size <= first or address >= end,
                        f"{name} has {size} bytes of {what}")
        os.unlink(path)
    return bool(cores)


def test_cores(root):
    """Fails without MADV_DONTDUMP in map_grant() (a service's link), link_create() (the primary's end),
    dont_dump() (hugepages: EAL leaves them to coredump_filter, whose default leaves shared ones out). No
    service maps hugepages, nor keeps the stats segment mapped."""
    with open("/proc/sys/kernel/core_pattern") as f:
        plain = f.read().strip() in ("core", "core.%p")
    sanitized = bool(os.environ.get("CAL_SAN"))  # then no cores: they would have the shadow memory
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    bins, before = p.BIN, os.getcwd()
    p.BIN = os.path.abspath(bins)
    os.chdir(root.path)
    try:
        prim = start(root)
        dumped = 0
        for name in SERVICES:
            pid = wait_ready(prim)[name]
            taboo = check_flags(pid, ["calandria-link"]) if sanitized else crash(pid)
            p.check(not any("huge" in what or "calmap" in what for _, _, what, _ in taboo),
                    f"{name} maps the primary's memory: {taboo}")
            if sanitized:
                continue
            p.wait_for(lambda: prim.state()["services"][name]["pid"] not in (0, pid), 10, "restart")
            dumped += check_core(root, taboo)
        p.check(dumped == len(SERVICES) or not plain or sanitized, f"{dumped} core files")
        check_flags(prim.pid, ["calandria-link", "calmap_"])
        p.check(prim.stop()[0] == 0, "an orderly end")
    finally:
        p.BIN = bins
        os.chdir(before)


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([test_readme, test_real_processes, test_off, test_cannot_enter, test_cores])
