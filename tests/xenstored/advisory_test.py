#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One test for each Xen security advisory on a store daemon: the attack, and what must come of it.

Written from the advisories' texts; docs/advisories.md has the table.
"""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xs

PROGRAM = os.environ.get("XSD_PROGRAM", "build/tests/xenstored/xenstored-fake")
tap = xs.Tap()
d = xs.Daemon(PROGRAM, xen=True)
top = d.client()
PAYLOAD_MAX = 4096


def alive(text):
    """Nothing that came before has hurt the daemon."""
    tap.is_(top.call(xs.CONTROL, "check\0"), b"OK\0", text)


def memory():
    return int(top.call(xs.CONTROL, "memreport\0").split(b":")[1].split()[0])


def eventually(what, wanted, seconds=10):
    end = time.time() + seconds
    got = what()
    while got != wanted and time.time() < end:
        time.sleep(0.02)
        got = what()
    return got


def dies(g):
    g.live("g")
    d.life_changed()
    eventually(lambda: top.call(xs.IS_INTRODUCED, f"{g.domid}\0"), b"F\0")
    g.close()


def owned(domid):
    text = top.call(xs.CONTROL, f"quota\0{domid}\0").decode()
    return int(text.split("nodes")[1].split(":")[1].split()[0])


def test_xsa_38():
    """Ring indices in every odd relation to each other."""
    for prod, cons in ((0xffffffff, 0), (1025, 0), (0x80000000, 0), (0, 1), (0xfffffffe, 0xffffffff)):
        g = d.domain(38)
        g.set(2052, g.get(2048) + prod & 0xffffffff)
        g.set(2056, g.get(2060) + cons & 0xffffffff)
        g.kick()
        top.sync()
        g.close()
    alive("[38] ring indices out of range")


def test_xsa_72():
    """Replies that would be longer than a message."""
    g = d.domain(72)
    for i in range(300):
        g.write(f"dir/{'n' * 20}{i}", "")
    tap.is_(g.call(xs.DIRECTORY, "dir\0"), "E2BIG", "[72] a reply too long is an error")
    tap.is_(g.read("dir"), b"", "and the next one comes as usual")
    dies(g)


def test_xsa_86():
    """Indices that change while they are read: what was checked is what is used."""
    g, astray = d.domain(86), 0
    for i in range(300):
        # A valid request with, for a moment, an index that is out of range.
        want = g.send(xs.READ, "no/such\0")
        prod = g.get(2052)
        g.set(2052, prod + 0x10000)
        g.set(2052, prod)
        end = time.time() + 2
        while not g.replies and not g.get(2072) and time.time() < end:
            g.pump(0.01)
        if g.get(2072):
            g.reconnect()
        else:
            astray += not g.replies or g.replies.popleft()[1] != want
    tap.is_(astray, 0, "[86] indices that flicker: every reply is right, or the error is shown")
    alive("and leave the store whole")
    g.close()


def test_xsa_115():
    """Watch events for nodes that the watcher may not read."""
    g = d.domain(115)
    g.watch("/", "root")
    g.watch("/hidden", "h")
    g.take_events()
    top.write("/hidden/key", "1")
    top.chmod("/hidden/key", "n0")
    top.call(xs.RM, "/hidden\0")
    tap.is_(g.take_events(), [], "[115] no event tells of what may not be read")
    g.close()


def test_xsa_206():
    """A guest that writes without end must not make every transaction of others fail."""
    g, done = d.domain(206), 0
    for i in range(30):
        tx = top.begin()
        top.write("/tool/mine", str(i), tx)
        top.read("/tool", tx)
        for k in range(20):
            g.write(f"busy/{k}", str(i))
        done += top.end(tx) == b"OK\0"
    tap.is_(done, 30, "[206] updates elsewhere disturb no transaction")
    dies(g)


def test_xsa_206_history():
    """A guest whose changes are more than the store can remember for domain 0's transaction."""
    g = d.domain(2060)
    tx = top.begin()
    top.write("/history", "1", tx)
    for _ in range(6):
        g.call(xs.MKDIR, "/".join("a" * 990) + "\0")
        other = g.begin()
        g.call(xs.RM, "a\0")
        g.end(other, False)
    tap.is_(top.end(tx), b"OK\0", "what only a guest's transactions see does not end domain 0's")
    top.call(xs.RM, "/history\0")
    dies(g)


def test_xsa_233():
    """A domain and the one that acts for it end at the same time."""
    for _ in range(10):
        g, helper = d.domain(233), d.domain(234)
        top.call(xs.SET_TARGET, "234\0" "233\0")
        for x in (g, helper):
            x.watch("@releaseDomain", "r")
            x.begin()
            x.live("g")
        d.life_changed()
        top.call(xs.RELEASE, "234\0")
        eventually(lambda: top.call(xs.IS_INTRODUCED, "233\0"), b"F\0")
        g.close()
        helper.close()
    alive("[233] a guest and its helper may die together")


def test_xsa_322():
    """A domain id that is used again."""
    g, old = d.domain(321), d.domain(322)
    g.write("for-322", "secret")
    g.chmod("for-322", "n321", "r322")
    dies(old)
    new = d.domain(322)
    tap.is_(new.read("/local/domain/321/for-322"), "EACCES", "[322] the next of the id has no old rights")
    g.close()
    new.close()


def test_xsa_322_transaction():
    """A transaction that gave something to the old domain ends when there is a new one."""
    g = d.domain(3220)
    tx = top.begin()
    for path, perms in (("/given", ("n0", "r3220")), ("/owned", ("n3220",))):
        top.write(path, "secret", tx)
        top.call(xs.SET_PERMS, "\0".join((path,) + perms) + "\0", tx)
    dies(g)
    g = d.domain(3220)
    g.watch("/given", "t")
    g.take_events()
    tap.is_(top.end(tx), b"OK\0", "a transaction outlives the domain that it gives to")
    tap.is_([g.read("/given"), g.read("/owned"), g.take_events()], ["EACCES", "EACCES", []],
            "the next domain of that id gets none of it")
    tap.is_(owned(3220), 1, "and does not pay for it")
    for path in ("/given", "/owned"):
        top.call(xs.RM, path + "\0")
    dies(g)


def test_xsa_323():
    """The longest relative path of a guest has an absolute name that dom0 can use."""
    g = d.domain(32323)
    path = "/".join(["p" * 250] * 8)
    tap.is_(g.write(path, "x"), b"OK\0", "[323] a long relative path")
    full = "/local/domain/32323/" + path
    tap.is_(top.read(full), b"x", "can be read by its absolute name")
    tap.is_(g.write("q" * 2049, "x"), "EINVAL", "one that is too long is refused")
    tap.is_(top.call(xs.RM, full + "\0"), b"OK\0", "and dom0 can remove it")
    dies(g)


def test_xsa_324():
    """A watch whose events do not fit into a message."""
    g = d.domain(324)
    g.watch("w", "t" * 3000)
    g.take_events()
    g.write("w/" + "n" * 1500, "x")
    g.write("w/small", "x")
    tap.is_([path for path, _ in g.take_events()], ["w/small"], "[324] an event too long is left out")
    dies(g)


def test_xsa_325():
    """A guest breaks the protocol: it is cut off, but it has not ended."""
    c, g = d.client(), d.domain(325)
    c.watch("@releaseDomain", "r")
    c.take_events()
    g.put(struct.pack("<IIII", xs.WRITE, 1, 0, PAYLOAD_MAX + 1))
    eventually(lambda: g.get(2072), 3)
    tap.is_((c.take_events(), top.call(xs.IS_INTRODUCED, "325\0")), ([], b"T\0"),
            "[325] who breaks the protocol is still a domain")
    dies(g)
    tap.is_(c.take_events(), [("@releaseDomain", "r")], "and its end is told when it ends")
    c.close()


def test_xsa_326():
    """Requests without reading replies, events without reading them, transactions without end."""
    g = d.domain(326)
    g.write("big", "b" * 2000)
    for i in range(128):
        g.watch("w", f"t{i}")
    g.take_events()
    before = memory()
    for i in range(400):
        g.out += xs.pack(xs.READ, 1, 0, b"big\0")
    g.flush()
    for i in range(900):
        top.write(f"/local/domain/326/w/{i}", "")
    top.call(xs.RM, "/local/domain/326/w\0")
    grown = memory() - before
    tap.ok(grown < 4 << 20, "[326] a guest that takes nothing makes little grow", grown)
    dies(g)
    tap.ok(memory() - before < 256 << 10, "and nothing once it has ended", memory() - before)


def test_xsa_326_transaction():
    """One transaction that makes and removes the same nodes without end."""
    g = d.domain(3260)
    tx = g.begin()
    deep = "/".join("d" * 200 for _ in range(8))
    before = memory()
    for _ in range(500):
        tap.failed += g.write(deep, "x", tx) != b"OK\0" or g.call(xs.RM, "d" * 200 + "\0", tx) != b"OK\0"
    grown = memory() - before
    tap.ok(grown < 64 << 10, "a transaction grows with the nodes that it touches, not with its requests", grown)
    g.end(tx)
    dies(g)


def test_xsa_326_deep():
    """A deep path made and removed, between two checkpoints: what is gone is not remembered."""
    g = d.domain(3261)
    before = memory()
    for _ in range(20):
        done = g.call(xs.MKDIR, "/".join("a" * 990) + "\0"), g.call(xs.RM, "a\0")
    grown = memory() - before
    tap.is_(done, (b"OK\0", b"OK\0"), "a deep path comes and goes")
    tap.ok(grown < 1 << 20, "and nothing remembers each time", grown)
    dies(g)


def test_xsa_330():
    """RESET_WATCHES gives back what the watches held."""
    g = d.domain(330)

    def round_():
        for i in range(100):
            g.watch(f"w{i}", "t")
        g.call(xs.RESET_WATCHES, "\0")
        g.take_events()
    round_()
    before = memory()
    for _ in range(20):
        round_()
    tap.ok(memory() - before < 16 << 10, "[330] RESET_WATCHES leaks nothing", memory() - before)
    dies(g)


def test_xsa_352():
    """Ownership is dom0's to give."""
    g, h = d.domain(352), d.domain(3520)
    g.write("n", "x")
    tap.is_(g.chmod("n", "n3520"), "EPERM", "[352] a guest cannot give its node away")
    tx = g.begin()
    tap.is_(g.call(xs.SET_PERMS, "n\0n3520\0", tx), "EPERM", "not in a transaction either")
    g.end(tx, False)
    g.chmod("n", "b352")
    tap.is_(h.chmod("/local/domain/352/n", "n3520"), "EACCES", "nor can one who may write take it")
    dies(g)
    dies(h)


def test_xsa_353():
    """The root is a node with permissions like any other."""
    g = d.domain(353)
    got = (g.write("/", "x"), g.chmod("/", "b353"), g.ls("/"), g.write("/made-by-353", "x"),
           g.call(xs.RM, "/\0"))
    tap.is_(got, ("EACCES", "EACCES", "EACCES", "EACCES", "EINVAL"), "[353] the root is dom0's")
    dies(g)


def test_xsa_354():
    """As much data as a guest can store is bounded in bytes too."""
    g = d.domain(354)
    got = {g.write(f"{'p' * 1500}/{i}/{'q' * 400}", "v" * 2000) for i in range(900)}
    used = owned(354)
    tap.ok("ENOSPC" in got and used <= 1000, "[354] nodes, their size and their sum are limited", used)
    dies(g)
    tap.ok(memory() < 64 << 20, "and freed at the end", memory())


def test_xsa_414():
    """Creating a node fails halfway, by quota and by permission."""
    g = d.domain(414)
    for i in range(1000):
        g.write(f"n{i}", "")
    tap.is_(g.write("a/b/c/d", "x"), "ENOSPC", "[414] a creation that fails")
    tap.is_((g.read("a"), g.read("a/b")), ("ENOENT", "ENOENT"), "leaves nothing half made")
    dies(g)
    alive("nor the store inconsistent")


def test_xsa_415():
    """Errors inside a transaction must not leave nodes without a parent."""
    g = d.domain(415)
    tx = g.begin()
    for i in range(600):
        g.write(f"t/{i}/x", "v", tx)
    tap.is_(g.end(tx), "ENOSPC", "[415] a transaction that fails")
    tap.is_(g.ls("t"), "ENOENT", "leaves no node")
    tx = g.begin()
    g.write("dir/child", "1", tx)
    top.call(xs.RM, "/local/domain/415\0")
    got = g.end(tx)
    tap.ok(got in ("EAGAIN", "ENOENT"), "nor one below a parent that went away meanwhile", got)
    alive("every node has its parent")
    dies(g)


def test_xsa_416():
    """Temporary memory of requests whose replies are not taken."""
    g = d.domain(416)
    before = memory()
    for i in range(3000):
        g.out += xs.pack(xs.DIRECTORY, 1, 0, b"no/such/path/at/all\0")
    g.flush()
    for _ in range(50):
        top.sync()
    tap.ok(memory() - before < 256 << 10, "[416] waiting requests hold little", memory() - before)
    g.out = b""
    dies(g)


def test_xsa_417():
    """Nodes of a dead domain do not fall to the next of its id."""
    g, h = d.domain(417), d.domain(4170)
    h.write("shared", "")
    h.chmod("shared", "b4170")
    g.write("/local/domain/4170/shared/left", "by 417")
    g.chmod("/local/domain/4170/shared/left", "n417", "r4170")
    dies(g)
    tap.is_(top.read("/local/domain/4170/shared/left"), "ENOENT", "[417] a domain's nodes end with it")
    dies(h)


def test_xsa_418():
    """The deepest tree, removed at once and in a transaction."""
    g = d.domain(418)
    deep = "/".join("d" * 990)
    for way in ("at once", "in a transaction"):
        tap.is_(g.write(deep, "x"), b"OK\0", "[418] a path of 990 levels")
        if way == "at once":
            tap.is_(g.call(xs.RM, "d\0"), b"OK\0", "removed at once")
        else:
            tx = g.begin()
            got = g.call(xs.RM, "d\0", tx)
            tap.is_((got, g.end(tx)), (b"OK\0", b"OK\0"), "removed in a transaction")
        tap.is_(g.read("d"), "ENOENT", "is gone")
    dies(g)


def test_xsa_419():
    """Two guests that work together have two quotas, not more."""
    g, h = d.domain(419), d.domain(4190)
    g.write("both", "")
    g.chmod("both", "b419")
    made = sum(h.write(f"/local/domain/419/both/{i}", "") == b"OK\0" for i in range(1100))
    tap.ok(990 <= made <= 1000, "[419] a node counts for its maker, wherever it is", made)
    tap.is_(owned(4190), made + 1, "as the books say, its home included")
    dies(h)
    tap.is_(g.ls("both"), [], "and goes with its maker")
    dies(g)


def test_xsa_420():
    """Numbers beyond 31 bits: ring indices that wrap, ids and lengths."""
    g = d.domain(420, introduce=False)
    for o in (2048, 2052, 2056, 2060):
        g.set(o, 0x7fffff00)
    for start in (0x7fffff00, 0xffffff00):
        for o in (2048, 2052, 2056, 2060):
            g.set(o, start)
        top.call(xs.RELEASE, "420\0")
        top.write("/local/domain/420", "")
        top.chmod("/local/domain/420", "n420")
        top.call(xs.INTRODUCE, "420\0" "1\0" "7\0")
        g.inbuf, g.out = b"", b""
        g.replies.clear()
        got = {g.write("wrap", "v" * 100) for _ in range(30)}
        tap.is_((got, g.get(2048) != start), ({b"OK\0"}, True), f"[420] a ring that begins at {start:#x}")
    tap.is_(g.call(xs.READ, "wrap\0", tx=0xffffffff), "ENOENT", "a transaction id of 32 bits")
    g.next_id = 0xfffffffe
    g.put(xs.pack(xs.READ, 0xffffffff, 0, b"wrap\0"))
    while not g.replies:
        g.pump(5)
    tap.is_(g.replies.popleft()[1], 0xffffffff, "and a request id")
    dies(g)


def test_xsa_421():
    """A transaction's nodes count before it ends."""
    g = d.domain(421)
    txs = [g.begin() for _ in range(10)]
    for i, tx in enumerate(txs):
        for k in range(200):
            g.write(f"t{i}-{k}", "", tx)
    for tx in txs:
        g.end(tx)
    tap.ok(owned(421) <= 1000, "[421] ten transactions do not make more than the quota", owned(421))
    dies(g)


def test_xsa_421_memory():
    """Nor is a transaction's memory free."""
    g = d.domain(4210)
    top.call(xs.SET_QUOTA, "4210\0memory\x0065536\0")
    tx = g.begin()
    done = [g.write(f"m{i}", "m" * 2000, tx) for i in range(100)]
    tap.is_((set(done), g.end(tx)), ({b"OK\0"}, "ENOSPC"), "a transaction cannot make more than the memory's quota")
    tap.is_(owned(4210), 1, "and leaves nothing")
    tx = g.begin()
    for i in range(100):
        g.write("m", "m" * (i * 20), tx)
    tap.is_(g.end(tx), b"OK\0", "one that writes the same node again and again pays for it once")
    tx = g.begin()
    for i in range(20):
        g.write(f"m{i}", "m" * 2000, tx)
    tap.is_(g.end(tx), b"OK\0", "what fits can be made")
    tx = g.begin()
    for i in range(20):
        g.call(xs.RM, f"m{i}\0", tx)
        g.write(f"n{i}", "n" * 2000, tx)
    tap.is_(g.end(tx), b"OK\0", "and be replaced by as much")
    dies(g)


def test_xsa_425():
    """RELEASE of a running domain (soft reset) with all that it had open."""
    g = d.domain(425)
    g.watch("a", "t")
    g.write("a/b", "1", g.begin())
    g.out += xs.pack(xs.READ, 1, 0, b"a\0")[:7]
    g.flush()
    tap.is_(top.call(xs.RELEASE, "425\0"), b"OK\0", "[425] RELEASE of a domain in the middle of things")
    g.close()
    g = d.domain(425)
    tap.is_(g.write("a", "2"), b"OK\0", "it comes back with a new ring")
    dies(g)
    alive("and the store is whole")


def test_xsa_481():
    """Paths that are illegal as seen from a guest."""
    g = d.domain(481)
    for path in ("/local/domain/", "/local/domain//", "/local/domain/481/", "/local/domain/x/", "/"):
        g.read(path)
        g.write(path, "x")
        g.watch(path, "t")
        g.call(xs.DIRECTORY, path + "\0")
    tap.is_(g.read("/local/domain/"), "EINVAL", "[481] /local/domain/ with its slash is refused")
    tap.is_(g.write("still", "here"), b"OK\0", "and nothing comes of it")
    dies(g)


def test_xsa_483():
    """Books of a domain that has ended are closed."""
    for _ in range(5):
        g = d.domain(483)
        made = sum(g.write(f"n{i}", "") == b"OK\0" for i in range(1005))
        dies(g)
    tap.ok(made >= 990, "[483] the fifth domain of an id may have as much as the first", made)


def test_xsa_484():
    """RESET_WATCHES inside a transaction."""
    g = d.domain(484)
    tx = g.begin()
    g.write("x", "1", tx)
    tap.is_(g.call(xs.RESET_WATCHES, "\0", tx), b"OK\0", "[484] RESET_WATCHES in a transaction")
    tap.is_(g.end(tx), "ENOENT", "ends it, with all others")
    dies(g)
    alive("and nothing else")


def test_end():
    tap.ok("starting another" not in d.log_text(), "the daemon never failed", d.log_text()[-1500:])
    tap.is_(d.stop(), 0, "it stops when asked")


tap.run(*[f for name, f in list(globals().items()) if name.startswith("test_")])
