/* SPDX-License-Identifier: MIT */
#include "domain.h"

#include <errno.h>
#include <string.h>
#include <talloc.h>

#include "conn.h"
#include "log.h"
#include "quota.h"
#include "tx.h"
#include "watch.h"
#include "wire.h"

struct domain *domain_find(const struct machine *m, unsigned domid) {
	for (struct list *l = m->domains.next; l != &m->domains; l = l->next) {
		struct domain *d = list_entry(l, struct domain, link);

		if (d->domid == domid) return d;
	}
	return NULL;
}

struct domain *domain_get(struct machine *m, unsigned domid) {
	struct domain *d = domain_find(m, domid);

	if (d) return d;
	d = talloc_zero(m, struct domain);
	if (!d) return NULL;
	d->domid = domid;
	d->target = PERM_NO_TARGET;
	d->features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
	for (int i = 0; i < QUOTA_COUNT; i++) d->quota[i] = QUOTA_INHERIT;
	list_add_tail(&m->domains, &d->link);
	return d;
}

static bool domain_idle(const struct domain *d) {
	return d->domid && !d->introduced && !d->conn && !d->n_node && !d->n_watch && !d->n_tx &&
	       d->target == PERM_NO_TARGET;
}

void domain_account(void *machine, unsigned domid, int nodes, long bytes) {
	struct machine *m = machine;
	struct domain *d = domain_get(m, domid);

	if (!d) machine_out_of_memory();
	d->n_node += nodes;
	d->bytes += bytes;
	if (domid && m->soft_memory && d->bytes > m->soft_memory && !d->soft_warned) {
		d->soft_warned = true;
		if (log_worth(++d->n_soft))
			log_warn("domain %u: soft quota \"memory\" exceeded: %lld bytes, warning at %u", domid,
				 (long long)d->bytes, m->soft_memory);
	}
	if (d->bytes < m->soft_memory) d->soft_warned = false;
}

static int ask_ring(struct machine *m, struct domain *d, uint64_t gfn, uint32_t port) {
	struct question q = { .fact = FACT_ATTACH, .arg = { d->domid, gfn, port } };
	int64_t err = machine_ask(m, &q);

	if (err) return err;
	q.fact = FACT_RING_CONS;
	d->ring_cons = machine_ask(m, &q);
	q.fact = FACT_RING_PROD;
	d->ring_prod = machine_ask(m, &q);
	return 0;
}

int domain_introduce(struct machine *m, unsigned domid, uint64_t gfn, uint32_t port) {
	struct domain *d = domain_get(m, domid);
	int err;

	if (!d) return -ENOMEM;
	err = ask_ring(m, d, gfn, port);
	if (err) {
		log_warn("domain %u: cannot attach ring (gfn %llu, port %u): %s", domid, (unsigned long long)gfn, port,
			 strerror(-err));
		return -EINVAL;
	}
	if (!d->conn)
		d->conn = conn_new(m, CONN_RING_ID | domid, d, true);
	else
		conn_reset(m, d->conn);
	if (!d->conn) machine_out_of_memory();
	d->introduced = true;
	d->shutdown = false;
	d->gfn = gfn;
	d->port = port;
	watch_fire_special(m, "@introduceDomain", domid, m->perms_introduce);
	return 0;
}

/* Remove every node that the domain owns, with all below it. */
static void remove_owned(struct machine *m, unsigned domid) {
	struct view v = { m, NULL };
	struct node *n, *next;
	struct path p;

	for (n = m->tree.root; n; n = next) {
		struct perms *before;

		if (!n->parent || n->perms->p[0].domid != domid || n->perms->p[0].bits & PERM_STALE) {
			next = tree_next(n, m->tree.root);
			continue;
		}
		/* The walk goes on at what follows the subtree: resume from the parent. */
		next = n->next;
		for (struct node *up = n->parent; !next && up; up = up->parent) next = up->next;
		p.len = node_path(n, p.s);
		p.rel = 0;
		before = perms_ref(n->perms);
		view_remove(&v, &p);
		view_announce(&v, &p, before);
		perms_put(&m->tree.perms, before);
	}
}

/* The list without the domain; the owner's entry cannot go, it falls to domain 0. */
static struct perms *perms_without(struct machine *m, const struct perms *old, unsigned domid) {
	struct perm p[PERMS_MAX];
	struct perms *out;
	unsigned n = 1;

	p[0] = old->p[0];
	if (p[0].domid == domid) p[0].domid = 0;
	for (unsigned i = 1; i < old->n; i++)
		if (old->p[i].domid != domid) p[n++] = old->p[i];
	out = perms_get(&m->tree.perms, p, n);
	if (!out) machine_out_of_memory();
	return out;
}

static bool perms_in_use(const struct perms_table *t, unsigned domid) {
	for (unsigned i = 0; i < t->n_bucket; i++)
		for (const struct perms *p = t->bucket[i]; p; p = p->hash_next)
			if (perms_names(p, domid)) return true;
	return false;
}

/* Take the domain out of every permission list: a later domain of this id must not inherit. */
static void purge_perms(struct machine *m, unsigned domid) {
	if (!perms_in_use(&m->tree.perms, domid)) return;
	for (struct node *n = m->tree.root; n; n = tree_next(n, m->tree.root)) {
		struct perms *p;
		uint64_t gen;

		if (!perms_names(n->perms, domid)) continue;
		if (m->keep_orphans && n->perms->p[0].domid == domid) continue;
		p = perms_without(m, n->perms, domid);
		gen = machine_tick(m);
		view_keep(m, n, gen, false);
		tree_set_perms(&m->tree, n, p, gen);
		perms_put(&m->tree.perms, p);
	}
}

static void purge_one(struct machine *m, struct perms **p, unsigned domid) {
	struct perms *old = *p;

	if (!old || !perms_names(old, domid) || (m->keep_orphans && old->p[0].domid == domid)) return;
	*p = perms_without(m, old, domid);
	perms_put(&m->tree.perms, old);
}

/* Nor inherit what a transaction is about to give. */
static void purge_txs(struct machine *m, unsigned domid) {
	for (struct list *t = m->txs.next; t != &m->txs; t = t->next) {
		struct tx *tx = list_entry(t, struct tx, of_machine);

		for (struct list *l = tx->entries.next; l != &tx->entries; l = l->next)
			purge_one(m, &list_entry(l, struct tx_entry, link)->perms, domid);
		for (struct list *l = tx->events.next; l != &tx->events; l = l->next)
			purge_one(m, &list_entry(l, struct tx_event, link)->before, domid);
	}
}

static void purge_special(struct machine *m, struct perms **p, unsigned domid) {
	struct perms *old = *p;

	*p = perms_without(m, old, domid);
	perms_put(&m->tree.perms, old);
}

/* Nobody acts for a dead domain. */
static void purge_targets(struct machine *m, unsigned domid) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &m->domains) {
		struct domain *d = list_entry(l, struct domain, link);

		if (d->target == domid) d->target = PERM_NO_TARGET;
	}
}

void domain_release(struct machine *m, unsigned domid) {
	struct domain *d = domain_find(m, domid);
	bool introduced = d && d->introduced;

	if (domid == 0) return;
	if (d && d->conn) conn_free(m, d->conn);
	if (d) {
		d->introduced = false;
		d->target = PERM_NO_TARGET;
	}
	if (!m->keep_orphans) remove_owned(m, domid);
	purge_perms(m, domid);
	purge_txs(m, domid);
	purge_special(m, &m->perms_introduce, domid);
	purge_special(m, &m->perms_release, domid);
	purge_targets(m, domid);
	if (introduced) watch_fire_special(m, "@releaseDomain", domid, m->perms_release);
	d = domain_find(m, domid);
	if (d && domain_idle(d)) {
		list_del(&d->link);
		talloc_free(d);
	}
}
