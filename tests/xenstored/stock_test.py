#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's stock xenstored beside ours, on this machine: the same requests, the same replies.

First the model's random sequences (model_test.py) go to both. Then single requests at the edges of
the protocol: where the replies differ the difference must be one of DIFFERENCES, and each of those
must still be there. docs/xenstored.md explains them.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xs

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STOCK = os.path.join(TOP, "build/cache/stock/usr/lib/xen-4.17/bin/xenstored")
SHIM = os.path.join(TOP, "build/bench/xenstored/stock_shim.so")
OURS = os.path.join(TOP, "build/xenstored")
tap = xs.Tap()


class Store:
    """A daemon that serves only sockets."""

    def __init__(self, args, preload=None):
        self.home = tempfile.mkdtemp(prefix="xsd-stock-")
        self.path = self.home + "/run/socket"
        os.mkdir(self.home + "/run")
        env = dict(os.environ, XENSTORED_RUNDIR=self.home + "/run", XENSTORED_ROOTDIR=self.home + "/db")
        if preload:
            env["LD_PRELOAD"] = preload
        self.log = open(self.home + "/log", "w")
        self.proc = subprocess.Popen(args, env=env, stdout=self.log, stderr=self.log)

    def client(self):
        return xs.Socket(self.path)

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.home)


def stock():
    return Store([STOCK, "-N"], SHIM)


def ours():
    return Store([OURS, "-N", "-D"])


def test_model():
    for name, start in (("stock", stock), ("ours", ours)):
        for seed in (1, 2, 3):
            store = start()
            store.client().close()
            run = subprocess.run([sys.executable, os.path.join(TOP, "tests/xenstored/model_test.py")],
                                 env=dict(os.environ, XSD_STOCK=store.path, XSD_SEED=str(seed),
                                          XSD_OPS="3000"), capture_output=True, text=True)
            tap.ok(run.returncode == 0, f"{name}: the model's sequence {seed}", run.stdout[-1500:])
            store.stop()


def Z(*words):
    return "".join(w + "\0" for w in words)


# Name: requests (type, payload, transaction), of which the last one's reply counts.
PROBES = {
    "read without NUL": [(xs.READ, "/", 0)],
    "read of nothing": [(xs.READ, "", 0)],
    "read of two strings": [(xs.READ, Z("/", "/"), 0)],
    "read of what is not there": [(xs.READ, Z("/no"), 0)],
    "read of the root": [(xs.READ, Z("/"), 0)],
    "path with doubled slash": [(xs.READ, Z("//"), 0)],
    "path with slash at its end": [(xs.WRITE, Z("/a/") + "x", 0)],
    "path with a blank": [(xs.WRITE, Z("/a b") + "x", 0)],
    "path with a percent sign": [(xs.WRITE, Z("/a%b") + "x", 0)],
    "path too long": [(xs.WRITE, Z("/" + "x" * 3072) + "x", 0)],
    "path as long as may be": [(xs.WRITE, Z("/" + "x" * 2000) + "x", 0)],
    "relative path of dom0": [(xs.WRITE, Z("rel") + "1", 0), (xs.READ, Z("/local/domain/0/rel"), 0)],
    "special path": [(xs.READ, Z("@releaseDomain"), 0)],
    "permissions of a special path": [(xs.GET_PERMS, Z("@releaseDomain"), 0)],
    "write without NUL": [(xs.WRITE, "/x", 0)],
    "write of nothing": [(xs.WRITE, Z("/x"), 0)],
    "write to the root": [(xs.WRITE, Z("/") + "x", 0)],
    "write of 4000 bytes": [(xs.WRITE, Z("/big") + "x" * 4000, 0)],
    "mkdir": [(xs.MKDIR, Z("/dir/a/b"), 0)],
    "mkdir of the root": [(xs.MKDIR, Z("/"), 0)],
    "mkdir leaves a value": [(xs.WRITE, Z("/v") + "x", 0), (xs.MKDIR, Z("/v"), 0), (xs.READ, Z("/v"), 0)],
    "rm of the root": [(xs.RM, Z("/"), 0)],
    "rm of what is not there": [(xs.WRITE, Z("/d") + "", 0), (xs.RM, Z("/d/no"), 0)],
    "rm below what is not there": [(xs.RM, Z("/no/no"), 0)],
    "directory order": [(xs.WRITE, Z("/o/b") + "", 0), (xs.WRITE, Z("/o/a") + "", 0),
                        (xs.WRITE, Z("/o/c") + "", 0), (xs.RM, Z("/o/a"), 0),
                        (xs.WRITE, Z("/o/a") + "", 0), (xs.DIRECTORY, Z("/o"), 0)],
    "directory of what is not there": [(xs.DIRECTORY, Z("/no"), 0)],
    "directory part beyond the end": [(xs.DIRECTORY_PART, Z("/tool", "999"), 0)],
    "directory part without offset": [(xs.DIRECTORY_PART, Z("/tool"), 0)],
    "permissions": [(xs.WRITE, Z("/p") + "", 0), (xs.SET_PERMS, Z("/p", "r1", "w2", "b3"), 0),
                    (xs.GET_PERMS, Z("/p"), 0)],
    "permissions inherited": [(xs.WRITE, Z("/q") + "", 0), (xs.SET_PERMS, Z("/q", "r1", "w2"), 0),
                              (xs.WRITE, Z("/q/r/s") + "", 0), (xs.GET_PERMS, Z("/q/r/s"), 0)],
    "permissions without any": [(xs.SET_PERMS, Z("/tool"), 0)],
    "permission of no kind": [(xs.SET_PERMS, Z("/tool", "x1"), 0)],
    "permission without a number": [(xs.SET_PERMS, Z("/tool", "r"), 0)],
    "permissions of what is not there": [(xs.SET_PERMS, Z("/no", "r1"), 0)],
    "watch twice": [(xs.WATCH, Z("/w", "t"), 0), (xs.WATCH, Z("/w", "t"), 0)],
    "watch of one string": [(xs.WATCH, Z("/w"), 0)],
    "watch of a bad path": [(xs.WATCH, Z("//w", "t"), 0)],
    "watch of an unknown special path": [(xs.WATCH, Z("@other", "t"), 0)],
    "watch with a depth": [(xs.WATCH, Z("/w", "d", "1"), 0)],
    "unwatch of none": [(xs.UNWATCH, Z("/w", "no"), 0)],
    "transaction": [(xs.TX_START, "\0", 0)],
    "transaction without payload": [(xs.TX_START, "", 0)],
    "transaction in an unknown one": [(xs.TX_START, "\0", 7)],
    "end of an unknown transaction": [(xs.TX_END, Z("T"), 99)],
    "end without a transaction": [(xs.TX_END, Z("T"), 0)],
    "end with another letter": [(xs.TX_START, "\0", 0), (xs.TX_END, Z("X"), 1)],
    "read in an unknown transaction": [(xs.READ, Z("/"), 77)],
    "domain path": [(xs.GET_DOMAIN_PATH, Z("5"), 0)],
    "domain path of no number": [(xs.GET_DOMAIN_PATH, Z("x"), 0)],
    "domain path of a number too large": [(xs.GET_DOMAIN_PATH, Z("70000"), 0)],
    "is domain 0 introduced": [(xs.IS_INTRODUCED, Z("0"), 0)],
    "is an unknown domain introduced": [(xs.IS_INTRODUCED, Z("77"), 0)],
    "release of an unknown domain": [(xs.RELEASE, Z("77"), 0)],
    "release of domain 0": [(xs.RELEASE, Z("0"), 0)],
    "resume of an unknown domain": [(xs.RESUME, Z("77"), 0)],
    "target of unknown domains": [(xs.SET_TARGET, Z("77", "78"), 0)],
    "introduce without a port": [(xs.INTRODUCE, Z("5", "1"), 0)],
    "introduce of domain 0": [(xs.INTRODUCE, Z("0", "1", "1"), 0)],
    "reset of watches": [(xs.RESET_WATCHES, "\0", 0)],
    "reset of watches without payload": [(xs.RESET_WATCHES, "", 0)],
    "operation 20": [(20, "\0", 0)],
    "operation 99": [(99, "", 0)],
    "a watch event as a request": [(xs.EVENT, Z("/", "t"), 0)],
    "features": [(xs.GET_FEATURE, "", 0)],
    "quotas": [(xs.GET_QUOTA, "", 0)],
    "control without a command": [(xs.CONTROL, "", 0)],
    "control, unknown": [(xs.CONTROL, Z("nonsense"), 0)],
    "control check": [(xs.CONTROL, Z("check"), 0)],
    "control log": [(xs.CONTROL, Z("log", "on"), 0)],
    "control log, bad": [(xs.CONTROL, Z("log", "perhaps"), 0)],
    "control print": [(xs.CONTROL, Z("print", "x"), 0)],
    "control print of nothing": [(xs.CONTROL, Z("print"), 0)],
    "control quota set": [(xs.CONTROL, Z("quota", "set", "nodes", "900"), 0)],
    "control quota set, unknown": [(xs.CONTROL, Z("quota", "set", "no", "900"), 0)],
    "control quota set, no number": [(xs.CONTROL, Z("quota", "set", "nodes", "x"), 0)],
    "control quota of an unknown domain": [(xs.CONTROL, Z("quota", "77"), 0)],
    "control quota-soft set": [(xs.CONTROL, Z("quota-soft", "set", "memory", "900"), 0)],
    "control live-update without a program": [(xs.CONTROL, Z("live-update", "-s"), 0)],
}

# Probes that are answered otherwise, and why (more in docs/xenstored.md).
DIFFERENCES = {
    "directory part beyond the end": "generations are numbers of ours",
    "watch with a depth": "a newer edition of the protocol, announced by GET_FEATURE",
    "features": "the same",
    "quotas": "the same",
    "domain path of no number": "not a number is not domain 0",
    "domain path of a number too large": "there can be no such domain",
    "introduce of domain 0": "domain 0 has its ring from the start",
    "control live-update without a program": "an error code and not a text that looks like success",
}


def ask(store, requests):
    """The reply of the last; "closed" if the daemon ended the connection."""
    c = store.client()
    got = None
    try:
        for kind, payload, tx in requests:
            got = c.call(kind, payload, tx, timeout=3)
    except ConnectionError:
        got = "closed"
    except TimeoutError:
        got = "silent"
    c.close()
    return got


def test_edges():
    a, b = stock(), ours()
    different = {}
    for name, requests in PROBES.items():
        theirs, mine = ask(a, requests), ask(b, requests)
        if theirs != mine:
            different[name] = (theirs, mine)
        if a.proc.poll() is not None:
            a = stock()
    unknown = {n: d for n, d in different.items() if n not in DIFFERENCES}
    tap.ok(not unknown, f"{len(PROBES)} requests at the edges: every difference is one we know",
           "\n".join(f"{n}: stock {d[0]!r}, ours {d[1]!r}" for n, d in unknown.items()))
    tap.is_(sorted(set(DIFFERENCES) - set(different)), [], "and every one we know is still there")
    a.stop()
    b.stop()


def siblings(store):
    """Two transactions make different children of one node; what the second commit says."""
    a, b = store.client(), store.client()
    a.write("/made", "")
    ta, tb = a.begin(), b.begin()
    a.write("/made/a", "", ta)
    b.write("/made/b", "", tb)
    return a.end(ta), b.end(tb)


def same_events(store):
    """How often a watch fires for a node written to 50 times before the watcher reads."""
    a, b = store.client(), store.client()
    a.watch("/again", "t")
    a.take_events()
    for i in range(50):
        b.out += xs.pack(xs.WRITE, 1, 0, b"/again\0" + b"%d" % i)
    b.flush()
    while len(b.replies) < 50:
        b.pump(5)
    return len(a.take_events())


def test_semantics():
    a, b = stock(), ours()
    tap.is_((siblings(a), siblings(b)), ((b"OK\0", "EAGAIN"), (b"OK\0", b"OK\0")),
            "siblings made in two transactions: a conflict for the stock daemon, none for ours")
    theirs, mine = same_events(a), same_events(b)
    tap.ok(1 <= mine <= theirs, "equal events that wait are merged, by ours more than by the stock daemon",
           (theirs, mine))
    a.stop()
    b.stop()


if not os.path.exists(STOCK):
    subprocess.run([os.path.join(TOP, "scripts/fetch-stock")], stdout=sys.stderr, check=False)
if os.path.exists(STOCK):
    tap.run(test_model, test_edges, test_semantics)
else:
    print("ok 1 - the stock daemon # SKIP it could not be fetched\n1..1")
