#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our xenstored under stock xl: kernel, domain and tools must not notice that it is killed."""
import os
import sys

import lib
from lib import Setup, initrd, kernel, run_guest_test


def case(kernel_name):
    def run(name):
        daemon = lib.machine.need(os.path.join(lib.BUILD, "xenstored"), "run make")
        kernel(kernel_name)
        lib.script("fetch-stock")
        guest = os.path.join(lib.IMAGES, f"store-guest-{kernel_name}.gz")
        lib.script("make-initramfs", "-k", kernel_name, "--guest", "-o", guest)
        image = initrd(kernel_name, "store", "--stock",
                       "--add", f"{daemon}:usr/lib/tenon/bin/xenstored",
                       "--add", f"{lib.machine.vmlinux(kernel_name)}:guest/kernel",
                       "--add", f"{guest}:guest/initrd.gz")
        run_guest_test(name, Setup(kernel=kernel(kernel_name), initrd=image, mem=2048,
                                   options="dom0_mem=1024M"), "xenstored", limit=400)
    return run


CASES = [("xenstored, 6.1", case("6.1")), ("xenstored, 6.12", case("6.12"))]

if __name__ == "__main__":
    lib.run(CASES)
