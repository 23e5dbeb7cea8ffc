# SPDX-License-Identifier: MIT
# Host tests of the dom0 tools, built with the sanitizers.

TLT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -D__XEN_TOOLS__ $(WARN) -g -O1 $(SAN) -Idom0-tools -Idom0-tools/lib
TLT_LIB := $(patsubst dom0-tools/%.c,$(B)/tl-san/%.o,$(wildcard dom0-tools/lib/*.c) dom0-tools/consoled/ring.c \
	dom0-tools/consoled/guestlog.c dom0-tools/tl/table.c dom0-tools/tl/help.c)
TLT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/tl_*_test.c))
TLT_LIBS := -lcmocka -llzma -lzstd -lz -llz4 -lxencall -lxenforeignmemory -lxenstore -lyajl

CHECK_TESTS += $(TLT_TESTS) tests/unit/tl_files_test $(B)/tests/tl_devd_test
FORMAT_SRCS += $(wildcard tests/unit/tl_*.[ch])

$(B)/tl-san/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	$(CC) $(TLT_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libtl-san.a: $(filter $(B)/tl-san/lib/%,$(TLT_LIB)) $(filter $(B)/tl-san/consoled/%,$(TLT_LIB))
	rm -f $@
	$(AR) rcs $@ $^

$(B)/tests/tl_%_test: tests/unit/tl_%_test.c $(B)/libtl-san.a
	@mkdir -p $(@D)
	$(CC) $(TLT_CFLAGS) $(filter %.c %.o,$^) $(B)/libtl-san.a -o $@ $(TLT_LIBS)

$(B)/tests/tl_table_test: $(B)/tl-san/tl/table.o $(B)/tl-san/tl/help.o

# A script, run against the program and a store of its own.
$(B)/tests/tl_devd_test: tests/unit/tl_devd_test.py $(B)/tl $(B)/tests/xenstored/xenstored-fake
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec python3 %s\n' '$^' > $@
	chmod +x $@

-include $(wildcard $(B)/tl-san/*/*.d)
