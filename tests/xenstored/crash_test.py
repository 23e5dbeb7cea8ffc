#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 at random instants under load from many clients and domains.

Every client owns a subtree and knows exactly what each reply has to be; all of them increment a
shared counter in transactions and watch their subtrees. The worker - or, now and then, the holder -
is killed again and again. In the end: every reply came exactly once and was right, no acknowledged
write is lost, no half transaction shows, every event that was due came, and nobody reconnected.

XSD_KILLS sets the number of kills (default 150), XSD_HOLDERS the share of holders among them (0.05),
XSD_SEED the seed.
"""
import os
import random
import select
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xs

PROGRAM = os.environ.get("XSD_PROGRAM", "build/tests/xenstored/xenstored-fake")
KILLS = int(os.environ.get("XSD_KILLS", "150"))
HOLDERS = float(os.environ.get("XSD_HOLDERS", "0.05"))
SEED = int(os.environ.get("XSD_SEED", str(random.randrange(1 << 30))))
SOCKETS, DOMAINS = 12, 6


class Actor:
    """One client with its own truth; a coroutine that yields requests and is sent replies."""

    def __init__(self, client, n, rng):
        self.c, self.n, self.rng = client, n, rng
        self.base = f"/local/domain/{client.domid}/load{n}"
        self.truth, self.commits, self.ops = {}, 0, 0
        self.expect_events = set()
        self.stop = False
        self.flow = self.live()
        self.want = None
        self.errors = []
        self.request(next(self.flow))

    def request(self, req):
        self.pending = req
        self.want = self.c.send(*req)

    def step(self):
        """Handle what has come; False when finished."""
        while self.c.replies:
            kind, req_id, tx, body = self.c.replies.popleft()
            if req_id != self.want:
                self.errors.append(f"reply to request {req_id}, waiting for {self.want}")
                return False
            got = body[:-1].decode() if kind == xs.ERROR else body
            try:
                self.request(self.flow.send(got))
            except StopIteration:
                self.want = None
                return False
        return True

    def check(self, got, want, what):
        self.ops += 1
        if got != want:
            self.errors.append(f"{what}: got {got!r}, want {want!r}")

    def live(self):
        got = yield (xs.MKDIR, self.base + "\0")
        self.check(got, b"OK\0", "mkdir")
        got = yield (xs.WATCH, f"{self.base}\0t{self.n}\0")
        self.check(got, b"OK\0", "watch")
        self.expect_events.add(self.base)
        while not self.stop:
            yield from self.rng.choice([self.op_write, self.op_write, self.op_read, self.op_rm,
                                        self.op_counter, self.op_pair, self.op_list])()

    def key(self):
        return f"{self.base}/k{self.rng.randrange(8)}"

    def op_write(self):
        k = self.key()
        v = b"%d-" % self.ops + b"x" * self.rng.choice([0, 3, 40, 900, 1500])
        got = yield (xs.WRITE, k.encode() + b"\0" + v)
        self.check(got, b"OK\0", f"write {k}")
        self.truth[k] = v
        self.expect_events.add(k)

    def op_read(self):
        k = self.key()
        got = yield (xs.READ, k + "\0")
        self.check(got, self.truth.get(k, "ENOENT"), f"read {k}")

    def op_rm(self):
        k = self.key()
        got = yield (xs.RM, k + "\0")
        self.check(got, b"OK\0", f"rm {k}")
        if k in self.truth:
            self.expect_events.add(k)
        self.truth.pop(k, None)

    def op_list(self):
        got = yield (xs.DIRECTORY, self.base + "\0")
        names = sorted(n.decode() for n in got.split(b"\0")[:-1]) if isinstance(got, bytes) else got
        self.check(names, sorted(k.rsplit("/", 1)[1] for k in self.truth if k.count("/") == 5),
                   "directory")

    def op_counter(self):
        """Add one to the shared counter, as often as it takes."""
        for _ in range(1000):
            tx = yield (xs.TX_START, "\0")
            tx = int(tx[:-1])
            got = yield (xs.READ, "/shared/counter\0", tx)
            yield (xs.WRITE, b"/shared/counter\0%d" % (int(got) + 1), tx)
            got = yield (xs.TX_END, "T\0", tx)
            if got == b"OK\0":
                self.commits += 1
                return
            self.check(got, "EAGAIN", "commit")

    def op_pair(self):
        """Two nodes that only ever change together."""
        tx = yield (xs.TX_START, "\0")
        tx = int(tx[:-1])
        v = b"%d" % self.ops
        for side in "ab":
            got = yield (xs.WRITE, f"{self.base}/pair/{side}\0".encode() + v, tx)
            self.check(got, b"OK\0", "write in transaction")
        commit = self.rng.random() < 0.8
        got = yield (xs.TX_END, "T\0" if commit else "F\0", tx)
        self.check(got, b"OK\0", "end of own transaction")
        if commit:
            self.truth[self.base + "/pair"] = b""
            for side in "ab":
                self.truth[f"{self.base}/pair/{side}"] = v
                self.expect_events.add(f"{self.base}/pair/{side}")


def pump(actors, timeout):
    ready = select.select(actors_by_fd(actors), [], [], timeout)[0]
    for a in actors:
        if a.c.fileno() in ready or (isinstance(a.c, xs.Ring) and a.c.get(2060) != a.c.get(2056)) \
                or a.c.out:
            a.c.pump(0)
        if a.want is not None:
            a.step()


def actors_by_fd(actors):
    return [a.c.fileno() for a in actors]


def kill_sometimes(d, rng, state):
    if time.time() < state["next"]:
        return
    worker = d.worker()
    if rng.random() < HOLDERS and worker != state["last"]:
        # The holder: the worker takes its place, so it is a new process that we watch.
        if worker:
            os.kill(d.proc.pid, signal.SIGKILL)
            d.proc.wait()
            d.proc = Adopted(worker)
            state["holders"] += 1
            # Killing it before it has become the holder would be killing both at once.
            end = time.time() + 10
            while not d.proc.is_holder() and time.time() < end:
                time.sleep(0.0005)
    elif worker and worker != state["last"]:
        os.kill(worker, signal.SIGKILL)
        state["last"] = worker
        state["kills"] += 1
    state["next"] = time.time() + rng.choice([0, 0.0005, 0.002, 0.01, 0.03]) * rng.random() * 2


class Adopted:
    """A holder that is not our child."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def is_holder(self):
        with open(f"/proc/{self.pid}/cmdline", "rb") as f:
            return b"--takeover" in f.read()

    def poll(self):
        return None if xs.alive(self.pid) else 0

    def send_signal(self, sig):
        os.kill(self.pid, sig)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout=20):
        end = time.time() + timeout
        while xs.alive(self.pid) and time.time() < end:
            time.sleep(0.001)
        self.returncode = 0


def main():
    tap = xs.Tap()
    rng = random.Random(SEED)
    print(f"# seed {SEED}, {KILLS} kills")
    d = xs.Daemon(PROGRAM, "-V", "--journal-size", "1", "-W", "0", "-E", "0", "-t", "0", xen=True)
    top = d.client()
    top.write("/shared/counter", "0")
    top.chmod("/shared/counter", "b0")
    actors = [Actor(d.client(), i, random.Random(SEED + i)) for i in range(SOCKETS)]
    for i in range(DOMAINS):
        actors.append(Actor(d.domain(i + 1), 100 + i, random.Random(SEED + 100 + i)))
    state = {"next": 0, "kills": 0, "holders": 0, "last": 0}
    end = time.time() + 110
    while state["kills"] + state["holders"] < KILLS and time.time() < end:
        try:
            pump(actors, 0.001)
        except ConnectionError as e:
            tap.ok(False, "nobody is disconnected", f"{e}: {[a.n for a in actors if a.c.dead]}")
            break
        kill_sometimes(d, rng, state)
        if any(a.errors or a.c.dead for a in actors):
            break
    for a in actors:
        a.stop = True
    end = time.time() + 20
    while any(a.want is not None for a in actors) and time.time() < end:
        pump(actors, 0.01)
    errors = [f"client {a.n}: {e}" for a in actors for e in a.errors[:3]]
    ops = sum(a.ops for a in actors)
    print(f"# {state['kills']} workers and {state['holders']} holders killed, {ops} replies checked")
    tap.ok(state["kills"] + state["holders"] >= KILLS, "the daemon was killed as often as asked",
           d.log_text()[-1500:])
    tap.ok(not errors, "every reply came once and was right", "\n".join(errors[:10]))
    stuck = [f"{a.n}: {a.pending}" for a in actors if a.want is not None]
    tap.ok(not stuck, "no request is left without a reply", "\n".join(stuck))
    if stuck or errors:
        print(d.log_text()[-3000:].replace("\n", "\n# "))
    finish(tap, d, top, actors)
    d.stop()
    tap.run()


def finish(tap, d, top, actors):
    tap.is_(int(top.read("/shared/counter")), sum(a.commits for a in actors),
            "every acknowledged commit counts once")
    wrong = []
    for a in actors:
        for k, v in a.truth.items():
            got = top.read(k)
            if got != v:
                wrong.append(f"{k}: {got!r} for {v!r}")
    tap.ok(not wrong, "no acknowledged write is lost", "\n".join(wrong[:5]))
    missing = []
    for a in actors:
        seen = set(p for p, _ in a.c.take_events())
        lost = a.expect_events - seen
        if lost:
            missing.append(f"{a.n}: {sorted(lost)[:3]}")
    tap.ok(not missing, "every watch fired for what it watches", "\n".join(missing))
    tap.is_(top.call(xs.CONTROL, "check\0"), b"OK\0", "the store is consistent")
    started = time.time()
    d.kill_worker()
    top.read("/shared/counter")
    tap.ok(time.time() - started < 1, "back in service within a second")


main()
