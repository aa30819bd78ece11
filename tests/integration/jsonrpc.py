#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""JSON-RPC over the Unix socket of a real primary: framing, batches, errors word for word, many
clients, slow clients, and cal-rpcd killed under load.

CAL_JSONRPC_SEED repeats the random parts of a run."""
import json
import os
import random
import select
import signal
import socket
import stat
import threading
import time

from rpc_common import CALANDRIA, SLOW, Client, Primary, check, finish, wait_until

SEED = int(os.environ.get("CAL_JSONRPC_SEED", str(random.randrange(1 << 32))))
INSTANCE = 160
VERSION = '{"jsonrpc":"2.0","method":"spdk_get_version","id":%s}'


def error(code, message, id="null"):
    return ('{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"}}' %
            (id, code, message)).encode()


INVALID = error(-32600, "Invalid request")
PARSE = error(-32700, "Parse error")
MARK = '{"method":"spdk_get_version","id":"mark"}'

# Request → answers. None: whatever it is, it is a result of this id.
ROWS = [
    # results
    (VERSION % "1", None, "1"),
    ('{"method":"spdk_get_version","id":2}', None, "2"),
    ('{"id":3,"method":"spdk_get_version","params":null}', None, "3"),
    (VERSION % '"a b"', None, '"a b"'),
    (VERSION % "1.5", None, "1.5"),
    (VERSION % '"%s"' % ("x" * 5000), None, '"%s"' % ("x" * 5000)),
    ("  \r\n\t" + VERSION % "4" + "\n\n", None, "4"),
    # notifications
    ('{"method":"spdk_get_version"}', []),
    ('{"method":"spdk_get_version","id":null}', []),
    ('{"method":"no_such_method"}', [error(-32601, "Method not found")]),
    ('{"method":"no_such_method","id":null}', [error(-32601, "Method not found")]),
    # no requests
    ("{}", [INVALID]),
    ("7 ", [INVALID]),
    ('"x"', [INVALID]),
    ("true", [INVALID]),
    ('{"jsonrpc":"1.0","method":"spdk_get_version"}', [INVALID]),
    ('{"method":"spdk_get_version","id":true}', [INVALID]),
    ('{"method":"spdk_get_version","id":{}}', [INVALID]),
    ('{"method":"spdk_get_version","id":1,"more":1}', [INVALID]),
    ('{"method":"spdk_get_version","id":1,"method":"spdk_get_version"}', [INVALID]),
    ('{"method":"spdk_get_version","id":1,"params":"x"}', [error(-32600, "Invalid request", "1")]),
    ('{"method":"spdk_get_version","id":1,"params":0}', [error(-32600, "Invalid request", "1")]),
    # methods
    ('{"method":"no_such_method","id":5}', [error(-32601, "Method not found", "5")]),
    # batches
    ("[]", [INVALID]),
    ("[1]", [b"[" + INVALID + b"]"]),
    ('[{"method":"spdk_get_version"},{"method":"spdk_get_version"}]', []),
    ('[{"method":"no_such_method","id":1},2,{}]', "set",
     [error(-32601, "Method not found", "1"), INVALID, INVALID]),
]


def test_rows(primary):
    client = primary.connect()
    for row in ROWS:
        request, expected = row[0], row[1]
        client.send(request + MARK)
        got = []
        while not got or not got[-1].startswith(b'{"jsonrpc":"2.0","id":"mark",'):
            got.append(client.line())
            if not got[-1]:
                break
        got.pop()
        if expected is None:
            ok = len(got) == 1 and got[0].startswith(
                b'{"jsonrpc":"2.0","id":%s,"result":{"version":"' % row[2].encode())
        elif expected == "set":
            ok = len(got) == 1 and sorted(map(str, json.loads(got[0]))) == \
                sorted(str(json.loads(e)) for e in row[2])
        else:
            ok = got == expected
        check(ok, f"answer to {request.strip()[:70]}", got)
    client.close()


def code_and_message(client, method, params=None):
    answer = client.call(method, params)
    return (answer["error"]["code"], answer["error"]["message"]) if "error" in answer else answer


def test_methods(primary):
    client = primary.connect()
    code, message = code_and_message(client, "spdk_get_version", {})
    check(code == -32602 and "require" in message, "params of a method that takes none",
          (code, message))
    code, message = code_and_message(client, "framework_start_init")
    check(code == -1 and message, "a method of another state: code -1 and a sentence",
          (code, message))
    for params, what in (
            ("{}", '"num_blocks": required, but missing'),
            ('{"num_blocks":8}', '"block_size": required, but missing'),
            ('{"num_blocks":"8","block_size":512}',
             '"num_blocks": expected unsigned integer, got string'),
            ('{"num_blocks":8.5,"block_size":512}',
             '"num_blocks": expected unsigned integer, got 8.5'),
            ('{"num_blocks":8,"block_size":512,"nope":1}', '"nope": no such parameter'),
            ('{"num_blocks":8,"num_blocks":16,"block_size":512}', '"num_blocks": given twice'),
            ('{"num_blocks":8,"block_size":4294967296}',
             '"block_size": 4294967296 is out of range (0 to 4294967295)'),
            ('{"block_size":512,"num_blocks":18446744073709551616}',
             '"num_blocks": 1.8446744073709552e+19 is out of range (0 to 18446744073709551615)'),
            ('{"block_size":512,"num_blocks":1e400}',
             '"num_blocks": 1.7976931348623157e+308 is out of range (0 to 18446744073709551615)'),
            ('{"block_size":512,"num_blocks":1.00000000000000000000001}',
             '"num_blocks": expected unsigned integer, got 1.0000000000000002'),
            ('{"block_size":512,"name":"a","num_blocks":8,"name":"a"}', '"name": given twice'),
            ("[8,512]", "expected object with named parameters, got array"),
            ("null", '"num_blocks": required, but missing')):
        client.send('{"method":"bdev_malloc_create","id":1,"params":%s}' % params)
        answer = json.loads(client.line()).get("error")
        check(answer == {"code": -32603, "message": "bdev_malloc_create: " + what},
              f"bdev_malloc_create refuses {params}", answer)
    code, message = code_and_message(client, "bdev_malloc_delete", {"name": "nope"})
    check((code, message) == (-19, "No such device"), "a bare errno and its text", (code, message))
    name = client.result("bdev_malloc_create", {"num_blocks": 2048, "block_size": 512,
                                                "name": 'a "b" ü'})
    check(name == 'a "b" ü', "a name that needs escapes comes back", name)
    bdevs = client.result("bdev_get_bdevs", {"name": name})
    check(bdevs[0]["num_blocks"] == 2048, "… and names its bdev", bdevs)
    check(client.result("bdev_malloc_delete", {"name": name}) is True, "… which can be deleted")
    methods = client.result("rpc_get_methods")
    check(len(methods) == len(set(methods)) and "rpc_get_methods" in methods, "methods are listed")
    client.close()


def test_split(primary):
    """The same conversation, cut at random places."""
    rng = random.Random(SEED)
    text = (VERSION % "1" + '[%s,%s]' % (VERSION % "2", VERSION % "3") + " " +
            '{"method":"no_such_method","id":"\\u00e4\\ud83d\\ude00"}\n' + VERSION % '"last"').encode()
    want = None
    for cuts in [0, len(text) - 1] + [rng.randrange(1, 30) for _ in range(20)]:
        points = sorted(rng.sample(range(1, len(text)), cuts))
        with primary.connect() as client:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            for begin, end in zip([0] + points, points + [len(text)]):
                client.send(text[begin:end])
                if rng.random() < 0.1:
                    time.sleep(0.0005)
            got = sorted(client.line() for _ in range(4))
        want = want or got
        if got != want:
            break
    check(got == want and len(set(got)) == 4, "requests cut at random places are understood", got)


def test_malformed(primary):
    for bad in (b"}", b"{'method':1}", b"{\"method\":\"x\",}", b"/**/{}", b"\xef\xbb\xbf{}",
                b"[NaN]", b"[01]", b"[\"\xff\"]", b"[\"\\ud800\"]", b"[1 2]", b"[" * 65,
                b"{\"a\":\"\n\"}"):
        with primary.connect() as client:
            client.send(VERSION % "1")
            first = client.line()
            client.send(bad)
            check(first.startswith(b'{"jsonrpc":"2.0","id":1,"result"') and client.line() == PARSE and
                  client.at_end(), f"parse error, then closed: {bad[:20]!r}")
    with primary.connect() as client:
        client.send((VERSION % "1") + "{]" + (VERSION % "2"))
        lines = {client.line(), client.line()}
        check(PARSE in lines and any(b'"id":1,"result"' in line for line in lines) and
              client.at_end(), "what came before in the same piece is answered", lines)
    with primary.connect() as client:
        client.send("[" * 64 + "]" * 64)
        check(client.line() == b"[" + INVALID + b"]", "64 levels are not too many")


def test_limits(primary):
    with primary.connect() as client:
        client.send('{"method":"no_such_method","id":1,"params":{"x":"%s"}}' % ("y" * 255000))
        check(client.line() == error(-32601, "Method not found", "1"), "255000 bytes pass")
        try:
            client.send('{"method":"no_such_method","id":1,"params":{"x":"%s"}}' % ("y" * 2000000))
        except OSError as exc:
            check(False, "2 MB are taken in before the refusal", exc)
        check(client.line() == error(-32600, "The request is longer than 262144 bytes") and
              client.at_end(), "more than 256 KiB are refused in words, then closed")
    with primary.connect() as client:
        one = '{"jsonrpc":"2.0","id":1,"method":"spdk_get_version"}'
        client.send("[" + ",".join([one] * 500) + "]")
        check(len(json.loads(client.line())) == 500, "a batch of 500")
        client.send("[" + ",".join([one] * 1500) + "]")
        check(client.line() == error(-32600, "The request has more than 8192 JSON values") and
              client.at_end(), "a batch of 1500 is refused, then closed")


def test_half_close(primary):
    with primary.connect() as client:
        client.send("".join(VERSION % i for i in range(200)))
        client.sock.shutdown(socket.SHUT_WR)
        lines = [client.line() for _ in range(200)]
        check(all(b'"result"' in line for line in lines) and client.at_end(),
              "a half-closed client gets every answer, then the end")
    with primary.connect() as client:
        client.send('{"method":')
        client.sock.shutdown(socket.SHUT_WR)
        check(client.line() == PARSE and client.at_end(), "a request cut short by the end")
    with primary.connect() as client:
        client.sock.shutdown(socket.SHUT_WR)
        check(client.at_end(), "nothing at all, half-closed: closed")


def test_slow_reader(primary):
    """A client that asks and does not read is not read any more; it hurts nobody."""
    slow = primary.connect()
    slow.sock.setblocking(False)
    ask = (VERSION % "1").encode() * 100
    sent = 0
    rest = b""
    deadline = time.monotonic() + 20 * SLOW
    while time.monotonic() < deadline and sent < 64 << 20:
        rest = rest or ask
        if not select.select([], [slow.sock], [], 0.3 * SLOW)[1]:
            break
        n = slow.sock.send(rest)
        sent += n
        rest = rest[n:]
    check(sent < 32 << 20, "a client that does not read its answers is stopped", sent)
    with primary.connect() as other:
        check(other.result("spdk_get_version"), "… while others are served")
    pid = primary.service_pid("rpcd")
    with open(f"/proc/{pid}/status") as file:
        rss = next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
    # A sanitizer keeps what was freed for a while.
    limit = (256 if os.environ.get("CAL_SAN") else 64) << 10
    check(rss < limit, "… and the service stays small", f"{rss} kB")
    # It reads at last: it gets all of it.
    slow.sock.settimeout(10 * SLOW)
    writer = threading.Thread(target=lambda: (slow.send(rest), slow.sock.shutdown(socket.SHUT_WR)))
    writer.start()
    count = 0
    while slow.line():
        count += 1
    writer.join()
    check(count == (sent + len(rest)) // len(VERSION % "1"), "… and it has lost no answer", count)
    slow.close()


def hammer(path, rng, seconds, results, name):
    """Pipelines requests in random pieces; every id must come back once."""
    try:
        client = Client(path, timeout=20)
        end = time.monotonic() + seconds
        done = 0
        while time.monotonic() < end:
            ids = [f"{name}.{done}.{i}" for i in range(rng.randrange(1, 12))]
            data = "".join(rng.choice(("", " ", "\n")) + VERSION % f'"{i}"' for i in ids).encode()
            while data:
                n = rng.randrange(1, len(data) + 1)
                client.send(data[:n])
                data = data[n:]
            got = sorted(json.loads(client.line())["id"] for _ in ids)
            if got != sorted(ids):
                results.append(f"{name}: {got} instead of {ids}")
                return
            done += 1
        client.close()
    except Exception as exc:  # any end of a client's thread must be seen
        results.append(f"{name}: {exc!r}")


def test_many_clients(primary):
    results = []
    threads = [threading.Thread(target=hammer, args=(primary.socket, random.Random(SEED + i), 2,
                                                     results, i)) for i in range(64)]
    # The ones of earlier tests may not be gone yet.
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not results, "64 clients, pipelining in random pieces", results[:3])
    clients = [primary.connect() for _ in range(64)]
    for client in clients:
        client.result("spdk_get_version")
    late = primary.connect()
    late.send(VERSION % "1")
    quiet = not select.select([late.sock], [], [], 0.3)[0]
    clients[0].close()
    check(quiet and b'"result"' in late.line(), "the 65th waits for a free slot")
    for client in clients + [late]:
        client.close()


def test_kill(primary):
    """cal-rpcd is killed under load: it answers again within a second."""
    worst = 0.0
    for _ in range(3):
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    with Client(primary.socket) as client:
                        while not stop.is_set():
                            client.send((VERSION % "1") * 20)
                            for _ in range(20):
                                if not client.line():
                                    raise ConnectionError
                except OSError:
                    time.sleep(0.002)

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        pid = primary.kill_service("rpcd")
        begin = time.monotonic()

        def answers():
            try:
                with Client(primary.socket, timeout=0.5) as client:
                    return client.call("spdk_get_version").get("result")
            except (OSError, ValueError):
                return None

        back = wait_until(answers, 5)
        worst = max(worst, time.monotonic() - begin)
        stop.set()
        for thread in threads:
            thread.join()
        check(pid and back, "cal-rpcd is back after kill -9 under load")
        # A restart that follows soon after another one may be delayed: let it become healthy.
        wait_until(lambda: primary.service_pid("rpcd") not in (0, pid), 5)
    check(worst < 1.0 * SLOW, "… within 1 s", f"{worst:.3f} s")
    print(f"        (worst of 3: {worst * 1e3:.0f} ms)")


def test_socket(primary):
    mode = stat.S_IMODE(os.stat(primary.socket).st_mode)
    lock = stat.S_IMODE(os.stat(primary.socket + ".lock").st_mode)
    check((mode, lock) == (0o600, 0o600), "socket and lock are for their owner only",
          (oct(mode), oct(lock)))


def test_socket_taken(primary):
    """Another instance with the same socket says so and does not start; ours lives on."""
    import subprocess
    env = dict(primary.env)
    out = subprocess.run([CALANDRIA, "-m", "0x1", "-s", "64", "-i", str(INSTANCE + 1), "-r",
                          primary.socket], env=env, capture_output=True, text=True,
                         timeout=20 * SLOW)
    text = out.stdout + out.stderr
    check(out.returncode != 0 and "another process serves" in text,
          "a socket that is taken ends the start of a second primary", (out.returncode, text[-300:]))
    with primary.connect() as client:
        check(client.result("spdk_get_version"), "… and the first is still served")


def test_stop(primary):
    """The answer to the request that stops it arrives; the socket is gone afterwards."""
    client = primary.connect()
    client.send('{"method":"spdk_kill_instance","id":1,"params":{"sig_name":"SIGTERM"}}')
    line = client.line()
    check(line in (b'{"jsonrpc":"2.0","id":1,"result":true}', b""), "spdk_kill_instance answers",
          line)
    check(client.at_end(), "… and the connection ends")
    check(wait_until(lambda: primary.proc.poll() is not None, 10) and primary.proc.returncode == 0,
          "… and the primary", primary.proc.returncode)
    check(not os.path.exists(primary.socket) and not os.path.exists(primary.socket + ".lock"),
          "… and its socket is gone")


def test_primary_killed():
    """kill -9 of the primary: what is under way is answered, clients stay and are told its state
    until the next primary's cal-rpcd takes them over."""
    with Primary(INSTANCE) as primary:
        primary.wait_state("running")
        client, idle = primary.connect(), primary.connect()
        client.result("spdk_get_version")
        pid = primary.service_pid("rpcd")
        first = primary.proc.pid
        os.kill(first, signal.SIGSTOP)
        client.send(VERSION % "1")
        time.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        line = client.line()
        check(b'"error":{"code":-32603' in line and b"The primary process has ended" in line,
              "a request under way when the primary dies is answered", line)
        primary.proc.wait()
        answer = client.call("spdk_get_version")
        message = answer.get("error", {}).get("message", "")
        check(answer.get("error", {}).get("code") == -32603 and
              f"The primary of instance {INSTANCE} (pid {first}) crashed or was killed while "
              "running (since 20" in message and "start it again" in message,
              "… and the next one is told in which state it died", answer)
        client.send('[{"method":"a","id":1},{"method":"b"},7]')
        codes = sorted(entry["error"]["code"] for entry in json.loads(client.line()))
        check(codes == [-32603, -32603, -32600], "… in a batch, too", codes)
        check(os.path.exists(f"/proc/{pid}"), "cal-rpcd stays")
        with open(f"/proc/{pid}/maps") as file:
            maps = file.read()
        # (What its own EAL had of files, private copies in its link's folder, is nobody else's.)
        mapped = [line for line in maps.splitlines() if "/link/" not in line and
                  ("huge" in line or "memfd" in line or "/run/" in line or "/dev/" in line)]
        check(not mapped, "… and maps nothing of the dead primary's", mapped)
        with open(f"/proc/{pid}/status") as file:
            huge = next(line.split()[1] for line in file if line.startswith("HugetlbPages"))
        check(huge == "0", "… no hugepage above all", huge)
        fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        check(not [fd for fd in fds if "memfd" in fd or "stats" in fd or "huge" in fd],
              "… nor holds a file of it", fds)
        primary.start()
        check(primary.wait_state("running") == "running", "the next primary comes up at once")
        check(wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5),
              "… its cal-rpcd takes over, and the old one ends")
        for one in (client, idle):
            check(one.result("spdk_get_version"), "… and the clients from before are served")
        with primary.connect() as late:
            check(late.result("spdk_get_version"), "… as new ones are")
        # A start that fails leaves its reason.
        second = primary.proc.pid
        primary.proc.kill()
        primary.proc.wait()
        primary.argv += ["-c", "/nowhere/at/all"]
        primary.start()
        check(primary.proc.wait(20 * SLOW) != 0, "a third one fails to start")
        message = client.call("spdk_get_version").get("error", {}).get("message", "")
        check("failed to start" in message and "/nowhere/at/all" in message,
              "… which the clients are told with its reason", message)
        primary.argv = primary.argv[:-2]
        primary.start()
        primary.wait_state("running")
        check(wait_until(lambda: "result" in client.call("spdk_get_version"), 5),
              "… and a fourth serves them", second)
        primary.proc.terminate()
        check(primary.proc.wait(10 * SLOW) == 0, "… and stops in order", primary.proc.returncode)
        check(client.at_end() and not os.path.exists(primary.socket) and
              not os.path.exists(primary.socket + ".lock"), "… with its socket gone")


def test_orphan_and_another():
    """Another instance takes a dead primary's socket over; SIGTERM ends an orphan."""
    with Primary(INSTANCE) as primary:
        primary.wait_state("running")
        client = primary.connect()
        pid = primary.service_pid("rpcd")
        primary.proc.kill()
        primary.proc.wait()
        env, argv = primary.env, primary.argv
        primary.argv = [str(INSTANCE + 1) if a == str(INSTANCE) else a for a in argv]
        primary.instance = INSTANCE + 1
        primary.start()
        check(primary.wait_state("running") == "running", "another instance with its socket starts")
        check(wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5) and
              "result" in client.call("spdk_get_version"), "… and serves the dead one's clients")
        pid = primary.service_pid("rpcd")
        primary.proc.kill()
        primary.proc.wait()
        check("error" in client.call("spdk_get_version"), "killed as well, its cal-rpcd stays")
        os.kill(pid, signal.SIGTERM)
        check(client.at_end() and wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5),
              "… until SIGTERM")
        check(not os.path.exists(primary.socket) and not os.path.exists(primary.socket + ".lock"),
              "… and takes socket and lock along")


def main():
    print(f"seed {SEED}")
    with Primary(INSTANCE) as primary:
        primary.wait_state("running")
        for test in (test_rows, test_methods, test_split, test_malformed, test_limits,
                     test_half_close, test_slow_reader, test_many_clients, test_socket,
                     test_socket_taken, test_kill, test_stop):
            test(primary)
    test_primary_killed()
    test_orphan_and_another()
    finish()


main()
