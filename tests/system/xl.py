#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's xl, command by command, over the life of stock kernels; and many guests at once.

The same cases run on both hypervisors (HV=stock for the other one)."""
import os

import lib
from lib import BUILD, Setup, initrd, kernel, run_guest_test, script


def tools(tag, *guests):
    """An initramfs with Debian's tools, our test programs and the guest kernels."""
    script("fetch-stock")
    add = ["--add", os.path.join(BUILD, "tests/dom0") + ":/usr/lib/tenon/bin",
           "--add", os.path.join(BUILD, "tl-tiny.elf") + ":/guest/tiny.elf"]
    for name in guests:
        add += ["--add", kernel(name) + f":/guest/{name}/vmlinux",
                "--add", initrd(name, "guest", "--guest") + f":/guest/{name}/initrd.gz"]
    return initrd("6.1", tag, "--stock", *add)


def life(name):
    s = Setup(kernel=kernel("6.1"), initrd=tools("life", "6.1", "6.1-cloud", "6.12"), smp=2, mem=2560,
              options="dom0_mem=1100M", args="tenon.tools=stock")
    run_guest_test(name, s, "xl-life", boot_limit=240, limit=600)


def many(name):
    s = Setup(kernel=kernel("6.1"), initrd=tools("many"), smp=2, mem=2048, options="dom0_mem=700M",
              args="tenon.tools=stock")
    run_guest_test(name, s, "xl-many", boot_limit=240, limit=400)


CASES = [
    ("life", life),
    ("many", many),
]

if __name__ == "__main__":
    lib.run(CASES)
