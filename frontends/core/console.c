/* SPDX-License-Identifier: MIT */
/*
 * The domain's console. Dom0 writes to the hypervisor's console by console_io. Another domain
 * shares a page with the console daemon: it fills `out` at out_prod and rings the event channel;
 * the daemon moves out_cons. The indices run freely; a byte's place is its index modulo the ring's
 * size, and out_prod - out_cons never exceeds that size.
 */
#include <kit/guest.h>
#include <xen/io/console.h>

static void write_hypervisor(const char *text, size_t length) {
	while (length) {
		size_t part = length < 1024 ? length : 1024;

		hv_console_io(CONSOLEIO_write, part, text);
		text += part;
		length -= part;
	}
}

/* The builder maps the page right behind the image, and the machine-to-physical table tells where. */
static struct xencons_interface *ring(void) {
	unsigned long pfn = machine_to_phys_mapping[kit_start_info->console.domU.mfn];

	return (struct xencons_interface *)(KIT_VIRT_BASE + (pfn << PAGE_SHIFT));
}

static void notify(void) {
	struct evtchn_send send = { .port = kit_start_info->console.domU.evtchn };

	hv_event_channel_op(EVTCHNOP_send, &send);
}

static void write_ring(const char *text, size_t length) {
	volatile struct xencons_interface *r = ring();
	XENCONS_RING_IDX prod = r->out_prod;

	while (length) {
		if (prod - r->out_cons >= sizeof(r->out)) {
			r->out_prod = prod;
			notify();
			hv_sched_op(SCHEDOP_yield, NULL);
			continue;
		}
		r->out[MASK_XENCONS_IDX(prod, r->out)] = *text++;
		prod++;
		length--;
	}
	barrier(); /* bytes before the index; the processor keeps the order of stores */
	r->out_prod = prod;
	notify();
}

void kit_console_write(const char *text, size_t length) {
	if (kit_start_info->flags & SIF_INITDOMAIN)
		write_hypervisor(text, length);
	else
		write_ring(text, length);
}
