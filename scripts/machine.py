# SPDX-License-Identifier: MIT
"""A PC in QEMU that boots a hypervisor, a dom0 kernel and an initramfs.

Setup describes the machine, qemu_command() turns it into a command line, Machine runs it with the
serial line in our hands: what it prints goes to a log file and can be waited for.
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
LOGS = os.path.join(BUILD, "test-logs")
STOCK_XEN = os.path.join(BUILD, "cache/stock/xen")
STOCK_OPTIONS = "com1=115200,8n1 console=com1 noreboot=0"

# On these the machine will not come to what we wait for. Matched against whole lines.
FATAL = re.compile(r"Panic on CPU|Kernel panic - not syncing|^tenon: (panic|fatal)|"
                   r"FATAL TRAP|Guest Restarted: panic|domain 0 crashed|^\(tenon\) halted", re.M | re.I)


class Failed(Exception):
    """The machine did not do what was waited for; the text says what was seen instead."""


@dataclass
class Setup:
    """All that one boot needs. Paths are given; disks are files that exist."""
    hv: str = ""
    options: str = ""                    # of the hypervisor, beside the console's
    kernel: str = ""                     # first boot module; "" for none
    args: str = ""                       # of the kernel, beside the console's
    initrd: str = ""
    machine: str = "q35"
    cpu: str = "max"
    mem: int = 2048                      # MiB
    smp: int = 1
    ahci: str = ""                       # image files, raw
    nvme: str = ""
    network: bool = False                # virtio-net on 10.0.2.0/24, e1000e on 10.0.3.0/24
    keyboard: bool = False
    iso: str = ""                        # boot this instead of hv and modules
    reboot: bool = False                 # let the machine reboot instead of ending QEMU
    threads: bool = False                # stock Xen's processors too each in a thread of its own
    extra: list = field(default_factory=list)


def kernel_folder(name="6.1"):
    return os.path.join(BUILD, "cache/kernel", name)


def vmlinux(name="6.1"):
    return os.path.join(kernel_folder(name), "vmlinux")


def hypervisor():
    """The hypervisor under test: HV (a path, or stock), or our own build."""
    hv = os.environ.get("HV") or os.path.join(BUILD, "tenon")
    return STOCK_XEN if hv == "stock" else os.path.abspath(hv)


def is_stock(hv):
    return os.path.abspath(hv).startswith(os.path.join(BUILD, "cache/stock/"))


def _modules(s):
    parts = []
    if s.kernel:
        parts.append(f"{s.kernel} console=hvc0 {s.args}".strip().replace(",", ",,"))
    if s.initrd:
        parts.append(s.initrd.replace(",", ",,"))
    return ",".join(parts)


def _devices(s):
    out = []
    if s.ahci:
        out += ["-drive", f"file={s.ahci},format=raw,if=none,id=ahci0"]
        if s.machine == "q35":
            out += ["-device", "ide-hd,drive=ahci0,bus=ide.2"]
        else:
            out += ["-device", "ahci,id=ahci", "-device", "ide-hd,drive=ahci0,bus=ahci.0"]
    if s.nvme:
        out += ["-drive", f"file={s.nvme},format=raw,if=none,id=nvme0",
                "-device", "nvme,drive=nvme0,serial=tenon"]
    if s.network:
        for i, (model, net) in enumerate((("virtio-net-pci", "10.0.2"), ("e1000e", "10.0.3"))):
            out += ["-netdev", f"user,id=n{i},net={net}.0/24,restrict=on,"
                               f"guestfwd=tcp:{net}.100:7-cmd:cat",
                    "-device", f"{model},netdev=n{i},romfile="]
    if s.keyboard:
        out += ["-device", "qemu-xhci", "-device", "usb-kbd"]
    return out


def qemu_command(s):
    """The command line, without the serial and monitor wiring."""
    # QEMU 10.0's threads lose a store to the memory-mapped APIC now and then, and with an EOI a processor. Tenon
    # uses x2APIC; for the other hypervisor the processors run in turn.
    accel = "tcg,thread=single" if is_stock(s.hv) and not s.threads else "tcg"
    out = ["qemu-system-x86_64", "-M", s.machine, "-cpu", s.cpu, "-accel", accel, "-m", str(s.mem),
           "-smp", str(s.smp), "-rtc", "base=utc", "-nodefaults", "-display", "none"]
    if not s.reboot:
        out.append("-no-reboot")
    if s.iso:
        out += ["-cdrom", s.iso, "-boot", "d"]
    else:
        options = f"com1=115200,8n1 console=com1 {s.options}".strip()
        out += ["-kernel", s.hv, "-append", options]
        if _modules(s):
            out += ["-initrd", _modules(s)]
    return out + _devices(s) + s.extra


def make_disk(path, mib):
    """An empty raw image."""
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    return path


class Machine:
    """A running QEMU. Use as a context manager: the process never outlives the block."""

    def __init__(self, setup, log, echo=None):
        os.makedirs(os.path.dirname(log), exist_ok=True)
        self.setup, self.log = setup, log
        self.text = ""                   # all serial output so far, without carriage returns
        self.mark = 0                    # what wait() has already gone past
        self.echo = echo
        self.dir = tempfile.TemporaryDirectory(prefix="tenon-")
        self.started = time.time()
        command = qemu_command(setup) + [
            "-serial", "stdio",
            "-qmp", f"unix:{self.dir.name}/qmp,server=on,wait=off"]
        self.logfile = open(log, "wb", buffering=0)
        self.logfile.write((" ".join(command) + "\n").encode())
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, preexec_fn=_die_with_parent)
        self.qmp = None
        self.connect_monitor()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def seconds(self):
        return time.time() - self.started

    def pump(self, timeout):
        """Take what the serial line has; False at its end."""
        if not select.select([self.proc.stdout], [], [], timeout)[0]:
            return True
        data = os.read(self.proc.stdout.fileno(), 65536)
        if not data:
            return False
        self.logfile.write(data)
        if self.echo:
            self.echo.write(data.decode(errors="replace"))
            self.echo.flush()
        self.text += data.decode(errors="replace").replace("\r", "")
        return True

    def wait(self, pattern, timeout=180, fatal=FATAL):
        """Wait for the pattern (MULTILINE) after what was last waited for; return the match."""
        wanted = re.compile(pattern, re.M)
        limit = time.time() + timeout * scale()
        while True:
            hit = wanted.search(self.text, self.mark)
            if hit:
                self.mark = hit.end()
                return hit
            if fatal and fatal.search(self.text):
                self.settle()
                raise Failed(f"the machine died: {_line_at(self.text, fatal)}")
            left = limit - time.time()
            if left <= 0:
                raise Failed(f"'{pattern}' not seen in {timeout} s; last: {last_line(self.text)}")
            if not self.pump(min(left, 1.0)):
                raise Failed(f"QEMU ended before '{pattern}'; last: {last_line(self.text)}")

    def settle(self, seconds=2):
        """Collect what still comes, such as the register dump after a panic."""
        limit = time.time() + seconds
        while time.time() < limit and self.pump(0.2):
            pass

    def end(self, timeout=60):
        """Wait until the machine powers off (or, without reboot, resets).

        Returns QEMU's word for it: guest-shutdown, guest-reset, guest-panic, host-error...
        """
        limit = time.time() + timeout * scale()
        while time.time() < limit:
            if not self.pump(0.5):
                self.proc.wait()
                return self.end_event()
        raise Failed(f"the machine did not stop in {timeout} s; last: {last_line(self.text)}")

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def connect_monitor(self):
        """QEMU listens before it starts the machine; if it never does, its message is the reason."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(20)
        limit = time.time() + 20
        while True:
            try:
                link.connect(f"{self.dir.name}/qmp")
                break
            except OSError:
                if self.proc.poll() is not None or time.time() > limit:
                    self.settle()
                    link.close()
                    self.stop()
                    raise Failed(f"QEMU did not start: {last_line(self.text)}") from None
                time.sleep(0.02)
        self.qmp = link
        self.qmp_file = link.makefile("rw")
        try:
            self.qmp_file.readline()
            self.command("qmp_capabilities")
        except (OSError, Failed):
            self.settle()
            self.stop()
            raise Failed(f"QEMU did not start: {last_line(self.text)}") from None

    def command(self, name, **arguments):
        """One QMP command; returns its answer. Events on the way are dropped."""
        self.qmp_file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp_file.flush()
        for line in self.qmp_file:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                return answer
        raise Failed("QEMU closed its monitor")

    def end_event(self):
        """The reason in the last event that QEMU sent before it ended."""
        reason = "unknown"
        for line in self.qmp_file:
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                reason = event["data"]["reason"]
        return reason

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        self.proc.stdin.close()
        if self.qmp:
            self.qmp_file.close()
            self.qmp.close()
        self.logfile.close()
        self.dir.cleanup()


def _die_with_parent():
    """QEMU gets SIGKILL when its parent dies, however that happens (prctl PR_SET_PDEATHSIG)."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def scale():
    """TEST_SCALE stretches all timeouts, for slow or busy machines."""
    return float(os.environ.get("TEST_SCALE", "1"))


def last_line(text):
    lines = [l for l in text.split("\n") if l.strip()]
    return lines[-1].strip() if lines else "(nothing on the serial line)"


def _line_at(text, pattern):
    """The line where the pattern matches and the two after it."""
    at = pattern.search(text).start()
    start = text.rfind("\n", 0, at) + 1
    return " / ".join(l.strip() for l in text[start:].split("\n")[:3])


def need(path, hint):
    if not os.path.exists(path):
        sys.exit(f"{path} is missing: {hint}")
    return path
