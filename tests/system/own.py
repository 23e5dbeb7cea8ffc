#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our own services together: xenstored, tl-consoled and tl in dom0 run Debian's kernel as a guest."""
import os

import lib
from lib import Setup, initrd, kernel, run_guest_test


def own(dom0_kernel, guest_kernel, **setup):
    def case(name):
        kernel(guest_kernel)
        ramdisk = initrd(guest_kernel, "guest", "--guest")
        source = os.path.join(os.path.dirname(kernel(guest_kernel)), "vmlinux")
        archive = initrd(dom0_kernel, "own", "--own", "--add", source + ":/guest/kernel",
                         "--add", ramdisk + ":/guest/initrd.gz")
        s = Setup(kernel=kernel(dom0_kernel), initrd=archive, options="dom0_mem=800M", mem=2048,
                  args="tenon.tools=own", **setup)
        run_guest_test(name, s, "own", boot_limit=240, limit=400)
    return case


CASES = [
    ("our services, 6.1-cloud guest", own("6.1", "6.1-cloud")),
]

if __name__ == "__main__":
    lib.run(CASES)
