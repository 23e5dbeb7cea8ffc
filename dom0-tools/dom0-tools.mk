# SPDX-License-Identifier: MIT
# libtl, tl, tl-consoled and their helpers.

TL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fstack-protector-strong -Idom0-tools -Idom0-tools/lib
TL_UNPACK_LIBS := -llzma -lzstd -lz -llz4

ALL += $(B)/unpack-kernel
FORMAT_SRCS += $(wildcard dom0-tools/*.[ch] dom0-tools/*/*.[ch])

$(B)/tl-obj/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	$(CC) $(TL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/unpack-kernel: $(B)/tl-obj/unpack-kernel.o $(B)/tl-obj/lib/unpack.o
	$(CC) $(CFLAGS) $^ -o $@ $(TL_UNPACK_LIBS)

-include $(wildcard $(B)/tl-obj/*.d $(B)/tl-obj/*/*.d)
