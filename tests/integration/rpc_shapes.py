#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What we answer has the shape of what SPDK answers: every call of tests/compat/rpc_shapes.json, which
a real SPDK target was asked, is made to a primary in the same order. With $SPDK_DIR the calls go
through SPDK's own scripts/rpc.py."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "compat"))

import rpc_shapes as shapes  # noqa: E402
from rpc_common import Primary, check, finish  # noqa: E402

SPDK_DIR = os.environ.get("SPDK_DIR")
# Where we differ on purpose. The key is a call's name; the lines must be exactly those.
DELIBERATE = {
    # SPDK's was built in a git repository; it leaves this out when it was not.
    "startup: spdk_get_version": [".fields.commit is missing"],
    "runtime: spdk_get_version": [".fields.commit is missing"],
    # What was chosen before framework_start_init is kept, and saved, whole.
    "runtime: framework_get_config scheduler --no-with-batches": [
        f"[].params.{name} is not SPDK's" for name in ("load_limit", "core_limit", "core_busy")],
}


def main():
    with open(os.path.join(HERE, "..", "compat", "rpc_shapes.json")) as file:
        want = json.load(file)
    with Primary(580, args=("--wait-for-rpc",), megabytes=256) as primary:
        primary.connect().close()
        primary.wait_state("startup_rpc")
        path = shapes.make_file(primary.dir)
        used = set()
        for part, cases in (("startup", shapes.STARTUP), ("runtime", shapes.RUNTIME)):
            if SPDK_DIR:
                got = shapes.record(SPDK_DIR, primary.dir, primary.socket, cases)
            else:
                got = shapes.play(primary.socket, want[part], path)
            check([(e["method"], e["params"]) for e in got] ==
                  [(e["method"], e["params"]) for e in want[part]],
                  f"{part}: the calls are those that SPDK was asked")
            for name, lines in shapes.differences(got, want[part]):
                key = f"{part}: {name}"
                used.add(key)
                if lines != DELIBERATE.get(key):
                    check(False, key, "".join("\n          " + line for line in lines))
            check(len(got) == len(want[part]), f"{part}: {len(got)} calls")
        for key in set(DELIBERATE) - used:
            check(False, f"{key} does not differ any more")
    finish()


main()
