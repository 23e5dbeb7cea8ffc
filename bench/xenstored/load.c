/* SPDX-License-Identifier: MIT */
/*
 * Closed-loop load on a store's socket: each of N clients has one operation under way.
 *
 * usage: load SOCKET OP CLIENTS NODES SECONDS
 *   OP: fill | read | write | directory | tx | fanout
 *   fill makes NODES nodes, 100 to a directory, some at a time; the others expect them there.
 *   tx is start, read, write, commit on a node of the client's own.
 *   hello: connect, ask one thing, end.
 *   fanout: one client writes, the others watch; an operation is one event received.
 * Prints one line: OP CLIENTS NODES operations/s p50_us p99_us.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define PER_DIR     100u
#define SAMPLES_MAX (4u << 20)
/* Requests that fill has under way. */
#define FILL_WINDOW 32u

struct client {
	int fd;
	unsigned n, step;
	uint32_t tx;
	uint64_t started;
	char in[65536];
	size_t in_len;
};

struct load {
	const char *op;
	unsigned n_client, n_node;
	struct client *c;
	uint32_t *sample;
	uint32_t n_sample;
	uint64_t done;
	uint32_t rng;
};

static uint64_t now_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void die(const char *what) {
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(const char *path) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	/* A daemon with a short queue of connections makes us wait. */
	for (int i = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)); i++) {
		if (i == 1000) die(path);
		usleep(1000);
	}
	return fd;
}

static void send_msg(struct client *c, uint32_t type, uint32_t tx, const char *data, size_t n) {
	char buf[256];
	struct xsd_sockmsg h = { type, c->n, tx, n };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, n);
	if (send(c->fd, buf, sizeof(h) + n, 0) != (ssize_t)(sizeof(h) + n)) die("send");
}

static uint32_t pick(struct load *l) {
	l->rng = l->rng * 1664525u + 1013904223u;
	return (l->rng >> 8) % l->n_node;
}

static size_t node_name(char *out, size_t size, uint32_t i) {
	return snprintf(out, size, "/bench/d%u/n%u", i / PER_DIR, i % PER_DIR) + 1;
}

static void send_node(struct load *l, struct client *c, uint32_t type, uint32_t tx, uint32_t node) {
	char buf[128];
	size_t n = node_name(buf, 96, node);

	if (type == XS_WRITE) n += sprintf(buf + n, "value-%08x", l->rng);
	if (type == XS_DIRECTORY) n = snprintf(buf, sizeof(buf), "/bench/d%u", node / PER_DIR) + 1;
	send_msg(c, type, tx, buf, n);
}

static void tx_step(struct load *l, struct client *c) {
	uint32_t own = c->n % l->n_node;

	switch (c->step) {
	case 0: send_msg(c, XS_TRANSACTION_START, 0, "", 1); break;
	case 1: send_node(l, c, XS_READ, c->tx, own); break;
	case 2: send_node(l, c, XS_WRITE, c->tx, own); break;
	case 3: send_msg(c, XS_TRANSACTION_END, c->tx, "T", 2); break;
	}
}

static void issue(struct load *l, struct client *c) {
	if (c->step == 0) c->started = now_ns();
	if (!strcmp(l->op, "read"))
		send_node(l, c, XS_READ, 0, pick(l));
	else if (!strcmp(l->op, "write"))
		send_node(l, c, XS_WRITE, 0, pick(l));
	else if (!strcmp(l->op, "directory"))
		send_node(l, c, XS_DIRECTORY, 0, pick(l));
	else if (!strcmp(l->op, "tx"))
		tx_step(l, c);
	else if (c->n == 0)
		send_msg(c, XS_WRITE, 0, "/bench/watched\0x", 16);
}

static void sample(struct load *l, uint64_t ns) {
	l->done++;
	if (l->n_sample < SAMPLES_MAX) l->sample[l->n_sample++] = ns / 100 > UINT32_MAX ? UINT32_MAX : ns / 100;
}

static void on_reply(struct load *l, struct client *c, const struct xsd_sockmsg *h, const char *body) {
	if (h->type == XS_WATCH_EVENT) {
		sample(l, now_ns() - l->c[0].started);
		return;
	}
	if (h->type == XS_ERROR && strcmp(body, "EAGAIN")) {
		fprintf(stderr, "load: %s: %s\n", l->op, body);
		exit(1);
	}
	if (!strcmp(l->op, "fanout")) {
		if (c->n == 0) issue(l, c);
		return;
	}
	if (!strcmp(l->op, "tx")) {
		if (c->step == 0) c->tx = strtoul(body, NULL, 10);
		c->step = (c->step + 1) % 4;
		if (c->step) {
			issue(l, c);
			return;
		}
	}
	sample(l, now_ns() - c->started);
	issue(l, c);
}

static void on_readable(struct load *l, struct client *c) {
	ssize_t got = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	struct xsd_sockmsg h;
	size_t at = 0;

	if (got <= 0) die("the daemon");
	c->in_len += got;
	while (c->in_len - at >= sizeof(h)) {
		memcpy(&h, c->in + at, sizeof(h));
		if (c->in_len - at < sizeof(h) + h.len) break;
		on_reply(l, c, &h, c->in + at + sizeof(h));
		at += sizeof(h) + h.len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

static void wait_reply(struct client *c) {
	struct xsd_sockmsg h;
	char body[4096];

	if (recv(c->fd, &h, sizeof(h), MSG_WAITALL) != sizeof(h) ||
	    (h.len && recv(c->fd, body, h.len, MSG_WAITALL) != (ssize_t)h.len))
		die("reply");
	if (h.type == XS_WATCH_EVENT) wait_reply(c);
}

static void fill(struct load *l) {
	uint32_t answered = 0;

	for (uint32_t i = 0; i < l->n_node; i++) {
		send_node(l, &l->c[0], XS_WRITE, 0, i);
		if (i - answered < FILL_WINDOW) continue;
		for (; answered <= i; answered++) wait_reply(&l->c[0]);
	}
	for (; answered < l->n_node; answered++) wait_reply(&l->c[0]);
	l->done = l->n_node;
}

static void prepare(struct load *l, const char *path) {
	for (unsigned i = 0; i < l->n_client; i++) {
		l->c[i].n = i;
		l->c[i].fd = dial(path);
	}
	if (strcmp(l->op, "fanout")) return;
	for (unsigned i = 1; i < l->n_client; i++) {
		send_msg(&l->c[i], XS_WATCH, 0, "/bench/watched\0t", 17);
		wait_reply(&l->c[i]);
	}
}

static void run(struct load *l, double seconds) {
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct epoll_event ev[256];
	int ep = epoll_create1(0);

	for (unsigned i = 0; i < l->n_client; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &l->c[i] };

		epoll_ctl(ep, EPOLL_CTL_ADD, l->c[i].fd, &e);
		issue(l, &l->c[i]);
	}
	while (now_ns() < end) {
		int n = epoll_wait(ep, ev, 256, 100);

		for (int i = 0; i < n; i++) on_readable(l, ev[i].data.ptr);
	}
}

static int by_value(const void *a, const void *b) {
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv) {
	struct rlimit files = { 4096, 4096 };
	struct load l = { .rng = 12345 };
	uint64_t start;
	double took;

	if (argc != 6) {
		fprintf(stderr, "usage: load SOCKET OP CLIENTS NODES SECONDS\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	l.op = argv[2];
	l.n_client = atoi(argv[3]);
	l.n_node = atoi(argv[4]);
	l.c = calloc(l.n_client, sizeof(*l.c));
	l.sample = malloc(SAMPLES_MAX * sizeof(*l.sample));
	if (!l.c || !l.sample || !l.n_client || !l.n_node) return 2;
	prepare(&l, argv[1]);
	start = now_ns();
	if (!strcmp(l.op, "hello")) {
		send_msg(&l.c[0], XS_GET_DOMAIN_PATH, 0, "0", 2);
		wait_reply(&l.c[0]);
	} else if (!strcmp(l.op, "fill")) {
		fill(&l);
	} else {
		run(&l, atof(argv[5]));
	}
	took = (now_ns() - start) / 1e9;
	qsort(l.sample, l.n_sample, sizeof(*l.sample), by_value);
	printf("%s %u %u %.0f %.1f %.1f\n", l.op, l.n_client, l.n_node, l.done / took,
	       l.n_sample ? l.sample[l.n_sample / 2] / 10.0 : 0,
	       l.n_sample ? l.sample[l.n_sample / 100 * 99] / 10.0 : 0);
	return 0;
}
