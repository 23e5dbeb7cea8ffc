#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dom0 drives the machine's devices: disks and networks by MSI and lines, keyboard, clock, ACPI."""
import re

import lib
from lib import Setup, check, disk, initrd, kernel, machine, run_guest_test


def press_a_key(m):
    m.wait("^# press a key", 200)
    for _ in range(8):  # the first may come before the guest polls its keyboard
        m.command("send-key", keys=[{"type": "qcode", "data": "a"}])
        try:
            m.wait("a key press arrives", 2)
            return
        except machine.Failed:
            pass


def devices(kernel_name, **setup):
    def case(name):
        ahci, nvme = disk("ahci"), disk("nvme")
        s = Setup(kernel=kernel(kernel_name), initrd=initrd(kernel_name), ahci=ahci, nvme=nvme,
                  network=True, keyboard=True, options="dom0_mem=512M",
                  extra=["-rtc", "base=2031-05-06T07:08:09"], **setup)
        text = run_guest_test(name, s, "devices", during=press_a_key)
        for image, dev in ((ahci, "sda"), (nvme, "nvme0n1")):
            said = re.search(dev + r": 8 MiB written and read back, md5 (\w+)", text)
            check(f"{name}: {dev}'s data is in the host's image",
                  said and said.group(1) == lib.md5_of(image, 8), said)
    return case


def power_button(name):
    """The shell's machine gets the ACPI power button; acpid-less busybox sees the input event."""
    s = Setup(kernel=kernel(), initrd=initrd(), options="dom0_mem=512M", mem=1024)
    s.args = "tenon.test=powerbutton"
    with lib.boot(name, s) as m:
        m.wait("^# press the power button", 180)
        m.command("system_powerdown")
        m.wait("^# test powerbutton done", 60)
        lib.guest_results(name, m.text)
        reason = m.end(60)
        check(f"{name}: powers off", reason == "guest-shutdown", reason)


CASES = [
    ("6.1 on q35, 2 CPUs", devices("6.1", smp=2)),
    ("6.12 on q35", devices("6.12")),
    ("6.1 on pc", devices("6.1", machine="pc")),
    ("power button", power_button),
]

if __name__ == "__main__":
    lib.run(CASES)
