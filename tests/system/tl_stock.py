#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tl on stock Xen 4.17: the same cases as on ours, in the same run. What holds on one only is wrong."""
import os
import sys

OTHER = os.environ.get("HV") == "stock"
os.environ["HV"] = "stock"

import lib                                            # noqa: E402
from tl import guest                                  # noqa: E402
from tl_minimal import small                          # noqa: E402

CASES = [
    ("small guests", small),
    ("6.1 packed as xz", guest("6.1", "6.1", "vmlinuz", "full", smp=2)),
]

if __name__ == "__main__":
    if OTHER:
        print("ok 1 - tl on stock Xen # SKIP all tests run there already\n1..1")
        sys.exit(0)
    lib.script("fetch-stock")
    lib.run(CASES)
