# SPDX-License-Identifier: MIT
#
# build/tests/dom0/NAME  programs that system tests run in dom0, over the stable libraries

DOM0_PROGS := $(patsubst tests/dom0/%.c,$(B)/tests/dom0/%,$(wildcard tests/dom0/*.c))

$(B)/tests/dom0/%: tests/dom0/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -D__XEN_TOOLS__ $(WARN) $(CFLAGS) $< -o $@ \
		-lxencall -lxenforeignmemory -lxengnttab -lxenevtchn

ALL += $(DOM0_PROGS)
FORMAT_SRCS += $(wildcard tests/dom0/*.c)
