#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Block devices over JSON-RPC: the keys that clients of SPDK look for, statistics that add up, and
calls that wait without holding up the end."""
import threading
import time

from rpc_common import Primary, check, finish, wait_until

INSTANCE = 190
BDEV_KEYS = ("name aliases product_name block_size num_blocks preferred_write_alignment "
             "preferred_write_granularity optimal_write_size preferred_unmap_alignment "
             "preferred_unmap_granularity uuid assigned_rate_limits claimed zoned "
             "supported_io_types driver_specific").split()
RATE_LIMITS = "rw_ios_per_sec rw_mbytes_per_sec r_mbytes_per_sec w_mbytes_per_sec".split()
IO_TYPES = ("read write unmap flush reset nvme_admin nvme_io nvme_io_md write_zeroes zcopy "
            "get_zone_info zone_management zone_append compare compare_and_write abort seek_hole "
            "seek_data copy nvme_iov_md nvme_nssr write_uncorrectable").split()
STAT_KEYS = ("bytes_read num_read_ops bytes_written num_write_ops bytes_unmapped num_unmap_ops "
             "bytes_copied num_copy_ops").split()
for op in ("read", "write", "unmap", "copy"):
    STAT_KEYS += [f"{op}_latency_ticks", f"max_{op}_latency_ticks", f"min_{op}_latency_ticks"]
STAT_KEYS.append("io_error")


def same(found, wanted, what):
    check(sorted(found) == sorted(wanted), what,
          f"missing {sorted(set(wanted) - set(found))}, extra {sorted(set(found) - set(wanted))}")


def code(client, method, params):
    return client.call(method, params).get("error", {}).get("code")


def check_devices(client):
    check(client.result("bdev_get_bdevs") == [], "there is no device at first")
    check(client.result("bdev_null_create", {"name": "Null0", "num_blocks": 2048,
                                             "block_size": 512}) == "Null0", "one is made")
    bdev, = client.result("bdev_get_bdevs", {"name": "Null0"})
    same(bdev, BDEV_KEYS, "bdev_get_bdevs has SPDK's keys")
    same(bdev["assigned_rate_limits"], RATE_LIMITS, "and rate limits")
    same(bdev["supported_io_types"], IO_TYPES, "and types of I/O")
    check(bdev["aliases"] == [bdev["uuid"]], "the UUID is the first alias", bdev)
    check(client.result("bdev_get_bdevs", {"name": bdev["uuid"]}) == [bdev], "and finds it")
    check(code(client, "bdev_get_bdevs", {"name": "x"}) == -19, "an unknown name is -19")
    start = time.monotonic()
    check(code(client, "bdev_get_bdevs", {"name": "x", "timeout": 200}) == -110, "-110 in the end")
    check(0.2 <= time.monotonic() - start < 5, "after the time given")


def check_stats(client):
    job = client.result("cal_perf_start", {"name": "Null0", "time_ms": 100, "queue_depth": 4,
                                           "workload": "randrw"})["id"]
    while client.result("cal_perf_get", {"id": job})["running"]:
        time.sleep(0.02)
    done = client.result("cal_perf_stop", {"id": job})
    stats = client.result("bdev_get_iostat", {"names": ["Null0"]})
    same(stats, ["tick_rate", "ticks", "bdevs"], "bdev_get_iostat has SPDK's keys")
    stat, = stats["bdevs"]
    same(stat, ["name"] + STAT_KEYS, "for each device, too")
    check(stat["num_read_ops"] + stat["num_write_ops"] == done["ios"], "what is counted was done",
          (stat, done))
    check(stat["bytes_read"] == 4096 * stat["num_read_ops"] > 0, "in bytes")
    check(0 < stat["min_read_latency_ticks"] <= stat["max_read_latency_ticks"] <=
          stat["read_latency_ticks"], "and in ticks", stat)
    check(stat["io_error"] == {}, "without errors")
    channels = client.result("bdev_get_iostat", {"names": ["Null0"], "per_channel": True})
    same(channels, ["tick_rate", "ticks", "name", "channels"], "per channel, too")
    check(code(client, "bdev_get_iostat", {"per_channel": True}) == -22, "but of one device")
    check(code(client, "bdev_get_iostat", {"name": "Null0"}) == -32603, "names, not name")
    check(client.result("bdev_reset_iostat", {"name": "Null0"}) is True, "they are set back")
    stat, = client.result("bdev_get_iostat", {"names": ["Null0"]})["bdevs"]
    check(all(stat[key] == 0 for key in STAT_KEYS[:-1]), "to 0", stat)


def check_buffers(client):
    """A channel of the block layer takes buffers for itself, and its end gives them back."""
    def kept():
        module, = [m for m in client.result("iobuf_get_stats") if m["module"] == "bdev"]
        same(module["small_pool"], ["cache", "main", "retry", "cache_size"], "iobuf_get_stats")
        return module["small_pool"]["cache_size"], module["large_pool"]["cache_size"]

    check(wait_until(lambda: kept() == (0, 0), 5), "without a channel none is kept", kept())
    job = client.result("cal_perf_start", {"name": "Null0", "time_ms": 60000, "queue_depth": 1,
                                           "workload": "randread"})["id"]
    check(wait_until(lambda: min(kept()) > 0, 5), "with one some are", kept())
    client.result("cal_perf_stop", {"id": job})
    check(wait_until(lambda: kept() == (0, 0), 5), "afterwards none is", kept())


def quietly(primary, stop, method, params):
    try:
        with primary.connect() as client:
            while not stop.is_set():
                client.call(method, params)
    except (OSError, ValueError, EOFError):
        pass  # the server went, which is the point


def check_end(primary, client):
    """A wait that would last for a day, and calls until the last moment."""
    stop = threading.Event()
    calls = [("bdev_get_bdevs", {"name": "never", "timeout": 86400000}), ("bdev_get_bdevs", None),
             ("bdev_get_iostat", None), ("bdev_wait_for_examine", None)]
    threads = [threading.Thread(target=quietly, args=(primary, stop, *call)) for call in calls]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    start = time.monotonic()
    client.result("spdk_kill_instance", {"sig_name": "SIGTERM"})
    status = primary.proc.wait(30)
    took = time.monotonic() - start
    stop.set()
    for thread in threads:
        thread.join(10)
    check(status == 0, "the primary ends well", (status, primary.logs()))
    check(took < 4, "soon", f"{took:.1f} s")


def main():
    with Primary(INSTANCE) as primary, primary.connect() as client:
        client.result("framework_wait_init")
        check_devices(client)
        check_stats(client)
        check_buffers(client)
        check_end(primary, client)
    finish()


if __name__ == "__main__":
    main()
