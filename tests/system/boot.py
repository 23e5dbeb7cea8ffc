#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0 boots: machines, memory sizes, kernels, boot protocols, CPUs; and it stops when told to."""
import re

import lib
from lib import Setup, boot, check, initrd, kernel, run_guest_test


def dom0(kernel_name="6.1", low=0, high=0, cpus=1, **setup):
    """A case: boot with this setup and run the guest test dom0 with what it should find."""
    def case(name):
        run_guest_test(name, Setup(kernel=kernel(kernel_name), initrd=initrd(kernel_name), **setup),
                       "dom0", low, high, cpus)
    return case


def no_initrd(name):
    """Without an initramfs the kernel gets as far as looking for its root; its panic resets."""
    with boot(name, Setup(kernel=kernel(), args="panic=1", options="dom0_mem=256M", mem=512)) as m:
        m.wait("VFS: Unable to mount root fs", 120, fatal=None)
        check(f"{name}: the kernel looks for its root", True)
        reason = m.end(60)
        check(f"{name}: its panic resets the machine", reason == "guest-reset", reason)


def multiboot2(pc, first=""):
    """`first` begins both command lines: Debian's GRUB scripts write "placeholder" there."""
    def case(name):
        path = lib.iso(pc, lib.hypervisor(), f"{first} dom0_mem=512M com1=115200,8n1 console=com1",
                       kernel(), "tenon.test=dom0 tenon.args=380,512,1", initrd(), first)
        text = run_guest_test(name, Setup(iso=path, machine=pc, mem=1024), "dom0", boot_limit=300)
        command = re.search(r"Command line: (.*)", text)
        check(f"{name}: the command lines are as meant",
              "placeholder ignored" not in text and command and "placeholder" not in command.group(1),
              command and command.group(1))
    return case


CASES = [
    ("q35 2 GiB, 6.1", dom0(mem=2048, options="dom0_mem=512M", low=250, high=512)),
    ("q35 2 GiB, 6.12", dom0("6.12", mem=2048, options="dom0_mem=512M", low=250, high=512)),
    ("pc 1 GiB, 6.1", dom0(machine="pc", mem=1024, options="dom0_mem=512M", low=250, high=512)),
    ("512 MiB, all that is left for dom0", dom0(mem=512, low=280, high=480)),
    ("dom0_mem=max:", dom0(mem=2048, options="dom0_mem=max:640M", low=500, high=640)),
    ("dom0_mem=size,max:", dom0(mem=2048, options="dom0_mem=400M,max:800M", low=250, high=400)),
    ("memory above 4 GiB", dom0(mem=7168, options="dom0_mem=5G", low=4600, high=5120)),
    ("16 GiB", dom0(mem=16384, options="dom0_mem=512M bootscrub=0", low=250, high=512)),
    ("2 CPUs", dom0(smp=2, options="dom0_mem=512M", low=250, high=512, cpus=2)),
    ("4 CPUs, 6.12, pc", dom0("6.12", machine="pc", smp=4, options="dom0_mem=512M", low=250,
                              high=512, cpus=4)),
    ("4 CPUs, dom0_max_vcpus=2", dom0(smp=4, options="dom0_mem=512M dom0_max_vcpus=2", low=250,
                                      high=512, cpus=2)),
    ("reboot", dom0(mem=1024, options="dom0_mem=512M", args="tenon.end=reboot", low=250, high=512)),
    ("no initrd", no_initrd),
    ("Multiboot 2 on q35", multiboot2("q35")),
    ("Multiboot 2 on pc", multiboot2("pc", "placeholder")),
]

if __name__ == "__main__":
    lib.run(CASES)
