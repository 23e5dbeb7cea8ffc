/* SPDX-License-Identifier: MIT */
/* Requests on domains, their features and quotas. */
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>

#include "domain.h"
#include "quota.h"

#define FEATURES_ALL (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR | XSD_FEATURE_WATCH_DEPTH)

static bool parse_domid(const char *s, unsigned *domid) {
	uint64_t n;

	if (!parse_number(s, DOMID_FIRST_RESERVED - 1, &n)) return false;
	*domid = n;
	return true;
}

/* A single domid as payload. */
static bool get_domid(const struct request *r, unsigned *domid) {
	const char *s;

	return request_strings(r, 1, &s) && parse_domid(s, domid);
}

int req_introduce(struct request *r) {
	const char *s[4];
	unsigned domid;
	uint64_t port;
	long long gfn;
	char *end;

	/* The frame number is a signed decimal, by tradition; a fourth string is reserved. */
	if (!request_strings(r, 3, s) && !request_strings(r, 4, s)) return -EINVAL;
	errno = 0;
	gfn = strtoll(s[1], &end, 10);
	if (errno || *end || end == s[1]) return -EINVAL;
	if (!parse_domid(s[0], &domid) || !domid || !parse_number(s[2], INT32_MAX, &port) || !port) return -EINVAL;
	return domain_introduce(r->m, domid, gfn, port);
}

int req_release(struct request *r) {
	struct domain *d;
	unsigned domid;

	if (!get_domid(r, &domid) || !domid) return -EINVAL;
	d = domain_find(r->m, domid);
	if (!d || !d->introduced) return -ENOENT;
	if (d == r->c->dom) return -EINVAL;
	domain_release(r->m, domid);
	return 0;
}

int req_resume(struct request *r) {
	struct domain *d;
	unsigned domid;

	if (!get_domid(r, &domid) || !domid) return -EINVAL;
	d = domain_find(r->m, domid);
	if (!d || !d->introduced) return -ENOENT;
	d->shutdown = false;
	return 0;
}

int req_set_target(struct request *r) {
	const char *s[2];
	struct domain *d, *t;
	unsigned domid, target;

	if (!request_strings(r, 2, s) || !parse_domid(s[0], &domid) || !parse_domid(s[1], &target)) return -EINVAL;
	if (!domid || !target) return -EINVAL;
	d = domain_find(r->m, domid);
	t = domain_find(r->m, target);
	if (!d || !d->introduced || !t || !t->introduced) return -ENOENT;
	d->target = target;
	return 0;
}

int req_is_introduced(struct request *r) {
	const struct domain *d;
	unsigned domid;

	if (!get_domid(r, &domid)) return -EINVAL;
	d = domain_find(r->m, domid);
	buf_put(&r->reply, !domid || (d && d->introduced) ? "T" : "F", 2);
	return 0;
}

int req_domain_path(struct request *r) {
	unsigned domid;

	if (!get_domid(r, &domid)) return -EINVAL;
	buf_printf(&r->reply, "/local/domain/%u", domid);
	buf_u8(&r->reply, 0);
	return 0;
}

static void reply_number(struct request *r, uint64_t n) {
	buf_printf(&r->reply, "%llu", (unsigned long long)n);
	buf_u8(&r->reply, 0);
}

int req_get_feature(struct request *r) {
	struct domain *d;
	unsigned domid;

	if (r->h.len == 0 || (r->h.len == 1 && !*r->data)) {
		reply_number(r, FEATURES_ALL);
		return 0;
	}
	if (!get_domid(r, &domid)) return -EINVAL;
	d = domain_find(r->m, domid);
	if (!d) return -ENOENT;
	reply_number(r, d->features);
	return 0;
}

int req_set_feature(struct request *r) {
	const char *s[2];
	struct domain *d;
	unsigned domid;
	uint64_t bits;

	if (!request_strings(r, 2, s) || !parse_domid(s[0], &domid) || !domid ||
	    !parse_number(s[1], UINT32_MAX, &bits) || bits & ~(uint64_t)FEATURES_ALL)
		return -EINVAL;
	d = domain_get(r->m, domid);
	if (!d) return -ENOMEM;
	if (d->introduced) return -EBUSY;
	d->features = bits;
	return 0;
}

static void list_quotas(struct request *r) {
	for (int q = 0; q < QUOTA_COUNT; q++) buf_printf(&r->reply, "%s%s", q ? " " : "", quota_name(q));
	buf_u8(&r->reply, 0);
}

int req_get_quota(struct request *r) {
	unsigned n = request_count(r), domid;
	const char *s[2];
	struct domain *d;
	enum quota_id q;

	if (r->h.len == 0 || (n == 1 && r->h.len == 1)) {
		list_quotas(r);
		return 0;
	}
	if (n < 1 || n > 2 || !request_strings(r, n, s)) return -EINVAL;
	q = quota_find(s[n - 1], strlen(s[n - 1]));
	if (q == QUOTA_COUNT) return -EINVAL;
	if (n == 1) {
		reply_number(r, r->m->quota[q]);
		return 0;
	}
	d = parse_domid(s[0], &domid) ? domain_find(r->m, domid) : NULL;
	if (!d) return -ENOENT;
	reply_number(r, quota_limit(r->m, d, q));
	return 0;
}

int req_set_quota(struct request *r) {
	unsigned n = request_count(r), domid;
	const char *s[3];
	struct domain *d;
	enum quota_id q;
	uint64_t value;

	if (n < 2 || n > 3 || !request_strings(r, n, s)) return -EINVAL;
	q = quota_find(s[n - 2], strlen(s[n - 2]));
	if (q == QUOTA_COUNT || !parse_number(s[n - 1], UINT32_MAX - 1, &value)) return -EINVAL;
	if (n == 2) {
		r->m->quota[q] = value;
		return 0;
	}
	if (!parse_domid(s[0], &domid) || !domid) return -EINVAL;
	d = domain_get(r->m, domid);
	if (!d) return -ENOMEM;
	d->quota[q] = value;
	return 0;
}
