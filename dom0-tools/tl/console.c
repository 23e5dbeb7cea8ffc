/* SPDX-License-Identifier: MIT */
/*
 * The console client: this terminal on one side, the pty that the console daemon made on the other.
 * When the daemon goes away and comes back with another pty, the client follows it.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x1d /* Ctrl-] */

struct session {
	struct cmd *c;
	char tty_path[96], socket_path[96];
	int escape;
	struct termios saved;
	int raw;
};

static void go_raw(struct session *s) {
	struct termios t;

	if (tcgetattr(0, &s->saved)) return;
	t = s->saved;
	cfmakeraw(&t);
	s->raw = tcsetattr(0, TCSANOW, &t) == 0;
}

static void restore(struct session *s) {
	if (s->raw) tcsetattr(0, TCSANOW, &s->saved);
}

/* A channel with connection=socket has no pty: its socket serves as well. */
static int open_socket(struct session *s) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char *path = tl_store_get(s->c->ctx.s, "%s", s->socket_path);
	int fd = -1;

	if (path && strlen(path) < sizeof(a.sun_path)) {
		strcpy(a.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
			close(fd);
			fd = -1;
		}
	}
	free(path);
	return fd;
}

static int open_tty(struct session *s) {
	char *tty = tl_store_get(s->c->ctx.s, "%s", s->tty_path);
	struct termios t;
	int fd = tty && *tty ? open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;

	if (!tty && s->socket_path[0]) fd = open_socket(s);
	free(tty);
	if (fd >= 0 && tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static int tty_there(void *arg) {
	struct session *s = arg;
	int fd = open_tty(s);

	return fd < 0 ? 0 : fd + 1;
}

static int pump_out(int from, int to) {
	char buf[4096], *p = buf;
	ssize_t n = read(from, buf, sizeof(buf)), w;

	if (n <= 0) return n == 0 || errno != EAGAIN ? -1 : 0;
	while (n > 0) {
		w = write(to, p, n);
		if (w < 0) return -1;
		p += w;
		n -= w;
	}
	return 0;
}

/* Keys to the guest; returns 1 when the escape key was among them, -1 at the end of input. */
static int pump_in(struct session *s, int tty) {
	char buf[256], *esc;
	ssize_t n = read(0, buf, sizeof(buf));

	if (n <= 0) return -1;
	esc = memchr(buf, s->escape, n);
	if (esc) n = esc - buf;
	if (n && write(tty, buf, n) < 0) return -1;
	return esc != NULL;
}

/* Returns 0: left by the user, -1: the pty hung up. */
static int talk(struct session *s, int tty) {
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { tty, POLLIN, 0 } };
	int r;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR) return -1;
		if (p[1].revents && pump_out(tty, 1)) return -1;
		if (p[0].fd < 0 || !p[0].revents) continue;
		r = pump_in(s, tty);
		if (r > 0) return 0;
		if (r < 0) p[0].fd = -1; /* no more input; go on showing output */
	}
}

static int domain_lives(struct session *s, uint32_t domid) {
	return tl_store_exists(s->c->ctx.s, "/local/domain/%u/domid", domid);
}

int console_attach(struct cmd *c, uint32_t domid, unsigned num) {
	struct session s = { .c = c, .escape = ESCAPE };
	const char *esc = opt_value(c, 'e');
	int fd, left = 0;

	if (esc && c->def->run == cmd_console) s.escape = *esc & 0x1f;
	if (num == 0)
		snprintf(s.tty_path, sizeof(s.tty_path), "/local/domain/%u/console/tty", domid);
	else /* never the front end's: that is the guest's to write */
		snprintf(s.tty_path, sizeof(s.tty_path), "/local/domain/0/backend/console/%u/%u/tty", domid, num);
	if (num)
		snprintf(s.socket_path, sizeof(s.socket_path), "/local/domain/0/backend/console/%u/%u/path", domid,
			 num);
	tl_store_watch(c->ctx.s, s.tty_path, "tty");
	while (!left) {
		fd = tl_store_wait(c->ctx.s, 10000, tty_there, &s) - 1;
		if (fd < 0 && !domain_lives(&s, domid)) break;
		if (fd < 0) return cmd_error(c, "domain %u has no console %u (is tl-consoled running?)", domid, num);
		go_raw(&s);
		left = talk(&s, fd) == 0;
		restore(&s);
		close(fd);
		if (!left && !domain_lives(&s, domid)) break;
		if (!left) usleep(200000);
	}
	return EXIT_OK;
}

int cmd_console(struct cmd *c) {
	const char *type = opt_value(c, 't');
	uint32_t domid;
	long num = 0;
	int e = cmd_domain(c, 0, &domid);

	if (!e && opt(c, 'n')) e = cmd_number(c, opt_value(c, 'n'), 0, 63, &num);
	if (e) return e;
	if (type && strcmp(type, "pv") != 0) return cmd_error(c, "PV guests have only consoles of type pv");
	if (!domain_lives(&(struct session){ .c = c }, domid)) return cmd_error(c, "there is no domain %s", c->arg[0]);
	return console_attach(c, domid, num);
}
