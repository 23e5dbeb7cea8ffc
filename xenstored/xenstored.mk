# SPDX-License-Identifier: MIT
# The store daemon. core.a is the deterministic machine, shell.a the process around it;
# the tests link them with other surroundings.

XSD_CFLAGS := $(CFLAGS) $(WARN) -std=gnu11 -D_GNU_SOURCE -MMD -MP
# The style check compiles each header with these.
XS_CFLAGS = $(XSD_CFLAGS)
XSD_CORE := buf check conn control domain fatal history log machine path perms quota req_domain req_node \
	req_watch request state tree tx view watch
XSD_SHELL := checkpoint control_process db holder input journal main options recover ring sandbox \
	service sock systemd worker
XSD_LIBS := -ltalloc -ltdb
XSD_XEN_LIBS := -lxencall -lxenevtchn -lxengnttab -lxenforeignmemory

XSD_CORE_OBJS := $(XSD_CORE:%=$(B)/xenstored.d/%.o)
XSD_SHELL_OBJS := $(XSD_SHELL:%=$(B)/xenstored.d/%.o)

$(B)/xenstored.d/%.o: xenstored/%.c
	@mkdir -p $(@D)
	$(CC) $(XSD_CFLAGS) -c -o $@ $<

$(B)/xenstored.d/core.a: $(XSD_CORE_OBJS)
$(B)/xenstored.d/shell.a: $(XSD_SHELL_OBJS)
$(B)/xenstored.d/%.a:
	rm -f $@
	$(AR) rcs $@ $^

$(B)/xenstored: $(B)/xenstored.d/xen_libs.o $(B)/xenstored.d/shell.a $(B)/xenstored.d/core.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(XSD_LIBS) $(XSD_XEN_LIBS)

ALL += $(B)/xenstored
FORMAT_SRCS += $(wildcard xenstored/*.[ch])

-include $(wildcard $(B)/xenstored.d/*.d)
