/* SPDX-License-Identifier: MIT */
/*
 * Watches and their events.
 *
 * Watches hang off the path that they watch; a change looks up each prefix of its path, so its
 * cost depends on the depth and the number of hits only. An event is first a waiting entry of the
 * watch. One equal to a recent entry that still waits is not made: the client will look at the
 * path after it reads the event, so a second one tells nothing. Should a watch collect more than
 * WATCH_EVENTS_MAX (or its connection CONN_EVENTS_MAX) because the client does not read, they are
 * replaced by one event for the watched path itself: memory is bounded and the client still learns
 * of a change. machine_flush() turns waiting events into output.
 */
#pragma once

#include "machine.h"

#define WATCH_EVENTS_MAX 1024u
#define CONN_EVENTS_MAX  4096u
/* Events that one flush serializes at most. */
#define FLUSH_MAX 128u

/* Returns 0, -EEXIST, -ENOMEM. The first event is queued. */
int watch_add(struct machine *m, struct conn *c, const struct path *p, const char *token, int32_t depth);
/* Returns 0 or -ENOENT; waiting events go with it. */
int watch_remove(struct machine *m, struct conn *c, const struct path *p, const char *token);
void watch_drop_all(struct machine *m, struct conn *c);
/*
 * A node changed: tell the watches on it and above it whose owners may read it by its permissions
 * before or after the change (NULL: it did not exist).
 */
void watch_fire(struct machine *m, const char *path, size_t len, const struct perms *before, const struct perms *after);
/* A node went away with a parent: tell only the watches on this very path. */
void watch_fire_exact(struct machine *m, const char *path, size_t len, const struct perms *before);
/* @introduceDomain or @releaseDomain has happened to a domain. */
void watch_fire_special(struct machine *m, const char *name, unsigned domid, const struct perms *perms);
/* Put a watch back after a restart, without a first event. */
struct watch *watch_restore(struct machine *m, struct conn *c, const char *path, size_t len, uint32_t rel,
			    const char *token, int32_t depth);
/* An event has been put into the output. */
void watch_event_done(struct event *e);
void watch_restore_event(struct watch *w, const char *path);
