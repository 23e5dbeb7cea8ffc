/* SPDX-License-Identifier: MIT */
/* The C library's memory and string functions for ring 0 (the host port has libc's). */
#include "lib.h"

void *memcpy(void *dst, const void *src, size_t n) {
	void *d = dst;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	if (rest) __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(rest) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n) {
	void *d = dst;
	size_t words = n / 8, rest = n % 8;
	uint64_t fill = (uint8_t)c * 0x0101010101010101ULL;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(fill) : "memory");
	if (rest) __asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(fill) : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n) {
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (d <= s || d >= s + n) return memcpy(dst, src, n);
	while (n--) d[n] = s[n];
	return dst;
}

int memcmp(const void *a, const void *b, size_t n) {
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y) return *x - *y;
	return 0;
}

size_t strlen(const char *s) { return (size_t)(strchrnul(s, 0) - s); }

int strncmp(const char *a, const char *b, size_t n) {
	for (; n && *a && *a == *b; a++, b++, n--)
		;
	return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, ~0UL); }

char *strchrnul(const char *s, int c) {
	while (*s && *s != (char)c) s++;
	return (char *)s;
}
