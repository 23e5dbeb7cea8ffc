#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tl devd against a store of its own: what it tells of a device that it cannot plug, and in which order.
And tl console: which of the store's nodes it believes.

usage: tl_devd_test.py TL XENSTORED
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../xenstored"))
import xs                                             # noqa: E402

TL, XENSTORED = sys.argv[1:]
SELF = 7                                              # the driver domain that devd takes itself for
BACKENDS = f"/local/domain/{SELF}/backend"
tap = xs.Tap()
daemon = xs.Daemon(XENSTORED, xen=True)
top = daemon.client()


def publish(device, **nodes):
    """A device as a toolstack publishes it, picked up by its backend driver."""
    tx = top.begin()
    for key, value in dict(nodes, state="2", online="1").items():
        top.write(f"{BACKENDS}/{device}/{key}", value, tx)
    assert top.end(tx) == b"OK\0"


def written_by_devd(device, last):
    """The keys that changed up to `last`, in their order."""
    keys, end = [], time.time() + 20
    while last not in keys and time.time() < end:
        keys += [path.rsplit("/", 1)[1] for path, _ in top.take_events() if f"/{device}/hotplug" in path]
    return keys


def test_refusal():
    """Who sees the mark has the reason already: else he takes the device for plugged."""
    publish("vbd/3/51712", params="/nowhere/disk.img", mode="w")
    tap.is_(written_by_devd("vbd/3/51712", "hotplug-tl"), ["hotplug-error", "hotplug-tl"],
            "the reason of a refusal is written before the mark")
    tap.is_(top.read(f"{BACKENDS}/vbd/3/51712/hotplug-tl"), b"failed", "the mark says that it failed")
    tap.is_(top.read(f"{BACKENDS}/vbd/3/51712/hotplug-error"),
            b"disk /nowhere/disk.img: No such file or directory", "the reason names disk and error")


def test_channel_tty():
    """A channel's front end is the guest's: what it writes there is no file for dom0 to open."""
    for name in ("ours", "theirs"):
        with open(f"{daemon.home}/{name}", "w") as f:
            f.write(f"it read {name}")
    top.write("/local/domain/9/domid", "9")
    top.write("/local/domain/9/name", "guest")
    top.write("/local/domain/9/device/console/1/tty", f"{daemon.home}/theirs")
    top.chmod("/local/domain/9/device/console/1/tty", "n9", "r0")
    top.write("/local/domain/0/backend/console/9/1/tty", f"{daemon.home}/ours")
    try:
        subprocess.run([TL, "console", "-n", "1", "9"], env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=2)
        out = b"ended"
    except subprocess.TimeoutExpired as e:
        out = e.stdout
    tap.ok(b"ours" in out and b"theirs" not in out, "a channel's terminal is what the daemon says, not the guest", out)


top.write("/local/domain/0/domid", str(SELF))          # where a client of the socket is at home
top.watch(BACKENDS, "test")
ENV = dict(os.environ, XENSTORED_PATH=daemon.path)
devd = subprocess.Popen([TL, "devd", "-F"], env=ENV, stderr=subprocess.DEVNULL)
try:
    tap.run(test_refusal, test_channel_tty)
finally:
    devd.terminate()
    daemon.stop()
