/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: a domain offers its frames to others.
 *
 * The table is pages of ring 0 that the guest maps and writes; every field of it is hostile. An
 * entry in use by ring 0 (mapped, or being copied) is pinned: it has counts of readers and writers
 * beside the table, and the guest sees GTF_reading/GTF_writing (version 1 in the entry, version 2
 * in the status page) exactly while they are not zero. Nothing else is remembered of an entry: a
 * mapping knows its frame, so what the guest writes into a pinned entry harms nobody but itself.
 *
 * - A host mapping's page-table entry holds its own frame and type reference, like every entry of
 * that table; the pin says only that the mapping exists. Both may go separately.
 * - A pin is dropped after the TLB flush that ends the mapping.
 * - The table never shrinks, and status pages stay when a guest goes back to version 1: the guest
 * may have them mapped.
 * - Locks: the granter's lock for entries and pins, the mapper's maptrack_lock for handles; never
 *   both, and neither is held while a page table changes.
 */
#include "table.h"

static int status_grow(struct domain *d, unsigned nr) {
	struct grant_table *gt = d->grant;
	unsigned want = status_frames_for(nr);

	for (; gt->nr_status < want; gt->nr_status++) {
		void *page = heap_alloc(PAGE_SIZE);

		if (!page) return -ENOMEM;
		frame_share(page, d, false);
		gt->status[gt->nr_status] = page;
	}
	return 0;
}

static int frame_add(struct domain *d) {
	struct grant_table *gt = d->grant;
	void *shared = heap_alloc(PAGE_SIZE), *pins;

	pins = shared ? heap_alloc(PINS_PER_FRAME * sizeof(struct grant_pins)) : NULL;
	if (!pins) {
		heap_free(shared);
		return -ENOMEM;
	}
	frame_share(shared, d, false);
	gt->shared[gt->nr_frames] = shared;
	gt->pins[gt->nr_frames] = pins;
	gt->nr_frames++;
	return 0;
}

/* Have at least nr frames, and status pages for them in version 2. -EINVAL: above the limit;
 * -ENOMEM: the frames that there was memory for were added. Lock held. */
static int table_grow(struct domain *d, unsigned nr) {
	struct grant_table *gt = d->grant;
	int err = 0;

	if (nr > gt->max_frames) return -EINVAL;
	if (gt->version == 2) err = status_grow(d, MAX(nr, gt->nr_frames));
	while (!err && gt->nr_frames < nr) err = frame_add(d);
	return err;
}

/* -- life -- */

int grant_domain_create(struct domain *d, unsigned max_frames, unsigned max_maptrack, unsigned version) {
	struct grant_table *gt;

	if (!max_frames || version < 1 || version > 2 || max_frames > UINT32_MAX / V1_PER_FRAME ||
	    max_maptrack >= UINT32_MAX / MAPTRACK_PER_LIMIT)
		return -EINVAL;
	gt = heap_alloc(sizeof(*gt));
	if (!gt) return -ENOMEM;
	d->grant = gt;
	spin_init(&gt->lock, RANK_GRANT);
	spin_init(&gt->maptrack_lock, RANK_MAPTRACK);
	gt->max_frames = max_frames;
	gt->max_version = version;
	gt->max_handles = max_maptrack * MAPTRACK_PER_LIMIT;
	gt->free_handle = MAPTRACK_NONE;
	gt->version = 1;
	gt->shared = heap_alloc(max_frames * sizeof(*gt->shared));
	gt->pins = heap_alloc(max_frames * sizeof(*gt->pins));
	gt->status = heap_alloc(status_frames_for(max_frames) * sizeof(*gt->status));
	return gt->shared && gt->pins && gt->status ? table_grow(d, 1) : -ENOMEM; /* grant_domain_free() follows */
}

void grant_domain_free(struct domain *d) {
	struct grant_table *gt = d->grant;

	for (unsigned i = 0; i < gt->nr_frames; i++) {
		frame_unshare(gt->shared[i]);
		heap_free(gt->pins[i]);
	}
	for (unsigned i = 0; i < gt->nr_status; i++) frame_unshare(gt->status[i]);
	maptrack_free(gt);
	heap_free(gt->status);
	heap_free(gt->pins);
	heap_free(gt->shared);
	heap_free(gt);
}

/* -- what a guest and its toolstack ask for -- */

int grant_resize(struct domain *d, unsigned nr_frames) {
	SPIN_GUARD(&d->grant->lock);

	return table_grow(d, nr_frames);
}

int grant_frame(struct domain *d, bool status, unsigned i, mfn_t *out) {
	struct grant_table *gt = d->grant;
	SPIN_GUARD(&gt->lock);

	if (status && gt->version != 2) return -EINVAL;
	if (i >= (status ? gt->nr_status : gt->nr_frames)) return -EINVAL;
	*out = own_mfn(status ? (void *)gt->status[i] : gt->shared[i]);
	return 0;
}

int grant_frame_grow(struct domain *d, bool status, uint64_t i, mfn_t *out) {
	unsigned per = status ? STATUS_PER_FRAME / V2_PER_FRAME : 1, max = d->grant->max_frames;

	if (i >= max) return -EINVAL;
	return grant_resize(d, MIN((unsigned)i * per + 1, max)) ?: grant_frame(d, status, (unsigned)i, out);
}

unsigned grant_frame_limit(const struct domain *d, bool status) {
	return status ? status_frames_for(d->grant->max_frames) : d->grant->max_frames;
}

/* The reserved entries (console, store) survive a change of version. */
static void version_change(struct grant_table *gt, unsigned version) {
	union grant_entry_v2 kept[GNTTAB_NR_RESERVED_ENTRIES], *v2 = gt->shared[0];
	struct grant_entry_v1 *v1 = gt->shared[0];

	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		kept[i] = gt->version == 2 ? v2[i]
					   : (union grant_entry_v2){ .full_page = { .hdr = { v1[i].flags, v1[i].domid },
										    .frame = v1[i].frame } };
	for (unsigned i = 0; i < gt->nr_frames; i++) memset(gt->shared[i], 0, PAGE_SIZE);
	for (unsigned i = 0; version == 2 && i < gt->nr_status; i++) memset(gt->status[i], 0, PAGE_SIZE);
	gt->version = version;
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		uint64_t frame = kept[i].full_page.frame;

		kept[i].hdr.flags &= (uint16_t) ~(GTF_reading | GTF_writing);
		if ((kept[i].hdr.flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access) continue;
		if (version == 2)
			v2[i] = kept[i];
		else if (frame <= UINT32_MAX)
			v1[i] = (struct grant_entry_v1){ kept[i].hdr.flags, kept[i].hdr.domid, (uint32_t)frame };
	}
}

int grant_set_version(struct domain *d, unsigned version) {
	struct grant_table *gt = d->grant;
	SPIN_GUARD(&gt->lock);

	if (version < 1 || version > gt->max_version) return -EINVAL;
	if (gt->version == version) return 0;
	if (gt->pinned) return -EBUSY;
	if (version == 2 && status_grow(d, gt->nr_frames)) return -ENOMEM;
	version_change(gt, version);
	return 0;
}

void grant_show(struct domain *d) {
	struct grant_table *gt = d->grant;
	SPIN_GUARD(&gt->lock);

	printk(LOG_INFO, "d%u: version %u, %u of %u frames, %u pins, %u handles\n", d->id, gt->version, gt->nr_frames,
	       gt->max_frames, gt->pinned, gt->nr_handles);
}
