/* SPDX-License-Identifier: MIT */
/*
 * Device memory, I/O ports and interrupt lines: who may use what.
 *
 * dom0 may use everything except what ring 0 reserved for itself at boot; another domain what a
 * domctl gave it, never what is reserved. Ranges are kept in lists sorted by address, disjoint and
 * not touching; ports in a bitmap.
 */
#include "domain.h"
#include "frame.h"

#define NR_PORTS 65536

/* Frames [first, end). */
struct mfn_range {
	struct mfn_range *next;
	uint64_t first, end;
};

#define RESERVED_MAX 32
/* written at boot, const after: */
static struct { uint64_t first, end; } mmio_reserved[RESERVED_MAX], port_reserved[RESERVED_MAX];
static unsigned mmio_reserved_count, port_reserved_count;

void iomem_reserve(mfn_t first, unsigned long n) {
	CHECK(mmio_reserved_count < RESERVED_MAX);
	mmio_reserved[mmio_reserved_count].first = mfn_x(first);
	mmio_reserved[mmio_reserved_count++].end = mfn_x(first) + n;
}

void ioport_reserve(unsigned first, unsigned n) {
	CHECK(port_reserved_count < RESERVED_MAX);
	port_reserved[port_reserved_count].first = first;
	port_reserved[port_reserved_count++].end = first + n;
}

static bool mmio_is_reserved(uint64_t first, uint64_t end) {
	for (unsigned i = 0; i < mmio_reserved_count; i++)
		if (first < mmio_reserved[i].end && end > mmio_reserved[i].first) return true;
	return false;
}

static bool port_is_reserved(unsigned first, unsigned end) {
	for (unsigned i = 0; i < port_reserved_count; i++)
		if (first < port_reserved[i].end && end > port_reserved[i].first) return true;
	return false;
}

/* -- device memory -- */

bool iomem_allowed(const struct domain *d, mfn_t first, unsigned long n) {
	struct spinlock *lock = &((struct domain *)d)->iomem_lock;
	uint64_t start = mfn_x(first), end = start + n;
	bool found = false;

	if (end < start || mmio_is_reserved(start, end)) return false;
	if (d->privileged) return true;
	if (!READ_ONCE(d->iomem)) return false;
	spin_lock(lock);
	for (const struct mfn_range *r = d->iomem; r && !found; r = r->next)
		found = start >= r->first && end <= r->end;
	spin_unlock(lock);
	return found;
}

/* Take [first, end) out of the list. A range that sticks out on both sides needs *spare for its
 * upper part. */
static void range_cut(struct mfn_range **at, uint64_t first, uint64_t end, struct mfn_range **spare) {
	struct mfn_range *r, *upper;

	while ((r = *at)) {
		if (r->end > first && r->first < end) {
			if (r->first < first && r->end > end) {
				upper = *spare;
				*spare = NULL;
				*upper = (struct mfn_range){ r->next, end, r->end };
				r->next = upper;
				r->end = first;
			} else if (r->first < first) {
				r->end = first;
			} else if (r->end > end) {
				r->first = end;
			} else {
				*at = r->next;
				heap_free(r);
				continue;
			}
		}
		at = &r->next;
	}
}

/* Put [first, end) in, which the list does not overlap, and join it with its neighbours. */
static void range_join(struct mfn_range **at, uint64_t first, uint64_t end, struct mfn_range **spare) {
	struct mfn_range *r;

	while (*at && (*at)->end < first) at = &(*at)->next;
	r = *at;
	if (r && r->end == first) {
		r->end = end;
	} else if (r && r->first == end) {
		r->first = first;
		return;
	} else {
		*at = *spare;
		*spare = NULL;
		**at = (struct mfn_range){ r, first, end };
		return;
	}
	if (r->next && r->next->first == r->end) {
		struct mfn_range *upper = r->next;

		r->end = upper->end;
		r->next = upper->next;
		heap_free(upper);
	}
}

int iomem_permit(struct domain *d, mfn_t first, unsigned long n, bool allow) {
	uint64_t start = mfn_x(first), end = start + n;
	struct mfn_range *spare;

	if (!n || end < start || (allow && mmio_is_reserved(start, end))) return -EINVAL;
	spare = heap_alloc(sizeof(*spare));
	if (!spare) return -ENOMEM;
	spin_lock(&d->iomem_lock);
	range_cut(&d->iomem, start, end, &spare);
	/* One spare is enough: cutting used it only if one range lay around all of this, and then
	 * the new one joins both parts. */
	if (allow) range_join(&d->iomem, start, end, &spare);
	spin_unlock(&d->iomem_lock);
	heap_free(spare);
	return 0;
}

/* -- ports -- */

bool ioport_allowed(const struct domain *d, unsigned port, unsigned bytes) {
	if (!bytes || port >= NR_PORTS || bytes > NR_PORTS - port || port_is_reserved(port, port + bytes))
		return false;
	if (d->privileged) return true;
	if (!d->ioports) return false;
	for (unsigned i = port; i < port + bytes; i++)
		if (!bit_test(i, d->ioports)) return false;
	return true;
}

int ioport_permit(struct domain *d, unsigned first, unsigned n, bool allow) {
	uint8_t *map = d->ioports;

	if (first >= NR_PORTS || n > NR_PORTS - first || (allow && port_is_reserved(first, first + n)))
		return -EINVAL;
	if (!map) {
		if (!allow) return 0;
		map = heap_alloc(NR_PORTS / 8);
		if (!map) return -ENOMEM;
		__atomic_store_n(&d->ioports, map, __ATOMIC_RELEASE);
	}
	for (unsigned i = first; i < first + n; i++) {
		if (allow)
			(void)bit_test_and_set(i, map);
		else
			(void)bit_test_and_clear(i, map);
	}
	return 0;
}

/* -- interrupt lines -- */

bool irq_allowed(const struct domain *d, unsigned irq) {
	return d->privileged || (irq < NR_PERMIT_IRQS && bit_test(irq, d->irqs));
}

int irq_permit(struct domain *d, unsigned irq, bool allow) {
	if (irq >= NR_PERMIT_IRQS) return -EINVAL;
	if (allow)
		(void)bit_test_and_set(irq, d->irqs);
	else
		(void)bit_test_and_clear(irq, d->irqs);
	return 0;
}

void permissions_free(struct domain *d) {
	struct mfn_range *r;

	while ((r = d->iomem)) {
		d->iomem = r->next;
		heap_free(r);
	}
	heap_free(d->ioports);
	d->ioports = NULL;
}
