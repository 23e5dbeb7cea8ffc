/* SPDX-License-Identifier: MIT */
/* CONTROL: the administrator's commands. A table of name, usage and handler, as "help" shows it. */
#include "request.h"

#include <string.h>

#include "check.h"
#include "domain.h"
#include "log.h"
#include "quota.h"

struct control {
	const char *name;
	const char *usage;
	int (*fn)(struct request *r, unsigned n, const char **s);
};

#define CONTROL_ARGS 32

static int reply_text(struct request *r, const char *s) {
	buf_put(&r->reply, s, strlen(s) + 1);
	return 0;
}

/* Hand the whole command to the process around the machine. */
static int ask_process(struct request *r) {
	struct question q = { .fact = FACT_CONTROL, .text = r->data, .text_len = r->h.len };

	return machine_ask(r->m, &q);
}

static int process_ok(struct request *r) {
	int err = ask_process(r);

	return err ? err : reply_text(r, "OK");
}

static int control_check(struct request *r, unsigned n, const char **s) {
	struct buf b = { 0 };

	(void)n;
	(void)s;
	if (machine_check(r->m, &b) == 0) return reply_text(r, "OK");
	buf_put(&r->reply, b.p, b.len > 4000 ? 4000 : b.len);
	buf_u8(&r->reply, 0);
	buf_free(&b);
	return 0;
}

static int control_log(struct request *r, unsigned n, const char **s) {
	if (n != 1 || (strcmp(s[0], "on") && strcmp(s[0], "off"))) return -EINVAL;
	return process_ok(r);
}

static int control_logfile(struct request *r, unsigned n, const char **s) {
	(void)s;
	return n == 1 ? process_ok(r) : -EINVAL;
}

static int control_print(struct request *r, unsigned n, const char **s) {
	if (n != 1) return -EINVAL;
	log_msg(LOG_NOTICE, "control: %s", s[0]);
	return reply_text(r, "OK");
}

static int control_memreport(struct request *r, unsigned n, const char **s) {
	struct question q = { .fact = FACT_MEMORY };

	(void)s;
	if (n > 1) return -EINVAL;
	if (n == 1) return process_ok(r);
	buf_printf(&r->reply, "memory    : %12lld\nnodes     : %12zu\nconns     : %12u\n",
		   (long long)machine_ask(r->m, &q), r->m->tree.n_node, r->m->n_conn);
	buf_printf(&r->reply, "watches   : %12u\ntx        : %12u\nhistory   : %12zu\nrequests  : %12llu\n",
		   r->m->n_watch, r->m->n_tx, r->m->history.bytes, (unsigned long long)r->m->n_request);
	buf_u8(&r->reply, 0);
	return 0;
}

static void quota_line(struct request *r, enum quota_id q, uint64_t v, uint32_t hits) {
	buf_printf(&r->reply, "%-16s: %8llu", quota_name(q), (unsigned long long)v);
	if (hits) buf_printf(&r->reply, " refused %u times", hits);
	buf_printf(&r->reply, "\n");
}

static int quota_of_domain(struct request *r, const char *s) {
	const struct domain *d;
	uint64_t domid;

	d = parse_number(s, 0xffff, &domid) ? domain_find(r->m, domid) : NULL;
	if (!d) return -ENOENT;
	buf_printf(&r->reply, "Domain %u:\n", d->domid);
	quota_line(r, QUOTA_NODES, d->n_node, d->hits[QUOTA_NODES]);
	quota_line(r, QUOTA_WATCHES, d->n_watch, d->hits[QUOTA_WATCHES]);
	quota_line(r, QUOTA_TRANSACTIONS, d->n_tx, d->hits[QUOTA_TRANSACTIONS]);
	quota_line(r, QUOTA_MEMORY, d->bytes, d->hits[QUOTA_MEMORY]);
	for (enum quota_id q = 0; q < QUOTA_COUNT; q++) {
		if (q == QUOTA_NODES || q == QUOTA_WATCHES || q == QUOTA_TRANSACTIONS || q == QUOTA_MEMORY ||
		    !d->hits[q])
			continue;
		quota_line(r, q, quota_limit(r->m, d, q), d->hits[q]);
	}
	buf_u8(&r->reply, 0);
	return 0;
}

static int control_quota(struct request *r, unsigned n, const char **s) {
	enum quota_id q;
	uint64_t v;

	if (n == 3 && !strcmp(s[0], "set")) {
		q = quota_find(s[1], strlen(s[1]));
		if (q == QUOTA_COUNT || !parse_number(s[2], UINT32_MAX - 1, &v)) return -EINVAL;
		r->m->quota[q] = v;
		return reply_text(r, "OK");
	}
	if (n == 1) return quota_of_domain(r, s[0]);
	if (n) return -EINVAL;
	buf_printf(&r->reply, "Quota settings:\n");
	for (q = 0; q < QUOTA_COUNT; q++)
		buf_printf(&r->reply, "%-17s: %8u %s\n", quota_name(q), r->m->quota[q], quota_help(q));
	buf_u8(&r->reply, 0);
	return 0;
}

static int control_quota_soft(struct request *r, unsigned n, const char **s) {
	uint64_t v;

	if (n == 3 && !strcmp(s[0], "set")) {
		if (strcmp(s[1], "memory") || !parse_number(s[2], UINT32_MAX, &v)) return -EINVAL;
		r->m->soft_memory = v;
		return reply_text(r, "OK");
	}
	if (n) return -EINVAL;
	buf_printf(&r->reply, "Quota settings:\n%-17s: %8u %s\n", "memory", r->m->soft_memory,
		   "Total Xenstore memory per domain (warning level)");
	buf_u8(&r->reply, 0);
	return 0;
}

/*
 * Open transactions and connections survive an update, so there is nothing to wait for: -t and -F
 * are accepted and change nothing.
 */
static int control_live_update(struct request *r, unsigned n, const char **s) {
	(void)s;
	return n ? process_ok(r) : -EINVAL;
}

static int control_help(struct request *r, unsigned n, const char **s);

static const struct control control_table[] = {
	{ "check", "", control_check },
	{ "log", "on|off", control_log },
	{ "live-update", "[-f <file>] [-c <cmdline>] [-F] [-t <timeout>] [-s] [-a]", control_live_update },
	{ "logfile", "<file>", control_logfile },
	{ "memreport", "[<file>]", control_memreport },
	{ "print", "<string>", control_print },
	{ "quota", "[set <name> <val>|<domid>]", control_quota },
	{ "quota-soft", "[set <name> <val>]", control_quota_soft },
	{ "help", "", control_help },
};

#define CONTROL_COUNT (sizeof(control_table) / sizeof(*control_table))

static int control_help(struct request *r, unsigned n, const char **s) {
	(void)s;
	if (n) return -EINVAL;
	for (size_t i = 0; i < CONTROL_COUNT; i++)
		buf_printf(&r->reply, "%s\t%s\n", control_table[i].name, control_table[i].usage);
	buf_u8(&r->reply, 0);
	return 0;
}

int req_control(struct request *r) {
	const char *s[CONTROL_ARGS];
	unsigned n = request_count(r);

	if (n == 0 || n > CONTROL_ARGS || !request_strings(r, n, s)) return -EINVAL;
	for (size_t i = 0; i < CONTROL_COUNT; i++)
		if (!strcmp(control_table[i].name, s[0])) return control_table[i].fn(r, n - 1, s + 1);
	return -EINVAL;
}
