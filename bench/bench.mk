# SPDX-License-Identifier: MIT
#
# make bench: stock Xen and our hypervisor side by side; writes docs/performance.md.
#   build/bench/counter.so  the plugin that counts instructions in QEMU
#   build/bench/latency.elf   the micro-benchmark, a PV guest (latency.mk)
#   build/bench/mark        a program that marks a moment in dom0

BENCH := $(B)/bench
BENCH_ALL := $(BENCH)/counter.so $(BENCH)/latency.elf $(BENCH)/mark

$(BENCH)/counter.so: bench/counter.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -std=gnu11 -fPIC -shared -fvisibility=hidden $< -o $@

$(BENCH)/mark: bench/mark.S
	@mkdir -p $(@D)
	$(CC) -nostdlib -static -no-pie -Wl,--build-id=none $< -o $@

bench: deps
	@$(MAKE) --no-print-directory all $(BENCH_ALL)
	@bench/run

ALL += $(BENCH_ALL)
FORMAT_SRCS += bench/counter.c
