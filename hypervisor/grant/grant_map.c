/* SPDX-License-Identifier: MIT */
/*
 * Mapping granted frames.
 *
 * A mapping is a pin of the granter's entry, a handle of the mapper's that remembers it, and what
 * was asked for: an entry in one of the mapper's L1 tables (host), leave to use the frame by its
 * machine address (device), or both. The handle knows which table entry it made, so unmapping
 * touches that one and no other, and only while it still maps the frame with the same rights; an
 * entry that the guest replaced by other means has given its references back already.
 *
 * Order: pin, then table entry with its references; back: table entry, TLB flush, pin.
 */
#include "hypercall.h"
#include "table.h"

#define MAP_FLAGS                                                                         \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | \
	 GNTMAP_contains_pte | GNTMAP_guest_avail_mask)

/* The entry that maps the frame as the guest asked. */
static uint64_t l1e_for(mfn_t frame, uint32_t flags) {
	uint64_t avail = (flags & GNTMAP_guest_avail_mask) >> _GNTMAP_guest_avail0;
	uint64_t e = mfn_to_maddr(frame).a | avail << PTE_AVAIL_SHIFT | PTE_P | PTE_US | PTE_A;

	return flags & GNTMAP_readonly ? e : e | PTE_RW | PTE_D;
}

static int host_map(const struct gnttab_map_grant_ref *op, struct maptrack *m, const struct domain *granter) {
	struct l1_place at;
	int err = l1_place_map(current, op->host_addr, op->flags & GNTMAP_contains_pte, granter,
			       l1e_for(mfn(m->frame), op->flags), &at);

	if (err) return err == -EPERM ? GNTST_bad_page : GNTST_general_error;
	m->table = (uint32_t)mfn_x(at.table);
	m->index = (uint16_t)at.index;
	m->host_addr = op->host_addr;
	m->host = 1;
	return GNTST_okay;
}

/* Make what is asked for: all of it or nothing. */
static int mapping_make(const struct gnttab_map_grant_ref *op, struct maptrack *m, struct domain *granter) {
	int status = GNTST_okay;

	if (op->flags & GNTMAP_device_map) {
		status = granted_get(granter, mfn(m->frame), m->readonly);
		if (status != GNTST_okay) return status;
		m->device = 1;
	}
	if (op->flags & GNTMAP_host_map) status = host_map(op, m, granter);
	if (status != GNTST_okay && m->device) granted_put(mfn(m->frame), m->readonly);
	return status;
}

/* The entry is pinned and grants `frame`. */
static int mapping_track(struct gnttab_map_grant_ref *op, struct domain *granter, mfn_t frame) {
	struct domain *d = current->domain;
	struct maptrack *m;
	uint32_t handle;
	int status;

	/* A frame that is not the granter's memory, device registers above all, is not his to
	 * grant. */
	if (!mfn_valid(frame) || frame_of(frame)->owner != granter->id) return GNTST_bad_page;
	handle = maptrack_get(d, &m);
	if (handle == MAPTRACK_NONE) return GNTST_no_space;
	m->frame = (uint32_t)mfn_x(frame);
	m->ref = op->ref;
	m->readonly = !!(op->flags & GNTMAP_readonly);
	status = mapping_make(op, m, granter);
	if (status != GNTST_okay) {
		maptrack_put(d, handle, m);
		return status;
	}
	maptrack_publish(m, granter);
	op->handle = handle;
	op->dev_bus_addr = mfn_to_maddr(frame).a;
	return GNTST_okay;
}

int grant_map(struct gnttab_map_grant_ref *op, struct domain *granter) {
	bool readonly = op->flags & GNTMAP_readonly;
	struct granted g;
	int status;

	if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)) || op->flags & ~MAP_FLAGS)
		return GNTST_bad_gntref;
	status = grant_pin(granter, op->ref, current->domain->id, readonly, true, &g);
	if (status != GNTST_okay) return status;
	status = mapping_track(op, granter, g.frame);
	if (status != GNTST_okay) grant_unpin(granter, op->ref, readonly);
	return status;
}

/* -- unmapping -- */

/* The table may be linked at other addresses too, or have been: one address will do for dom0 alone, who
 * may map the page anyway. */
static void batch_note_flush(struct unmap_batch *b, const struct maptrack *m, bool user_address) {
	bool single = !b->flush && !user_address && b->mapper->privileged;

	b->flush_va = single ? m->host_addr & PAGE_MASK : TLB_FLUSH_ALL;
	b->flush = true;
}

/* Machine address of the mapping's table entry. */
static uint64_t entry_address(const struct maptrack *m) {
	return ((uint64_t)m->table << PAGE_SHIFT) + m->index * sizeof(uint64_t);
}

int grant_unmap_begin(struct unmap_batch *b, const struct gnttab_unmap_grant_ref *op) {
	struct maptrack *m = maptrack_claim(b->mapper, op->handle);
	struct l1_place at;

	if (!m) return GNTST_bad_handle;
	if ((op->host_addr && (!m->host || op->host_addr != m->host_addr)) ||
	    (op->dev_bus_addr && (!m->device || op->dev_bus_addr >> PAGE_SHIFT != m->frame))) {
		maptrack_release(b->mapper, m);
		return GNTST_general_error;
	}
	if (op->host_addr) {
		at = (struct l1_place){ mfn(m->table), m->index };
		l1_place_unmap(b->mapper, &at, mfn(m->frame), !m->readonly);
		batch_note_flush(b, m, op->host_addr == entry_address(m));
		m->host = 0;
	}
	if (op->dev_bus_addr) {
		granted_put(mfn(m->frame), m->readonly);
		m->device = 0;
	}
	b->item[b->n].m = m;
	b->item[b->n++].handle = op->handle;
	return GNTST_okay;
}

static void mapping_end(struct domain *mapper, struct maptrack *m, uint32_t handle) {
	struct domain *granter = m->granter;

	grant_unpin(granter, m->ref, m->readonly);
	maptrack_put(mapper, handle, m);
	domain_put(granter);
}

void grant_unmap_finish(struct unmap_batch *b) {
	if (b->flush) arch_tlb_flush(b->mapper->dirty_cpus, b->flush_va);
	for (unsigned i = 0; i < b->n; i++) {
		struct maptrack *m = b->item[i].m;

		if (m->host || m->device)
			maptrack_release(b->mapper, m);
		else
			mapping_end(b->mapper, m, b->item[i].handle);
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
		struct maptrack *m = maptrack_claim(d, handle);

		if (m && m->device) granted_put(mfn(m->frame), m->readonly);
		if (m) mapping_end(d, m, handle);
		if (hypercall_preempt()) return -ERESTART;
	}
	return 0;
}
