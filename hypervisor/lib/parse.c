/* SPDX-License-Identifier: MIT */
/* Strings, numbers and sizes in command-line options. */
#include "lib.h"

static int digit(char c, unsigned base) {
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		v = (c | 0x20) - 'a' + 10;
	return v < (int)base ? v : -1;
}

int parse_u64(const char *s, const char **end, uint64_t *out) {
	unsigned base = 10;
	uint64_t v = 0;
	const char *p = s;

	if (p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2], 16) >= 0) {
		base = 16;
		p += 2;
	}
	if (digit(*p, base) < 0) return -EINVAL;
	for (; digit(*p, base) >= 0; p++) {
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, (uint64_t)digit(*p, base), &v))
			return -ERANGE;
	}
	*end = p;
	*out = v;
	return 0;
}

int parse_size(const char *s, const char **end, uint64_t *bytes) {
	static const char units[] = "bkmgt"; /* each 2^10 of the one before */
	const char *unit;
	unsigned shift = 10;
	uint64_t v;
	int rc = parse_u64(s, end, &v);

	if (rc) return rc;
	unit = strchr(units, **end | 0x20);
	if (unit) {
		shift = 10 * (unsigned)(unit - units);
		(*end)++;
	}
	if (shift && v >> (64 - shift)) return -ERANGE;
	*bytes = v << shift;
	return 0;
}

void str_copy(char *dst, const char *src, size_t size) {
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = 0;
}

size_t strnlen(const char *s, size_t n) {
	size_t i = 0;

	while (i < n && s[i]) i++;
	return i;
}
