#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What 'make run' shows: the whole system in a summary, and a shell of dom0 on a terminal."""
import os
import pty
import re
import select
import signal
import subprocess
import time

import lib
from lib import Failed, TOP, check, machine

RUN = os.path.join(TOP, "scripts/run")


class Terminal:
    """scripts/run on a pseudo-terminal. Never outlives the block."""

    def __init__(self, log):
        os.makedirs(os.path.dirname(log), exist_ok=True)
        self.text, self.log = "", open(log, "w")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(RUN, [RUN])
        self.ended = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.log.close()

    def pump(self):
        if not select.select([self.fd], [], [], 1)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:                  # the other side is gone
            data = b""
        text = data.decode(errors="replace").replace("\r", "")
        self.log.write(text)
        self.log.flush()
        self.text += text
        return bool(data)

    def wait(self, pattern, timeout):
        """Wait for the pattern in what has come since the last wait."""
        limit = time.time() + timeout * machine.scale()
        while not (hit := re.search(pattern, self.text, re.M)):
            if time.time() > limit or not self.pump():
                raise Failed(f"'{pattern}' not seen in {timeout} s; last: {machine.last_line(self.text)}")
        self.text = self.text[hit.end():]
        return hit

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, timeout):
        """Wait for the end; the exit status."""
        limit = time.time() + timeout * machine.scale()
        while self.pump() and time.time() < limit:
            pass
        while self.ended is None and time.time() < limit:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        if self.ended is None:
            raise Failed(f"QEMU did not end within {timeout} s of the power-off")
        return self.ended


def terminal(name):
    with Terminal(lib.log_path(name)) as t:
        t.wait("^booting; Ctrl-A X ends QEMU", 120)
        t.wait("a shell on the console", 240)
        t.wait("# ", 30)
        t.type("tl list | tail -n 1\n")
        check(f"{name}: a command typed in dom0's shell answers", t.wait(r"^(\S+) +1 +160 ", 30)[1] == "demo")
        t.type("tl console demo\n")
        t.type("\n")
        t.wait("a shell on the console|[#$] $", 120)
        t.type("echo guest says $((6 * 7))\n")
        check(f"{name}: so does the guest's, through tl console", t.wait("^guest says 42", 60))
        t.type("\x1d")
        time.sleep(2)                    # what is typed with the escape is the console's
        t.type("\n\necho back in domain $(cat /sys/hypervisor/guest_type)\n")
        check(f"{name}: Ctrl-] leads back", t.wait("^back in domain PV", 30))
        t.type("poweroff\n")
        status = t.end(60)
        check(f"{name}: poweroff ends it", status == 0, f"exit status {status}")


def summary(name):
    with open(lib.log_path(name), "w") as log:
        run = subprocess.run([RUN], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                             timeout=600 * machine.scale())
        log.write(run.stdout)
    check(f"{name}: exit code 0", run.returncode == 0, run.stdout[-600:])
    shown = re.findall(r"^  (ok|FAIL) +(.{18}) (.*)$", run.stdout, re.M)
    for state, what, said in shown:
        check(f"{name}: {what.strip()}: {said}", state == "ok")
    check(f"{name}: it shows the guest", re.search(r"^ +demo +1 +160 ", run.stdout, re.M), run.stdout)
    check(f"{name}: and its tests", len([w for _, w, _ in shown if w.strip() == "in the guest"]) == 3)


def broken(name):
    """A hypervisor that cannot boot: status, reason and log."""
    path = os.path.join(lib.IMAGES, "no-hypervisor")
    os.makedirs(lib.IMAGES, exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"\x7fELF not really")
    run = subprocess.run([RUN], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         env={**os.environ, "HV": path})
    check(f"{name}: exit status 1", run.returncode == 1, run.returncode)
    check(f"{name}: the reason", "make run: QEMU" in run.stderr, run.stderr)
    check(f"{name}: the log", "the whole log is in build/run/serial.log" in run.stderr, run.stderr)


CASES = [("summary", summary), ("terminal", terminal), ("what cannot boot", broken)]

if __name__ == "__main__":
    lib.run(CASES)
