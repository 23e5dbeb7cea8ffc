# SPDX-License-Identifier: MIT
#
# build/frontends/libkit64.a  the freestanding kit for 64-bit PV guests
# build/frontends/start64.o   entry point and ELF notes, linked first
#
# build/tests/guest/first.elf an example without the kit, run with the guest tests
#
# A guest is: $(KIT_LD) start64.o (a notes file) objects libkit64.a, with KIT_CFLAGS for its C sources.

KIT := frontends
KIT_CPPFLAGS := -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ -I$(KIT)/include
KIT_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -no-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-strict-aliasing -fno-common -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	$(WARN) $(KIT_CPPFLAGS)
KIT_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096 \
	-Wl,--no-warn-rwx-segments -T $(KIT)/pv64/pv64.lds
KIT_SRCS := $(wildcard $(KIT)/core/*.c $(KIT)/pv64/*.c)
KIT_OBJS := $(KIT_SRCS:%=$(B)/%.o) $(patsubst %,$(B)/$(KIT)/pv64/%_entry.S.o,trap user)

$(B)/$(KIT)/%.c.o: $(KIT)/%.c
	@mkdir -p $(@D)
	$(CC) $(KIT_CFLAGS) -MMD -c $< -o $@

$(B)/$(KIT)/%.S.o: $(KIT)/%.S
	@mkdir -p $(@D)
	$(CC) $(KIT_CPPFLAGS) -D__ASSEMBLY__ -g -MMD -c $< -o $@

$(B)/$(KIT)/libkit64.a: $(KIT_OBJS)
	@rm -f $@
	ar rcs $@ $^

KIT_START := $(B)/$(KIT)/pv64/entry.S.o
KIT_NOTES := $(B)/$(KIT)/pv64/notes.S.o
KIT_NOTES_FULL := $(B)/$(KIT)/pv64/notes_full.S.o
KIT_LIB := $(B)/$(KIT)/libkit64.a

$(B)/tests/guest/first.elf: $(B)/$(KIT)/examples/first.S.o $(KIT)/pv64/pv64.lds
	@mkdir -p $(@D)
	$(CC) $(KIT_LDFLAGS) $< -o $@

ALL += $(B)/tests/guest/first.elf $(KIT_LIB) $(KIT_START) $(KIT_NOTES) $(KIT_NOTES_FULL)
FORMAT_SRCS += $(KIT_SRCS) $(wildcard $(KIT)/include/kit/*.h)
-include $(KIT_OBJS:.o=.d)
