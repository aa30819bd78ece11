# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""The methods and their parameters as core/rpc/METHODS.md has them, and values for these: good
ones, ones at the border, and ones of other types."""
import os
import re

METHODS_MD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "rpc", "METHODS.md")

LIMITS = {"u8": 255, "u16": 65535, "u32": 2**32 - 1, "i32": 2**31 - 1, "u64": 2**64 - 1, "i64": 2**63 - 1}
WRONG = [None, True, False, 0, -1, 1, 1.5, 1e300, -2**63, 2**32, 2**63, 2**64 - 1, "", "x", "\0", "\U0001d11e", "é" * 300,
         "%s%n", "../../etc/passwd", [], {}, [[]], [None] * 9, {"name": "x"}, {"": 0}, "18446744073709551616", "0x"]


def read_methods(path=METHODS_MD):
    """{method: [(parameter, type, what is said of it)]}"""
    methods, params = {}, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"### (\w+)\s*$", line)
            if match:
                params = methods.setdefault(match[1], [])
            match = re.match(r"  - ((?:`\w+`!?,? ?)+)(\w*)(.*)", line)
            if match:
                for name in re.findall(r"`(\w+)`", match[1]):
                    params.append((name, match[2], match[3]))
    return methods


def value(rng, name, kind, about, names):
    """A value for a parameter: often a good one. `names` are of devices that may exist."""
    dice = rng.random()
    if dice < 0.2:
        return rng.choice(WRONG)
    if kind == "bool":
        return rng.random() < 0.5
    if kind in LIMITS:
        top = LIMITS[kind]
        if dice < 0.4:
            return rng.choice([0, 1, top, top + 1, top - 1, top // 2 + 1, -1, -top])
        return rng.choice([0, 1, 2, 3, 4, 8, 16, 64, 100, 512, 520, 1024, 4096, 4160, 8192, 65536])
    if kind == "enum":
        words = re.findall(r"\b[A-Za-z]\w+\b", about)
        return rng.choice(words) if words else "none"
    if name in ("name", "bdev", "bdev_name", "base_bdev"):
        return rng.choice(names)
    if name == "uuid":
        return f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    if "mask" in name or name == "mappings":
        return rng.choice(["0x1", "0x2", "0x3", "3", "[0]", "[1]", "[0-1]", "[0,1]", "0", "1:1", "[", "[1-", "0xffffffffffff"])
    return rng.choice(["", "a", "all", "bdev", "thread", "none", "SIGHUP", "/nonexistent/file", "Malloc0"])


def params_of(rng, params, names):
    """An object for a method with these parameters: most of them, seldom something else."""
    dice = rng.random()
    if dice < 0.03:
        return rng.choice(WRONG)
    chosen = {name: value(rng, name, kind, about, names)
              for name, kind, about in params if rng.random() < 0.75}
    if rng.random() < 0.05:
        chosen[rng.choice(["", "nam", "näme", "x" * 500])] = rng.choice(WRONG)
    return chosen
