/* SPDX-License-Identifier: MIT */
/*
 * Device memory and I/O ports: who may use what.
 *
 * dom0 may use everything except what ring 0 reserved for itself at boot; another domain what a
 * domctl gave it, never what is reserved. A domain's ranges are disjoint and in no order; two may
 * touch. (Interrupt lines are in irq/pirq.c.)
 */
#include "domain.h"
#include "frame.h"

/* [first, end) */
struct permit_range {
	struct permit_range *next;
	uint64_t first, end;
};

#define RESERVED_MAX 32
/* written at boot, const after: */
static struct {
	enum permit kind;
	uint64_t first, end;
} reserved[RESERVED_MAX];
static unsigned reserved_count;

static const uint64_t permit_limit[PERMIT_KINDS] = { [PERMIT_MMIO] = UINT64_MAX, [PERMIT_PORT] = 65536 };

void permit_reserve(enum permit kind, uint64_t first, uint64_t n) {
	CHECK(reserved_count < RESERVED_MAX);
	reserved[reserved_count].kind = kind;
	reserved[reserved_count].first = first;
	reserved[reserved_count++].end = first + n;
}

static bool in_range(enum permit kind, uint64_t first, uint64_t n) {
	return n && first < permit_limit[kind] && n <= permit_limit[kind] - first;
}

static bool is_reserved(enum permit kind, uint64_t first, uint64_t end) {
	for (unsigned i = 0; i < reserved_count; i++)
		if (reserved[i].kind == kind && first < reserved[i].end && end > reserved[i].first)
			return true;
	return false;
}

bool permitted(const struct domain *d, enum permit kind, uint64_t first, uint64_t n) {
	struct spinlock *lock = &((struct domain *)d)->permit_lock;
	uint64_t end = first + n;

	if (!in_range(kind, first, n) || is_reserved(kind, first, end)) return false;
	if (d->privileged) return true;
	if (!READ_ONCE(d->permits[kind])) return false;
	spin_lock(lock);
	for (const struct permit_range *r = d->permits[kind]; r && first < end;) {
		bool more = r->first <= first && first < r->end;

		first = more ? r->end : first;
		r = more ? d->permits[kind] : r->next;
	}
	spin_unlock(lock);
	return first >= end;
}

/* Take [first, end) out of a list. A range that sticks out on both sides needs *spare for its upper
 * part; there is at most one such. */
static void range_cut(struct permit_range **at, uint64_t first, uint64_t end, struct permit_range **spare) {
	struct permit_range *r;

	while ((r = *at)) {
		bool below = r->first<first, above = r->end> end;

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
	struct permit_range *spare, *added = NULL;

	if (!in_range(kind, first, n) || (allow && is_reserved(kind, first, first + n))) return -EINVAL;
	spare = heap_alloc(sizeof(*spare));
	if (spare && allow) added = heap_alloc(sizeof(*added));
	if (!spare || (allow && !added)) {
		heap_free(spare);
		return -ENOMEM;
	}
	spin_lock(&d->permit_lock);
	range_cut(&d->permits[kind], first, first + n, &spare);
	if (allow) {
		*added = (struct permit_range){ d->permits[kind], first, first + n };
		d->permits[kind] = added;
	}
	spin_unlock(&d->permit_lock);
	heap_free(spare);
	return 0;
}

void permits_free(struct domain *d) {
	struct permit_range *r;

	for (unsigned kind = 0; kind < PERMIT_KINDS; kind++) {
		while ((r = d->permits[kind])) {
			d->permits[kind] = r->next;
			heap_free(r);
		}
	}
}
