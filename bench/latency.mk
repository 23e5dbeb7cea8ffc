# SPDX-License-Identifier: MIT
#
# build/bench/latency.elf  a PV kernel that measures what operations cost; boot it like the tests in tests/guest

$(B)/bench/latency%.o: bench/latency% bench/latency.h
	@mkdir -p $(@D)
	$(CC) $(if $(filter %.S,$<),$(KIT_CPPFLAGS) -D__ASSEMBLY__ -g,$(KIT_CFLAGS)) -MMD -c $< -o $@

$(B)/bench/latency.elf: $(B)/bench/latency.c.o $(B)/bench/latency_entry.S.o $(BENCH_KIT) frontends/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(filter %.o %.a,$^) -o $@

ALL += $(B)/bench/latency.elf
FORMAT_SRCS += bench/latency.c bench/latency.h
-include $(wildcard $(B)/bench/latency*.d)
