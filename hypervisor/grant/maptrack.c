/* SPDX-License-Identifier: MIT */
/* Handles of grant mappings: pages of entries, free ones in a list. A handle is used by one vCPU at
 * a time, which marks it busy. */
#include "table.h"

static struct maptrack *track_of(const struct grant_table *gt, uint32_t handle) {
	return &gt->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

/* A page more of handles. False at the limit or without memory. Lock held. */
static bool maptrack_grow(struct grant_table *gt) {
	uint32_t first = gt->nr_handles, n = MIN(MAPTRACK_PER_PAGE, gt->max_handles - first);
	struct maptrack *page;

	if (!n) return false;
	if (!gt->maptrack)
		gt->maptrack =
			heap_alloc(DIV_ROUND_UP(gt->max_handles, MAPTRACK_PER_PAGE) * sizeof(*gt->maptrack));
	page = gt->maptrack ? heap_alloc(PAGE_SIZE) : NULL;
	if (!page) return false;
	gt->maptrack[first / MAPTRACK_PER_PAGE] = page;
	for (uint32_t i = 0; i < n; i++) page[i].ref = i + 1 < n ? first + i + 1 : MAPTRACK_NONE;
	gt->free_handle = first;
	gt->nr_handles += n;
	return true;
}

uint32_t maptrack_get(struct domain *d, struct maptrack **out) {
	struct grant_table *gt = d->grant;
	uint32_t handle;
	SPIN_GUARD(&gt->maptrack_lock);

	if (gt->free_handle == MAPTRACK_NONE && !maptrack_grow(gt)) return MAPTRACK_NONE;
	handle = gt->free_handle;
	*out = track_of(gt, handle);
	gt->free_handle = (*out)->ref;
	(*out)->busy = 1;
	return handle;
}

/* No lock: the handle is nobody else's until it has a granter, which comes last. */
void maptrack_publish(struct maptrack *m, struct domain *granter) {
	m->busy = 0;
	__atomic_store_n(&m->granter, granter, __ATOMIC_RELEASE);
}

void maptrack_put(struct domain *d, uint32_t handle, struct maptrack *m) {
	struct grant_table *gt = d->grant;
	SPIN_GUARD(&gt->maptrack_lock);

	*m = (struct maptrack){ .ref = gt->free_handle };
	gt->free_handle = handle;
}

struct maptrack *maptrack_claim(struct domain *d, uint32_t handle) {
	struct grant_table *gt = d->grant;
	struct maptrack *m;
	SPIN_GUARD(&gt->maptrack_lock);

	if (handle >= gt->nr_handles) return NULL;
	m = track_of(gt, (uint32_t)index_nospec(handle, gt->nr_handles));
	if (!__atomic_load_n(&m->granter, __ATOMIC_ACQUIRE) || m->busy) return NULL;
	m->busy = 1;
	return m;
}

void maptrack_release(struct domain *d, struct maptrack *m) {
	SPIN_GUARD(&d->grant->maptrack_lock);

	m->busy = 0;
}

void maptrack_free(struct grant_table *gt) {
	for (uint32_t i = 0; i < gt->nr_handles; i += MAPTRACK_PER_PAGE)
		heap_free(gt->maptrack[i / MAPTRACK_PER_PAGE]);
	heap_free(gt->maptrack);
}
