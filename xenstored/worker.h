/* SPDX-License-Identifier: MIT */
/*
 * The worker: the process that serves.
 *
 * It owns the machine and moves bytes between it and the clients. One turn of its event loop is:
 * take one piece of input from each connection that has some (so nobody waits for another's
 * flood), journal and execute it, turn waiting events into output, wait for the disk if asked to,
 * send. It may be killed between any two instructions. Its parent, the holder (holder.h), keeps
 * the listening socket, the clients' sockets and the flight page open; a new worker loads the last
 * checkpoint, replays the journal, finds out from the kernel how far each transfer had come, and
 * goes on. The rings of domains are mapped and bound anew: what is in flight there is in the
 * shared page, and the positions in it are the journal's.
 */
#pragma once

#include <sys/types.h>

#include "conn.h"
#include "journal.h"
#include "options.h"
#include "xen.h"

/* A connection's outer end. */
struct peer {
	struct conn *conn;
	struct journal_slot *slot;
	/* Member of worker.ready: there may be input. */
	struct list ready;
	/* Nothing can be sent until the kernel or the guest says so. */
	bool blocked;
	/* Not read until its output has drained. */
	bool stalled;
	/* The client has closed its end: read on until the end shows. */
	bool hung_up;
	/* Sockets. */
	int fd;
	/* Rings. */
	struct ring *ring;
};

struct ring {
	struct list link;
	unsigned domid;
	struct xenstore_domain_interface *page;
	int port;
	bool notify;
};

struct worker {
	const struct options *opt;
	struct machine *m;
	struct journal j;
	struct outside outside;
	char db_path[300];
	int epoll, signals, control;
	struct flight *flight;
	bool have_xen;
	int exception_port;
	struct list ready, rings;
	/* Rings were attached by the input just executed. */
	bool new_rings;
	pid_t checkpoint;
	uint64_t checkpoint_seq;
	int64_t retry_at;
	/* Generation that the disk has, with --durable power. */
	uint64_t synced;
	/* Live update: the program to go on as, and its arguments. */
	char *update_file, *update_args;
	bool update, stop, orphaned;
};

/* What a worker's end means to the holder (exit status). */
#define WORKER_STOPPED 0
#define WORKER_UPDATE  10
#define WORKER_REFUSED 11

/* Message between holder and worker. */
enum control_type { CONTROL_OPEN = 1, CONTROL_CLOSE, CONTROL_READY, CONTROL_UPDATE };
struct control_msg {
	uint32_t type;
	/* The connection; for CONTROL_READY the last one that the store knows of. */
	uint32_t id;
	/* CONTROL_UPDATE: the file and the arguments, NUL-separated. */
	char text[1024];
};

/* What the holder gives a new worker. */
struct handover {
	int control;
	int flight;
	uint32_t n;
	const struct held {
		uint32_t id;
		int fd;
	} * held;
};

/*
 * Recover and serve. Returns an exit status (WORKER_), or -1 when the holder died: then *left
 * tells the caller which connections to hold.
 */
int worker_run(const struct options *o, const struct handover *h, struct held **left, uint32_t *n_left);

/*
 * Whether a worker takes the place of a holder that died. It does not where it could not open again
 * what it has (--user), nor where systemd starts both anew, with what it keeps for them.
 */
bool worker_may_succeed(const struct options *o);

/* --- parts of the worker --- */

/* worker.c: send a message to the holder. */
void worker_tell(struct worker *w, const struct control_msg *msg, size_t n);

/* recover.c: load, replay, put every transfer right. Returns 0, or -errno after logging why. */
int worker_recover(struct worker *w, const struct handover *h);

/* checkpoint.c */
/* Room for n bytes of input, after a checkpoint if that is needed to get it. */
char *worker_room(struct worker *w, size_t n);
/* Start one if it is time; harvest one that is done. */
void worker_checkpoint_tick(struct worker *w);
void worker_checkpoint_done(struct worker *w, int status);
/* Write one now, in this process. */
int worker_checkpoint_now(struct worker *w);
int64_t now_ms(void);

/* input.c: inputs, journaled. */
void worker_feed(struct worker *w, struct conn *c, const char *data, size_t n);
void worker_note(struct worker *w, enum record_type type, uint32_t conn, const void *arg, size_t n);
/* Apply a record to the machine (live or in replay). False when it makes no sense. */
bool record_apply(struct machine *m, const struct record *r);

/* peers: sock.c and ring.c */
struct peer *peer_new(struct worker *w, struct conn *c);
void peer_free(struct worker *w, struct peer *p);
int sock_attach(struct worker *w, struct conn *c, int fd);
/*
 * Receive the next piece of input into `room` of the journal: bytes, 0 at the end, -EAGAIN, or
 * another -errno. Until sock_taken() the bytes are in flight.
 */
ssize_t sock_receive(struct worker *w, struct peer *p, char *room, size_t n);
/* What was received has been journaled. */
void sock_taken(struct worker *w);
/* Send what is queued; -errno when the client is gone. */
int sock_send(struct worker *w, struct peer *p);

/* The page in which transfers under way are written down: a descriptor for it, or -1. */
int flight_make(void);
/* Map it; returns 0 or -errno. */
int flight_open(struct worker *w, int fd);
/* Book the output that had been handed over when the last worker died. */
void flight_recover_output(struct worker *w);
/* Execute the input that it had received but not journaled. */
void flight_recover_input(struct worker *w);

int64_t ring_attach(struct worker *w, unsigned domid, uint64_t gfn, uint32_t port);
struct ring *ring_find(struct worker *w, unsigned domid);
struct ring *ring_by_port(struct worker *w, int port);
void ring_detach(struct worker *w, struct ring *r);
/* Give domains' connections their rings. */
void ring_adopt(struct worker *w);
ssize_t ring_read(struct worker *w, struct peer *p, char *buf, size_t n);
void ring_taken(struct peer *p);
int ring_send(struct peer *p);
void ring_notify_all(struct worker *w);
/* The guest asked for a new start: true when it was given one. */
bool ring_reconnect(struct worker *w, struct peer *p);
/* Make the page say what the machine says. */
void ring_restore(struct peer *p);
void ring_show_error(struct peer *p, uint32_t error);
