# SPDX-License-Identifier: MIT
#
# make bench: stock Xen and our hypervisor side by side; writes docs/performance.md.
#   build/bench/counter.so  the plugin that counts instructions in QEMU
#   build/bench/latency.elf   the micro-benchmark, a PV guest (latency.mk)
#   build/bench/mark        a program that marks a moment in dom0
#   build/bench/os          the costs of a kernel's services, a static program
#   build/bench/peer.elf    domains that measure each other, a PV guest

BENCH := $(B)/bench
# These fragments are read before the kit's: its files are named here, its flags are used when a recipe runs.
BENCH_KIT := $(patsubst %,$(B)/frontends/%,pv64/entry.S.o pv64/notes.S.o libkit64.a)
BENCH_ALL := $(BENCH)/counter.so $(BENCH)/latency.elf $(BENCH)/mark $(BENCH)/os $(BENCH)/peer.elf

$(BENCH)/counter.so: bench/counter.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -std=gnu11 -fPIC -shared -fvisibility=hidden $< -o $@

$(BENCH)/mark: bench/mark.S
	@mkdir -p $(@D)
	$(CC) -nostdlib -static -no-pie -Wl,--build-id=none $< -o $@

$(BENCH)/os: bench/os.c bench/mark.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -std=gnu11 -static $< -o $@

$(BENCH)/peer.elf: bench/peer.c bench/mark.h $(BENCH_KIT) frontends/pv64/pv64.lds
	@mkdir -p $(@D)
	$(CC) $(KIT_CFLAGS) -c $< -o $@.o
	$(CC) $(KIT_LDFLAGS) $(filter %.o,$^) $@.o $(filter %.a,$^) -o $@

bench: deps
	@$(MAKE) --no-print-directory all $(BENCH_ALL)
	@bench/run

ALL += $(BENCH_ALL)
FORMAT_SRCS += bench/counter.c bench/os.c bench/peer.c bench/mark.h
