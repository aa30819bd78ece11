#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""200 kills with two reactors. What is done and what must hold: chaos.py."""
import sys

import chaos

sys.exit(chaos.main(["-n", "200", "--reactors", "2"]))
