#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The units under a real systemd, which boots as process 1 of a container (systemd-nspawn) with a
root folder of its own over the machine's /usr: READY means running, what dies or hangs comes back, a
crash loop ends as failed, hand-overs keep connections, a stop takes everything with it, and the
sandbox is in force.

Each case names the lines of units that it guards."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from primary import Failure, a_core, check, needs_hugepages, wait_for
from rpc_common import SLOW, Client

BUILD = os.path.abspath(os.environ.get("CAL_BUILD", "build"))
TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
ID = 160
SERVICES = ["rpcd", "confd", "mond"]
MASKED = ["systemd-firstboot", "systemd-hwdb-update", "systemd-journal-catalog-update", "ldconfig",
          "systemd-update-done", "systemd-sysusers", "systemd-sysctl", "systemd-modules-load",
          "systemd-networkd", "systemd-resolved", "systemd-network-generator",
          "systemd-timesyncd", "systemd-udevd", "systemd-udev-trigger", "systemd-tmpfiles-setup-dev",
          "systemd-update-utmp", "systemd-random-seed", "systemd-machine-id-commit",
          "systemd-pstore", "systemd-binfmt", "systemd-remount-fs"]


def skip(why):
    print(why)
    sys.exit(77)


def unit(name):
    return f"calandria@{ID}" if name == "primary" else f"cal-{name}@{ID}"


class Container:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="cal-test-")
        self.root = os.path.join(self.path, "root")
        self.cgroups = []
        self.init = 0
        self.proc = None
        self.log = None
        self.had_nspawn = os.path.exists("/run/systemd/nspawn")

    def file(self, path, content, mode=0o644):
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(content)
        os.chmod(full, mode)

    def fill(self):
        for name in ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "root", "var/tmp", "var/lib",
                     "var/log"):
            os.makedirs(os.path.join(self.root, name))
        for name in os.listdir("/"):
            if os.path.islink("/" + name) and os.readlink("/" + name).startswith("usr/"):
                os.symlink(os.readlink("/" + name), os.path.join(self.root, name))
        self.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.file("/etc/group", "root:x:0:\n")
        self.file("/etc/os-release", "ID=debian\nNAME=test\n")
        os.makedirs(self.root + "/etc/systemd/system")
        for name in MASKED:
            os.symlink("/dev/null", f"{self.root}/etc/systemd/system/{name}.service")
        subprocess.run(["make", "-s", "-C", TREE, f"B={os.path.relpath(BUILD, TREE)}", "install",
                        f"DESTDIR={self.root}", "PREFIX=/opt/cal"], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.copytree(self.root + "/opt/cal/lib/systemd/system", self.root + "/etc/systemd/system",
                        dirs_exist_ok=True)

    def cgroups_make(self):
        """nspawn makes its cgroups below the one that it is started in."""
        root = "/sys/fs/cgroup"
        bases = [f"{root}/systemd", f"{root}/unified"]
        for base in bases if os.path.exists(bases[0]) else [root]:
            folder = f"{base}/cal-test-{os.getpid()}"
            try:
                os.mkdir(folder)
            except OSError as error:
                skip(f"no cgroup of our own for a systemd: {error}")
            self.cgroups.append(folder)

    def boot(self):
        self.cgroups_make()
        hybrid = os.path.exists("/sys/fs/cgroup/systemd")
        env = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="0" if hybrid else "1",
                   SYSTEMD_SECCOMP="0", SYSTEMD_NSPAWN_LOCK="0")
        join = "".join(f"echo $$ >{folder}/cgroup.procs; " for folder in self.cgroups)
        self.log = open(os.path.join(self.path, "boot.log"), "w+")
        self.proc = subprocess.Popen(
            ["sh", "-c", join + 'exec "$@"', "sh", "systemd-nspawn", "--quiet", "--register=no",
             "--keep-unit", f"--machine=cal-test-{os.getpid()}", "-D", self.root,
             "--bind-ro=/usr", "--bind=/sys/fs/bpf", "--bind-ro=/sys/module", "--private-network", "--capability=all",
             "--console=pipe", "--boot",
             "systemd.unit=basic.target", "systemd.log_target=console", "quiet"],
            env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            wait_for(self.is_up, 20 * SLOW, "a systemd in a container")
        except Failure as error:
            self.log.seek(0)
            skip(f"{error}: {self.log.read()[-1500:]}")

    def is_up(self):
        if self.proc.poll() is not None:
            raise Failure(f"systemd-nspawn ended with {self.proc.returncode}")
        if not self.init:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as file:
                for pid in file.read().split():
                    with open(f"/proc/{pid}/comm") as comm:
                        if comm.read().strip() == "systemd":
                            self.init = int(pid)
            return False
        return self.run("systemctl", "is-active", "basic.target", check_rc=False)[0] == 0

    def run(self, *argv, check_rc=True, timeout=30):
        """In the container; (exit status, output)."""
        done = subprocess.run(["nsenter", "-t", str(self.init), "-m", "-p", "-i", "-u", "-n", "-C",
                               *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout * SLOW)
        check(not check_rc or done.returncode == 0, f"{argv}: {done.returncode}: {done.stdout}")
        return done.returncode, done.stdout

    def show(self, name, prop):
        return self.run("systemctl", "show", "-P", prop, unit(name) if "@" not in name else name)[1].strip()

    def calctl(self, *args, **more):
        return self.run("/opt/cal/bin/calctl", "-i", str(ID), *args, **more)

    def pid(self, name):
        """The main process, as this machine counts."""
        inner = self.show(name, "MainPID")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status") as file:
                    lines = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
                if lines["NSpid"].split() == [pid, inner] and self.is_ours(pid):
                    return int(pid)
            except OSError:
                pass
        return 0

    def is_ours(self, pid):
        return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.init}/ns/pid")

    def close(self):
        if self.init and self.proc.poll() is None:
            self.run("systemctl", "--force", "--force", "poweroff", check_rc=False)
        if self.proc is not None:
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                if self.init:
                    os.kill(self.init, signal.SIGKILL)
                self.proc.wait()
        for folder in self.cgroups:
            for path, _, _ in sorted(os.walk(folder), reverse=True):
                os.rmdir(path)
        if not self.had_nspawn:
            shutil.rmtree("/run/systemd/nspawn", ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)


def is_active(box, name):
    return box.show(name, "ActiveState") == "active"


def again(box, name, old):
    """It has another process, and is active."""
    pid = box.show(name, "MainPID")
    return pid not in ("0", old) and is_active(box, name)


def test_active_means_running(box):
    """Fails with Type=exec in calandria@.service."""
    box.file(f"/etc/calandria/{ID}.conf", f"CALANDRIA_ARGS=-m {1 << a_core():#x} -s 64 --no-pci\n"
             "CONFIG_ARGS=--wait-for-rpc\nRPCD_ARGS=-r /var/tmp/cal.sock\n")
    box.run("systemctl", "start", "--no-block", unit("primary"))
    wait_for(lambda: "waits for framework_start_init" in box.show("primary", "StatusText"),
             15 * SLOW, "systemd knows what it waits for")
    check(box.show("primary", "ActiveState") == "activating", "it is not active before it runs")
    wait_for(lambda: is_active(box, "rpcd"), 10 * SLOW, "cal-rpcd serves already")
    with Client(box.root + "/var/tmp/cal.sock") as client:
        client.result("framework_start_init")
    wait_for(lambda: is_active(box, "primary"), 10 * SLOW, "active")
    check(box.show("primary", "StatusText") ==
          f"running: instance {ID}, JSON-RPC on /var/tmp/cal.sock", "what it does")
    for name in SERVICES:
        wait_for(lambda n=name: is_active(box, n), 10 * SLOW, f"{name} is active")
    # From now on it starts by itself.
    box.file(f"/etc/calandria/{ID}.conf", f"CALANDRIA_ARGS=-m {1 << a_core():#x} -s 64 --no-pci\n"
             "RPCD_ARGS=-r /var/tmp/cal.sock\n")


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def oom(pid):
    with open(f"/proc/{pid}/oom_score_adj") as file:
        return int(file.read())


def may_lower_oom():
    return int(status_of("self")["CapEff"], 16) & 1 << 24 != 0


def may_write(pid, path):
    """As that process sees the file system."""
    return subprocess.run(["nsenter", "-t", str(pid), "-m", "sh", "-c", f": >>{path}"],
                          stderr=subprocess.DEVNULL).returncode == 0


def test_sandbox_is_in_force(box):
    """Fails without the lines NoNewPrivileges, SystemCallFilter, CapabilityBoundingSet,
    ProtectSystem, PrivateDevices, InaccessiblePaths, OOMScoreAdjust."""
    pids = {name: box.pid(name) for name in ["primary", *SERVICES]}
    for name, pid in pids.items():
        status = status_of(pid)
        check(status["NoNewPrivs"] == "1", f"{name}: no new privileges")
        check(status["Seccomp"] == "2", f"{name}: a filter of system calls")
        check(not may_write(pid, "/usr/x") and not may_write(pid, "/etc/x"), f"{name}: /usr, /etc")
        check(may_write(pid, "/run/x"), f"{name}: /run is writable")
        bound = int(status["CapBnd"], 16)
        check(bound & 1 << 16 == 0, f"{name}: no CAP_SYS_MODULE")
        check(name in ("primary", "mond") or bound == 0, f"{name}: no capabilities: {bound:x}")
        check(may_write(pid, "/var/x") == (name == "primary"), f"{name}: /var")
        kind = subprocess.run(["nsenter", "-t", str(pid), "-m", "stat", "-f", "-c", "%T",
                               "/dev/hugepages"], capture_output=True, text=True).stdout.strip()
        check((kind == "hugetlbfs") == (name == "primary"), f"{name}: hugepages: {kind}")
    own_dev = os.stat(f"/proc/{box.init}/root/dev").st_dev
    for name in ("rpcd", "confd"):
        check(os.stat(f"/proc/{pids[name]}/root/dev").st_dev != own_dev, f"{name}: a /dev of its own")
    # A container without CAP_SYS_RESOURCE cannot have it lowered.
    check(box.show("primary", "OOMScoreAdjust") == "-900" and
          (oom(pids["primary"]) == -900 or not may_lower_oom()), "the primary goes last")
    check(all(oom(pids[name]) > 0 for name in SERVICES), "services go before others")
    for name in ("rpcd", "confd", "mond", "primary"):
        out = box.run("systemd-analyze", "security", "--no-pager", unit(name), check_rc=False)[1]
        print("          " + out.strip().splitlines()[-1].replace("→ ", ""))


def test_monitor_may_trace(box):
    """Fails without CAP_SYS_ADMIN, CAP_SYS_PTRACE, bpf or perf_event_open in cal-mond@.service, and with
    ProtectKernelTunables (pins in /sys/fs/bpf)."""
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return
    rc, out = box.calctl("trace", "start", "pollers", "--sample", "1", check_rc=False)
    check(rc == 0, f"a trace starts: {out}")
    wait_for(lambda: json.loads(box.calctl("--json", "trace", "show", "pollers")[1]), 5 * SLOW,
             "pollers are seen")
    box.calctl("trace", "stop")


def test_killed_services_come_back(box):
    """Fails without Restart=on-failure in the services' units; the primary notices nothing."""
    primary = box.show("primary", "MainPID")
    for name in SERVICES:
        old = box.show(name, "MainPID")
        os.kill(box.pid(name), signal.SIGKILL)
        wait_for(lambda n=name, o=old: again(box, n, o), 10 * SLOW, f"{name} is there again")
        check(box.show(name, "NRestarts") == "1", f"{name}: the restart is counted")
    check(box.show("primary", "MainPID") == primary and
          box.show("primary", "NRestarts") == "0", "the primary is the same")
    with Client(box.root + "/var/tmp/cal.sock") as client:
        client.result("spdk_get_version")


def test_hung_service_is_replaced(box):
    """Fails without WatchdogSec (here 1 s instead of 15)."""
    box.file(f"/etc/systemd/system/cal-mond@{ID}.service.d/t.conf", "[Service]\nWatchdogSec=1\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", unit("mond"))
    old = box.show("mond", "MainPID")
    time.sleep(1.5)
    check(box.show("mond", "MainPID") == old, "one that goes round is left alone")
    os.kill(box.pid("mond"), signal.SIGSTOP)
    wait_for(lambda: again(box, "mond", old), 10 * SLOW, "the stopped one is replaced")


def test_reload_hands_over(box):
    """Fails without ExecReload in cal-rpcd@.service (a restart closes connections), and without
    MAINPID in systemd_ready() or NotifyAccess=all (the successor is not the unit's process)."""
    with Client(box.root + "/var/tmp/cal.sock") as client:
        client.result("spdk_get_version")
        for _ in range(2):
            old = box.show("rpcd", "MainPID")
            box.run("systemctl", "reload", unit("rpcd"))
            check(again(box, "rpcd", old), "another process is the unit's")
            client.result("spdk_get_version")
    for name in ("mond", "confd"):
        old = box.show(name, "MainPID")
        box.run("systemctl", "reload", unit(name))
        check(again(box, name, old), f"{name}: another process is the unit's")
        wait_for(lambda o=old: not os.path.exists(f"/proc/{box.init}/root/proc/{o}"), 5 * SLOW,
                 f"{name}: the old one ends")
        check(is_active(box, name), f"{name} is active")
    # And it is watched like the first.
    old = box.show("rpcd", "MainPID")
    os.kill(box.pid("rpcd"), signal.SIGKILL)
    wait_for(lambda: again(box, "rpcd", old), 10 * SLOW, "a successor that dies is replaced, too")


def test_primary_dies(box):
    """cal-rpcd stays, and its clients' connections with it: fails without the primary's ExecStartPre
    (nobody serves the next primary) and with PartOf= or BindsTo= in cal-rpcd@.service."""
    old = box.show("primary", "MainPID")
    with Client(box.root + "/var/tmp/cal.sock") as client:
        client.result("spdk_get_version")
        os.kill(box.pid("primary"), signal.SIGKILL)
        wait_for(lambda: again(box, "primary", old), 20 * SLOW, "another primary")

        def answered():
            return "result" in client.call("spdk_get_version")
        wait_for(answered, 20 * SLOW, "the same connection has answers of the next primary")
    for name in SERVICES:
        wait_for(lambda n=name: is_active(box, n), 20 * SLOW, f"{name} is active")
    listed = json.loads(box.calctl("--json", "service", "list")[1])
    check(all(one["pid"] for one in listed), f"all are connected: {listed}")


def test_calctl_names_systemd(box):
    """A restart is not the primary's to make; fails without --no-services's own sentence."""
    rc, out = box.calctl("service", "restart", "rpcd", check_rc=False)
    check(rc == 1 and f"systemctl reload-or-restart cal-rpcd@{ID}" in out, f"says what to do: {out}")


def test_stop_takes_all(box):
    """Nothing stays, and nothing is started again."""
    box.run("systemctl", "stop", unit("primary"))
    for name in ["primary", *SERVICES]:
        wait_for(lambda n=name: box.show(n, "ActiveState") == "inactive", 10 * SLOW, f"{name} ended")
    time.sleep(0.5)
    states = [box.show(name, "ActiveState") for name in ["primary", *SERVICES]]
    check(states == ["inactive"] * 4, f"all stay so: {states}")
    check(not os.path.exists(f"/proc/{box.init}/root/run/calandria/{ID}"), "its folder is gone")


def test_crash_loop_is_failed(box):
    """Fails without StartLimitBurst: systemd would go on for ever."""
    name = f"calandria@{ID + 1}"
    box.file(f"/etc/calandria/{ID + 1}.conf", "CALANDRIA_ARGS=-m 0x1 -s 64 --no-pci\n"
             "CONFIG_ARGS=-c /nowhere.json\n")
    box.file(f"/etc/systemd/system/{name}.service.d/t.conf", "[Service]\nRestartSec=50ms\n")
    box.run("systemctl", "daemon-reload")
    rc, _ = box.run("systemctl", "start", name, check_rc=False)
    check(rc != 0, "the start fails")
    wait_for(lambda: box.show(name, "ActiveState") == "failed" and
             box.show(name, "Result") != "success", 15 * SLOW, "failed")
    check(box.show(name, "NRestarts") == "5", f"after five: {box.show(name, 'NRestarts')}")
    out = box.run("systemctl", "status", "--no-pager", name, check_rc=False)[1]
    check("failed" in out and "cannot read the configuration /nowhere.json" in out,
          f"systemctl status says so, and why: {out}")


def main():
    for program in ("systemd-nspawn", "systemctl", "nsenter"):
        if shutil.which(program) is None:
            skip(f"{program} is needed to boot a systemd: install systemd-container")
    if os.geteuid() != 0:
        skip("only root can boot a systemd in a container")
    if os.environ.get("CAL_SAN"):
        skip("the units' limits are not for sanitizers")
    needs_hugepages(64)
    cases = [test_active_means_running, test_sandbox_is_in_force, test_monitor_may_trace,
             test_killed_services_come_back,
             test_hung_service_is_replaced, test_reload_hands_over, test_primary_dies,
             test_calctl_names_systemd, test_stop_takes_all, test_crash_loop_is_failed]
    box = Container()
    failed = 0
    begin = time.monotonic()
    try:
        box.fill()
        box.boot()
        print(f"  booted  in {time.monotonic() - begin:.2f} s", flush=True)
        for case in cases:
            begin = time.monotonic()
            try:
                case(box)
                print(f"  ok      {case.__name__} ({time.monotonic() - begin:.2f} s)", flush=True)
            except (Failure, subprocess.TimeoutExpired, OSError, RuntimeError) as error:
                failed += 1
                print(f"  FAILED  {case.__name__}: {error}", flush=True)
                print(box.run("journalctl", "--no-pager", "-n", "40", "-o", "cat",
                              check_rc=False)[1])
                if case is test_active_means_running:
                    break
    finally:
        box.close()
    sys.exit(1 if failed else 0)


main()
