# SPDX-License-Identifier: MIT
# Tests of the store daemon. xenstored-fake is the daemon with a hypervisor made of files.

XST_B := $(B)/tests/xenstored

$(XST_B)/%.o: tests/xenstored/%.c
	@mkdir -p $(@D)
	$(CC) $(XSD_CFLAGS) -c -o $@ $<

$(XST_B)/xenstored-fake: $(XST_B)/fake_xen.o $(B)/xenstored.d/shell.a $(B)/xenstored.d/core.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(XSD_LIBS)

# A test program is its script, run against what was built.
$(XST_B)/%_test: tests/xenstored/%_test.py $(XST_B)/xenstored-fake
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec python3 %s\n' $< > $@
	chmod +x $@

XST_UNIT_FLAGS := -g -O1 $(WARN) $(SAN) -std=gnu11 -D_GNU_SOURCE
$(XST_B)/unit_test: tests/xenstored/unit_test.c $(wildcard xenstored/*.[ch])
	@mkdir -p $(@D)
	$(CC) $(XST_UNIT_FLAGS) -o $@ $< xenstored/journal.c xenstored/db.c xenstored/sandbox.c \
		$(XSD_CORE:%=xenstored/%.c) \
		$(XSD_LIBS) -lcmocka

XST_WRAP := malloc calloc realloc machine_out_of_memory
$(XST_B)/fault_test: tests/xenstored/fault_test.c $(wildcard xenstored/*.[ch])
	@mkdir -p $(@D)
	$(CC) -g -O1 $(WARN) -std=gnu11 -D_GNU_SOURCE $(XST_WRAP:%=-Wl,--wrap=%) -o $@ $< \
		$(XSD_CORE:%=xenstored/%.c) $(XSD_LIBS) -lcmocka

# Fuzz targets with sanitizers: by random scripts in `make check` (NAME_test), by libFuzzer with
# `make fuzz-xenstored` (FUZZ_SECONDS each, default 60).
XST_FUZZ := fuzz_machine fuzz_ring fuzz_parse
XST_FUZZ_SRCS = tests/xenstored/$1.c $(if $(filter fuzz_ring,$1),xenstored/ring.c) $(XSD_CORE:%=xenstored/%.c)
$(XST_FUZZ:%=$(XST_B)/%_test): $(XST_B)/%_test: tests/xenstored/%.c tests/xenstored/fuzz_main.c $(wildcard xenstored/*.[ch])
	@mkdir -p $(@D)
	$(CC) -g -O1 $(WARN) $(SAN) -std=gnu11 -D_GNU_SOURCE -o $@ $(call XST_FUZZ_SRCS,$*) \
		tests/xenstored/fuzz_main.c $(XSD_LIBS)

$(XST_FUZZ:%=$(XST_B)/%): $(XST_B)/%: tests/xenstored/%.c $(wildcard xenstored/*.[ch])
	@mkdir -p $(@D)
	clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu11 -D_GNU_SOURCE -o $@ $(call XST_FUZZ_SRCS,$*) $(XSD_LIBS)

.PHONY: fuzz-xenstored
fuzz-xenstored: $(XST_FUZZ:%=$(XST_B)/%)
	@mkdir -p $(XST_FUZZ:%=$(XST_B)/corpus/%)
	for f in $(XST_FUZZ); do \
		$(XST_B)/$$f -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=4096 $(XST_B)/corpus/$$f || exit 1; \
	done

CHECK_TESTS += $(XST_B)/advisory_test $(XST_B)/crash_test $(XST_B)/model_test $(XST_B)/protocol_test $(XST_B)/durable_test \
	$(XST_FUZZ:%=$(XST_B)/%_test) $(XST_B)/unit_test $(XST_B)/fault_test
# Longer ones, for `make test`: thousands of kills, and the stock daemon (which is fetched).
$(XST_B)/kills_test: $(XST_B)/crash_test
	printf '#!/bin/sh\nXSD_KILLS=$${XSD_KILLS:-3000} XSD_HOLDERS=0.1 exec $<\n' > $@
	chmod +x $@
$(XST_B)/stock_test: $(B)/xenstored $(B)/bench/xenstored/stock_shim.so
SYSTEM_TESTS += $(XST_B)/kills_test $(XST_B)/stock_test
FORMAT_SRCS += $(wildcard tests/xenstored/*.[ch])

-include $(wildcard $(XST_B)/*.d)
