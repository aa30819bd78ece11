# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A configuration whose entries are such that one that is repeated or left out fails the start or changes
what comes of it. Not a test (not executable)."""
import json
import random

kinds = {}


def entries():
    """Many, so that a load takes long enough to be hit: what is made twice, deleted twice or resized out of order would show."""
    rnd = random.Random(4)
    alive, made, out = [], 0, [{"method": "bdev_set_options", "params": {"bdev_io_cache_size": 64}}]
    while len(out) < 6000:
        kind = rnd.random()
        if kind < 0.55 or len(alive) < 3:
            made += 1
            name = f"N{rnd.randrange(40)}"  # names come back after they were deleted
            if name in alive:
                continue
            method = rnd.choice(("bdev_null_create", "bdev_malloc_create"))
            out.append({"method": method, "params": {
                "name": name, "num_blocks": 8 * rnd.randrange(1, 9), "block_size": 512,
                "uuid": f"00000000-0000-4000-8000-{made:012}"}})
            alive.append(name)
            kinds[name] = method.split("_")[1]
        else:
            name = alive.pop(rnd.randrange(len(alive)))
            out.append({"method": f"bdev_{kinds[name]}_delete", "params": {"name": name}})
    return out


def config_text():
    return json.dumps({"subsystems": [{"subsystem": "bdev", "config": entries()}]}, indent=1)


def outcome(prim):
    bdevs = prim.rpc_call("bdev_get_bdevs")["result"]
    options = prim.rpc_call("framework_get_config", {"name": "bdev"})["result"]
    return bdevs, options
