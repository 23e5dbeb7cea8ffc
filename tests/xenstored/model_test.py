#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random operations from several connections, against the model, operation by operation.

Sockets and domains take turns; each reply and, after each operation, everybody's events must be
what model.py says. Now and then the daemon is killed, before a request, or between it and its
reply. XSD_OPS sets the number of operations (default 6000), XSD_SEED the seed.

With XSD_STOCK set to the path of another daemon's socket the same operations go there: sockets
only, and without conflicts (the daemons are free to differ in what they call one).
"""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model
import xs

PROGRAM = os.environ.get("XSD_PROGRAM", "build/tests/xenstored/xenstored-fake")
OPS = int(os.environ.get("XSD_OPS", "6000"))
SEED = int(os.environ.get("XSD_SEED", str(random.randrange(1 << 30))))
STOCK = os.environ.get("XSD_STOCK")
TOP = "/model"


class Differ(Exception):
    pass


class Pair:
    """One connection and what the model knows of it."""

    def __init__(self, client, caller):
        self.real, self.caller = client, caller
        self.txs = []


class Run:
    def __init__(self, daemon, clients, rng):
        self.d, self.rng = daemon, rng
        self.store = model.Store()
        self.pairs = [Pair(c, self.store.caller(c.domid)) for c in clients]
        self.trace = []
        self.crashes = 0
        top = self.pairs[0]
        self.same(top.real.write(TOP, ""), self.store.write(top.caller, 0, TOP, b""), "start")
        perms = ["b0"]
        self.same(top.real.chmod(TOP, *perms), self.store.set_perms(top.caller, 0, TOP, perms), "start")

    def same(self, got, want, what):
        if got != want:
            raise Differ(f"{what}\n  daemon {got!r}\n  model  {want!r}")

    def path(self):
        return TOP + "".join("/" + self.rng.choice("abc") for _ in range(self.rng.randrange(4)))

    def perms(self, domid):
        owner = domid if self.rng.random() < 0.7 else self.rng.choice([0, 1, 2])
        out = [self.rng.choice("nrwb") + str(owner)]
        for other in self.rng.sample([1, 2, 3], self.rng.randrange(3)):
            out.append(self.rng.choice("nrwb") + str(other))
        return out

    def call(self, p, kind, data, tx):
        """Send, perhaps kill the daemon in the middle, and take the reply."""
        if self.d and self.rng.random() < 0.004:
            self.crashes += self.d.kill_worker()
        if self.d and self.rng.random() < 0.004:
            want = p.real.send(kind, data, tx)
            self.crashes += self.d.kill_worker()
            while not p.real.replies:
                p.real.pump(1)
            got, req_id, _, body = p.real.replies.popleft()
            self.same(req_id, want, "request id")
            return body[:-1].decode() if got == xs.ERROR else body
        return p.real.call(kind, data, tx)

    def step(self):
        p = self.rng.choice(self.pairs)
        tx = self.rng.choice((p.txs if STOCK else [0] + p.txs * 2) or [0])
        kinds = ["read", "write", "write", "mkdir", "rm", "directory", "get_perms", "set_perms",
                 "watch", "unwatch", "begin", "end"]
        getattr(self, "do_" + self.rng.choice(kinds))(p, tx)

    def both(self, p, tx, kind, name, path, payload, *args):
        self.trace.append(f"{p.real.domid}/{self.pairs.index(p)} tx {tx} {name} {path} {args}")
        got = self.call(p, kind, payload, tx)
        self.same(got, getattr(self.store, name)(p.caller, tx, path, *args), self.trace[-1])

    def do_read(self, p, tx):
        path = self.path()
        self.both(p, tx, xs.READ, "read", path, path + "\0")

    def do_directory(self, p, tx):
        path = self.path()
        self.both(p, tx, xs.DIRECTORY, "directory", path, path + "\0")

    def do_get_perms(self, p, tx):
        path = self.path()
        self.both(p, tx, xs.GET_PERMS, "get_perms", path, path + "\0")

    def do_write(self, p, tx):
        path, value = self.path(), b"v%d" % self.rng.randrange(1000)
        self.both(p, tx, xs.WRITE, "write", path, path.encode() + b"\0" + value, value)

    def do_mkdir(self, p, tx):
        path = self.path()
        self.both(p, tx, xs.MKDIR, "mkdir", path, path + "\0")

    def do_rm(self, p, tx):
        path = self.path()
        if path == TOP:
            return
        self.both(p, tx, xs.RM, "rm", path, path + "\0")

    def do_set_perms(self, p, tx):
        path, perms = self.path(), self.perms(p.real.domid)
        if path == TOP:
            return
        self.both(p, tx, xs.SET_PERMS, "set_perms", path,
                  "".join(s + "\0" for s in [path] + perms), perms)

    def do_watch(self, p, tx):
        if len(p.caller.watches) < 6:
            path, token = self.path(), self.rng.choice("xy")
            self.both_plain(p, xs.WATCH, "watch", path, token)

    def do_unwatch(self, p, tx):
        path, token = self.path(), self.rng.choice("xy")
        if p.caller.watches and self.rng.random() < 0.7:
            path, token = self.rng.choice(p.caller.watches)
        self.both_plain(p, xs.UNWATCH, "unwatch", path, token)

    def both_plain(self, p, kind, name, path, token):
        self.trace.append(f"{p.real.domid}/{self.pairs.index(p)} {name} {path} {token}")
        got = self.call(p, kind, f"{path}\0{token}\0", 0)
        self.same(got, getattr(self.store, name)(p.caller, path, token), self.trace[-1])

    def do_begin(self, p, tx):
        if len(p.txs) >= 3 or (STOCK and any(q.txs for q in self.pairs)):
            return
        number = int(self.call(p, xs.TX_START, "\0", 0)[:-1])
        self.trace.append(f"{p.real.domid}/{self.pairs.index(p)} begins {number}")
        self.store.begin(p.caller, number)
        p.txs.append(number)

    def do_end(self, p, tx):
        if not p.txs:
            return
        number = p.txs.pop(self.rng.randrange(len(p.txs)))
        commit = self.rng.random() < 0.8
        self.trace.append(f"{p.real.domid}/{self.pairs.index(p)} ends {number} {commit}")
        got = self.call(p, xs.TX_END, "T\0" if commit else "F\0", number)
        self.same(got, self.store.end(p.caller, number, commit), self.trace[-1])

    def compare_events(self):
        for p in self.pairs:
            got = set(p.real.take_events(0))
            if not p.caller.events <= got:
                # One may still be on its way: only a domain's ring or a crash delays it so long.
                got |= set(p.real.take_events(0.3))
            self.same(got, p.caller.events, f"events of {p.real.domid} after {self.trace[-1:]}")
            p.caller.events.clear()


def stock_run(rng):
    """Only what all daemons promise: one transaction at a time, nobody else writes meanwhile."""
    run = Run(None, [xs.Socket(STOCK) for _ in range(3)], rng)
    plain = run.step

    def step():
        holders = [p for p in run.pairs if p.txs]
        pairs, run.pairs = run.pairs, holders or run.pairs
        try:
            plain()
        finally:
            run.pairs = pairs
    run.step = step
    return run


def main():
    tap, rng = xs.Tap(), random.Random(SEED)
    print(f"# seed {SEED}, {OPS} operations")
    d = None
    if STOCK:
        run = stock_run(rng)
    else:
        d = xs.Daemon(PROGRAM, "--journal-size", "1", xen=True)
        clients = [d.client() for _ in range(3)] + [d.domain(i) for i in (1, 2, 3)]
        run = Run(d, clients, rng)
    why, n = "", 0
    try:
        for n in range(OPS):
            run.step()
            run.compare_events()
    except (Differ, TimeoutError, ConnectionError) as e:
        why = f"{e}\nthe last operations were:\n  " + "\n  ".join(run.trace[-25:])
    print(f"# {n + 1} operations, {run.crashes} crashes")
    tap.ok(not why, "the daemon agrees with the model in every reply and event", why)
    if d:
        tap.ok(run.crashes >= OPS // 500, "it was killed often enough")
        tap.is_(d.client().call(xs.CONTROL, "check\0"), b"OK\0", "the store is consistent")
        d.stop()
    tap.run()


main()
