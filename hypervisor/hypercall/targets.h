/* SPDX-License-Identifier: MIT */
/* Shared by the page-table hypercalls: whom `foreigndom` names, and progress across restarts. */
#pragma once

#include "frame.h"
#include "hypercall.h"

/* The domains of foreigndom, with references where they are not the caller. */
struct pt_targets {
	struct pt_context c;
	struct domain *held[2];
};
int pt_targets_get_foreign(struct pt_targets *t, uint32_t foreigndom) __must_check;
void pt_targets_put_foreign(struct pt_targets *t);

/* 0, -ESRCH, -EPERM. */
static inline int pt_targets_get(struct pt_targets *t, struct vcpu *v, uint32_t foreigndom) {
	t->c = (struct pt_context){ v->domain, v->domain->id, v->domain, v, v->domain->id };
	t->held[0] = t->held[1] = NULL;
	return likely(foreigndom == DOMID_SELF) ? 0 : pt_targets_get_foreign(t, foreigndom);
}
static inline void pt_targets_put(struct pt_targets *t) {
	if (unlikely(t->held[0] || t->held[1])) pt_targets_put_foreign(t);
}
/* table_giveup_finish() where there rarely is anything to finish. */
static inline int giveup_finish(struct vcpu *v) { return likely(!v->table_giveup) ? 0 : table_giveup_finish(v); }

/*
 * A page-table hypercall on an array: `apply` does elements from the first on, *done (0 at first) of
 * them. 0, an error at element *done, -ERESTART.
 */
struct pt_array {
	unsigned op;
	size_t size; /* of an element */
	int (*apply)(const struct pt_context *c, gvaddr_t array, unsigned count, unsigned *done);
};
#define ARRAY_RESUMED 0x80000000u
/* Carry it out with the hypercall's arguments: `pdone` is where the guest wants the number done, 0: not.
 * In line, as the hypercalls are fast paths. */
static __always_inline long pt_array_call(const struct pt_array *call, uint64_t array, uint64_t count, uint64_t pdone,
					  uint64_t foreigndom) {
	unsigned n = (uint32_t)count & ~ARRAY_RESUMED, total = 0, done = 0;
	struct pt_targets t;
	int rc;

	if (unlikely(count & ARRAY_RESUMED) && pdone && copy_from_guest(&total, gvaddr(pdone), sizeof(total)))
		return -EFAULT;
	rc = pt_targets_get(&t, current, (uint32_t)foreigndom);
	if (likely(!rc)) {
		rc = call->apply(&t.c, gvaddr(array), n, &done);
		total += done;
		if (pdone && copy_to_guest(gvaddr(pdone), &total, sizeof(total))) rc = -EFAULT;
	}
	pt_targets_put(&t);
	if (likely(rc != -ERESTART)) return rc;
	return hypercall_restart(call->op, 4, array + done * call->size, (uint64_t)((n - done) | ARRAY_RESUMED), pdone,
				 foreigndom);
}
