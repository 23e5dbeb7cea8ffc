/* SPDX-License-Identifier: MIT */
/* Inputs of the machine as journal records: applied live, and again in replay, by the same code. */
#include "worker.h"

#include <string.h>

static bool apply_open(struct machine *m, const struct record *r) {
	if (machine_conn(m, r->conn)) return false;
	return machine_open(m, r->conn) != NULL;
}

static uint32_t word(const struct record *r, unsigned i) {
	uint32_t v = 0;

	if (r->len >= (i + 1) * sizeof(v)) memcpy(&v, r->data + i * sizeof(v), sizeof(v));
	return v;
}

static bool apply_conn(struct machine *m, const struct record *r) {
	struct conn *c = machine_conn(m, r->conn);

	if (!c) return false;
	switch (r->type) {
	case REC_CLOSE: machine_close(m, c); return true;
	case REC_INPUT: machine_input(m, c, r->data, r->len); return true;
	case REC_FLUSH: machine_flush(m, c); return true;
	case REC_RING_RESET: machine_ring_reset(m, c, word(r, 0), word(r, 1)); return true;
	case REC_BREAK: machine_break(m, c, word(r, 0)); return true;
	default: return false;
	}
}

bool record_apply(struct machine *m, const struct record *r) {
	switch (r->type) {
	case REC_OPEN: return apply_open(m, r);
	case REC_SHUTDOWN: machine_domain_shutdown(m, r->conn); return true;
	case REC_GONE: machine_domain_gone(m, r->conn); return true;
	case REC_DOM0: machine_dom0(m, word(r, 0)); return true;
	case REC_NO_SPACE: machine_no_space(m, word(r, 0)); return true;
	default: return apply_conn(m, r);
	}
}

/* The record's data is in the journal's room already. */
static void apply_and_append(struct worker *w, const struct record *r) {
	struct machine *m = w->m;

	m->answers.len = 0;
	record_apply(m, r);
	journal_append(&w->j, r->type, r->conn, r->len, m->answers.p, m->answers.len);
}

void worker_feed(struct worker *w, struct conn *c, const char *data, size_t n) {
	struct journal_head *h = w->j.head;
	struct record r = { .type = REC_INPUT, .conn = c->id, .data = data, .len = n };

	/* Should a request kill us, the next worker knows which client sent it. */
	h->suspect_seq = w->j.next;
	__atomic_store_n(&h->suspect_conn, c->id, __ATOMIC_RELEASE);
	apply_and_append(w, &r);
	__atomic_store_n(&h->suspect_conn, 0, __ATOMIC_RELEASE);
}

void worker_note(struct worker *w, enum record_type type, uint32_t conn, const void *arg, size_t n) {
	char *room = worker_room(w, n);
	struct record r = { .type = type, .conn = conn, .data = room, .len = n };

	if (n) memcpy(room, arg, n);
	apply_and_append(w, &r);
}
