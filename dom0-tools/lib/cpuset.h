/* SPDX-License-Identifier: MIT */
/* Sets of CPUs, as in "0-3,^2", "all" or "nodes:0-1,^node:0". */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TL_CPUS_MAX 512

struct tl_cpuset {
	uint8_t bits[TL_CPUS_MAX / 8];
};

/* The NUMA node of each CPU; TL_NO_NODE: there is no such CPU. */
#define TL_NO_NODE UINT32_MAX
struct tl_nodes {
	uint32_t of[TL_CPUS_MAX];
};

/*
 * Returns 0 or -EINVAL. "all" is every CPU; "^" takes CPUs away from what came before; "node:" or "nodes:"
 * stands for the CPUs of nodes. Without `nodes` their numbers are only checked.
 */
int tl_cpuset_parse(const char *text, const struct tl_nodes *nodes, struct tl_cpuset *set);

/* Leave those that are in `mask` too. Returns 0 or -EINVAL: none is left. */
int tl_cpuset_narrow(struct tl_cpuset *set, const struct tl_cpuset *mask);

/* The shortest text for a set, "all" when it holds the first n CPUs. */
void tl_cpuset_format(const struct tl_cpuset *set, unsigned n, char *out, size_t size);

static inline int tl_cpuset_has(const struct tl_cpuset *s, unsigned cpu) {
	return cpu < TL_CPUS_MAX && s->bits[cpu / 8] >> cpu % 8 & 1;
}
