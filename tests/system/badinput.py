#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Input that cannot boot: one clear line on the console, then a reboot or a halt as configured.

Kernels are made here, byte by byte: a minimal PV ELF that is right, and variations that are wrong
in one way each. QEMU's log of resets tells an ordered reboot from a triple fault. At the end ring 0
itself is broken, under a guest that calls it, for what it says then.
"""
import os
import re
import socket
import struct
import subprocess

import lib
from lib import IMAGES, Setup, Skip, boot, check, kernel, machine

NOTE_ENTRY, NOTE_VIRT_BASE, NOTE_PADDR_OFFSET, NOTE_GUEST_OS, NOTE_INIT_P2M = 1, 3, 4, 6, 15
BASE = 0xffffffff81000000


def note(kind, value):
    desc = value if isinstance(value, bytes) else struct.pack("<Q", value)
    return struct.pack("<III", 4, len(desc), kind) + b"Xen\0" + desc + bytes(-len(desc) % 4)


def notes_with(paddr_offset, virt_base=0xffffffff80000000):
    return note(NOTE_ENTRY, BASE) + note(NOTE_VIRT_BASE, virt_base) + \
        note(NOTE_PADDR_OFFSET, paddr_offset) + note(NOTE_GUEST_OS, b"test\0")


GOOD_NOTES = notes_with(0)


def elf(notes=GOOD_NOTES, filesz=4096, memsz=4096, vaddr=BASE, paddr=0x1000000, phoff=64, phnum=2,
        offset=4096, elf_class=2, arch=62, notes_size=None):
    """An ELF64 kernel of one page of UD2 with a note segment; every header field can be bent."""
    ident = b"\x7fELF" + bytes([elf_class, 1, 1]) + bytes(9)
    head = ident + struct.pack("<HHIQQQIHHHHHH", 2, arch, 1, BASE, phoff, 0, 0, 64, 56, phnum, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, offset, vaddr, paddr, filesz, memsz, 4096)
    size = len(notes) if notes_size is None else notes_size
    more = struct.pack("<IIQQQQQQ", 4, 4, 512, 0, 0, size, size, 4)
    page = (head + load + more).ljust(512, b"\0") + notes
    return page.ljust(4096, b"\0") + b"\x0f\x0b" * 2048


def module(name, data):
    os.makedirs(IMAGES, exist_ok=True)
    path = os.path.join(IMAGES, f"bad-{name}")
    with open(path, "wb") as f:
        f.write(data)
    return path


def part_of_vmlinux(size):
    with open(kernel(), "rb") as f:
        return f.read(size)


def refused(setup, line, halts=False):
    """The line appears exactly once, and the machine resets (or, told not to, stays)."""
    def case(name):
        if lib.on_stock():
            raise Skip("these messages are Tenon's")
        s = setup() if callable(setup) else setup
        log = os.path.join(machine.LOGS, "badinput.reset.log")
        s.extra = ["-d", "cpu_reset", "-D", log]
        s.mem = s.mem if s.mem != 2048 else 256
        with boot(name, s) as m:
            m.wait(line, 30, fatal=None)
            if halts:
                m.settle(3)
                check(f"{name}: halts", m.command("query-status")["return"]["running"])
            else:
                reason = m.end(30)
                check(f"{name}: reboots", reason == "guest-reset", reason)
            said = re.findall(line, m.text, re.M)
            check(f"{name}: says so once", len(said) == 1, m.text[-600:])
            with open(log) as f:
                check(f"{name}: no triple fault", "Triple fault" not in f.read())
    return case


def with_module(name, make, line, **setup):
    def build():
        return Setup(kernel=module(name, make()), **setup)
    return refused(build, line)


def vmlinuz():
    return Setup(kernel=os.path.join(os.path.dirname(kernel()), "vmlinuz"))


class Debugger:
    """QEMU's gdb stub. The machine stands still from here to close()."""

    def __init__(self, m):
        path = f"{m.dir.name}/gdb"
        m.command("human-monitor-command",
                  **{"command-line": f"gdbserver unix:{path},server=on,wait=off"})
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(20)
        self.link.connect(path)
        self.ask("?")

    def ask(self, words):
        """One packet; the text of the answer."""
        self.link.sendall(f"${words}#{sum(words.encode()) & 255:02x}".encode())
        got = b""
        while not re.search(rb"\$[^#]*#..", got):
            got += self.link.recv(4096)
        self.link.sendall(b"+")
        return re.search(rb"\$([^#]*)#", got).group(1).decode()

    def write(self, address, data):
        return self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"

    def close(self):
        self.link.sendall(b"$D#44")
        self.link.recv(64)
        self.link.close()


def address_of(symbol):
    names = subprocess.run(["nm", os.path.join(machine.BUILD, "tenon.elf")], check=True,
                           capture_output=True, text=True).stdout
    return int(re.search(rf"^(\w+) \w {symbol}$", names, re.M).group(1), 16)


def fault_in_ring0(name):
    if lib.on_stock():
        raise Skip("these messages are Tenon's")
    guest = os.path.join(machine.BUILD, "tl-talker.elf")
    with boot(name, Setup(kernel=guest, args="lines=100000000", mem=256)) as m:
        m.wait("^line 20 of the talker", 30)
        gdb = Debugger(m)
        check(f"{name}: an invalid opcode in the code", gdb.write(address_of("do_console_io"), b"\x0f\x0b"))
        gdb.close()
        m.wait(r"^.*Tenon: fatal invalid opcode in ring 0 \(vector 6, error 0\)", 30, fatal=None)
        reason = m.end(30)
    said = m.text[m.mark:]
    check(f"{name}: reboots", reason == "guest-reset", reason)
    for what, line in (
            ("registers", r"^.*rip e008:[0-9a-f]{16} rsp [0-9a-f]{4}:[0-9a-f]{16} rflags"),
            ("all of them", r"^.*r13 [0-9a-f]{16} r14 [0-9a-f]{16} r15 [0-9a-f]{16}"),
            ("control registers", r"^.*cr0 [0-9a-f]{16} cr2 [0-9a-f]{16} cr3 [0-9a-f]{16} cr4"),
            ("the function", r"do_console_io\+0x0$"),
            ("its callers", r"backtrace(.*\n)+?.*[0-9a-f]{16} [a-z_0-9]+\+0x[0-9a-f]+$"),
            ("the guest", r"guest d0 vCPU 0 in kernel mode:$"),
            ("its registers", r"in kernel mode:\n.*rip e03[03]:ffffffff80[0-9a-f]{6} ")):
        check(f"{name}: shows {what}", re.search(line, said, re.M), said)


ELF32 = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack(
    "<HHIIIIIHHHHHH", 2, 3, 1, 0x100000, 52, 0, 0, 52, 32, 0, 0, 0, 0)

CASES = [
    ("no module", refused(Setup(), r"panic: no dom0 kernel")),
    ("no module, noreboot", refused(Setup(options="noreboot"), r"panic: no dom0 kernel", halts=True)),
    ("bzImage", refused(vmlinuz, r"panic: .*bzImage.*unpack-kernel")),
    ("text file", with_module("text", lambda: b"not a kernel\n" * 500, r"panic: .*not an ELF")),
    ("truncated ELF", with_module("cut", lambda: part_of_vmlinux(1 << 20), r"panic: .*truncated")),
    ("ELF header alone", with_module("head", lambda: elf()[:64], r"panic: .*(truncated|outside)")),
    ("32-bit ELF", with_module("elf32", lambda: ELF32.ljust(4096, b"\0"), r"panic: .*32-bit")),
    ("ELF of another machine", with_module("arm", lambda: elf(arch=183), r"panic: .*x86-64")),
    ("no Xen notes", with_module("plain", lambda: elf(notes=b""), r"panic: .*no Xen notes")),
    ("notes without entry", with_module("noentry", lambda: elf(note(NOTE_GUEST_OS, b"t\0")),
                                        r"panic: .*(entry|PV)")),
    ("note size beyond the file", with_module(
        "notesize", lambda: elf(notes_size=1 << 40), r"panic: .*(notes|outside|truncated)")),
    ("note with a huge description", with_module(
        "notedesc", lambda: elf(struct.pack("<III", 4, 0xfffffff0, 1) + b"Xen\0"),
        r"panic: .*notes")),
    ("program headers far away", with_module("phoff", lambda: elf(phoff=(1 << 64) - 16),
                                             r"panic: .*outside")),
    ("65535 program headers", with_module("phnum", lambda: elf(phnum=65535), r"panic: .*outside")),
    ("segment beyond the file", with_module("filesz", lambda: elf(filesz=1 << 20, memsz=1 << 20),
                                            r"panic: .*outside")),
    ("segment offset wraps", with_module("offset", lambda: elf(offset=(1 << 64) - 2048),
                                         r"panic: .*outside")),
    ("segment of a terabyte", with_module("memsz", lambda: elf(memsz=1 << 40),
                                          r"panic: .*(1 GiB|segment)")),
    ("segment below VIRT_BASE", with_module(
        "below", lambda: elf(notes_with(0x2000000)), r"panic: .*VIRT_BASE")),
    ("segment at the end of all addresses", with_module(
        "far", lambda: elf(notes_with(0, 0), paddr=(1 << 64) - 4608),
        r"panic: dom0's .* MiB do not hold its kernel")),
    ("segment whose pages have no addresses", with_module(
        "far2", lambda: elf(notes_with(0, 0), paddr=1 << 62), r"panic: dom0's .* do not hold its kernel")),
    ("tables for more than all addresses", with_module(
        "p2m", lambda: elf(GOOD_NOTES + note(NOTE_INIT_P2M, (1 << 64) - 4096)),
        r"panic: dom0's .* do not hold its kernel")),
    ("dom0_mem larger than the machine", with_module(
        "good", elf, r"dom0_mem=65536M is more than .*ask for less", options="dom0_mem=64G")),
    ("dom0_mem smaller than the kernel", refused(
        lambda: Setup(kernel=kernel(), options="dom0_mem=16M", mem=512), r"panic: .*dom0_mem")),
    ("malformed dom0_mem", refused(Setup(options="dom0_mem=banana"), r"dom0_mem=banana.*expected")),
    ("unknown option", refused(Setup(options="dom0_men=512M"), r"dom0_men.*ignored")),
    ("console option nobody can meet", refused(
        Setup(options="console=lpt7"), r"option console=lpt7 ignored: expected com1")),
    ("an endless option line", refused(Setup(options="x" * 3000), r"panic: no dom0 kernel")),
    ("a fault in ring 0", fault_in_ring0),
]

if __name__ == "__main__":
    lib.run(CASES)
