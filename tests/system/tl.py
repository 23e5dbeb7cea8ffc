#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our tl and tl-consoled manage stock kernels, beside Debian's xenstored.

The same cases run on both hypervisors (HV=stock for the other one)."""
import json
import os
import re
import shutil
import subprocess

import lib
from lib import BUILD, TOP, Setup, check, initrd, kernel, run_guest_test, script

# Beside the tools: what they need, where the tests look for it.
FILES = {
    "tl": "/usr/lib/tenon/bin/tl", "tl-consoled": "/usr/lib/tenon/bin/tl-consoled",
    "tl-dom0-init": "/usr/lib/tenon/bin/tl-dom0-init", "tl-faults": "/bin/tl-faults",
    "tl-tiny.elf": "/guest/tiny.elf", "tl-talker.elf": "/guest/talker.elf",
    "cache/stock/etc/xen/xlexample.pvlinux": "/etc/xen/xlexample.pvlinux",
}
HOST_FILES = {
    os.path.join(TOP, "dom0-tools/init/tl"): "/etc/init.d/tl", "/lib/terminfo/v/vt100": "/lib/terminfo/v/vt100",
    "/usr/bin/script": "/bin/script", os.path.join(TOP, "dom0-tools/kernel-hook"): "/etc/kernel/postinst.d/zz-tl",
}


def tools(dom0_kernel, tag, *more):
    """An initramfs with Debian's store daemon, our tools, and what else is asked for."""
    script("fetch-stock")
    add = []
    for source, where in [(os.path.join(BUILD, f), w) for f, w in FILES.items()] + list(HOST_FILES.items()):
        add += ["--add", source + ":" + where]
    return initrd(dom0_kernel, tag, "--stock", *add, *more)


def documented():
    """The schemas of docs/tl.md: {name: (in rows?, {member: type}, more members allowed?)}."""
    out = {}
    with open(os.path.join(TOP, "docs/tl.md")) as f:
        lines = re.findall(r"^\| (`tl\.[^|]*) \| [^|]* \| ([^|]*) \|$", f.read(), re.M)
    for names, text in lines:
        rows, more = text.startswith("rows: "), text.endswith(", ...")
        words = [w.split() for w in text.removeprefix("rows: ").removesuffix(", ...").split(", ")]
        members = {w[0]: w[1] if len(w) > 1 else "t" for w in words}
        for name in re.findall("`([^`]*)`", names):
            out[name] = (rows, members, more)
    return out


TYPES = {"t": str, "n": (int, float, type(None)), "b": bool}


def wrong_members(where, got, members, more):
    """Differences between an object and its documentation, in words."""
    out = [f"{where} lacks {m}" for m in members if m not in got]
    out += [f"{where} has the undocumented {m}" for m in got if m not in members and not more]
    return out + [f"{where}.{m} is {got[m]!r}" for m, t in members.items()
                  if m in got and (not isinstance(got[m], TYPES[t]) or (t == "n" and got[m] is True))]


def wrong_document(text, schemas, status=0):
    try:
        got = json.loads(text)
    except ValueError as why:
        return [f"no JSON: {why}: {text[:100]}"]
    name, version = got.pop("schema", None), got.pop("version", None)
    if name not in schemas or version != 1:
        return [f"schema {name}, version {version}"]
    if (name == "tl.error") != (status == 1):
        return [f"{name} with exit code {status}"]
    rows, members, more = schemas[name]
    if not rows:
        return wrong_members(name, got, members, more)
    if list(got) != ["rows"]:
        return [f"members {list(got)} instead of rows"]
    return [w for row in got["rows"] for w in wrong_members(name, row, members, more)]


def check_documents(name, text):
    """Every document that the guest's test printed is as documented, and no command is missing."""
    schemas, seen = documented(), set()
    for status, words, lines in re.findall(r"^# json (\d+) tl ([^\n]*)\n((?:# \|[^\n]*\n)*)", text, re.M):
        wrong = wrong_document(re.sub("^# [|] ?", "", lines, flags=re.M), schemas, int(status))
        check(f"{name}: --json: tl {words}", not wrong, "; ".join(wrong[:4]))
        seen.add(words.split()[0])
    events = re.findall(r"^# event (.*)$", text, re.M)
    wrong = [w for e in events for w in wrong_document(e, schemas)]
    check(f"{name}: --json: tl events", events and not wrong, "; ".join(wrong[:4]))
    told = subprocess.run([os.path.join(BUILD, "tl"), "help", "--json"], capture_output=True, text=True)
    every = {row["command"] for row in json.loads(told.stdout)["rows"] if row["available"]}
    check(f"{name}: --json: no command was left out", not every - seen - {"events"}, every - seen)


def source(guest_kernel, image):
    return os.path.join(os.path.dirname(kernel(guest_kernel)), image)


SCRIPTS = os.path.join(TOP, "dom0-tools/hotplug")


def guest(dom0_kernel, guest_kernel, image, how, **setup):
    def case(name):
        ramdisk = initrd(guest_kernel, "guest", "--guest")
        archive = tools(dom0_kernel, f"dom0-{guest_kernel}-{image}",
                        "--add", source(guest_kernel, image) + ":/guest/kernel",
                        "--add", ramdisk + ":/guest/initrd.gz", "--add", SCRIPTS + ":/host/scripts")
        s = Setup(kernel=kernel(dom0_kernel), initrd=archive, options="dom0_mem=800M", mem=2048, **setup)
        run_guest_test(name, s, "tl", how, boot_limit=240, limit=600)
    return case


def grub_disk(kernel_image, ramdisk):
    """A guest's disk as Debian makes it: ext2, a kernel, a ramdisk, a menu of GRUB."""
    root = os.path.join(lib.IMAGES, "tl-grub")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "boot/grub"))
    shutil.copyfile(kernel_image, os.path.join(root, "boot/vmlinuz"))
    shutil.copyfile(ramdisk, os.path.join(root, "boot/initrd.img"))
    with open(os.path.join(root, "boot/grub/grub.cfg"), "w") as f:
        f.write("set timeout=0\nmenuentry Debian {\n  insmod ext2\n"
                "  linux /boot/vmlinuz console=hvc0 tenon.test=domu\n  initrd /boot/initrd.img\n}\n")
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext2", "-d", root, root + ".img", "64M"], check=True)
    shutil.rmtree(root)
    return root + ".img"


def other_guests(name):
    """GRUB's guest, and a driver domain with its client."""
    ramdisk = initrd("6.1", "guest", "--guest")
    driver = initrd("6.1", "driver", "--guest", *sum((["-m", m] for m in DRIVER_MODULES), []),
                    "--add", os.path.join(BUILD, "tl") + ":/bin/tl",
                    "--add", "/lib/x86_64-linux-gnu/libgcc_s.so.1:/lib/libgcc_s.so.1")
    archive = tools("6.1", "other", "--add", kernel("6.1") + ":/guest/kernel",
                    "--add", ramdisk + ":/guest/initrd.gz", "--add", driver + ":/guest/driver.gz",
                    "--add", grub_disk(source("6.1", "vmlinuz"), ramdisk) + ":/guest/grub.img",
                    "--add", f"{BUILD}/cache/stock/usr/lib/grub-xen/grub-x86_64-xen.bin"
                             ":/usr/lib/grub-xen/grub-x86_64-xen.bin")
    s = Setup(kernel=kernel("6.1"), initrd=archive, options="dom0_mem=900M", mem=2048, smp=2)
    run_guest_test(name, s, "tl-guests", boot_limit=240, limit=600)


DRIVER_MODULES = ["xen-blkback", "xen-netback", "loop", "bridge"]

CASES = [
    ("6.1 packed as xz", guest("6.1", "6.1", "vmlinuz", "full", smp=2)),
    ("6.12 packed as zstd", guest("6.1", "6.12", "vmlinuz", "short", smp=2)),
    ("6.1-cloud unpacked", guest("6.12", "6.1-cloud", "vmlinux", "short")),
    ("GRUB and a driver domain", other_guests),
]

if __name__ == "__main__":
    lib.run(CASES)
