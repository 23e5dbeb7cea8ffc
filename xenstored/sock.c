/* SPDX-License-Identifier: MIT */
/*
 * Socket clients, exactly once.
 *
 * recv() and send() leave no trace of how much the kernel moved if this process is killed before
 * they return. recvmmsg() and sendmmsg() do: before they return, the kernel writes the number of
 * bytes into the caller's own memory, and SIGKILL waits for the end of the system call. That
 * memory is the flight page: shared, locked, and kept by the holder beside the clients' sockets.
 *
 * Input goes from the socket into the journal's room for the next record, where it is executed in
 * place. The flight page says whose it is and which record it will be: if that record is missing
 * after a crash, the bytes are still in the room, the page has their number, and they are executed.
 *
 * Output: the page says which connection and from which position on; the number of bytes, if the
 * kernel wrote one, is added to the slot's position after a crash as it would have been without.
 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <talloc.h>
#include <unistd.h>

#include "log.h"

#define SEND_MAX 32768u
/* The kernel has moved nothing. */
#define MOVED_NONE UINT32_MAX

/* A transfer under way; conn 0: none. */
struct transfer {
	uint32_t conn;
	uint32_t unused;
	/* Input: the number of the record. Output: the position of the first byte. */
	uint64_t at;
	/* msg.msg_len is written by the kernel. */
	struct mmsghdr msg;
	struct iovec part;
};

struct flight {
	struct transfer in, out;
};

/* --- connections --- */

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

/* --- transfers --- */

static void transfer_begin(struct transfer *t, uint32_t conn, uint64_t at, const char *p, size_t n) {
	t->at = at;
	t->part = (struct iovec){ (void *)p, n };
	t->msg = (struct mmsghdr){ .msg_hdr = { .msg_iov = &t->part, .msg_iovlen = 1 }, .msg_len = MOVED_NONE };
	__atomic_store_n(&t->conn, conn, __ATOMIC_RELEASE);
}

static void transfer_end(struct transfer *t) { __atomic_store_n(&t->conn, 0, __ATOMIC_RELEASE); }

ssize_t sock_receive(struct worker *w, struct peer *p, char *room, size_t n) {
	struct transfer *t = &w->flight->in;

	transfer_begin(t, p->conn->id, w->j.next, room, n);
	return recvmmsg(p->fd, &t->msg, 1, MSG_DONTWAIT, NULL) == 1 ? (ssize_t)t->msg.msg_len : -errno;
}

void sock_taken(struct worker *w) { transfer_end(&w->flight->in); }

/* Send up to n bytes; how many went, or -errno. */
static ssize_t send_some(struct worker *w, struct peer *p, const char *data, size_t n) {
	struct transfer *t = &w->flight->out;
	ssize_t went;

	transfer_begin(t, p->conn->id, p->slot->sent, data, n);
	if (sendmmsg(p->fd, &t->msg, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		went = t->msg.msg_len;
	else
		went = errno == EAGAIN ? 0 : -errno;
	if (went > 0) p->slot->sent += went;
	transfer_end(t);
	return went;
}

int sock_send(struct worker *w, struct peer *p) {
	struct conn *c = p->conn;

	while (conn_queued(c) && !p->blocked) {
		uint32_t n = conn_queued(c) < SEND_MAX ? conn_queued(c) : SEND_MAX;
		ssize_t went = send_some(w, p, c->out + c->out_head, n);

		if (went < 0) return went;
		conn_sent(c, went);
		p->blocked = went < (ssize_t)n;
	}
	return 0;
}

/* --- the flight page --- */

int flight_make(void) {
	int fd = memfd_create("flight", MFD_CLOEXEC);

	if (fd >= 0 && !ftruncate(fd, sizeof(struct flight))) return fd;
	log_err("flight page: %s", strerror(errno));
	return -1;
}

int flight_open(struct worker *w, int fd) {
	void *p = mmap(NULL, sizeof(struct flight), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) return -errno;
	/* In memory at all times: the kernel must not fail to write to it. */
	if (mlock(p, sizeof(struct flight))) log_info("flight page: mlock: %s", strerror(errno));
	w->flight = p;
	return 0;
}

void flight_recover_output(struct worker *w) {
	struct transfer *t = &w->flight->out;
	struct journal_slot *s = t->conn ? journal_slot_find(&w->j, t->conn) : NULL;

	if (s && t->msg.msg_len != MOVED_NONE) s->sent = t->at + t->msg.msg_len;
	transfer_end(t);
}

void flight_recover_input(struct worker *w) {
	struct transfer *t = &w->flight->in;
	struct conn *c = t->conn ? machine_conn(w->m, t->conn) : NULL;
	uint32_t n = t->msg.msg_len;
	bool reserve = w->j.use_reserve;

	/* Nothing may have been appended since: that would be in the bytes' place. */
	if (c && t->at == w->j.next && n && n != MOVED_NONE) {
		w->j.use_reserve = true; /* perhaps it was when they came */
		worker_feed(w, c, journal_room(&w->j, n), n);
		w->j.use_reserve = reserve;
	}
	transfer_end(t);
}
