#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our tl and tl-consoled manage stock kernels, beside Debian's xenstored.

The same cases run on both hypervisors (HV=stock for the other one)."""
import os

import lib
from lib import BUILD, Setup, initrd, kernel, run_guest_test, script

TOOLS = ["tl", "tl-consoled", "tl-dom0-init", "tl-tiny.elf"]


def tools(dom0_kernel, tag, *more):
    """An initramfs with Debian's store daemon, our tools, and what else is asked for."""
    script("fetch-stock")
    add = []
    for tool in TOOLS:
        where = "/guest/tiny.elf" if tool.endswith(".elf") else "/usr/lib/tenon/bin/" + tool
        add += ["--add", os.path.join(BUILD, tool) + ":" + where]
    return initrd(dom0_kernel, tag, "--stock", *add, *more)


def guest(dom0_kernel, guest_kernel, image, **setup):
    def case(name):
        kernel(guest_kernel)
        ramdisk = initrd(guest_kernel, "guest", "--guest")
        source = os.path.join(os.path.dirname(kernel(guest_kernel)), image)
        archive = tools(dom0_kernel, f"dom0-{guest_kernel}-{image}",
                        "--add", source + ":/guest/kernel", "--add", ramdisk + ":/guest/initrd.gz")
        s = Setup(kernel=kernel(dom0_kernel), initrd=archive, options="dom0_mem=800M", mem=2048,
                  **setup)
        run_guest_test(name, s, "tl", boot_limit=240, limit=900)
    return case


def minimal(test, *args, limit=900):
    def case(name):
        s = Setup(kernel=kernel("6.1"), initrd=tools("6.1", test), options="dom0_mem=700M", mem=2048)
        run_guest_test(name, s, test, *args, boot_limit=240, limit=limit)
    return case


CASES = [
    ("6.1 packed as xz", guest("6.1", "6.1", "vmlinuz")),
    ("6.12 packed as zstd", guest("6.1", "6.12", "vmlinuz", smp=2)),
    ("6.1-cloud unpacked", guest("6.12", "6.1-cloud", "vmlinux")),
]

if __name__ == "__main__":
    lib.run(CASES)
