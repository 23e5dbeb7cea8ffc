# SPDX-License-Identifier: MIT
# bench/xenstored/run.py compares our store with the stock ones (from fetch-stock).

XSB_B := $(B)/bench/xenstored

$(XSB_B)/load: bench/xenstored/load.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -D_GNU_SOURCE -o $@ $<

$(XSB_B)/stock_shim.so: tests/xenstored/stock_shim.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -Wno-missing-prototypes -D_GNU_SOURCE -fvisibility=hidden -shared -fPIC -o $@ $< -ldl

.PHONY: bench-xenstored
bench-xenstored: $(B)/xenstored $(XSB_B)/load $(XSB_B)/stock_shim.so
	bench/xenstored/run.py --write docs/xenstored-performance.md

FORMAT_SRCS += $(wildcard bench/xenstored/*.[ch])
