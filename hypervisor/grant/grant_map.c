/* SPDX-License-Identifier: MIT */
/*
 * Mapping granted frames.
 *
 * A mapping is a pin of the granter's entry, a handle of the mapper's that remembers it, and what
 * was asked for: an entry in one of the mapper's L1 tables (host), leave to use the frame by its
 * machine address (device), or both. The handle knows which table entry it made, so unmapping
 * touches that one and no other, and only while it still maps the frame with the same rights; an
 * entry that the guest replaced by other means has given its references back already. A handle is found
 * by its granter; the vCPU that works on it takes that out, so it is used by one vCPU at a time.
 *
 * Order: pin, then table entry with its references; back: table entry, TLB flush, pin.
 */
#include "hypercall.h"
#include "table.h"

#define MAP_FLAGS                                                                                               \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | GNTMAP_contains_pte | \
	 GNTMAP_guest_avail_mask)

/* The entry that maps the frame as the guest asked. */
static uint64_t l1e_for(mfn_t frame, uint32_t flags) {
	uint64_t avail = (flags & GNTMAP_guest_avail_mask) >> _GNTMAP_guest_avail0;
	uint64_t e = mfn_to_maddr(frame).a | avail << PTE_AVAIL_SHIFT | PTE_P | PTE_US | PTE_A;

	return flags & GNTMAP_readonly ? e : e | PTE_RW | PTE_D;
}

/* -- handles: pages of entries, free ones in a list -- */

static struct maptrack *track_of(const struct grant_table *gt, uint32_t handle) {
	return &gt->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

/* A page more of handles. False at the limit or without memory. Lock held. */
static bool maptrack_grow(struct grant_table *gt) {
	uint32_t first = gt->nr_handles, n = MIN(MAPTRACK_PER_PAGE, gt->max_handles - first);
	struct maptrack *page;

	if (!n) return false;
	if (!gt->maptrack)
		gt->maptrack = heap_alloc(DIV_ROUND_UP(gt->max_handles, MAPTRACK_PER_PAGE) * sizeof(*gt->maptrack));
	page = gt->maptrack ? heap_alloc(PAGE_SIZE) : NULL;
	if (!page) return false;
	gt->maptrack[first / MAPTRACK_PER_PAGE] = page;
	for (uint32_t i = 0; i < n; i++) page[i].ref = i + 1 < n ? first + i + 1 : MAPTRACK_NONE;
	gt->free_handle = first;
	__atomic_store_n(&gt->nr_handles, first + n, __ATOMIC_RELEASE);
	return true;
}

/* A free handle, the caller's alone: MAPTRACK_NONE if the limit or memory is reached. */
static uint32_t maptrack_get(struct grant_table *gt, struct maptrack **out) {
	uint32_t handle;
	SPIN_GUARD(&gt->maptrack_lock);

	if (gt->free_handle == MAPTRACK_NONE && !maptrack_grow(gt)) return MAPTRACK_NONE;
	handle = gt->free_handle;
	*out = track_of(gt, handle);
	gt->free_handle = (*out)->ref;
	return handle;
}

static void maptrack_put(struct grant_table *gt, uint32_t handle, struct maptrack *m) {
	SPIN_GUARD(&gt->maptrack_lock);

	*m = (struct maptrack){ .ref = gt->free_handle };
	gt->free_handle = handle;
}

/* Others of the domain may find the handle: its mapping is made, or still (in part) there. */
static void maptrack_publish(struct maptrack *m, struct domain *granter) {
	__atomic_store_n(&m->granter, granter, __ATOMIC_RELEASE);
}

/* Take the handle into the caller's hands. The granter; NULL: there is no such mapping to be found. */
static struct domain *maptrack_claim(struct grant_table *gt, uint32_t handle, struct maptrack **out) {
	uint32_t n = __atomic_load_n(&gt->nr_handles, __ATOMIC_ACQUIRE);

	if (handle >= n) return NULL;
	*out = track_of(gt, (uint32_t)index_nospec(handle, n));
	return __atomic_exchange_n(&(*out)->granter, NULL, __ATOMIC_ACQ_REL);
}

void maptrack_free(struct grant_table *gt) {
	for (uint32_t i = 0; i < gt->nr_handles; i += MAPTRACK_PER_PAGE) heap_free(gt->maptrack[i / MAPTRACK_PER_PAGE]);
	heap_free(gt->maptrack);
}

/* -- mapping -- */

/* Make what is asked for: all of it or nothing. */
static int mapping_make(const struct gnttab_map_grant_ref *op, struct maptrack *m, const struct domain *granter) {
	int err = 0;

	if (op->flags & GNTMAP_device_map) err = page_get(m->frame, granter->id, !m->readonly);
	if (err) return page_status(err);
	m->device = op->flags & GNTMAP_device_map;
	if (!(op->flags & GNTMAP_host_map)) return GNTST_okay;
	err = l1_place_map(current, op->host_addr, op->flags & GNTMAP_contains_pte, granter,
			   l1e_for(m->frame, op->flags), &m->entry);
	m->host_addr = op->host_addr;
	m->host = true;
	if (err && m->device) page_put(m->frame, !m->readonly);
	return page_status(err);
}

/* The entry is pinned and grants `frame`; the caller's reference to the granter is the mapping's then. */
static int mapping_track(struct gnttab_map_grant_ref *op, struct domain *granter, mfn_t frame) {
	struct grant_table *gt = current->domain->grant;
	struct maptrack *m;
	uint32_t handle;
	int status;

	/* whose it is, the references will tell */
	if (!mfn_valid(frame)) return GNTST_bad_page;
	handle = maptrack_get(gt, &m);
	if (handle == MAPTRACK_NONE) return GNTST_no_space;
	m->frame = frame;
	m->ref = op->ref;
	m->readonly = op->flags & GNTMAP_readonly;
	status = mapping_make(op, m, granter);
	if (unlikely(status != GNTST_okay)) {
		maptrack_put(gt, handle, m);
		return status;
	}
	maptrack_publish(m, granter);
	op->handle = handle;
	op->dev_bus_addr = mfn_to_maddr(frame).a;
	return GNTST_okay;
}

int grant_map(struct gnttab_map_grant_ref *op) {
	bool readonly = op->flags & GNTMAP_readonly;
	struct domain *granter;
	struct granted g;
	int status = GNTST_bad_gntref;

	if (domain_find(op->dom, &granter)) return GNTST_bad_domain;
	if (op->flags & (GNTMAP_device_map | GNTMAP_host_map) && !(op->flags & ~MAP_FLAGS))
		status = grant_pin(granter, op->ref, readonly, true, &g);
	if (likely(status == GNTST_okay)) {
		status = mapping_track(op, granter, g.frame);
		if (unlikely(status != GNTST_okay)) grant_unpin(granter, op->ref, readonly);
	}
	if (unlikely(status != GNTST_okay)) domain_put(granter);
	return status;
}

/* -- unmapping -- */

/* The table may be linked at other addresses too, or have been: one address will do for dom0 alone, who
 * may map the page anyway. */
static void batch_note_flush(struct unmap_batch *b, const struct maptrack *m) {
	bool single = !b->flush && m->host_addr != m->entry.a && current->domain->privileged;

	b->flush_va = single ? m->host_addr & PAGE_MASK : TLB_FLUSH_ALL;
	b->flush = true;
}

int grant_unmap_begin(struct unmap_batch *b, const struct gnttab_unmap_grant_ref *op) {
	struct domain *d = current->domain;
	struct maptrack *m;
	struct domain *granter = maptrack_claim(d->grant, op->handle, &m);

	if (!granter) return GNTST_bad_handle;
	if ((op->host_addr && (!m->host || op->host_addr != m->host_addr)) ||
	    (op->dev_bus_addr && (!m->device || op->dev_bus_addr >> PAGE_SHIFT != mfn_x(m->frame)))) {
		maptrack_publish(m, granter);
		return GNTST_general_error;
	}
	if (op->host_addr) {
		l1_place_unmap(d, m->entry, m->frame, !m->readonly);
		batch_note_flush(b, m);
		m->host = false;
	}
	if (op->dev_bus_addr) {
		page_put(m->frame, !m->readonly);
		m->device = false;
	}
	b->item[b->n].m = m;
	b->item[b->n].granter = granter;
	b->item[b->n++].handle = op->handle;
	return GNTST_okay;
}

static void mapping_end(struct domain *mapper, struct maptrack *m, uint32_t handle, struct domain *granter) {
	grant_unpin(granter, m->ref, m->readonly);
	maptrack_put(mapper->grant, handle, m);
	domain_put(granter);
}

void grant_unmap_finish(struct unmap_batch *b) {
	struct domain *d = current->domain;

	if (b->flush) arch_tlb_flush(d->dirty_cpus, b->flush_va);
	for (unsigned i = 0; i < b->n; i++) {
		struct maptrack *m = b->item[i].m;

		if (m->host || m->device)
			maptrack_publish(m, b->item[i].granter);
		else
			mapping_end(d, m, b->item[i].handle, b->item[i].granter);
	}
	b->n = 0;
	b->flush = false;
}

/* -- the end of a domain -- */

/*
 * A dying domain lets go of what it has mapped of others. None of its vCPUs runs any more, so one
 * flush ends its use of all mappings; the entries in its page tables keep their references until
 * the tables are torn down.
 */
int grant_domain_destroy(struct domain *d) {
	struct grant_table *gt = d->grant;

	if (!gt->destroy_at && gt->nr_handles) arch_tlb_flush(d->dirty_cpus, TLB_FLUSH_ALL);
	while (gt->destroy_at < gt->nr_handles) {
		uint32_t handle = gt->destroy_at++;
		struct maptrack *m;
		struct domain *granter = maptrack_claim(gt, handle, &m);

		if (granter && m->device) page_put(m->frame, !m->readonly);
		if (granter) mapping_end(d, m, handle, granter);
		if (hypercall_preempt()) return -ERESTART;
	}
	return 0;
}
