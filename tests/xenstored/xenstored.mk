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

CHECK_TESTS += $(XST_B)/crash_test $(XST_B)/model_test
FORMAT_SRCS += $(wildcard tests/xenstored/*.[ch])

-include $(wildcard $(XST_B)/*.d)
