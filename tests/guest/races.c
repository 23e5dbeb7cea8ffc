/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=4 vcpus=1 mem=192 dom0_mem=32M */
/*
 * Two domains with two vCPUs each do to each other, on four processors, whatever grants and event channels
 * allow, in an order from a seed: map, unmap, copy, revoke, send, bind, close, reset, and give pages away
 * that the other has mapped. Dom0 destroys one of them in the middle of it. Calls may fail; nothing may break
 * or be left behind.
 */
#define __XEN_TOOLS__ 1
#include <kit/smp.h>
#include "child.h"
#include "tap.h"

#define ROUNDS 40
#define REFS   8
#define PORTS  48
#define TABLE  ((volatile struct grant_entry_v1 *)0xffffc20000000000UL)
#define WINDOW 0xffffc20000100000UL

struct worker {
	uint64_t seed;
	bool mapped[REFS];
	uint32_t handle[REFS];
};

static struct worker workers[2];
static unsigned long granted[REFS]; /* pfns */
static domid_t peer;

static uint64_t draw(struct worker *w, uint64_t n) {
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed % n;
}

static volatile char *window(const struct worker *w, unsigned int n) {
	return (volatile char *)(WINDOW + (((unsigned long)(w - workers) * REFS + n) << PAGE_SHIFT));
}

/* -- operations -- */

static void op_map(struct worker *w, unsigned int n) {
	struct gnttab_map_grant_ref m = { .host_addr = (unsigned long)window(w, n),
					  .flags = GNTMAP_host_map | (draw(w, 2) ? GNTMAP_readonly : 0),
					  .ref = 9 + n,
					  .dom = peer };

	if (w->mapped[n]) return;
	hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
	w->mapped[n] = !m.status;
	w->handle[n] = m.handle;
	if (w->mapped[n]) child_own_box->out[w - workers] += *window(w, n) == 0;
}

static void op_unmap(struct worker *w, unsigned int n) {
	struct gnttab_unmap_grant_ref u = { .host_addr = (unsigned long)window(w, n), .handle = w->handle[n] };

	if (!w->mapped[n]) return;
	hv_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1);
	w->mapped[n] = false;
}

static void op_copy(struct worker *w, unsigned int n) {
	struct gnttab_copy c = { .len = 64, .flags = GNTCOPY_source_gref };

	c.source.u.ref = 9 + n;
	c.source.domid = peer;
	c.dest.u.gmfn = kit_mfn(granted[(n + 1) % REFS]);
	c.dest.domid = DOMID_SELF;
	if (draw(w, 2)) {
		c.flags = GNTCOPY_dest_gref;
		c.source.u.gmfn = c.dest.u.gmfn;
		c.source.domid = DOMID_SELF;
		c.dest.u.ref = 9 + n;
		c.dest.domid = peer;
	}
	hv_grant_table_op(GNTTABOP_copy, &c, 1);
}

static void op_grant(struct worker *w, unsigned int n) {
	TABLE[9 + n].flags = 0;
	TABLE[9 + n].domid = peer;
	TABLE[9 + n].frame = (uint32_t)kit_mfn(granted[n]);
	barrier(); /* the flags make the entry valid */
	TABLE[9 + n].flags = draw(w, 4) ? GTF_permit_access : GTF_permit_access | GTF_readonly;
}

static void op_revoke(struct worker *w, unsigned int n) {
	(void)w;
	TABLE[9 + n].flags = 0;
}

/* Gives up a page that may be mapped by the other, and takes a new one in its place. Only one vCPU does. */
static void op_replace(struct worker *w, unsigned int n) {
	xen_pfn_t page = kit_mfn(granted[n]);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	if (w != workers) return;
	kit_page_protect(granted[n], 0);
	set_xen_guest_handle(r.extent_start, &page);
	if (hv_memory_op(XENMEM_decrease_reservation, &r) != 1) {
		kit_page_protect(granted[n], PTE_DATA);
		return;
	}
	page = granted[n];
	/* until the other lets go, the old page counts */
	while (hv_memory_op(XENMEM_populate_physmap, &r) != 1) {
		child_own_box->count[2]++;
		page = granted[n];
	}
	((unsigned long *)kit_start_info->mfn_list)[granted[n]] = page;
	kit_page_protect(granted[n], PTE_DATA);
}

/* Makes a page a table for a moment, which fails while the other has it mapped writable. */
static void op_table(struct worker *w, unsigned int n) {
	if (w != workers || kit_page_protect(granted[n], PTE_RO)) return;
	if (!kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(granted[n]), NULL))
		kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(granted[n]), NULL);
	kit_page_protect(granted[n], PTE_DATA);
}

static void op_send(struct worker *w, unsigned int n) { kit_event_send(1 + (unsigned int)draw(w, PORTS) + n % 2); }

static void op_offer(struct worker *w, unsigned int n) {
	(void)w, (void)n;
	kit_event_alloc_unbound(DOMID_SELF, peer);
}

static void op_bind(struct worker *w, unsigned int n) {
	(void)n;
	kit_event_bind_interdomain(peer, 1 + (unsigned int)draw(w, PORTS));
}

static void op_close(struct worker *w, unsigned int n) {
	(void)n;
	kit_event_close(1 + (unsigned int)draw(w, PORTS));
}

static void op_move(struct worker *w, unsigned int n) {
	struct evtchn_bind_vcpu bind = { .port = 1 + (evtchn_port_t)draw(w, PORTS), .vcpu = n % 2 };

	hv_event_channel_op(EVTCHNOP_bind_vcpu, &bind);
}

static void op_reset(struct worker *w, unsigned int n) {
	struct evtchn_reset reset = { .dom = DOMID_SELF };

	(void)n;
	if (!draw(w, 20)) hv_event_channel_op(EVTCHNOP_reset, &reset);
}

static void (*const ops[])(struct worker *w, unsigned int n) = {
	op_map,   op_map,  op_unmap, op_unmap, op_copy, op_grant, op_grant, op_revoke, op_replace,
	op_table, op_send, op_send,  op_offer, op_bind, op_bind,  op_close, op_move,   op_reset,
};

static void work(void) {
	struct worker *w = &workers[kit_vcpu_id()];

	w->seed = child_own_box->arg[1] * 2 + kit_vcpu_id() + 1;
	for (;;) {
		ops[draw(w, ARRAY_SIZE(ops))](w, (unsigned int)draw(w, REFS));
		child_own_box->count[kit_vcpu_id()]++;
	}
}

static void role(void) {
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t frame = 0;

	peer = (domid_t)child_own_box->arg[0];
	set_xen_guest_handle(setup.frame_list, &frame);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	kit_map(TABLE, frame << PAGE_SHIFT | PTE_DATA);
	for (unsigned int i = 0; i < REFS; i++) granted[i] = kit_page_alloc();
	for (unsigned int i = 0; i < 2 * REFS; i++) kit_map(window(workers, i), 0);
	if (kit_vcpu_start(1, work)) kit_panic("# the second vCPU does not start");
	child_own_box->state = 1;
	work();
}

/* -- the parent -- */

static const struct child_limits limits = { 2, 127, 4, 4, CHILD_PAGES + 2 };

static bool start_pair(struct child *a, struct child *b, uint64_t seed) {
	bool fine = !child_create(a, &limits, role) && !child_create(b, &limits, role);

	if (!fine) return false;
	a->box->arg[0] = b->id;
	b->box->arg[0] = a->id;
	a->box->arg[1] = seed;
	b->box->arg[1] = seed + 1;
	child_start(a);
	child_start(b);
	return child_wait(a, 1, 5 * SECOND) && child_wait(b, 1, 5 * SECOND);
}

void guest_main(void) {
	uint64_t free = 0, did = 0, mapped = 0;
	unsigned int crashed = 0, started = 0, reason;
	struct child a, b;

	child_init();
	for (unsigned int round = 0; round <= ROUNDS; round++) {
		started += start_pair(&a, &b, 1000 * round + 1);
		child_sleep((5 + round % 7 * 5) * MS);
		crashed += child_ended(&a, &reason) + child_ended(&b, &reason);
		for (unsigned int i = 0; i < 2; i++) {
			did += a.box->count[i] + b.box->count[i];
			mapped += a.box->out[i] + b.box->out[i];
		}
		child_destroy(&a);
		child_sleep(2 * MS);
		crashed += child_ended(&b, &reason);
		child_destroy(&b);
		for (unsigned int i = 0; i < 500 && (child_exists(a.id) || child_exists(b.id)); i++) child_sleep(MS);
		if (round == 0) free = child_free_pages();
	}
	is(started, ROUNDS + 1, "pairs of domains ran");
	kit_printf("# %lu operations, %lu mappings looked at\n", did, mapped);
	ok(did > 1000 && mapped > 0, "and did much to each other");
	is(crashed, 0, "none crashed");
	ok(!child_exists(a.id) && !child_exists(b.id), "all are gone");
	for (unsigned int i = 0; i < 500 && child_free_pages() != free; i++) child_sleep(MS);
	same(child_free_pages(), free, "all pages are back");
	done();
}
