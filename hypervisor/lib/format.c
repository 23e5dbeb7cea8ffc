/* SPDX-License-Identifier: MIT */
/* Formatted output into a buffer: the part of printf that ring 0 uses. Always ends with NUL,
 * returns the full length. */
#include "lib.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	unsigned width, precision;
	bool zero, left, has_precision;
	unsigned longs; /* number of l, z counts as one */
};

static void put(struct out *o, char c) {
	if (o->len + 1 < o->size) o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n) {
	size_t pad = s->width > n ? s->width - n : 0;

	for (; !s->left && pad; pad--) put(o, ' ');
	while (n--) put(o, *text++);
	for (; pad; pad--) put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base, bool upper,
		       bool negative) {
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[72];
	char *p = text + sizeof(text);
	size_t want = s->zero && !s->left ? MIN(s->width, 64u) : 0;

	do {
		*--p = digits[v % base];
		v /= base;
	} while (v);
	while ((size_t)(text + sizeof(text) - p) + negative < want) *--p = '0';
	if (negative) *--p = '-';
	put_padded(o, s, p, (size_t)(text + sizeof(text) - p));
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap) {
	*s = (struct spec){ 0 };
	for (;; f++) {
		if (*f == '0')
			s->zero = true;
		else if (*f == '-')
			s->left = true;
		else if (*f != '#')
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++) s->width = s->width * 10 + (unsigned)(*f - '0');
	if (*f == '.') {
		s->has_precision = true;
		if (*++f == '*') {
			s->precision = va_arg(*ap, unsigned);
			f++;
		}
		for (; *f >= '0' && *f <= '9'; f++) s->precision = s->precision * 10 + (unsigned)(*f - '0');
	}
	for (; *f == 'l' || *f == 'z' || *f == 'h'; f++) s->longs += *f != 'h';
	return f;
}

static uint64_t fetch(const struct spec *s, va_list *ap, bool is_signed) {
	if (s->longs) return va_arg(*ap, uint64_t);
	return is_signed ? (uint64_t)(int64_t)va_arg(*ap, int) : va_arg(*ap, unsigned);
}

static void put_string(struct out *o, const struct spec *s, const char *text) {
	if (!text) text = "(null)";
	put_padded(o, s, text, strnlen(text, s->has_precision ? s->precision : SIZE_MAX));
}

static void convert(struct out *o, const struct spec *s, char c, va_list *ap) {
	uint64_t v;
	char ch;

	switch (c) {
	case 'd':
	case 'i':
		v = fetch(s, ap, true);
		put_number(o, s, (int64_t)v < 0 ? -v : v, 10, false, (int64_t)v < 0);
		break;
	case 'u': put_number(o, s, fetch(s, ap, false), 10, false, false); break;
	case 'x':
	case 'X': put_number(o, s, fetch(s, ap, false), 16, c == 'X', false); break;
	case 'p': put_number(o, s, (uint64_t)va_arg(*ap, void *), 16, false, false); break;
	case 's': put_string(o, s, va_arg(*ap, const char *)); break;
	case 'c':
		ch = (char)va_arg(*ap, int);
		put_padded(o, s, &ch, 1);
		break;
	default: put(o, c);
	}
}

int vformat(char *buf, size_t size, const char *fmt, va_list ap_in) {
	struct out o = { buf, size, 0 };
	struct spec s;
	va_list ap;

	va_copy(ap, ap_in);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &ap);
		if (!*fmt) break;
		convert(&o, &s, *fmt, &ap);
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
