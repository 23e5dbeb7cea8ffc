/* SPDX-License-Identifier: MIT */
/* See cpuset.h. */
#include "cpuset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct tl_cpuset *s, unsigned from, unsigned to, int on) {
	for (; from <= to; from++) {
		if (on)
			s->bits[from / 8] |= 1 << from % 8;
		else
			s->bits[from / 8] &= ~(1 << from % 8);
	}
}

static int cpu_number(const char **text, unsigned *n) {
	char *end;

	if (!isdigit((unsigned char)**text)) return -EINVAL;
	*n = strtoul(*text, &end, 10);
	*text = end;
	return *n < TL_CPUS_MAX ? 0 : -EINVAL;
}

static void put_nodes(struct tl_cpuset *s, const struct tl_nodes *nodes, unsigned from, unsigned to, int on) {
	unsigned cpu;

	for (cpu = 0; nodes && cpu < TL_CPUS_MAX; cpu++)
		if (nodes->of[cpu] >= from && nodes->of[cpu] <= to) put(s, cpu, cpu, on);
}

/* One of "node:" and "nodes:" is skipped. */
static int is_nodes(const char **text) {
	size_t n = strncmp(*text, "nodes:", 6) == 0 ? 6 : strncmp(*text, "node:", 5) == 0 ? 5 : 0;

	*text += n;
	return n > 0;
}

/* One item: [^](all | [node:|nodes:] (N | N-M)). */
static int item(const char **text, const struct tl_nodes *nodes, struct tl_cpuset *set) {
	unsigned from, to;
	int of_nodes;
	int on = 1;

	if (**text == '^') {
		on = 0;
		++*text;
	}
	if (strncmp(*text, "all", 3) == 0) {
		*text += 3;
		put(set, 0, TL_CPUS_MAX - 1, on);
		return 0;
	}
	of_nodes = is_nodes(text);
	if (cpu_number(text, &from)) return -EINVAL;
	to = from;
	if (**text == '-') {
		++*text;
		if (cpu_number(text, &to) || to < from) return -EINVAL;
	}
	if (of_nodes)
		put_nodes(set, nodes, from, to, on);
	else
		put(set, from, to, on);
	return 0;
}

int tl_cpuset_narrow(struct tl_cpuset *set, const struct tl_cpuset *mask) {
	uint8_t left = 0;
	size_t i;

	for (i = 0; i < sizeof(set->bits); i++) left |= set->bits[i] &= mask->bits[i];
	return left ? 0 : -EINVAL;
}

int tl_cpuset_parse(const char *text, const struct tl_nodes *nodes, struct tl_cpuset *set) {
	memset(set, 0, sizeof(*set));
	for (;;) {
		while (isspace((unsigned char)*text)) text++;
		if (item(&text, nodes, set)) return -EINVAL;
		while (isspace((unsigned char)*text)) text++;
		if (!*text) return 0;
		if (*text++ != ',') return -EINVAL;
	}
}

void tl_cpuset_format(const struct tl_cpuset *set, unsigned n, char *out, size_t size) {
	unsigned i, end, all = 1;
	size_t len = 0;

	for (i = 0; i < n; i++) all &= tl_cpuset_has(set, i);
	out[0] = 0;
	if (all) {
		snprintf(out, size, "all");
		return;
	}
	for (i = 0; i < TL_CPUS_MAX && len < size; i = end) {
		for (end = i; tl_cpuset_has(set, end); end++)
			;
		if (end == i) {
			end++;
			continue;
		}
		len += snprintf(out + len, size - len, end - i > 1 ? "%s%u-%u" : "%s%u", len ? "," : "", i, end - 1);
	}
}
