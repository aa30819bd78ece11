#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""--gate-group, with real other users: a member of the group looks and sets tracing, and is refused every
method that changes something; nobody else gets in; those who look cannot take all places; what a
monitor may is what core/rpc/METHODS.md says of each method, and services/README.md of each role."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys

import primary as p

INSTANCE = 100
GROUP = 4242
MEMBER, PRIMARY_MEMBER, STRANGER = 5001, 5002, 5003
MAX_MONITORS = 32
HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../core/rpc/METHODS.md")
CLIENT = os.path.join(os.environ.get("CAL_BUILD", "build"), "tests", "helpers", "link_client")
REFUSED = "a monitor may only look"


class People:
    """Runs programs as others, who cannot look into our folders."""

    def __init__(self, root):
        self.root = root
        self.procs = []
        for path in (root.run, root.path, os.path.dirname(root.path)):
            if path != "/tmp":
                os.chmod(path, 0o755)
        for program in (os.path.join(p.BIN, "calctl"), CLIENT):
            shutil.copy(program, root.path)

    def command(self, uid, program, *args):
        groups = {MEMBER: (uid, GROUP), PRIMARY_MEMBER: (GROUP, None), STRANGER: (uid, None)}[uid]
        return ["setpriv", "--reuid", str(uid), "--regid", str(groups[0]),
                *(["--groups", str(groups[1])] if groups[1] else ["--clear-groups"]),
                os.path.join(self.root.path, program), *args]

    def calctl(self, uid, *args):
        done = subprocess.run(self.command(uid, "calctl", "-i", str(INSTANCE), *args),
                              env=self.root.env(), capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL, cwd="/")
        return done.returncode, done.stdout, done.stderr

    def client(self, uid, mode="idle"):
        args = self.command(uid, "link_client", str(INSTANCE), mode) if uid else \
            [CLIENT, str(INSTANCE), mode]
        proc = subprocess.Popen(args, env=self.root.env(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.procs.append(proc)
        return proc

    def end(self):
        for proc in self.procs:
            proc.kill()
            proc.wait()
            proc.stdout.close()
            proc.stderr.close()
        self.procs.clear()


def mode_of(*path):
    st = os.lstat(os.path.join(*path))
    return stat.S_IMODE(st.st_mode) & 0o777, st.st_gid


def modes(prim):
    """Nothing is wider than it has to be. Fails without any of the modes that it names."""
    folder = prim.folder()
    wanted = {"": 0o710, "gate.sock": 0o660, "state": 0o440, "stats": 0o440, "template": 0o750,
              "mond.sock": 0o660, "log": 0o700, "lock": 0o600}
    for name, mode in wanted.items():
        got, gid = mode_of(folder, name)
        p.check(got == mode, f"{name or 'the folder'} has mode {got:o} and not {mode:o}")
        if mode & 0o070:
            p.check(gid == GROUP, f"{name or 'the folder'} is of group {gid}")
    for name in os.listdir(os.path.join(folder, "template")):
        got, gid = mode_of(folder, "template", name)
        p.check((got, gid) == (0o440, GROUP), f"template/{name}: {got:o} of group {gid}")
    p.check(mode_of(prim.rpc)[0] == 0o600, "the JSON-RPC socket is the admins'")


def looking(people, uid):
    """Fails without cal_instance_share() or cal_instance_mode()."""
    for args in (["--json", "status"], ["reactors"], ["bdevs"], ["threads"], ["service", "list"],
                 ["rpc", "bdev_get_bdevs"], ["rpc", "bdev_get_iostat"], ["trace", "start", "pollers"],
                 ["trace", "stop"]):
        rc, out, err = people.calctl(uid, *args)
        if args[0] == "trace" and rc != 0 and "BPF" in err:
            continue
        p.check(rc == 0, f"user {uid}: calctl {' '.join(args)}: {rc}: {out}{err}")
    status = json.loads(people.calctl(uid, "--json", "status")[1])
    p.check(status["state"] == "running" and status["memory"]["heap_bytes"] > 0, f"status: {status}")


def changing(people, uid):
    for args in (["rpc", "bdev_null_create", '{"name":"N1","num_blocks":8,"block_size":512}'],
                 ["rpc", "spdk_kill_instance", '{"sig_name":"SIGTERM"}'],
                 ["rpc", "bdev_get_iostat", '{"reset_mode":"all"}'],
                 ["service", "restart", "rpcd"]):
        rc, out, err = people.calctl(uid, *args)
        p.check(rc == 1 and REFUSED in err and err.count("\n") == 1,
                f"user {uid}: calctl {' '.join(args)}: {rc}: {out}{err}")


def documented():
    """{method: may a monitor call it}"""
    with open(PAGE) as page:
        return {name: yes == "yes" for name, yes in
                re.findall(r"^### (\w+)\n- States: .*\n- Monitor: (yes|no)$", page.read(), re.M)}


def each_method(people):
    """The table that primaries have is the one of the page. The calls fail before they do anything, or
    only look. Fails without any RPC_OPEN_TO_MONITOR(), and with one too many."""
    table = documented()
    rc, out, err = people.calctl(MEMBER, "rpc", "rpc_get_methods")
    p.check(rc == 0, err)
    there = set(json.loads(out))
    p.check(there == set(table), f"documented or there: {there ^ set(table)}")
    for name in sorted(there):
        _, _, err = people.calctl(MEMBER, "rpc", name, '{"no_such_parameter": 1}')
        p.check((REFUSED in err) != table[name],
                f"{name}: a monitor {'may' if table[name] else 'may not'}: {err}")


def strangers(people):
    """Fails with mode 0666 of gate.sock and 0711 of the folder and no role_of_peer(): each holds alone."""
    for args in (["status"], ["rpc", "spdk_get_version"], ["trace", "stop"]):
        rc, out, err = people.calctl(STRANGER, *args)
        p.check(rc in (1, 3) and err.count("\n") == 1, f"a stranger: {args}: {rc}: {out}{err}")
    folder = p.os.path.join(people.root.run, str(INSTANCE))
    os.chmod(folder, 0o2711)
    rc, _, err = people.calctl(STRANGER, "rpc", "spdk_get_version")
    p.check(rc == 3 and "permission" in err, f"a stranger at the socket: {rc}: {err}")
    os.chmod(os.path.join(folder, "gate.sock"), 0o666)
    rc, _, err = people.calctl(STRANGER, "rpc", "spdk_get_version")
    p.check(rc == 3 and "refuses: user 5003 may not attach" in err,
            f"a stranger before the gate: {rc}: {err}")
    os.chmod(os.path.join(folder, "gate.sock"), 0o660)
    os.chmod(folder, 0o2710)


def nothing_of_others(prim):
    """While members are attached nothing of theirs is in the instance: the primary would have to remove it,
    and its owner can make that wait. What their clients made in /tmp is gone. Fails without the look at
    the uid in gate_grant(), and without the rmdir() in attach_in_own_folder()."""
    for path, folders, files in os.walk(prim.folder()):
        for name in folders + files:
            p.check(os.lstat(os.path.join(path, name)).st_uid == os.geteuid(), f"{path}/{name} is a member's")
    left = [name for name in os.listdir("/tmp") if name.startswith("calandria-") and
            os.lstat("/tmp/" + name).st_uid in (MEMBER, PRIMARY_MEMBER)]
    p.check(not left, f"in /tmp: {left}")


def crowd(people, prim):
    """Those who look take 32 places and no more, whether they say hello or not: an admin still gets in.
    Fails without num_monitors()."""
    silent = subprocess.Popen(
        ["setpriv", "--reuid", str(MEMBER), "--regid", str(MEMBER), "--groups", str(GROUP),
         "python3", "-c", "import socket, sys, time\n"
         "all = []\n"
         "for i in range(16):\n"
         "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
         f"    s.connect({prim.folder() + '/gate.sock'!r})\n"
         "    all.append(s)\n"
         "print('there', flush=True)\n"
         "time.sleep(60)\n"], stdout=subprocess.PIPE, text=True, cwd="/")
    people.procs.append(silent)
    silent.stderr = open(os.devnull)
    p.check(silent.stdout.readline() == "there\n", "16 silent connections")
    attached = [people.client(MEMBER) for _ in range(MAX_MONITORS - 16)]
    for proc in attached:
        p.check(proc.stdout.readline() == "attached\n", "a monitor of 32")
    nothing_of_others(prim)
    late = people.client(PRIMARY_MEMBER)
    p.check(late.wait(10) == 3, "one monitor too many gets in")
    err = late.stderr.read()
    p.check("32 connections of those who may only look are open already" in err, err)
    for _ in range(3):
        admin = people.client(None)
        p.check(admin.stdout.readline() == "attached\n", f"an admin: {admin.stderr}")
    people.end()


def flood_of_lines(people, prim):
    """What a monitor does over and over does not fill the log. Fails without gate_conn_may_log()."""
    before = len(prim.output().splitlines())
    subprocess.run(
        ["setpriv", "--reuid", str(MEMBER), "--regid", str(MEMBER), "--groups", str(GROUP),
         "python3", "-c", "import socket\n"
         "for i in range(500):\n"
         "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
         f"    s.connect({prim.folder() + '/gate.sock'!r})\n"
         "    s.send(b'nonsense')\n"
         "    s.recv(1)\n"
         "    s.close()\n"], check=True, cwd="/", timeout=30)
    lines = len(prim.output().splitlines()) - before
    p.check(0 < lines <= 60, f"{lines} lines about 500 nonsenses")


def bad_options(root):
    for group, says in (("no-such-group-here", "there is no group no-such-group-here"),
                        ("-5", "there is no group -5"), ("99999999999", "there is no group")):
        rc, _, err = root.run_to_end("-i", str(INSTANCE), "-m", "0x1", "--gate-group", group)
        p.check(rc == 1 and says in err and err.count("\n") == 1, f"{group}: {rc}: {err}")
    if shutil.which("setpriv"):
        rc, _, err = root.run_to_end(
            "--reuid", "5001", "--regid", "5001", "--clear-groups",
            os.path.join(root.path, "calandria"), "-i", str(INSTANCE), "-m", "0x1",
            "--gate-group", "4242", program="setpriv")
        p.check(rc == 1 and "run this as root" in err, f"as another user: {rc}: {err}")


def without(root, people):
    """The next primary of that id without the option: all is ours again."""
    prim = root.start(instance=INSTANCE)
    for name, mode in (("", 0o700), ("gate.sock", 0o600), ("state", 0o400), ("stats", 0o400),
                       ("template", 0o700)):
        got, _ = mode_of(prim.folder(), name)
        p.check(got == mode, f"without the option {name or 'the folder'} has mode {got:o}")
    rc, _, err = people.calctl(MEMBER, "status")
    p.check(rc == 3, f"a member of no group that counts: {rc}: {err}")
    prim.stop()


def main():
    with p.Root() as root:
        people = People(root)
        shutil.copy(os.path.join(p.BIN, "calandria"), root.path)
        bad_options(root)
        prim = root.start("--gate-group", str(GROUP), instance=INSTANCE)
        p.wait_for(lambda: os.path.exists(os.path.join(prim.folder(), "mond.sock")), 10, "cal-mond")
        try:
            modes(prim)
            for uid in (MEMBER, PRIMARY_MEMBER):
                looking(people, uid)
                changing(people, uid)
            each_method(people)
            strangers(people)
            crowd(people, prim)
            flood_of_lines(people, prim)
            prim.kill()
            without(root, people)
        finally:
            people.end()


if __name__ == "__main__":
    p.needs_hugepages(64)
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        print("needs root, and setpriv (of util-linux), to be other users")
        sys.exit(77)
    main()
