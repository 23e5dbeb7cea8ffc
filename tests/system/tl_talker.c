/* SPDX-License-Identifier: MIT */
/*
 * A small guest for the tests of tl, on the kit. Its command line says what it does:
 *   lines=N     print N numbered lines, as fast as the console takes them
 *   end=N       shut down with reason N (0 power-off, 1 reboot, 3 crash, 4 watchdog, 5 soft reset)
 *   echo=1      send what comes from the console back, until a power-off is asked for by byte 0x04
 * Without end= and echo= it waits for ever.
 */
#include <kit/evtchn.h>
#include <kit/guest.h>
#include <kit/shared.h>
#include <kit/trap.h>
#include <xen/io/console.h>

static unsigned long number(const char *key, unsigned long fallback) {
	char text[24], *p;
	unsigned long v = 0;

	if (!kit_option(key, text, sizeof(text))) return fallback;
	for (p = text; *p >= '0' && *p <= '9'; p++) v = v * 10 + (*p - '0');
	return v;
}

static volatile struct xencons_interface *ring(void) {
	unsigned long pfn = machine_to_phys_mapping[kit_start_info->console.domU.mfn];

	return (volatile struct xencons_interface *)(KIT_VIRT_BASE + (pfn << PAGE_SHIFT));
}

/* The next byte from the console's reader; sleeps until there is one. */
static char next_byte(void) {
	volatile struct xencons_interface *r = ring();
	evtchn_port_t port = kit_start_info->console.domU.evtchn;
	struct sched_poll poll = { .nr_ports = 1 };
	char byte;

	set_xen_guest_handle(poll.ports, &port);
	while (r->in_cons == r->in_prod) {
		kit_event_clear(port);
		barrier(); /* a byte that came before the clearing is seen now, a later one rings again */
		if (r->in_cons == r->in_prod) hv_sched_op(SCHEDOP_poll, &poll);
	}
	barrier(); /* the index before the byte */
	byte = r->in[MASK_XENCONS_IDX(r->in_cons, r->in)];
	barrier(); /* the byte before its place is given back */
	r->in_cons++;
	return byte;
}

static void echo(void) {
	char byte;

	while ((byte = next_byte()) != 4) kit_console_write(&byte, 1);
}

void guest_main(void) {
	unsigned long lines = number("lines", 0), end = number("end", ~0UL), i;
	struct sched_shutdown how = { .reason = end };

	/* SCHEDOP_block lets events in: they need a callback, or the guest crashes */
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_printf("the talker starts\n");
	for (i = 1; i <= lines; i++) kit_printf("line %lu of the talker, and some more text to fill it\n", i);
	if (lines) kit_printf("the talker has said its lines\n");
	if (number("echo", 0)) {
		echo();
		return;
	}
	for (;;) {
		if (end != ~0UL) hv_sched_op(SCHEDOP_shutdown, &how);
		hv_sched_op(SCHEDOP_block, NULL);
	}
}
