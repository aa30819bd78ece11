# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What the tests of calctl share: primaries of one instance and calctl on it.

Not a test (not executable). Tests import it from their own folder.
"""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import primary

CALCTL = os.path.join(primary.BIN, "calctl")


class Instance:
    """One instance id in a run root of its own."""

    def __init__(self, root, number):
        self.root = root
        self.id = str(number)
        self.env = dict(root.env(), TZ="UTC")

    def start(self, *args, wait="running"):
        return self.root.start(*args, instance=int(self.id), wait=wait)

    def popen(self, *args, **kwargs):
        return subprocess.Popen([CALCTL, "-i", self.id, *args], env=self.env, text=True, **kwargs)

    def calctl(self, *args, rc=0, says="", **kwargs):
        """Run it and check its exit status; when that is 0 stderr is empty or has `says`."""
        done = subprocess.run([CALCTL, "-i", self.id, *args], env=self.env, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        assert done.returncode == rc, (args, done)
        assert rc != 0 or bool(done.stderr) == bool(says) and says in done.stderr, (args, done)
        return done

    def ask(self, *args, **kwargs):
        """The one line that --json prints, read."""
        out = self.calctl("--json", *args, **kwargs).stdout
        assert out.count("\n") == 1, (args, out)
        return json.loads(out)

    def rpc(self, method, params=None):
        """By JSON-RPC: what is begun so outlives the connection."""
        answer = self.root.primaries[-1].rpc_call(method, params, timeout=60)
        assert "result" in answer, (method, params, answer)
        return answer["result"]

    def on_terminal(self, *args, columns=80, **env):
        """What calctl prints on a terminal."""
        terminal, its_end = pty.openpty()
        fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env_here = {**self.env, "NO_COLOR": "", "TERM": "xterm", **env}
        with subprocess.Popen([CALCTL, "-i", self.id, *args], env=env_here, stdin=its_end,
                              stdout=its_end, stderr=its_end) as process:
            os.close(its_end)
            out = b""
            try:
                while piece := os.read(terminal, 65536):
                    out += piece
            except OSError:  # EIO: the last writer is gone
                pass
        os.close(terminal)
        return process.returncode, out.decode().replace("\r\n", "\n")


def keys(value, needed, optional=""):
    """Exactly these keys, and perhaps the optional ones."""
    missing = set(needed.split()) - set(value)
    unknown = set(value) - set(needed.split()) - set(optional.split())
    assert not missing and not unknown, (missing, unknown, value)


def run(number, main):
    """Run main(instance); show what the primaries printed if it fails."""
    primary.needs_hugepages(64)
    with primary.Root() as root:
        try:
            main(Instance(root, number))
        except BaseException:
            for one in root.primaries:
                print(one.output())
            raise
