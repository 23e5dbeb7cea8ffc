/* SPDX-License-Identifier: MIT */
/*
 * Socket clients, exactly once.
 *
 * Input. Bytes are looked at (MSG_PEEK with SO_PEEK_OFF, which the kernel keeps for the socket),
 * journaled and executed, and only then taken out. Between turns the peek offset is 0, so after
 * a crash it says whether the last piece had been taken: if the journal has consumed more than
 * slot->taken, then an offset of just that difference means "not yet", and 0 means "done".
 *
 * Output. send() would leave no trace of how much of it the kernel accepted. So the bytes go into
 * a pipe that the holder keeps, then the slot and length are written down, then they are spliced
 * on to the socket. After a crash the bytes still in the pipe tell how many have gone. It costs
 * one more system call per batch of replies.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <talloc.h>
#include <unistd.h>

#include "log.h"

#define PIPE_MAX 32768u

struct peer *peer_new(struct worker *w, struct conn *c) {
	struct peer *p = talloc_zero(NULL, struct peer);

	if (!p) return NULL;
	p->slot = journal_slot_get(&w->j, c->id);
	if (!p->slot) {
		talloc_free(p);
		return NULL;
	}
	p->conn = c;
	p->fd = -1;
	list_init(&p->ready);
	c->peer = p;
	return p;
}

void peer_free(struct worker *w, struct peer *p) {
	list_del(&p->ready);
	journal_slot_free(p->slot);
	if (p->ring) ring_detach(w, p->ring);
	if (p->fd >= 0) close(p->fd);
	p->conn->peer = NULL;
	talloc_free(p);
}

int sock_attach(struct worker *w, struct conn *c, int fd) {
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = c->id };
	struct peer *p = peer_new(w, c);

	if (!p) return -ENOMEM;
	p->fd = fd;
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		p->fd = -1;
		peer_free(w, p);
		return -errno;
	}
	list_add_tail(&w->ready, &p->ready);
	return 0;
}

static int peek_off(int fd) {
	int off = 0;
	socklen_t len = sizeof(off);

	return getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, &len) ? -1 : off;
}

static void peek_from_start(int fd) {
	int zero = 0;

	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero));
}

ssize_t sock_peek(struct peer *p, char *buf, size_t n) {
	ssize_t got = recv(p->fd, buf, n, MSG_PEEK | MSG_DONTWAIT);

	return got < 0 ? -errno : got;
}

/* Take n bytes out of the socket; they are there. */
static void sock_discard(struct peer *p, size_t n) {
	char scratch[8192];

	while (n) {
		ssize_t got = recv(p->fd, scratch, n < sizeof(scratch) ? n : sizeof(scratch), MSG_DONTWAIT);

		if (got <= 0) break;
		n -= got;
	}
}

void sock_taken(struct peer *p, size_t n) {
	sock_discard(p, n);
	p->slot->taken = p->conn->in_total;
}

void sock_recover(struct worker *w, struct peer *p) {
	uint64_t pending = p->conn->in_total - p->slot->taken;
	int off = peek_off(p->fd);

	(void)w;
	if (pending && off > 0 && (uint64_t)off == pending) sock_discard(p, pending);
	peek_from_start(p->fd);
	p->slot->taken = p->conn->in_total;
}

/* Empty the pipe. */
static void pipe_drain(struct worker *w) {
	char scratch[4096];

	while (read(w->pipe[0], scratch, sizeof(scratch)) > 0)
		;
}

void pipe_recover(struct worker *w) {
	struct journal_pipe *jp = &w->j.head->pipe;
	int left = 0;

	if (jp->valid && jp->slot < JOURNAL_SLOTS && !ioctl(w->pipe[0], FIONREAD, &left) &&
	    (uint32_t)left <= jp->len)
		w->j.slot[jp->slot].sent = jp->base + (jp->len - left);
	__atomic_store_n(&jp->valid, 0, __ATOMIC_RELEASE);
	pipe_drain(w);
}

/* Send up to n bytes from p; how many went, or -errno. */
static ssize_t pipe_send(struct worker *w, struct peer *p, const char *data, size_t n) {
	struct journal_pipe *jp = &w->j.head->pipe;
	ssize_t put = write(w->pipe[1], data, n), went;

	if (put <= 0) return -EIO;
	jp->base = p->slot->sent;
	jp->slot = p->slot - w->j.slot;
	jp->len = put;
	__atomic_store_n(&jp->valid, 1, __ATOMIC_RELEASE);
	went = splice(w->pipe[0], NULL, p->fd, NULL, put, SPLICE_F_NONBLOCK);
	if (went < 0) went = errno == EAGAIN ? 0 : -errno;
	p->slot->sent += went > 0 ? went : 0;
	__atomic_store_n(&jp->valid, 0, __ATOMIC_RELEASE);
	if (went < put) pipe_drain(w);
	return went;
}

int sock_send(struct worker *w, struct peer *p) {
	struct conn *c = p->conn;

	while (conn_queued(c) && !p->blocked) {
		uint32_t n = conn_queued(c) < PIPE_MAX ? conn_queued(c) : PIPE_MAX;
		ssize_t went = pipe_send(w, p, c->out + c->out_head, n);

		if (went < 0) return went;
		conn_sent(c, went);
		p->blocked = went < (ssize_t)n;
	}
	return 0;
}
