/* SPDX-License-Identifier: MIT */
/*
 * Device memory, I/O ports and interrupt lines: who may use what.
 *
 * dom0 may use everything except what ring 0 reserved for itself at boot; another domain what a
 * domctl gave it, never what is reserved. A domain's ranges are in no order; no two overlap or touch.
 */
#include "domain.h"
#include "frame.h"
#include "irq.h"

/* [first, end) */
struct permit_range {
	struct permit_range *next;
	uint64_t first, end;
};

static struct permit_range *reserved[PERMIT_KINDS]; /* made at boot, const after */

void permit_reserve(enum permit kind, uint64_t first, uint64_t n) {
	struct permit_range *r = heap_alloc(sizeof(*r));

	CHECK(r);
	*r = (struct permit_range){ reserved[kind], first, first + n };
	reserved[kind] = r;
}

bool permit_exists(enum permit kind, uint64_t first, uint64_t n) {
	uint64_t limit = kind == PERMIT_PORT ? 65536 : kind == PERMIT_GSI ? arch_gsi_count() : UINT64_MAX;

	return n && first < limit && n <= limit - first;
}

static bool is_reserved(enum permit kind, uint64_t first, uint64_t end) {
	for (const struct permit_range *r = reserved[kind]; r; r = r->next)
		if (first < r->end && end > r->first) return true;
	return false;
}

/* All of it is in the domain's ranges: in one, as they do not touch. */
static __noinline bool is_granted(struct domain *d, enum permit kind, uint64_t first, uint64_t end) {
	SPIN_GUARD(&d->permit_lock);

	for (const struct permit_range *r = d->permits[kind]; r; r = r->next)
		if (r->first <= first && end <= r->end) return true;
	return false;
}

bool permitted(const struct domain *d, enum permit kind, uint64_t first, uint64_t n) {
	if (!permit_exists(kind, first, n) || is_reserved(kind, first, first + n)) return false;
	if (kind == PERMIT_MMIO && first + n > frame_limit) return false;
	if (d->privileged) return true;
	return READ_ONCE(d->permits[kind]) && is_granted((struct domain *)d, kind, first, first + n);
}

/* Take [first, end) out of a list. A range that sticks out on both sides needs *spare for its upper
 * part; there is at most one such. */
static void range_cut(struct permit_range **at, uint64_t first, uint64_t end, struct permit_range **spare) {
	struct permit_range *r;

	while ((r = *at)) {
		bool below = r->first < first;
		bool above = r->end > end;

		if (r->end <= first || r->first >= end) {
			at = &r->next;
		} else if (below && above) {
			**spare = (struct permit_range){ r->next, end, r->end };
			r->next = *spare;
			r->end = first;
			*spare = NULL;
		} else if (below) {
			r->end = first;
		} else if (above) {
			r->first = end;
		} else {
			*at = r->next;
			heap_free(r);
		}
	}
}

int permit_set(struct domain *d, enum permit kind, uint64_t first, uint64_t n, bool allow) {
	struct permit_range *fresh;
	uint64_t end = first + n;

	if (!permit_exists(kind, first, n) || (allow && is_reserved(kind, first, end))) return -EINVAL;
	fresh = heap_alloc(sizeof(*fresh)); /* a range more, or a spare to cut with */
	if (!fresh) return -ENOMEM;
	spin_lock(&d->permit_lock);
	for (const struct permit_range *r = d->permits[kind]; allow && r; r = r->next)
		if (r->first <= end && first <= r->end) {
			first = MIN(first, r->first);
			end = MAX(end, r->end);
		}
	range_cut(&d->permits[kind], first, end, &fresh);
	if (allow) {
		/* It takes the place of all that it overlaps or touches. */
		*fresh = (struct permit_range){ d->permits[kind], first, end };
		d->permits[kind] = fresh;
		fresh = NULL;
	}
	spin_unlock(&d->permit_lock);
	heap_free(fresh);
	return 0;
}

void permits_free(struct domain *d) {
	for (unsigned kind = 0; kind < PERMIT_KINDS; kind++)
		range_cut(&d->permits[kind], 0, UINT64_MAX, NULL); /* nothing sticks out */
}
