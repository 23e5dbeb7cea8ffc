/* SPDX-License-Identifier: MIT */
#include "quota.h"

#include <string.h>

#include "log.h"

static const struct {
	const char *name;
	uint32_t def;
	const char *help;
} quota_table[QUOTA_COUNT] = {
	[QUOTA_NODES] = { "nodes", 1000, "Nodes per domain" },
	[QUOTA_WATCHES] = { "watches", 128, "Watches per domain" },
	[QUOTA_TRANSACTIONS] = { "transactions", 10, "Transactions per domain" },
	[QUOTA_OUTSTANDING] = { "outstanding", 20, "Outstanding requests per domain" },
	[QUOTA_TX_NODES] = { "transaction-nodes", 1024, "Max. number of accessed nodes per transaction" },
	[QUOTA_MEMORY] = { "memory", 2621440, "Total Xenstore memory per domain (error level)" },
	[QUOTA_NODE_SIZE] = { "node-size", 2048, "Max. size of a node" },
	[QUOTA_PATH_MAX] = { "path-max", 2048, "Max. length of a node path" },
	[QUOTA_PERMS] = { "permissions", 5, "Max. number of permissions per node" },
};

void quota_defaults(uint32_t quota[QUOTA_COUNT]) {
	for (int i = 0; i < QUOTA_COUNT; i++) quota[i] = quota_table[i].def;
}

const char *quota_name(enum quota_id q) { return quota_table[q].name; }

const char *quota_help(enum quota_id q) { return quota_table[q].help; }

enum quota_id quota_find(const char *name, size_t len) {
	enum quota_id q;

	for (q = 0; q < QUOTA_COUNT; q++)
		if (strlen(quota_table[q].name) == len && !memcmp(quota_table[q].name, name, len)) break;
	return q;
}

uint32_t quota_limit(const struct machine *m, const struct domain *d, enum quota_id q) {
	return d->quota[q] == QUOTA_INHERIT ? m->quota[q] : d->quota[q];
}

bool quota_allows(struct machine *m, struct domain *d, enum quota_id q, uint64_t value) {
	uint32_t limit = quota_limit(m, d, q);

	if (d->domid == 0 || limit == 0 || value <= limit) return true;
	if (log_worth(++d->hits[q]))
		log_warn("domain %u: quota \"%s\" hit: %llu wanted, %u allowed (refused %u times)", d->domid,
			 quota_table[q].name, (unsigned long long)value, limit, d->hits[q]);
	return false;
}
