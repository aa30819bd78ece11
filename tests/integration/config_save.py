#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What `calctl config save` writes makes the same state again, byte for byte when it is saved once more:
by -c, by `calctl config load` into a primary that waits and into one that runs, and by --state-dir."""
import json
import os
import subprocess

import primary as p

INSTANCE = 556
UUID = "6a5b4c3d-0000-4000-8000-00000000000"

STARTUP = [
    ("iobuf", "iobuf_set_options", {"small_pool_count": 512, "large_pool_count": 64,
                                    "small_bufsize": 12288, "large_bufsize": 139264}),
    ("scheduler", "framework_set_scheduler", {"name": "dynamic", "period": 777000, "load_limit": 30,
                                              "core_limit": 70, "core_busy": 88}),
    ("bdev", "bdev_set_options", {"bdev_io_pool_size": 8191, "bdev_io_cache_size": 64,
                                  "bdev_auto_examine": False, "iobuf_small_cache_size": 16,
                                  "iobuf_large_cache_size": 4}),
]


def devices(root):
    disk = root.file("disk")
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    return [("bdev", "bdev_" + method, params) for method, params in (
        ("malloc_create", {"name": "plain", "num_blocks": 16, "block_size": 512}),
        ("malloc_create", {"name": "M 'odd\" name \u00e9\\", "num_blocks": 16, "block_size": 4096,
                           "physical_block_size": 8192, "uuid": UUID + "1",
                           "optimal_io_boundary": 8}),
        ("malloc_create", {"name": "Mmd", "num_blocks": 16, "block_size": 512, "md_size": 16,
                           "md_interleave": True, "dif_type": 0, "dif_is_head_of_md": True}),
        ("malloc_create", {"name": "Mmd2", "num_blocks": 16, "block_size": 512, "md_size": 8,
                           "md_interleave": True, "dif_type": 0}),
        ("null_create", {"name": "N0", "num_blocks": 4096, "block_size": 512}),
        ("null_create", {"name": "N1", "num_blocks": 2 ** 40, "block_size": 4096,
                         "physical_block_size": 16384, "uuid": UUID + "2"}),
        ("null_create", {"name": "N2", "num_blocks": 4096, "block_size": 528, "md_size": 16,
                         "dif_type": 0, "dif_is_head_of_md": True}),
        ("uring_create", {"name": "U0", "filename": disk, "block_size": 4096, "uuid": UUID + "3"}),
    )]


def config(entries):
    names = []
    for subsystem, _, _ in entries:
        if subsystem not in names:
            names.append(subsystem)
    return json.dumps({"subsystems": [{"subsystem": name, "config": [
        {"method": method, "params": params} for s, method, params in entries if s == name]}
        for name in names]})


def calctl(root, *args, status=0, **more):
    done = subprocess.run([os.path.join(p.BIN, "calctl"), "-i", str(INSTANCE), *args],
                          env=root.env(), capture_output=True, text=True, timeout=30, **more)
    p.check(done.returncode == status, f"calctl {args}: {done.returncode} {done.stdout} {done.stderr}")
    return done


def state(prim):
    return [prim.rpc_call(method)["result"] for method in (
        "bdev_get_bdevs", "framework_get_scheduler", "framework_get_subsystems")]


def save(root, name):
    path = root.file(name)
    calctl(root, "config", "save", path)
    with open(path, "rb") as file:
        return path, file.read()


def saved_by(root, entries):
    """A primary with these entries: the file it is saved to, its text, and what it was like."""
    prim = root.start("-c", root.file("first.json", config(entries)), instance=INSTANCE)
    path, text = save(root, "saved.json")
    what = state(prim)
    prim.stop()
    for subsystem, method, params in entries:
        found = [e.get("params", {}) for s in json.loads(text)["subsystems"]
                 if s["subsystem"] == subsystem for e in s["config"] if e["method"] == method]
        p.check(any(all(e.get(k) == v for k, v in params.items()) for e in found),
                f"{method} {params} is not among {found}")
    return path, text, what


def same(root, prim, name, text, what):
    again = save(root, name)[1]
    got = state(prim)
    prim.stop()
    p.check(got == what, f"another state: {got} instead of {what}")
    p.check(again == text, f"saved again it is another text: {again.decode()} not {text.decode()}")


def by_a_start(root):
    path, text, what = saved_by(root, STARTUP + devices(root))
    same(root, root.start("-c", path, instance=INSTANCE), "again.json", text, what)


def by_a_load_while_it_waits(root):
    path, text, what = saved_by(root, STARTUP + devices(root))
    for source in ({"file": path}, {"file": "-", "input": text.decode()}, {"input": text.decode()}):
        prim = root.start("--wait-for-rpc", instance=INSTANCE, wait="startup_rpc")
        args = [source.pop("file")] if "file" in source else []
        said = calctl(root, "config", "load", *args, **source).stdout
        p.check("framework started" in said, said)
        prim.wait_state("running")
        same(root, prim, "again.json", text, what)


def by_a_load_while_it_runs(root):
    """What can only be set at start-up is the same here, and skipped with a word."""
    path, text, what = saved_by(root, devices(root))
    prim = root.start(instance=INSTANCE)
    done = calctl(root, "config", "load", path)
    p.check("skipped bdev_set_options" in done.stderr and f"{path}:" in done.stderr, done.stderr)
    same(root, prim, "again.json", text, what)


def by_a_kept_file(root):
    entries, folder = STARTUP + devices(root), root.file("state")
    os.mkdir(folder)
    path, text, what = saved_by(root, entries)
    prim = root.start("-c", path, "--state-dir", folder, instance=INSTANCE)
    prim.rpc_call("log_set_flag", {"flag": "all"})
    prim.rpc_call("bdev_null_create", {"name": "last", "num_blocks": 8, "block_size": 512})
    prim.rpc_call("bdev_null_delete", {"name": "last"})
    prim.kill()
    prim = root.start("--state-dir", folder, instance=INSTANCE)
    with open(os.path.join(folder, f"config.{INSTANCE}.json")) as file:
        p.check(json.load(file) == json.loads(text), "what is kept is not what is saved")
    same(root, prim, "again.json", text, what)


def errors(root):
    prim = root.start(instance=INSTANCE)
    for what, text, words in (
            ("a mistake", '{"subsystems": [\n]', ("bad.json:2:2: ",)),
            ("structure", '{"subsystems": [\n{"subsystem": "bdev"}]}', ("bad.json:2: ", "'config'")),
            ("an unknown method", config([("bdev", "bdev_no", {})]),
             ("bad.json:1: ", "bdev_no", "nothing was called")),
            ("a method that fails", '{"subsystems": [{"subsystem": "bdev", "config": [\n'
             '{"method": "bdev_null_create", "params": {"name": "A", "num_blocks": 8, "block_size": 512}},\n'
             '{"method": "bdev_null_create", "params": {"name": "A", "num_blocks": 8, "block_size": 512}}'
             ']}]}', ("bad.json:3: bdev_null_create (entry 2 of 2) failed: ", "1 called before it"))):
        err = calctl(root, "config", "load", root.file("bad.json", text), status=1).stderr
        p.check(all(word in err for word in words), f"{what}: {err}")
    prim.stop()


def the_file(root):
    """Replaced as a whole, with the mode it had; through a link, what it points to."""
    prim = root.start(instance=INSTANCE)
    target, link = root.file("target.json", "old"), root.file("link.json")
    os.chmod(target, 0o640)
    os.symlink(target, link)
    calctl(root, "config", "save", link)
    with open(target) as file:
        json.load(file)
    p.check(os.path.islink(link) and os.stat(target).st_mode & 0o777 == 0o640, "link or mode")
    done = calctl(root, "config", "save", root.file("nowhere/x.json"), status=1)
    p.check("nowhere/x.json" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.path.join(p.BIN, "calctl"), "-i", str(INSTANCE), "config", "save"],
                              env=root.env(), stdout=full, stderr=subprocess.PIPE, timeout=30)
    p.check(done.returncode == 1 and b"No space" in done.stderr, done)
    p.check([name for name in os.listdir(root.path) if name.endswith(".new")] == [], "left over")
    prim.stop()


p.needs_hugepages(128)
p.main([by_a_start, by_a_load_while_it_waits, by_a_load_while_it_runs, by_a_kept_file, errors,
        the_file])
