/* SPDX-License-Identifier: MIT */
/* See diag.h. Out of memory loses the text, never the count. */
#include "diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct tl_diag *d, int line, const char *key, const char *kind, const char *fmt, va_list ap) {
	char msg[512], place[16], *text;

	vsnprintf(msg, sizeof(msg), fmt, ap);
	snprintf(place, sizeof(place), line ? ":%d" : "", line);
	if (asprintf(&text, "%s%s%s: %s%s%s: %s\n", d->text ? d->text : "", d->file ? d->file : "config", place,
		     key ? key : "", key ? ": " : "", kind, msg) < 0)
		return;
	free(d->text);
	d->text = text;
}

void tl_diag_error(struct tl_diag *d, int line, const char *key, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	add(d, line, key, "error", fmt, ap);
	va_end(ap);
	d->errors++;
}

void tl_diag_warn(struct tl_diag *d, int line, const char *key, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	add(d, line, key, "warning", fmt, ap);
	va_end(ap);
	d->warnings++;
}

void tl_diag_free(struct tl_diag *d) {
	free(d->text);
	d->text = NULL;
}

void tl_tame(char *text) {
	unsigned char *s = (unsigned char *)text;

	for (; *s; s++) {
		if ((*s < ' ' && *s != '\t') || *s == 127) *s = '?';
		/* U+0080 to U+009F */
		if (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) s[0] = s[1] = '?';
	}
}
