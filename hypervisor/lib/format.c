/* SPDX-License-Identifier: MIT */
/* Formatted output into a buffer: the part of printf that ring 0 uses. Always ends with NUL,
 * returns the full length. */
#include "lib.h"

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c) {
	if (o->len + 1 < o->size) o->buf[o->len] = c;
	o->len++;
}

static void put_number(struct out *o, uint64_t v, unsigned base, unsigned digits) {
	char text[64];
	unsigned n = 0;

	for (; v || !n; v /= base) text[n++] = "0123456789abcdef"[v % base];
	for (; digits > n; digits--) put(o, '0');
	while (n) put(o, text[--n]);
}

static void put_signed(struct out *o, int64_t v, unsigned digits) {
	if (v < 0) put(o, '-');
	put_number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, digits);
}

static void put_string(struct out *o, const char *s) {
	for (s = s ? s : "(null)"; *s; s++) put(o, *s);
}

/* The conversion of the letter c, with a number's least digits and its size. */
static void convert(struct out *o, char c, unsigned digits, bool is_long, va_list *ap) {
	switch (c) {
	case 's': put_string(o, va_arg(*ap, const char *)); break;
	case 'd': put_signed(o, is_long ? va_arg(*ap, int64_t) : va_arg(*ap, int), digits); break;
	case 'u':
	case 'x':
		put_number(o, is_long ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), c == 'u' ? 10 : 16, digits);
		break;
	default: put(o, c);
	}
}

int vformat(char *buf, size_t size, const char *fmt, va_list ap_in) {
	struct out o = { buf, size, 0 };
	va_list ap;

	va_copy(ap, ap_in);
	while (*fmt) {
		unsigned digits = 0;
		bool is_long;

		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++) digits = digits * 10 + (unsigned)(*fmt - '0');
		is_long = *fmt == 'l';
		fmt += is_long;
		if (*fmt) convert(&o, *fmt++, digits, is_long, &ap);
	}
	va_end(ap);
	if (size) buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...) {
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
