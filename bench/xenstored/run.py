#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our xenstored beside the stock C daemon and oxenstored: rate, latency, CPU, memory, restart.

usage: run.py [--rounds N] [--seconds S] [--write FILE] [NAME...]
       NAME: ours, ours-power, stock, oxenstored (all of them)

Each row is measured in rounds; in a round all daemons take their turn, so that what else the machine
does hits them alike. Of each daemon's rounds the highest rate, lowest latency and least CPU count. CPU is
what the daemon's serving process spent per operation: on a busy machine the figure to compare.
"""
import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
LOAD = os.path.join(BUILD, "bench/xenstored/load")
SHIM = os.path.join(BUILD, "bench/xenstored/stock_shim.so")
STOCK = os.path.join(BUILD, "cache/stock")
NAMES = {"ours": "Tenon", "ours-power": "Tenon, --durable power", "stock": "stock C",
         "oxenstored": "oxenstored"}

# oxenstored knows one place only for its socket and its log.
OXENSTORED = f"""mount -t tmpfs run /run && mkdir -p /run/xenstored /run/xen &&
mount --bind "$XENSTORED_RUNDIR" /run/xenstored && mount -t tmpfs log /var/log && mkdir /var/log/xen &&
exec env LD_PRELOAD={SHIM} {STOCK}/usr/lib/xen-4.17/bin/oxenstored --no-fork --no-access-log \\
	--config-file {STOCK}/etc/xen/oxenstored.conf"""


class Daemon:
    def __init__(self, name):
        self.name, self.home = name, tempfile.mkdtemp(prefix="bench-")
        os.mkdir(self.home + "/run")
        self.env = dict(os.environ, XENSTORED_RUNDIR=self.home + "/run",
                        XENSTORED_ROOTDIR=self.home + "/db")
        self.args = {"ours": [BUILD + "/xenstored", "-N", "-D"],
                     "ours-power": [BUILD + "/xenstored", "-N", "-D", "--durable", "power"],
                     "stock": ["env", "LD_PRELOAD=" + SHIM, STOCK + "/usr/lib/xen-4.17/bin/xenstored", "-N"],
                     "oxenstored": ["unshare", "-m", "sh", "-c", OXENSTORED]}[name]
        self.socket = self.home + "/run/socket"
        self.log = open(self.home + "/log", "w")
        self.start()

    def start(self):
        began = time.time()
        self.proc = subprocess.Popen(self.args, env=self.env, stdout=self.log, stderr=self.log)
        while not self.answers():
            if self.proc.poll() is not None or time.time() > began + 10:
                raise RuntimeError(f"{self.name} does not start: see {self.home}/log")
            time.sleep(0.001)
        self.start_ms = (time.time() - began) * 1000

    def answers(self):
        if not os.path.exists(self.socket):
            return False
        run = subprocess.run([LOAD, self.socket, "hello", "1", "1", "0"], capture_output=True)
        return run.returncode == 0

    def pid(self):
        """The process that serves: of ours, the holder's child."""
        if not self.name.startswith("ours"):
            return self.proc.pid
        while True:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
                ids = f.read().split()
            if ids:
                return int(ids[-1])

    def cpu(self):
        """Seconds on a CPU."""
        with open(f"/proc/{self.pid()}/schedstat") as f:
            return int(f.read().split()[0]) / 1e9

    def memory(self):
        with open(f"/proc/{self.pid()}/smaps_rollup") as f:
            lines = {l.split(":")[0]: l.split()[1] for l in f if ":" in l and l.split()[-1] == "kB"}
        return int(lines["Pss_Anon"]) / 1024

    def load(self, op, clients, nodes, seconds):
        """Rate, median, 99th percentile (us), CPU per operation (us); None if it failed."""
        before = self.cpu()
        run = subprocess.run([LOAD, self.socket, op, str(clients), str(nodes), str(seconds)],
                             capture_output=True, text=True)
        if run.returncode:
            return None
        rate, p50, p99 = (float(x) for x in run.stdout.split()[3:])
        took = nodes / rate if op == "fill" else seconds
        return rate, p50, p99, (self.cpu() - before) * 1e6 / max(1, rate * took)

    def restart(self):
        """From the death of the serving process to the first answer, ms."""
        began = time.time()
        os.kill(self.pid(), 9)
        if not self.name.startswith("ours"):
            self.proc.wait()
            os.unlink(self.socket)
            self.start()
        else:
            while not self.answers():
                time.sleep(0.001)
        return (time.time() - began) * 1000

    def stop(self):
        # Ours stops as a whole; to kill only the holder would make the worker take its place.
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.home)


def best(daemons, op, clients, nodes, rounds, seconds):
    """One row: the best of each daemon's rounds."""
    found = {d.name: [] for d in daemons}
    for _ in range(rounds):
        for d in daemons:
            got = d.load(op, clients, nodes, seconds)
            if got:
                found[d.name].append(got)
    return {name: (max(g[0] for g in got), min(g[1] for g in got), min(g[2] for g in got),
                   min(g[3] for g in got)) for name, got in found.items() if got}


class Table:
    """Rows of results as Markdown."""

    def __init__(self, nodes, daemons):
        self.names = [d.name for d in daemons]
        self.lines = [f"## {nodes:,} nodes", "",
                      "| | " + " | ".join(NAMES[n] for n in self.names) + " | stock C's CPU to ours |",
                      "|---|" + "---:|" * (len(self.names) + 1)]

    def rates(self, label, found):
        cells = []
        for n in self.names:
            if n not in found:
                cells.append("-")
                continue
            rate, _, p99, cpu = found[n]
            cells.append(f"{rate:,.0f}/s" + (f", {p99:,.0f}" if p99 else "") + f", {cpu:.1f}")
        ratio = ""
        if "ours" in found and "stock" in found:
            ratio = f"{found['stock'][3] / found['ours'][3]:.1f}"
        self.row(label, cells, ratio)

    def row(self, label, cells, ratio=""):
        self.lines.append(f"| {label} | " + " | ".join(cells) + f" | {ratio} |")
        print(self.lines[-1], flush=True)


def measure(nodes, names, rounds, seconds):
    daemons = []
    for name in names:
        try:
            daemons.append(Daemon(name))
        except (RuntimeError, FileNotFoundError) as why:
            print(f"# {name} left out: {why}")
    table = Table(nodes, daemons)
    table.rates("fill", best(daemons, "fill", 1, nodes, 1, 1))
    for clients in (1, 10, 200):
        plural = f"{clients} client" + "s" * (clients > 1)
        for op in ("read", "write", "directory", "tx"):
            shown = "transaction" if op == "tx" else op
            table.rates(f"{shown}, {plural}", best(daemons, op, clients, nodes, rounds, seconds))
    for watchers in (10, 200):
        table.rates(f"watch event, fan-out to {watchers}",
                    best(daemons, "fanout", watchers + 1, nodes, rounds, seconds))
    table.row("memory, MiB", [f"{d.memory():.1f}" for d in daemons])
    table.row("start, ms", [f"{d.start_ms:.0f}" for d in daemons])
    restarts = [d.restart() for d in daemons]
    kept = ["all kept" if d.name.startswith("ours") else "all lost" for d in daemons]
    table.row("kill -9 to the first answer, ms; nodes",
              [f"{ms:.0f}, {what}" for ms, what in zip(restarts, kept)])
    for d in daemons:
        d.stop()
    return table.lines


HEAD = """<!-- SPDX-License-Identifier: MIT -->
# Performance of the store

Made by `make bench-xenstored`; do not edit. Debian's stock daemons run on the same machine below a shim
that stands for Xen, all in turn, and the best of {rounds} rounds counts. A cell has operations per second,
the latency that 99 of 100 stay below and the CPU that the daemon spent per operation, both in microseconds.
Where other work shares the machine only the CPU can be compared; the last column does so.
The stock daemons keep nothing on disk; ours keeps every acknowledged change (default: over the death of
any process; `--durable power`: over a loss of power). What the rows say is in
[xenstored.md](xenstored.md).

"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=0.5)
    p.add_argument("--nodes", type=int, nargs="*", default=[1000, 100000])
    p.add_argument("--write")
    p.add_argument("names", nargs="*", default=list(NAMES))
    o = p.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    lines = []
    for nodes in o.nodes:
        lines += measure(nodes, o.names, o.rounds, o.seconds) + [""]
    if o.write:
        with open(o.write, "w") as f:
            f.write(HEAD.format(rounds=o.rounds) + "\n".join(lines))


main()
