#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The calls of SPDK's Python client that an SPDK target and a primary have in common, and the shape of
their answers: keys and types all the way down, codes of errors. Values are of no interest.

    rpc_shapes.py record SPDK_DIR SOCKET_FOLDER > rpc_shapes.json

runs SPDK_DIR/build/bin/spdk_tgt and makes every call through SPDK_DIR/scripts/rpc.py, which speaks to
it through a proxy that writes down what it sends. tests/integration/rpc_shapes.py makes the same calls
to a primary. `play()` is what both use. Not a test."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

UUID = "01234567-89ab-cdef-0123-456789abcdef"
# As rpc.py's command line, or (method, parameters) for what rpc.py would not send. Before
# framework_start_init …
STARTUP = [
    "spdk_get_version", "rpc_get_methods", "rpc_get_methods -c", "rpc_get_methods -i",
    "rpc_get_methods -c -i", "framework_get_scheduler", "log_get_level", "log_get_print_level",
    "log_get_flags", "log_set_level DEBUG", "log_set_print_level NOTICE",
    "framework_disable_cpumask_locks", "framework_disable_cpumask_locks",
    "framework_enable_cpumask_locks", "iobuf_set_options --small-pool-count 4096 "
    "--large-pool-count 512 --small-bufsize 8192 --large-bufsize 135168",
    "iobuf_set_options --enable-numa", "iobuf_set_options",
    "bdev_set_options -p 4096 -c 64 --auto-examine --iobuf-small-cache-size 64 "
    "--iobuf-large-cache-size 8", "bdev_set_options -p 1", "bdev_set_options",
    "scheduler_set_options -s 1", "scheduler_set_options -i [0]", "scheduler_set_options",
    "framework_set_scheduler dynamic -p 1000000 --load-limit 20 --core-limit 80 --core-busy 95",
    "framework_get_scheduler", "framework_set_scheduler nothing",
    # Not yet.
    "thread_get_stats", "bdev_get_bdevs", "bdev_malloc_create 1 512", "framework_get_reactors",
    "notify_get_types", "env_dpdk_get_mem_stats",
    ("no_such_method", None), ("log_set_level", {"level": "LOUD"}), ("log_set_level", None),
    ("log_set_level", {"level": 1}), ("iobuf_set_options", {"small_pool_count": -1}),
    ("iobuf_set_options", {"small_pool_count": 1}), ("iobuf_set_options", {"x": 1}),
    ("bdev_set_options", {"bdev_io_pool_size": "x"}), ("bdev_set_options", {"x": 1}),
    ("scheduler_set_options", {"scheduling_core": "x"}), ("framework_start_init", {"a": 1}),
    ("framework_set_scheduler", {}), ("framework_set_scheduler", {"name": 1}),
    ("spdk_get_version", {"a": 1}), ("rpc_get_methods", {"current": 1}),
    ("rpc_get_methods", {"a": 1}), ("framework_get_scheduler", {"a": 1}),
    "framework_start_init",
]
# … and after it.
RUNTIME = [
    "framework_wait_init", "spdk_get_version", "rpc_get_methods", "rpc_get_methods -c -i",
    "framework_get_reactors", "framework_get_subsystems", "framework_get_config bdev",
    "framework_get_config iobuf --with-batches", "framework_get_config scheduler --no-with-batches",
    "framework_get_config nothing", "framework_get_scheduler", "framework_get_governor",
    "framework_monitor_context_switch --monitor", "framework_monitor_context_switch --no-monitor",
    "framework_monitor_context_switch", "framework_set_scheduler static",
    "framework_get_scheduler", "framework_set_scheduler dynamic -p 500000",
    "framework_set_scheduler nothing", "framework_set_scheduler static",
    "framework_disable_cpumask_locks", "framework_enable_cpumask_locks",
    "thread_get_stats", "thread_get_pollers", "thread_get_io_channels",
    "thread_set_cpumask -i @THREAD -m 2", "thread_set_cpumask -i @THREAD -m [1]",
    "thread_set_cpumask -i 99999 -m 2", "thread_set_cpumask -i @THREAD -m zzz",
    "thread_set_cpumask -i @THREAD -m 8000000",
    "log_get_level", "log_set_level WARNING", "log_set_print_level ERROR", "log_get_print_level",
    "log_set_flag bdev", "log_clear_flag bdev", "log_set_flag all", "log_clear_flag all",
    "log_set_flag nothing", "log_clear_flag nothing", "log_get_flags",
    "log_enable_timestamps --no-timestamps", "log_enable_timestamps --timestamps",
    "iobuf_get_stats", "notify_get_types", "notify_get_notifications",
    "env_dpdk_get_mem_stats",
    # malloc
    "bdev_malloc_create 8 512", "bdev_malloc_create 8 4096 -b M1 -u " + UUID +
    " -p 4096 -o 64", "bdev_malloc_create 8 512 -b M1", "bdev_malloc_create 8 512 -u " + UUID,
    "bdev_malloc_create 8 512 -b M2 -n 0", "bdev_malloc_create 8 513 -b M9",
    "bdev_malloc_create 0 512 -b M9",
    "bdev_get_bdevs", "bdev_get_bdevs -b M1", "bdev_get_bdevs -b " + UUID,
    "bdev_get_bdevs -b M1 -t 100", "bdev_get_bdevs -b nothing", "bdev_get_bdevs -b nothing -t 50",
    "thread_get_io_channels", "bdev_get_iostat", "bdev_get_iostat --names M1",
    "bdev_get_iostat --names M1 -c", "bdev_get_iostat -c", "bdev_get_iostat --reset-mode maxmin",
    "bdev_get_iostat --names nothing", "bdev_reset_iostat", "bdev_reset_iostat -b M1",
    "bdev_reset_iostat -b M1 -m all", "bdev_reset_iostat -m maxmin", "bdev_reset_iostat -m error",
    "bdev_reset_iostat -m none", "bdev_reset_iostat -b nothing",
    # null
    "bdev_null_create N0 8 512", "bdev_null_create N0 8 512",
    "bdev_null_create N1 8 4096 -u 11234567-89ab-cdef-0123-456789abcdef -p 4096 -a 2 -g 4 -s 8 "
    "-c 16 -r 32",
    "bdev_null_create N9 8 100", "bdev_get_bdevs -b N1", "bdev_null_resize N0 16",
    "bdev_null_resize M1 16", "bdev_null_resize nothing 16", "bdev_null_delete M1",
    "bdev_null_delete nothing",
    # uring
    "bdev_uring_create @FILE U0 512 -u 21234567-89ab-cdef-0123-456789abcdef",
    "bdev_uring_create @FILE U0 512", "bdev_uring_create /no/such/file U9 512",
    "bdev_uring_create @FILE U9 100", "bdev_get_bdevs -b U0", "bdev_uring_rescan U0",
    "bdev_uring_rescan nothing", "bdev_uring_delete M1", "bdev_uring_delete nothing",
    # the rest
    "bdev_wait_for_examine", "bdev_examine -b M1", "bdev_examine -b nothing",
    "framework_get_config bdev", "notify_get_notifications -i 0 -n 2",
    "notify_get_notifications -i 100000", "bdev_get_iostat", "bdev_set_options -p 8192",
    "iobuf_set_options --small-pool-count 4096", "scheduler_set_options -s 1",
    "framework_start_init",
    ("bdev_get_bdevs", {"name": 1}), ("bdev_get_bdevs", {"x": 1}), ("bdev_get_bdevs", [1]),
    ("bdev_get_bdevs", {"timeout": "a"}), ("bdev_get_bdevs", "x"), ("bdev_malloc_create", None),
    ("bdev_malloc_create", {"num_blocks": 16}), ("bdev_malloc_create", {"block_size": 512}),
    ("bdev_malloc_create", {"num_blocks": "16", "block_size": 512}),
    ("bdev_malloc_create", {"num_blocks": -1, "block_size": 512}),
    ("bdev_malloc_create", {"num_blocks": 1.5, "block_size": 512}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 4294967296}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 512, "uuid": "x"}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 512, "x": 1}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 512, "name": None}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 512, "name": ""}),
    ("bdev_malloc_create", {"num_blocks": 16, "block_size": 512, "md_interleave": 1}),
    ("bdev_malloc_delete", {}), ("bdev_malloc_delete", {"name": 5}),
    ("bdev_null_create", {"name": "x"}), ("bdev_null_create", {"num_blocks": 1, "block_size": 512}),
    ("bdev_null_resize", {"name": "N0"}), ("bdev_null_resize", {"name": "N0", "new_size": "x"}),
    ("bdev_null_resize", {"name": "N0", "new_size": 1}), ("bdev_null_delete", {}),
    ("bdev_uring_create", {"name": "x"}), ("bdev_uring_delete", {}), ("bdev_uring_rescan", {}),
    ("bdev_get_iostat", {"name": "M1"}), ("bdev_get_iostat", {"names": "M1"}),
    ("bdev_get_iostat", {"names": ["M1", "N0"], "per_channel": True}),
    ("bdev_get_iostat", {"reset_mode": "some"}), ("bdev_reset_iostat", {"mode": "some"}),
    ("bdev_examine", {}), ("bdev_wait_for_examine", {"a": 1}),
    ("thread_get_stats", {"a": 1}), ("thread_get_pollers", {"a": 1}),
    ("thread_get_io_channels", {"a": 1}), ("framework_get_reactors", {"a": 1}),
    ("framework_get_subsystems", {"a": 1}), ("framework_get_config", {}),
    ("framework_get_config", {"name": 1}), ("framework_get_config", {"name": "bdev", "x": 1}),
    ("framework_get_governor", {"a": 1}), ("framework_monitor_context_switch", {"enabled": 1}),
    ("framework_monitor_context_switch", {}), ("framework_disable_cpumask_locks", {"a": 1}),
    ("thread_set_cpumask", {"id": 1}), ("thread_set_cpumask", {"id": "x", "cpumask": "2"}),
    ("log_get_level", {"a": 1}), ("log_get_flags", {"a": 1}), ("log_set_flag", {}),
    ("log_enable_timestamps", {}), ("log_enable_timestamps", {"enabled": "x"}),
    ("iobuf_get_stats", {"a": 1}), ("notify_get_types", {"a": 1}),
    ("notify_get_notifications", {"id": "x"}), ("notify_get_notifications", {"x": 1}),
    ("env_dpdk_get_mem_stats", {"a": 1}), ("spdk_kill_instance", {"sig_name": "SIGNONE"}),
    ("spdk_kill_instance", {"sig_name": "15"}), ("spdk_kill_instance", {}),
    ("framework_wait_init", {"a": 1}), ("no_such_method", {"a": 1}), ("", None),
    # the end
    "bdev_malloc_delete Malloc0", "bdev_malloc_delete N0", "bdev_malloc_delete nothing",
    "bdev_malloc_delete M1", "bdev_malloc_delete M2", "bdev_null_delete N0", "bdev_null_delete N1",
    "bdev_uring_delete U0", "bdev_get_bdevs", "bdev_get_iostat", "notify_get_notifications",
    "spdk_kill_instance SIGTERM",
]
# Objects whose keys are data.
MAPS = {"log_get_flags"}


def shape(value, as_map=False):
    """Of a value. In an array all elements are taken together: a key is there or optional (?)."""
    if isinstance(value, dict):
        if as_map:
            return {"*": merge([shape(v) for v in value.values()])}
        return {key: shape(v) for key, v in value.items()}
    if isinstance(value, list):
        return [merge([shape(v) for v in value])] if value else []
    return {str: "string", bool: "boolean", int: "integer", float: "float",
            type(None): "null"}[type(value)]


def merge(shapes):
    dicts = [s for s in shapes if isinstance(s, dict)]
    lists = [s for s in shapes if isinstance(s, list)]
    words = sorted({w for s in shapes if isinstance(s, str) for w in s.split("|")})
    out = []
    if dicts:
        names = list(dict.fromkeys(k.rstrip("?") for s in dicts for k in s))
        merged = {}
        for name in names:
            found = [s[k] for s in dicts for k in (name, name + "?") if k in s]
            sure = all(name in s for s in dicts)
            merged[name if sure else name + "?"] = merge(found)
        out.append(merged)
    if lists:
        items = [s[0] for s in lists if s]
        out.append([merge(items)] if items else [])
    if words:
        out.append("|".join(words))
    return out[0] if len(out) == 1 else out


def answer(reply, method):
    """What is compared of one reply."""
    if "error" in reply:
        return {"code": reply["error"]["code"]}
    return {"shape": shape(reply["result"], method in MAPS)}


class Proxy:
    """Between rpc.py and a socket: keeps requests and replies."""

    def __init__(self, path, to):
        self.path, self.to, self.seen = path, to, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.to)
            for source, sink, kind in ((client, server, "request"), (server, client, "reply")):
                threading.Thread(target=self.pump, args=(source, sink, kind), daemon=True).start()

    def pump(self, source, sink, kind):
        decoder, text = json.JSONDecoder(), ""
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                text += data.decode()
                while True:
                    text = text.lstrip()
                    try:
                        value, end = decoder.raw_decode(text)
                    except ValueError:
                        break
                    self.seen.append((kind, value))
                    text = text[end:]
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        os.unlink(self.path)


class RpcPy:
    """rpc.py --server: commands on its standard input, `**STATUS=` after each answer."""

    def __init__(self, spdk, path):
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        self.path = path
        self.proc = subprocess.Popen(
            [sys.executable, os.path.join(spdk, "scripts/rpc.py"), "--server"], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def call(self, line):
        """(whether it succeeded, what it printed)"""
        self.proc.stdin.write(f"-s {self.path} {line}\n")
        self.proc.stdin.flush()
        out = ""
        while True:
            piece = self.proc.stdout.readline()
            if not piece:
                return False, out + "(rpc.py has ended)"
            if piece.startswith("**STATUS="):
                return piece.strip() == "**STATUS=0", out
            out += piece

    def close(self):
        self.proc.stdin.close()
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()


def wire(path, method, params, timeout=20):
    """One raw call; its reply, or None when the connection is closed without one."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        request["params"] = params
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        s.sendall(json.dumps(request).encode())
        data = b""
        while True:
            piece = s.recv(1 << 16)
            if not piece:
                return None
            data += piece
            try:
                return json.loads(data)
            except ValueError:
                pass


def fill(value, words):
    """Placeholders replaced, in strings anywhere."""
    if isinstance(value, dict):
        return {k: fill(v, words) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, words) for v in value]
    return words.get(value, value) if isinstance(value, str) else value


def record(spdk, folder, path, cases):
    """Make the calls through rpc.py; the list of what each was on the wire, and its answer."""
    via = os.path.join(folder, "via.sock")
    proxy = Proxy(via, path)
    client = RpcPy(spdk, via)
    out = []
    words = {}
    try:
        for case in cases:
            if not isinstance(case, str):
                reply = wire(path, *case)
                out.append({"call": None, "method": case[0], "params": case[1],
                            **(answer(reply, case[0]) if reply else {"closed": True})})
                continue
            if "@THREAD" in case and "@THREAD" not in words:
                stats = wire(path, "thread_get_stats", None)["result"]["threads"]
                words["@THREAD"] = next(t["id"] for t in stats if t["name"] == "app_thread")
            words["@FILE"] = os.path.join(folder, "file")
            line = case
            for word, value in words.items():
                line = line.replace(word, str(value))
            del proxy.seen[:]
            printed = client.call(line)
            back = {v: k for k, v in words.items()}
            sent = [v for kind, v in proxy.seen if kind == "request"]
            got = [v for kind, v in proxy.seen if kind == "reply"]
            if len(sent) != 1:
                raise RuntimeError(f"{line}: {printed} {sent} {got}")
            params = sent[0].get("params")
            if params is not None:
                params = {k: back.get(v, v) if isinstance(v, (str, int)) and
                          not isinstance(v, bool) and k in ("id", "filename") else v
                          for k, v in params.items()}
            out.append({"call": case, "method": sent[0]["method"], "params": params,
                        **(answer(got[0], sent[0]["method"]) if got else {"closed": True})})
    finally:
        client.close()
        proxy.close()
    return out


def play(path, entries, file):
    """The same calls without rpc.py; the same list with what was answered here."""
    out = []
    words = {"@FILE": file}
    for entry in entries:
        if "@THREAD" in json.dumps(entry["params"]):
            stats = wire(path, "thread_get_stats", None)["result"]["threads"]
            words["@THREAD"] = next(t["id"] for t in stats if t["name"] == "app_thread")
        reply = wire(path, entry["method"], fill(entry["params"], words))
        out.append({"call": entry["call"], "method": entry["method"], "params": entry["params"],
                    **(answer(reply, entry["method"]) if reply else {"closed": True})})
    return out


def unlike(ours, theirs, where=""):
    """The differences of two shapes, a line each."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        lines = []
        for key in dict.fromkeys([*theirs, *ours]):
            name = key.rstrip("?")
            mine = ours.get(name, ours.get(name + "?"))
            if name in {k.rstrip("?") for k in theirs} - {k.rstrip("?") for k in ours}:
                if not key.endswith("?"):
                    lines.append(f"{where}.{name} is missing")
            elif name in {k.rstrip("?") for k in ours} - {k.rstrip("?") for k in theirs}:
                lines.append(f"{where}.{name} is not SPDK's")
            elif key in theirs:
                lines += unlike(mine, theirs[key], f"{where}.{name}")
        return lines
    if isinstance(theirs, list) and isinstance(ours, list):
        return unlike(ours[0], theirs[0], where + "[]") if ours and theirs else []
    if ours == theirs:
        return []
    return [f"{where} is {json.dumps(ours)[:80]}, SPDK's is {json.dumps(theirs)[:80]}"]


def differences(ours, theirs):
    """(call, lines) of each entry that was not answered alike."""
    out = []
    for mine, their in zip(ours, theirs):
        name = mine["call"] or f"{mine['method']} {json.dumps(mine['params'])}"
        if "shape" in mine and "shape" in their:
            lines = unlike(mine["shape"], their["shape"])
        else:
            a, b = ({k: v for k, v in e.items() if k in ("code", "closed", "shape")}
                    for e in (mine, their))
            lines = [] if a == b else [f"{json.dumps(a)[:100]}, SPDK: {json.dumps(b)[:100]}"]
        if lines:
            out.append((name, lines))
    return out


def make_file(folder):
    path = os.path.join(folder, "file")
    with open(path, "wb") as f:
        f.truncate(4 << 20)
    return path


def target(spdk, folder):
    """An SPDK target that waits for framework_start_init."""
    path = os.path.join(folder, "target.sock")
    proc = subprocess.Popen([os.path.join(spdk, "build/bin/spdk_tgt"), "-u", "-m", "0x2", "-s",
                             "256", "-r", path, "--wait-for-rpc"], stdout=sys.stderr,
                            stdin=subprocess.DEVNULL, stderr=sys.stderr)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            wire(path, "spdk_get_version", None)
            return proc, path
        except OSError:
            time.sleep(0.05)
    proc.kill()
    raise RuntimeError("spdk_tgt does not answer")


def main():
    spdk = sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        make_file(folder)
        proc, path = target(spdk, folder)
        try:
            entries = [record(spdk, folder, path, cases) for cases in (STARTUP, RUNTIME)]
            proc.wait(20)
        finally:
            if proc.poll() is None:
                proc.kill()
                proc.wait()
    lines = [",\n".join(f"  {json.dumps(e)}" for e in part) for part in entries]
    print('{"spdk": "v26.05",\n "startup": [\n%s\n ],\n "runtime": [\n%s\n ]}' % tuple(lines))


if __name__ == "__main__":
    main()
