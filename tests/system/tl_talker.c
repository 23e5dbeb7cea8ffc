/* SPDX-License-Identifier: MIT */
/*
 * A small guest for the tests of tl, on the kit. Its command line says what it does:
 *   lines=N     print N numbered lines, as fast as the console takes them
 *   end=N       shut down with reason N (0 power-off, 1 reboot, 3 crash, 4 watchdog, 5 soft reset)
 *   machine=1   print what it sees of the machine: CPUID, an I/O port, a frame of device memory, an interrupt
 *   echo=1      send what comes from the console back, until a power-off is asked for by byte 0x04
 * Without end= and echo= it waits for ever.
 */
#include <kit/evtchn.h>
#include <kit/guest.h>
#include <kit/hypercall.h>
#include <kit/pt.h>
#include <kit/shared.h>
#include <kit/trap.h>
#include <xen/io/console.h>
#include <xen/physdev.h>

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

static void show_cpuid(uint32_t leaf) {
	uint32_t a = leaf, b, c = 0, d;

	asm volatile(".byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	kit_printf("cpuid %x: %08x %08x %08x %08x\n", leaf, a, b, c, d);
}

/* The keyboard controller's state, the VGA's memory, an interrupt line that nobody uses. */
static void show_machine(void) {
	static volatile uint64_t window[512] __attribute__((aligned(4096)));
	struct physdev_set_iopl iopl = { .iopl = 1 };
	struct evtchn_bind_pirq bind = { .pirq = 5 };
	uint8_t state;
	long ret;

	show_cpuid(1);
	show_cpuid(7);
	hv_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	asm volatile("inb $0x64, %0" : "=a"(state));
	kit_printf("port 64 reads %x\n", state);
	ret = hv_update_va_mapping(window, 0xa0000 | PTE_DATA, UVMF_INVLPG);
	kit_printf("frame a0 gives %ld\n", ret);
	ret = hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)window, 0xa0000 | PTE_DATA,
			UVMF_INVLPG, DOMID_IO, 0);
	kit_printf("as DOMID_IO's %ld\n", ret);
	kit_printf("interrupt 5 gives %ld\n", hv_event_channel_op(EVTCHNOP_bind_pirq, &bind));
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
	if (number("machine", 0)) show_machine();
	if (number("echo", 0)) {
		echo();
		return;
	}
	for (;;) {
		if (end != ~0UL) hv_sched_op(SCHEDOP_shutdown, &how);
		hv_sched_op(SCHEDOP_block, NULL);
	}
}
