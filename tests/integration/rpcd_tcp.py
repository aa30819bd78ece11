#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""JSON-RPC on TCP beside the Unix socket, the socket's mode, and what becomes of both when cal-rpcd
is replaced, killed, or its primary is killed."""
import os
import signal
import socket
import stat
import subprocess
import sys

from rpc_common import CALANDRIA, CALCTL, SLOW, Client, Primary, check, finish, wait_until

INSTANCE = 542


class Tcp(Client):
    """A client by TCP."""

    def __init__(self, port, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), timeout=10 * SLOW)
        self.buf = b""


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def connects(port, host="127.0.0.1"):
    try:
        with Tcp(port, host) as client:
            return "result" in client.call("spdk_get_version")
    except (OSError, ValueError):
        return False


def test_both(primary, port):
    mode = stat.S_IMODE(os.stat(primary.socket).st_mode)
    check(mode == 0o660, "--rpc-socket-mode 660", oct(mode))
    with Tcp(port) as tcp, primary.connect() as unix:
        check(tcp.result("spdk_get_version") == unix.result("spdk_get_version"),
              "TCP and Unix answer alike")
        answer = tcp.call("cal_rpcd_handover", {"version": 1, "take": True})
        check(answer["error"]["code"] == -32601, "nobody takes over by TCP", answer)
        tcp.send("{]")
        check(b"-32700" in tcp.line() and tcp.at_end(), "what is malformed is told and closed")
    check("controls" not in primary.output(), "loopback is worth no warning")
    rpc_py = os.path.join(os.environ.get("SPDK_DIR", ""), "scripts", "rpc.py")
    if os.path.exists(rpc_py):
        out = subprocess.run([sys.executable, rpc_py, "-s", "127.0.0.1", "-p", str(port),
                              "spdk_get_version"], capture_output=True, text=True)
        check(out.returncode == 0 and "version" in out.stdout, "SPDK's rpc.py -s -p", out)


def test_replaced(primary, port):
    with Tcp(port) as tcp:
        tcp.send('{"method":"spdk_get_')
        out = subprocess.run([CALCTL, "-i", str(INSTANCE), "service", "restart", "rpcd"],
                             env=primary.env, capture_output=True, text=True)
        tcp.send('version","id":1}')
        check(out.returncode == 0 and b'"result"' in tcp.line(), "a restart keeps TCP connections",
              out)
        pid = primary.kill_service("rpcd")
        check(tcp.at_end(), "kill -9 does not")
    check(wait_until(lambda: primary.service_pid("rpcd") not in (0, pid) and connects(port), 2),
          "… but the port is served again")


def test_another_address(primary, port):
    other = free_port("::1")
    with Tcp(port) as tcp, primary.connect() as unix:
        primary.proc.kill()
        primary.proc.wait()
        check("error" in tcp.call("spdk_get_version"), "without a primary TCP is told so, too")
        primary.argv = [f"[::1]:{other}" if a == str(port) else a for a in primary.argv]
        primary.start()
        primary.wait_state("running")
        check(connects(other, "::1"), "the next primary has another address: it is served")
        check("result" in tcp.call("spdk_get_version") and
              "result" in unix.call("spdk_get_version"), "… connections from before stay")
        check(not connects(port), "… and the old address is given up")


def test_port_taken(primary):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        out = subprocess.run([CALANDRIA, "-m", "0x1", "-s", "64", "-i", str(INSTANCE + 1), "-r",
                              primary.socket + "2", "--rpc-tcp", str(port)], env=primary.env,
                             capture_output=True, text=True, timeout=20 * SLOW)
    text = out.stdout + out.stderr
    check(out.returncode != 0 and f"cannot listen on TCP {port}: Address already in use" in text,
          "a port that is taken ends the start", (out.returncode, text[-300:]))


def test_open_to_all():
    port = free_port()
    with Primary(INSTANCE, args=("--rpc-tcp", f"0.0.0.0:{port}")) as primary:
        primary.wait_state("running")
        check(f"TCP 0.0.0.0:{port} has no authentication" in primary.output(),
              "an address that others reach is worth a warning", primary.output()[-300:])
        check(connects(port), "… and served")
        # Requests of a stopped primary: what is under way ends with it.
        primary.proc.send_signal(signal.SIGTERM)
        check(primary.proc.wait(10 * SLOW) == 0 and not connects(port), "… until the stop")


def main():
    port = free_port()
    with Primary(INSTANCE, args=("--rpc-tcp", str(port), "--rpc-socket-mode", "660")) as primary:
        primary.wait_state("running")
        test_both(primary, port)
        test_replaced(primary, port)
        test_another_address(primary, port)
        test_port_taken(primary)
    test_open_to_all()
    finish()


main()
