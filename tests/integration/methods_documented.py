#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""core/rpc/METHODS.md against a running primary: the same names, the same states; methods that are
documented without parameters refuse any, and each documented parameter is known to its method and
refused when it is of the wrong type. The calls made here all fail before they do anything."""
import os
import re

from rpc_common import Primary, check, finish

INSTANCE = 131
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../core/rpc/METHODS.md")

METHOD = re.compile(r"^### (\w+)$")
STATES = re.compile(r"^- States: (.+)$")
PARAMETERS = re.compile(r"^- Parameters:(.*)$")
PARAMETER = re.compile(r"^  - `(\w+)`(!?) (\w+)")


def read_page():
    """{method: {"states": set, "params": None for ignored, or {name: required}, "open": bool}}"""
    methods, entry = {}, None
    with open(PAGE) as file:
        for line in file:
            line = line.rstrip()
            if match := METHOD.match(line):
                check(match[1] not in methods, f"{match[1]} is documented once")
                entry = methods.setdefault(match[1], {"states": set(), "params": {}, "open": False,
                                                   "wrong": {}})
            elif entry is None:
                continue
            elif match := STATES.match(line):
                entry["states"] = set(match[1].split(", "))
            elif match := PARAMETERS.match(line):
                if match[1].strip() == "ignored":
                    entry["params"] = None
                entry["open"] = "others" in match[1]
            elif match := PARAMETER.match(line):
                entry["params"][match[1]] = match[2] == "!"
                entry["wrong"][match[1]] = [] if match[3] == "obj" else {}
    return methods


def error_of(client, method, params):
    answer = client.call(method, params)
    return answer.get("error")


def check_params(client, method, entry):
    if entry["params"] is None:
        return
    if not entry["params"]:
        error = error_of(client, method, {})
        check(error is not None and error["code"] == -32602, f"{method} takes no parameters", error)
        return
    for name in entry["params"]:
        # The refusal must be of the type, not of the name.
        error = error_of(client, method, {name: entry["wrong"][name]})
        check(error is not None and f'"{name}' in error["message"] and
              "no such parameter" not in error["message"], f"{method}: {name} is known", error)
    if not entry["open"]:
        error = error_of(client, method, {"no_such_parameter": 1})
        check(error is not None and '"no_such_parameter": no such parameter' in error["message"],
              f"{method} refuses what is not documented", error)


def check_state(client, methods, state):
    current = set(client.result("rpc_get_methods", {"current": True}))
    documented = {name for name, entry in methods.items() if state in entry["states"]}
    check(current == documented, f"what may be called at {state} is what is documented",
          f"only there: {sorted(current - documented)}; only here: {sorted(documented - current)}")
    for name in sorted(current & documented):
        check_params(client, name, methods[name])


def main():
    methods = read_page()
    with Primary(INSTANCE, ["--wait-for-rpc"]) as primary, primary.connect() as client:
        registered = set(client.result("rpc_get_methods"))
        check(registered - set(methods) == set(), "every method is in core/rpc/METHODS.md",
              sorted(registered - set(methods)))
        check(set(methods) - registered == set(), "everything in core/rpc/METHODS.md exists",
              sorted(set(methods) - registered))
        check_state(client, methods, "startup")
        check(client.result("framework_start_init") is True, "the framework starts")
        check_state(client, methods, "runtime")
        check(client.result("framework_wait_init", {"x": 1}) is True, "ignored parameters are")
    finish()


if __name__ == "__main__":
    main()
