/* SPDX-License-Identifier: MIT */
/* How a worker comes to be: database, journal, transfers, rings - in this order. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "domain.h"
#include "log.h"
#include "state.h"
#include "tx.h"

/* Crashes at the same input before its sender is cut off. */
#define CRASHES_MAX 3u

static void read_boot_id(char out[JOURNAL_BOOT_ID]) {
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(out, 0, JOURNAL_BOOT_ID);
	if (f && fgets(out, JOURNAL_BOOT_ID, f)) out[strcspn(out, "\n")] = '\0';
	if (f) fclose(f);
}

/* Wait until the last worker and its checkpoint are gone; the lock is held until this one is. */
static int lock_dir(const char *dir) {
	char path[320];
	int fd;

	if (mkdir(dir, 0700) && errno != EEXIST) return -errno;
	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return -errno;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		struct timespec pause = { 0, 5 * 1000000 };

		if (i == 2000) {
			log_err("%s is in use by another xenstored", dir);
			return -EBUSY;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

static struct machine *fresh(struct worker *w) {
	struct machine *m = machine_new(&w->outside);

	if (m) m->keep_orphans = w->opt->keep_orphans;
	return m;
}

/* A damaged database: repair it if nothing is lost, or if that was asked for. */
static int repair(struct worker *w, uint64_t *seq) {
	char aside[340];
	long lost;

	log_err("%s is damaged", w->db_path);
	machine_free(w->m);
	w->m = fresh(w);
	lost = w->m ? db_salvage(w->db_path, w->m, seq) : -ENOMEM;
	if (lost < 0) {
		log_err("%s: nothing usable is left; move it away to start empty", w->db_path);
		return -EIO;
	}
	if (lost && !w->opt->repair) {
		log_err("%s: %ld nodes are lost; start with --repair to go on without them", w->db_path, lost);
		return -EIO;
	}
	snprintf(aside, sizeof(aside), "%s.damaged", w->db_path);
	if (rename(w->db_path, aside)) return -errno;
	log_warn("%s repaired, %ld nodes lost; the damaged file is kept as %s", w->db_path, lost, aside);
	w->m->tree.dirty_all = true;
	return 0;
}

static int load(struct worker *w, uint64_t *seq) {
	int64_t start = now_ms();
	int err;

	w->m = fresh(w);
	if (!w->m) return -ENOMEM;
	err = db_load(w->db_path, w->m, seq);
	log_debug("database read in %lld ms", (long long)(now_ms() - start));
	return err == -EIO ? repair(w, seq) : err;
}

/*
 * Drop from a connection's output what is known to have been sent. One without a slot has been
 * closed, its record is still to come: nothing of its output is wanted.
 */
static void drop_sent(struct worker *w, struct conn *c) {
	const struct journal_slot *s = journal_slot_find(&w->j, c->id);
	uint64_t sent = s ? s->sent : UINT64_MAX, n;

	if (sent < c->out_base) sent = c->out_base;
	n = sent > c->out_pos ? sent - c->out_pos : 0;
	conn_sent(c, n < conn_queued(c) ? n : conn_queued(c));
}

static bool replay_one(void *arg, const struct record *r) {
	struct worker *w = arg;
	struct conn *c;

	w->m->replay_answers = (struct cursor){ r->answers, r->answers + r->answers_len, false };
	if (!record_apply(w->m, r) || w->m->replay_answers.bad) {
		log_mute(false);
		log_err("journal record %llu (type %d) does not fit the state", (unsigned long long)r->seq, r->type);
		return false;
	}
	c = machine_conn(w->m, r->conn);
	if (c && (r->type == REC_INPUT || r->type == REC_FLUSH)) drop_sent(w, c);
	return true;
}

static int replay(struct worker *w, uint64_t seq) {
	int64_t start = now_ms();
	int err;

	w->m->replaying = true;
	log_mute(true);
	err = journal_replay(&w->j, seq, replay_one, w);
	log_mute(false);
	log_debug("%llu records replayed in %lld ms", (unsigned long long)(w->j.next - 1 - seq),
		  (long long)(now_ms() - start));
	w->m->replaying = false;
	if (err) log_err("the journal is damaged after record %llu", (unsigned long long)w->j.next - 1);
	return err;
}

/* Nothing to go on from: an empty store for this boot. */
static int start_empty(struct worker *w, const char *boot_id) {
	if (unlink(w->db_path) && errno != ENOENT) return -errno;
	if (w->m) machine_free(w->m);
	w->m = fresh(w);
	if (!w->m || !machine_boot(w->m)) return -ENOMEM;
	journal_reset(&w->j, boot_id, 1);
	return worker_checkpoint_now(w);
}

/* The machine was rebooted: no client, no domain is left, only the tree may stay. */
static int start_rebooted(struct worker *w, const char *boot_id) {
	struct list *l, *tmp;
	uint64_t seq;
	int err;

	if (!w->opt->keep_tree) {
		log_info("new boot: starting with an empty store");
		return start_empty(w, boot_id);
	}
	err = load(w, &seq);
	if (err || !w->m->tree.root) return err ? err : start_empty(w, boot_id);
	/* What the disk has of the journal is a prefix; its end is no damage. */
	w->m->replaying = true;
	log_mute(true);
	journal_replay(&w->j, seq, replay_one, w);
	log_mute(false);
	list_each_safe(l, tmp, &w->m->conns) conn_free(w->m, list_entry(l, struct conn, link));
	list_each_safe(l, tmp, &w->m->domains) {
		struct domain *d = list_entry(l, struct domain, link);

		d->introduced = false;
		if (d->domid) domain_release(w->m, d->domid);
	}
	w->m->replaying = false;
	err = worker_checkpoint_now(w);
	if (!err) journal_reset(&w->j, boot_id, w->j.next);
	return err;
}

/* Command-line quotas win over remembered ones. */
static void apply_options(struct worker *w) {
	for (int i = 0; i < QUOTA_COUNT; i++)
		if (w->opt->quota[i] != QUOTA_INHERIT) w->m->quota[i] = w->opt->quota[i];
	if (w->opt->soft_memory != UINT32_MAX) w->m->soft_memory = w->opt->soft_memory;
	w->m->keep_orphans = w->opt->keep_orphans;
}

static int recover_state(struct worker *w) {
	char boot_id[JOURNAL_BOOT_ID], path[320];
	uint64_t seq;
	int err = lock_dir(w->opt->db_dir);

	if (err) return err;
	read_boot_id(boot_id);
	snprintf(path, sizeof(path), "%s/journal", w->opt->db_dir);
	err = journal_open(&w->j, path, w->opt->journal_size);
	if (err) {
		log_err("%s: %s", path, err == -EINVAL ? "not a journal of this version" : strerror(-err));
		return err;
	}
	flight_recover_output(w);
	if (!w->j.head->boot_id[0]) return start_empty(w, boot_id);
	if (strcmp(w->j.head->boot_id, boot_id)) return start_rebooted(w, boot_id);
	err = load(w, &seq);
	if (err) {
		log_err("%s: %s", w->db_path, strerror(-err));
		return err;
	}
	if (!w->m->tree.root) {
		/* Killed before the first checkpoint, or the file was taken away. */
		if (w->j.head->tail[0] || w->j.head->tail[1]) {
			log_err("%s is missing but the journal is not empty", w->db_path);
			return -EIO;
		}
		return start_empty(w, boot_id);
	}
	return replay(w, seq);
}

/* --- transfers --- */

static void recover_sockets(struct worker *w, const struct handover *h) {
	for (uint32_t i = 0; i < h->n; i++) {
		struct conn *c = machine_conn(w->m, h->held[i].id);
		struct control_msg msg = { .type = CONTROL_CLOSE, .id = h->held[i].id };

		if (!c && h->held[i].id <= w->m->last_open) {
			/* It had been closed; the holder was not told in time. */
			log_debug("connection %x had ended", h->held[i].id);
			close(h->held[i].fd);
			worker_tell(w, &msg, 8);
			continue;
		}
		if (!c) {
			worker_note(w, REC_OPEN, h->held[i].id, NULL, 0);
			c = machine_conn(w->m, h->held[i].id);
		}
		if (!c || sock_attach(w, c, h->held[i].fd)) {
			close(h->held[i].fd);
			worker_tell(w, &msg, 8);
			continue;
		}
		drop_sent(w, c);
	}
}

/* Connections whose socket is gone. */
static void close_lost(struct worker *w) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &w->m->conns) {
		struct conn *c = list_entry(l, struct conn, link);

		if (!c->peer && !c->is_ring) {
			log_info("connection %x: its socket is lost", c->id);
			worker_note(w, REC_CLOSE, c->id, NULL, 0);
		}
	}
}

/* Slots of connections that are gone. */
static void free_slots(struct worker *w) {
	for (uint32_t i = 0; i < JOURNAL_SLOTS; i++) {
		struct journal_slot *s = &w->j.slot[i];

		if (s->conn && !machine_conn(w->m, s->conn)) journal_slot_free(s);
	}
}

static void recover_rings(struct worker *w) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &w->m->domains) {
		struct domain *d = list_entry(l, struct domain, link);

		if (!d->introduced || !w->have_xen) continue;
		if (d->conn) drop_sent(w, d->conn);
		if (d->domid && xen_life(d->domid) == XEN_GONE) {
			worker_note(w, REC_GONE, d->domid, NULL, 0);
			continue;
		}
		if (ring_attach(w, d->domid, d->gfn, d->port))
			log_err("domain %u: its ring cannot be attached again", d->domid);
	}
	ring_adopt(w);
}

/* The last worker died while executing an input; cut off a client that does it again and again. */
static void judge_suspect(struct worker *w) {
	struct journal_head *h = w->j.head;
	uint32_t id = h->suspect_conn, why = CONN_COMM;
	struct conn *c = id ? machine_conn(w->m, id) : NULL;

	h->suspect_conn = 0;
	if (!c) return;
	h->crash_count = h->crash_seq == h->suspect_seq ? h->crash_count + 1 : 1;
	h->crash_seq = h->suspect_seq;
	if (h->crash_count < CRASHES_MAX) return;
	log_err("connection %x (domain %u): its request made the daemon fail %u times; cut off", id, c->dom->domid,
		h->crash_count);
	h->crash_count = 0;
	worker_note(w, REC_BREAK, id, &why, sizeof(why));
}

int worker_recover(struct worker *w, const struct handover *h) {
	int64_t start = now_ms();
	int err;

	snprintf(w->db_path, sizeof(w->db_path), "%s/tdb", w->opt->db_dir);
	err = recover_state(w);
	if (err) return err;
	apply_options(w);
	w->j.use_reserve = w->m->no_space;
	if (w->m->no_space) w->retry_at = now_ms();
	judge_suspect(w);
	flight_recover_input(w);
	recover_sockets(w, h);
	close_lost(w);
	recover_rings(w);
	free_slots(w);
	log_info("serving %zu nodes, %u connections, %u watches, %u transactions; ready in %lld ms", w->m->tree.n_node,
		 w->m->n_conn, w->m->n_watch, w->m->n_tx, (long long)(now_ms() - start));
	return 0;
}
