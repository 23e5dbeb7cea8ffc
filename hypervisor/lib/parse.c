/* SPDX-License-Identifier: MIT */
/* Strings, numbers and sizes in command-line options. */
#include "lib.h"

/* What the digit stands for; 16 if it is none. */
static unsigned digit(char c) {
	static const char digits[] = "0123456789abcdef";

	return c < '0' ? 16 : (unsigned)(strchrnul(digits, c | 0x20) - digits);
}

int parse_u64(const char *s, const char **end, uint64_t *out) {
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x' && digit(s[2]) < 16;
	unsigned base = hex ? 16 : 10;
	uint64_t v = 0;

	if (hex) s += 2;
	if (digit(*s) >= base) return -EINVAL;
	for (; digit(*s) < base; s++)
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit(*s), &v)) return -ERANGE;
	*end = s;
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
	unit = strchrnul(units, **end | 0x20);
	if (*unit) {
		shift = 10 * (unsigned)(unit - units);
		(*end)++;
	}
	if (shift && v >> (64 - shift)) return -ERANGE;
	*bytes = v << shift;
	return 0;
}

void str_copy(char *dst, const char *src, size_t size) {
	for (; size > 1 && *src; size--) *dst++ = *src++;
	*dst = 0;
}
