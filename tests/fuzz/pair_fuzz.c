/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of grant-table and event-channel operations by domains that know each other: two
 * guests, which are destroyed (also bit by bit, while the others go on) and made again, and dom0.
 * After each operation everything is recounted (pair_check.h); at the end both guests and dom0 go and
 * all memory must be back. Preempted operations are finished, or left for good, as the input has it.
 */
#define FRAMES   512u
#define MAX_PORT 2500u
#include "pair_check.h"

#define LIST 0x800u

static unsigned me; /* the slot that runs */
static bool finish_it;

struct step {
	uint8_t kind, a, b, c;
	uint16_t d;
};

static struct domain *self(void) { return slots[me].d; }

/* Any of the three; dying ones too. */
static struct slot *slot_at(uint8_t i) { return &slots[i % SLOTS]; }

/* Numbers below 0xc0 stand for something that mostly exists, so that things come to be. */
static domid_t id_at(uint8_t i) {
	static const domid_t ids[] = { DOMID_SELF, 0, 7, DOMID_IO };

	return i < 0xc0 ? i % SLOTS : ids[i % 4];
}

static mfn_t page_at(const struct slot *s, uint8_t i) {
	if (i < 0xc0) return s->page[i % PAGES];
	switch (i % 4) {
	case 0: return s->tree.l[1];
	case 1: return tame || !s->d ? INVALID_MFN : own_mfn(s->d->shared_info);
	case 2: return mfn(FRAMES - 1);
	default: return mfn(1ULL << 36);
	}
}

static unsigned ref_at(uint8_t i) {
	static const uint16_t refs[] = { 0, 1, 255, 256, 511, 512, 1023, 2047, 2048, 65535 };

	return i < 0xc0 ? 8 + i % 3 : refs[i % ARRAY_SIZE(refs)];
}

static void run_slot(unsigned i) {
	me = slots[i].d && !slots[i].dying ? i : 0;
	run_as(slots[me].d);
}

/* -- hypercalls of the running domain */

static hypercall_fn *function_of(unsigned op) {
	switch (op) {
	case __HYPERVISOR_grant_table_op: return do_grant_table_op;
	case __HYPERVISOR_event_channel_op: return do_event_channel_op;
	case __HYPERVISOR_memory_op: return do_memory_op;
	default: return do_mmu_update;
	}
}

static long call(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) {
	long rc;

	this_cpu()->preempt_budget = 0;
	rc = function_of(op)(a1, a2, a3, a4, 0, 0);
	while (rc == -ERESTART && finish_it) {
		struct restart r = this_cpu()->restart;

		check_all();
		this_cpu()->preempt_budget = 0;
		rc = function_of(r.op)(r.arg[0], r.arg[1], r.arg[2], r.arg[3], 0, 0);
	}
	this_cpu()->work &= ~CPU_WORK_RESTART;
	return rc;
}

static long grant_call(unsigned cmd, const void *ops, size_t size, unsigned count) {
	arg_put(0, ops, size * count);
	return call(__HYPERVISOR_grant_table_op, cmd, ARG_VA, count, 0);
}

/* -- grants */

/* Write an entry of the own table, as a guest may at any time. */
static void do_entry(const struct step *s) {
	static const uint16_t flags[] = { GTF_permit_access,
					  GTF_permit_access,
					  GTF_permit_access | GTF_readonly,
					  GTF_permit_access | GTF_sub_page,
					  GTF_transitive,
					  GTF_accept_transfer,
					  GTF_invalid,
					  0xffff };
	const struct grant_table *gt = self()->grant;
	unsigned ref = ref_at(s->a);
	uint16_t f = flags[s->d % 8];
	mfn_t m = page_at(s->d & 0x100 ? slot_at(s->d >> 9) : &slots[me], s->c);

	if (ref >= grant_entries(gt)) return;
	if (tame) {
		const struct grant_pins *p = &gt->pins[ref / PINS_PER_FRAME][ref % PINS_PER_FRAME];

		if (p->readers || p->writers) return;
		f &= (uint16_t) ~(GTF_reading | GTF_writing);
	}
	if (gt->version == 1) {
		struct grant_entry_v1 *e = (struct grant_entry_v1 *)gt->shared[ref / V1_PER_FRAME];

		e[ref % V1_PER_FRAME] = (struct grant_entry_v1){ f, id_at(s->b) % DOMID_SELF, (uint32_t)mfn_x(m) };
	} else {
		union grant_entry_v2 *e = (union grant_entry_v2 *)gt->shared[ref / V2_PER_FRAME];

		e += ref % V2_PER_FRAME;
		e->sub_page.frame = mfn_x(m); /* where full_page has it too */
		e->sub_page.page_off = (uint16_t)(s->d >> 4);
		e->sub_page.length = s->b;
		e->hdr.domid = id_at(s->b) % DOMID_SELF;
		e->hdr.flags = f;
	}
}

/* An entry that will do for its user, and its mapping: the common case, made likely. */
static uint64_t place_at(uint8_t i) {
	const struct tree *t = &slots[me].tree;

	switch (i % 16) {
	case 12: return ptr(t->l[1], 3, 4);
	case 13: return ptr(t->l[2], 3, 0);
	case 14: return 1ULL << 45;
	case 15: return ptr(slot_at((uint8_t)(me + 1))->tree.l[1], 3, 0);
	default: return i & 8 ? ptr(t->l[1], i % 8, 0) : (i % 8) * PAGE_SIZE;
	}
}

static void do_map(const struct step *s) {
	struct gnttab_map_grant_ref op[4];
	unsigned n = s->kind & 0x80 ? 4 : 1;

	for (unsigned i = 0; i < n; i++) {
		uint8_t at = (uint8_t)(s->c + i);

		op[i] = (struct gnttab_map_grant_ref){ .host_addr = place_at(at),
						       .flags = s->d % 8 ? s->d & 7 : GNTMAP_host_map,
						       .ref = ref_at(s->a),
						       .dom = id_at(s->b) };
		if (at & 8) op[i].flags |= GNTMAP_contains_pte;
		if (s->d & 0x800) op[i].flags ^= s->d >> 12 << 3;
	}
	(void)grant_call(GNTTABOP_map_grant_ref, op, sizeof(op[0]), n);
}

/* What takes both sides to do right: a page for another, who maps it. */
static void do_share(const struct step *s) {
	unsigned to = s->b % SLOTS, from = me;
	struct step entry = { .a = s->a & 1, .b = (uint8_t)to, .c = s->c, .d = s->d & 2 };
	struct step mapping = { .a = s->a & 1, .b = (uint8_t)from, .c = s->c >> 4 & 7, .d = s->d >> 4 & 7 };

	do_entry(&entry);
	run_slot(to);
	do_map(&mapping);
}

static void do_unmap(const struct step *s) {
	const struct grant_table *gt = self()->grant;
	struct gnttab_unmap_grant_ref op[4];
	unsigned n = s->kind & 0x80 ? 4 : 1;

	for (unsigned i = 0; i < n; i++) {
		uint32_t handle = s->a % 16 + i * (s->d >> 8 & 1);

		op[i] = (struct gnttab_unmap_grant_ref){ .host_addr = place_at(s->c), .handle = handle };
		if (handle >= gt->nr_handles) continue;
		if (s->d & 1) op[i].host_addr = track_at(gt, handle)->host_addr;
		if (s->d & 2) op[i].host_addr = 0;
		if (s->d & 4) op[i].dev_bus_addr = mfn_to_maddr(track_at(gt, handle)->frame).a;
		if (s->d & 8) op[i].handle += s->d << 8;
	}
	(void)grant_call(s->d & 0x80 ? GNTTABOP_unmap_and_replace : GNTTABOP_unmap_grant_ref, op, sizeof(op[0]), n);
}

static void do_copy(const struct step *s) {
	struct gnttab_copy op[3];

	for (unsigned i = 0; i < 3; i++) {
		uint8_t b = (uint8_t)(s->b + i);

		op[i] = (struct gnttab_copy){ .len = s->d & 0xfff, .flags = s->d >> 12 & 3 };
		op[i].source.u.gmfn = mfn_x(page_at(&slots[me], s->a));
		op[i].dest.u.gmfn = mfn_x(page_at(&slots[me], s->c));
		op[i].source.domid = op[i].dest.domid = DOMID_SELF;
		op[i].dest.offset = s->d >> 8;
		if (op[i].flags & GNTCOPY_source_gref) {
			op[i].source.u.ref = ref_at(s->a);
			op[i].source.domid = id_at(b);
		}
		if (op[i].flags & GNTCOPY_dest_gref) {
			op[i].dest.u.ref = ref_at(s->c);
			op[i].dest.domid = id_at(b >> 3);
		}
	}
	(void)grant_call(GNTTABOP_copy, op, sizeof(op[0]), s->kind & 0x80 ? 3 : 1);
}

static void do_tables(const struct step *s) {
	struct gnttab_setup_table setup = { .dom = id_at(s->b), .nr_frames = s->c % 6 };
	struct gnttab_get_status_frames status = { .dom = id_at(s->b), .nr_frames = s->c % 3 };
	struct gnttab_query_size query = { .dom = id_at(s->b) };
	struct gnttab_set_version set = { .version = s->c % 4 };
	struct gnttab_get_version get = { .dom = id_at(s->b) };

	setup.frame_list.p = (void *)(ARG_VA + LIST);
	status.frame_list.p = (void *)(ARG_VA + LIST);
	switch (s->a % 8) {
	case 0:
	case 1: (void)grant_call(GNTTABOP_set_version, &set, sizeof(set), 1); break;
	case 2: (void)grant_call(GNTTABOP_setup_table, &setup, sizeof(setup), 1); break;
	case 3: (void)grant_call(GNTTABOP_get_status_frames, &status, sizeof(status), 1); break;
	case 4: (void)grant_call(GNTTABOP_query_size, &query, sizeof(query), 1); break;
	case 5: (void)grant_call(GNTTABOP_get_version, &get, sizeof(get), 1); break;
	default: (void)grant_call(s->b % 16, &setup, sizeof(setup), s->c % 2); break;
	}
}

static void do_resource(const struct step *s) {
	struct xen_mem_acquire_resource r = { .domid = id_at(s->a),
					      .type = XENMEM_resource_grant_table,
					      .id = s->b % 3,
					      .nr_frames = s->c % 4,
					      .frame = s->d % 6 };

	r.frame_list.p = s->d & 0x100 ? NULL : (void *)(ARG_VA + LIST);
	arg_put(0, &r, sizeof(r));
	(void)call(__HYPERVISOR_memory_op, XENMEM_acquire_resource, ARG_VA, 0, 0);
}

/* -- memory: what else may happen to mappings and to granted pages */

static void do_entry_update(const struct step *s) {
	const struct tree *t = &slots[me].tree;
	mfn_t m = page_at(s->d & 1 ? slot_at(s->c) : &slots[me], s->b);
	struct mmu_update u = { ptr(t->l[1], s->a % 8, 0), s->d & 2 ? 0 : pte(m, s->d & 4 ? RO : RW) };
	uint32_t foreign = DOMID_SELF;

	if (s->d & 1) foreign = id_at(s->c % SLOTS);
	if (s->d & 0x100) { /* the L1 table leaves the tree, or comes back */
		u.ptr = ptr(t->l[2], 0, 0);
		u.val = s->d & 2 ? 0 : pte(t->l[1], TAB);
		foreign = DOMID_SELF;
	}
	arg_put(0, &u, sizeof(u));
	(void)call(__HYPERVISOR_mmu_update, ARG_VA, 1, 0, foreign);
}

/* Give a page up, whoever maps it, and get another: dom0 also in another's name, as he is dying. */
static void do_page(const struct step *s) {
	struct slot *own = s->d & 1 ? slot_at(s->b) : &slots[me];
	domid_t id = s->d & 1 ? (domid_t)(own - slots) : DOMID_SELF;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = id };
	struct xen_memory_exchange x = { .in = r, .out = r };
	mfn_t *m = &own->page[s->a % PAGES];
	bool exchange = s->d & 2;

	r.extent_start.p = x.in.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST);
	x.out.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST + 8);
	arg_put(LIST, m, sizeof(*m));
	if (exchange) {
		arg_put(0, &x, sizeof(x));
		if (call(__HYPERVISOR_memory_op, XENMEM_exchange, ARG_VA, 0, 0) == 0)
			memcpy(m, arg_page + LIST + 8, sizeof(*m));
		return;
	}
	arg_put(0, &r, sizeof(r));
	(void)call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG_VA, 0, 0);
	arg_put(0, &r, sizeof(r));
	if (call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG_VA, 0, 0) == 1)
		memcpy(m, arg_page + LIST, sizeof(*m));
}

/* -- events */

static long event_call(unsigned cmd, const void *op, size_t size) {
	arg_put(0, op, size);
	return call(__HYPERVISOR_event_channel_op, cmd, ARG_VA, 0, 0);
}

static port_t port_at(uint8_t i) {
	static const port_t far[] = { 63, 64, 1023, 1024, 2500, 2501, 4096, ~0u };

	return i < 0xe0 ? i % 10 : far[i % 8];
}

static void do_open(const struct step *s) {
	struct evtchn_alloc_unbound alloc = { .dom = s->d & 1 ? id_at(s->a) : DOMID_SELF, .remote_dom = id_at(s->b) };
	struct evtchn_bind_interdomain inter = { .remote_dom = id_at(s->b), .remote_port = port_at(s->c) };
	struct evtchn_bind_virq virq = { .virq = s->b % 28, .vcpu = s->c % 3 };
	struct evtchn_bind_ipi ipi = { .vcpu = s->c % 3 };
	struct evtchn_bind_pirq pirq = { .pirq = s->b % 32, .flags = s->d & 1 };

	switch (s->d >> 4 & 7) {
	case 0:
	case 1: (void)event_call(EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)); break;
	case 2:
	case 3: (void)event_call(EVTCHNOP_bind_interdomain, &inter, sizeof(inter)); break;
	case 4: (void)event_call(EVTCHNOP_bind_virq, &virq, sizeof(virq)); break;
	case 5: (void)event_call(EVTCHNOP_bind_pirq, &pirq, sizeof(pirq)); break;
	default: (void)event_call(EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)); break;
	}
}

/* What takes both ends to do right: a port for another, who binds to it. */
static void do_join(const struct step *s) {
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = (domid_t)(s->a % SLOTS) };
	struct evtchn_bind_interdomain inter = { .remote_dom = (domid_t)me };

	if (event_call(EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc))) return;
	memcpy(&alloc, arg_page, sizeof(alloc));
	run_slot(s->a % SLOTS);
	inter.remote_port = alloc.port;
	(void)event_call(EVTCHNOP_bind_interdomain, &inter, sizeof(inter));
}

/* Whatever is sent to an end that somebody holds open is pending there. */
static void do_send(const struct step *s) {
	struct evtchn_send op = { port_at(s->a) };
	const struct evtchn *c = port_find(self(), op.port);
	long rc = event_call(EVTCHNOP_send, &op, sizeof(op));

	if (!c || c->state == EVTCHNSTAT_closed)
		assert_int_equal(rc, -EINVAL);
	else if (c->state == EVTCHNSTAT_interdomain)
		assert_true(!rc && evtchn_port_pending(c->remote.domain, c->remote.port));
	else if (c->state == EVTCHNSTAT_ipi)
		assert_true(!rc && evtchn_port_pending(self(), op.port));
}

static void do_port(const struct step *s) {
	struct evtchn_close close = { port_at(s->a) };
	struct evtchn_unmask unmask = { port_at(s->a) };
	struct evtchn_bind_vcpu vcpu = { port_at(s->a), s->b % 3 };
	struct evtchn_set_priority prio = { port_at(s->a), s->b % 17 };
	struct evtchn_status status = { .dom = id_at(s->b), .port = port_at(s->a) };

	switch (s->c % 6) {
	case 0:
	case 1: (void)event_call(EVTCHNOP_close, &close, sizeof(close)); break;
	case 2: (void)event_call(EVTCHNOP_unmask, &unmask, sizeof(unmask)); break;
	case 3: (void)event_call(EVTCHNOP_bind_vcpu, &vcpu, sizeof(vcpu)); break;
	case 4: (void)event_call(EVTCHNOP_set_priority, &prio, sizeof(prio)); break;
	default: (void)event_call(EVTCHNOP_status, &status, sizeof(status)); break;
	}
}

static void do_reset(const struct step *s) {
	struct evtchn_reset op = { id_at(s->a) };
	struct domain *d = op.dom == DOMID_SELF ? self() : domain_by_id(op.dom);

	if (event_call(EVTCHNOP_reset, &op, sizeof(op))) return;
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].d == d) slots[i].fifo_count = 0;
}

static void do_fifo(const struct step *s) {
	struct slot *own = &slots[me];
	mfn_t m = page_at(own, s->a);
	struct evtchn_init_control init = { mfn_x(m), (s->d & 0xff) * 16, s->b % 3, 0, { 0 } };
	struct evtchn_expand_array expand = { mfn_x(m) };
	long rc = s->c & 1 ? event_call(EVTCHNOP_init_control, &init, sizeof(init))
			   : event_call(EVTCHNOP_expand_array, &expand, sizeof(expand));

	if (rc) return;
	CHECK(own->fifo_count < FIFO_MAX);
	own->fifo[own->fifo_count++] = m;
}

/* What a guest does to its own shared pages: takes events, masks ports, writes rubbish. */
static void do_take(const struct step *s) {
	struct domain *d = self();
	struct shared_info *si = d->shared_info;
	struct vcpu *v;

	if (d->evtchn.fifo) {
		uint32_t *words = own_va(slots[me].fifo[s->c % slots[me].fifo_count]);

		words[s->a % 64] = (uint32_t)s->b << 24 | s->d;
	} else if (s->c & 1) {
		bit_test_and_set(s->a % 64, si->evtchn_mask);
	} else {
		memset(si->evtchn_pending, 0, sizeof(si->evtchn_pending));
		for_each_vcpu (d, v)
			si->vcpu_info[v->id].evtchn_pending_sel = si->vcpu_info[v->id].evtchn_upcall_pending = 0;
	}
}

/* Ring 0's own events, and who hears of the machine's. */
static void do_virq(const struct step *s) {
	unsigned virq = s->b % 28;
	struct domain *d = slot_at(s->a)->d;

	if (s->c & 1) {
		virq_raise_global(virq % NR_VIRQS);
	} else if (s->c & 2) {
		if (d && d->vcpu[s->d & 1]) virq_raise_vcpu(d->vcpu[s->d & 1], virq % NR_VIRQS);
	} else if (d && d->state < DOM_DYING && !virq_handler_set(d, virq)) {
		handler[virq] = d;
	}
}

/* -- lives */

static void life_begin(unsigned i) {
	struct slot *s = &slots[i];
	unsigned units = hypercall_preempt_units;

	hypercall_preempt_units = 1000000;
	s->d = domain_make((domid_t)i, i == 0);
	s->dying = false;
	assert_int_equal(vcpu_create(s->d, 1), 0);
	s->tree = tree_of(s->d);
	for (unsigned p = 0; p < PAGES; p++) s->page[p] = page_of(s->d);
	assert_int_equal(vcpu_root_set(s->d->vcpu[0], s->tree.l[4], false), 0);
	hypercall_preempt_units = units;
}

/* Begin, or go on with, the end of a domain. */
static int life_end(struct slot *s) {
	struct domain *d = s->d;
	int rc;

	s->dying = true;
	this_cpu()->preempt_budget = 0;
	rc = domain_destroy(d);
	for (unsigned i = 0; i < NR_VIRQS; i++)
		if (handler[i] == d) handler[i] = NULL;
	if (d->destroy_step > 1) s->fifo_count = 0;
	if (!rc) s->d = NULL;
	return rc;
}

static void do_life(const struct step *s) {
	unsigned i = 1 + s->a % 2;
	struct slot *slot = &slots[i];

	/* while it is dying others run, as the toolstack's domain does */
	if (me == i) run_slot(0);
	if (slot->d && (slot->dying || s->b % 4 == 0))
		(void)life_end(slot);
	else if (!slot->d && !domain_by_id((domid_t)i))
		life_begin(i);
	domains_reap();
}

static void step_run(const struct step *s) {
	static void (*const kinds[])(const struct step *) = {
		do_entry,    do_share,        do_share, do_map,  do_unmap, do_unmap, do_copy, do_tables,
		do_resource, do_entry_update, do_page,  do_open, do_join,  do_join,  do_send, do_send,
		do_port,     do_port,         do_reset, do_fifo, do_fifo,  do_take,  do_virq,
	};
	unsigned kind = s->kind & 0x1f;

	if (kind < ARRAY_SIZE(kinds)) {
		kinds[kind](s);
	} else if (kind < 25) {
		run_slot(s->a % SLOTS);
	} else if (kind < 26) {
		hypercall_preempt_units = s->a & 1 ? 1 + s->b % 8 : 1000000;
		finish_it = s->a & 6;
	} else if (kind < 27) {
		host_fail_allocation(s->a % 8);
	} else {
		host_fail_allocation(0);
		do_life(s);
	}
}

/* -- one input */

static void pair_setup(void) {
	if (!frame_table) {
		machine_start(CPUS);
		domain_end(domain_make(0, true)); /* what the first domain makes for good */
		dom0 = NULL;
		domains_reap();
		frames_free_at_start = frames_free;
	}
	hypercall_preempt_units = 1000000;
	guest_grant_version = 2;
	finish_it = true;
	memset(handler, 0, sizeof(handler));
	memset(slots, 0, sizeof(slots));
	host_cpu_set(0);
	for (unsigned i = 0; i < SLOTS; i++) life_begin(i);
	run_slot(1);
}

static void pair_teardown(bool backwards) {
	host_fail_allocation(0);
	hypercall_preempt_units = 1000000;
	run_as(NULL);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[backwards ? SLOTS - 1 - i : i];

		while (s->d && life_end(s))
			;
		check_all();
	}
	/* mappings of each other kept them */
	dom0 = NULL;
	domains_reap();
	assert_null(domain_next(0));
	check_all();
	assert_int_equal(frames_free, frames_free_at_start);
}

static void step_check(const struct step *s) {
	this_cpu()->preempt_budget = 0;
	step_run(s);
	check_all();
}

static void steps_at_random(uint64_t seed) {
	uint64_t x = seed * 2 + 1;
	struct step s;

	for (unsigned i = 0; i < 100; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(&s, (uint8_t *)&x + 2, sizeof(s));
		step_check(&s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint64_t seed = 0;
	struct step s;

	memcpy(&seed, data, size < sizeof(seed) ? size : sizeof(seed));
	tame = seed & 1;
	pair_setup();
	if (size <= sizeof(s)) steps_at_random(seed);
	for (size_t at_byte = 1; at_byte + sizeof(s) <= size; at_byte += sizeof(s)) {
		memcpy(&s, data + at_byte, sizeof(s));
		step_check(&s);
	}
	pair_teardown(seed & 2);
	return 0;
}
