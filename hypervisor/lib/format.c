/* SPDX-License-Identifier: MIT */
/* Formatted output into a buffer: the part of printf that ring 0 uses. Always ends with NUL,
 * returns the full length. */
#include "lib.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	size_t width;
	bool zero, is_long;
};

static void put(struct out *o, char c) {
	if (o->len + 1 < o->size) o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n) {
	for (size_t pad = s->width > n ? s->width - n : 0; pad; pad--) put(o, ' ');
	while (n--) put(o, *text++);
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base, bool negative) {
	char text[72];
	char *end = text + sizeof(text), *p = end;
	size_t want = s->zero ? MIN(s->width, 64u) : 0;

	do *--p = "0123456789abcdef"[v % base];
	while (v /= base);
	while ((size_t)(end - p) + negative < want) *--p = '0';
	if (negative) *--p = '-';
	put_padded(o, s, p, (size_t)(end - p));
}

static const char *parse_spec(const char *f, struct spec *s) {
	*s = (struct spec){ .zero = *f == '0' };
	for (; *f >= '0' && *f <= '9'; f++) s->width = s->width * 10 + (size_t)(*f - '0');
	for (; *f == 'l' || *f == 'z'; f++) s->is_long = true;
	return f;
}

static void put_signed(struct out *o, const struct spec *s, int64_t v) {
	put_number(o, s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0);
}

static void convert(struct out *o, const struct spec *s, char c, va_list *ap) {
	const char *text;
	char ch;

	switch (c) {
	case 'd': put_signed(o, s, s->is_long ? va_arg(*ap, int64_t) : va_arg(*ap, int)); break;
	case 'u':
	case 'x':
		put_number(o, s, s->is_long ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned),
			   c == 'u' ? 10 : 16, false);
		break;
	case 's':
		text = va_arg(*ap, const char *);
		put_padded(o, s, text, strlen(text));
		break;
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
		fmt = parse_spec(fmt + 1, &s);
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
