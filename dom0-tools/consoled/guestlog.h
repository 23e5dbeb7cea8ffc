/* SPDX-License-Identifier: MIT */
/* A guest's log file with rotation by size: NAME.log, NAME.log.1 ... NAME.log.KEEP. */
#pragma once

#include <stddef.h>

struct guestlog {
	char path[256];
	int fd; /* -1: closed or not possible */
	size_t size;
};

extern size_t guestlog_max; /* bytes per file */
extern int guestlog_keep;   /* how many old files */

/* Open DIR/guest-NAME.log for appending; a name with strange characters is made harmless. */
void guestlog_open(struct guestlog *log, const char *dir, const char *name);
void guestlog_write(struct guestlog *log, const char *p, size_t n);
void guestlog_close(struct guestlog *log);

/* Close and open again: somebody else rotated the files (SIGHUP). */
void guestlog_reopen(struct guestlog *log);
