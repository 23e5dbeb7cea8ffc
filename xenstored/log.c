/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	enum log_to to;
	int fd;
	int level;
	bool muted, trace;
} log_state = { LOG_TO_STDERR, STDERR_FILENO, LOG_INFO, false, false };

int log_open(enum log_to to, const char *path) {
	int fd = STDERR_FILENO;

	if (to == LOG_TO_FILE) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0) return -errno;
	}
	if (to == LOG_TO_SYSLOG) openlog("xenstored", LOG_PID, LOG_DAEMON);
	if (log_state.to == LOG_TO_FILE) close(log_state.fd);
	log_state.to = to;
	log_state.fd = fd;
	return 0;
}

void log_level(int level) { log_state.level = level; }

void log_mute(bool mute) { log_state.muted = mute; }

void log_trace_on(bool on) { log_state.trace = on; }

bool log_tracing(void) { return log_state.trace && !log_state.muted; }

static void log_line(int level, const char *text) {
	char line[1100];
	struct timespec now;
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ xenstored[%d] <%d> %s\n",
		     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		     now.tv_nsec / 1000000, (int)getpid(), level, text);
	if (n > (int)sizeof(line) - 1) n = sizeof(line) - 1;
	/* A log that cannot be written must not stop the store. */
	if (write(log_state.fd, line, n) < 0) return;
}

void log_msg(int level, const char *fmt, ...) {
	char text[960];
	va_list ap;

	if (log_state.muted || level > log_state.level) return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_state.to == LOG_TO_SYSLOG)
		syslog(level, "%s", text);
	else
		log_line(level, text);
}
