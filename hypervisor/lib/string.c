/* SPDX-License-Identifier: MIT */
/* Memory and string functions with the C standard's meaning. The machine's rep instructions move
 * the bulk. */
#include "lib.h"

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
