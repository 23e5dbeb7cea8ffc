/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "systemd.h"

/* The starting process waits at the other end. */
static int waiting = -1;

void service_daemonize(const struct options *o) {
	int pair[2];
	char c;

	if (o->foreground || o->takeover_fd >= 0) return;
	if (pipe2(pair, O_CLOEXEC)) exit(1);
	if (fork()) {
		close(pair[1]);
		/* A byte says that it serves; the end without one that it failed. */
		_exit(read(pair[0], &c, 1) == 1 ? 0 : 1);
	}
	close(pair[0]);
	waiting = pair[1];
	setsid();
	if (chdir("/")) exit(1);
}

static int make_dir(const char *path) {
	char part[256];

	snprintf(part, sizeof(part), "%s", path);
	for (char *s = part + 1; *s; s++) {
		if (*s != '/') continue;
		*s = '\0';
		if (mkdir(part, 0755) && errno != EEXIST) return -errno;
		*s = '/';
	}
	return mkdir(part, 0755) && errno != EEXIST ? -errno : 0;
}

int service_listen(const struct options *o) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct rlimit files = { 65536, 65536 };
	int fd, err = make_dir(o->run_dir);

	if (setrlimit(RLIMIT_NOFILE, &files)) log_debug("descriptor limit: %s", strerror(errno));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (err || fd < 0 ||
	    snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", o->run_dir) >= (int)sizeof(a.sun_path)) {
		log_err("%s: cannot make the socket", o->run_dir);
		return -1;
	}
	unlink(a.sun_path);
	umask(0177);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1024)) {
		log_err("%s: %s", a.sun_path, strerror(errno));
		close(fd);
		return -1;
	}
	umask(022);
	return fd;
}

void service_pid_file(const struct options *o) {
	FILE *f = o->pid_file ? fopen(o->pid_file, "we") : NULL;

	if (f) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	} else if (o->pid_file) {
		log_warn("%s: %s", o->pid_file, strerror(errno));
	}
}

void service_background(const struct options *o) {
	int null;

	if (o->foreground) return;
	if (!o->log_file) log_open(LOG_TO_SYSLOG, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++) dup2(null, fd);
	if (null > 2) close(null);
}

void service_ready(const struct options *o) {
	char text[64];

	if (o->output_pid && o->takeover_fd < 0) {
		printf("%d\n", (int)getpid());
		fflush(stdout);
	}
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\n", (int)getpid());
	systemd_notify(text, -1);
	if (waiting < 0) return;
	if (write(waiting, "r", 1) < 0) log_debug("nobody waits for the start");
	close(waiting);
	waiting = -1;
	service_background(o);
}

void service_end(const struct options *o) {
	char path[300];

	snprintf(path, sizeof(path), "%s/socket", o->run_dir);
	unlink(path);
	if (o->pid_file) unlink(o->pid_file);
}
