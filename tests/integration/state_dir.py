#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""--state-dir: what was changed and answered is there after a crash; who keeps it, who wins, and what
happens when nothing can be kept. Kills at random instants: state_kills.py."""
import glob
import json
import os
import signal
import subprocess
import threading
import time

import primary as p

INSTANCE = 552


def folder(root):
    path = root.file("state")
    os.makedirs(path, exist_ok=True)
    return path


def state_file(root, instance=INSTANCE):
    return os.path.join(root.file("state"), f"config.{instance}.json")


def start(root, *args, instance=INSTANCE, **more):
    return root.start("--state-dir", folder(root), *args, instance=instance, **more)


def call(prim, method, **params):
    answer = prim.rpc_call(method, params or None)
    p.check("result" in answer, f"{method}: {answer}")
    return answer["result"]


def malloc(prim, name, blocks=8):
    call(prim, "bdev_malloc_create", name=name, num_blocks=blocks, block_size=512)


def bdevs(prim):
    return {bdev["name"]: bdev["num_blocks"] for bdev in call(prim, "bdev_get_bdevs")}


def kept(root, instance=INSTANCE):
    """{name: blocks} of the file, or None."""
    try:
        with open(state_file(root, instance)) as file:
            subsystems = json.load(file)["subsystems"]
    except FileNotFoundError:
        return None
    entries = next(s for s in subsystems if s["subsystem"] == "bdev")["config"]
    return {e["params"]["name"]: e["params"]["num_blocks"] for e in entries
            if e["method"] in ("bdev_malloc_create", "bdev_null_create")}


def kill(prim):
    prim.kill()
    return prim


def stop(prim):
    status, _ = prim.stop()
    p.check(status == 0, f"exit status {status}: {prim.output()}")


def answered_is_kept(root):
    prim = start(root)
    p.check(kept(root) is None, "a file before anything was changed")
    malloc(prim, "M0")
    p.check(kept(root) == {"M0": 8}, f"after the answer: {kept(root)}")
    call(prim, "bdev_null_create", name="N0", num_blocks=2048, block_size=512)
    call(prim, "bdev_null_resize", name="N0", new_size=3)
    p.check(kept(root) == {"M0": 8, "N0": 6144}, f"after a resize: {kept(root)}")
    malloc(prim, "M1")
    call(prim, "bdev_malloc_delete", name="M0")
    p.check(kept(root) == {"N0": 6144, "M1": 8}, f"after a delete: {kept(root)}")
    want = call(prim, "bdev_get_bdevs")
    p.check(os.stat(state_file(root)).st_mode & 0o777 == 0o600, "others may read it")
    kill(prim)
    prim = start(root)
    p.check(call(prim, "bdev_get_bdevs") == want, "the next primary has other block devices")
    p.check(f"the configuration is {state_file(root)}, kept at 20" in prim.output(), prim.output())
    before = os.stat(state_file(root)).st_mtime_ns
    stop(prim)
    p.check(os.stat(state_file(root)).st_mtime_ns == before, "written though nothing changed")
    p.check(sorted(os.listdir(folder(root))) == ["config.552.json", "config.552.lock"],
            f"{os.listdir(folder(root))}")


def what_was_kept_wins(root):
    path = root.file("c.json", json.dumps({"subsystems": [{"subsystem": "bdev", "config": [
        {"method": "bdev_malloc_create",
         "params": {"name": "C0", "num_blocks": 8, "block_size": 512}}]}]}))
    prim = start(root, "-c", path)
    p.check(bdevs(prim) == {"C0": 8} and kept(root) is None, "-c FILE, and nothing kept yet")
    stop(prim)
    p.check(kept(root) is None, "a stop without a change copied the file")
    prim = start(root, "-c", path)
    malloc(prim, "M0")
    stop(prim)
    prim = start(root, "-c", path, "--rpcs-allowed", "bdev_malloc_delete,bdev_malloc_create,"
                 "bdev_get_bdevs,bdev_set_options,iobuf_set_options,framework_set_scheduler,"
                 "bdev_wait_for_examine")
    p.check(bdevs(prim) == {"C0": 8, "M0": 8}, f"{bdevs(prim)}")
    p.check(f"{path} is not loaded (remove the kept one" in prim.output(), prim.output())
    call(prim, "bdev_malloc_delete", name="C0")
    p.check(kept(root) == {"M0": 8}, "--rpcs-allowed keeps confd from its work")
    stop(prim)


def startup_changes_are_kept(root):
    prim = start(root, "--wait-for-rpc", wait="startup_rpc")
    p.wait_for(lambda: os.path.exists(prim.rpc), 10, "a socket")
    call(prim, "framework_set_scheduler", name="dynamic", period=54321)
    call(prim, "framework_start_init")
    prim.wait_state("running")
    p.wait_for(lambda: kept(root) is not None, 5, "what was changed at start-up")
    kill(prim)
    prim = start(root)
    got = call(prim, "framework_get_scheduler")
    p.check(got["scheduler_name"] == "dynamic", f"{got}")
    stop(prim)


def wrong_folders(root):
    file = root.file("file", "")
    for path, words in ((root.file("none"), "create it"), (file, "no folder")):
        code, out, err = root.run_to_end("-m", hex(1 << p.a_core()), "-s", "64", "-i",
                                         str(INSTANCE), "-r", root.file("r.sock"),
                                         "--state-dir", path)
        p.check(code != 0 and len(err.splitlines()) == 1 and words in err and path in err,
                f"{path}: {code} {err}")
    code, _, err = root.run_to_end("-m", hex(1 << p.a_core()), "-s", "64", "-i", "-1", "-r",
                                   root.file("r.sock"), "--state-dir", folder(root))
    p.check(code != 0 and "-i" in err, f"without an id: {err}")
    code, _, err = root.run_to_end("--state-dir")
    p.check(code == 2 and "needs a value" in err, err)


def two_share_a_folder(root):
    one, two = start(root), start(root, "--disable-cpumask-locks", instance=553)
    malloc(one, "A")
    malloc(two, "B")
    p.check(kept(root) == {"A": 8} and kept(root, 553) == {"B": 8}, "they write the same file")
    # The same id in another container: other run-time files, the same folder.
    with p.Root() as other:
        code, _, err = other.run_to_end(
            "-m", hex(1 << p.a_core()), "--disable-cpumask-locks", "-s", "64", "-i", str(INSTANCE),
            "-r", other.file("r.sock"), "--state-dir", folder(root))
        p.check(code != 0 and len(err.splitlines()) == 1 and "another primary keeps" in err,
                f"{code} {err}")
    malloc(one, "A2")
    stop(one)
    stop(two)


def a_file_that_cannot_be_loaded(root):
    folder(root)
    common = ["-m", hex(1 << p.a_core()), "-s", "64", "-i", str(INSTANCE), "-r",
              root.file("r.sock"), "--state-dir", folder(root)]
    with open(state_file(root), "w") as file:
        file.write('{ "subsystems": [\n }')
    # More than once: that cal-confd gives up, and why, comes by another descriptor than its end.
    for _ in range(6):
        code, _, err = root.run_to_end(*common)
        p.check(code == 234 and f"{state_file(root)}:2:2: " in err and
                "move it away to start" in err and "starts again" not in err, f"{code} {err}")
    entries = [{"method": "bdev_malloc_create", "params": params} for params in (
        {"name": "M0", "num_blocks": 8, "block_size": 512},
        {"name": "bad", "num_blocks": 0, "block_size": 512})]
    text = json.dumps({"subsystems": [{"subsystem": "bdev", "config": entries}]}, indent=1)
    with open(state_file(root), "w") as file:
        file.write(text)
    code, _, err = root.run_to_end(*common)
    p.check(code == 234 and "bdev_malloc_create failed" in err and "move it away" in err and
            "--json-ignore-init-errors" in err, f"{code} {err}")
    p.check(glob.glob(state_file(root) + ".*.bad") == [], "set aside though nothing was loaded")
    prim = start(root, "--json-ignore-init-errors")
    p.check(bdevs(prim) == {"M0": 8}, "the rest is loaded")
    aside = glob.glob(state_file(root) + ".*.bad")
    p.check(len(aside) == 1 and aside[0] in prim.output(), f"{aside}: {prim.output()}")
    malloc(prim, "M1")
    p.check(kept(root) == {"M0": 8, "M1": 8}, f"{kept(root)}")
    with open(aside[0]) as file:
        p.check(file.read() == text, "what was set aside is not what was there")
    stop(prim)


def reason(prim):
    return prim.state()["reason"]


def confd_log(prim):
    with open(os.path.join(prim.folder(), "log", "confd.log")) as file:
        return file.read()


def nothing_can_be_written(root):
    """A full disk, then a file that cannot be written: changes are made and answered, and it is said."""
    path = folder(root)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none",
                                            path]).returncode != 0:
        return
    try:
        prim = start(root)
        malloc(prim, "M0")
        filler = os.path.join(path, "filler")

        def fill():
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass

        for what, begin, end in (
                ("No space left", fill, lambda: os.unlink(filler)),
                ("Is a directory", lambda: os.mkdir(state_file(root) + ".new"),
                 lambda: os.rmdir(state_file(root) + ".new"))):
            before = kept(root)
            begin()
            took = time.monotonic()
            for i in range(3):
                malloc(prim, f"{what[:2].strip()}{i}")
            took = time.monotonic() - took
            p.check(took < 1, f"{what}: three calls took {took:.1f} s")
            p.check(kept(root) == before, f"{what}: it was written all the same")
            p.check(prim.output().count(what) == 1, f"{what}: not one warning: {prim.output()}")
            p.check(what in reason(prim) and "not kept" in reason(prim), f"{what}: {reason(prim)}")
            end()
            p.wait_for(lambda: kept(root) == bdevs(prim), 5, f"{what}: kept again")
            p.wait_for(lambda: reason(prim) == "", 5, f"{what}: {reason(prim)}")
        want = bdevs(prim)
        kill(prim)
        prim = start(root)
        p.check(bdevs(prim) == want, "something got lost")
        stop(prim)
    finally:
        for prim in root.primaries:
            prim.kill()
        p.wait_for(lambda: subprocess.run(["umount", path], stderr=subprocess.DEVNULL).returncode == 0,
                   10, "an umount")


def nobody_keeps(root):
    """cal-confd hangs: answers come after a second, and then at once; it is all kept later."""
    prim = start(root)
    malloc(prim, "M0")
    pid = prim.state()["services"]["confd"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    took = time.monotonic()
    malloc(prim, "M1")
    took = time.monotonic() - took
    p.check(0.8 < took < 1.5, f"the answer took {took:.2f} s")
    took = time.monotonic()
    malloc(prim, "M2")
    p.check(time.monotonic() - took < 0.5, "and the next one as long")
    p.check("not kept" in reason(prim), reason(prim))
    os.kill(pid, signal.SIGCONT)
    p.wait_for(lambda: kept(root) == bdevs(prim), 5, "all to be kept")
    p.wait_for(lambda: reason(prim) == "", 2, "the error to be gone")
    # Killed, it comes back and goes on.
    os.kill(pid, signal.SIGKILL)
    took = time.monotonic()
    malloc(prim, "M3")
    took = time.monotonic() - took
    p.check(took < 1.5, f"with a new confd the answer took {took:.2f} s")
    p.check(kept(root) == bdevs(prim), "it was not kept")
    # A file that it could not load again is nothing to it: it only writes.
    with open(state_file(root), "w") as file:
        file.write("{")
    os.kill(prim.state()["services"]["confd"]["pid"], signal.SIGKILL)
    malloc(prim, "M4")
    p.wait_for(lambda: kept(root) == bdevs(prim), 5, "M4 to be kept")
    stop(prim)


def changes_without_a_method(root):
    """A device that goes by itself, and an application's own calls."""
    program = os.path.join(os.path.dirname(p.BIN), "tests", "helpers", "config_app")
    proc = subprocess.Popen([program, "none", "-m", hex(1 << p.a_core()), "-s", "64", "-i",
                             str(INSTANCE), "-r", root.file("rpc552.sock"), "--state-dir",
                             folder(root)], env=root.env(CALANDRIA_LIBEXEC=os.path.abspath(p.BIN)),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    prim = p.Primary.__new__(p.Primary)
    prim.root, prim.instance, prim.rpc = root, INSTANCE, root.file("rpc552.sock")
    prim.proc, prim.pid, prim.stderr = proc, proc.pid, proc.stdout
    try:
        prim.wait_state("running")
        for name in ("M0", "M1", "M2"):
            malloc(prim, name)
        call(prim, "app_get_rid_of", name="M0")
        p.wait_for(lambda: kept(root) == {"M1": 8, "M2": 8}, 5, "its end to be kept")
        call(prim, "app_get_rid_of", name="M1")
        proc.terminate()  # at once: the last snapshot has it
        p.check(proc.wait(10) == 0, "exit status")
        p.check(kept(root) == {"M2": 8}, f"after the stop: {kept(root)}")
    finally:
        if proc.poll() is None:
            proc.kill()
            proc.wait()
        proc.stdout.close()


def nobody_polls(root):
    """In interrupt mode, where a parked answer has nothing but a timer and messages to go out by."""
    prim = start(root, "--interrupt-mode")
    time.sleep(0.3)  # asleep
    for i in range(20):  # more than are let go at a stretch
        malloc(prim, f"M{i}")
        p.check(kept(root) == bdevs(prim), f"M{i} was answered and is not kept")
    pid = prim.state()["services"]["confd"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    done = []

    def one(i):
        begin = time.monotonic()
        malloc(prim, f"N{i}")
        done.append(time.monotonic() - begin)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p.check(len(done) == 20 and max(done) < 1.5, f"answers after {done}")
    os.kill(pid, signal.SIGCONT)
    p.wait_for(lambda: kept(root) == bdevs(prim), 5, "all to be kept")
    stop(prim)


def stopped_while_parked(root):
    """The stop neither loses answers that wait nor waits for ever for a cal-confd that hangs."""
    prim = start(root)
    malloc(prim, "M0")
    os.kill(prim.state()["services"]["confd"]["pid"], signal.SIGSTOP)
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(prim.rpc_call(
        "bdev_malloc_create", {"name": f"N{i}", "num_blocks": 8, "block_size": 512})))
        for i in range(40)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    p.check(not answers, f"answered without being kept: {answers}")
    status, took = prim.stop()
    for thread in threads:
        thread.join()
    p.check(status == 0 and took < 2.2, f"status {status} after {took:.2f} s: {prim.output()}")
    p.check(len(answers) == 40 and all("result" in a for a in answers), f"{answers}")
    p.check("not kept" in prim.output(), prim.output())


p.needs_hugepages(128)
p.main([answered_is_kept, what_was_kept_wins, startup_changes_are_kept, wrong_folders,
        two_share_a_folder, a_file_that_cannot_be_loaded, nothing_can_be_written, nobody_keeps,
        nobody_polls, stopped_while_parked, changes_without_a_method])
