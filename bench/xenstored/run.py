#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our xenstored beside the stock C daemon and oxenstored: rate, latency, CPU, memory, restart.

usage: run.py [--quick] [NAME...]   NAME: ours, ours-power, stock, oxenstored

Rows print operations per second, median and 99th percentile of the latency in us, and the CPU
time that the daemon spent per operation (us): on a busy machine that is the figure to compare.
Runs of one row are made side by side in time, the daemons in turn.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
LOAD = os.path.join(BUILD, "bench/xenstored/load")
SHIM = os.path.join(BUILD, "bench/xenstored/stock_shim.so")
STOCK = os.path.join(BUILD, "cache/stock/usr/lib/xen-4.17/bin")
TICK = os.sysconf("SC_CLK_TCK")


class Daemon:
    def __init__(self, name):
        self.name, self.home = name, tempfile.mkdtemp(prefix="bench-")
        os.mkdir(self.home + "/run")
        self.env = dict(os.environ, XENSTORED_RUNDIR=self.home + "/run",
                        XENSTORED_ROOTDIR=self.home + "/db")
        self.args = {"ours": [BUILD + "/xenstored", "-N", "-D"],
                     "ours-power": [BUILD + "/xenstored", "-N", "-D", "--durable", "power"],
                     "stock": [STOCK + "/xenstored", "-N"],
                     "oxenstored": [STOCK + "/oxenstored", "--no-fork"]}[name]
        if not name.startswith("ours"):
            self.env["LD_PRELOAD"] = SHIM
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
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            ids = f.read().split()
        return int(ids[-1]) if ids and self.name.startswith("ours") else self.proc.pid

    def cpu(self):
        with open(f"/proc/{self.pid()}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self):
        with open(f"/proc/{self.pid()}/smaps_rollup") as f:
            lines = {l.split(":")[0]: l.split()[1] for l in f if ":" in l and l.split()[-1] == "kB"}
        return int(lines["Pss_Anon"]) / 1024

    def load(self, op, clients, nodes, seconds):
        before = self.cpu()
        run = subprocess.run([LOAD, self.socket, op, str(clients), str(nodes), str(seconds)],
                             capture_output=True, text=True)
        if run.returncode:
            return None
        rate, p50, p99 = (float(x) for x in run.stdout.split()[3:])
        spent = self.cpu() - before
        took = nodes / rate if op == "fill" else seconds
        return rate, p50, p99, spent * 1e6 / max(1, rate * took)

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


def show(label, results):
    text = []
    for r in results:
        text.append("-" if r is None else f"{r[0]:9.0f} {r[1]:8.1f} {r[2]:9.1f} {r[3]:7.1f}")
    print(f"{label:26s} " + " | ".join(f"{t:>36s}" for t in text), flush=True)


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    words = sys.argv[1:]
    quick = "--quick" in words
    names = [w for w in words if not w.startswith("-")] or ["ours", "ours-power", "stock",
                                                            "oxenstored"]
    seconds = 0.5 if quick else 2
    for nodes in (1000, 100000):
        daemons = []
        for name in names:
            try:
                daemons.append(Daemon(name))
            except (RuntimeError, FileNotFoundError) as why:
                print(f"# {name} left out: {why}")
        print(f"\n{nodes} nodes".ljust(28) + " | ".join(f"{d.name:>36s}" for d in daemons))
        print(" " * 26 + " | ".join(["     op/s   p50 us    p99 us  cpu us"] * len(daemons)))
        show("fill", [d.load("fill", 1, nodes, 1) for d in daemons])
        for clients in (1, 10, 200):
            for op in ("read", "write", "directory", "tx"):
                show(f"{op}, {clients} clients",
                     [d.load(op, clients, nodes, seconds) for d in daemons])
        for clients in (11, 201):
            show(f"fanout to {clients - 1}", [d.load("fanout", clients, nodes, seconds)
                                              for d in daemons])
        print(f"{'memory, MiB':26s} " + " | ".join(f"{d.memory():36.1f}" for d in daemons))
        print(f"{'start, ms':26s} " + " | ".join(f"{d.start_ms:36.1f}" for d in daemons))
        print(f"{'restart after kill -9, ms':26s} " + " | ".join(f"{d.restart():36.1f}"
                                                                 for d in daemons))
        for d in daemons:
            d.stop()


main()
