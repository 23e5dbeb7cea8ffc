/* SPDX-License-Identifier: MIT */
/*
 * What must hold between domains that grant pages and send events to each other, recounted from
 * scratch:
 *  - pins of every entry are the mappings that name it, and gt->pinned is their sum
 *  - every handle is free and in the free list, or names a granter
 *  - a domain's references are the list's, its frames', those of mappings of its pages, and those of
 *    VIRQs it handles
 *  - a frame's references and uses are those of page tables, of device mappings and of FIFO pages
 *    (host_frames_check(), with the latter two announced)
 *  - ports: evtchn_check_invariants()
 *  - while no guest spoils what it shares with ring 0: GTF_reading and GTF_writing say exactly what is
 *    pinned, and in the 2-level format each pending, unmasked port is selected in a vCPU that has been told
 */
#pragma once

#include "mm_fixture.h"
#include "../../hypervisor/evtchn/port.h"
#include "../../hypervisor/grant/table.h"

#define SLOTS     3u
#define PAGES     8u
#define FIFO_MAX  16u
#define MAX_REFS  2048u
#define VIRQ_USED 4u

/* A domain of the test, also while it is dying, and what the test knows of it. */
struct slot {
	struct domain *d; /* NULL: destroyed */
	bool dying;
	struct tree tree;
	mfn_t page[PAGES];
	/* frames that the domain's FIFO state holds */
	mfn_t fifo[FIFO_MAX];
	unsigned fifo_count;
};
static struct slot slots[SLOTS];
/* Who was made the handler of the global VIRQs 0..; NULL: nobody. */
static struct domain *handler[NR_VIRQS];
/* No guest writes into entries in use, or over its shared page. */
static bool tame;

static inline const struct maptrack *track_at(const struct grant_table *gt, uint32_t handle) {
	return &gt->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

static inline void check_handles(const struct grant_table *gt) {
	uint32_t free = 0, used = 0;

	for (uint32_t h = gt->free_handle; h != MAPTRACK_NONE; h = track_at(gt, h)->ref, free++)
		CHECK(h < gt->nr_handles && !track_at(gt, h)->granter && free < gt->nr_handles);
	for (uint32_t h = 0; h < gt->nr_handles; h++) {
		const struct maptrack *m = track_at(gt, h);

		if (!m->granter) continue;
		used++;
		CHECK(m->host || m->device);
		CHECK(mfn_valid(m->frame));
		/* references of host mappings are those of the table's entry */
		if (m->device) host_frame_hold(m->frame, 1, !m->readonly);
	}
	/* a dying domain's go without a way back */
	CHECK(free + used == gt->nr_handles || gt->destroy_at);
}

struct pin_tally {
	unsigned readers, writers;
};
static struct pin_tally tally[MAX_REFS];

static inline void count_pins(const struct domain *granter) {
	memset(tally, 0, sizeof(tally));
	for_each_domain (d) {
		for (uint32_t h = 0; h < d->grant->nr_handles; h++) {
			const struct maptrack *m = track_at(d->grant, h);

			if (m->granter != granter) continue;
			CHECK(m->ref < MAX_REFS);
			if (m->readonly)
				tally[m->ref].readers++;
			else
				tally[m->ref].writers++;
		}
	}
}

static inline uint16_t told_of(const struct grant_table *gt, unsigned ref) {
	if (gt->version == 2) return gt->status[ref / STATUS_PER_FRAME][ref % STATUS_PER_FRAME];
	return ((struct grant_entry_v1 *)gt->shared[ref / V1_PER_FRAME])[ref % V1_PER_FRAME].flags &
	       (GTF_reading | GTF_writing);
}

static inline void check_pins(const struct domain *d) {
	const struct grant_table *gt = d->grant;
	unsigned sum = 0;

	count_pins(d);
	for (unsigned ref = 0; ref < gt->nr_frames * PINS_PER_FRAME; ref++) {
		const struct grant_pins *p = &gt->pins[ref / PINS_PER_FRAME][ref % PINS_PER_FRAME];

		CHECK(p->readers == tally[ref].readers && p->writers == tally[ref].writers);
		sum += p->readers + p->writers;
		if (!tame || ref >= grant_entries(gt)) continue;
		CHECK(told_of(gt, ref) == (p->writers ? GTF_reading | GTF_writing : p->readers ? GTF_reading : 0));
	}
	CHECK(sum == gt->pinned);
}

static inline void check_refs(const struct domain *d) {
	unsigned refs = (d->state != DOM_DEAD) + (d->tot_pages > 0);

	for_each_domain (m)
		for (uint32_t h = 0; h < m->grant->nr_handles; h++) refs += track_at(m->grant, h)->granter == d;
	for (unsigned i = 0; i < NR_VIRQS; i++) refs += handler[i] == d;
	CHECK(d->refs == refs);
}

/* Pending and not masked: some vCPU of the domain knows. */
static inline void check_told(struct domain *d) {
	const struct shared_info *si = d->shared_info;
	struct vcpu *v;

	if (!tame || d->evtchn.fifo || d->state >= DOM_DYING) return;
	for (port_t p = 1; p < d->evtchn.valid_ports; p++) {
		bool told = false;

		if (!bit_test(p, si->evtchn_pending) || bit_test(p, si->evtchn_mask)) continue;
		for_each_vcpu (d, v)
			told = told || (si->vcpu_info[v->id].evtchn_pending_sel >> p / 64 & 1 &&
					si->vcpu_info[v->id].evtchn_upcall_pending);
		CHECK(told);
	}
}

static inline void check_all(void) {
	host_frames_check_reset();
	for_each_domain (d) {
		check_handles(d->grant);
		check_pins(d);
		check_refs(d);
		evtchn_check_invariants(d);
		check_told(d);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		for (unsigned p = 0; p < slots[i].fifo_count; p++) host_frame_hold(slots[i].fifo[p], 1, 1);
	host_frames_check();
	assert_int_equal(this_cpu()->windows_open, 0);
	assert_int_equal(this_cpu()->lock_ranks, 0);
}
