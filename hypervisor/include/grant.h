/* SPDX-License-Identifier: MIT */
/* Grant tables: a domain's shared entries, and what it has mapped of others. See grant/grant.c. */
#pragma once

#include "domain.h"

/* 0, -EINVAL, -ENOMEM; grant_domain_free() is to follow also then if there is a d->grant. */
int grant_domain_create(struct domain *d, unsigned max_frames, unsigned max_maptrack, unsigned version) __must_check;
/* Undo all mappings that d holds of others' pages; -ERESTART when preempted. */
int grant_domain_destroy(struct domain *d) __must_check;
void grant_domain_free(struct domain *d);

/* Have at least this many frames. 0, -EINVAL (above the limit), -ENOMEM. */
int grant_resize(struct domain *d, unsigned nr_frames) __must_check;
/* Machine frame i of the table or of its status pages (version 2). 0, -EINVAL. */
int grant_frame(struct domain *d, bool status, unsigned i, mfn_t *out) __must_check;
/* The same, growing the table if it is shorter (XENMEM_acquire_resource). 0, -EINVAL, -ENOMEM. */
int grant_frame_grow(struct domain *d, bool status, uint64_t i, mfn_t *out) __must_check;
unsigned grant_frame_limit(const struct domain *d, bool status);
/* GNTTABOP_set_version. 0, -EINVAL, -EBUSY (an entry is in use), -ENOMEM. */
int grant_set_version(struct domain *d, unsigned version) __must_check;
/* Print the table's state (debug key). */
void grant_show(struct domain *d);
