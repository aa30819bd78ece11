#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""A client may die at any instruction: it is killed after each of those with which it publishes a request
(client_ring_push(), client_ring_must_wake()) and takes the answer from the ring (client_ring_peek(),
client_ring_release()), DPDK's ring calls in them included. What the primary sees then is half of a publication: a
request that is there or is not, never a part of one, and no link is cut off for a fault.

With `all` each instruction is tried, without every third; with `interrupt` the primary is in interrupt mode.

Fails without the order of client_ring_push(): with the slot written after the tail that shows it
(rte_ring_enqueue_elem_finish(), whose descriptor is DPDK's to order).
"""
import re

import death_common as d
import primary as p

INSTANCE = 172


def case(deaths):
    client = deaths.helper("death_client", str(INSTANCE), "ring")
    total, _ = deaths.steps(client, "-1")
    p.check(total > 100, f"only {total} instructions")
    deaths.kill("instructions", client, "-1", "-s", 1 if d.ALL else 3)
    faults = re.findall(r".*its link is closed.*", deaths.prim.output())
    p.check(not faults, f"half a publication was seen: {faults}")


if __name__ == "__main__":
    d.main(INSTANCE, case)
