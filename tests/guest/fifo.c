/* SPDX-License-Identifier: MIT */
/* Event channels in the FIFO format: switching to it, order and priorities, masks, growth, errors. */
#include <kit/fifo.h>
#include <kit/pt.h>
#include "tap.h"

static unsigned int order[64], queues[64], arrived;

static void note(unsigned int port, unsigned int queue) {
	if (arrived < ARRAY_SIZE(order)) {
		order[arrived] = port;
		queues[arrived] = queue;
	}
	arrived++;
}

static long init_control(unsigned long gfn, unsigned int offset, unsigned int vcpu) {
	struct evtchn_init_control init = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	long rc = hv_event_channel_op(EVTCHNOP_init_control, &init);

	if (!rc) is(init.link_bits, EVTCHN_FIFO_LINK_BITS, "init_control tells the number of link bits");
	return rc;
}

static void test_before(void) {
	struct evtchn_expand_array expand = { .array_gfn = kit_mfn(kit_page_alloc()) };
	long port = kit_event_bind_ipi(0);

	value("set_priority in the 2-level format", kit_fifo_priority(port, 3));
	value("expand_array in the 2-level format", hv_event_channel_op(EVTCHNOP_expand_array, &expand));
	is(init_control(kit_mfn(kit_page_alloc()), 0, 40), KIT_ERRNO(ENOENT), "init_control of no vCPU");
	is(init_control(kit_mfn(kit_page_alloc()), 4, 0), KIT_ERRNO(EINVAL), "init_control at an odd offset");
	is(init_control(kit_mfn(kit_page_alloc()), 4096 - 8, 0), KIT_ERRNO(EINVAL),
	   "init_control over the end of a page");
	is(init_control(0xfffffff, 0, 0), KIT_ERRNO(EINVAL), "init_control beyond memory");
	is(init_control(kit_mfn(kit_root_pfn), 0, 0), KIT_ERRNO(EINVAL), "init_control in a page table");
	kit_event_close(port);
}

/* A port that is pending in the 2-level format when the domain switches is pending afterwards. */
static void test_switch(void) {
	long port = kit_event_bind_ipi(0);

	kit_events_off();
	kit_event_send(port);
	is(kit_fifo_init(), 0, "the domain switches to FIFO");
	kit_fifo_handle(note);
	value("a pending event after the switch", kit_fifo_test(port, EVTCHN_FIFO_PENDING));
	kit_fifo_unmask(port);
	kit_events_on();
	value("events seen after the switch", arrived);
	is(init_control(kit_mfn(kit_page_alloc()), 0, 0), KIT_ERRNO(EINVAL),
	   "a second control block for a vCPU is refused");
	kit_event_close(port);
}

static void test_send(void) {
	long port = kit_event_bind_ipi(0);

	arrived = 0;
	ok(!kit_fifo_test(port, EVTCHN_FIFO_MASKED), "a new port's mask is as the guest left it");
	kit_fifo_mask(port);
	is(kit_event_send(port), 0, "a send to a masked port");
	is(arrived, 0, "is not delivered");
	ok(kit_fifo_test(port, EVTCHN_FIFO_PENDING), "but pending");
	ok(!kit_fifo_test(port, EVTCHN_FIFO_LINKED), "and in no queue");
	kit_fifo_unmask(port);
	is(arrived, 1, "unmasking delivers it");
	is(queues[0], EVTCHN_FIFO_PRIORITY_DEFAULT, "in the queue of default priority");
	kit_event_send(port);
	is(arrived, 2, "a send to an open port is delivered");
	kit_events_off();
	kit_event_send(port);
	kit_event_send(port);
	ok(kit_fifo_test(port, EVTCHN_FIFO_LINKED), "with events off it is linked");
	kit_events_on();
	is(arrived, 3, "and two sends are one event");
	kit_event_close(port);
}

static void test_order(void) {
	long ports[8];

	arrived = 0;
	kit_events_off();
	for (unsigned int i = 0; i < 8; i++) {
		ports[i] = kit_event_bind_ipi(0);
		kit_fifo_unmask(ports[i]);
	}
	for (unsigned int i = 0; i < 8; i++) kit_event_send(ports[(i * 5) % 8]);
	kit_events_on();
	is(arrived, 8, "eight events arrive");
	for (unsigned int i = 0; i < 8; i++) {
		if (order[i] != ports[(i * 5) % 8]) {
			ok(false, "in the order in which they were sent");
			return;
		}
	}
	ok(true, "in the order in which they were sent");
	for (unsigned int i = 0; i < 8; i++) kit_event_close(ports[i]);
}

static void test_priority(void) {
	long low = kit_event_bind_ipi(0), high = kit_event_bind_ipi(0), normal = kit_event_bind_ipi(0);

	arrived = 0;
	is(kit_fifo_priority(low, EVTCHN_FIFO_PRIORITY_MIN), 0, "lowest priority");
	is(kit_fifo_priority(high, EVTCHN_FIFO_PRIORITY_MAX), 0, "highest priority");
	is(kit_fifo_priority(high, 16), KIT_ERRNO(EINVAL), "a priority beyond the lowest is refused");
	is(kit_fifo_priority(100000, 1), KIT_ERRNO(EINVAL), "the priority of no port");
	value("set_priority of a closed port", kit_fifo_priority(900, 1));
	kit_fifo_unmask(low);
	kit_fifo_unmask(high);
	kit_fifo_unmask(normal);
	kit_events_off();
	kit_event_send(low);
	kit_event_send(normal);
	kit_event_send(high);
	kit_events_on();
	is(arrived, 3, "three events of different priority");
	ok(order[0] == high && order[1] == normal && order[2] == low, "arrive by priority");
	ok(queues[0] == 0 && queues[1] == 7 && queues[2] == 15, "each in its queue");
	kit_event_close(low);
	kit_event_close(high);
	kit_event_close(normal);
}

static void test_growth(void) {
	long port = 0;

	while (port < 1023) port = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	is(port, 1023, "ports up to the end of the array");
	port = kit_event_bind_ipi(0);
	is(port, 1024, "a port beyond the array is bound");
	is(kit_event_send(port), 0, "a send to it");
	is(kit_fifo_expand(), 0, "the array grows");
	ok(kit_fifo_test(port, EVTCHN_FIFO_PENDING), "the event has waited for it");
	arrived = 0;
	kit_fifo_unmask(port);
	is(arrived, 1, "is delivered");
	kit_event_send(port);
	is(arrived, 2, "and the port works on");
	is(order[0], 1024, "by its number");
}

static void test_bad_array(void) {
	struct evtchn_expand_array expand = { .array_gfn = 0xfffffff };

	is(hv_event_channel_op(EVTCHNOP_expand_array, &expand), KIT_ERRNO(EINVAL), "an array beyond memory");
	expand.array_gfn = kit_mfn(kit_root_pfn);
	is(hv_event_channel_op(EVTCHNOP_expand_array, &expand), KIT_ERRNO(EINVAL), "an array in a page table");
}

/* A guest that spoils its own words harms itself only. */
static void test_spoiled(void) {
	long a = kit_event_bind_ipi(0), b = kit_event_bind_ipi(0);

	kit_events_off();
	kit_fifo_unmask(a);
	kit_fifo_unmask(b);
	kit_event_send(a);
	*kit_fifo_word(a) |= EVTCHN_FIFO_LINK_MASK;
	is(kit_event_send(b), 0, "a send behind a spoiled link");
	*kit_fifo_word(a) = 1U << EVTCHN_FIFO_MASKED;
	*kit_fifo_word(b) = 1U << EVTCHN_FIFO_BUSY | 1U << EVTCHN_FIFO_LINKED;
	is(kit_event_send(b), 0, "a send to a port that claims to be busy");
	is(kit_event_close(a), 0, "spoiled ports are closed");
	is(kit_event_close(b), 0, "spoiled ports are closed");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	test_before();
	test_switch();
	test_send();
	test_order();
	test_priority();
	test_growth();
	test_bad_array();
	test_spoiled();
	done();
}
