# SPDX-License-Identifier: MIT
# What the system tests of the tools need beside the tools.

ALL += $(B)/tl-tiny.elf $(B)/tl-faults
FORMAT_SRCS += tests/system/tl_faults.c

# The minimal guest of the system tests and benchmarks.
$(B)/tl-tiny.elf: tests/system/tl_tiny.S
	$(CC) -nostdlib -static -no-pie -fno-pic -Wl,-Ttext-segment=0xffffffff80100000 -Wl,--build-id=none \
		-Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 $< -o $@

$(B)/tl-faults: tests/system/tl_faults.c $(B)/libtl.a
	$(CC) $(TL_CFLAGS) $< $(B)/libtl.a -o $@ $(TL_UNPACK_LIBS) $(TL_XEN_LIBS)

# The talkative one, on the kit of the frontends.
FORMAT_SRCS += tests/system/tl_talker.c
ALL += $(B)/tl-talker.elf

$(B)/tl-talker.o: tests/system/tl_talker.c
	$(CC) $(KIT_CFLAGS) -c $< -o $@

$(B)/tl-talker.elf: $(B)/tl-talker.o $(B)/frontends/pv64/entry.S.o $(B)/frontends/pv64/notes.S.o \
		$(B)/frontends/libkit64.a frontends/pv64/pv64.lds
	$(CC) $(KIT_LDFLAGS) $(filter %.S.o,$^) $< $(B)/frontends/libkit64.a -o $@
