/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#include "control.h"
#include "domain.h"
#include "log.h"
#include "sandbox.h"
#include "service.h"
#include "systemd.h"

/* One piece of input; and output beyond which a connection is not read. */
#define PIECE     4096u
#define OUT_LIMIT 16384u
#define EVENTS    128

/* Keys of what is not a connection in the epoll set. */
enum { KEY_CONTROL = 1ull << 40, KEY_SIGNALS, KEY_XEN };

void worker_tell(struct worker *w, const struct control_msg *msg, size_t n) {
	if (send(w->control, msg, n, MSG_NOSIGNAL) < 0) log_debug("the holder does not listen: %s", strerror(errno));
}

/* --- the machine's questions --- */

static int64_t outside_ask(void *arg, const struct question *q) {
	struct worker *w = arg;
	struct ring *r;

	switch (q->fact) {
	case FACT_ATTACH: return ring_attach(w, q->arg[0], q->arg[1], q->arg[2]);
	case FACT_RING_CONS: r = ring_find(w, q->arg[0]); return r ? r->page->req_cons : 0;
	case FACT_RING_PROD: r = ring_find(w, q->arg[0]); return r ? r->page->rsp_prod : 0;
	case FACT_DOMAIN_EXISTS: return !w->have_xen || xen_life(q->arg[0]) != XEN_GONE;
	case FACT_CONTROL: return control_process(w, q->text, q->text_len);
	case FACT_MEMORY: return (int64_t)mallinfo2().uordblks;
	}
	return -EINVAL;
}

/* A connection ends: let go of its transport. */
static void outside_gone(void *arg, struct conn *c) {
	struct worker *w = arg;
	struct peer *p = c->peer;
	struct control_msg msg = { .type = CONTROL_CLOSE, .id = c->id };

	if (!p) return;
	peer_free(w, p);
	if (!c->is_ring) worker_tell(w, &msg, 8);
}

/* --- input --- */

static void peer_ready(struct worker *w, struct peer *p) {
	if (list_empty(&p->ready)) list_add_tail(&w->ready, &p->ready);
}

static void peer_close(struct worker *w, struct peer *p) {
	log_debug("connection %x ends", p->conn->id);
	worker_note(w, REC_CLOSE, p->conn->id, NULL, 0);
}

static void peer_break(struct worker *w, struct peer *p, uint32_t why) {
	worker_note(w, REC_BREAK, p->conn->id, &why, sizeof(why));
}

/* A broken connection: a socket is closed, a ring shows why and waits for a new start. */
static void peer_broken(struct worker *w, struct peer *p) {
	list_del(&p->ready);
	if (p->conn->is_ring)
		ring_show_error(p, p->conn->broken);
	else
		peer_close(w, p);
}

/* Execute what is kept of earlier input. */
static void serve_backlog(struct worker *w, struct peer *p) {
	char *room = worker_room(w, 0);

	worker_feed(w, p->conn, room, 0);
}

/* Take one piece of input; false when there is none now. */
static bool serve_piece(struct worker *w, struct peer *p) {
	struct conn *c = p->conn;
	uint32_t id = c->id;
	char *room = worker_room(w, PIECE);
	ssize_t n = c->is_ring ? ring_read(w, p, room, PIECE) : sock_receive(w, p, room, PIECE);

	if (n == -EAGAIN) return false;
	if (n == -EPROTO) {
		peer_break(w, p, CONN_RINGIDX);
		return true;
	}
	if (n <= 0) {
		if (n < 0) log_info("connection %x: %s", id, strerror(-n));
		peer_close(w, p);
		return true;
	}
	worker_feed(w, c, room, n);
	sock_taken(w);
	if (machine_conn(w->m, id) != c) return true;
	if (c->is_ring) ring_taken(p);
	/* A socket that gave less than asked for is empty; its next byte makes an edge. */
	return c->is_ring || n == PIECE || conn_backlog(c);
}

static void serve_peer(struct worker *w, struct peer *p) {
	struct conn *c = p->conn;
	uint32_t id = c->id;
	bool more = true;

	if (c->is_ring) ring_reconnect(w, p);
	if (c->broken) {
		peer_broken(w, p);
		return;
	}
	if (conn_queued(c) > OUT_LIMIT) {
		p->stalled = true;
		list_del(&p->ready);
		return;
	}
	if (conn_backlog(c))
		serve_backlog(w, p);
	else
		more = serve_piece(w, p);
	if (w->new_rings) ring_adopt(w);
	if (machine_conn(w->m, id) == c && !more && !c->broken && !p->hung_up) list_del(&p->ready);
}

/* One piece from everybody who is ready, in turn. */
static void serve_all(struct worker *w) {
	struct list turn, *l;

	if (list_empty(&w->ready)) return;
	/* Move the whole list to `turn`; whoever stays ready goes back to the end. */
	turn = w->ready;
	turn.next->prev = turn.prev->next = &turn;
	list_init(&w->ready);
	while ((l = turn.next) != &turn) {
		struct peer *p = list_entry(l, struct peer, ready);

		list_del(l);
		list_add_tail(&w->ready, l);
		serve_peer(w, p);
	}
}

/* --- output --- */

static void peer_drained(struct worker *w, struct peer *p) {
	if (p->stalled && conn_queued(p->conn) <= OUT_LIMIT / 2) {
		p->stalled = false;
		peer_ready(w, p);
	}
}

static void flush_events(struct worker *w) {
	for (struct list *l = w->m->active.next; l != &w->m->active; l = l->next) {
		struct conn *c = list_entry(l, struct conn, active);

		while (c->n_events && conn_queued(c) < OUT_LIMIT && !c->broken)
			worker_note(w, REC_FLUSH, c->id, NULL, 0);
	}
}

static void send_peer(struct worker *w, struct peer *p) {
	int err = p->conn->is_ring ? ring_send(p) : sock_send(w, p);

	if (err == -EPROTO) {
		peer_break(w, p, CONN_RINGIDX);
		peer_broken(w, p);
	} else if (err) {
		log_info("connection %x: %s", p->conn->id, strerror(-err));
		peer_close(w, p);
	} else {
		peer_drained(w, p);
	}
}

static void send_all(struct worker *w) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &w->m->active) {
		struct conn *c = list_entry(l, struct conn, active);
		struct peer *p = c->peer;

		if (!p || c->broken) {
			list_del(&c->active);
			continue;
		}
		send_peer(w, p);
	}
	/* Who has nothing left, or cannot take it now, is no longer active. */
	list_each_safe(l, tmp, &w->m->active) {
		struct conn *c = list_entry(l, struct conn, active);
		struct peer *p = c->peer;

		if (!p || p->blocked || (!conn_queued(c) && !c->n_events)) list_del(&c->active);
	}
}

/* --- events --- */

static void peer_unblock(struct worker *w, struct peer *p) {
	p->blocked = false;
	if (conn_queued(p->conn) || p->conn->n_events) conn_active(p->conn);
	peer_ready(w, p);
}

static void check_domains(struct worker *w) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &w->m->domains) {
		struct domain *d = list_entry(l, struct domain, link);
		enum xen_life life;

		if (!d->domid || (!d->introduced && !d->n_node)) continue;
		life = xen_life(d->domid);
		if (life == XEN_GONE)
			worker_note(w, REC_GONE, d->domid, NULL, 0);
		else if (life == XEN_SHUTDOWN && !d->shutdown && d->introduced)
			worker_note(w, REC_SHUTDOWN, d->domid, NULL, 0);
	}
}

static void on_xen(struct worker *w) {
	struct ring *r;
	struct domain *d;
	int port;

	/* A guest can raise its event again as fast as it is taken here: what is left waits for the next turn. */
	for (int i = 0; i < EVENTS && (port = xen_pending()) >= 0; i++) {
		if (port == w->exception_port) {
			check_domains(w);
			continue;
		}
		r = ring_by_port(w, port);
		d = r ? domain_find(w->m, r->domid) : NULL;
		if (d && d->conn && d->conn->peer) peer_unblock(w, d->conn->peer);
	}
}

static void on_open(struct worker *w, uint32_t id, int fd) {
	struct control_msg msg = { .type = CONTROL_CLOSE, .id = id };
	struct conn *c;

	worker_note(w, REC_OPEN, id, NULL, 0);
	c = machine_conn(w->m, id);
	if (c && !sock_attach(w, c, fd)) return;
	close(fd);
	if (c) worker_note(w, REC_CLOSE, id, NULL, 0);
	worker_tell(w, &msg, 8);
}

/* Messages from the holder; its end of file means that it has died. */
static void on_control(struct worker *w) {
	char space[CMSG_SPACE(sizeof(int))];
	struct control_msg msg;
	struct iovec iov = { &msg, sizeof(msg) };
	int fd;

	for (;;) {
		struct msghdr h = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
		};
		ssize_t n = recvmsg(w->control, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;

		if (n < 0 && errno == EAGAIN) return;
		if (n <= 0) {
			w->orphaned = true;
			return;
		}
		if (msg.type != CONTROL_OPEN || !c) continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		on_open(w, msg.id, fd);
	}
}

static void on_signal(struct worker *w) {
	struct signalfd_siginfo info;
	int status;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) w->stop = true;
		if (info.ssi_signo == SIGHUP && w->opt->log_file) log_open(LOG_TO_FILE, w->opt->log_file);
	}
	if (w->checkpoint && waitpid(w->checkpoint, &status, WNOHANG) == w->checkpoint)
		worker_checkpoint_done(w, status);
}

static void on_event(struct worker *w, const struct epoll_event *ev) {
	struct conn *c;
	struct peer *p;

	switch (ev->data.u64) {
	case KEY_CONTROL: on_control(w); return;
	case KEY_SIGNALS: on_signal(w); return;
	case KEY_XEN: on_xen(w); return;
	}
	c = machine_conn(w->m, ev->data.u64);
	p = c ? c->peer : NULL;
	if (!p) return;
	p->hung_up |= (ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if (ev->events & EPOLLOUT)
		peer_unblock(w, p);
	else
		peer_ready(w, p);
}

static int turn_timeout(const struct worker *w) {
	if (!list_empty(&w->ready) || !list_empty(&w->m->active)) return 0;
	return w->retry_at && !w->checkpoint ? 200 : -1;
}

/* No reply to a change leaves before the disk has it. Of a turn that changed no node the disk need
 * not know: a power cut takes connections with it anyway. */
static void sync_changes(struct worker *w) {
	if (!w->opt->durable_power || w->m->tree.generation == w->synced) return;
	if (journal_sync(&w->j))
		log_err("journal: %s", strerror(errno));
	else
		w->synced = w->m->tree.generation;
}

static void turn(struct worker *w) {
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(w->epoll, ev, EVENTS, turn_timeout(w));

	for (int i = 0; i < n; i++) on_event(w, &ev[i]);
	serve_all(w);
	flush_events(w);
	sync_changes(w);
	send_all(w);
	ring_notify_all(w);
	worker_checkpoint_tick(w);
}

/* --- start and end --- */

static int watch_fd(struct worker *w, int fd, uint64_t key) {
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = key };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_signals(void) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_xen(struct worker *w) {
	int err = w->opt->no_domain_init ? -ENODEV : xen_open();

	if (err == -ENODEV) {
		log_info("no Xen here: serving sockets only");
		return 0;
	}
	if (err) {
		log_err("cannot open Xen's devices: %s", strerror(-err));
		return err;
	}
	w->have_xen = true;
	w->exception_port = xen_bind_exception();
	if (w->exception_port < 0) log_warn("cannot learn of domains' ends: %s", strerror(-w->exception_port));
	return watch_fd(w, xen_fd(), KEY_XEN);
}

/* Serve domain 0's kernel, unless that is under way already. */
static void open_dom0(struct worker *w) {
	const struct domain *d = domain_find(w->m, 0);
	uint32_t port = 0;

	if (!w->have_xen || d->introduced) return;
	if (ring_attach(w, 0, 0, 0)) {
		log_warn("domain 0's kernel has no ring for us: %s", strerror(errno));
		return;
	}
	worker_note(w, REC_DOM0, 0, &port, sizeof(port));
	ring_adopt(w);
}

static int worker_open(struct worker *w, const struct options *o, const struct handover *h) {
	int err;

	w->opt = o;
	w->control = h->control;
	w->outside = (struct outside){ outside_ask, outside_gone, w };
	w->exception_port = -1;
	list_init(&w->ready);
	list_init(&w->rings);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->signals = open_signals();
	if (w->epoll < 0 || w->signals < 0) return -errno;
	err = flight_open(w, h->flight);
	if (!err) err = watch_fd(w, w->control, KEY_CONTROL);
	if (!err) err = watch_fd(w, w->signals, KEY_SIGNALS);
	if (!err) err = open_xen(w);
	if (!err) err = sandbox_enter(o, worker_may_succeed(o));
	if (!err) err = worker_recover(w, h);
	if (err) return err;
	open_dom0(w);
	/* Who ended while nobody was bound to the event. */
	if (w->have_xen) check_domains(w);
	return 0;
}

bool worker_may_succeed(const struct options *o) { return !o->user && !systemd_present(); }

/* The connections, for whoever takes over from this process. */
static void collect_held(struct worker *w, struct held **left, uint32_t *n) {
	*left = calloc(w->m->n_conn + 1, sizeof(**left));
	*n = 0;
	for (struct list *l = w->m->conns.next; *left && l != &w->m->conns; l = l->next) {
		const struct conn *c = list_entry(l, struct conn, link);
		const struct peer *p = c->peer;

		if (p && p->fd >= 0) (*left)[(*n)++] = (struct held){ c->id, p->fd };
	}
}

/* Bring the database up to date, so that the next start has nothing to replay. */
static void worker_finish(struct worker *w) {
	int status;

	if (w->checkpoint && waitpid(w->checkpoint, &status, 0) == w->checkpoint) worker_checkpoint_done(w, status);
	worker_checkpoint_now(w);
}

static void tell_update(struct worker *w) {
	struct control_msg msg = { .type = CONTROL_UPDATE };
	size_t n = snprintf(msg.text, sizeof(msg.text), "%s", w->update_file ? w->update_file : "") + 1;

	if (n < sizeof(msg.text))
		snprintf(msg.text + n, sizeof(msg.text) - n, "%s", w->update_args ? w->update_args : "");
	worker_tell(w, &msg, sizeof(msg));
}

int worker_run(const struct options *o, const struct handover *h, struct held **left, uint32_t *n_left) {
	struct control_msg ready = { .type = CONTROL_READY };
	static struct worker w;

	memset(&w, 0, sizeof(w));
	if (worker_open(&w, o, h)) return WORKER_REFUSED;
	service_background(o);
	ready.id = w.m->last_open;
	worker_tell(&w, &ready, 8);
	while (!w.stop && !w.orphaned && !w.update) turn(&w);
	if (w.orphaned && !w.stop) {
		if (!worker_may_succeed(o)) {
			log_err("the holder has died");
			return WORKER_REFUSED;
		}
		log_warn("the holder has died; taking its place");
		collect_held(&w, left, n_left);
		/* Descriptors stay open; all else is the next worker's to recover. */
		return -1;
	}
	worker_finish(&w);
	if (w.update) tell_update(&w);
	return w.update ? WORKER_UPDATE : WORKER_STOPPED;
}
