#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tl devd against a store of its own: what it tells of a device that it cannot plug, and in which order.

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


top.write("/local/domain/0/domid", str(SELF))          # where a client of the socket is at home
top.watch(BACKENDS, "test")
devd = subprocess.Popen([TL, "devd", "-F"], env=dict(os.environ, XENSTORED_PATH=daemon.path),
                        stderr=subprocess.DEVNULL)
try:
    tap.run(test_refusal)
finally:
    devd.terminate()
    daemon.stop()
