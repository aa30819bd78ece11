#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""calctl and block devices: views, load generator, rates, saving and loading the configuration."""
import json
import re
import signal
import subprocess
import time

from ctl_fixture import keys, run
from primary import wait_for


def check_create(cal):
    assert cal.ask("rpc", "bdev_malloc_create",
                   '{"name": "Malloc0", "num_blocks": 16384, "block_size": 512}') == "Malloc0"
    assert cal.ask("rpc", "bdev_malloc_create", "-",
                   input='{"name": "Malloc1", "num_blocks": 2048, "block_size": 4096}') == "Malloc1"
    again = cal.calctl("rpc", "bdev_malloc_create", "-", rc=1,
                       input='{"name": "Malloc0", "num_blocks": 8, "block_size": 512}')
    assert "-17" in again.stderr, again
    assert cal.ask("rpc", "bdev_malloc_delete", '{"name": "Malloc1"}') is True


def check_views(cal):
    assert "bdev" in [s["subsystem"] for s in cal.ask("subsystems")]
    assert "DEPENDS ON" in cal.calctl("subsystems").stdout
    assert [b["name"] for b in cal.ask("bdevs")] == ["Malloc0"]
    assert re.search(r"^Malloc0 +8 MiB +512 +16384 ", cal.calctl("bdevs").stdout, re.M)
    assert cal.ask("bdevs", "Malloc0")[0]["block_size"] == 512
    cal.calctl("bdevs", "nope", rc=1)


def check_perf(cal):
    report = cal.ask("perf", "Malloc0", "-w", "randread", "-q", "8", "-o", "4096", "-t", "0.5")
    keys(report, "bdev workload queue_depth io_size elapsed_ms ios errors bytes iops mib_per_s "
         "latency_us longest_gap_us verify interrupted")
    keys(report["latency_us"], "avg p50 p99 p99_9 max")
    keys(report["verify"], "checked mismatches")
    assert report["ios"] > 100 and report["errors"] == 0, report
    assert 400 <= report["elapsed_ms"] < 5000, report
    assert report["bytes"] == report["ios"] * 4096, report
    latency = report["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99_9"] <= latency["max"], latency
    verified = cal.ask("perf", "Malloc0", "-w", "randrw", "-q", "16", "-o", "4k", "-t", "0.5",
                       "--verify")
    assert verified["verify"]["checked"] > 0 and verified["verify"]["mismatches"] == 0, verified
    text = cal.calctl("perf", "Malloc0", "-t", "0.3", "--verify").stdout
    assert "Malloc0: randread, queue depth 128, 4 KiB I/Os" in text, text
    assert " 0 errors" in text and " 0 mismatches" in text, text
    assert "\r" not in text and "\033" not in text, text
    assert "nope" in cal.calctl("perf", "nope", "-t", "0.1", rc=1).stderr
    cal.calctl("perf", "Malloc0", "-o", "100", "-t", "0.1", rc=1)  # not whole blocks


def check_perf_finds_wrong_data(cal):
    # Somebody else writes to the same blocks meanwhile.
    other = cal.rpc("cal_perf_start", {"name": "Malloc0", "workload": "write", "io_size": 4096,
                                       "queue_depth": 4, "time_ms": 60000})
    verify = ["perf", "Malloc0", "-w", "randrw", "-t", "0.5", "--verify"]
    text = cal.calctl(*verify, rc=1)
    assert re.search(r"\d+ mismatches\n  first wrong byte: LBA \d+, byte \d+ of the block: "
                     r"0x\w\w in place of 0x\w\w", text.stdout), text
    report = cal.ask(*verify, rc=1)
    assert report["verify"]["mismatches"] > 0, report
    keys(report["verify"]["first"], "lba offset expected found reason")
    cal.rpc("cal_perf_stop", other)


def check_two_verifiers_are_kept_apart(cal):
    # What another one writes is not taken for wrong data.
    cal.rpc("cal_perf_start", {"name": "Malloc0", "workload": "randrw", "verify": True,
                               "time_ms": 60000})
    err = cal.calctl("perf", "Malloc0", "-w", "randrw", "-t", "0.3", "--verify", rc=1).stderr
    job_id = re.search(r"job (\d+) verifies Malloc0 already", err)
    assert job_id, err
    cal.calctl("perf", "Malloc0", "-w", "randread", "-t", "0.1")
    cal.rpc("cal_perf_stop", {"id": int(job_id[1])})
    cal.calctl("perf", "Malloc0", "-w", "randrw", "-t", "0.3", "--verify")


def check_a_killed_caller_s_job_ends(cal):
    # Fails without link_gone() in core/bdev/perf_rpc.c: the job would run on for a minute, and
    # keep others from verifying.
    job = cal.popen("perf", "Malloc0", "-w", "randrw", "-t", "60", "--verify")
    prim = cal.root.primaries[0]
    job_id = wait_for(lambda: running_job(prim), 5, "a job")
    prim.rpc_call("cal_perf_get", {"id": job_id})
    job.kill()
    job.wait()
    wait_for(lambda: "error" in prim.rpc_call("cal_perf_get", {"id": job_id}), 1,
                     "the job's end")
    cal.calctl("perf", "Malloc0", "-w", "randrw", "-t", "0.2", "--verify")
    # Asked for by a command that has gone: ended likewise. By JSON-RPC: it stays.
    job_id = cal.ask("rpc", "cal_perf_start", '{"name": "Malloc0", "time_ms": 60000}')["id"]
    wait_for(lambda: "error" in prim.rpc_call("cal_perf_get", {"id": job_id}), 1,
                     "the job's end")
    stays = cal.rpc("cal_perf_start", {"name": "Malloc0", "time_ms": 60000})
    cal.calctl("service", "restart", "rpcd")
    assert cal.rpc("cal_perf_stop", stays)["elapsed_ms"] > 0


def running_job(prim):
    """The number of the job that runs, 0 if none does."""
    for number in range(1, 64):
        if prim.rpc_call("cal_perf_get", {"id": number}).get("result", {}).get("running"):
            return number
    return 0


def check_gaps_and_slices(cal):
    report = cal.ask("perf", "Malloc0", "-q", "8", "-t", "0.3", "--gaps")
    for kind in ("gaps_us", "wall_gaps_us"):
        gaps = report[kind]
        keys(gaps, "p50 p99 p99_9 p99_99 max")
        assert 0 < gaps["p50"] <= gaps["p99"] <= gaps["p99_9"] <= gaps["p99_99"] <= gaps["max"], report
    assert report["wall_gaps_us"]["max"] <= report["longest_gap_us"] + 0.01, report
    job = cal.rpc("cal_perf_start", {"name": "Malloc0", "gaps": True, "time_ms": 60000})
    time.sleep(0.3)
    first = cal.rpc("cal_perf_slice", job)
    time.sleep(0.1)
    second = cal.rpc("cal_perf_slice", job)
    assert sum(count for _, count in second["gap_counts"]) == second["ios"], second
    last = cal.rpc("cal_perf_stop", job)
    assert first["elapsed_ms"] >= 300 and 100 <= second["elapsed_ms"] < first["elapsed_ms"], (first, second)
    assert 0 < second["ios"] < first["ios"] and last["ios"] < second["ios"], (first, second, last)


def check_perf_interrupted(cal):
    job = cal.popen("--json", "perf", "Malloc0", "-t", "60", stdout=subprocess.PIPE)
    time.sleep(1)
    begin = time.monotonic()
    job.send_signal(signal.SIGINT)
    out, _ = job.communicate(timeout=10)
    report = json.loads(out)
    assert job.returncode == 0 and report["interrupted"] and report["ios"] > 0, report
    assert time.monotonic() - begin < 2
    # The job is gone from the primary: a bdev in use could not be left otherwise.
    cal.calctl("rpc", "cal_perf_get", '{"id": 1}', rc=1)


def check_perf_on_a_terminal(cal):
    rc, text = cal.on_terminal("perf", "Malloc0", "-t", "0.8")
    lines = text.replace("\r", "\n").splitlines()
    live = [line for line in lines if re.match(r"0\.\d of 0\.8 s  .* IOPS  .* 0 errors  gap ", line)]
    assert rc == 0 and len(live) >= 2, text
    assert "rate " in text and max(map(len, lines)) <= 80 + len("\033[32m\033[0m"), text


def check_primary_dies_under_perf(cal):
    primary = cal.start()
    cal.ask("rpc", "bdev_malloc_create", '{"name": "M", "num_blocks": 4096, "block_size": 512}')
    job = cal.popen("perf", "M", "-t", "60", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.7)
    primary.kill()
    out, err = job.communicate(timeout=5)
    assert job.returncode == 3 and out == "", (job.returncode, out, err)
    assert "went away" in err and err.count("\n") == 1, err


def check_iostat(cal):
    since_start = cal.ask("iostat")
    keys(since_start, "interval_s bdevs")
    keys(since_start["bdevs"][0], "name read_iops write_iops read_mib_per_s write_mib_per_s "
         "read_latency_us write_latency_us io_errors num_read_ops num_write_ops bytes_read "
         "bytes_written")
    assert since_start["bdevs"][0]["num_read_ops"] > 0, since_start
    lines = cal.calctl("--json", "iostat", "0.2", "3").stdout.splitlines()
    assert len(lines) == 3, lines
    idle = json.loads(lines[2])
    assert 0.1 < idle["interval_s"] < 2 and idle["bdevs"][0]["read_iops"] == 0, idle
    assert cal.calctl("iostat", "-b", "Malloc0").stdout.startswith("BDEV ")
    cal.calctl("iostat", "-b", "nope", rc=1)


def check_config(cal):
    path = cal.root.file("saved.json")
    saved = cal.ask("config", "save", path)
    keys(saved, "file subsystems entries")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    keys(config, "subsystems")
    for subsystem in config["subsystems"]:
        keys(subsystem, "subsystem config")
    assert json.loads(cal.calctl("config", "save", "-").stdout) == config
    assert json.loads(cal.calctl("config", "save").stdout) == config
    assert cal.ask("config", "save", "-") == config
    bdev = next(s for s in config["subsystems"] if s["subsystem"] == "bdev")
    assert "bdev_malloc_create" in [e["method"] for e in bdev["config"]], bdev
    # A file whose entries are there already: the first that fails is named.
    said = cal.calctl("config", "load", path, rc=1).stderr
    with open(path) as file:
        line = next(n for n, text in enumerate(file, 1) if "bdev_malloc_create" in text)
    assert any(f"{path}:{n}: bdev_malloc_create (entry " in said for n in (line, line - 1)), said
    assert "failed: " in said and "(code -17)" in said, said
    cal.calctl("rpc", "bdev_malloc_delete", '{"name": "Malloc0"}')
    # What is for start-up only is left out, and it says so.
    loaded = cal.ask("config", "load", path, says="skipped bdev_set_options")
    keys(loaded, "file called skipped started took_ms")
    assert loaded["skipped"] >= 1 and loaded["called"] >= 1 and not loaded["started"], loaded
    assert [b["name"] for b in cal.ask("bdevs")] == ["Malloc0"]
    unknown = '{"subsystems": [{"subsystem": "bdev", "config": [{"method": "frob"}]}]}'
    assert "frob" in cal.calctl("config", "load", "-", rc=1, input=unknown).stderr
    return path


def check_load_starts_the_framework(cal, path):
    primary = cal.start("--wait-for-rpc", wait="startup_rpc")
    loaded = cal.ask("config", "load", path)
    assert loaded["started"] and loaded["skipped"] == 0, loaded
    cal.calctl("status", "--wait", "running", "--timeout", "5")
    assert [b["name"] for b in cal.ask("bdevs")] == ["Malloc0"]
    assert re.fullmatch(rf"instance {cal.id} \(pid {primary.pid}\) stopped in [0-9.]+ m?s\n",
                        cal.calctl("stop").stdout)
    primary.proc.wait(5)


def main(cal):
    primary = cal.start()
    check_create(cal)
    check_views(cal)
    check_perf(cal)
    check_perf_finds_wrong_data(cal)
    check_two_verifiers_are_kept_apart(cal)
    check_a_killed_caller_s_job_ends(cal)
    check_gaps_and_slices(cal)
    check_perf_interrupted(cal)
    check_perf_on_a_terminal(cal)
    check_iostat(cal)
    path = check_config(cal)
    cal.calctl("stop")
    assert primary.proc.wait(5) == 0
    check_load_starts_the_framework(cal, path)
    check_primary_dies_under_perf(cal)


run(172, main)
