# SPDX-License-Identifier: MIT
"""What the system tests share: TAP, initramfs and disk images made once, one boot per case.

A test program lists cases; each case boots one machine and yields named results. The guest's own
TAP lines are taken over, prefixed with the case's name. Everything a machine said is kept in
build/test-logs/PROGRAM.CASE.serial.log.
"""
import fcntl
import os
import re
import shutil
import subprocess
import sys
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "scripts"))

import machine                                        # noqa: E402
from machine import Failed, Machine, Setup, vmlinux   # noqa: E402,F401

BUILD = machine.BUILD
IMAGES = os.path.join(BUILD, "test-images")
PROGRAM = os.path.splitext(os.path.basename(sys.argv[0]))[0]
GUEST_TAP = re.compile(r"^(not ok|ok) (\d+) - ([^\n]*)\n(?:# ([^\n]*))?", re.M)


class Skip(Exception):
    """This case does not apply here; the text says why."""


class Tap:
    """Numbers results and prints them as they come."""

    def __init__(self):
        self.count = self.failed = 0

    def result(self, passed, name, why=""):
        self.count += 1
        self.failed += not passed
        print(f"{'' if passed else 'not '}ok {self.count} - {name}")
        if why and not passed:
            print("# " + str(why).replace("\n", "\n# "))
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)


class Held(Tap):
    """Keeps results instead of printing them."""

    def __init__(self):
        super().__init__()
        self.results = []

    def result(self, passed, name, why=""):
        self.failed += not passed
        self.results.append((passed, name, why))

    def skip(self, name, why):
        self.result(True, f"{name} # SKIP {why}")


tap = Tap()


def check(name, passed, why=""):
    tap.result(bool(passed), name, why)


def hypervisor():
    return machine.need(machine.hypervisor(), "build it, or set HV=path or HV=stock")


def on_stock():
    return machine.is_stock(machine.hypervisor())


# An assertion of QEMU's own (seen: iotlb_to_section, with several CPUs) says nothing about what runs in it.
QEMU_BROKE = re.compile(r"qemu-system-\S+: .*: Assertion .* failed")


def attempt(name, case):
    """The results of a case, and the exception that ended it, if one did."""
    global tap
    shown, tap = tap, Held()
    try:
        case(name)
        return tap, None
    except Exception as error:
        return tap, error
    finally:
        tap = shown


def settle(name, case):
    """Show a case's results; the exception that ended it. It is tried once more, and what it shows then counts, if
    QEMU broke, and on the other hypervisor if anything fails: below that one QEMU was seen to lose interrupts, and
    a disk's data, with nothing of ours between."""
    held, error = attempt(name, case)
    why = [str(error)] if error else []
    why += [f"{what}: {note}" for passed, what, note in held.results if not passed]
    if QEMU_BROKE.search(str(error)) or on_stock() and why and not isinstance(error, Skip):
        print("# once more: " + "; ".join(why).replace("\n", " "), flush=True)
        if os.path.exists(log_path(name)):
            os.replace(log_path(name), log_path(name) + ".first")
        held, error = attempt(name, case)
    for result in held.results:
        tap.result(*result)
    return error


def run(cases):
    """Run (name, function) pairs; a word on the command line picks those that contain it."""
    picked = [c for c in cases if len(sys.argv) < 2 or sys.argv[1] in c[0]]
    for name, case in picked:
        error = settle(name, case)
        if isinstance(error, Skip):
            tap.skip(name, error)
        elif isinstance(error, Failed):
            tap.result(False, name, f"{error}\nserial log: {os.path.relpath(log_path(name), TOP)}")
        elif error:
            tap.result(False, name, "".join(traceback.format_exception(error)))
    print(f"1..{tap.count}")
    sys.exit(1 if tap.failed or not tap.count else 0)


def log_path(name):
    return os.path.join(machine.LOGS, f"{PROGRAM}.{re.sub('[^A-Za-z0-9.]+', '-', name)}.serial.log")


def boot(name, setup, echo=None):
    """A machine under way, with its log named after the case."""
    if not setup.hv and not setup.iso:
        setup.hv = hypervisor()
    return Machine(setup, log_path(name), echo=echo or (sys.stderr if verbose() else None))


def verbose():
    return os.environ.get("V", "") not in ("", "0")


def guest_results(name, text):
    """Take over the TAP of the guest; how many lines there were."""
    found = 0
    for state, _, what, note in GUEST_TAP.findall(text):
        found += 1
        what, _, skip = what.partition(" # SKIP ")
        if skip:
            tap.skip(f"{name}: {what}", skip)
        else:
            tap.result(state == "ok", f"{name}: {what}", note)
    return found


def run_guest_test(name, setup, test, *args, boot_limit=180, limit=240, during=None):
    """Boot, let the guest run tests/system/guest/TEST.sh, take its results, see it power off.

    during(machine) is called once the test has started. Returns the serial text.
    """
    setup.args = f"{setup.args} tenon.test={test}"
    if args:
        setup.args += " tenon.args=" + ",".join(str(a) for a in args)
    with boot(name, setup) as m:
        m.wait("^init: user space reached", boot_limit)
        plan = m.wait(r"^1\.\.(\d+)\n", 60)
        wanted, start = int(plan.group(1)), plan.end()
        if during:
            during(m)
        m.wait(f"^# test {test} done", limit)
        found = guest_results(name, m.text[start:m.mark])
        if found != wanted:
            tap.result(False, f"{name}: plan", f"{found} of {wanted} tests ran")
        reason = m.end(60)
        wanted = "guest-reset" if "tenon.end=reboot" in setup.args else "guest-shutdown"
        check(f"{name}: ends by {wanted}", reason == wanted, reason)
        return m.text


def _once(path, make):
    """Make the file if it is not there; safe when two test programs want it at once."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make(path)
    return path


def script(name, *args):
    subprocess.run([os.path.join(TOP, "scripts", name), *args], check=True, stdout=sys.stderr)


def kernel(name="6.1"):
    """Fetch a kernel if need be; the path of its vmlinux."""
    _once(os.path.join(IMAGES, "fetch-" + name),
          lambda _: script("fetch-kernel", *name.split("-")))
    return machine.need(vmlinux(name), "fetch-kernel failed")


def initrd(kernel_name="6.1", tag="plain", *options):
    """An initramfs of scripts/make-initramfs; built anew by each program, it takes a second."""
    kernel(kernel_name)
    path = os.path.join(IMAGES, f"{PROGRAM}-{kernel_name}-{tag}.gz")
    if path not in _made:
        _made.add(_once(path, lambda p: script("make-initramfs", "-k", kernel_name, "-o", p,
                                               *options)))
    return path


_made = set()


def disk(name, mib=64):
    os.makedirs(IMAGES, exist_ok=True)
    return machine.make_disk(os.path.join(IMAGES, f"{PROGRAM}-{name}.img"), mib)


def md5_of(path, mib):
    import hashlib
    with open(path, "rb") as f:
        return hashlib.md5(f.read(mib << 20)).hexdigest()


def iso(name, hv, options, kernel_path, args, initrd_path, first=""):
    """A GRUB rescue image that boots through Multiboot 2; its path."""
    root = os.path.join(IMAGES, f"{PROGRAM}-{name}.iso.d")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "boot/grub"))
    files = {"hv": hv, "kernel": kernel_path, "initrd": initrd_path}
    for as_name, source in files.items():
        shutil.copyfile(source, os.path.join(root, "boot", as_name))
    with open(os.path.join(root, "boot/grub/grub.cfg"), "w") as f:
        f.write("serial --unit=0 --speed=115200\nterminal_output serial\n"
                f"multiboot2 /boot/hv {options}\n"
                f"module2 /boot/kernel {first} console=hvc0 {args}\n"
                "module2 /boot/initrd\nboot\n")
    out = root[:-2]
    made = subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", out, root],
                          capture_output=True, text=True)
    shutil.rmtree(root)
    if made.returncode:
        raise Failed(f"grub-mkrescue: {made.stderr}")
    return out
