/* SPDX-License-Identifier: MIT */
/* See wire.h. A broken connection (errno EPIPE and the like) stays broken: every later call fails. */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>
#include <xenstore_lib.h>

#define QUEUE_SIZE  16384 /* flushed beyond this: neither side's socket buffer fills up */
#define PENDING_MAX 256

struct wire {
	int fd;
	int broken; /* errno of what broke it */
	int error;  /* first refusal since wire_settle() */
	uint32_t id;
	char queue[QUEUE_SIZE];
	size_t queued;
	/* answers that are still to come, oldest first */
	uint8_t ignore[PENDING_MAX];
	unsigned pending;
};

int wire_open(struct wire **out) {
	const char *path = xs_daemon_socket();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct wire *w;

	if (!path || strlen(path) >= sizeof(a.sun_path)) return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w) return -ENOMEM;
	strcpy(a.sun_path, path);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&a, sizeof(a))) {
		int e = -errno;

		wire_close(w);
		return e;
	}
	*out = w;
	return 0;
}

void wire_close(struct wire *w) {
	if (!w) return;
	if (w->fd >= 0) close(w->fd);
	free(w);
}

static int broke(struct wire *w, int e) {
	if (!w->broken) w->broken = e ? e : EPIPE;
	return -w->broken;
}

static int send_all(struct wire *w, const char *p, size_t n) {
	ssize_t done;

	while (n && !w->broken) {
		done = send(w->fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR) continue;
		if (done <= 0) return broke(w, errno);
		p += done;
		n -= done;
	}
	return -w->broken;
}

static int recv_all(struct wire *w, void *p, size_t n) {
	ssize_t done;

	while (n && !w->broken) {
		done = recv(w->fd, p, n, MSG_WAITALL);
		if (done < 0 && errno == EINTR) continue;
		if (done <= 0) return broke(w, done < 0 ? errno : 0);
		p = (char *)p + done;
		n -= done;
	}
	return -w->broken;
}

static int flush(struct wire *w) {
	size_t n = w->queued;

	w->queued = 0;
	return send_all(w, w->queue, n);
}

static int error_number(const char *name) {
	size_t i;

	for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (strcmp(xsd_errors[i].errstring, name) == 0) return xsd_errors[i].errnum;
	return EINVAL;
}

/* Read one answer: 0 and its payload in buf (NUL-terminated, *len), or a negative errno. */
static int answer(struct wire *w, char *buf, size_t *len) {
	struct xsd_sockmsg m;

	if (recv_all(w, &m, sizeof(m))) return -w->broken;
	if (m.len > XENSTORE_PAYLOAD_MAX) return broke(w, EPROTO);
	if (recv_all(w, buf, m.len)) return -w->broken;
	buf[m.len] = 0;
	*len = m.len;
	return m.type == XS_ERROR ? -error_number(buf) : 0;
}

/* Collect the answers to queued requests. */
static int collect(struct wire *w) {
	char buf[XENSTORE_PAYLOAD_MAX + 1];
	unsigned i;
	size_t len;
	int e;

	if (flush(w)) return -w->broken;
	for (i = 0; i < w->pending && !w->broken; i++) {
		e = answer(w, buf, &len);
		if (e && !w->error && !(e == -ENOENT && w->ignore[i])) w->error = -e;
	}
	w->pending = 0;
	return -w->broken;
}

static void append(struct wire *w, uint32_t type, uint32_t tx, const void *payload, size_t n) {
	struct xsd_sockmsg m = { .type = type, .req_id = ++w->id, .tx_id = tx, .len = n };

	memcpy(w->queue + w->queued, &m, sizeof(m));
	memcpy(w->queue + w->queued + sizeof(m), payload, n);
	w->queued += sizeof(m) + n;
}

int wire_queue(struct wire *w, uint32_t type, uint32_t tx, const void *payload, size_t n, int ignore_absent) {
	if (n > XENSTORE_PAYLOAD_MAX) return -E2BIG;
	if (w->pending == PENDING_MAX || w->queued + sizeof(struct xsd_sockmsg) + n > QUEUE_SIZE) collect(w);
	if (w->broken) return -w->broken;
	append(w, type, tx, payload, n);
	w->ignore[w->pending++] = ignore_absent != 0;
	return 0;
}

int wire_settle(struct wire *w) {
	int e;

	collect(w);
	e = w->broken ? w->broken : w->error;
	w->error = 0;
	return -e;
}

char *wire_ask(struct wire *w, uint32_t type, uint32_t tx, const void *payload, size_t n, size_t *len) {
	char buf[XENSTORE_PAYLOAD_MAX + 1], *copy;
	int e = n > XENSTORE_PAYLOAD_MAX ? -E2BIG : collect(w);

	if (!e) {
		append(w, type, tx, payload, n);
		e = flush(w);
	}
	if (!e) e = answer(w, buf, len);
	if (e) {
		errno = -e;
		return NULL;
	}
	copy = malloc(*len + 1);
	if (copy) memcpy(copy, buf, *len + 1);
	return copy;
}
