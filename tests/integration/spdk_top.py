#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""SPDK's spdk_top, as it is, on our socket ($SPDK_DIR, built), in a terminal: its three tabs, sorting,
columns, refresh rate, totals, the windows of details and help, while threads and pollers come and go,
and with 600 pollers. It shows what is there and never ends by itself."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import modules
import primary as p

SPDK = os.environ.get("SPDK_DIR", "")
TOP = os.path.join(SPDK, "build/bin/spdk_top")
DOWN, UP, RIGHT, ENTER, ESC = b"\x1bOB", b"\x1bOA", b"\x1bOC", b"\r", b"\x1b"


class Terminal:
    """The program on a terminal of 60 lines; `seen` is all that it has written."""

    def __init__(self, *argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
            os.execv(argv[0], argv)
        self.seen, self.status = "", None

    def read(self, seconds):
        """What it writes in the next `seconds`, without what moves the cursor and colours."""
        end, new = time.monotonic() + seconds, b""
        while time.monotonic() < end:
            if select.select([self.fd], [], [], end - time.monotonic())[0]:
                try:
                    data = os.read(self.fd, 1 << 16)
                except OSError:
                    data = b""
                if not data:
                    break
                new += data
        text = re.sub(r"\x1b[\[()?][0-9;?]*[A-Za-z]?|\x1b[=>78]", " ", new.decode(errors="replace"))
        self.seen += text
        return text

    def keys(self, data, seconds=0.4):
        self.check()
        os.write(self.fd, data)
        return self.read(seconds)

    def check(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        p.check(self.status is None, f"spdk_top has ended by itself with {self.status}:\n"
                f"{self.seen[-1500:]}")

    def wait_end(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return self.status
        raise p.Failure("spdk_top does not end")

    def close(self):
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def in_a_terminal(root):
    exe = modules.build_ours(root)
    with modules.App(root, exe, True) as app:
        app.result("framework_wait_init")
        app.result("bdev_malloc_create", modules.M0)
        job = app.result("cal_perf_start", {"name": "M0", "workload": "randread", "queue_depth": 4,
                                            "time_ms": 60000})["id"]
        top = Terminal(TOP, "-r", app.sock)
        try:
            text = top.read(2.5)
            p.check("app_thread" in text and "THREADS" in text.upper(), text[-2000:])
            # The tabs, in order and back, each with what belongs there.
            p.check("crowd_poll" not in top.seen, "nobody there yet")
            app.result("bdev_echo_crowd", {"pollers": 8, "threads": 4})
            text = top.keys(b"2", 2.5)
            p.check("crowd_poll" in text, f"pollers: {text[-2000:]}")
            text = top.keys(b"3", 2.5)
            p.check("Core" in text and ("Running" in text or "%" in text), f"cores: {text[-2000:]}")
            text = top.keys(b"1", 2.5)
            p.check("crowd" in text, f"threads: {text[-2000:]}")
            for tab in (b"1", b"2", b"3"):
                top.keys(tab)
                for key in (DOWN, DOWN, UP, ENTER):  # a line's details
                    top.keys(key)
                top.keys(DOWN)
                top.keys(ESC, 1.2)
                top.keys(b"s")  # sort by another column
                top.keys(DOWN)
                top.keys(ENTER)
                top.keys(b"c")  # and take a column away
                top.keys(DOWN)
                top.keys(ENTER)
                top.keys(ESC, 1.2)
                top.keys(b"t")  # totals or the interval
                top.keys(b"g")
                top.keys(b"h")
                top.keys(ESC, 1.2)
                top.check()
            top.keys(b"r")
            top.keys(b"0")
            top.keys(ENTER)
            # They come and go while it looks, with its details open.
            for turn in range(12):
                app.result("bdev_echo_crowd", {"pollers": (turn * 37) % 90,
                                               "threads": (turn * 11) % 30})
                top.keys((b"1", b"2", b"3")[turn % 3], 0.1)
                top.keys(ENTER if turn % 4 == 1 else DOWN, 0.1)
                if turn % 4 == 3:
                    top.keys(ESC, 1.2)
            top.keys(ESC, 1.2)
            app.result("bdev_echo_crowd", {"pollers": 600, "threads": 0})
            top.keys(b"2", 2)
            for _ in range(20):
                top.keys(b"\x1b[6~", 0.1)  # a page down
            p.check(top.keys(b"1", 2.5).count("app_thread") > 0, "it still shows what is there")
            app.result("cal_perf_stop", {"id": job})
            app.result("bdev_echo_crowd", {})
            top.read(2)
            top.check()
            os.write(top.fd, b"q")
            p.check(top.wait_end() == 0, f"status {top.status}")
        finally:
            top.close()
        app.stop()


if __name__ == "__main__":
    if not SPDK or not os.path.exists(TOP):
        print("  ($SPDK_DIR is not set, or not built: spdk_top is not run)")
        sys.exit(0)
    p.needs_hugepages(130)
    p.main([in_a_terminal])
