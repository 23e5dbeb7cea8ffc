# SPDX-License-Identifier: MIT
"""Raw xenstore clients for tests: over the socket, or as a domain over a fake ring.

A client sends one request at a time (call), or queues it (send) and polls for replies; watch
events are collected apart. Nothing here knows what the right answer is: see model.py.
"""
import collections
import ctypes
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TX_START, TX_END = range(8)
INTRODUCE, RELEASE, GET_DOMAIN_PATH, WRITE, MKDIR, RM, SET_PERMS, EVENT, ERROR = range(8, 17)
IS_INTRODUCED, RESUME, SET_TARGET = 17, 18, 19
RESET_WATCHES, DIRECTORY_PART, GET_FEATURE, SET_FEATURE, GET_QUOTA, SET_QUOTA = range(21, 27)

RING = 1024


def pack(kind, req_id, tx, data):
    return struct.pack("<IIII", kind, req_id, tx, len(data)) + data


class Client:
    """What both transports share: framing, matching, events."""

    def __init__(self):
        self.inbuf = b""
        self.replies = collections.deque()
        self.events = collections.deque()
        self.next_id = 1
        self.dead = False

    def feed(self, data):
        self.inbuf += data
        while len(self.inbuf) >= 16:
            kind, req_id, tx, length = struct.unpack_from("<IIII", self.inbuf)
            if len(self.inbuf) < 16 + length:
                break
            body = self.inbuf[16:16 + length]
            self.inbuf = self.inbuf[16 + length:]
            if kind == EVENT:
                path, token = body[:-1].split(b"\0")
                self.events.append((path.decode(), token.decode()))
            else:
                self.replies.append((kind, req_id, tx, body))

    def send(self, kind, data=b"", tx=0):
        if isinstance(data, str):
            data = data.encode()
        self.next_id = self.next_id % 1000000 + 1
        self.put(pack(kind, self.next_id, tx, data))
        return self.next_id

    def call(self, kind, data=b"", tx=0, timeout=10):
        """The reply's body, or an error's name as a str."""
        want = self.send(kind, data, tx)
        end = time.time() + timeout
        while not self.replies:
            if time.time() > end:
                raise TimeoutError(f"no reply to {kind} {data!r}")
            self.pump(min(1, end - time.time()))
        got, req_id, reply_tx, body = self.replies.popleft()
        assert req_id == want, f"reply to {req_id}, wanted {want}"
        assert reply_tx == tx
        if got == ERROR:
            return body[:-1].decode()
        assert got == kind, f"reply of type {got} to {kind}"
        return body

    def sync(self):
        """Everything sent before has been answered; its events have come or come with this."""
        self.call(GET_DOMAIN_PATH, "0\0")
        return self

    def take_events(self, quiet=0.05):
        """All events that are under way."""
        self.sync()
        while self.pump(quiet):
            pass
        got = list(self.events)
        self.events.clear()
        return got

    # Shorthands.
    def read(self, path, tx=0):
        return self.call(READ, path + "\0", tx)

    def write(self, path, value, tx=0):
        if isinstance(value, str):
            value = value.encode()
        return self.call(WRITE, path.encode() + b"\0" + value, tx)

    def ls(self, path, tx=0):
        got = self.call(DIRECTORY, path + "\0", tx)
        return got if isinstance(got, str) else [n.decode() for n in got.split(b"\0")[:-1]]

    def begin(self):
        got = self.call(TX_START, "\0")
        return got if isinstance(got, str) else int(got[:-1])

    def end(self, tx, commit=True):
        return self.call(TX_END, "T\0" if commit else "F\0", tx)

    def watch(self, path, token):
        return self.call(WATCH, f"{path}\0{token}\0")

    def chmod(self, path, *perms):
        return self.call(SET_PERMS, "".join(s + "\0" for s in (path,) + perms))


class Socket(Client):
    domid = 0

    def __init__(self, path):
        super().__init__()
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(400):
            try:
                self.sock.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.01)
        else:
            raise ConnectionError("nobody listens")
        self.sock.setblocking(False)
        self.out = b""

    def fileno(self):
        return self.sock.fileno()

    def put(self, data):
        self.out += data
        self.flush()

    def flush(self):
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out):]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.dead = True

    def pump(self, timeout):
        ready = select.select([self.sock], [self.sock] if self.out else [], [], timeout)
        if ready[1]:
            self.flush()
        if not ready[0]:
            return False
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self.dead = True
            raise ConnectionError("the daemon closed the connection")
        self.feed(data)
        return True

    def close(self):
        self.sock.close()


class Ring(Client):
    """A domain of fake_xen.c."""

    def __init__(self, home, domid, fresh=True):
        super().__init__()
        self.home, self.domid = home, domid
        name = f"{home}/{domid}.ring"
        if fresh:
            # A new file: one that is mapped must not shrink below its reader.
            with open(name + ".new", "wb") as f:
                f.write(bytes(4096))
            os.rename(name + ".new", name)
            self.live("r")
        with open(name, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(f"{home}/{domid}.event"):
            os.unlink(f"{home}/{domid}.event")
        self.sock.bind(f"{home}/{domid}.event")
        self.sock.setblocking(False)
        self.out = b""

    def fileno(self):
        return self.sock.fileno()

    def live(self, letter):
        with open(f"{self.home}/{self.domid}.life.new", "w") as f:
            f.write(letter)
        os.rename(f"{self.home}/{self.domid}.life.new", f"{self.home}/{self.domid}.life")

    def kick(self, port=None):
        try:
            self.sock.sendto(struct.pack("<I", self.domid + 100 if port is None else port),
                             f"{self.home}/daemon")
        except OSError:
            pass

    # Indices are read and written as whole words: struct would do it byte by byte.
    def get(self, offset):
        return ctypes.c_uint32.from_buffer(self.page, offset).value

    def set(self, offset, value):
        ctypes.c_uint32.from_buffer(self.page, offset).value = value & 0xffffffff

    def put(self, data):
        self.out += data
        self.flush()

    def flush(self):
        moved = False
        while self.out:
            cons, prod = self.get(2048), self.get(2052)
            room = RING - ((prod - cons) & 0xffffffff)
            if room <= 0:
                break
            at = prod % RING
            n = min(room, len(self.out), RING - at)
            self.page[at:at + n] = self.out[:n]
            self.set(2052, prod + n)
            self.out = self.out[n:]
            moved = True
        if moved:
            self.kick()

    def pump(self, timeout):
        """Like an interrupt handler: look, and sleep only when there is nothing."""
        self.flush()
        if self.take():
            return True
        if not select.select([self.sock], [], [], timeout)[0]:
            return False
        try:
            while True:
                self.sock.recv(16)
        except BlockingIOError:
            pass
        self.flush()
        self.take()
        return True

    def take(self):
        got = b""
        while True:
            cons, prod = self.get(2056), self.get(2060)
            n = (prod - cons) & 0xffffffff
            assert n <= RING, "the daemon broke the ring"
            if not n:
                break
            at = cons % RING
            n = min(n, RING - at)
            got += self.page[1024 + at:1024 + at + n]
            self.set(2056, cons + n)
        if got:
            self.kick()
            self.feed(got)
        return bool(got)

    def reconnect(self):
        """Start the ring anew by the protocol of xenstore-ring.txt."""
        self.inbuf, self.out = b"", b""
        self.replies.clear()
        self.events.clear()
        self.set(2068, 1)
        self.kick()
        end = time.time() + 10
        while self.get(2068) == 1 and time.time() < end:
            select.select([self.sock], [], [], 0.05)
            try:
                self.sock.recv(16)
            except BlockingIOError:
                pass
        return self.get(2068) == 0

    def close(self):
        self.sock.close()
        self.page.close()


def alive(pid):
    """Whether the process exists and is not only waiting to be buried."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Daemon:
    """A daemon of our own in a scratch directory."""

    def __init__(self, program, *args, xen=False, home=None, env=None, wait=True):
        self.home = home or tempfile.mkdtemp(prefix="xsd-")
        self.path = self.home + "/run/socket"
        self.env = dict(os.environ, XENSTORED_RUNDIR=self.home + "/run",
                        XENSTORED_ROOTDIR=self.home + "/db", **(env or {}))
        if xen:
            self.env["FAKE_XEN"] = self.home
        self.args = [program, "-N"] + ([] if xen else ["-D"]) + list(args)
        self.log = open(self.home + "/log", "ab")
        self.proc = None
        self.start(wait)

    def start(self, wait=True):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.proc = subprocess.Popen(self.args, env=self.env, stdout=self.log, stderr=self.log)
        if wait:
            end = time.time() + 20
            while not self.worker() or not os.path.exists(self.path):
                if self.proc.poll() is not None or time.time() > end:
                    raise RuntimeError("the daemon did not start:\n" + self.log_text()[-2000:])
                time.sleep(0.005)

    def worker(self):
        """Process id of the serving child, or 0."""
        try:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
                ids = f.read().split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(ids[-1]) if ids and alive(ids[-1]) else 0

    def kill_worker(self):
        pid = self.worker()
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass
        return False

    def client(self):
        return Socket(self.path)

    def domain(self, domid, introduce=True):
        """A running domain; dom0's toolstack introduces it."""
        ring = Ring(self.home, domid)
        if introduce:
            with_toolstack = self.client()
            with_toolstack.write(f"/local/domain/{domid}", "")
            with_toolstack.chmod(f"/local/domain/{domid}", f"n{domid}")
            got = with_toolstack.call(INTRODUCE, f"{domid}\0{1}\0{7}\0")
            assert got == b"OK\0", got
            with_toolstack.close()
        return ring

    def life_changed(self):
        """Tell the daemon what Xen would: some domain has shut down or died."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendto(struct.pack("<I", 1), self.home + "/daemon")
        s.close()

    def log_text(self):
        with open(self.home + "/log", errors="replace") as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
            try:
                self.proc.wait(20)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        return self.proc.returncode


class Tap:
    """Print results the way scripts/run-tests reads them."""

    def __init__(self):
        self.n = self.failed = 0

    def ok(self, good, what, why=""):
        self.n += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.n} - {what}", flush=True)
        if not good and why:
            print("\n".join("# " + l for l in str(why).splitlines()), flush=True)
        return good

    def is_(self, got, want, what):
        return self.ok(got == want, what, f"got  {got!r}\nwant {want!r}")

    def run(self, *tests):
        """Call each test; an exception fails it and does not stop the others."""
        import traceback
        for test in tests:
            try:
                test()
            except Exception:
                self.ok(False, test.__name__, traceback.format_exc())
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)
