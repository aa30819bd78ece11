#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Every file, folder and socket of a running instance has the mode that the table in core/app/README.md
says, with any umask; and what somebody else has put where they are to be is neither followed nor
written to."""
import contextlib
import os
import re
import stat
import subprocess

import primary as p

INSTANCE = 142
TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NOBODY = 65534
BPFFS = "/sys/fs/bpf"


def table():
    """[(regular expression of a path, mode)]"""
    with open(os.path.join(TREE, "core/app/README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## Files, sockets, and who may open them\n")[1].split("\n## ")[0]
    rows = []
    for path, mode in re.findall(r"^\| `([^`]+)` \| (0\d+) \|", section, re.M):
        pattern = re.escape(path)
        for name in ("NAME", "FILE", "N", "PIN", "CORE", "ADDRESS"):
            pattern = re.sub(rf"\b(?<![A-Z]){name}(?![A-Z])|(?<=_){name}\b", "[^/]+", pattern)
        rows.append((re.compile(pattern + r"\Z"), int(mode, 8), path))
    return rows


def everything(root, prim, state):
    """(path as the table has it, path) of all that there is."""
    tops = {"RUN": root.run, "LOCKS": root.locks, "STATE": state}
    for name, top in tops.items():
        for folder, folders, files in os.walk(top):
            for entry in folders + files:
                path = os.path.join(folder, entry)
                yield name + path[len(top):], path
    yield "SOCKET", prim.rpc
    for entry in os.listdir(root.path):
        if entry.startswith(os.path.basename(prim.rpc)) and entry != os.path.basename(prim.rpc):
            yield "SOCKET" + entry[len(os.path.basename(prim.rpc)):], os.path.join(root.path, entry)
    pins = f"{BPFFS}/calandria/{INSTANCE}"
    if os.path.isdir(pins):
        yield f"{BPFFS}/calandria/ID", pins
        for entry in os.listdir(pins):
            yield f"{BPFFS}/calandria/ID/{entry}", f"{pins}/{entry}"


def compare(root, prim, state):
    rows, seen = table(), set()
    for path, real in everything(root, prim, state):
        path = re.sub(rf"(?<=/){INSTANCE}\b|(?<=config\.){INSTANCE}\b", "ID", path)
        info = os.lstat(real)
        fitting = [(mode, row) for pattern, mode, row in rows if pattern.match(path)]
        p.check(fitting, f"{path} is not in the table: {stat.filemode(info.st_mode)}")
        mode, row = fitting[0]
        seen.add(row)
        p.check(stat.S_IMODE(info.st_mode) == mode and info.st_uid == os.geteuid(),
                f"{path}: {stat.filemode(info.st_mode)} of {info.st_uid}, not {mode:o}")
    p.check(stat.S_IMODE(os.stat(root.run).st_mode) == 0o755, "RUN is 0755")
    return {row for _, _, row in rows} - seen


def can_trace():
    return os.geteuid() == 0 and os.path.isdir(BPFFS) and os.statvfs(BPFFS).f_bsize and \
        any(line.split()[1] == BPFFS for line in open("/proc/mounts"))


def test_any_umask(root):
    """Fails without: chmod() of RUN and of link/ (077); fchmod() in socket_listen(), umask() in
    server_bind() and bind_and_listen(), any of the modes at open() and mkdir(), unlink() of mp_socket
    (000)."""
    state = root.file("state-dir")
    os.mkdir(state)
    for mask in (0o000, 0o077):
        os.rmdir(root.run)
        old = os.umask(mask)
        try:
            prim = root.start("--state-dir", state, instance=INSTANCE)
        finally:
            os.umask(old)
        p.check("result" in prim.rpc_call("bdev_null_create",
                                          {"name": f"n{mask}", "num_blocks": 100,
                                           "block_size": 512}),
                "a change that is kept")
        if can_trace():
            subprocess.run([os.path.join(p.BIN, "calctl"), "-i", str(INSTANCE), "trace", "start",
                            "pollers"], env=root.env(), check=True, stdout=subprocess.DEVNULL)
        missing = compare(root, prim, state)
        p.check(missing <= {"RUN/ID/config.json", "LOCKS/spdk_pci_lock_ADDRESS",
                            *([] if can_trace() else [f"{BPFFS}/calandria/ID",
                                                      f"{BPFFS}/calandria/ID/PIN"])},
                f"in the table, but not there: {missing}")
        p.check(prim.stop()[0] == 0, "an orderly end")


# --- what somebody else has put there -------------------------------------------------------------

def start_fails(root, victim, *args):
    """A start ends with a sentence, and the victim is as it was."""
    before = os.lstat(victim), open(victim, "rb").read()
    code, _, err = root.run_to_end("-m", hex(1 << p.a_core()), "-s", "64", "-i", str(INSTANCE),
                                   "-r", root.file("rpc.sock"), *args)
    after = os.lstat(victim), open(victim, "rb").read()
    p.check(code != 0, f"it starts: {err}")
    p.check(before[1] == after[1] and before[0].st_mode == after[0].st_mode and
            before[0].st_mtime_ns == after[0].st_mtime_ns, f"{victim} was touched: {err}")
    return err


@contextlib.contextmanager
def lying_at(path, make):
    make(path)
    try:
        yield
    finally:
        os.unlink(path)


def test_in_the_way(root):
    """Symbolic links, second names and FIFOs where lock files and the socket are to be. Fails without
    O_NOFOLLOW or the check of kind and links in lock_file_open(), and the lstat() in
    rpc_socket_bind()."""
    victim = root.file("victim", "not to be touched\n")
    state = root.file("state-dir")
    os.mkdir(state)
    places = {os.path.join(root.locks, f"spdk_cpu_lock_{p.a_core():03}"): (),
              root.file("rpc.sock.lock"): (),
              os.path.join(state, f"config.{INSTANCE}.lock"): ("--state-dir", state)}
    for place, args in places.items():
        for make in (lambda path: os.symlink(victim, path), lambda path: os.link(victim, path),
                     os.mkfifo):
            with lying_at(place, make):
                err = start_fails(root, victim, *args)
                p.check(any(word in err for word in ("core", "rpc.sock", "--state-dir")),
                        f"{place}: which? {err}")
    with lying_at(root.file("rpc.sock"), lambda path: os.symlink(victim, path)):
        p.check("not a socket" in start_fails(root, victim), "no socket")


def test_instance_folder_of_another(root):
    """Fails without the check of the owner in folder_take(), and of the link by O_NOFOLLOW."""
    if os.geteuid() != 0:
        return
    folder = os.path.join(root.run, str(INSTANCE))
    victim = root.file("victim", "not to be touched\n")
    os.mkdir(folder, 0o777)
    os.chown(folder, NOBODY, NOBODY)
    p.check("cannot take over" in start_fails(root, victim), "another user's folder")
    p.check(set(os.listdir(folder)) <= {"lock"}, f"made in it: {os.listdir(folder)}")
    subprocess.run(["rm", "-rf", folder], check=True)
    elsewhere = root.file("elsewhere")
    os.mkdir(elsewhere)
    os.symlink(elsewhere, folder)
    p.check("cannot take over" in start_fails(root, victim), "a link")
    os.unlink(folder)
    # Our own, but open to all: it is closed.
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    prim = root.start(instance=INSTANCE)
    p.check(stat.S_IMODE(os.stat(folder).st_mode) == 0o700, "its mode")
    p.check(prim.stop()[0] == 0, "an orderly end")


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([test_any_umask, test_in_the_way, test_instance_folder_of_another])
