/* SPDX-License-Identifier: MIT */
/*
 * Fuzz the whole request path: the input is a script of what clients and domains send.
 *
 * Two machines with different hash seeds execute the same script. Afterwards both must be
 * consistent, their states equal to the byte (the machine is deterministic), and a third machine
 * built from the first one's checkpoint must be equal to it again (nothing is lost in one).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenstored/check.h"
#include "../../xenstored/conn.h"
#include "../../xenstored/domain.h"
#include "../../xenstored/log.h"
#include "../../xenstored/state.h"
#include "../../xenstored/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_SOCKETS 3u
#define N_DOMAINS 3u
#define OPS_MAX   400

struct script {
	const uint8_t *p, *end;
};

static const char *const words[] = { "/",
				     "/a",
				     "/a/b",
				     "/a/b/c",
				     "/local/domain/1/x",
				     "x",
				     "x/y",
				     "@releaseDomain",
				     "@introduceDomain",
				     "n0",
				     "r1",
				     "b2",
				     "n1",
				     "w3",
				     "1",
				     "2",
				     "T",
				     "F",
				     "token",
				     "4294967295",
				     "/local/domain/2",
				     "65535",
				     "//",
				     "quota",
				     "set",
				     "nodes",
				     "check",
				     "memreport",
				     "help",
				     "-1",
				     "0",
				     "/a/" };

static uint8_t next(struct script *s) { return s->p < s->end ? *s->p++ : 0; }

static int64_t fake_ask(void *arg, const struct question *q) {
	(void)arg;
	switch (q->fact) {
	case FACT_ATTACH: return q->arg[1] % 5 ? 0 : -22;
	case FACT_DOMAIN_EXISTS: return q->arg[0] <= N_DOMAINS;
	default: return 0;
	}
}

static void fake_gone(void *arg, struct conn *c) {
	(void)arg;
	(void)c;
}

static const struct outside fake_outside = { fake_ask, fake_gone, NULL };

static struct conn *pick_conn(struct machine *m, uint8_t which) {
	uint32_t n = which % (N_SOCKETS + N_DOMAINS);

	return machine_conn(m, n < N_SOCKETS ? n + 1 : CONN_RING_ID | (n - N_SOCKETS + 1));
}

/* A payload of words and raw bytes. */
static size_t payload(struct script *s, char *out, size_t room) {
	unsigned n = next(s) % 6;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t w = next(s);
		size_t k;

		if (w & 0x80) {
			for (k = w & 15; k && len < room; k--) out[len++] = next(s);
			continue;
		}
		k = strlen(words[w % (sizeof(words) / sizeof(*words))]) + !(w & 0x40);
		if (len + k > room) break;
		memcpy(out + len, words[w % (sizeof(words) / sizeof(*words))], k);
		len += k;
	}
	return len;
}

static void one_request(struct machine *m, struct script *s) {
	char buf[1024];
	struct conn *c = pick_conn(m, next(s));
	struct xsd_sockmsg h = { .type = next(s) % 28, .req_id = 1, .tx_id = next(s) & 3 };
	size_t n = payload(s, buf + sizeof(h), sizeof(buf) - sizeof(h));
	uint8_t odd = next(s);

	h.len = odd == 255 ? 5000 : n;
	memcpy(buf, &h, sizeof(h));
	n += sizeof(h);
	if (!c) return;
	if (odd % 4 == 3) {
		machine_input(m, c, buf, n / 2);
		c = machine_conn(m, c->id);
		if (c) machine_input(m, c, buf + n / 2, n - n / 2);
		return;
	}
	machine_input(m, c, buf, n);
}

static void one_event(struct machine *m, struct script *s) {
	uint8_t what = next(s), who = next(s);
	struct conn *c = pick_conn(m, who);

	switch (what % 8) {
	case 0: machine_domain_gone(m, who % N_DOMAINS + 1); break;
	case 1: machine_domain_shutdown(m, who % N_DOMAINS + 1); break;
	case 2: domain_introduce(m, who % N_DOMAINS + 1, who, 3); break;
	case 3:
		if (c && c->is_ring) machine_ring_reset(m, c, 0, 0);
		break;
	case 4:
		if (c && !c->is_ring) {
			uint32_t id = c->id;

			machine_close(m, c);
			machine_open(m, id);
		}
		break;
	case 5: machine_no_space(m, who & 1); break;
	default:
		if (c) machine_flush(m, c);
	}
}

/* Output is taken at once, so that its amount does not matter. */
static void drain(struct machine *m) {
	for (struct list *l = m->conns.next; l != &m->conns; l = l->next) {
		struct conn *c = list_entry(l, struct conn, link);

		conn_sent(c, conn_queued(c));
	}
}

static struct machine *play(const uint8_t *data, size_t size, uint64_t seed) {
	struct script s = { data, data + size };
	struct machine *m;

	path_hash_seed = seed;
	m = machine_new(&fake_outside);
	if (!m || !machine_boot(m)) abort();
	for (uint32_t i = 1; i <= N_SOCKETS; i++) machine_open(m, i);
	for (unsigned i = 1; i <= N_DOMAINS; i++) domain_introduce(m, i, 1, 1);
	for (int i = 0; i < OPS_MAX && s.p < s.end; i++) {
		m->answers.len = 0;
		if (next(&s) % 8)
			one_request(m, &s);
		else
			one_event(m, &s);
		if (i % 16 == 0) drain(m);
	}
	drain(m);
	return m;
}

static void must_be_good(const struct machine *m) {
	struct buf why = { 0 };

	if (machine_check(m, &why)) {
		fwrite(why.p, 1, why.len, stderr);
		abort();
	}
	buf_free(&why);
}

/* All nodes, then the state. */
static void image(const struct machine *m, struct buf *b) {
	char path[PATH_BUF];

	for (const struct node *n = m->tree.root; n; n = tree_next(n, m->tree.root)) {
		buf_blob(b, path, node_path(n, path));
		node_save(n, b);
	}
	state_save(m, b);
}

static struct machine *rebuild(const struct machine *m) {
	struct machine *copy = machine_new(&fake_outside);
	struct node_record *r = calloc(m->tree.n_node, sizeof(*r));
	struct buf *raw = calloc(m->tree.n_node, sizeof(*raw)), state = { 0 };
	char(*paths)[PATH_BUF] = malloc(m->tree.n_node * PATH_BUF);
	struct cursor c;
	size_t i = 0;

	if (!copy || !r || !raw || !paths) abort();
	for (const struct node *n = m->tree.root; n; n = tree_next(n, m->tree.root), i++) {
		size_t len = node_path(n, paths[i]);

		node_save(n, &raw[i]);
		c = (struct cursor){ raw[i].p, raw[i].p + raw[i].len, false };
		if (!node_record_load(copy, paths[i], len, &c, &r[i])) abort();
	}
	state_save(m, &state);
	c = (struct cursor){ state.p, state.p + state.len, false };
	if (!tree_build(copy, r, i, false) || !state_load(copy, &c)) abort();
	while (i--) buf_free(&raw[i]);
	buf_free(&state);
	free(raw);
	free(r);
	free(paths);
	return copy;
}

static void must_be_equal(const struct machine *a, const struct machine *b) {
	struct buf x = { 0 }, y = { 0 };

	image(a, &x);
	image(b, &y);
	if (x.len != y.len || memcmp(x.p, y.p, x.len)) abort();
	buf_free(&x);
	buf_free(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct machine *a, *b, *copy;

	log_mute(true);
	a = play(data, size, PATH_HASH_INIT);
	must_be_good(a);
	copy = rebuild(a);
	must_be_good(copy);
	must_be_equal(a, copy);
	machine_free(copy);
	b = play(data, size, 0x1234567890abcdefull);
	must_be_equal(a, b);
	machine_free(b);
	path_hash_seed = PATH_HASH_INIT;
	machine_free(a);
	return 0;
}
