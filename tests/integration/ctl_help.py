#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""calctl without a primary: --help, ctl/README.md, usage errors, exit statuses."""
import json
import os
import re
import subprocess
import tempfile

CALCTL = os.path.join(os.environ["CAL_BUILD"], "bin", "calctl")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = tempfile.TemporaryDirectory(prefix="cal-ctl-")


def calctl(*args, **kwargs):
    env = dict(os.environ, CALANDRIA_RUN_ROOT=ROOT.name)
    return subprocess.run([CALCTL, *args], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, **kwargs)


def one_sentence(text):
    assert text.startswith("calctl: ") and text.count("\n") == 1, text


def check_help():
    page = calctl("--help")
    assert page.returncode == 0 and page.stderr == "", page
    commands = dict(re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}(.+)$", page.stdout, re.M))
    assert len(commands) >= 16, commands
    with open(os.path.join(HERE, "..", "..", "ctl", "README.md"), encoding="utf-8") as readme:
        rows = dict(re.findall(r"^\| `([a-z ]+)` \| ([^`{|]+) \|$", readme.read(), re.M))
    assert rows == commands, ("README and --help differ", set(rows.items()) ^ set(commands.items()))
    assert calctl("help").stdout == page.stdout
    assert max(map(len, page.stdout.splitlines())) <= 80
    for name in commands:
        one = calctl(*name.split(), "--help")
        assert one.returncode == 0 and one.stderr == "", one
        assert one.stdout.startswith("Usage: calctl [-i ID] [--json] " + name), one.stdout
        assert max(map(len, one.stdout.splitlines())) <= 80, one.stdout
        assert calctl("help", *name.split()).stdout == one.stdout
    family = calctl("service", "--help")
    assert family.returncode == 0 and "service restart" in family.stdout
    assert re.fullmatch(r"calctl \d+\.\d+\.\d+\n", calctl("--version").stdout)
    return commands


def check_usage_errors():
    for args in (["frob"], ["--frob"], ["-x"], [], ["-i", "x", "status"], ["-i"],
                 ["status", "--frob"], ["status", "more"], ["status", "--wait", "frob"],
                 ["service"], ["service", "frob"], ["service", "restart"], ["rpc"],
                 ["rpc", "m", "{"], ["rpc", "m", "17"], ["rpc", "--repeat", "x", "m"],
                 ["rpc", "--timeout", "-1", "m"], ["perf"], ["perf", "b", "-w", "frob"],
                 ["perf", "b", "-q", "0"], ["perf", "b", "-o", "4q"], ["perf", "b", "-t", "0"],
                 ["perf", "b", "-M", "101"], ["iostat", "x"], ["iostat", "1", "0"],
                 ["logs"], ["logs", "../state"], ["config", "save", "a", "b"], ["help", "frob"]):
        done = calctl(*args)
        assert done.returncode == 2, (args, done)
        assert done.stdout == "", (args, done)
        one_sentence(done.stderr)


def check_no_primary(commands):
    arguments = {"service restart": ["all"], "logs": ["rpcd"], "perf": ["Malloc0"],
                 "rpc": ["spdk_get_version"], "config save": ["-"], "config load": ["-"],
                 "trace start": ["pollers"], "trace show": ["pollers"]}
    for name in commands:
        done = calctl("-i", "170", *name.split(), *arguments.get(name, []),
                      input='{"subsystems": []}')
        assert done.returncode == 3, (name, done)
        assert done.stdout == "", (name, done)
        one_sentence(done.stderr)
        assert "170" in done.stderr, (name, done)
    status = calctl("-i", "170", "--json", "status")
    assert status.returncode == 3
    assert json.loads(status.stdout)["state"] == "none"
    waited = calctl("-i", "170", "status", "--wait", "running", "--timeout", "0.05")
    assert waited.returncode == 3, waited
    assert calctl("-i", "170", "status", "--wait", "stopped").returncode == 0


def check_bad_config():
    for text, sentence in (('{"subsystems": [}', "stdin:1:17: "),
                           ('{"a": 1}', "'subsystems'"),
                           ('{"subsystems": [{"subsystem": "b", "config": [{"id": 1}]}]}', "method")):
        done = calctl("-i", "170", "config", "load", "-", input=text)
        assert done.returncode == 1, done
        one_sentence(done.stderr)
        assert sentence in done.stderr, done
    done = calctl("-i", "170", "config", "load", os.path.join(ROOT.name, "absent"))
    assert done.returncode == 1 and "No such file" in done.stderr, done


known = check_help()
check_usage_errors()
check_no_primary(known)
check_bad_config()
ROOT.cleanup()
