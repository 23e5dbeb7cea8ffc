/* SPDX-License-Identifier: MIT */
/* Sets of CPUs, as in "0-3,^2" or "all". */
#ifndef TL_CPUSET_H
#define TL_CPUSET_H

#include <stddef.h>
#include <stdint.h>

#define TL_CPUS_MAX 512

struct tl_cpuset {
	uint8_t bits[TL_CPUS_MAX / 8];
};

/* Returns 0 or -EINVAL. "all" is every CPU; "^" takes CPUs away from what came before. */
int tl_cpuset_parse(const char *text, struct tl_cpuset *set);

/* The shortest text for a set, "all" when it holds the first n CPUs. */
void tl_cpuset_format(const struct tl_cpuset *set, unsigned n, char *out, size_t size);

static inline int tl_cpuset_has(const struct tl_cpuset *s, unsigned cpu) {
	return cpu < TL_CPUS_MAX && s->bits[cpu / 8] >> cpu % 8 & 1;
}

#endif
