/* SPDX-License-Identifier: MIT */
/*
 * A second connection to the store that may have many requests under way.
 *
 * libxenstore waits for each answer before the next request; a new domain writes some eighty nodes,
 * and waiting for each costs more than everything else in creating a small guest. Here writes are
 * queued and their answers collected later: the daemon answers in order, so counting suffices. The
 * protocol is that of xen/io/xs_wire.h. Used for transactions only; watches and all else go through
 * libxenstore.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct wire;

/* Connect to the daemon's socket. -ENOENT and so on when there is none (a driver domain). */
int wire_open(struct wire **out);
void wire_close(struct wire *w);

/*
 * Queue a request that answers only yes or no. With ignore_absent, "no such node" counts as yes. An
 * error shows in wire_settle(). Returns 0, or a negative errno when the connection broke.
 */
int wire_queue(struct wire *w, uint32_t type, uint32_t tx, const void *payload, size_t n, int ignore_absent);

/* Send what is queued and collect all answers: 0, or the first error since the last call. */
int wire_settle(struct wire *w);

/*
 * One request and its answer (NUL-terminated copy for free(), its length in *len). Queued requests
 * go first. NULL with errno.
 */
char *wire_ask(struct wire *w, uint32_t type, uint32_t tx, const void *payload, size_t n, size_t *len);
