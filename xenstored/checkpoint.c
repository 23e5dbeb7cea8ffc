/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: when a half of the journal is used up, a forked child - which has the machine as
 * it is at this instant - writes it to the database while this process goes on serving into the
 * other half. If the child fails, nothing is lost: both halves stay and it is tried again, with
 * everything to write. If the disk is full (or broken), whatever would grow the store is refused
 * with ENOSPC until one has succeeded; the journal keeps a reserve in which all else goes on.
 * Only when that is used up as well do clients wait.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "log.h"

/* Percent of a half. */
#define CHECKPOINT_AT 50u
#define RETRY_MS      1000

int64_t now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void checkpoint_child(struct worker *w, uint64_t seq, pid_t parent) {
	/* A worker's checkpoint must not go on when its successor may be writing its own. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) _exit(1);
	_exit(-db_checkpoint(w->db_path, w->m, seq, w->opt->durable_power) & 0x7f);
}

static void checkpoint_start(struct worker *w) {
	pid_t parent = getpid(), pid;
	uint64_t seq;

	journal_rotate(&w->j);
	seq = w->j.next - 1;
	pid = fork();
	if (pid < 0) {
		log_warn("cannot fork for a checkpoint: %s", strerror(errno));
		w->retry_at = now_ms() + RETRY_MS;
		return;
	}
	if (pid == 0) checkpoint_child(w, seq, parent);
	w->checkpoint = pid;
	w->checkpoint_seq = seq;
	tree_clean(&w->m->tree);
}

static void set_no_space(struct worker *w, bool on) {
	uint32_t arg = on;

	if (w->m->no_space == on) return;
	w->j.use_reserve = true;
	if (!journal_room(&w->j, sizeof(arg))) return;
	log_msg(on ? LOG_ERR : LOG_NOTICE, on ? "no space for the database: refusing what would make it grow"
					      : "there is space for the database again");
	worker_note(w, REC_NO_SPACE, 0, &arg, sizeof(arg));
	w->j.use_reserve = on;
}

void worker_checkpoint_done(struct worker *w, int status) {
	int err = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;

	w->checkpoint = 0;
	if (err) {
		log_warn("checkpoint failed: %s", strerror(err));
		w->m->tree.dirty_all = true;
		w->retry_at = now_ms() + RETRY_MS;
		if (err != EINTR) set_no_space(w, true);
		return;
	}
	w->retry_at = 0;
	journal_covered(&w->j, w->checkpoint_seq);
	set_no_space(w, false);
}

void worker_checkpoint_tick(struct worker *w) {
	if (w->checkpoint) return;
	if (w->retry_at ? now_ms() >= w->retry_at : journal_used(&w->j) >= CHECKPOINT_AT) checkpoint_start(w);
}

int worker_checkpoint_now(struct worker *w) {
	int err = db_checkpoint(w->db_path, w->m, w->j.next - 1, w->opt->durable_power);

	if (err) {
		log_err("%s: cannot write: %s", w->db_path, strerror(-err));
		return err;
	}
	tree_clean(&w->m->tree);
	journal_covered(&w->j, w->j.next - 1);
	return 0;
}

/* Wait for the running checkpoint, or for the time to try again. */
static void checkpoint_wait(struct worker *w) {
	struct timespec pause = { 0, 50 * 1000000 };
	int status;

	if (!w->checkpoint) {
		nanosleep(&pause, NULL);
		worker_checkpoint_tick(w);
		return;
	}
	if (waitpid(w->checkpoint, &status, 0) == w->checkpoint) worker_checkpoint_done(w, status);
}

char *worker_room(struct worker *w, size_t n) {
	char *room = journal_room(&w->j, n);

	while (!room) {
		if (!journal_rotate(&w->j)) checkpoint_wait(w);
		room = journal_room(&w->j, n);
	}
	return room;
}
