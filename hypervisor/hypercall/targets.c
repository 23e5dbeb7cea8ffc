/* SPDX-License-Identifier: MIT */
/*
 * foreigndom of mmu_update and mmuext_op: low half the owner of mapped frames (FD), high half the
 * owner of the tables plus one (0: the caller). And the `done` count of a preempted array: the
 * restarted call has ARRAY_RESUMED in its count and finds what went before at pdone, if the guest
 * wants it at all. A guest that sets the bit itself only starts its own count elsewhere.
 */
#include "targets.h"

static int frames_owner(struct pt_targets *t, domid_t id) {
	int rc;

	if (id == DOMID_IO || id == DOMID_XEN) {
		t->c.frames = id;
		return current->domain->privileged ? 0 : -EPERM;
	}
	if (id == DOMID_SELF) return 0;
	/* who names himself as a foreigner is refused, as by stock Xen */
	if (id == current->domain->id) return -ESRCH;
	rc = domain_find_controlled(id, &t->held[0]);
	if (rc) return rc;
	t->c.io = t->held[0];
	t->c.frames = id;
	return 0;
}

int pt_targets_get_foreign(struct pt_targets *t, uint32_t foreigndom) {
	uint16_t tables = (uint16_t)(foreigndom >> 16);
	int rc = frames_owner(t, (uint16_t)foreigndom);

	if (!rc && tables) rc = domain_find_controlled((uint16_t)(tables - 1), &t->held[1]);
	if (!rc && tables) t->c.d = t->held[1];
	t->c.plain = t->c.frames == t->c.d->id ? t->c.frames : DOMID_INVALID;
	return rc;
}

void pt_targets_put_foreign(struct pt_targets *t) {
	domain_ref_end(&t->held[0]);
	domain_ref_end(&t->held[1]);
}
