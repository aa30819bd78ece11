# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""What the tests of --state-dir share: clients that change the configuration and know what must come of
it, and looking whether it did. Not a test (not executable)."""
import json
import threading
import time

import primary as p


class Client(threading.Thread):
    """Creates, resizes and deletes devices of its own. `sure` is what was answered, `maybe` what
    the one request without an answer may have made of it (None: no device)."""

    def __init__(self, prim, number, sure, rnd):
        super().__init__()
        self.prim, self.number, self.sure, self.rnd = prim, number, sure, rnd
        self.maybe, self.answered, self.slowest, self.error = None, 0, 0.0, None
        self.going = True

    def one(self):
        name = f"C{self.number}.{self.rnd.randrange(6)}"
        if name not in self.sure:
            mib = self.rnd.randrange(1, 4)
            request = ("bdev_null_create", {"name": name, "num_blocks": 2048 * mib,
                                            "block_size": 512})
            after = 2048 * mib
        elif self.rnd.random() < 0.4:
            mib = self.sure[name] // 2048 + 1
            request, after = ("bdev_null_resize", {"name": name, "new_size": mib}), 2048 * mib
        else:
            request, after = ("bdev_null_delete", {"name": name}), None
        self.maybe = (name, after)
        begin = time.monotonic()
        answer = self.prim.rpc_call(*request)
        if "result" not in answer:
            if "The primary" not in answer["error"]["message"]:  # cal-rpcd says that it has ended
                self.error = f"{request}: {answer}"
            raise ConnectionError
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.answered += 1
        self.maybe = None
        if after is None:
            del self.sure[name]
        else:
            self.sure[name] = after

    def run(self):
        try:
            while self.going:
                self.one()
        except (OSError, p.Failure, ValueError):
            pass  # the primary was killed


def check_whole(path):
    try:
        with open(path) as file:
            json.load(file)
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise p.Failure(f"the file is torn: {error}") from error


def bdevs(prim):
    return {bdev["name"]: bdev["num_blocks"] for bdev in prim.rpc_call("bdev_get_bdevs")["result"]}


def compare(got, sure, maybe):
    """Which of the unanswered requests were carried out is settled here."""
    for name, after in maybe:
        if got.get(name) not in (sure.get(name), after):
            raise p.Failure(f"{name} is {got.get(name)}: neither {sure.get(name)} nor {after}")
        if name in got:
            sure[name] = got[name]
        else:
            sure.pop(name, None)
    p.check(got == sure, f"got {got}, want {sure}")
