/* SPDX-License-Identifier: MIT */
/*
 * Entries of a grant table: pinning one for use.
 *
 * Version 1: an entry is one 64-bit word, and a compare-and-exchange of it both checks the grant
 * and tells the guest of its use; the guest revokes with a compare-and-exchange of the flags.
 * Version 2: the use is told in the status page first and the header read again after it; the guest
 * revokes by writing the header and then reading the status. Either sees the other's write.
 */
#include "table.h"

#define V1_RETRIES 8

static struct grant_pins *pins_of(struct grant_table *gt, grant_ref_t ref) {
	return &gt->pins[ref / PINS_PER_FRAME][ref % PINS_PER_FRAME];
}

static uint16_t *uses_of(struct grant_table *gt, grant_ref_t ref, bool readonly) {
	return readonly ? &pins_of(gt, ref)->readers : &pins_of(gt, ref)->writers;
}

static grant_status_t *status_of(struct grant_table *gt, grant_ref_t ref) {
	return &gt->status[ref / STATUS_PER_FRAME][ref % STATUS_PER_FRAME];
}

static struct grant_entry_v1 *entry_v1(struct grant_table *gt, grant_ref_t ref) {
	return (struct grant_entry_v1 *)gt->shared[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}

static uint16_t use_bits(bool readonly) { return readonly ? GTF_reading : GTF_reading | GTF_writing; }

/* May the running domain use an entry with these flags so? */
static bool entry_permits(uint16_t flags, domid_t domid, bool readonly) {
	return (flags & GTF_type_mask) == GTF_permit_access && domid == current->domain->id &&
	       (readonly || !(flags & GTF_readonly));
}

static int pin_v1(struct grant_table *gt, grant_ref_t ref, bool readonly, struct granted *out) {
	uint64_t *word = (uint64_t *)entry_v1(gt, ref), old, want;

	old = __atomic_load_n(word, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < V1_RETRIES; i++) {
		if (!entry_permits((uint16_t)old, (uint16_t)(old >> 16), readonly) || (old & GTF_sub_page))
			return GNTST_general_error;
		want = old | use_bits(readonly);
		if (__atomic_compare_exchange_n(word, &old, want, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			out->frame = mfn(old >> 32);
			return GNTST_okay;
		}
	}
	return GNTST_eagain;
}

static int v2_range(const union grant_entry_v2 *e, uint16_t flags, bool whole, struct granted *out) {
	if (!(flags & GTF_sub_page)) {
		out->frame = mfn(READ_ONCE(e->full_page.frame));
		return GNTST_okay;
	}
	if (whole) return GNTST_general_error;
	out->frame = mfn(READ_ONCE(e->sub_page.frame));
	out->start = READ_ONCE(e->sub_page.page_off);
	out->end = out->start + READ_ONCE(e->sub_page.length);
	return out->end <= PAGE_SIZE ? GNTST_okay : GNTST_general_error;
}

/* The guest sees what uses are left. */
static void uses_tell(struct grant_table *gt, grant_ref_t ref) {
	const struct grant_pins *p = pins_of(gt, ref);
	uint16_t left = p->writers ? use_bits(false) : p->readers ? use_bits(true) : 0;

	if (gt->version == 2)
		__atomic_store_n(status_of(gt, ref), left, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&entry_v1(gt, ref)->flags, (uint16_t)(~use_bits(false) | left), __ATOMIC_SEQ_CST);
}

static int pin_v2(struct grant_table *gt, grant_ref_t ref, bool readonly, bool whole, struct granted *out) {
	union grant_entry_v2 *e = (union grant_entry_v2 *)gt->shared[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
	uint32_t *word = (uint32_t *)&e->hdr, header = READ_ONCE(*word);
	int status;

	if (!entry_permits((uint16_t)header, (uint16_t)(header >> 16), readonly)) return GNTST_general_error;
	__atomic_fetch_or(status_of(gt, ref), use_bits(readonly), __ATOMIC_SEQ_CST);
	status = v2_range(e, (uint16_t)header, whole, out);
	/* The status above is visible before this load: see the file comment. */
	if (status == GNTST_okay && __atomic_load_n(word, __ATOMIC_SEQ_CST) != header) status = GNTST_eagain;
	if (status != GNTST_okay) uses_tell(gt, ref);
	return status;
}

int grant_pin(struct domain *d, grant_ref_t ref, bool readonly, bool whole, struct granted *out) {
	struct grant_table *gt = d->grant;
	unsigned entries;
	uint16_t *uses;
	int status;
	SPIN_GUARD(&gt->lock);

	entries = grant_entries(gt);
	if (ref >= entries || domain_is_dying(d)) return GNTST_bad_gntref;
	ref = (grant_ref_t)index_nospec(ref, entries);
	uses = uses_of(gt, ref, readonly);
	if (*uses == UINT16_MAX) return GNTST_no_space;
	out->start = 0;
	out->end = PAGE_SIZE;
	status = gt->version == 1 ? pin_v1(gt, ref, readonly, out) : pin_v2(gt, ref, readonly, whole, out);
	if (status != GNTST_okay) return status;
	++*uses;
	gt->pinned++;
	return GNTST_okay;
}

void grant_unpin(struct domain *d, grant_ref_t ref, bool readonly) {
	struct grant_table *gt = d->grant;
	SPIN_GUARD(&gt->lock);

	gt->pinned--;
	--*uses_of(gt, ref, readonly);
	uses_tell(gt, ref);
}
