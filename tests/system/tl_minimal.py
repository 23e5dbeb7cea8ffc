#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tl with small guests: every command, actions, consoles, trouble, failing steps, many domains, boot scripts.

The same cases run on both hypervisors (HV=stock for the other one)."""
import os

import lib
from lib import Setup, kernel, run_guest_test
from tl import check_documents, tools


def small(name):
    archive = tools("6.1", "small")
    s = Setup(kernel=kernel("6.1"), initrd=archive, options="dom0_mem=700M", mem=2048, smp=2)
    text = run_guest_test(name, s, "tl-small", *os.environ.get("PARTS", "").split(), boot_limit=240, limit=1200)
    check_documents(name, text)


CASES = [("small guests", small)]

if __name__ == "__main__":
    lib.run(CASES)
