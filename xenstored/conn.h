/* SPDX-License-Identifier: MIT */
/*
 * Connections: input not complete yet, output not sent yet, and what the client has under way.
 * A socket client and a domain's ring differ only in who carries the bytes.
 */
#pragma once

#include "machine.h"

/* Make one; NULL without memory. */
struct conn *conn_new(struct machine *m, uint32_t id, struct domain *d, bool is_ring);
/* End it: watches, transactions and queued bytes go. */
void conn_free(struct machine *m, struct conn *c);
/* Forget everything that it has under way, but keep it. */
void conn_reset(struct machine *m, struct conn *c);
/* Queue one message. */
void conn_put(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data, uint32_t len);
/* Bytes queued for sending. */
static inline uint32_t conn_queued(const struct conn *c) { return c->out_len - c->out_head; }
/* Note that it has something to send. */
void conn_active(struct conn *c);
/* n bytes of them have been sent. */
void conn_sent(struct conn *c, uint32_t n);
/* Keep bytes for a message that is not complete. */
void conn_keep_input(struct conn *c, const char *p, size_t n);
/* Whether a complete message waits in the kept input. */
bool conn_backlog(const struct conn *c);
/* Append raw bytes to the output (for restoring). */
void conn_put_raw(struct conn *c, const void *p, size_t n);
