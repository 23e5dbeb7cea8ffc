# SPDX-License-Identifier: MIT
#
# build/tests/guest/NAME.elf  one PV kernel for each test program tests/guest/NAME.c
# tests/guest/run boots each of them, alone, as the first kernel of a hypervisor.

GUEST := tests/guest
GUEST_COMMON := tap usermode child
GUEST_TESTS := $(filter-out $(GUEST_COMMON),$(patsubst $(GUEST)/%.c,%,$(wildcard $(GUEST)/*.c)))
GUEST_ELFS := $(GUEST_TESTS:%=$(B)/$(GUEST)/%.elf)
GUEST_SHARED := $(patsubst %,$(B)/$(GUEST)/%.c.o,$(filter $(patsubst $(GUEST)/%.c,%,$(wildcard $(GUEST)/*.c)),$(GUEST_COMMON))) \
	$(patsubst %,$(B)/%.o,$(wildcard $(GUEST)/*.S))

$(B)/$(GUEST)/%.c.o: $(GUEST)/%.c
	@mkdir -p $(@D)
	$(CC) $(KIT_CFLAGS) -I$(GUEST) -MMD -c $< -o $@

$(B)/$(GUEST)/%.S.o: $(GUEST)/%.S
	@mkdir -p $(@D)
	$(CC) $(KIT_CPPFLAGS) -D__ASSEMBLY__ -I$(GUEST) -g -MMD -c $< -o $@

# A test may choose other ELF notes: GUEST_NOTES_name.
GUEST_NOTES_boot_notes = $(KIT_NOTES_FULL)
$(B)/$(GUEST)/%.elf: $(B)/$(GUEST)/%.c.o $(GUEST_SHARED) $(KIT_START) $(KIT_NOTES) $(KIT_NOTES_FULL) $(KIT_LIB) \
		$(KIT)/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(KIT_START) $(or $(GUEST_NOTES_$*),$(KIT_NOTES)) $< $(GUEST_SHARED) $(KIT_LIB) -o $@

guests: $(GUEST_ELFS)
.PHONY: guests
ALL += $(GUEST_ELFS)
SYSTEM_TESTS += $(GUEST)/run
FORMAT_SRCS += $(wildcard $(GUEST)/*.[ch])
-include $(wildcard $(B)/$(GUEST)/*.d)
