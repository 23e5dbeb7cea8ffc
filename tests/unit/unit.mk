# SPDX-License-Identifier: MIT
#
# tests/unit/hv_NAME_test.c: cmocka tests of the hypervisor's objects on the host port, built with both compilers under
# ASan and UBSan.

UNIT_HV := $(wildcard tests/unit/hv_*_test.c)
UNIT_CFLAGS := $(HV_HOST_CFLAGS) -Wno-unused-parameter -Itests/unit

define unit_hv
$(B)/tests/$(1)/%: tests/unit/%.c $(B)/$(1)/libhv.a $(wildcard tests/unit/*.h)
	@mkdir -p $$(@D)
	$(2) $(UNIT_CFLAGS) $(SAN) -MMD $$< $(B)/$(1)/libhv.a -lcmocka -o $$@
CHECK_TESTS += $(patsubst tests/unit/%.c,$(B)/tests/$(1)/%,$(UNIT_HV))
endef
$(eval $(call unit_hv,host-gcc,gcc))
$(eval $(call unit_hv,host-clang,clang))

FORMAT_SRCS += $(wildcard tests/unit/*.[ch])
