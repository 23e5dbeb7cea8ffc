/* SPDX-License-Identifier: MIT */
/*
 * Requests: a table from operation to handler. A handler gets the payload as it came (hostile),
 * returns 0 or -errno, and on success has put its answer into `reply`; an operation without an
 * answer of its own says "OK". Nothing is changed when an error is returned.
 */
#pragma once

#include "tx.h"
#include "wire.h"

struct request {
	struct machine *m;
	struct conn *c;
	struct view v;
	struct xsd_sockmsg h;
	const char *data;
	struct buf reply;
};

/* Execute one complete message and queue its reply. */
void request_execute(struct machine *m, struct conn *c, const char *msg);

/* The payload as strings: exactly n, each ended by NUL; false if it is anything else. */
bool request_strings(const struct request *r, unsigned n, const char **s);
/* Number of NULs in the payload. */
unsigned request_count(const struct request *r);
/* The first string as a canonical path within all limits: 0 or -EINVAL. */
int request_path(const struct request *r, const char *s, bool special, struct path *p);
bool request_privileged(const struct request *r);
/* A decimal number up to max, all of the string. */
bool parse_number(const char *s, uint64_t max, uint64_t *out);

/* Handlers. */
int req_read(struct request *r);
int req_directory(struct request *r);
int req_directory_part(struct request *r);
int req_get_perms(struct request *r);
int req_write(struct request *r);
int req_mkdir(struct request *r);
int req_rm(struct request *r);
int req_set_perms(struct request *r);
int req_watch(struct request *r);
int req_unwatch(struct request *r);
int req_reset_watches(struct request *r);
int req_tx_start(struct request *r);
int req_tx_end(struct request *r);
int req_introduce(struct request *r);
int req_release(struct request *r);
int req_resume(struct request *r);
int req_set_target(struct request *r);
int req_is_introduced(struct request *r);
int req_domain_path(struct request *r);
int req_get_feature(struct request *r);
int req_set_feature(struct request *r);
int req_get_quota(struct request *r);
int req_set_quota(struct request *r);
int req_control(struct request *r);
