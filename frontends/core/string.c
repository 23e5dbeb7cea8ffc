/* SPDX-License-Identifier: MIT */
/* The memory and string functions that the compiler and the kit need. */
#include <kit/guest.h>

void *memset(void *to, int byte, size_t n) {
	void *start = to;

	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return start;
}

void *memcpy(void *to, const void *from, size_t n) {
	void *start = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n) {
	char *t = to;
	const char *f = from;

	if (t <= f) return memcpy(to, from, n);
	while (n--) t[n] = f[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n) {
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i]) return x[i] - y[i];
	}
	return 0;
}

size_t strlen(const char *s) {
	size_t n = 0;

	while (s[n]) n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n) {
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i] || !a[i]) return (unsigned char)a[i] - (unsigned char)b[i];
	}
	return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }
