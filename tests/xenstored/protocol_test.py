#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Protocol, permissions, quotas, rings and hostile guests, against the whole daemon.

Names in brackets are the advisories whose class a test stands for.
"""
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xs

PROGRAM = os.environ.get("XSD_PROGRAM", "build/tests/xenstored/xenstored-fake")
tap = xs.Tap()
d = xs.Daemon(PROGRAM, xen=True)
top = d.client()


def fresh_domain(domid):
    """A domain with a home of its own, readable by others too."""
    return d.domain(domid)


def gone(domid):
    with open(f"{d.home}/{domid}.life.new", "w") as f:
        f.write("g")
    os.rename(f"{d.home}/{domid}.life.new", f"{d.home}/{domid}.life")
    d.life_changed()


def eventually(what, wanted, seconds=10):
    end = time.time() + seconds
    got = what()
    while got != wanted and time.time() < end:
        time.sleep(0.02)
        got = what()
    return got


# --- nodes ---

def test_payloads():
    tap.is_(top.call(xs.READ, "/"), "EINVAL", "a path without its NUL is refused")
    tap.is_(top.call(xs.READ, ""), "EINVAL", "so is an empty payload")
    tap.is_(top.call(xs.READ, "/\0/\0"), "EINVAL", "and a second string")
    for path in ("//", "/a/", "/a//b", "/a b", "@x", "/a\x01", "/" + "x" * 3072):
        tap.is_(top.write(path, "v"), "EINVAL", f"[72] path {path[:8]!r} is refused")
    tap.is_(top.call(99), "ENOSYS", "an unknown operation")
    tap.is_(top.call(20, "\0"), "ENOSYS", "the removed operation")
    tap.is_(top.call(xs.WRITE, "/p"), "EINVAL", "WRITE without a NUL")
    tap.is_(top.write("/bin", bytes(range(256))), b"OK\0", "a value may hold any byte")
    tap.is_(top.read("/bin"), bytes(range(256)), "and comes back")
    tap.is_(top.call(xs.READ, "/p\0", tx=77), "ENOENT", "an unknown transaction")
    tap.is_(top.call(xs.TX_START, "\0", tx=77), "ENOENT", "for another one too")
    outer = top.begin()
    tap.is_(top.call(xs.TX_START, "\0", tx=outer), "EBUSY", "a transaction in a transaction")
    top.end(outer, False)
    tap.is_(top.call(xs.RM, "/\0"), "EINVAL", "the root stays")


def test_directory_part():
    for i in range(700):
        top.write(f"/many/child-{i:04d}", "")
    tap.is_(top.call(xs.DIRECTORY, "/many\0"), "E2BIG", "[38] a list too long for a message")
    names, gens = b"", set()
    while not names.endswith(b"\0\0"):
        got = top.call(xs.DIRECTORY_PART, f"/many\0{len(names)}\0")
        gen, _, part = got.partition(b"\0")
        gens.add(gen)
        names += part
    tap.is_(names[:-1], b"".join(b"child-%04d\0" % i for i in range(700)), "comes in parts")
    tap.is_(len(gens), 1, "of one generation")
    top.write("/many/other", "")
    got = top.call(xs.DIRECTORY_PART, "/many\0" + "0\0")
    tap.ok(got.partition(b"\0")[0] not in gens, "which changes with the list")
    tap.is_(top.call(xs.RM, "/many\0"), b"OK\0", "all gone at once")
    top.write("/few/one", "")
    top.call(xs.RM, "/few/one\0")
    tap.is_(top.ls("/few"), [], "a list that has become empty")


def test_client_tools():
    env = dict(os.environ, XENSTORED_PATH=d.path)
    tools = os.path.join("build/cache/stock/usr/bin/xenstore")
    if not os.path.exists(tools):
        tap.ok(True, "Debian's xenstore tool # SKIP scripts/fetch-stock has not been run")
        return

    def tool(*words):
        run = subprocess.run([tools, *words], env=env, capture_output=True, text=True, timeout=20)
        return run.stdout.strip() if run.returncode == 0 else f"failed: {run.stderr.strip()}"
    tap.is_(tool("write", "/tool/x", "1", "/tool/y", "2"), "", "xenstore write")
    tap.is_(tool("read", "/tool/x"), "1", "xenstore read")
    tap.is_(tool("list", "/tool"), "xenstored\nx\ny", "xenstore list")
    tap.is_(tool("chmod", "/tool/x", "n0", "r3"), "", "xenstore chmod")
    tap.is_([l.replace(". ", "").split() for l in tool("ls", "-p", "/tool").splitlines()[-2:]],
            [["x", "=", '"1"', "(n0,r3)"], ["y", "=", '"2"', "(n0)"]], "xenstore ls -p")
    tap.is_(tool("exists", "/tool/x"), "", "xenstore exists")
    tap.is_(tool("rm", "/tool/x"), "", "xenstore rm")
    tap.ok(tool("read", "/tool/x").startswith("failed"), "and it is gone")


# --- permissions and what a guest may see ---

def test_permissions():
    g, h = fresh_domain(11), fresh_domain(12)
    top.write("/secret/deep/key", "s3")
    top.chmod("/secret", "n0")
    tap.is_(g.read("/secret/deep/key"), "EACCES", "a guest may not read dom0's node")
    tap.is_(g.read("/secret/no/such"), "EACCES", "[115] nor learn that one is missing")
    tap.is_(g.write("/secret/mine", "x"), "EACCES", "nor write there")
    tap.is_(g.write("mine/a/b", "x"), b"OK\0", "its own home is its own, by relative path")
    tap.is_(top.call(xs.GET_PERMS, "/local/domain/11/mine/a\0"), b"n11\0", "nodes belong to their maker")
    tap.is_(g.chmod("mine/a", "n11", "r12"), b"OK\0", "the owner may grant")
    tap.is_(g.chmod("mine/a", "n12"), "EPERM", "but not give away")
    tap.is_(g.chmod("mine/a", "n11", *["r%d" % i for i in range(20, 25)]), "ENOSPC", "nor without end")
    g.chmod("mine", "n11", "r99")
    d.domain(99).close()
    tap.is_(top.call(xs.GET_PERMS, "/local/domain/11/mine\0"), b"n11\0r99\0", "a grant to nobody shows")
    tap.is_(h.read("/local/domain/11/mine/a"), b"", "whom it was granted to may read")
    tap.is_(h.write("/local/domain/11/mine/a", "x"), "EACCES", "but not write")
    tap.is_(h.chmod("/local/domain/11/mine/a", "n12"), "EACCES", "nor take it")
    for op, data in ((xs.INTRODUCE, "13\0" "1\0" "1\0"), (xs.RELEASE, "11\0"), (xs.RESUME, "11\0"),
                     (xs.SET_TARGET, "11\0" "0\0"), (xs.CONTROL, "check\0"), (xs.GET_QUOTA, ""),
                     (xs.SET_QUOTA, "nodes\0" "0\0"), (xs.SET_FEATURE, "11\0" "0\0")):
        tap.is_(g.call(op, data), "EACCES", f"operation {op} is dom0's")
    top.call(xs.SET_TARGET, "12\0" "11\0")
    tap.is_(h.write("/local/domain/11/mine/a", "as11"), b"OK\0", "SET_TARGET: a helper acts for its guest")
    g.close()
    h.close()


def test_watch_permissions():
    g = fresh_domain(21)
    g.watch("/private", "t")
    g.watch("@releaseDomain", "r")
    g.watch("/", "all")
    g.take_events()
    top.write("/private/x", "1")
    top.call(xs.RM, "/private\0")
    fresh_domain(22).close()
    gone(22)
    eventually(lambda: top.call(xs.IS_INTRODUCED, "22\0"), b"F\0")
    tap.is_([e for e in g.take_events() if not e[0].startswith("/local/domain/21")], [],
            "[115] a guest learns nothing of nodes and domains that are not its business")
    top.chmod("@releaseDomain", "n0", "r21")
    fresh_domain(23).close()
    gone(23)
    eventually(lambda: top.call(xs.IS_INTRODUCED, "23\0"), b"F\0")
    tap.is_(g.take_events(), [("@releaseDomain", "r")], "unless it was allowed to")
    g.write("data", "1")
    tap.is_(set(g.take_events()), {("/local/domain/21/data", "all")}, "and of its own nodes all")
    g.close()


def test_watches():
    c = d.client()
    c.watch("/w/a/b", "low")
    c.watch("/w", "high")
    c.call(xs.WATCH, "/w\0flat\0" "1\0")
    tap.is_(sorted(c.take_events()), [("/w", "flat"), ("/w", "high"), ("/w/a/b", "low")],
            "each fires when it is set")
    top.write("/w/a/b/c", "x")
    tap.is_(sorted(c.take_events()), [("/w/a/b/c", "high"), ("/w/a/b/c", "low")],
            "prefixes match, depth limits")
    top.call(xs.RM, "/w/a\0")
    tap.is_(sorted(c.take_events()), [("/w/a", "flat"), ("/w/a", "high"), ("/w/a/b", "low")],
            "removing a parent tells those below by their own path")
    tap.is_(c.watch("/w", "high"), "EEXIST", "no watch twice")
    tap.is_(c.call(xs.UNWATCH, "/w\0other\0"), "ENOENT", "none removed that is not there")
    e = d.client()
    tap.is_(e.watch("/w", "t" * 4000), b"OK\0", "a long token")
    top.write("/w/" + "p" * 300, "1")
    tap.is_([len(token) for _, token in e.take_events()], [4000],
            "[324] an event that does not fit into a message is not sent")
    e.close()
    c.take_events()
    c.write("/w/x", "1")
    c.write("/w/x", "2")
    c.call(xs.RESET_WATCHES, "\0")
    top.write("/w/x", "3")
    c.take_events()
    top.write("/w/x", "4")
    tap.is_(c.take_events(), [], "RESET_WATCHES ends them all")
    g = fresh_domain(31)
    g.watch("rel", "t")
    top.write("/local/domain/31/rel/sub", "x")
    top.chmod("/local/domain/31/rel/sub", "n31")
    tap.ok(("rel/sub", "t") in g.take_events(), "relative watches get relative paths")
    g.close()
    c.close()


# --- domains ---

def test_domain_life():
    c = d.client()
    c.watch("@introduceDomain", "i")
    c.watch("@releaseDomain", "r")
    c.call(xs.WATCH, "@releaseDomain\0one\0" "1\0")
    c.watch("@releaseDomain/42", "42")
    c.take_events()
    g = fresh_domain(42)
    other = fresh_domain(43)
    g.write("owned/by/guest", "x")
    other_perms = ["n43", "r42"]
    other.write("shared", "x")
    other.chmod("shared", *other_perms)
    tap.is_(set(c.take_events()), {("@introduceDomain", "i")}, "@introduceDomain")
    g.live("s")
    d.life_changed()
    got = set()
    end = time.time() + 5
    while len(got) < 3 and time.time() < end:
        got |= set(c.take_events())
    tap.is_(got, {("@releaseDomain", "r"), ("@releaseDomain/42", "one"), ("@releaseDomain/42", "42")},
            "a shutdown fires @releaseDomain in all its forms")
    d.life_changed()
    tap.is_(c.take_events(), [], "once")
    top.call(xs.RESUME, "42\0")
    d.life_changed()
    got = eventually(lambda: bool(c.take_events()), True, 5)
    tap.ok(got, "and again after RESUME")
    tap.is_(top.call(xs.IS_INTRODUCED, "42\0"), b"T\0", "it is still known")
    gone(42)
    tap.is_(eventually(lambda: top.call(xs.IS_INTRODUCED, "42\0"), b"F\0"), b"F\0", "until it dies")
    tap.is_(top.read("/local/domain/42"), "ENOENT", "[419] its nodes die with it")
    tap.is_(top.call(xs.GET_PERMS, "/local/domain/43/shared\0"), b"n43\0",
            "[322] and its name in others' permissions")
    g.close()
    g = fresh_domain(42)
    tap.is_(g.read("/local/domain/43/shared"), "EACCES", "[322] the next of this id inherits nothing")
    tap.is_(top.call(xs.INTRODUCE, "77\0" "1\0" "1\0"), "EINVAL", "no ring, no introduction")
    tap.is_(top.call(xs.RELEASE, "77\0"), "ENOENT", "and nothing to release")
    for x in (c, g, other):
        x.close()


def test_features():
    d.domain(51, introduce=False).close()
    tap.is_(top.call(xs.GET_FEATURE), b"7\0", "GET_FEATURE: what there is")
    tap.is_(top.call(xs.SET_FEATURE, "51\0" "7\0"), b"OK\0", "SET_FEATURE before INTRODUCE")
    tap.is_(top.call(xs.SET_FEATURE, "51\0" "8\0"), "EINVAL", "not what there is not")
    g = fresh_domain(51)
    tap.is_(g.get(2064), 7, "the ring shows it")
    tap.is_(top.call(xs.SET_FEATURE, "51\0" "1\0"), "EBUSY", "but not after")
    tap.is_(g.call(xs.WATCH, "x\0t\0" "0\0"), b"OK\0", "a depth where it was offered")
    h = fresh_domain(52)
    tap.is_(h.call(xs.WATCH, "x\0t\0" "0\0"), "EINVAL", "none where it was not")
    tap.is_(top.call(xs.SET_QUOTA, "52\0watches\0" "3\0"), b"OK\0", "SET_QUOTA for a domain")
    tap.is_(top.call(xs.GET_QUOTA, "52\0watches\0"), b"3\0", "GET_QUOTA tells it")
    tap.is_(top.call(xs.GET_QUOTA, "watches\0"), b"128\0", "the others keep theirs")
    tap.is_([h.watch(f"w{i}", "t") for i in range(4)], [b"OK\0"] * 3 + ["ENOSPC"], "and it is in force")
    g.close()
    h.close()


# --- rings ---

def test_ring_reconnect():
    g = fresh_domain(61)
    g.watch("a", "t")
    tx = g.begin()
    g.put(xs.pack(xs.READ, 9, 0, b"a\0")[:10])
    tap.ok(g.reconnect(), "a guest may start its ring anew in the middle of a message")
    tap.is_([g.get(o) for o in (2048, 2052, 2056, 2060)], [0] * 4, "all indices start at zero")
    tap.is_(g.read("a", tx), "ENOENT", "its transactions are gone")
    g.write("a", "1")
    tap.is_(g.take_events(), [], "and its watches")
    g.close()


def test_ring_hostile():
    for what, offset, value in (("request producer", 2052, 0x80000000),
                                ("request producer behind", 2052, 0xfffffff0),
                                ("reply consumer", 2056, 0x1000)):
        g = fresh_domain(62)
        g.set(offset, g.get(offset) + value)
        g.kick()
        if offset == 2056:
            g.put(xs.pack(xs.READ, 1, 0, b"/\0"))
        got = eventually(lambda: g.get(2072), 2, 5)
        tap.is_(got, 2, f"[86] {what} out of range: the connection shows the error and stops")
        g.set(2052, g.get(2048))
        tap.ok(g.reconnect(), "and can be started anew")
        tap.is_(g.write("x", "y"), b"OK\0", "to work again")
        g.close()
    g = fresh_domain(63)
    g.put(struct.pack("<IIII", xs.WRITE, 1, 0, 4097) + b"x" * 100)
    tap.is_(eventually(lambda: g.get(2072), 3, 5), 3, "[206] a message too long: protocol error")
    tap.is_(top.call(xs.CONTROL, "check\0"), b"OK\0", "the store is consistent")
    g.close()
    c = d.client()
    c.put(struct.pack("<IIII", xs.WRITE, 1, 0, 0xffffffff))
    try:
        c.pump(5)
        closed = False
    except ConnectionError:
        closed = True
    tap.ok(closed, "a socket client that does it is cut off")


def test_ring_log():
    """What a guest can make happen at will must not fill the log."""
    g = fresh_domain(65)
    top.call(xs.CONTROL, "quota-soft\0set\0memory\x002000\0")
    for i in range(100):
        g.set(2052, g.get(2048) + 0x80000000)
        g.kick()
        eventually(lambda: g.get(2072), 2)
        g.reconnect()
        g.write("soft", "m" * 2000)
        g.write("soft", "")
    top.call(xs.CONTROL, "quota-soft\0set\0memory\x002097152\0")
    text = d.log_text()
    anew, stopped = text.count("domain 65: ring starts anew"), text.count("domain 65: connection 80000041 stopped")
    tap.ok(0 < anew < 10 and 0 < stopped < 10, "100 broken rings and new starts make a few lines", (anew, stopped))
    soft = text.count("domain 65: soft quota")
    tap.ok(0 < soft < 10, "so do 100 crossings of the soft quota", soft)
    gone(65)
    g.close()


def test_ring_bytewise():
    g = fresh_domain(64)
    message = xs.pack(xs.WRITE, 5, 0, b"slow\0" + b"v" * 60)
    for b in message:
        g.put(bytes([b]))
    while not g.replies:
        g.pump(5)
    tap.is_(g.replies.popleft()[3], b"OK\0", "a request byte by byte")
    value = b"z" * 2000
    tap.is_(g.write("big", value), b"OK\0", "one larger than the ring")
    tap.is_(g.read("big"), value, "and a reply larger than the ring")
    g.close()


# --- quotas and fairness ---

def test_quotas():
    g = fresh_domain(71)
    made = sum(g.write(f"n{i}", "") == b"OK\0" for i in range(1100))
    tap.ok(990 <= made <= 1000, "[115] nodes are limited", made)
    tap.is_(g.write("more", ""), "ENOSPC", "and refused")
    tap.is_(g.write("n1", "x" * 2049), "ENOSPC", "so is a node too large")
    tx = [g.begin() for _ in range(11)]
    tap.ok(tx[-1] == "ENOSPC" and tx[-2] != "ENOSPC", "and the eleventh transaction", tx)
    for t in tx[:10]:
        g.end(t, False)
    t, deep = g.begin(), "/".join("d" * 1024)
    tap.is_((g.read(deep, t), g.read(deep)), ("ENOENT", "ENOENT"), "a thousand missing levels are a few nodes looked at")
    tap.is_(g.end(t), b"OK\0", "of those that a transaction may access")
    got = [g.watch("n1", f"t{i}") for i in range(129)]
    tap.is_((got.count(b"OK\0"), got[-1]), (128, "ENOSPC"), "and the watch after the last")
    text = top.call(xs.CONTROL, "quota\0" "71\0").decode()
    tap.ok("nodes" in text and "refused" in text, "CONTROL tells of it", text)
    tap.ok('domain 71: quota "nodes" hit' in d.log_text(), "and the log, by name")
    many = []
    for i in range(5):
        t = g.begin()
        for k in range(300):
            g.call(xs.RM, f"n{i * 100 + k}\0", t) if k < 100 else g.write(f"new{i}-{k}", "", t)
        many.append(g.end(t))
    text = top.call(xs.CONTROL, "quota\0" "71\0").decode()
    nodes = int(text.split("nodes")[1].split(":")[1].split()[0])
    tap.ok(nodes <= 1000, "[417] transactions do not get around it", (nodes, many))
    g.close()


def test_each_quota():
    """Every kind of quota: its hit is logged with domain and name, and CONTROL shows it."""
    limits = {"nodes": 20, "watches": 3, "transactions": 2, "outstanding": 4, "transaction-nodes": 6,
              "memory": 4000, "node-size": 300, "path-max": 40, "permissions": 2}
    tap.is_(set(top.call(xs.GET_QUOTA)[:-1].decode().split()), set(limits), "the quotas there are")
    for n, (name, limit) in enumerate(limits.items()):
        domid = 700 + n
        g = fresh_domain(domid)
        top.call(xs.SET_QUOTA, f"{domid}\0{name}\0{limit}\0")
        got = set()
        for i in range(30):
            got.add(g.write(f"n{i}", "x" * 150))
            got.add(g.watch(f"n{i}", "t"))
        tx = [t for t in (g.begin() for _ in range(5)) if not isinstance(t, str)]
        got |= {g.write(f"t{i}", "", tx[0]) for i in range(10)}
        got.add(g.write("big", "x" * 400))
        got.add(g.write("p" * 50, ""))
        got.add(g.chmod("n1", f"n{domid}", "r1", "r2"))
        for _ in range(40):
            g.out += xs.pack(xs.READ, 1, 0, b"n1\0")
        g.flush()
        while len(g.replies) < 40:
            g.pump(5)
        g.replies.clear()
        text = top.call(xs.CONTROL, f"quota\0{domid}\0").decode()
        refused = [l.split(":")[0].strip() for l in text.splitlines() if "refused" in l]
        tap.ok(name in refused and f'domain {domid}: quota "{name}" hit' in d.log_text(),
               f"quota {name}: logged with its domain and shown by CONTROL", (got, text))
        g.close()


def test_not_reading():
    g, h = fresh_domain(81), fresh_domain(82)
    # 81 sends requests for large replies and never takes one; 82 works as before.
    g.write("big", "b" * 2000)
    for _ in range(300):
        try:
            g.out += xs.pack(xs.READ, 1, 0, b"big\0")
            g.flush()
        except OSError:
            break
    before = int(top.call(xs.CONTROL, "memreport\0").split(b":")[1].split()[0])
    started = time.time()
    for i in range(200):
        h.write("k", str(i))
    took = time.time() - started
    after = int(top.call(xs.CONTROL, "memreport\0").split(b":")[1].split()[0])
    tap.ok(took < 10, "[326] a guest that does not read does not slow another", took)
    tap.ok(after - before < 1 << 20, "nor does it make the daemon grow", after - before)
    # Events for a guest that does not read are merged beyond a limit.
    h.watch("ev", "t")
    for i in range(6000):
        top.write(f"/local/domain/82/ev/{i % 3000}", "") if i < 3000 else \
            top.write(f"/local/domain/82/ev/{i % 3000}", "x")
    end = int(top.call(xs.CONTROL, "memreport\0").split(b":")[1].split()[0])
    tap.ok(end - after < 8 << 20, "[326] events that nobody reads stay bounded", end - after)
    seen = h.take_events()
    tap.ok(len(seen) > 0, "and do come in the end", len(seen))
    g.close()
    h.close()


def test_flood():
    flood = [d.client() for _ in range(8)]
    burst = b"".join(xs.pack(xs.READ, 1, 0, b"/tool\0") for _ in range(2000))
    for c in flood:
        c.put(burst)
    c = d.client()
    worst = 0
    for i in range(50):
        started = time.time()
        c.write("/quick", str(i))
        worst = max(worst, time.time() - started)
        for f in flood:
            f.pump(0)
            f.replies.clear()
    tap.ok(worst < 1, "a flood from eight clients does not shut out a ninth", worst)
    for f in flood:
        f.close()


def test_parallel_transactions():
    clients = [d.client() for _ in range(100)]
    top.write("/backend", "")
    txs = [c.begin() for c in clients]
    for i, c in enumerate(clients):
        c.write(f"/backend/vbd/{i}/state", "1", txs[i])
        c.write(f"/backend/vbd/{i}/online", "1", txs[i])
    failed = [i for i, c in enumerate(clients) if c.end(txs[i]) != b"OK\0"]
    rounds = 1
    while failed and rounds < 20:
        rounds += 1
        for i in failed:
            txs[i] = clients[i].begin()
            clients[i].write(f"/backend/vbd/{i}/state", "1", txs[i])
            clients[i].write(f"/backend/vbd/{i}/online", "1", txs[i])
        failed = [i for i in failed if clients[i].end(txs[i]) != b"OK\0"]
    tap.ok(not failed and rounds <= 2, "100 clients make devices in transactions at once", rounds)
    tap.is_(len(top.ls("/backend/vbd")), 100, "and all are there")
    a, b = clients[0], clients[1]
    ta, tb = a.begin(), b.begin()
    a.write("/backend/one", "a", ta)
    b.write("/backend/one", "b", tb)
    tap.is_((a.end(ta), b.end(tb)), (b"OK\0", "EAGAIN"), "of two that conflict the first wins")
    ta = a.begin()
    tap.is_(a.read("/backend/one", ta), b"a", "a transaction")
    top.write("/backend/one", "c")
    top.write("/backend/two", "d")
    tap.is_((a.read("/backend/one", ta), a.read("/backend/two", ta)), (b"a", "ENOENT"),
            "sees the store as it was at its start")
    tap.is_(a.end(ta), "EAGAIN", "and fails if what it read has changed")
    ta = a.begin()
    for _ in range(3):
        tap.is_(a.end(ta), b"OK\0", "ended") if _ == 0 else tap.is_(a.end(ta), "ENOENT",
                                                                  "[354] cannot be ended twice")
    for c in clients:
        c.close()


def test_event_storm():
    """A guest whose event is there again as soon as it was taken."""
    g = d.domain(81)
    with open(d.home + "/storm", "w"):
        g.kick()
    try:
        got = top.call(xs.READ, "/\0", timeout=3)
    except TimeoutError as e:
        got = e
    os.unlink(d.home + "/storm")
    tap.is_(got, b"", "a guest that raises its event without end does not stop the daemon")
    g.sync()
    gone(81)
    g.close()


def test_transaction_flood():
    g = fresh_domain(91)
    t = g.begin()
    got = [g.write(f"t{i}", "", t) for i in range(1100)]
    tap.ok("ENOSPC" in got, "[421] a transaction's nodes are limited")
    tap.is_(g.end(t), "ENOSPC", "and it fails as a whole")
    tap.is_(top.ls("/local/domain/91"), [], "leaving nothing behind")
    g.close()


def test_control():
    help_text = top.call(xs.CONTROL, "help\0").decode()
    for name in ("check", "log", "live-update", "logfile", "memreport", "print", "quota", "quota-soft"):
        tap.ok(name in help_text, f"CONTROL help names {name}")
    tap.is_(top.call(xs.CONTROL, "nonsense\0"), "EINVAL", "an unknown command")
    tap.is_(top.call(xs.CONTROL, "quota\0set\0nodes\0" "5000\0"), b"OK\0", "quota set")
    tap.ok(b"5000" in top.call(xs.CONTROL, "quota\0"), "quota shows it")
    tap.is_(top.call(xs.CONTROL, "quota\0set\0nodes\0" "1000\0"), b"OK\0", "and back")
    tap.is_(top.call(xs.CONTROL, "print\0hello there\0"), b"OK\0", "print")
    tap.ok("hello there" in d.log_text(), "prints")
    tap.is_(top.call(xs.CONTROL, "log\0on\0"), b"OK\0", "log on")
    top.read("/tool")
    tap.is_(top.call(xs.CONTROL, "log\0off\0"), b"OK\0", "log off")
    tap.ok("READ" in d.log_text(), "traces requests")


def test_end():
    tap.is_(top.call(xs.CONTROL, "check\0"), b"OK\0", "after all this the store is consistent")
    tap.ok("Sanitizer" not in d.log_text() and "starting another" not in d.log_text(),
           "and the daemon never failed",
           "\n".join(l for l in d.log_text().splitlines() if "<4> domain" not in l)[-1500:])
    tap.is_(d.stop(), 0, "it stops when asked")


tap.run(*[f for name, f in list(globals().items()) if name.startswith("test_")])
