#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Each wrong input: one sentence that says what is wrong and what to do, an exit status that is not
0, and nothing left running."""
import os
import shutil

import primary as p

COMMON = ["-i", "0", "-s", "64"]
# What SPDK's programs exit with: -EINVAL for the RPC socket and the configuration, otherwise 1.
CONFIG = -22 & 0xff


def mask():
    return hex(1 << p.a_core())


def refused(root, args, *words, status=None, core=True, **more):
    sock = [] if "-r" in args or "--no-rpc-server" in args else ["-r", root.file("r.sock")]
    cores = ["-m", mask()] if core else []
    code, out, err = root.run_to_end(*COMMON, *cores, *sock, *args, **more)
    lines = err.splitlines()
    p.check(code != 0, f"{args}: exit status 0; {err}")
    p.check(status is None or code == status, f"{args}: exit status {code}, not {status}")
    p.check(len(lines) == 1, f"{args}: not one sentence on stderr: {lines}")
    p.check(out == "", f"{args}: also said on stdout: {out}")
    for word in words:
        p.check(word in err, f"{args}: '{word}' is not in: {err}")
    p.check(not os.path.exists(root.file("r.sock")), f"{args}: the RPC socket stays")
    p.check(os.listdir(root.locks) == [], f"{args}: core locks stay")
    return lines[0]


def command_line(root):
    refused(root, ["--no-such-flag"], "--no-such-flag", "-h", status=2)
    refused(root, ["--no-huge=1"], "--no-huge takes no value", status=2)
    refused(root, ["--vfio-vf-token", "abc"], "--vfio-vf-token abc", "UUID", status=2)
    refused(root, ["-z"], "-z", "-h", status=2)
    refused(root, ["-s", "lots"], "-s lots", status=2)
    refused(root, ["stray"], "stray", status=2)
    refused(root, ["-m"], "-m", "value", status=2)
    refused(root, ["--lcores", "0"], "-m", "--lcores", status=2)
    refused(root, ["-L", "no_such_flag"], "no_such_flag", status=2)
    refused(root, ["--no-rpc-server", "--wait-for-rpc"], "--wait-for-rpc", status=1)
    refused(root, ["-r", "/" + "x" * 200], "shorter", status=CONFIG)
    refused(root, ["--rpc-tcp", "here:99"], "--rpc-tcp here:99", "address", status=2)
    refused(root, ["--rpc-tcp", "99999"], "--rpc-tcp 99999", "port", status=2)
    refused(root, ["--rpc-socket-mode", "rw"], "--rpc-socket-mode rw", "octal", status=2)
    refused(root, ["--rpc-tcp", "8090", "--no-rpc-server"], "--rpc-tcp", "--no-rpc-server",
            status=2)
    refused(root, ["--init-timeout", "soon"], "--init-timeout soon", "seconds", status=2)


def help_and_version(root):
    for flag in ("-h", "--help", "-v", "--version"):
        code, out, err = root.run_to_end(flag)
        p.check(code == 0 and out != "" and err == "", f"{flag}: {code} {out} {err}")


def cores(root):
    refused(root, ["-m", hex(1 << 120)], "120", core=False, status=1)
    refused(root, ["-m", "0x0"], core=False, status=1)
    refused(root, ["-m", "zebra"], "zebra", core=False, status=1)
    refused(root, ["--lcores", "0@4000"], "4000", core=False, status=1)
    refused(root, ["-p", "100"], "100", status=1)


def memory(root):
    line = refused(root, ["-s", "1000000"], "hugepage", status=1)
    p.check("setup.sh" in line or "-s" in line, f"what to do: {line}")
    refused(root, ["--huge-dir", root.path], root.path, status=1)


def core_in_use(root):
    other = root.start(instance=7)
    code, out, err = root.run_to_end(*COMMON, "-m", mask(), "-r", root.file("r.sock"))
    p.check(code == 1 and len(err.splitlines()) == 1, f"{code}: {err}")
    for word in (f"core {p.a_core()}", str(other.pid), "-m"):
        p.check(word in err, f"'{word}' is not in: {err}")
    # Shared when asked for.
    shared = root.start("--disable-cpumask-locks", instance=0)
    shared.stop()
    p.check(other.state_name() == "running", "the first one goes on")
    other.stop()


def id_in_use(root):
    other = root.start(instance=0)
    code, out, err = root.run_to_end(*COMMON, "-m", mask(), "-r", root.file("r.sock"))
    p.check(code == 1 and len(err.splitlines()) == 1, f"{code}: {err}")
    for word in ("instance 0", str(other.pid), "-i"):
        p.check(word in err, f"'{word}' is not in: {err}")
    p.check(other.state_name() == "running", "the first one goes on")
    p.check("result" in other.rpc_call("spdk_get_version"), "the first one answers")
    other.stop()


def config_file(root):
    refused(root, ["-c", root.file("none.json")], "none.json", "No such file", "-c", status=1)
    refused(root, ["-c", root.path], root.path, status=CONFIG)
    bad = root.file("bad.json", '{\n  "subsystems": [\n    {"subsystem": }\n  ]\n}\n')
    refused(root, ["-c", bad], "bad.json:3:", "correct it", status=CONFIG)
    refused(root, ["-c", root.file("cut.json", '{"subsystems": [')], "cut.json:1:", status=CONFIG)
    refused(root, ["-c", root.file("array.json", "[]")], "array.json", status=CONFIG)
    refused(root, ["-c", root.file("empty.json", "")], "empty.json", status=CONFIG)


def config_methods(root):
    def config(name, *entries):
        return root.file(name, '{"subsystems": [{"subsystem": "bdev", "config": [%s]}]}'
                         % ", ".join(entries))
    unknown = config("unknown.json", '{"method": "bdev_no_such_method"}')
    refused(root, ["-c", unknown], "bdev_no_such_method", status=-2 & 0xff)
    wrong = config("wrong.json", '{"method": "bdev_malloc_create", "params": {"num_blocks": "x"}}')
    refused(root, ["-c", wrong], "bdev_malloc_create", status=CONFIG)
    prim = root.start("-c", wrong, "--json-ignore-init-errors")
    prim.stop()


def rpc_socket(root):
    refused(root, ["-r", root.file("nowhere/x.sock")], "nowhere/x.sock", status=CONFIG)
    file = root.file("file", "not a socket")
    refused(root, ["-r", file], file, status=CONFIG)
    with open(file) as f:
        p.check(f.read() == "not a socket", "a file was overwritten")


def no_room_for_run_time_files(root):
    """A store to a mapped file that the file system has no room for would be a SIGBUS."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return
    for size in ("16k", "64k", "1M"):
        command = f"mount -t tmpfs -o size={size} none {root.run} && exec {p.BIN}/calandria " \
                  f"{' '.join(COMMON)} -m {mask()} -r {root.file('r.sock')}"
        code, _, err = root.run_to_end("-m", "--propagation", "private", "sh", "-c", command,
                                       program="unshare")
        p.check(code == 1, f"{size}: exit status {code}: {err}")
        p.check(len(err.splitlines()) == 1, f"{size}: not one sentence: {err}")
        for word in (root.run, "room", "CALANDRIA_RUN_ROOT"):
            p.check(word in err, f"{size}: '{word}' is not in: {err}")


def missing_service(root):
    folder = root.file("alone")
    os.mkdir(folder)
    program = shutil.copy(os.path.join(p.BIN, "calandria"), folder)
    refused(root, [], "cal-rpcd", "CALANDRIA_LIBEXEC", program=program, PATH="/nonexistent",
            status=CONFIG)


def service_that_dies(root):
    """A service that ends again and again before `running` fails the start, and says where to look."""
    folder = root.file("libexec")
    os.mkdir(folder)
    for name in ("cal-rpcd", "cal-confd"):
        os.symlink(os.path.abspath(os.path.join(p.BIN, name)), os.path.join(folder, name))
    for name in ("cal-confd", "cal-rpcd"):
        os.unlink(os.path.join(folder, name))
        with open(os.path.join(folder, name), "w") as f:
            f.write("#!/bin/sh\nexit 9\n")
        os.chmod(os.path.join(folder, name), 0o755)
        code, _, err = root.run_to_end(
            *COMMON, "-m", mask(), "-r", root.file("r.sock"), "-c",
            root.file("c.json", '{"subsystems": []}'), CALANDRIA_LIBEXEC=folder)
        last = err.splitlines()[-1]
        p.check(code == (CONFIG if name == "cal-rpcd" else 1), f"{name}: exit status {code}")
        for word in (name, "exit status 9", ".log"):
            p.check(word in last, f"'{word}' is not in: {last}")
        os.unlink(os.path.join(folder, name))
        os.symlink(os.path.abspath(os.path.join(p.BIN, name)), os.path.join(folder, name))


def failed_start_is_told_and_taken_over(root):
    bad = root.file("bad.json", "{")
    refused(root, ["-c", bad])
    with open(os.path.join(root.run, "0", "state"), "rb") as f:
        raw = f.read()
    state = p.parse_state(raw)
    p.check(state["state"] == "failed", f"state {state['state']}")
    p.check("bad.json:1:" in state["reason"], f"reason {state['reason']}")
    prim = root.start()
    prim.stop()
    p.check(os.listdir(root.run) == [], f"run-time files stay: {os.listdir(root.run)}")


if __name__ == "__main__":
    p.needs_hugepages(128)
    p.main([command_line, help_and_version, cores, memory, core_in_use, id_in_use, config_file,
            config_methods, rpc_socket, no_room_for_run_time_files, missing_service, service_that_dies,
            failed_start_is_told_and_taken_over])
