/* SPDX-License-Identifier: MIT */
/* Requests on watches and transactions. */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "quota.h"
#include "watch.h"

/* Path, token and, where the client was offered it, a depth. */
static int parse_watch(struct request *r, struct path *p, const char **token, int32_t *depth) {
	const char *s[3];
	uint64_t n;

	*depth = -1;
	if (!request_strings(r, 2, s)) {
		if (!request_strings(r, 3, s) || !parse_number(s[2], INT32_MAX, &n)) return -EINVAL;
		if (r->c->is_ring && !(r->c->dom->features & XSD_FEATURE_WATCH_DEPTH)) return -EINVAL;
		*depth = n;
	}
	*token = s[1];
	return request_path(r, s[0], true, p);
}

/* An event of the watch must fit into a message. */
static bool watch_fits(const struct path *p, const char *token) {
	return p->len - p->rel + strlen(token) + 2 <= XENSTORE_PAYLOAD_MAX;
}

int req_watch(struct request *r) {
	const char *token;
	struct path p;
	int32_t depth;
	int err = parse_watch(r, &p, &token, &depth);

	if (err) return err;
	if (p.s[0] == '@' && depth > 1) return -EINVAL;
	if (!watch_fits(&p, token)) return -E2BIG;
	if (!quota_allows(r->m, r->c->dom, QUOTA_WATCHES, r->c->dom->n_watch + 1)) return -ENOSPC;
	return watch_add(r->m, r->c, &p, token, depth);
}

int req_unwatch(struct request *r) {
	const char *s[2];
	struct path p;
	int err;

	if (!request_strings(r, 2, s)) return -EINVAL;
	err = request_path(r, s[0], true, &p);
	return err ? err : watch_remove(r->m, r->c, &p, s[1]);
}

int req_reset_watches(struct request *r) {
	watch_drop_all(r->m, r->c);
	tx_drop_all(r->m, r->c);
	return 0;
}

int req_tx_start(struct request *r) {
	struct tx *tx;

	if (r->v.tx) return -EBUSY;
	if (!quota_allows(r->m, r->c->dom, QUOTA_TRANSACTIONS, r->c->dom->n_tx + 1)) return -ENOSPC;
	tx = tx_start(r->m, r->c);
	if (!tx) return -ENOMEM;
	buf_printf(&r->reply, "%u", tx->id);
	buf_u8(&r->reply, 0);
	return 0;
}

int req_tx_end(struct request *r) {
	const char *s;
	int err = 0;

	if (!r->v.tx) return -ENOENT;
	if (!request_strings(r, 1, &s) || (strcmp(s, "T") && strcmp(s, "F"))) return -EINVAL;
	if (*s == 'T') err = tx_commit(r->m, r->v.tx);
	tx_drop(r->m, r->v.tx);
	return err;
}
