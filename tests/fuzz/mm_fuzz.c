/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of memory hypercalls by two domains, and of event-channel operations, on a
 * handful of frames so that they meet. After each operation the whole frame table is recounted
 * against the page tables (host_frames_check()); at the end both domains are destroyed and every
 * frame must be free. Preempted operations are finished, or left for good, as the input has it.
 */
#define FRAMES 512u
#include "mm_fixture.h"

#include <xen/event_channel.h>

#define POOL 32u
#define LIST 0x800u
#define OUT  0x1000u

/* Frames to play with; those given away are replaced by those that come. */
static uint64_t pool[POOL];
static unsigned pool_next;
static bool finish_it;

struct step {
	uint8_t kind, a, b, c;
	uint16_t d;
};

static mfn_t frame_at(uint8_t i) { return mfn(pool[i % POOL]); }

static unsigned index_at(uint8_t i) {
	static const uint16_t at[] = { 0, 1, 2, 255, 256, 271, 300, 511 };

	return at[i % 8];
}

static uint64_t entry_at(const struct step *s) {
	static const uint64_t flags[] = { PTE_P, PTE_RW,  PTE_US, PTE_PWT, PTE_PCD,    PTE_A,
					  PTE_D, PTE_PSE, PTE_G,  1 << 9,  1ULL << 63, 1ULL << 58 };
	uint64_t e = s->d & 0x4000 ? PTE_P : PTE_P | PTE_RW | PTE_US;

	if (s->d & 0x8000) e = 0;
	/* mostly plain entries, so that trees come to be */
	for (unsigned i = 0; s->d & 0x2000 && i < 12; i++)
		if (s->d >> i & 1) e ^= flags[i];
	return pte(frame_at(s->c), 0) | e;
}

static uint32_t foreign_at(uint16_t d) {
	static const uint32_t who[] = { DOMID_SELF, DOMID_SELF,   DOMID_SELF,   0,        1, DOMID_IO,
					DOMID_XEN,  2u << 16 | 1, 1u << 16 | 1, 2u << 16, 7 };

	return who[d % ARRAY_SIZE(who)];
}

static void again(long rc) {
	if (finish_it) finish(rc);
}

static void do_update(const struct step *s) {
	struct mmu_update u[3];
	unsigned cmd = s->kind & 0x80 ? s->d >> 8 & 3 : 0;

	for (unsigned i = 0; i < 3; i++)
		u[i] = (struct mmu_update){ ptr(frame_at(s->a), index_at(s->b + i), cmd), entry_at(s) };
	arg_put(0, u, sizeof(u));
	again(do_mmu_update(ARG_VA, s->kind & 0x40 ? 3 : 1, 0, s->kind & 0x20 ? foreign_at(s->d) : DOMID_SELF, 0, 0));
}

static void do_ext(const struct step *s) {
	static const uint8_t cmds[] = { MMUEXT_PIN_L1_TABLE,
					MMUEXT_PIN_L2_TABLE,
					MMUEXT_PIN_L3_TABLE,
					MMUEXT_PIN_L4_TABLE,
					MMUEXT_UNPIN_TABLE,
					MMUEXT_UNPIN_TABLE,
					MMUEXT_NEW_BASEPTR,
					MMUEXT_NEW_USER_BASEPTR,
					MMUEXT_CLEAR_PAGE,
					MMUEXT_COPY_PAGE,
					MMUEXT_TLB_FLUSH_ALL,
					MMUEXT_INVLPG_MULTI,
					63 };
	struct mmuext_op op = { .cmd = cmds[s->b % ARRAY_SIZE(cmds)],
				.arg1.mfn = mfn_x(frame_at(s->a)),
				.arg2.src_mfn = mfn_x(frame_at(s->c)) };

	arg_put(0, &op, sizeof(op));
	again(do_mmuext_op(ARG_VA, 1, 0, s->kind & 0x20 ? foreign_at(s->d) & 0xffff : DOMID_SELF, 0, 0));
}

static uint64_t va_at(uint8_t a, uint8_t b) {
	uint64_t va = (uint64_t)index_at(a) << 39 | (uint64_t)index_at(a >> 3) << 30 | (uint64_t)index_at(b) << 21 |
		      (uint64_t)index_at(b >> 3) << 12;

	return (uint64_t)((int64_t)(va << 16) >> 16);
}

static void do_va(const struct step *s) {
	if (s->kind & 0x80)
		again(do_update_va_mapping_otherdomain(va_at(s->a, s->b), entry_at(s), s->d & 7,
						       foreign_at(s->d >> 3) & 0xffff, 0, 0));
	else
		again(do_update_va_mapping(va_at(s->a, s->b), entry_at(s), s->d & 7, 0, 0, 0));
}

static void do_store(const struct step *s) {
	struct vcpu *v = current;
	uint64_t old = entry_at(s);
	gvaddr_t va = gvaddr(va_at(s->a, s->b) + index_at(s->d >> 9) * 8 + (s->d & 7));
	mfn_t table = frame_at(s->c);
	uint64_t entry;
	int rc;

	/* the table is looked at again: a wrong one is refused */
	if (!pt_store_target(v, va, &table, &entry) && !(s->kind & 0x40)) return;
	rc = pt_store(v, table, va, s->kind & 0x80 ? &old : NULL, entry_at(s));
	assert_true(rc <= 0);
}

static void list_fill(const struct step *s, unsigned offset, unsigned n) {
	for (unsigned i = 0; i < n; i++) arg_put(offset + i * 8, &pool[(s->a + i) % POOL], 8);
}

static void pool_take(unsigned offset, unsigned n) {
	for (unsigned i = 0; i < n; i++) memcpy(&pool[pool_next++ % (POOL - 4)], arg_page + offset + i * 8, 8);
}

static void do_reservation(const struct step *s) {
	static const uint8_t cmds[] = { XENMEM_populate_physmap, XENMEM_decrease_reservation,
					XENMEM_increase_reservation };
	struct xen_memory_reservation r = { .nr_extents = s->b % 4,
					    .extent_order = s->kind & 0x80 ? s->c : s->c % 2,
					    .mem_flags = XENMEMF_address_bits(s->d & 31),
					    .domid = s->d & 0x1000 ? s->d >> 13 : DOMID_SELF };
	unsigned cmd = cmds[s->c / 2 % 3];
	long rc;

	r.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST);
	list_fill(s, LIST, r.nr_extents);
	arg_put(0, &r, sizeof(r));
	rc = do_memory_op(cmd, ARG_VA, 0, 0, 0, 0);
	if (finish_it) rc = finish(rc);
	if (rc > 0 && cmd != XENMEM_decrease_reservation) pool_take(LIST, (unsigned)rc);
}

static void do_exchange(const struct step *s) {
	unsigned in = s->b % 3, out = s->b / 3 % 3;
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1u << (out > in ? out - in : 0) << (s->c & 1),
			.extent_order = in,
			.domid = DOMID_SELF },
		.out = { .nr_extents = 1u << (in > out ? in - out : 0) << (s->c & 1),
			 .extent_order = out,
			 .domid = DOMID_SELF },
	};

	x.in.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST);
	x.out.extent_start.p = (xen_pfn_t *)(ARG_VA + OUT);
	list_fill(s, LIST, (unsigned)x.in.nr_extents);
	arg_put(0, &x, sizeof(x));
	if (finish(do_memory_op(XENMEM_exchange, ARG_VA, 0, 0, 0, 0)) == 0) pool_take(OUT, (unsigned)x.out.nr_extents);
}

/* A descriptor-table use, taken and dropped: what set_gdt and set_ldt do. */
static void do_segdesc(const struct step *s) {
	if (frame_get_as(frame_at(s->a), current->domain, FT_SEGDESC)) return;
	host_frame_hold(frame_at(s->a), 1, 1);
	host_frames_check();
	frame_put_as(frame_at(s->a));
	host_frames_check_reset();
}

static void do_evtchn(const struct step *s) {
	union {
		struct evtchn_alloc_unbound alloc;
		struct evtchn_bind_interdomain inter;
		struct evtchn_bind_virq virq;
		struct evtchn_bind_ipi ipi;
		struct evtchn_close close;
		struct evtchn_unmask unmask;
		struct evtchn_bind_vcpu vcpu;
		struct evtchn_send send;
		struct evtchn_status status;
		struct evtchn_init_control init;
		struct evtchn_expand_array expand;
		struct evtchn_set_priority prio;
		uint32_t word[8];
	} op;

	/* small numbers in most places are domains, ports and vCPUs */
	for (unsigned i = 0; i < 8; i++) op.word[i] = i & 1 ? s->c % 6 : s->b % 6;
	if (s->d & 1) op.word[0] = DOMID_SELF | (uint32_t)(s->c % 3) << 16;
	if (s->a % 15 == EVTCHNOP_init_control) op.init.control_gfn = mfn_x(frame_at(s->c));
	if (s->a % 15 == EVTCHNOP_expand_array) op.expand.array_gfn = mfn_x(frame_at(s->c));
	arg_put(0, &op, sizeof(op));
	(void)do_event_channel_op(s->a % 15, ARG_VA, 0, 0, 0, 0);
}

static void step_run(const struct step *s) {
	static void (*const kinds[])(const struct step *) = {
		do_update, do_update, do_update,  do_ext,      do_ext,         do_va,
		do_store,  do_evtchn, do_segdesc, do_exchange, do_reservation,
	};
	unsigned kind = s->kind & 0x1f;

	if (kind < ARRAY_SIZE(kinds)) {
		kinds[kind](s);
	} else if (kind < 20) {
		run_as(s->a & 1 ? guest : dom0);
	} else if (kind < 24) {
		hypercall_preempt_units = s->a & 1 ? 1 + s->b % 32 : 1000000;
		finish_it = s->a & 6;
	} else if (kind < 26) {
		host_fail_allocation(s->a % 8);
	} else {
		host_cpu_set(s->a & 1);
		this_cpu()->vcpu = NULL;
		run_as(s->a & 2 ? guest : dom0);
	}
}

static void pool_fill(void) {
	pool_next = 0;
	finish_it = true;
	for (unsigned i = 0; i < POOL; i++) pool[i] = mfn_x(page_of(i < 20 ? guest : dom0));
	pool[28] = mfn_x(own_mfn(guest->shared_info));
	pool[29] = FRAMES - 1;
	pool[30] = 0xfee00;
	pool[31] = 1ULL << 39;
}

/* A head start: a tree that runs. */
static void tree_start(void) {
	for (unsigned level = 1; level < 4; level++)
		at(frame_at((uint8_t)level))[0] = pte(frame_at((uint8_t)(level - 1)), TAB);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, frame_at(3), 0), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct step s;

	mm_setup(NULL);
	host_frames_slack = true;
	pool_fill();
	if (size && data[0] & 1) tree_start();
	for (size_t at_byte = 1; at_byte + sizeof(s) <= size; at_byte += sizeof(s)) {
		memcpy(&s, data + at_byte, sizeof(s));
		this_cpu()->preempt_budget = 0;
		step_run(&s);
		host_frames_check();
		assert_int_equal(this_cpu()->windows_open, 0);
		assert_int_equal(this_cpu()->lock_ranks, 0);
	}
	host_cpu_set(1);
	this_cpu()->vcpu = NULL;
	mm_teardown(NULL);
	return 0;
}
