#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's xl, xenstored, xenconsoled and kernel back ends start a stock kernel as a domain."""
import lib
from lib import Setup, initrd, kernel, run_guest_test, script


def xl(dom0_kernel, guest_kernel, **setup):
    def case(name):
        script("fetch-stock")
        guest = initrd(guest_kernel, "guest", "--guest")
        tools = initrd(dom0_kernel, "dom0-" + guest_kernel, "--stock",
                       "--add", kernel(guest_kernel) + ":/guest/kernel",
                       "--add", guest + ":/guest/initrd.gz")
        s = Setup(kernel=kernel(dom0_kernel), initrd=tools, args="tenon.tools=stock",
                  options="dom0_mem=700M", **setup)
        run_guest_test(name, s, "xl", boot_limit=240, limit=300)
    return case


CASES = [
    ("6.1 starts 6.1", xl("6.1", "6.1")),
    ("6.12 starts 6.1-cloud on 2 CPUs", xl("6.12", "6.1-cloud", smp=2)),
    ("6.1 starts 6.12", xl("6.1", "6.12")),
]

if __name__ == "__main__":
    lib.run(CASES)
