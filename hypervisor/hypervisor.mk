# SPDX-License-Identifier: MIT
#
# build/tenon      the image a boot loader loads (flat, Multiboot 1 and 2)
# build/tenon.elf  the same with symbols
# build/host/libhv.a  the objects on the host port, for unit tests (one archive per compiler and sanitizer set)
# DEBUG=1 builds with lock-rank checks and ASSERT.

HYP := hypervisor
HV_OBJECT_DIRS := mm evtchn grant domain sched time irq console iommu lib hypercall
HV_OBJECTS := $(foreach d,$(HV_OBJECT_DIRS),$(wildcard $(HYP)/$(d)/*.c))
HV_MACHINE := $(filter-out %/asm-offsets.c,$(wildcard $(HYP)/x86/*.c $(HYP)/boot/*.c $(HYP)/x86/*.S $(HYP)/boot/*.S))

HV_DEBUG := -DDEBUG_BUILD=$(if $(DEBUG),1,0)
HV_CPPFLAGS := -D__XEN_TOOLS__ -I$(HYP)/include
TENON_VERSION := 0.1
HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-builtin-printf -fPIE -fvisibility=hidden \
	-mno-red-zone -mpreferred-stack-boundary=3 -mno-sse -mno-mmx -mno-80387 -fno-strict-aliasing -fno-common \
	-fno-asynchronous-unwind-tables -fno-jump-tables -fcf-protection=none -fstack-protector-strong \
	-mstack-protector-guard=global $(WARN) $(HV_DEBUG)
HV_X86_INC := -I$(HYP)/x86/include -DTENON_VERSION='"$(TENON_VERSION)"'

HV_OBJS := $(patsubst %,$(B)/%.o,$(HV_OBJECTS) $(HV_MACHINE))

$(B)/$(HYP)/%.c.o: $(HYP)/%.c
	@mkdir -p $(@D)
	@echo '  CC  $<'; $(CC) $(HV_CPPFLAGS) $(HV_X86_INC) $(HV_CFLAGS) -MMD -MP -c $< -o $@

$(B)/$(HYP)/asm-offsets.h: $(HYP)/x86/asm-offsets.c
	@mkdir -p $(@D)
	@$(CC) $(HV_CPPFLAGS) $(HV_X86_INC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(B)/$(HYP)/asm-offsets.d -S $< -o $(B)/$(HYP)/asm-offsets.s
	@sed -n 's/^->\([A-Z0-9_]*\) \$$\(.*\)/#define \1 \2/p' $(B)/$(HYP)/asm-offsets.s > $@

$(B)/$(HYP)/%.S.o: $(HYP)/%.S $(B)/$(HYP)/asm-offsets.h
	@mkdir -p $(@D)
	@echo '  AS  $<'; $(CC) $(HV_CPPFLAGS) $(HV_X86_INC) -I$(B)/$(HYP) -D__ASSEMBLY__ -g -MMD -MP -c $< -o $@

# The image is linked three times: the symbol table it carries must hold its own final addresses, and its size moves them.
HV_LD := $(CC) -nostdlib -static -no-pie -Wl,--build-id=none,-z,noexecstack,--no-relax,-z,max-page-size=4096,--no-warn-rwx-segments \
	-T $(HYP)/tenon.lds
$(B)/$(HYP)/symbols0.S: scripts/symbols
	@mkdir -p $(@D)
	scripts/symbols < /dev/null > $@
$(B)/$(HYP)/symbols1.S: $(B)/$(HYP)/pass0.elf scripts/symbols
	nm -n $< | scripts/symbols > $@
$(B)/$(HYP)/symbols2.S: $(B)/$(HYP)/pass1.elf scripts/symbols
	nm -n $< | scripts/symbols > $@
$(B)/$(HYP)/symbols%.o: $(B)/$(HYP)/symbols%.S
	$(CC) -c $< -o $@
$(B)/$(HYP)/pass%.elf: $(HV_OBJS) $(B)/$(HYP)/symbols%.o $(HYP)/tenon.lds
	$(HV_LD) $(HV_OBJS) $(B)/$(HYP)/symbols$*.o -o $@
$(B)/tenon.elf: $(B)/$(HYP)/pass2.elf
	cp $< $@
$(B)/tenon: $(B)/tenon.elf
	objcopy -O binary $< $@
ALL += $(B)/tenon

# Host port: the same sources as a library, built with sanitizers.
# Those x86 files that touch no machine belong to it.
HV_PURE := $(addprefix $(HYP)/x86/,acpi.c cpu_policy.c cpuid_policy.c decode.c msr_policy.c store.c)
HV_HOST_SRCS := $(HV_OBJECTS) $(HV_PURE) $(wildcard $(HYP)/host/*.c)
HV_HOST_CFLAGS := -std=gnu11 -O1 -g -fno-builtin -fno-strict-aliasing $(WARN) -DDEBUG_BUILD=1 $(HV_CPPFLAGS) \
	-I$(HYP)/host/include -I$(HYP)/host -I$(HYP)/evtchn -I$(HYP)/x86/include -I$(HYP)/x86

define hv_host_library
$(B)/$(1)/%.c.o: %.c
	@mkdir -p $$(@D)
	@echo '  $(2) $$<'; $(2) $(HV_HOST_CFLAGS) $(3) -MMD -MP -c $$< -o $$@
$(B)/$(1)/libhv.a: $(patsubst %,$(B)/$(1)/%.o,$(HV_HOST_SRCS))
	@rm -f $$@
	ar rcs $$@ $$^
-include $(patsubst %.c,$(B)/$(1)/%.c.d,$(HV_HOST_SRCS))
endef
$(eval $(call hv_host_library,host-gcc,gcc,$(SAN)))
$(eval $(call hv_host_library,host-clang,clang,$(SAN)))

-include $(HV_OBJS:.o=.d) $(B)/$(HYP)/asm-offsets.d
FORMAT_SRCS += $(wildcard $(HYP)/*/*.[ch] $(HYP)/*/include/*.h $(HYP)/*/include/arch/*.h)
