# SPDX-License-Identifier: MIT
# libtl, tl, tl-consoled and their helpers.

TL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -D__XEN_TOOLS__ $(WARN) $(CFLAGS) -fstack-protector-strong -Idom0-tools -Idom0-tools/lib
TL_COMMA := ,
TL_UNPACK_LIBS := -llzma -lzstd -lz -llz4
TL_XEN_LIBS := -lxencall -lxenforeignmemory -lxenstore -lxentoolcore
TL_LIB_OBJS := $(patsubst dom0-tools/%.c,$(B)/tl-obj/%.o,$(wildcard dom0-tools/lib/*.c))
TL_OBJS := $(patsubst dom0-tools/%.c,$(B)/tl-obj/%.o,$(wildcard dom0-tools/tl/*.c))

ALL += $(B)/unpack-kernel $(B)/tl $(B)/tl-consoled $(B)/tl-dom0-init $(B)/tl.8 $(B)/tl.bash-completion
FORMAT_SRCS += $(wildcard dom0-tools/*.[ch] dom0-tools/*/*.[ch])

$(B)/tl-obj/%.o: dom0-tools/%.c
	@mkdir -p $(@D)
	$(CC) $(TL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libtl.a: $(TL_LIB_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

$(B)/unpack-kernel: $(B)/tl-obj/unpack-kernel.o $(B)/tl-obj/lib/unpack.o
	$(CC) $(CFLAGS) $^ -o $@ $(TL_UNPACK_LIBS)

# tl is run for every small thing, and a dozen shared libraries are half the instructions of a short run:
# it carries most of its libraries. TL_STATIC= gives a dynamic one. libxenstore stays shared: the archive
# is built without the thread that delivers watch events.
TL_STATIC ?= 1
TL_CARRIED := $(TL_UNPACK_LIBS) -lxencall -lxenforeignmemory -lxentoollog $(if $(TL_STATIC),-lyajl_s,-lyajl) \
	-lncurses -ltinfo

$(B)/tl: $(TL_OBJS) $(B)/libtl.a
	$(CC) $(CFLAGS) $^ -o $@ $(if $(TL_STATIC),-Wl$(TL_COMMA)-Bstatic) $(TL_CARRIED) \
		$(if $(TL_STATIC),-Wl$(TL_COMMA)-Bdynamic) -lxenstore -lxentoolcore

$(B)/tl-consoled: $(patsubst dom0-tools/%.c,$(B)/tl-obj/%.o,$(wildcard dom0-tools/consoled/*.c)) $(B)/libtl.a
	$(CC) $(CFLAGS) $^ -o $@ $(TL_XEN_LIBS) -lxenevtchn -lxengnttab

$(B)/tl-dom0-init: $(B)/tl-obj/tl-dom0-init.o $(B)/libtl.a
	$(CC) $(CFLAGS) $^ -o $@ $(TL_UNPACK_LIBS) $(TL_XEN_LIBS)

$(B)/tl.8: $(B)/tl
	$(B)/tl man > $@

$(B)/tl.bash-completion: $(B)/tl
	$(B)/tl completion > $@

-include $(wildcard $(B)/tl-obj/*.d $(B)/tl-obj/*/*.d)

# Put the tools where a host wants them; DESTDIR is the root of a package being made.
.PHONY: install-tools
install-tools: $(B)/tl $(B)/tl-consoled $(B)/tl-dom0-init $(B)/unpack-kernel $(B)/tl.8 $(B)/tl.bash-completion
	install -d $(DESTDIR)/usr/sbin $(DESTDIR)/usr/share/man/man8 $(DESTDIR)/etc/xen/auto $(DESTDIR)/etc/xen/scripts \
		$(DESTDIR)/usr/share/bash-completion/completions $(DESTDIR)/lib/systemd/system $(DESTDIR)/etc/init.d \
		$(DESTDIR)/usr/lib/modules-load.d
	install -d -m 700 $(DESTDIR)/var/cache/tl
	install $(B)/tl $(B)/tl-consoled $(B)/tl-dom0-init $(B)/unpack-kernel $(DESTDIR)/usr/sbin
	install -m 644 $(B)/tl.8 $(DESTDIR)/usr/share/man/man8
	install -m 644 $(B)/tl.bash-completion $(DESTDIR)/usr/share/bash-completion/completions/tl
	install -m 644 dom0-tools/systemd/*.service $(DESTDIR)/lib/systemd/system
	install -m 644 dom0-tools/systemd/tl-modules.conf $(DESTDIR)/usr/lib/modules-load.d/tl.conf
	install dom0-tools/init/tl $(DESTDIR)/etc/init.d/tl
	install -D dom0-tools/kernel-hook $(DESTDIR)/etc/kernel/postinst.d/zz-tl
	for s in dom0-tools/hotplug/*; do [ -e $(DESTDIR)/etc/xen/scripts/$${s##*/} ] || install $$s $(DESTDIR)/etc/xen/scripts; done
