#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The systemd units as they are installed: what systemd says of them, that what they call is there
and has the options, and that the four commands together are a running instance, with the
capabilities that the units leave to root."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from primary import BIN, Root, a_core, check, wait_for
from rpc_common import SLOW, Client

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
INSTANCE = 161
UNITS = ["cal-confd@", "cal-mond@", "cal-rpcd@", "calandria@"]
OTHERS = ["calandria-setup"]
VARIABLES = {"CALANDRIA_ARGS": f"-m {1 << a_core():#x} -s 64 --no-pci", "RPCD_ARGS": "",
             "CONFIG_ARGS": ""}


def install(root):
    prefix = root.file("usr")
    san = os.environ.get("CAL_SAN")
    subprocess.run(["make", "-s", "-C", TREE, f"B={os.path.relpath(BUILD, TREE)}",
                    *([f"SAN={san}"] if san else []), "install", f"PREFIX={prefix}"],
                   check=True, stdout=subprocess.DEVNULL)
    folder = f"{prefix}/lib/systemd/system"
    check(sorted(os.listdir(folder)) == sorted(f"{unit}.service" for unit in UNITS + OTHERS),
          f"the units are installed: {os.listdir(folder)}")
    return folder


def verify(folder):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *glob.glob(f"{folder}/*.service")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, SYSTEMD_UNIT_PATH=folder + ":"))
    return done.returncode, done.stdout


def test_systemd_takes_them(root, folder):
    if shutil.which("systemd-analyze") is None:
        print("no systemd-analyze here: the units are only read and tried")
        return
    rc, out = verify(folder)
    check(rc == 0 and "Unknown" not in out and "calandria" not in out, f"verify: {rc}: {out}")
    broken = shutil.copytree(folder, root.file("broken"))
    for path in glob.glob(f"{broken}/cal-rpcd@*"):
        with open(path, "a") as file:
            file.write("ProtectEverything=yes\n")
    check("ProtectEverything" in verify(broken)[1], "… and it would have said so")


def read(folder, name):
    """The unit's directives; a repeated one has its last value, as the ones that we look at."""
    with open(f"{folder}/{name}@.service") as file:
        lines = [line.strip() for line in file if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def command(unit, variables, key="ExecStart"):
    """What systemd makes of it."""
    words = []
    for word in unit[key].replace("%i", str(INSTANCE)).split():
        words += variables[word[1:]].split() if word.startswith("$") else [word]
    return words


def test_commands_exist(folder):
    for name in UNITS:
        unit = read(folder, name[:-1])
        program, *args = unit["ExecStart"].split()
        check(os.access(program, os.X_OK), f"{name}: {program} is there")
        text = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
        for option in (arg for arg in args if arg.startswith("-")):
            check(re.search(rf"(^|\W){option}\b", text), f"{name}: {program} has {option}")
        for variable in re.findall(r"\$(\w+)", unit["ExecStart"]):
            check(f"{variable}=" in unit["Environment"], f"{name}: ${variable} has a default")
        if name != "calandria@":
            # A successor gets the same as the one before.
            words = unit["ExecReload"].split()
            check(words[1:4] == ["succeed", "%i", "%n"] and words[4] == os.path.basename(program) and
                  words[5:] == args, f"{name}: {words}")
            check(os.access(words[0], os.X_OK), f"{name}: {words[0]}")


def test_services_wait_for_a_primary(root, folder):
    """cal-unit wait. Fails when it does not look again after calctl's first answer: what a dead
    primary left counts as that."""
    unit = read(folder, "cal-rpcd")
    waiting = subprocess.Popen(command(unit, {}, "ExecCondition"), env=root.env(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        for _ in range(2):
            # While such a start lives, it is a primary: only what it leaves is to be looked at.
            os.killpg(waiting.pid, signal.SIGSTOP)
            primary = start(read(folder, "calandria"),
                            VARIABLES | {"CONFIG_ARGS": f"-c {root.path}/none"}, root.env())
            check(primary.wait(20 * SLOW) != 0, "a start that fails")
            primary.stderr.close()
            os.killpg(waiting.pid, signal.SIGCONT)
            time.sleep(1.4)
            check(waiting.poll() is None, "it goes on waiting")
        primary = start(read(folder, "calandria"), VARIABLES, root.env())
        try:
            check(waiting.wait(20 * SLOW) == 0, "a primary is there")
        finally:
            end(primary, "calandria")
            primary.stderr.close()
    finally:
        if waiting.poll() is None:
            os.killpg(waiting.pid, signal.SIGKILL)
            waiting.wait()


def start(unit, variables, env):
    argv = command(unit, variables)
    if unit.get("CapabilityBoundingSet") == "" and os.geteuid() == 0:
        argv = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", *argv]
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def end(proc, what):
    proc.send_signal(signal.SIGTERM)
    # Ended by the signal is a clean end for systemd, too.
    check(proc.wait(10 * SLOW) in (0, -signal.SIGTERM),
          f"{what} ends in order by SIGTERM: {proc.returncode}: {proc.stderr.read()}")


def test_they_run(root, folder):
    socket = root.file("rpc.sock")
    config = root.file("config.json", '{"subsystems":[{"subsystem":"bdev","config":[{"method":'
                       '"bdev_null_create","params":{"name":"n","num_blocks":8,"block_size":512}}]}]}')
    variables = VARIABLES | {"RPCD_ARGS": f"-r {socket}",
                             "CONFIG_ARGS": f"-c {config} --state-dir {root.path}"}
    procs = {}
    try:
        procs["calandria"] = start(read(folder, "calandria"), variables, root.env())
        gate = os.path.join(root.run, str(INSTANCE), "gate.sock")
        wait_for(lambda: os.path.exists(gate), 10 * SLOW, "the gate")
        for name in ("cal-rpcd", "cal-confd", "cal-mond"):
            procs[name] = start(read(folder, name), variables, root.env())
        done = subprocess.run([os.path.join(BIN, "calctl"), "-i", str(INSTANCE), "status",
                               "--wait", "running", "--timeout", str(15 * SLOW)],
                              env=root.env(), capture_output=True, text=True)
        check(done.returncode == 0, f"runs: {done.stdout}{done.stderr}")
        wait_for(lambda: os.path.exists(socket), 10 * SLOW, "the socket")
        with Client(socket) as client:
            check([bdev["name"] for bdev in client.result("bdev_get_bdevs")] == ["n"],
                  "the configuration was loaded")
            client.result("bdev_null_delete", {"name": "n"})
        check(os.path.exists(f"{root.path}/config.{INSTANCE}.json"), "a change was kept")
        # As systemd does: a stop of the primary, which takes the others with it.
        end(procs["calandria"], "calandria")
        for name in ("cal-rpcd", "cal-confd", "cal-mond"):
            status = procs[name].wait(10 * SLOW)
            # (1 when a STOP is not found behind the connection's end: gate_packet_recv().)
            check(status == 0, f"{name} ends with it: {status}: {procs[name].stderr.read()}")
    finally:
        for proc in procs.values():
            if proc.poll() is None:
                proc.kill()
                proc.wait()


def main():
    with Root() as root:
        folder = install(root)
        test_systemd_takes_them(root, folder)
        test_commands_exist(folder)
        test_they_run(root, folder)
        test_services_wait_for_a_primary(root, folder)
    print("the units are well-formed, and what they start runs")


main()
