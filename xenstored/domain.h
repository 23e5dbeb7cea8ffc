/* SPDX-License-Identifier: MIT */
/* Domains: what they own, and what happens when they come and go. */
#pragma once

#include "machine.h"

/* The record of a domain, made if it is not known; NULL only without memory. */
struct domain *domain_get(struct machine *m, unsigned domid);
struct domain *domain_find(const struct machine *m, unsigned domid);
/*
 * Attach a domain's ring: 0, -EINVAL (it cannot be mapped, nothing changed) or -ENOMEM.
 * A domain that is attached already is attached anew with an empty connection.
 */
int domain_introduce(struct machine *m, unsigned domid, uint64_t gfn, uint32_t port);
/* Forget a domain: its connection, its nodes, its name in every permission list. */
void domain_release(struct machine *m, unsigned domid);
/* For the tree: keep the books. */
void domain_account(void *machine, unsigned domid, int nodes, long bytes);
