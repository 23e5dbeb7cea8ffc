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
/* 0, -ESRCH, -EPERM. */
int pt_targets_get(struct pt_targets *t, uint32_t foreigndom) __must_check;
void pt_targets_put(struct pt_targets *t);

/* An array hypercall's count and how many elements earlier pieces of it have done. */
struct batch_progress {
	unsigned count, before;
	gvaddr_t pdone;
};
/* 0, -EFAULT. */
int batch_begin(struct batch_progress *p, uint64_t count, uint64_t pdone) __must_check;
/* Issue the rest again: `array` is where it starts, `done` elements went now. -ERESTART, -EFAULT. */
long batch_restart(struct batch_progress *p, unsigned op, gvaddr_t array, unsigned done,
		   uint64_t foreigndom);
/* Store the number done in all and return rc. */
long batch_end(const struct batch_progress *p, unsigned done, int rc);

#endif
