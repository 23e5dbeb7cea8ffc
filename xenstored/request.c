/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "log.h"
#include "quota.h"

enum {
	/* Works within a transaction. */
	OP_TX = 1,
	/* Domain 0 only. */
	OP_PRIV = 2,
	/* Answers "OK". */
	OP_OK = 4,
};

static const struct op {
	const char *name;
	int (*fn)(struct request *r);
	unsigned flags;
} op_table[] = {
	[XS_CONTROL] = { "CONTROL", req_control, OP_PRIV },
	[XS_DIRECTORY] = { "DIRECTORY", req_directory, OP_TX },
	[XS_READ] = { "READ", req_read, OP_TX },
	[XS_GET_PERMS] = { "GET_PERMS", req_get_perms, OP_TX },
	[XS_WATCH] = { "WATCH", req_watch, OP_OK },
	[XS_UNWATCH] = { "UNWATCH", req_unwatch, OP_OK },
	[XS_TRANSACTION_START] = { "TRANSACTION_START", req_tx_start, OP_TX },
	[XS_TRANSACTION_END] = { "TRANSACTION_END", req_tx_end, OP_TX | OP_OK },
	[XS_INTRODUCE] = { "INTRODUCE", req_introduce, OP_PRIV | OP_OK },
	[XS_RELEASE] = { "RELEASE", req_release, OP_PRIV | OP_OK },
	[XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", req_domain_path, 0 },
	[XS_WRITE] = { "WRITE", req_write, OP_TX | OP_OK },
	[XS_MKDIR] = { "MKDIR", req_mkdir, OP_TX | OP_OK },
	[XS_RM] = { "RM", req_rm, OP_TX | OP_OK },
	[XS_SET_PERMS] = { "SET_PERMS", req_set_perms, OP_TX | OP_OK },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", req_is_introduced, 0 },
	[XS_RESUME] = { "RESUME", req_resume, OP_PRIV | OP_OK },
	[XS_SET_TARGET] = { "SET_TARGET", req_set_target, OP_PRIV | OP_OK },
	[XS_RESET_WATCHES] = { "RESET_WATCHES", req_reset_watches, OP_OK },
	[XS_DIRECTORY_PART] = { "DIRECTORY_PART", req_directory_part, OP_TX },
	[XSD_GET_FEATURE] = { "GET_FEATURE", req_get_feature, OP_PRIV },
	[XSD_SET_FEATURE] = { "SET_FEATURE", req_set_feature, OP_PRIV | OP_OK },
	[XSD_GET_QUOTA] = { "GET_QUOTA", req_get_quota, OP_PRIV },
	[XSD_SET_QUOTA] = { "SET_QUOTA", req_set_quota, OP_PRIV | OP_OK },
};

unsigned request_count(const struct request *r) {
	unsigned n = 0;

	for (uint32_t i = 0; i < r->h.len; i++) n += r->data[i] == '\0';
	return n;
}

bool request_strings(const struct request *r, unsigned n, const char **s) {
	const char *p = r->data, *end = r->data + r->h.len;

	for (unsigned i = 0; i < n; i++) {
		const char *nul = memchr(p, '\0', end - p);

		if (!nul) return false;
		s[i] = p;
		p = nul + 1;
	}
	return p == end;
}

bool request_privileged(const struct request *r) { return r->c->dom->domid == 0; }

int request_path(const struct request *r, const char *s, bool special, struct path *p) {
	int err = path_canon(s, strlen(s), r->c->dom->domid, special, p);

	if (err) return err;
	return quota_allows(r->m, r->c->dom, QUOTA_PATH_MAX, path_own_len(p)) ? 0 : -EINVAL;
}

bool parse_number(const char *s, uint64_t max, uint64_t *out) {
	uint64_t v = 0;

	if (!*s) return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > max / 10) return false;
		v = v * 10 + (*s - '0');
	}
	*out = v;
	return v <= max;
}

static const char *error_name(int err) {
	for (unsigned i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++)
		if (xsd_errors[i].errnum == err) return xsd_errors[i].errstring;
	return "EINVAL";
}

static void trace(const struct request *r, const char *what, const char *name, const char *p, uint32_t len) {
	char text[200];
	uint32_t n = len < sizeof(text) - 1 ? len : sizeof(text) - 1;

	for (uint32_t i = 0; i < n; i++) text[i] = p[i] >= ' ' && p[i] < 127 ? p[i] : ' ';
	text[n] = '\0';
	log_msg(LOG_INFO, "%s conn %x dom %u tx %u %s (%s)", what, r->c->id, r->c->dom->domid, r->h.tx_id, name, text);
}

static int run(struct request *r, const struct op *op) {
	if (!op || !op->fn) return -ENOSYS;
	if ((op->flags & OP_PRIV) && !request_privileged(r)) return -EACCES;
	if ((op->flags & OP_TX) && r->h.tx_id) {
		r->v.tx = tx_find(r->c, r->h.tx_id);
		if (!r->v.tx) return -ENOENT;
	}
	return op->fn(r);
}

static void answer(struct request *r, const struct op *op, int err) {
	const char *p = r->reply.p;
	uint32_t len = r->reply.len, type = r->h.type;

	if (!err && r->reply.bad) err = -ENOMEM;
	if (err) {
		p = error_name(-err);
		len = strlen(p) + 1;
		type = XS_ERROR;
	} else if (op->flags & OP_OK) {
		p = "OK";
		len = 3;
	}
	if (log_tracing()) trace(r, "OUT", err ? "ERROR" : op->name, p, len);
	conn_put(r->c, type, r->h.req_id, r->h.tx_id, p, len);
}

void request_execute(struct machine *m, struct conn *c, const char *msg) {
	struct request r = { .m = m, .c = c, .v = { m, NULL } };
	const struct op *op = NULL;
	int err;

	memcpy(&r.h, msg, sizeof(r.h));
	r.data = msg + sizeof(r.h);
	if (r.h.type < sizeof(op_table) / sizeof(*op_table)) op = &op_table[r.h.type];
	if (log_tracing()) trace(&r, "IN", op && op->name ? op->name : "?", r.data, r.h.len);
	m->n_request++;
	err = run(&r, op);
	answer(&r, op, err);
	buf_free(&r.reply);
}
