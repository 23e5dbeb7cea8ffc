# SPDX-License-Identifier: MIT
#
# make bench: stock Xen and our hypervisor side by side; writes docs/performance.md.
#   build/bench/counter.so  the plugin that counts instructions in QEMU
#   build/bench/micro.elf   the micro-benchmark, a PV guest
#   build/bench/mark        a program that marks a moment in dom0

BENCH := $(B)/bench
BENCH_ALL := $(BENCH)/counter.so $(BENCH)/micro.elf $(BENCH)/mark

$(BENCH)/counter.so: bench/counter.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -std=gnu11 -fPIC -shared -fvisibility=hidden $< -o $@

$(BENCH)/micro.o: bench/micro.c
	@mkdir -p $(@D)
	$(CC) $(KIT_CFLAGS) -MMD -MP -c $< -o $@

# Spelled out: the kit's fragment, with its variables, is read after this one.
BENCH_KIT := $(patsubst %,$(B)/frontends/%,pv64/entry.S.o pv64/notes.S.o libkit64.a)
$(BENCH)/micro.elf: $(BENCH)/micro.o $(BENCH_KIT) frontends/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(filter-out %libkit64.a,$(BENCH_KIT)) $< $(filter %libkit64.a,$(BENCH_KIT)) -o $@

$(BENCH)/mark: bench/mark.S
	@mkdir -p $(@D)
	$(CC) -nostdlib -static -no-pie -Wl,--build-id=none $< -o $@

bench: deps
	@$(MAKE) --no-print-directory all $(BENCH_ALL)
	@bench/run

ALL += $(BENCH_ALL)
FORMAT_SRCS += $(wildcard bench/*.c)
-include $(wildcard $(BENCH)/*.d)
