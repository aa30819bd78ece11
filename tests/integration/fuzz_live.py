#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""Some thousand random and mutated JSON-RPC inputs against a real primary: tests/fuzz/live.py, which
`make fuzz T=live` runs for a million."""
import os
import subprocess
import sys

LIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "live.py")

sys.exit(subprocess.run([LIVE, "--inputs", "8000", "--seed", "4"], check=False).returncode)
