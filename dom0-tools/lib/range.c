/* SPDX-License-Identifier: MIT */
/* Ranges of I/O ports, of device memory and of interrupt lines, in xl's notations. */
#include "range.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS      65536u
#define FRAMES_MAX (1ULL << 40)
#define LINES_MAX  1024u /* of interrupts: more than any machine has */

/* A number below limit; *at is moved behind it. */
static int number(const char **at, int base, uint64_t limit, uint64_t *n) {
	char *end;

	if (!isxdigit((unsigned char)**at)) return -EINVAL;
	errno = 0;
	*n = strtoull(*at, &end, base);
	if (errno || end == *at || *n >= limit) return -EINVAL;
	*at = end;
	return 0;
}

static int ports(const char *s, struct tl_range *r) {
	uint64_t last;

	if (number(&s, 16, PORTS, &r->first)) return -EINVAL;
	last = r->first;
	if (*s == '-' && (s++, number(&s, 16, PORTS, &last))) return -EINVAL;
	if (*s || last < r->first) return -EINVAL;
	r->n = last - r->first + 1;
	return 0;
}

/* *gfn: where an auto-translated guest would have it. */
static int frames(const char *s, struct tl_range *r, int *gfn) {
	uint64_t where;

	if (number(&s, 16, FRAMES_MAX, &r->first) || *s++ != ',' || number(&s, 16, FRAMES_MAX, &r->n)) return -EINVAL;
	*gfn = *s == '@';
	if (*gfn && (s++, number(&s, 16, FRAMES_MAX, &where))) return -EINVAL;
	return *s || !r->n ? -EINVAL : 0;
}

static int line(const char *s, struct tl_range *r) {
	r->n = 1;
	return number(&s, 10, LINES_MAX, &r->first) || *s ? -EINVAL : 0;
}

int tl_range_parse(const char *key, const struct tl_cfg_value *v, struct tl_range *out, struct tl_diag *d) {
	const char *wanted;
	int err = v->type == TL_CFG_LIST ? -EINVAL : 0, gfn = 0;

	if (strcmp(key, "ioports") == 0) {
		wanted = "an I/O port or a range of them in hexadecimal, such as \"2f8-2ff\"";
		if (!err) err = ports(v->text, out);
	} else if (strcmp(key, "iomem") == 0) {
		wanted = "a page frame and a count in hexadecimal, such as \"fd000,10\"";
		if (!err) err = frames(v->text, out, &gfn);
	} else {
		wanted = "the number of an interrupt line";
		if (!err) err = line(v->text, out);
	}
	if (err) tl_diag_error(d, v->line, key, "expected %s", wanted);
	if (!err && gfn)
		tl_diag_warn(d, v->line, key, "the frame after \"@\" is ignored: a PV guest chooses its own place");
	return err;
}
