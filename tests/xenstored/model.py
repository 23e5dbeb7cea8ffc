# SPDX-License-Identifier: MIT
"""A small model of the store, written from the protocol's text, to compare daemons with.

The tree is a dict from path to Node. A transaction copies the whole dict and keeps a log of what
it looked at; it commits when none of that has changed. Every operation returns the reply that the
daemon has to give; the events that are due are added to each watcher's set.
"""
import copy


class Node:
    def __init__(self, value, perms, made, now):
        self.value, self.perms = value, perms
        # When it was made, last changed, last given permissions, and its children changed.
        self.made, self.data, self.access, self.kids = made, now, now, now


class Transaction:
    def __init__(self, store):
        self.tree = copy.deepcopy(store.tree)
        self.existed = set(self.tree)
        self.start = store.clock
        self.seen = {}                  # path -> kinds of knowledge
        self.events = []                # (path, exact, permissions before)

    def know(self, path, kind):
        self.seen.setdefault(path, set()).add(kind)


class Caller:
    def __init__(self, domid):
        self.domid, self.watches, self.events, self.txs = domid, [], set(), {}


def parent(path):
    return path.rsplit("/", 1)[0] or "/"


def below(path, top):
    return path == top or top == "/" or path.startswith(top + "/")


def allowed(perms, domid):
    """The letters r, w, o that the domain has by a list like ['n0', 'r5']."""
    if domid == 0 or int(perms[0][1:]) == domid:
        return "rwo"
    letter = perms[0][0]
    for p in perms[1:]:
        if int(p[1:]) == domid:
            letter = p[0]
            break
    return {"n": "", "r": "r", "w": "w", "b": "rw"}[letter]


class Store:
    def __init__(self):
        self.clock = 1
        self.tree = {"/": Node(b"", ["n0"], 1, 1)}
        self.callers = []

    def caller(self, domid):
        self.callers.append(Caller(domid))
        return self.callers[-1]

    def tick(self):
        self.clock += 1
        return self.clock

    # What a caller may do, and the error if he may not.

    def view(self, c, tx):
        return c.txs[tx].tree if tx else self.tree

    def look(self, c, tx, path, kind):
        if tx:
            c.txs[tx].know(path, "is")
            c.txs[tx].know(path, kind)

    def refuse(self, c, tx, path, need):
        tree = self.view(c, tx)
        self.look(c, tx, path, "access")
        if path in tree:
            return None if set(need) <= set(allowed(tree[path].perms, c.domid)) else "EACCES"
        if c.domid == 0:
            return "ENOENT"
        while path not in tree:
            path = parent(path)
            self.look(c, tx, path, "access")
        return "ENOENT" if set(need) <= set(allowed(tree[path].perms, c.domid)) else "EACCES"

    # Announcing.

    def announce(self, path, before, after, exact=False):
        for c in self.callers:
            if c.domid and not any(p and "r" in allowed(p, c.domid) for p in (before, after)):
                continue
            for top, token in c.watches:
                if path == top or (not exact and below(path, top)):
                    c.events.add((path, token))

    def changed(self, c, tx, path, before, exact=False):
        if tx:
            c.txs[tx].events.append((path, exact, before))
        else:
            after = self.tree[path].perms if path in self.tree else None
            self.announce(path, before, after, exact)

    # Operations.

    def read(self, c, tx, path):
        bad = self.refuse(c, tx, path, "r")
        self.look(c, tx, path, "data")
        return bad or self.view(c, tx)[path].value

    def get_perms(self, c, tx, path):
        bad = self.refuse(c, tx, path, "r")
        return bad or "".join(p + "\0" for p in self.view(c, tx)[path].perms).encode()

    def kids(self, tree, path):
        return [p for p in tree if p != "/" and parent(p) == path]

    def directory(self, c, tx, path):
        bad = self.refuse(c, tx, path, "r")
        self.look(c, tx, path, "kids")
        tree = self.view(c, tx)
        names = sorted(self.kids(tree, path), key=lambda p: tree[p].made) if not bad else []
        return bad or b"".join(p.rsplit("/", 1)[1].encode() + b"\0" for p in names)

    def make(self, c, tx, path):
        """Make a path and what is missing above it; an error, or None."""
        tree, missing, up = self.view(c, tx), [path], parent(path)
        while up not in tree:
            self.look(c, tx, up, "is")
            missing.insert(0, up)
            up = parent(up)
        self.look(c, tx, up, "access")
        perms = tree[up].perms
        if "w" not in allowed(perms, c.domid):
            return "EACCES"
        if c.domid:
            perms = [perms[0][0] + str(c.domid)] + perms[1:]
        for p in missing:
            now = self.tick()
            self.look(c, tx, p, "data")
            tree[p] = Node(b"", list(perms), now, now)
            tree[parent(p)].kids = now
        return None

    def write(self, c, tx, path, value):
        tree = self.view(c, tx)
        self.look(c, tx, path, "access")
        before = tree[path].perms if path in tree else None
        if before:
            bad = self.refuse(c, tx, path, "w")
        else:
            bad = self.make(c, tx, path)
        if bad:
            return bad
        self.look(c, tx, path, "data")
        tree[path].value, tree[path].data = value, self.tick()
        self.changed(c, tx, path, before)
        return b"OK\0"

    def mkdir(self, c, tx, path):
        if path in self.view(c, tx):
            return self.refuse(c, tx, path, "w") or b"OK\0"
        self.look(c, tx, path, "is")
        bad = self.make(c, tx, path)
        if not bad:
            self.changed(c, tx, path, None)
        return bad or b"OK\0"

    def remove(self, c, tx, path, top):
        tree = self.view(c, tx)
        for p in self.kids(tree, path):
            self.remove(c, tx, p, False)
        before = tree.pop(path).perms
        for kind in ("data", "kids"):
            self.look(c, tx, path, kind)
        tree[parent(path)].kids = self.tick()
        if not top:
            self.changed(c, tx, path, before, exact=True)
        return before

    def rm(self, c, tx, path):
        if path == "/":
            return "EINVAL"
        self.look(c, tx, path, "kids")
        bad = self.refuse(c, tx, path, "w")
        if bad == "ENOENT":
            self.look(c, tx, parent(path), "is")
            return b"OK\0" if parent(path) in self.view(c, tx) else "ENOENT"
        if bad:
            return bad
        self.changed(c, tx, path, self.remove(c, tx, path, True))
        return b"OK\0"

    def set_perms(self, c, tx, path, perms):
        bad = self.refuse(c, tx, path, "wo")
        if bad:
            return bad
        node = self.view(c, tx)[path]
        if c.domid and node.perms[0][1:] != perms[0][1:]:
            return "EPERM"
        before, node.perms = node.perms, list(perms)
        self.look(c, tx, path, "data")
        node.data = node.access = self.tick()
        self.changed(c, tx, path, before)
        return b"OK\0"

    def watch(self, c, path, token):
        if (path, token) in c.watches:
            return "EEXIST"
        c.watches.append((path, token))
        c.events.add((path, token))
        return b"OK\0"

    def unwatch(self, c, path, token):
        if (path, token) not in c.watches:
            return "ENOENT"
        c.watches.remove((path, token))
        return b"OK\0"

    def begin(self, c, number):
        c.txs[number] = Transaction(self)

    def conflict(self, tx):
        for path, kinds in tx.seen.items():
            node, was = self.tree.get(path), path in tx.existed
            if (node is not None) != was or (node and node.made > tx.start):
                return True
            if node and any(getattr(node, k) > tx.start for k in kinds - {"is"}):
                return True
        return False

    def end(self, c, number, commit):
        tx = c.txs.pop(number)
        if not commit:
            return b"OK\0"
        if self.conflict(tx):
            return "EAGAIN"
        touched = {p for p, kinds in tx.seen.items() if "data" in kinds or "kids" in kinds}
        for p in sorted(touched, key=len, reverse=True):
            if p in self.tree and (p not in tx.tree or tx.tree[p].made > tx.start):
                del self.tree[p]
                self.tree[parent(p)].kids = self.tick()
        new = sorted((p for p in tx.tree if p not in self.tree and p in touched),
                     key=lambda p: tx.tree[p].made)
        for p in new:
            now = self.tick()
            self.tree[p] = Node(tx.tree[p].value, tx.tree[p].perms, now, now)
            self.tree[parent(p)].kids = now
        for p in touched:
            mine = tx.tree.get(p)
            if mine and p not in new and mine.data > tx.start:
                node, now = self.tree[p], self.tick()
                node.value, node.data = mine.value, now
                if mine.access > tx.start:
                    node.perms, node.access = mine.perms, now
        for path, exact, before in tx.events:
            after = self.tree[path].perms if path in self.tree else None
            if after or path in tx.existed:
                self.announce(path, before, after, exact)
        return b"OK\0"
