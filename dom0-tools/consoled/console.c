/* SPDX-License-Identifier: MIT */
/*
 * Model: output flows ring -> log and backlog -> pty or socket; the backlog forgets its oldest
 * bytes when nobody reads, so a guest never waits for a reader, only for tokens. Input flows
 * outside -> ring, only as much as the ring has room for. Nothing is kept elsewhere: what the guest
 * has put into the ring and we have not taken survives us.
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/io/console.h>

long console_rate = 64 << 10;

static void node_dir(const struct console *c, char *out, size_t n) {
	if (c->num == 0)
		snprintf(out, n, "/local/domain/%u/console", c->domid);
	else
		snprintf(out, n, "/local/domain/%u/device/console/%u", c->domid, c->num);
}

/* Map the ring: by grant when that works (channels: always), else as domain 0's privilege allows. */
static int map_ring(struct shared *s, struct console *c, uint64_t ref) {
	xen_pfn_t mfn = ref;
	uint32_t grant = c->num ? (uint32_t)ref : GNTTAB_RESERVED_CONSOLE;

	if (s->gnttab) c->ring = xengnttab_map_grant_ref(s->gnttab, c->domid, grant, PROT_READ | PROT_WRITE);
	c->by_grant = c->ring != NULL;
	if (!c->ring && !c->num && s->fmem)
		c->ring = xenforeignmemory_map(s->fmem, c->domid, PROT_READ | PROT_WRITE, 1, &mfn, NULL);
	return c->ring ? 0 : -errno;
}

static int open_pty(struct console *c) {
	struct termios t;
	char name[64];

	c->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->master < 0 || grantpt(c->master) || unlockpt(c->master) || ptsname_r(c->master, name, sizeof(name)))
		return -1;
	c->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0 || tcgetattr(c->slave, &t)) return -1;
	cfmakeraw(&t);
	fcntl(c->master, F_SETFL, O_NONBLOCK);
	return tcsetattr(c->slave, TCSANOW, &t);
}

static int open_socket(struct console *c, const char *path) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path)) return -1;
	strcpy(a.sun_path, path);
	strcpy(c->unix_path, path);
	unlink(path);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&a, sizeof(a)) || chmod(path, 0600)) return -1;
	return listen(c->listener, 1);
}

/* Our side of a console: pty, or for some channels a socket; and the store's nodes about it. */
static int open_outside(struct shared *s, struct console *c) {
	char dir[96], back[80], name[64], *path = NULL;
	int e;

	node_dir(c, dir, sizeof(dir));
	if (c->num) path = tl_store_get(s->store, "/local/domain/0/backend/console/%u/%u/path", c->domid, c->num);
	if (path) {
		e = open_socket(c, path);
		free(path);
		return e;
	}
	if (open_pty(c) || ptsname_r(c->master, name, sizeof(name))) return -1;
	if (c->num) {
		/* The guest may write to the channel's own directory: tl believes what stands in ours. */
		snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/%u", c->domid, c->num);
		e = tl_store_put(s->store, back, "tty", name);
		if (e) return e;
	}
	return tl_store_put(s->store, dir, "tty", name);
}

static void open_log(struct shared *s, struct console *c) {
	char *name = tl_store_get(s->store, "/local/domain/%u/name", c->domid), text[96];

	if (name && c->num)
		snprintf(text, sizeof(text), "%.64s-%u", name, c->num);
	else
		snprintf(text, sizeof(text), "%.80s", name ? name : "unknown");
	guestlog_open(&c->log, s->log_dir, text);
	free(name);
}

struct console *console_open(struct shared *s, uint32_t domid, unsigned num) {
	struct console *c = calloc(1, sizeof(*c));
	uint64_t ref, port;
	char dir[96];

	if (!c) return NULL;
	c->domid = domid;
	c->num = num;
	c->port = c->master = c->slave = c->listener = c->peer = c->log.fd = -1;
	c->tokens = console_rate;
	node_dir(c, dir, sizeof(dir));
	ref = tl_store_num(s->store, UINT64_MAX, "%s/ring-ref", dir);
	port = tl_store_num(s->store, UINT64_MAX, "%s/port", dir);
	if (ref == UINT64_MAX || port == UINT64_MAX || map_ring(s, c, ref)) {
		console_close(s, c);
		return NULL;
	}
	c->port = xenevtchn_bind_interdomain(s->evtchn, domid, port);
	if (c->port < 0 || open_outside(s, c)) {
		console_close(s, c);
		return NULL;
	}
	if (s->log_dir) open_log(s, c);
	console_drain(s, c);
	return c;
}

void console_close(struct shared *s, struct console *c) {
	int fds[] = { c->master, c->slave, c->listener, c->peer };
	unsigned i;

	if (c->port >= 0) xenevtchn_unbind(s->evtchn, c->port);
	if (c->ring && c->by_grant)
		xengnttab_unmap(s->gnttab, c->ring, 1);
	else if (c->ring)
		xenforeignmemory_unmap(s->fmem, c->ring, 1);
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0) close(fds[i]);
	if (c->unix_path[0]) unlink(c->unix_path);
	guestlog_close(&c->log);
	free(c);
}

/* Append to the backlog; the oldest bytes go first. */
static void keep(struct console *c, const char *p, size_t n) {
	size_t i;

	for (i = 0; i < n; i++) {
		c->backlog[(c->from + c->len) % BACKLOG] = p[i];
		if (c->len < BACKLOG)
			c->len++;
		else
			c->from = (c->from + 1) % BACKLOG;
	}
}

void console_drain(struct shared *s, struct console *c) {
	char buf[2048];
	size_t n = 1, total = 0;
	int broken = 0;

	while (n && c->tokens > 0) {
		n = ring_peek(c->ring, buf, c->tokens < (long)sizeof(buf) ? (size_t)c->tokens : sizeof(buf), &broken);
		c->tokens -= n;
		total += n;
		guestlog_write(&c->log, buf, n);
		ring_done(c->ring, n); /* what is not yet in the log when we are killed is still in the ring */
		keep(c, buf, n);
	}
	if (broken && !c->broken) {
		static const char text[] = "\n[console: the guest corrupted its ring; output was lost]\n";

		c->broken = 1;
		guestlog_write(&c->log, text, sizeof(text) - 1);
	}
	c->starved = c->tokens <= 0 && ring_pending(c->ring);
	if (total || broken) xenevtchn_notify(s->evtchn, c->port);
	console_write_out(c);
}

int console_refill(struct console *c) {
	int was = c->starved;

	c->tokens = console_rate;
	return was;
}

int console_fd(const struct console *c) { return c->master >= 0 ? c->master : c->peer; }

static void drop_peer(struct console *c) {
	if (c->peer >= 0) close(c->peer);
	c->peer = -1;
}

void console_write_out(struct console *c) {
	int fd = console_fd(c);
	size_t run;
	ssize_t n;

	while (fd >= 0 && c->len) {
		run = BACKLOG - c->from < c->len ? BACKLOG - c->from : c->len;
		n = write(fd, c->backlog + c->from, run);
		if (n <= 0) {
			if (n < 0 && errno != EAGAIN && errno != EINTR && fd == c->peer) drop_peer(c);
			return;
		}
		c->from = (c->from + n) % BACKLOG;
		c->len -= n;
	}
}

void console_read_in(struct shared *s, struct console *c) {
	char buf[1024];
	size_t space = ring_space(c->ring);
	ssize_t n;

	if (!space) return;
	n = read(console_fd(c), buf, space < sizeof(buf) ? space : sizeof(buf));
	if (n > 0) {
		ring_give(c->ring, buf, n);
		xenevtchn_notify(s->evtchn, c->port);
	} else if (c->peer >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		drop_peer(c);
	}
}

void console_accept(struct console *c) {
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) return;
	drop_peer(c); /* the newest reader wins */
	c->peer = fd;
	console_write_out(c);
}
