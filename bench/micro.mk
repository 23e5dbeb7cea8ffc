# SPDX-License-Identifier: MIT
#
# build/bench/micro.elf  a PV kernel that measures what operations cost; boot it like the tests in tests/guest

$(B)/bench/micro%.o: bench/micro% bench/micro.h
	@mkdir -p $(@D)
	$(CC) $(if $(filter %.S,$<),$(KIT_CPPFLAGS) -D__ASSEMBLY__ -g,$(KIT_CFLAGS)) -MMD -c $< -o $@

# This fragment is read before the kit's: its files are named here, its flags are used when the recipe runs.
MICRO_KIT := $(patsubst %,$(B)/frontends/%,pv64/entry.S.o pv64/notes.S.o libkit64.a)

$(B)/bench/micro.elf: $(B)/bench/micro.c.o $(B)/bench/micro_entry.S.o $(MICRO_KIT) frontends/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(filter %.o %.a,$^) -o $@

ALL += $(B)/bench/micro.elf
FORMAT_SRCS += bench/micro.c bench/micro.h
-include $(wildcard $(B)/bench/micro*.d)
