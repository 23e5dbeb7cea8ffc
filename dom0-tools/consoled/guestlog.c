/* SPDX-License-Identifier: MIT */
/* See guestlog.h. A log that cannot be written is dropped, never waited for. */
#include "guestlog.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t guestlog_max = 1 << 20;
int guestlog_keep = 4;

static void open_path(struct guestlog *log) {
	struct stat st;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? (size_t)st.st_size : 0;
}

void guestlog_open(struct guestlog *log, const char *dir, const char *name) {
	char safe[80];
	size_t i;

	for (i = 0; name[i] && i < sizeof(safe) - 1; i++)
		safe[i] = isalnum((unsigned char)name[i]) || strchr("-_.", name[i]) ? name[i] : '_';
	safe[i] = 0;
	snprintf(log->path, sizeof(log->path), "%s/guest-%s.log", dir, safe);
	open_path(log);
}

void guestlog_close(struct guestlog *log) {
	if (log->fd >= 0) close(log->fd);
	log->fd = -1;
}

void guestlog_reopen(struct guestlog *log) {
	guestlog_close(log);
	open_path(log);
}

static void rotate(struct guestlog *log) {
	char from[272], to[272];
	int i;

	for (i = guestlog_keep; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%d", log->path, i);
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%d", log->path, i - 1);
		else
			snprintf(from, sizeof(from), "%s", log->path);
		rename(from, to);
	}
	if (!guestlog_keep) unlink(log->path);
	guestlog_reopen(log);
}

void guestlog_write(struct guestlog *log, const char *p, size_t n) {
	if (log->fd < 0) return;
	if (log->size + n > guestlog_max) rotate(log);
	if (log->fd >= 0 && write(log->fd, p, n) == (ssize_t)n) log->size += n;
}
