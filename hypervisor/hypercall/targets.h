/* SPDX-License-Identifier: MIT */
/* Shared by the page-table hypercalls: whom `foreigndom` names, and progress across restarts. */
#ifndef TENON_HYPERCALL_TARGETS_H
#define TENON_HYPERCALL_TARGETS_H

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
static inline int giveup_finish(struct vcpu *v) {
	return likely(!v->table_giveup) ? 0 : table_giveup_finish(v);
}

/* An array hypercall's count and how many elements earlier pieces of it have done. */
struct batch_progress {
	unsigned count, before;
	gvaddr_t pdone;
};
#define BATCH_RESUMED 0x80000000u
int batch_resume(struct batch_progress *p) __must_check;
/* 0, -EFAULT. */
static inline int batch_begin(struct batch_progress *p, uint64_t count, uint64_t pdone) {
	*p = (struct batch_progress){ .count = (uint32_t)count, .pdone = gvaddr(pdone) };
	return likely(!(p->count & BATCH_RESUMED)) ? 0 : batch_resume(p);
}
/* Issue the rest again: `array` is where it starts, `done` elements went now. -ERESTART, -EFAULT. */
long batch_restart(struct batch_progress *p, unsigned op, gvaddr_t array, unsigned done, uint64_t foreigndom);
int batch_done_store(const struct batch_progress *p, unsigned done) __must_check;
/* Store the number done in all and return rc. */
static inline long batch_end(const struct batch_progress *p, unsigned done, int rc) {
	return p->pdone.a && batch_done_store(p, done) ? -EFAULT : rc;
}

#endif
