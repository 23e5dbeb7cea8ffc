/* SPDX-License-Identifier: MIT */
/*
 * A dying domain lets go of what it has mapped of others. None of its vCPUs runs any more, so one
 * flush ends its use of all mappings; the entries in its page tables keep their references until
 * the tables are torn down.
 */
#include "hypercall.h"
#include "table.h"

static void mapping_drop(struct maptrack *m) {
	struct domain *granter = m->granter;

	if (m->device) granted_put(mfn(m->frame), m->readonly);
	grant_unpin(granter, m->ref, m->readonly);
	m->granter = NULL;
	domain_put(granter);
}

int grant_domain_destroy(struct domain *d) {
	struct grant_table *gt = d->grant;

	if (!gt->destroy_at && gt->nr_handles) arch_tlb_flush(d->dirty_cpus, TLB_FLUSH_ALL);
	while (gt->destroy_at < gt->nr_handles) {
		struct maptrack *m =
			&gt->maptrack[gt->destroy_at / MAPTRACK_PER_PAGE][gt->destroy_at % MAPTRACK_PER_PAGE];

		gt->destroy_at++;
		if (m->granter) mapping_drop(m);
		if (hypercall_preempt()) return -ERESTART;
	}
	return 0;
}
