/* SPDX-License-Identifier: MIT */
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/* The first descriptor that is passed. */
#define KEPT_START 3

bool systemd_present(void) {
	const char *path = getenv("NOTIFY_SOCKET");

	return path && *path;
}

static int notify_socket(void) {
	static int fd = -1;

	if (fd < 0) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd;
}

void systemd_notify(const char *text, int fd) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char space[CMSG_SPACE(sizeof(int))];
	struct iovec part = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_name = &a, .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (!systemd_present() || strlen(path) >= sizeof(a.sun_path)) return;
	strcpy(a.sun_path, path);
	if (a.sun_path[0] == '@') a.sun_path[0] = '\0';
	m.msg_namelen = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	if (fd >= 0) {
		m.msg_control = space;
		m.msg_controllen = sizeof(space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(notify_socket(), &m, MSG_NOSIGNAL) < 0) log_warn("systemd: %s", strerror(errno));
}

void systemd_keep(const char *name, int fd) {
	char text[96];

	if (!systemd_present()) return;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\n", name);
	systemd_notify(text, fd);
}

void systemd_forget(const char *name) {
	char text[96];

	if (!systemd_present()) return;
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
	systemd_notify(text, -1);
}

int systemd_kept(void (*fn)(void *arg, const char *name, int fd), void *arg) {
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	char *copy, *rest, *name;
	int n = 0, max;

	if (!pid || !fds || !names || atol(pid) != getpid()) return 0;
	max = atoi(fds);
	copy = rest = strdup(names);
	while (copy && n < max && (name = strsep(&rest, ":"))) {
		fcntl(KEPT_START + n, F_SETFD, FD_CLOEXEC);
		fn(arg, name, KEPT_START + n);
		n++;
	}
	free(copy);
	/* They are for this process alone. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n;
}
