/* SPDX-License-Identifier: MIT */
/*
 * Quotas: one table of names, defaults and meanings. Domain 0 is exempt, 0 means unlimited. A
 * refusal is counted per domain and quota (CONTROL "quota <domid>" shows it) and logged with both
 * names - the first one, and then each time the count has doubled, so that a flood of refusals
 * does not become a flood of log lines.
 */
#pragma once

#include "machine.h"

void quota_defaults(uint32_t quota[QUOTA_COUNT]);
const char *quota_name(enum quota_id q);
const char *quota_help(enum quota_id q);
/* The quota of that name, or QUOTA_COUNT. */
enum quota_id quota_find(const char *name, size_t len);
/* The limit in force for a domain; 0 is unlimited. */
uint32_t quota_limit(const struct machine *m, const struct domain *d, enum quota_id q);
/* Whether the domain may use `value` of it; a refusal is counted and logged. */
bool quota_allows(struct machine *m, struct domain *d, enum quota_id q, uint64_t value);
