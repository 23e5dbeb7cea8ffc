/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#include "log.h"
#include "worker.h"

#define ARGS_MAX 32

static int set_string(char **slot, const char *s) {
	char *copy = s ? strdup(s) : NULL;

	if (s && !copy) return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

static int memreport(struct worker *w, const char *path) {
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "a") : NULL;

	if (!f) {
		if (fd >= 0) close(fd);
		return -errno;
	}
	talloc_report_full(w->m, f);
	fclose(f);
	return 0;
}

/*
 * live-update in the steps of xenstore-control: -f FILE, -c ARGUMENTS, then -s. Nothing has to
 * wait for transactions, they live on; so -t and -F mean nothing.
 */
static int live_update(struct worker *w, unsigned n, const char **s) {
	for (unsigned i = 0; i < n; i++) {
		int err = 0;

		if (!strcmp(s[i], "-f") && i + 1 < n) {
			if (access(s[i + 1], X_OK)) return -errno;
			err = set_string(&w->update_file, s[++i]);
		} else if (!strcmp(s[i], "-c") && i + 1 < n) {
			err = set_string(&w->update_args, s[++i]);
		} else if (!strcmp(s[i], "-t") && i + 1 < n) {
			i++;
		} else if (!strcmp(s[i], "-a")) {
			set_string(&w->update_file, NULL);
			set_string(&w->update_args, NULL);
		} else if (!strcmp(s[i], "-s")) {
			if (!w->update_file) return -ENOENT;
			w->update = true;
		} else if (strcmp(s[i], "-F")) {
			return -EINVAL;
		}
		if (err) return err;
	}
	return 0;
}

static int set_trace(bool on) {
	log_trace_on(on);
	return 0;
}

int64_t control_process(struct worker *w, const char *text, uint32_t len) {
	const char *s[ARGS_MAX], *end = text + len;
	unsigned n = 0;

	for (; text < end && n < ARGS_MAX; text += strlen(text) + 1) s[n++] = text;
	if (n >= 2 && !strcmp(s[0], "log")) return set_trace(!strcmp(s[1], "on"));
	if (n >= 2 && !strcmp(s[0], "logfile")) return log_open(LOG_TO_FILE, s[1]);
	if (n >= 2 && !strcmp(s[0], "memreport")) return memreport(w, s[1]);
	if (n >= 2 && !strcmp(s[0], "live-update")) return live_update(w, n - 1, s + 1);
	return -EINVAL;
}
