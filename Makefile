# SPDX-License-Identifier: MIT
#
# Tenon. Every folder brings its own fragment; a fragment adds to:
#   ALL          what `make` builds, all below build/
#   CHECK_TESTS  quick host tests, programs that print TAP (`make check`)
#   SYSTEM_TESTS tests that boot QEMU, programs that print TAP (`make test`)
#   FORMAT_SRCS  C sources that the style check reads

B       := build
CC      ?= gcc
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef
CFLAGS  ?= -O2 -g
SAN     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

ALL :=
CHECK_TESTS :=
SYSTEM_TESTS :=
FORMAT_SRCS :=

# As many jobs as the machine has processors, unless the caller says how many.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

.PHONY: all check test run bench format style deps clean distclean
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

include $(sort $(wildcard */*.mk tests/*/*.mk))

all: $(ALL)

check: style $(CHECK_TESTS)
	@scripts/run-tests $(CHECK_TESTS)

# What was downloaded stays, except with distclean.
clean:
	@mkdir -p $(B)
	find $(B) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +

distclean:
	rm -rf $(B)
