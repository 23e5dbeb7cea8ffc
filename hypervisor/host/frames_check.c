/* SPDX-License-Identifier: MIT */
/* The frame table's invariants, recounted from scratch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "frame.h"
#include "../mm/pt.h"

struct tally {
	int64_t refs, uses, linear_uses, linear_entries;
};
static struct tally *count;

#define HOLDS_MAX 4096
static struct {
	mfn_t m;
	int refs, uses;
} holds[HOLDS_MAX];
static unsigned holds_count;

void host_frame_hold(mfn_t m, int refs, int uses) {
	CHECK(holds_count < HOLDS_MAX);
	holds[holds_count].m = m;
	holds[holds_count].refs = refs;
	holds[holds_count++].uses = uses;
}

void host_frames_check_reset(void) { holds_count = 0; }

static void expect(bool ok, uint64_t n, const char *what) {
	const struct frame *f = &frame_table[n];

	if (ok) return;
	fprintf(stderr,
		"frame %lu: %s (refs %lx, type %lx, owner %u, partial %u; counted %ld refs, "
		"%ld uses)\n",
		(unsigned long)n, what, (unsigned long)f->refs, (unsigned long)f->type, f->owner, f->partial,
		(long)count[n].refs, (long)count[n].uses);
	abort();
}

static void count_l1e(uint64_t n, uint64_t e) {
	uint64_t m = mfn_x(pte_mfn(e));

	if (m >= frame_count || frame_table[m].owner == DOMID_IO || !(frame_table[m].refs & FRAME_COUNT)) return;
	expect(frame_table[m].owner != DOMID_INVALID, n, "maps a free frame");
	count[m].refs++;
	if (!(e & PTE_RW)) return;
	count[m].uses++;
	expect(frame_type_of(frame_table[m].type) == FT_WRITABLE, n, "maps a non-writable frame RW");
}

static void count_upper(uint64_t n, unsigned level, uint64_t e) {
	uint64_t m = mfn_x(pte_mfn(e));
	unsigned child;

	expect(!(e & (PTE_PSE | PTE_PCD | PTE_PWT)), n, "has a superpage or cache attributes");
	expect(m < frame_count && frame_table[m].owner == frame_table[n].owner, n, "leads to another owner's frame");
	child = type_level(frame_table[m].type);
	if (child == level) {
		expect(!(e & PTE_RW), n, "has a writable linear entry");
		if (m == n) return;
		count[m].linear_uses++;
		count[n].linear_entries++;
	} else {
		expect(child == level - 1, n, "leads to a frame of another type");
	}
	expect(frame_table[m].type & FTF_VALIDATED, n, "leads to a table not validated");
	count[m].refs++;
	count[m].uses++;
}

static void count_table(uint64_t n) {
	const struct frame *f = &frame_table[n];
	unsigned level = type_level(f->type);
	unsigned held = f->type & FTF_VALIDATED ? PT_ENTRIES : f->partial & 0x3ff;
	const uint64_t *table = own_va(mfn(n));

	for (unsigned i = 0; i < held; i++) {
		if (!(table[i] & PTE_P) || (level == 4 && l4_index_is_hv(i))) continue;
		expect((table[i] & (PTE_US | PTE_G)) == PTE_US, n, "has an entry not in stored form");
		if (level == 1)
			count_l1e(n, table[i]);
		else
			count_upper(n, level, table[i]);
	}
}

static void count_frame(uint64_t n) {
	const struct frame *f = &frame_table[n];

	expect(!(f->type & FTF_BUSY), n, "is in transition");
	if (f->owner == DOMID_INVALID) expect(!f->refs && !(f->type & FTF_COUNT), n, "is free and in use");
	if (f->refs & FRAME_ALLOCATED) count[n].refs++;
	if (f->refs & FRAME_RING0 && f->refs & FRAME_COUNT && f->owner != DOMID_XEN)
		count[n].uses++; /* shown to a domain */
	if (f->refs & FRAME_RING0 && f->owner != DOMID_XEN) count[n].refs++;
	if (f->type & FTF_PINNED) count[n].refs++, count[n].uses++;
	if (f->type & FTF_PARTIAL) {
		count[n].refs++, count[n].uses++;
		expect((f->type & FTF_COUNT) == 1 && !(f->type & (FTF_PINNED | FTF_VALIDATED)), n,
		       "is partial and in use");
	}
	if (f->type & FTF_VALIDATED) expect((f->type & FTF_COUNT) > 0, n, "is validated without use");
	if (type_level(f->type) && f->type & FTF_COUNT) count_table(n);
}

static void count_vcpu(const struct vcpu *v) {
	const mfn_t held[] = { v->root_kernel, v->root_user, v->info_mfn };

	for (unsigned i = 0; i < ARRAY_SIZE(held); i++) {
		if (mfn_eq(held[i], INVALID_MFN)) continue;
		count[mfn_x(held[i])].refs++;
		count[mfn_x(held[i])].uses++;
	}
}

bool host_frames_slack;

static void compare_frame(uint64_t n) {
	const struct frame *f = &frame_table[n];
	uint64_t t = f->type;
	int64_t more = (int64_t)(t & FTF_COUNT) - count[n].uses;

	if (host_frames_slack && frame_type_of(t) == FT_WRITABLE && more > 0) {
		count[n].refs += more;
		count[n].uses += more;
	}
	/* ring 0's alone, or shown once and held by those who map it */
	if (f->refs & FRAME_RING0 && f->owner == DOMID_XEN && !count[n].refs) count[n].refs = 1;
	expect((int64_t)(f->refs & FRAME_COUNT) == count[n].refs, n, "has a wrong reference count");
	expect((int64_t)(t & FTF_COUNT) == count[n].uses, n, "has a wrong type count");
	if (!(t & FTF_COUNT)) return;
	expect((int64_t)((t & FTF_LINEAR_USES) / FTF_LINEAR_USE) == count[n].linear_uses, n, "has wrong linear uses");
	expect((int64_t)((t & FTF_LINEAR_ENTRYS) / FTF_LINEAR_ENTRY) == count[n].linear_entries, n,
	       "has wrong linear entries");
	expect(!count[n].linear_uses || !count[n].linear_entries, n, "is a linear chain");
}

static void check_domain(const struct domain *d) {
	uint64_t owned = 0, listed = 0;

	for (uint64_t n = 0; n < frame_count; n++)
		owned += frame_table[n].owner == d->id && !(frame_table[n].refs & FRAME_RING0);
	for (uint32_t n = d->page_head; n != FRAME_NONE; n = frame_table[n].next) listed++;
	for (uint32_t n = d->given_up_head; n != FRAME_NONE; n = frame_table[n].next) listed++;
	CHECK(owned == d->tot_pages && listed == owned);
}

void host_frames_check(void) {
	struct vcpu *v;
	uint64_t unused = 0;

	count = calloc(frame_count, sizeof(*count));
	for (uint64_t n = 0; n < frame_count; n++) count_frame(n);
	for_each_domain (d) {
		for_each_vcpu (d, v) count_vcpu(v);
		check_domain(d);
	}
	for (unsigned i = 0; i < holds_count; i++) {
		count[mfn_x(holds[i].m)].refs += holds[i].refs;
		count[mfn_x(holds[i].m)].uses += holds[i].uses;
	}
	for (uint64_t n = 0; n < frame_count; n++) {
		compare_frame(n);
		unused += frame_table[n].owner == DOMID_INVALID;
	}
	CHECK(unused == frames_free);
	free(count);
}
