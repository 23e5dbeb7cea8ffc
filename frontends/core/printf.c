/* SPDX-License-Identifier: MIT */
/*
 * Formatted output. A format is taken apart one conversion at a time into a `struct spec`; every
 * character goes through put(), which alone knows the end of the buffer.
 */
#include <kit/guest.h>

struct sink {
	char *buf;
	size_t size;
	size_t length; /* of the whole text, also beyond size */
};

struct spec {
	bool zero, left;
	unsigned int width;
	unsigned int longs; /* 0 int, 1 or more 64-bit */
	char conversion;
};

static void put(struct sink *s, char c) {
	if (s->length + 1 < s->size) s->buf[s->length] = c;
	s->length++;
}

static void pad(struct sink *s, char c, unsigned int used, unsigned int width) {
	for (; used < width; used++) put(s, c);
}

static void put_text(struct sink *s, const struct spec *spec, const char *text) {
	unsigned int length = strlen(text);

	if (!spec->left) pad(s, ' ', length, spec->width);
	for (unsigned int i = 0; i < length; i++) put(s, text[i]);
	if (spec->left) pad(s, ' ', length, spec->width);
}

static void put_number(struct sink *s, const struct spec *spec, unsigned long value, bool negative) {
	unsigned int base = spec->conversion == 'x' || spec->conversion == 'p' ? 16 : 10;
	char digits[24];
	unsigned int at = sizeof(digits);

	digits[--at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (spec->zero) {
		if (negative) put(s, '-');
		pad(s, '0', sizeof(digits) - 1 - at + negative, spec->width);
	} else if (negative) {
		digits[--at] = '-';
	}
	put_text(s, &(struct spec){ .left = spec->left, .width = spec->zero ? 0 : spec->width }, &digits[at]);
}

static const char *parse_spec(const char *fmt, struct spec *spec) {
	*spec = (struct spec){ 0 };
	for (; *fmt == '0' || *fmt == '-'; fmt++) {
		spec->zero |= *fmt == '0';
		spec->left |= *fmt == '-';
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++) spec->width = spec->width * 10 + (*fmt - '0');
	for (; *fmt == 'l' || *fmt == 'z'; fmt++) spec->longs++;
	spec->conversion = *fmt;
	return *fmt ? fmt + 1 : fmt;
}

static void convert_signed(struct sink *s, const struct spec *spec, long value) {
	put_number(s, spec, value < 0 ? -(unsigned long)value : (unsigned long)value, value < 0);
}

int kit_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) {
	struct sink s = { .buf = buf, .size = size };
	struct spec spec;

	while (*fmt) {
		if (*fmt != '%') {
			put(&s, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec);
		switch (spec.conversion) {
		case 's': put_text(&s, &spec, va_arg(ap, const char *)); break;
		case 'c': put(&s, (char)va_arg(ap, int)); break;
		case 'd':
		case 'i': convert_signed(&s, &spec, spec.longs ? va_arg(ap, long) : va_arg(ap, int)); break;
		case 'u':
		case 'x':
			put_number(&s, &spec, spec.longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int), false);
			break;
		case 'p': put_number(&s, &spec, (unsigned long)va_arg(ap, void *), false); break;
		default: put(&s, spec.conversion);
		}
	}
	if (size) buf[s.length < size ? s.length : size - 1] = '\0';
	return (int)s.length;
}

int kit_snprintf(char *buf, size_t size, const char *fmt, ...) {
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kit_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int kit_vprintf(const char *fmt, va_list ap) {
	char line[512];
	int n = kit_vsnprintf(line, sizeof(line), fmt, ap);

	kit_console_write(line, strlen(line));
	return n;
}

int kit_printf(const char *fmt, ...) {
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kit_vprintf(fmt, ap);
	va_end(ap);
	return n;
}
