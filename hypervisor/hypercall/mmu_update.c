/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: an array of page-table and machine-to-physical changes. Requests are fetched in
 * chunks; a chunk is carried out under one hold of the table owner's mm_lock.
 */
#include "frame.h"
#include "hypercall.h"
#include "targets.h"

#define CHUNK 32u

static int machphys_update(domid_t owner, uint64_t ptr, uint64_t gpfn) {
	const struct domain *d = owner == current->domain->id ? current->domain : domain_by_id(owner);
	mfn_t m = maddr_to_mfn(maddr(ptr));

	if (!d || !frame_get(m, d)) return -EINVAL;
	m2p_set(m, gpfn);
	frame_put(m);
	return 0;
}

/* The first request, and with it those of its kind that follow. */
static int requests_apply(const struct pt_context *c, const struct mmu_update *req, unsigned n, unsigned *done) {
	int rc = giveup_finish(c->giver);

	*done = 0;
	if (rc) return rc;
	if (unlikely((req->ptr & 7) == MMU_MACHPHYS_UPDATE)) {
		rc = machphys_update(c->frames, req->ptr, req->val);
		*done = !rc;
		return rc;
	}
	rc = pt_update_batch(c, req, n, done);
	return rc || *done ? rc : -ENOSYS;
}

static int updates_apply(const struct pt_context *c, gvaddr_t reqs, unsigned count, unsigned *done) {
	unsigned at_most = MIN(CHUNK, hypercall_preempt_units);
	int rc = giveup_finish(c->giver);

	while (!rc && *done < count) {
		struct mmu_update req[CHUNK];
		unsigned n = MIN(count - *done, at_most);

		if (copy_from_guest(req, guest_at(reqs, *done, sizeof(*req)), n * sizeof(*req))) return -EFAULT;
		for (unsigned i = 0, some; i < n && !rc; i += some, *done += some)
			rc = requests_apply(c, req + i, n - i, &some);
		this_cpu()->preempt_budget += n;
		if (!rc && (*done < count || c->giver->table_giveup) && hypercall_preempt()) rc = -ERESTART;
	}
	/* what the last request gave up is part of this hypercall */
	return rc ? rc : giveup_finish(c->giver);
}

/* One request of the caller's on itself, the commonest call. */
static __noinline long update_one(uint64_t req_at) {
	struct vcpu *v = current;
	struct pt_context c = { v->domain, v->domain->id, v->domain, v, v->domain->id };
	struct mmu_update req;
	int rc;

	if (copy_from_guest(&req, gvaddr(req_at), sizeof(req))) return -EFAULT;
	if (unlikely((req.ptr & 7) == MMU_MACHPHYS_UPDATE)) return machphys_update(c.frames, req.ptr, req.val);
	rc = pt_update_one(&c, req.ptr, req.val);
	if (unlikely(rc == -ERESTART))
		return hypercall_restart(__HYPERVISOR_mmu_update, 4, req_at, (uint64_t)1, (uint64_t)0,
					 (uint64_t)DOMID_SELF);
	/* what it gave up is finished by a call with no requests */
	if (unlikely(v->table_giveup) && table_giveup_finish(v))
		return hypercall_restart(__HYPERVISOR_mmu_update, 4, req_at, (uint64_t)0, (uint64_t)0,
					 (uint64_t)DOMID_SELF);
	return rc;
}

static __noinline HYPERCALL(updates) {
	static const struct pt_array call = { __HYPERVISOR_mmu_update, sizeof(struct mmu_update), updates_apply };

	return pt_array_call(&call, a1, a2, a3, a4);
}

HYPERCALL(do_mmu_update) {
	if (likely((uint32_t)a2 == 1 && !a3 && (uint32_t)a4 == DOMID_SELF) && likely(!current->table_giveup))
		return update_one(a1);
	return updates(a1, a2, a3, a4, a5, a6);
}
