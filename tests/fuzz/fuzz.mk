# SPDX-License-Identifier: MIT
#
# build/tests/fuzz/NAME from tests/fuzz/NAME_fuzz.c: libFuzzer targets over the hypervisor's objects on the host port.
# `make check` runs each from a fixed seed for FUZZ_SECONDS, or for as many inputs as FUZZ_RUNS_NAME says (then always
# the same ones). To hunt for longer: build/tests/fuzz/NAME.bin -max_len=1024 DIR

# Those of the dom0 tools (tl_*) have a fragment of their own.
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(filter-out tests/fuzz/tl_%,$(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_SECONDS ?= 20
FUZZ_RUNS_pair ?= 120

$(eval $(call hv_host_library,host-fuzz,clang,$(SAN) -fsanitize=fuzzer-no-link))

$(B)/tests/fuzz/%.bin: tests/fuzz/%_fuzz.c $(B)/host-fuzz/libhv.a $(wildcard tests/unit/*.h tests/fuzz/*.h)
	@mkdir -p $(@D)
	clang $(UNIT_CFLAGS) $(SAN) -fsanitize=fuzzer -MMD $< $(B)/host-fuzz/libhv.a -lcmocka -o $@

# The program that prints TAP.
$(B)/tests/fuzz/%: tests/fuzz/run $(B)/tests/fuzz/%.bin
	@printf '#!/bin/sh\nFUZZ_SECONDS=%s FUZZ_RUNS=%s exec tests/fuzz/run %s\n' \
		'$(FUZZ_SECONDS)' '$(or $(FUZZ_RUNS_$*),-1)' '$@.bin' > $@
	@chmod +x $@

CHECK_TESTS += $(FUZZ_TARGETS:%=$(B)/tests/fuzz/%)
FORMAT_SRCS += $(wildcard tests/fuzz/*.[ch])
