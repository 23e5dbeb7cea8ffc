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
static int requests_apply(const struct pt_context *c, const struct mmu_update *req, unsigned n,
			  unsigned *done) {
	int rc;

	*done = 0;
	if (likely((req->ptr & 7) == MMU_NORMAL_PT_UPDATE) || (req->ptr & 7) == MMU_PT_UPDATE_PRESERVE_AD ||
	    (req->ptr & 7) == MMU_PT_UPDATE_NO_TRANSLATE)
		return pt_update_batch(c, req, n, done);
	if ((req->ptr & 7) != MMU_MACHPHYS_UPDATE) return -ENOSYS;
	rc = machphys_update(c->frames, req->ptr, req->val);
	*done = !rc;
	return rc;
}

static int chunk_apply(const struct pt_context *c, const struct mmu_update *req, unsigned n, unsigned *done) {
	int rc = 0;

	*done = 0;
	while (*done < n && !rc) {
		unsigned some;

		rc = giveup_finish(c->giver);
		if (rc) break;
		rc = requests_apply(c, req + *done, n - *done, &some);
		*done += some;
	}
	return rc;
}

/* 0, an error at request *done, or -ERESTART. */
static int updates_apply(const struct pt_context *c, gvaddr_t reqs, unsigned count, unsigned *done) {
	unsigned at_most = MIN(CHUNK, hypercall_preempt_units);
	int rc = giveup_finish(c->giver);

	*done = 0;
	while (!rc && *done < count) {
		struct mmu_update req[CHUNK];
		unsigned n = MIN(count - *done, at_most), some;

		if (copy_from_guest(req, guest_at(reqs, *done, sizeof(*req)), n * sizeof(*req)))
			return -EFAULT;
		rc = chunk_apply(c, req, n, &some);
		*done += some;
		this_cpu()->preempt_budget += some;
		if (!rc && (*done < count || c->giver->table_giveup) && hypercall_preempt()) rc = -ERESTART;
	}
	/* what the last request gave up is part of this hypercall */
	return rc ? rc : giveup_finish(c->giver);
}

static long updates(uint64_t reqs, uint64_t count, uint64_t pdone, uint64_t foreigndom) {
	struct batch_progress p;
	struct pt_targets t;
	unsigned done;
	int rc = batch_begin(&p, count, pdone);

	if (!rc) rc = pt_targets_get(&t, current, (uint32_t)foreigndom);
	if (rc) return rc;
	rc = updates_apply(&t.c, gvaddr(reqs), p.count, &done);
	pt_targets_put(&t);
	if (rc == -ERESTART)
		return batch_restart(&p, __HYPERVISOR_mmu_update,
				     guest_at(gvaddr(reqs), done, sizeof(struct mmu_update)), done,
				     foreigndom);
	return batch_end(&p, done, rc);
}

/* One request of the caller's on itself, the commonest call. */
static long update_one(uint64_t req_at) {
	struct vcpu *v = current;
	struct pt_context c = { v->domain, v->domain->id, v->domain, v, v->domain->id };
	struct mmu_update req;
	int rc;

	if (copy_from_guest(&req, gvaddr(req_at), sizeof(req))) return -EFAULT;
	if (unlikely((req.ptr & 7) == MMU_MACHPHYS_UPDATE))
		return machphys_update(c.frames, req.ptr, req.val);
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

HYPERCALL(do_mmu_update) {
	if (likely((uint32_t)a2 == 1 && !a3 && (uint32_t)a4 == DOMID_SELF) && likely(!current->table_giveup))
		return update_one(a1);
	return updates(a1, a2, a3, a4);
}
