#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tl with a minimal guest: every command, every step of create failing once, and many domains.

The same cases run on both hypervisors (HV=stock for the other one)."""
import lib
from tl import minimal

CASES = [
    ("commands", minimal("tl-commands")),
    ("faults", minimal("tl-faults")),
    ("many domains", minimal("tl-many", 100)),
]

if __name__ == "__main__":
    lib.run(CASES)
