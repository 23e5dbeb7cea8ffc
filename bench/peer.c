/* SPDX-License-Identifier: MIT */
/*
 * Domains that measure each other. The word role= on the command line chooses:
 *   serve   grants peer= eight frames, lets it bind port SERVE_PORT and answers each of its events
 *   drive   rows 150 to 156 with a server that runs in domain peer=; then powers off
 *   idle    wakes ten times a second for nothing
 * All need one vCPU. Rows are read by the instruction counter outside (mark.h).
 */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>
#include "mark.h"

/* The first port behind those of the store and the console, which the domain builder takes. */
#define SERVE_PORT 3
#define FIRST_REF  8
#define FRAMES     8
#define ROUNDS     64
#define IDLE_NS    100000000UL

/* One operation in row `row`; as often as makes the least of them the steady cost. */
#define ONCE(row, ...)               \
	do {                         \
		MARK(2 * (row));     \
		__VA_ARGS__;         \
		MARK(2 * (row) + 1); \
	} while (0)
#define ROW(row, ...) \
	for (int i_ = 0; i_ < ROUNDS; i_++) ONCE(row, __VA_ARGS__)

static volatile bool answered;
static char window[PAGE_SIZE] __attribute__((aligned(4096)));
static struct gnttab_copy copy[FRAMES];

static unsigned int peer(void) {
	char text[16];
	unsigned int n = 0;

	if (!kit_option("peer", text, sizeof(text))) kit_panic("peer: which domain?");
	for (const char *p = text; *p; p++) n = n * 10 + (*p - '0');
	return n;
}

static void block(void) { hv_sched_op(SCHEDOP_block, NULL); }

/* --- serve */

static void answer(unsigned int port) { kit_event_send(port); }

static void grant_frames(unsigned int to) {
	struct gnttab_set_version version = { .version = 1 };
	xen_pfn_t frame;
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct grant_entry_v1 *table = (void *)window;

	hv_grant_table_op(GNTTABOP_set_version, &version, 1);
	set_xen_guest_handle(setup.frame_list, &frame);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	if (setup.status || hv_update_va_mapping(window, frame << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG))
		kit_panic("peer: no grant table");
	for (unsigned int i = 0; i < FRAMES; i++) {
		table[FIRST_REF + i].domid = to;
		table[FIRST_REF + i].frame = kit_mfn(kit_page_alloc());
		barrier(); /* the flags make the entry valid */
		table[FIRST_REF + i].flags = GTF_permit_access;
	}
}

static void serve(void) {
	unsigned int to = peer();

	grant_frames(to);
	if (kit_event_alloc_unbound(DOMID_SELF, to) != SERVE_PORT) kit_panic("peer: another port");
	kit_event_handle(SERVE_PORT, answer);
	for (;;) block();
}

/* --- drive */

static void on_answer(unsigned int port) {
	(void)port;
	answered = true;
}

/* Sends and sleeps until the answer is there; blocking lets events in again. */
static void round_trip(unsigned int port) {
	kit_events_off();
	answered = false;
	kit_event_send(port);
	while (!answered) {
		block();
		kit_events_off();
	}
	kit_events_on();
}

static unsigned int connect(unsigned int to) {
	long port;

	while ((port = kit_event_bind_interdomain(to, SERVE_PORT)) < 0) hv_sched_op(SCHEDOP_yield, NULL);
	kit_event_handle(port, on_answer);
	round_trip(port); /* a fresh binding is pending at both ends */
	return port;
}

static void map_rows(unsigned int from) {
	struct gnttab_map_grant_ref map = {
		.host_addr = (unsigned long)window, .flags = GNTMAP_host_map, .ref = FIRST_REF, .dom = from
	};
	struct gnttab_unmap_grant_ref unmap = { .host_addr = (unsigned long)window };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		ONCE(152, hv_grant_table_op(GNTTABOP_map_grant_ref, &map, 1));
		*(volatile char *)window = 1;
		unmap.handle = map.handle;
		ONCE(153, hv_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1));
		if (map.status || unmap.status) kit_panic("peer: grant map %d unmap %d", map.status, unmap.status);
	}
}

static void fill_copies(unsigned int from, unsigned int length) {
	for (unsigned int i = 0; i < FRAMES; i++) {
		if (!copy[i].len) copy[i].dest.u.gmfn = kit_mfn(kit_page_alloc());
		copy[i].source.u.ref = FIRST_REF + i;
		copy[i].source.domid = from;
		copy[i].dest.domid = DOMID_SELF;
		copy[i].flags = GNTCOPY_source_gref;
		copy[i].len = length;
	}
}

static void check_copies(void) {
	for (unsigned int i = 0; i < FRAMES; i++)
		if (copy[i].status) kit_panic("peer: grant copy %d", copy[i].status);
}

static void drive(void) {
	unsigned int from = peer(), port = connect(from);

	ROW(150, round_trip(port));
	map_rows(from);
	fill_copies(from, 64);
	ROW(154, hv_grant_table_op(GNTTABOP_copy, copy, 1));
	fill_copies(from, PAGE_SIZE);
	ROW(155, hv_grant_table_op(GNTTABOP_copy, copy, 1));
	ROW(156, hv_grant_table_op(GNTTABOP_copy, copy, FRAMES));
	check_copies();
}

/* --- idle */

static void on_timer(unsigned int port) {
	(void)port;
	kit_timer_set(kit_time() + IDLE_NS);
}

static void idle(void) {
	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	kit_event_handle(kit_event_bind_virq(VIRQ_TIMER, 0), on_timer);
	kit_timer_set(kit_time() + IDLE_NS);
	for (;;) block();
}

void guest_main(void) {
	char role[8] = "";

	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_option("role", role, sizeof(role));
	if (!strcmp(role, "idle")) idle();
	kit_mm_init();
	kit_events_on();
	if (!strcmp(role, "serve")) serve();
	drive();
}
