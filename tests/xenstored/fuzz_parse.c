/* SPDX-License-Identifier: MIT */
/*
 * Fuzz the parsers: paths, permissions, numbers as clients write them, and the records of a
 * checkpoint as a damaged file may hold them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenstored/check.h"
#include "../../xenstored/log.h"
#include "../../xenstored/request.h"
#include "../../xenstored/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good) abort();
}

/* What a canonical path looks like, and that it is its own canonical form. */
static void check_path(const char *in, size_t n, unsigned domid, bool special) {
	struct path p, again;

	if (path_canon(in, n, domid, special, &p)) return;
	must(p.len && p.len < PATH_BUF && strlen(p.s) == p.len && p.rel <= p.len);
	must(p.s[0] == '/' || (special && p.s[0] == '@'));
	must(!strstr(p.s, "//") && (p.len == 1 || p.s[p.len - 1] != '/'));
	must(path_own_len(&p) <= p.len);
	must(!path_canon(p.s, p.len, domid, special, &again) && !strcmp(p.s, again.s) && again.rel == 0);
	while (p.s[0] == '/' && path_parent(&again)) must(again.s[0] == '/' && again.len < p.len && *path_leaf(&p));
}

/* What is printed is read as the same again. */
static void check_perm(const char *s) {
	union {
		struct perms perms;
		char room[sizeof(struct perms) + sizeof(struct perm)];
	} one = { .perms = { .n = 1 } };
	struct perm again;
	struct buf out = { 0 };

	if (!perm_parse(s, &one.perms.p[0])) return;
	perms_format(&one.perms, &out);
	must(perm_parse(out.p, &again) && again.domid == one.perms.p[0].domid && again.bits == one.perms.p[0].bits);
	buf_free(&out);
}

static void check_number(const char *s) {
	char text[32];
	uint64_t v, w;

	if (!parse_number(s, UINT32_MAX, &v)) return;
	must(v <= UINT32_MAX);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	must(parse_number(text, UINT32_MAX, &w) && v == w);
}

static int64_t no_ask(void *arg, const struct question *q) {
	(void)arg;
	(void)q;
	return 0;
}

static void no_gone(void *arg, struct conn *c) {
	(void)arg;
	(void)c;
}

/* A checkpoint of any bytes is taken whole and consistent, or refused. */
static void check_state(const char *p, size_t n) {
	static const struct outside nobody = { no_ask, no_gone, NULL };
	struct machine *m = machine_new(&nobody);
	struct node_record r[2];
	struct cursor c = { p, p + n, false };

	if (!m) return;
	if (node_record_load(m, "/x", 2, &c, &r[0])) perms_put(&m->tree.perms, r[0].perms);
	c = (struct cursor){ p, p + n, false };
	state_load(m, &c);
	machine_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned domid = size ? data[0] : 0;
	/* Of the very size and without a NUL, so that reading on is seen. */
	char *raw = malloc(size ? size : 1), *text = malloc(size + 1);

	log_mute(true);
	if (!raw || !text) return 0;
	memcpy(raw, data, size);
	memcpy(text, data, size);
	text[size] = '\0';
	check_state(raw, size);
	check_path(raw, size, domid, domid & 1);
	check_path(text, strlen(text), domid, domid & 1);
	check_perm(text);
	check_number(text);
	free(raw);
	free(text);
	return 0;
}
