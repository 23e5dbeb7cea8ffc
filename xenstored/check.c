/* SPDX-License-Identifier: MIT */
/*
 * Invariants:
 *   every node is found by its path, and the tree has as many nodes as the table
 *   a parent's counters are those of its children; its generations are not below theirs' births
 *   a domain's books are the sum over its nodes, watches and transactions
 *   a connection's counters are those of its lists
 */
#include "check.h"

#include <stdlib.h>

#include "domain.h"
#include "tx.h"

struct books {
	uint32_t n_node[65536];
	int64_t bytes[65536];
};

static int node_check(const struct machine *m, const struct node *n, struct buf *why) {
	uint32_t count = 0, bytes = 0;
	char path[PATH_BUF];
	size_t len = node_path(n, path);
	int bad = 0;

	for (const struct node *c = node_first(n); c; c = c->next) {
		count++;
		bytes += c->name_len + 1;
		bad += c->parent != n || (c->next && c->next->prev != c) || c->birth > node_cgen(n);
	}
	bad += tree_find(&m->tree, path, len) != n;
	if (n->kids) bad += count != n->kids->n || bytes != n->kids->bytes;
	bad += n->birth > n->gen || n->pgen > n->gen || n->gen > m->tree.generation;
	if (bad) buf_printf(why, "node %s is inconsistent\n", path);
	return bad;
}

static int tree_check(const struct machine *m, struct books *b, struct buf *why) {
	size_t count = 0;
	int bad = 0;

	for (const struct node *n = m->tree.root; n; n = tree_next(n, m->tree.root)) {
		count++;
		bad += node_check(m, n, why);
		if (n->perms->p[0].bits & PERM_STALE) continue;
		b->n_node[n->perms->p[0].domid]++;
		b->bytes[n->perms->p[0].domid] += node_bytes(n);
	}
	if (count != m->tree.n_node) {
		buf_printf(why, "%zu nodes reachable, %zu known\n", count, m->tree.n_node);
		bad++;
	}
	return bad;
}

static uint32_t list_length(const struct list *head) {
	uint32_t n = 0;

	for (const struct list *l = head->next; l != head; l = l->next) n++;
	return n;
}

static int conn_check(const struct conn *c, struct buf *why) {
	int bad = list_length(&c->watches) != c->n_watch || list_length(&c->txs) != c->n_tx ||
		  list_length(&c->events) != c->n_events || c->out_head > c->out_len;

	if (bad) buf_printf(why, "connection %x is inconsistent\n", c->id);
	return bad;
}

static int domain_check(const struct machine *m, const struct domain *d, const struct books *b, struct buf *why) {
	uint32_t watches = 0, txs = 0;
	int bad;

	for (const struct list *l = m->conns.next; l != &m->conns; l = l->next) {
		const struct conn *c = list_entry(l, struct conn, link);

		watches += c->dom == d ? c->n_watch : 0;
		txs += c->dom == d ? c->n_tx : 0;
	}
	bad = d->n_node != b->n_node[d->domid] || d->bytes != b->bytes[d->domid] || d->n_watch != watches ||
	      d->n_tx != txs;
	if (bad)
		buf_printf(why, "domain %u: books say %u nodes, %lld bytes; found %u, %lld\n", d->domid, d->n_node,
			   (long long)d->bytes, b->n_node[d->domid], (long long)b->bytes[d->domid]);
	return bad;
}

int machine_check(const struct machine *m, struct buf *why) {
	struct books *b = calloc(1, sizeof(*b));
	const struct list *l;
	int bad;

	if (!b) return 0;
	bad = tree_check(m, b, why);
	for (l = m->conns.next; l != &m->conns; l = l->next) bad += conn_check(list_entry(l, struct conn, link), why);
	for (l = m->domains.next; l != &m->domains; l = l->next)
		bad += domain_check(m, list_entry(l, struct domain, link), b, why);
	free(b);
	return bad;
}
