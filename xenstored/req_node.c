/* SPDX-License-Identifier: MIT */
/* Requests on nodes: reading, writing, permissions. */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "quota.h"

/*
 * Cut p, a path that does not exist, to its nearest existing parent (there is always the root), and tell how
 * many nodes that took. What is above an existing node exists, too: after the first guess halving finds the place among
 * a thousand missing levels in ten looks, which a transaction notes as what it depends on.
 */
static int cut_to_existing(struct request *r, struct path *p, struct image *img, unsigned *n_missing) {
	uint16_t end[PATH_BUF / 2]; /* where the nodes above p end, the root first */
	unsigned n = 0, exists = 0, absent, look;
	int err;

	end[n++] = 1;
	for (size_t i = 1; i < p->len; i++)
		if (p->s[i] == '/') end[n++] = (uint16_t)i;
	absent = n;
	for (look = n - 1; absent - exists > 1; look = (exists + absent) / 2) {
		err = view_get(&r->v, p->s, end[look], TX_EXIST, img);
		if (err) return err;
		if (img->exists)
			exists = look;
		else
			absent = look;
	}
	p->len = end[exists];
	p->s[p->len] = '\0';
	*n_missing = n - exists;
	return view_get(&r->v, p->s, p->len, TX_PERM, img);
}

/* What an unprivileged caller sees as the reason that a node is missing. */
static int missing(struct request *r, const struct path *p, unsigned need) {
	struct path up = *p;
	struct image img;
	unsigned n;
	int err;

	if (request_privileged(r)) return -ENOENT;
	/* Whoever may not look at the nearest existing parent must not learn what is not there. */
	err = cut_to_existing(r, &up, &img, &n);
	if (err) return err;
	return (perms_allow(img.perms, r->c->dom->domid, r->c->dom->target) & need) == need ? -ENOENT : -EACCES;
}

/* The node at p, which the caller must be allowed to use as `need` says. */
static int node_get(struct request *r, const struct path *p, unsigned need, unsigned know, struct image *img) {
	int err = view_get(&r->v, p->s, p->len, know | TX_PERM, img);

	if (err) return err;
	if (!img->exists) return missing(r, p, need);
	if ((perms_allow(img->perms, r->c->dom->domid, r->c->dom->target) & need) != need) return -EACCES;
	return 0;
}

/* One path and nothing else, to a node that the caller may read. */
static int get_one(struct request *r, unsigned know, struct path *p, struct image *img) {
	const char *s;
	int err;

	if (!request_strings(r, 1, &s)) return -EINVAL;
	err = request_path(r, s, false, p);
	return err ? err : node_get(r, p, PERM_READ, know, img);
}

int req_read(struct request *r) {
	struct path p;
	struct image img;
	int err = get_one(r, TX_DATA, &p, &img);

	if (!err) buf_put(&r->reply, img.value, img.value_len);
	return !err && r->reply.len > XENSTORE_PAYLOAD_MAX ? -E2BIG : err;
}

int req_directory(struct request *r) {
	struct path p;
	struct image img;
	struct node *n;
	int err = get_one(r, TX_CHILD, &p, &img);

	if (err) return err;
	n = r->v.tx ? NULL : tree_find(&r->m->tree, p.s, p.len);
	if (n && n->kids && n->kids->bytes > XENSTORE_PAYLOAD_MAX) return -E2BIG;
	err = view_children(&r->v, p.s, p.len, &r->reply);
	return !err && r->reply.len > XENSTORE_PAYLOAD_MAX ? -E2BIG : err;
}

/*
 * The reply is the generation, then whole names from `offset` on as far as there is room; an empty
 * name marks the end of the list.
 */
static void put_part(struct buf *reply, const struct buf *names, uint64_t gen, uint64_t offset) {
	size_t room, end;

	buf_printf(reply, "%llu", (unsigned long long)gen);
	buf_u8(reply, 0);
	if (offset > names->len) offset = names->len;
	room = XENSTORE_PAYLOAD_MAX - reply->len;
	end = names->len;
	if (end - offset >= room) {
		end = offset + room;
		while (end > offset && names->p[end - 1]) end--;
	}
	buf_put(reply, names->p + offset, end - offset);
	if (end == names->len) buf_u8(reply, 0);
}

int req_directory_part(struct request *r) {
	const char *s[2];
	struct buf names = { 0 };
	struct path p;
	struct image img;
	uint64_t offset;
	int err;

	if (!request_strings(r, 2, s) || !parse_number(s[1], UINT32_MAX, &offset)) return -EINVAL;
	err = request_path(r, s[0], false, &p);
	if (!err) err = node_get(r, &p, PERM_READ, TX_CHILD, &img);
	if (!err) err = view_children(&r->v, p.s, p.len, &names);
	if (!err) put_part(&r->reply, &names, img.gen, offset);
	buf_free(&names);
	return err;
}

int req_get_perms(struct request *r) {
	struct path p;
	struct image img;
	int err = get_one(r, 0, &p, &img);

	if (!err) perms_format(img.perms, &r->reply);
	return !err && r->reply.len > XENSTORE_PAYLOAD_MAX ? -E2BIG : err;
}

/* --- making and changing nodes --- */

/* What a new node below `parent` gets: the parent's list, owned by an unprivileged maker. */
static struct perms *perms_inherit(struct request *r, const struct perms *parent) {
	struct perm p[PERMS_MAX];

	memcpy(p, parent->p, parent->n * sizeof(*p));
	if (!request_privileged(r)) {
		p[0].domid = r->c->dom->domid;
		p[0].bits &= ~PERM_STALE;
	}
	return perms_get(&r->m->tree.perms, p, parent->n);
}

/* May the caller have this many nodes and bytes more? */
static int may_grow(struct request *r, unsigned nodes, uint64_t bytes) {
	struct domain *d = r->c->dom;
	int64_t have = d->n_node + (r->v.tx ? r->v.tx->nodes : 0);

	if (r->m->no_space) return -ENOSPC;
	if (nodes && !quota_allows(r->m, d, QUOTA_NODES, (have > 0 ? have : 0) + nodes)) return -ENOSPC;
	if (!quota_allows(r->m, d, QUOTA_MEMORY, d->bytes + bytes)) return -ENOSPC;
	return 0;
}

/* The nearest existing parent of p, which the caller must be allowed to write to. */
static int find_parent(struct request *r, const struct path *p, struct path *up, struct image *img,
		       unsigned *n_missing) {
	int err;

	*up = *p;
	err = cut_to_existing(r, up, img, n_missing);
	if (err) return err;
	if (!(perms_allow(img->perms, r->c->dom->domid, r->c->dom->target) & PERM_WRITE)) return -EACCES;
	return 0;
}

/* Make p and what is missing above it. */
static int make_node(struct request *r, const struct path *p, uint32_t value_len) {
	struct path up, step = *p;
	struct image img;
	struct perms *perms;
	unsigned n;
	int err = find_parent(r, p, &up, &img, &n);

	if (!err) err = may_grow(r, n, (uint64_t)n * NODE_COST + value_len);
	if (err) return err;
	perms = perms_inherit(r, img.perms);
	if (!perms) return -ENOMEM;
	for (step.len = up.len; !err && step.len < p->len;) {
		const char *slash = strchr(p->s + step.len + 1, '/');

		step.len = slash ? (size_t)(slash - p->s) : p->len;
		memcpy(step.s, p->s, step.len);
		step.s[step.len] = '\0';
		err = view_create(&r->v, &step, perms);
	}
	if (err && !r->v.tx) machine_out_of_memory();
	perms_put(&r->m->tree.perms, perms);
	return err;
}

int req_write(struct request *r) {
	const char *nul = memchr(r->data, '\0', r->h.len);
	struct perms *before = NULL;
	struct path p;
	struct image img;
	uint32_t len;
	int err;

	if (!nul) return -EINVAL;
	err = request_path(r, r->data, false, &p);
	len = r->h.len - (nul + 1 - r->data);
	if (!err) err = view_get(&r->v, p.s, p.len, TX_PERM, &img);
	if (!err && img.exists) err = node_get(r, &p, PERM_WRITE, 0, &img);
	if (!err && !quota_allows(r->m, r->c->dom, QUOTA_NODE_SIZE, len)) err = -ENOSPC;
	if (err) return err;
	if (img.exists) {
		before = perms_ref(img.perms);
		err = may_grow(r, 0, len > img.value_len ? len - img.value_len : 0);
	} else {
		err = make_node(r, &p, len);
	}
	if (!err) err = view_write(&r->v, &p, nul + 1, len);
	if (err == -ENOMEM && !before && !r->v.tx) machine_out_of_memory();
	if (!err) view_announce(&r->v, &p, before);
	perms_put(&r->m->tree.perms, before);
	return err;
}

int req_mkdir(struct request *r) {
	const char *s;
	struct path p;
	struct image img;
	int err;

	if (!request_strings(r, 1, &s)) return -EINVAL;
	err = request_path(r, s, false, &p);
	if (!err) err = view_get(&r->v, p.s, p.len, TX_PERM, &img);
	if (err) return err;
	if (img.exists) return node_get(r, &p, PERM_WRITE, 0, &img);
	err = make_node(r, &p, 0);
	if (!err) view_announce(&r->v, &p, NULL);
	return err;
}

int req_rm(struct request *r) {
	const char *s;
	struct perms *before;
	struct path p, up;
	struct image img;
	int err;

	if (!request_strings(r, 1, &s)) return -EINVAL;
	err = request_path(r, s, false, &p);
	if (err || p.len == 1) return -EINVAL;
	err = node_get(r, &p, PERM_WRITE, TX_CHILD, &img);
	if (err == -ENOENT) {
		/* To remove what does not exist is no error where its parent does. */
		up = p;
		path_parent(&up);
		err = view_get(&r->v, up.s, up.len, TX_EXIST, &img);
		return err ? err : img.exists ? 0 : -ENOENT;
	}
	if (err) return err;
	before = perms_ref(img.perms);
	err = view_remove(&r->v, &p);
	if (!err) view_announce(&r->v, &p, before);
	perms_put(&r->m->tree.perms, before);
	return err;
}

/* --- permissions --- */

static int parse_perms(struct request *r, struct perm *list, unsigned *n, const char **path) {
	const char *s[PERMS_MAX + 1];
	unsigned count = request_count(r);

	if (count < 2 || count > PERMS_MAX + 1) return -EINVAL;
	if (!request_strings(r, count, s)) return -EINVAL;
	*path = s[0];
	*n = count - 1;
	if (!quota_allows(r->m, r->c->dom, QUOTA_PERMS, *n)) return -ENOSPC;
	for (unsigned i = 0; i < *n; i++)
		if (!perm_parse(s[i + 1], &list[i])) return -EINVAL;
	return 0;
}

/* Grants to domains that do not exist must not wait for a domain of that id to come. */
static void mark_stale(struct request *r, struct perm *list, unsigned n) {
	struct question q = { .fact = FACT_DOMAIN_EXISTS };

	for (unsigned i = 0; i < n; i++) {
		const struct domain *d = domain_find(r->m, list[i].domid);

		if (list[i].domid == 0 || d == r->c->dom || (d && d->introduced)) continue;
		q.arg[0] = list[i].domid;
		if (!machine_ask(r->m, &q)) list[i].bits |= PERM_STALE;
	}
}

static int set_special(struct request *r, const char *name, struct perms *perms) {
	struct perms **slot = NULL;

	if (!request_privileged(r)) return -EACCES;
	if (!strcmp(name, "@introduceDomain"))
		slot = &r->m->perms_introduce;
	else if (!strcmp(name, "@releaseDomain"))
		slot = &r->m->perms_release;
	if (!slot) return -EINVAL;
	perms_put(&r->m->tree.perms, *slot);
	*slot = perms_ref(perms);
	return 0;
}

static int set_node(struct request *r, const struct path *p, struct perms *perms) {
	struct perms *before;
	struct image img;
	int err = node_get(r, p, PERM_WRITE | PERM_OWNER, 0, &img);

	if (err) return err;
	if (!request_privileged(r) && img.perms->p[0].domid != perms->p[0].domid) return -EPERM;
	err = may_grow(r, 0, perms->n * sizeof(struct perm));
	if (err) return err;
	before = perms_ref(img.perms);
	err = view_chmod(&r->v, p, perms);
	if (!err) view_announce(&r->v, p, before);
	perms_put(&r->m->tree.perms, before);
	return err;
}

int req_set_perms(struct request *r) {
	struct perm list[PERMS_MAX];
	struct perms *perms;
	struct path p;
	const char *s;
	unsigned n;
	int err = parse_perms(r, list, &n, &s);

	if (!err) err = request_path(r, s, true, &p);
	if (err) return err;
	mark_stale(r, list, n);
	perms = perms_get(&r->m->tree.perms, list, n);
	if (!perms) return -ENOMEM;
	err = p.s[0] == '@' ? set_special(r, p.s, perms) : set_node(r, &p, perms);
	perms_put(&r->m->tree.perms, perms);
	return err;
}
