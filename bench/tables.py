# SPDX-License-Identifier: MIT
"""From windows of counts to the tables of docs/performance.md; which rows there are."""
import math

CLASSES = ["sysret", "iret", "cr3", "invlpg", "locked", "wrmsr", "rdmsr", "cpuid", "port"]
OS_ROWS = {
    101: "null system call", 102: "signal install", 103: "signal handle", 104: "fork + exit",
    105: "fork + exec", 106: "fork + shell", 107: "pipe, there and back", 109: "protection fault",
    110: "anonymous page fault", 111: "file page fault", 108: "mmap 4 MB, touch each 16 KB, unmap",
    112: "mprotect of 256 pages", 113: "TCP loopback, there and back", 114: "processor alone",
}
# Between domains: what they are, and the goal (ratio to stock).
PEER_ROWS = {
    150: ("event, there and back, blocked domains", 0.50), 152: ("grant map", 0.50),
    153: ("grant unmap", 0.50), 154: ("grant copy of 64 bytes", 0.50),
    155: ("grant copy of 4 KiB", 0.50), 156: ("grant copy of 8 x 4 KiB", 0.50),
}
IO_ROWS = {
    120: "disk, 4 KiB random read", 121: "disk, 4 KiB random write", 122: "disk, 1 MiB read",
    123: "disk, 1 MiB write", 130: "network, 1 byte there and back",
    131: "network, TCP 8 MiB to dom0", 132: "network, TCP 8 MiB from dom0",
}


def ratio(ours, stock):
    return f"{ours / stock:.2f}" if stock else "-"


def total(c):
    """All instructions but repetitions of string instructions."""
    return c["low"] + c["hv"] + c["kernel"]


def repeated(c):
    return c["low_rep"] + c["hv_rep"] + c["kernel_rep"]


def windows(marks, least=total):
    """{row: differences between its marks 2n and 2n + 1}; of repeated windows the cheapest."""
    out, start = {}, {}
    for number, counts in marks:
        if not number.isdigit():
            continue
        row, ends = divmod(int(number), 2)
        if not ends:
            start[row] = counts
        elif row in start:
            window = {k: counts[k] - start[row][k] for k in counts}
            if row not in out or least(window) < least(out[row]):
                out[row] = window
    return out


def by_hypervisor(c):
    return c["hv"]


def worse_classes(ours, stock):
    """Classes of costly instructions of which we execute more than stock does."""
    return ", ".join(f"{c} {stock[c]}->{ours[c]}" for c in CLASSES if ours[c] > stock[c])


def cost_cells(a, b, goal):
    """Cells of a row that compares hypervisor parts: ours a, stock's b."""
    return [str(b["hv"]), str(a["hv"]), ratio(a["hv"], b["hv"]), f"{goal:.2f}" if goal else "",
            f"{b['sysret'] + b['iret']} / {a['sysret'] + a['iret']}", f"{b['cr3']} / {a['cr3']}",
            f"{b['locked']} / {a['locked']}", worse_classes(a, b)]


COST_HEAD = ["| operation | stock | Tenon | ratio | goal | exits | CR3 writes | locked | worse in |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---|"]


def line(*cells):
    return "| " + " | ".join(cells) + " |"


def cost_rows(rows, ours, stock, suffix=""):
    return [line(name + suffix, *cost_cells(ours[row], stock[row], goal))
            for row, (name, goal) in rows.items() if row in ours and row in stock]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def os_table(native, runs):
    """native: {row: window}; runs: [(heading, stock's rows, our rows)], dom0 and domU."""
    out = [line("service", "native", *(f"{h}: stock | Tenon | stock / native | Tenon / native | in "
                                       "Xen | in Tenon" for h, _, _ in runs)),
           "|---|---:" + "|---:" * 6 * len(runs) + "|"]
    means = [([], []) for _ in runs]
    for row, name in OS_ROWS.items():
        if any(row not in x for _, b, a in runs for x in (native, a, b)):
            continue
        base, cells = total(native[row]), []
        for (_, b, a), mean in zip(runs, means):
            for x, values in zip((b[row], a[row]), mean):
                values.append(total(x) / base)
            cells += [f"{total(b[row]):,}", f"{total(a[row]):,}", ratio(total(b[row]), base),
                      ratio(total(a[row]), base), f"{b[row]['hv']:,}", f"{a[row]['hv']:,}"]
        out.append(line(name, f"{base:,}", *cells))
    cells = []
    for stock, ours in means:
        cells += ["", "", f"**{geometric_mean(stock):.2f}**", f"**{geometric_mean(ours):.2f}**", "", ""]
    return out + [line("geometric mean", "", *cells)]


def io_table(ours, stock):
    out = [line("transfer", "stock, hypervisor", "Tenon, hypervisor", "ratio", "stock, all", "Tenon, all",
                "ratio", "string repetitions, stock / Tenon", "worse in"),
           "|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for row, name in IO_ROWS.items():
        if row in ours and row in stock:
            a, b = ours[row], stock[row]
            out.append(line(name, f"{b['hv']:,}", f"{a['hv']:,}", ratio(a["hv"], b["hv"]),
                            f"{total(b):,}", f"{total(a):,}", ratio(total(a), total(b)),
                            f"{repeated(b):,} / {repeated(a):,}", worse_classes(a, b)))
    return out


def figures_table(figures):
    """figures: [(label, stock's, ours, format)]; those that are not known are left out."""
    out = ["| whole system | stock | Tenon | ratio |", "|---|---:|---:|---:|"]
    for label, stock, ours, form in figures:
        if stock is not None and ours is not None:
            out.append(line(label, form.format(stock), form.format(ours), ratio(ours, stock)))
    return out
