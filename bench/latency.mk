# SPDX-License-Identifier: MIT
#
# build/bench/latency.elf  a PV kernel that measures what operations cost; boot it like the tests in tests/guest

$(B)/bench/latency%.o: bench/latency% bench/latency.h
	@mkdir -p $(@D)
	$(CC) $(if $(filter %.S,$<),$(KIT_CPPFLAGS) -D__ASSEMBLY__ -g,$(KIT_CFLAGS)) -MMD -c $< -o $@

# This fragment is read before the kit's: its files are named here, its flags are used when the recipe runs.
LATENCY_KIT := $(patsubst %,$(B)/frontends/%,pv64/entry.S.o pv64/notes.S.o libkit64.a)

$(B)/bench/latency.elf: $(B)/bench/latency.c.o $(B)/bench/latency_entry.S.o $(LATENCY_KIT) frontends/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(filter %.o %.a,$^) -o $@

ALL += $(B)/bench/latency.elf
FORMAT_SRCS += bench/latency.c bench/latency.h
-include $(wildcard $(B)/bench/latency*.d)
