/* SPDX-License-Identifier: MIT */
/*
 * foreigndom of mmu_update and mmuext_op: low half the owner of mapped frames (FD), high half the
 * owner of the tables plus one (0: the caller). And the `done` count of a preempted array: the
 * restarted call has RESUMED in its count and finds what went before at pdone, if the guest wants
 * it at all. A guest that sets the bit itself only starts its own count elsewhere.
 */
#include "targets.h"

#define RESUMED 0x80000000u

static int domain_named(domid_t id, struct domain **held, struct domain **out)
{
	struct domain *d;
	int rc;

	if (id == DOMID_SELF || id == current->domain->id) {
		*out = current->domain;
		return 0;
	}
	rc = domain_find(id, &d);
	if (rc)
		return rc;
	rc = domain_may_control(d);
	if (rc) {
		domain_put(d);
		return rc;
	}
	*out = *held = d;
	return 0;
}

static int frames_owner(struct pt_targets *t, domid_t id)
{
	int rc;

	if (id == DOMID_IO || id == DOMID_XEN) {
		t->c.frames = id;
		return id == DOMID_IO || current->domain->privileged ? 0 : -EPERM;
	}
	rc = domain_named(id, &t->held[0], &t->c.io);
	if (!rc)
		t->c.frames = t->c.io->id;
	return rc;
}

int pt_targets_get(struct pt_targets *t, uint32_t foreigndom)
{
	struct domain *d = current->domain;
	uint16_t tables = (uint16_t)(foreigndom >> 16);
	int rc = 0;

	*t = (struct pt_targets){ .c = { d, d->id, d, current } };
	if (likely(foreigndom == DOMID_SELF))
		return 0;
	rc = frames_owner(t, (uint16_t)foreigndom);
	if (!rc && tables)
		rc = domain_named((uint16_t)(tables - 1), &t->held[1], &t->c.d);
	if (rc)
		pt_targets_put(t);
	return rc;
}

void pt_targets_put(struct pt_targets *t)
{
	for (unsigned i = 0; i < ARRAY_SIZE(t->held); i++)
		if (t->held[i])
			domain_put(t->held[i]);
}

int batch_begin(struct batch_progress *p, uint64_t count, uint64_t pdone)
{
	*p = (struct batch_progress){ .count = (uint32_t)count, .pdone = gvaddr(pdone) };
	if (likely(!(p->count & RESUMED)))
		return 0;
	p->count &= ~RESUMED;
	if (pdone && copy_from_guest(&p->before, p->pdone, sizeof(p->before)))
		return -EFAULT;
	return 0;
}

static int done_store(const struct batch_progress *p, unsigned done)
{
	unsigned total = p->before + done;

	return p->pdone.a ? copy_to_guest(p->pdone, &total, sizeof(total)) : 0;
}

long batch_restart(struct batch_progress *p, unsigned op, gvaddr_t array, unsigned done,
		   uint64_t foreigndom)
{
	if (done_store(p, done))
		return -EFAULT;
	return hypercall_restart(op, 4, array.a, (uint64_t)((p->count - done) | RESUMED),
				 p->pdone.a, foreigndom);
}

long batch_end(const struct batch_progress *p, unsigned done, int rc)
{
	return done_store(p, done) ? -EFAULT : rc;
}
