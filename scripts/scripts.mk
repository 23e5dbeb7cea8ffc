# SPDX-License-Identifier: MIT
# Dependencies, running, testing, and the checks of the tree itself.
#
#   make run            boot dom0 and a guest of tl in QEMU (KERNEL=6.12 HV=path|stock MEM= SMP= TOOLS=own|stock|none)
#   make test           all tests on our hypervisor
#   make test-stock     the system tests on stock Xen: what differs is ours
#   make style, format  check the tree's form; apply clang-format

SYSTEM_TIMEOUT ?= 2400

# A program that builds comes first: on a fresh machine there is nothing to make with.
deps:
	@scripts/install-deps

run: deps
	@$(MAKE) --no-print-directory all
	@scripts/run

# One list for run-tests, so that the closing line counts everything.
test: deps
	@$(MAKE) --no-print-directory all style $(CHECK_TESTS) $(filter $(B)/%,$(SYSTEM_TESTS))
	@scripts/fetch-stock
	@TEST_TIMEOUT=$(SYSTEM_TIMEOUT) scripts/run-tests $(CHECK_TESTS) $(SYSTEM_TESTS)

test-stock: deps
	@$(MAKE) --no-print-directory $(B)/unpack-kernel
	@scripts/fetch-stock
	@HV=stock TEST_TIMEOUT=$(SYSTEM_TIMEOUT) scripts/run-tests $(filter tests/system/%,$(SYSTEM_TESTS))

style:
	@scripts/style

format:
	clang-format -i $(FORMAT_SRCS)

# For scripts that need a variable of the build: make -s print-NAME.
print-%:
	@echo '$($*)'

.PHONY: test-stock
