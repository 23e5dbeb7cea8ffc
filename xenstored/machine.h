/* SPDX-License-Identifier: MIT */
/*
 * The store as a deterministic machine.
 *
 * Everything that the store knows is in struct machine: the tree, connections with the bytes they
 * have not finished sending or receiving, watches, transactions, domains, quotas. It changes by
 * the inputs below and by nothing else - no clock, no file, no descriptor. What an input needs to
 * learn from outside (could the ring be mapped? does the domain exist?) it asks with
 * machine_ask(); the answers are recorded beside the input. So the same inputs with the same
 * answers give the same machine, to the byte of every reply. That is what makes the daemon
 * crash-only: the journal keeps the inputs since the last checkpoint, and a new process replays
 * them (see journal.h, worker.c).
 *
 * Rule for everything below machine_*(): no behaviour may depend on an address, on the order of a
 * hash table, on time, or on how much of a connection's output has been sent already.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "history.h"
#include "list.h"
#include "tree.h"

struct machine;
struct conn;

/* --- quotas: see quota.c for their names --- */
enum quota_id {
	QUOTA_NODES,
	QUOTA_WATCHES,
	QUOTA_TRANSACTIONS,
	QUOTA_OUTSTANDING,
	QUOTA_TX_NODES,
	QUOTA_MEMORY,
	QUOTA_NODE_SIZE,
	QUOTA_PATH_MAX,
	QUOTA_PERMS,
	QUOTA_COUNT
};
#define QUOTA_INHERIT UINT32_MAX

/* --- domains: made when first heard of, kept while anything refers to them --- */
struct domain {
	struct list link;
	uint16_t domid;
	/* PERM_NO_TARGET, or whom it acts for (SET_TARGET). */
	uint16_t target;
	bool introduced;
	/* A shutdown has been announced (until RESUME). */
	bool shutdown;
	bool soft_warned;
	uint64_t gfn;
	uint32_t port;
	/* The ring's indices when it was attached. */
	uint32_t ring_cons, ring_prod;
	/* Server features shown in the ring. */
	uint32_t features;
	/* What it owns and uses. */
	uint32_t n_node, n_watch, n_tx;
	int64_t bytes;
	uint32_t quota[QUOTA_COUNT];
	uint32_t hits[QUOTA_COUNT];
	/* For the log only: how often its ring broke or began anew, its memory passed the soft quota, a transaction was
	 * given up. */
	uint32_t n_broken, n_reset, n_soft, n_given_up;
	struct conn *conn;
};

/* --- watches --- */
struct wpath {
	struct wpath *hash_next;
	uint64_t hash;
	struct list watches;
	size_t len;
	char *path;
};

struct watch {
	struct list of_conn, of_path;
	struct conn *conn;
	struct wpath *where;
	/* Bytes to cut from event paths: the caller speaks in relative paths. */
	uint32_t rel;
	/* -1: unlimited. */
	int32_t depth;
	char *token;
	struct list events;
	uint32_t n_events;
};

struct event {
	struct list of_conn, of_watch;
	struct watch *watch;
	char *path;
};

/* --- transactions: see tx.h --- */
struct tx;

/* --- connections: socket clients, and the ring of each introduced domain --- */
enum broken {
	CONN_OK,
	/* Values shown in the ring's error field. */
	CONN_COMM = 1,
	CONN_RINGIDX = 2,
	CONN_PROTO = 3,
};

struct conn {
	struct list link;
	struct conn *hash_next;
	uint32_t id;
	/* Who it is for permissions and relative paths; sockets are domain 0. */
	struct domain *dom;
	bool is_ring;
	enum broken broken;
	/* A message not complete yet, and how many bytes came in all. */
	char *in;
	uint32_t in_len, in_cap;
	uint64_t in_total;
	/* Bytes to send: out[out_head .. out_len), the first at stream position out_pos. */
	char *out;
	uint32_t out_head, out_len, out_cap;
	uint64_t out_pos;
	/* Stream positions of the last start of the connection (a ring may start anew). */
	uint64_t in_base, out_base;
	struct list watches, txs;
	/* Events not yet put into the output. */
	struct list events;
	uint32_t n_watch, n_tx, n_events;
	uint32_t next_tx;
	/* Not state - for the shell: has something to send, and its own end of the connection. */
	struct list active;
	struct machine *machine;
	void *peer;
};

/* Ids of ring connections are the domid with this bit. */
#define CONN_RING_ID 0x80000000u
#define CONN_HASH    1024
#define WPATH_HASH   4096

/* --- questions to the outside --- */
enum fact {
	/* args domid, gfn, port: attach the ring; 0 or -errno. Then its two indices are asked. */
	FACT_ATTACH,
	FACT_RING_CONS,
	FACT_RING_PROD,
	/* arg domid: 1 if such a domain exists. */
	FACT_DOMAIN_EXISTS,
	/* The CONTROL command in `text` (strings, NUL-separated) concerns the process: 0 or -errno. */
	FACT_CONTROL,
	/* Memory in use, bytes. */
	FACT_MEMORY,
};

struct question {
	enum fact fact;
	uint64_t arg[3];
	const char *text;
	uint32_t text_len;
};

struct outside {
	int64_t (*ask)(void *arg, const struct question *q);
	/* A connection is about to go away; not called during replay. */
	void (*gone)(void *arg, struct conn *c);
	void *arg;
};

struct machine {
	struct tree tree;
	struct history history;
	struct list conns;
	struct conn *conn_hash[CONN_HASH];
	uint32_t n_conn;
	struct list domains;
	struct wpath *wpath_hash[WPATH_HASH];
	uint32_t n_watch;
	/* Open transactions in the order of their start. */
	struct list txs;
	uint32_t n_tx;
	uint32_t quota[QUOTA_COUNT];
	uint32_t soft_memory;
	struct perms *perms_introduce, *perms_release;
	/* The disk is full: whatever would grow the store gets ENOSPC. */
	bool no_space;
	bool keep_orphans;
	uint64_t n_request;
	/* Socket ids grow: one not above this and without a connection has been closed. */
	uint32_t last_open;
	/* Live: asks the outside and collects the answers. Replaying: reads them back. */
	const struct outside *outside;
	/* Connections that have something to send. */
	struct list active;
	bool replaying;
	struct buf answers;
	struct cursor replay_answers;
};

/*
 * A machine with an empty store: "/", "/tool/xenstored" and, with dom0, domain 0's own ring
 * connection are made by machine_boot(). NULL without memory.
 */
struct machine *machine_new(const struct outside *outside);
void machine_free(struct machine *m);
/* Give a new machine its first nodes. False without memory. */
bool machine_boot(struct machine *m);

/* --- inputs; each is one journal record --- */

/* A socket client has connected; `id` is new. NULL without memory. */
struct conn *machine_open(struct machine *m, uint32_t id);
/* A connection has ended. */
void machine_close(struct machine *m, struct conn *c);
/* Bytes have arrived: execute every request that they complete. */
void machine_input(struct machine *m, struct conn *c, const char *p, size_t n);
/* Put a connection's waiting events into its output. */
void machine_flush(struct machine *m, struct conn *c);
/* The guest asked for a new start of its ring, whose indices now are as given. */
void machine_ring_reset(struct machine *m, struct conn *c, uint32_t cons, uint32_t prod);
/* The connection broke a rule that only its transport can see. */
void machine_break(struct machine *m, struct conn *c, enum broken why);
/* A domain has shut down, or is gone for good. */
void machine_domain_shutdown(struct machine *m, unsigned domid);
void machine_domain_gone(struct machine *m, unsigned domid);
/* Domain 0's kernel is served over this ring. */
void machine_dom0(struct machine *m, uint32_t port);
void machine_no_space(struct machine *m, bool on);

/* --- for the shell and the modules --- */
struct conn *machine_conn(const struct machine *m, uint32_t id);
int64_t machine_ask(struct machine *m, const struct question *q);
/* Change of the generation counter: the number for one more change. */
static inline uint64_t machine_tick(struct machine *m) { return ++m->tree.generation; }
