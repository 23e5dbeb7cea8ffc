/* SPDX-License-Identifier: MIT */
/* Grant tables: a domain's shared entries, and what it has mapped of others. See grant/grant.c. */
#ifndef TENON_GRANT_H
#define TENON_GRANT_H

#include "domain.h"

int grant_domain_create(struct domain *d, unsigned max_frames, unsigned max_maptrack,
			unsigned version) __must_check;
/* Undo all mappings that d holds of others' pages; -ERESTART when preempted. */
int grant_domain_destroy(struct domain *d) __must_check;
void grant_domain_free(struct domain *d);
/* The guest cleared or replaced an L1 entry that a grant mapping made: called by mm with the old
 * entry's frame. */
struct frame;

#endif
