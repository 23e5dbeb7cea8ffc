/* SPDX-License-Identifier: MIT */
#include "holder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "service.h"
#include "systemd.h"
#include "worker.h"

/* After so many workers in a row that failed within so many milliseconds the next has to wait; who was killed
 * has not failed. */
#define SHORT_LIFE_MS 50
#define SHORT_LIVES   20

struct holder {
	const struct options *opt;
	int listen, signals, control;
	/* The page of transfers under way (sock.c). */
	int flight;
	uint32_t next_id;
	struct held *held;
	uint32_t n, cap;
	/* Connections from this index on have not been sent to the worker. */
	uint32_t sent;
	pid_t worker;
	int64_t born;
	unsigned short_lives;
	bool ready, announced, stopping;
	struct control_msg update;
	bool update_wanted;
};

/* The name by which systemd keeps a connection. */
static const char *held_name(uint32_t id) {
	static char name[16];

	snprintf(name, sizeof(name), "c%u", id);
	return name;
}

static bool hold(struct holder *h, uint32_t id, int fd) {
	struct held *a;

	if (h->n == h->cap) {
		a = realloc(h->held, (h->cap * 2 + 64) * sizeof(*a));
		if (!a) return false;
		h->held = a;
		h->cap = h->cap * 2 + 64;
	}
	h->held[h->n++] = (struct held){ id, fd };
	return true;
}

static void release(struct holder *h, uint32_t id) {
	for (uint32_t i = 0; i < h->n; i++) {
		if (h->held[i].id != id) continue;
		systemd_forget(held_name(id));
		close(h->held[i].fd);
		memmove(&h->held[i], &h->held[i + 1], (h->n - i - 1) * sizeof(*h->held));
		h->n--;
		if (h->sent > i) h->sent--;
		return;
	}
}

/* --- handing over to another program --- */

static void keep_over_exec(int fd) { fcntl(fd, F_SETFD, 0); }

/* Write down what is held; the descriptor to pass on, or -1. */
static int write_takeover(const struct holder *h, const struct held *held, uint32_t n) {
	int fd = memfd_create("takeover", 0);
	FILE *f = fd >= 0 ? fdopen(dup(fd), "w") : NULL;

	if (!f) return -1;
	fprintf(f, "%d %d %u %u\n", h->listen, h->flight, h->next_id, n);
	keep_over_exec(h->listen);
	keep_over_exec(h->flight);
	for (uint32_t i = 0; i < n; i++) {
		fprintf(f, "%u %d\n", held[i].id, held[i].fd);
		keep_over_exec(held[i].fd);
	}
	fclose(f);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static bool read_takeover(struct holder *h) {
	FILE *f = fdopen(h->opt->takeover_fd, "r");
	uint32_t n, id;
	int fd;

	if (!f || fscanf(f, "%d %d %u %u", &h->listen, &h->flight, &h->next_id, &n) != 4) return false;
	fcntl(h->listen, F_SETFD, FD_CLOEXEC);
	fcntl(h->flight, F_SETFD, FD_CLOEXEC);
	while (n--) {
		if (fscanf(f, "%u %d", &id, &fd) != 2 || !hold(h, id, fd)) return false;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	fclose(f);
	return true;
}

/* One descriptor that systemd kept when the last holder was killed. */
static void take_kept(void *arg, const char *name, int fd) {
	struct holder *h = arg;
	unsigned id;

	if (!strcmp(name, "listen"))
		h->listen = fd;
	else if (!strcmp(name, "flight"))
		h->flight = fd;
	else if (sscanf(name, "c%u", &id) != 1 || !hold(h, id, fd))
		close(fd);
	else if (id >= h->next_id)
		h->next_id = id + 1;
}

static int held_by_id(const void *a, const void *b) {
	const struct held *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* The first holder: listen, unless systemd kept a socket that clients still find. */
static bool open_all(struct holder *h) {
	char path[300];

	h->listen = h->flight = -1;
	if (systemd_kept(take_kept, h)) log_info("systemd kept %u connections", h->n);
	qsort(h->held, h->n, sizeof(*h->held), held_by_id);
	snprintf(path, sizeof(path), "%s/socket", h->opt->run_dir);
	if (h->listen < 0 || access(path, F_OK)) {
		h->listen = service_listen(h->opt);
		systemd_forget("listen");
		systemd_keep("listen", h->listen);
	}
	if (h->flight < 0) {
		h->flight = flight_make();
		systemd_keep("flight", h->flight);
	}
	return h->listen >= 0 && h->flight >= 0;
}

/* Execute `file` as the next holder; returns only on failure. */
static void exec_takeover(const struct options *o, const char *file, const char *args, int fd) {
	char *argv[64], number[16], *copy = strdup(args);
	int n = 0;

	argv[n++] = o->argv[0];
	if (args[0]) {
		for (char *s = strtok(copy, " "); s && n < 60; s = strtok(NULL, " ")) argv[n++] = s;
	} else {
		for (int i = 1; i < o->argc && n < 60; i++) {
			if (!strcmp(o->argv[i], "--takeover"))
				i++;
			else
				argv[n++] = o->argv[i];
		}
	}
	snprintf(number, sizeof(number), "%d", fd);
	argv[n++] = "--takeover";
	argv[n++] = number;
	argv[n] = NULL;
	execv(file, argv);
	log_err("cannot execute %s: %s", file, strerror(errno));
	free(copy);
}

/* --- the worker --- */

static void worker_child(struct holder *h, int control) {
	struct handover ho = { .control = control, .flight = h->flight, .n = h->n, .held = h->held };
	struct held *left = NULL;
	uint32_t n_left = 0;
	int status, fd;

	close(h->signals);
	status = worker_run(h->opt, &ho, &left, &n_left);
	if (status >= 0) _exit(status);
	/* The holder is dead: become the next one. */
	fd = write_takeover(h, left, n_left);
	if (fd >= 0) exec_takeover(h->opt, "/proc/self/exe", "", fd);
	_exit(WORKER_REFUSED);
}

static bool spawn(struct holder *h) {
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) return false;
	h->ready = false;
	h->born = now_ms();
	h->worker = fork();
	if (h->worker == 0) {
		close(pair[0]);
		worker_child(h, pair[1]);
	}
	close(pair[1]);
	h->control = pair[0];
	/* It inherits all that is held now. */
	h->sent = h->n;
	return h->worker > 0;
}

static void on_ready(struct holder *h, uint32_t last_open) {
	h->ready = true;
	if (h->next_id <= last_open) h->next_id = last_open + 1;
	if (!h->announced) service_ready(h->opt);
	h->announced = true;
}

/* Take the worker's messages. */
static void on_control(struct holder *h) {
	struct control_msg msg;

	while (recv(h->control, &msg, sizeof(msg), MSG_DONTWAIT) > 0) {
		switch (msg.type) {
		case CONTROL_CLOSE: release(h, msg.id); break;
		case CONTROL_READY: on_ready(h, msg.id); break;
		case CONTROL_UPDATE:
			h->update = msg;
			h->update.text[sizeof(msg.text) - 1] = '\0';
			h->update_wanted = true;
			break;
		}
	}
}

static void do_update(struct holder *h) {
	const char *file = h->update.text, *args = file + strlen(file) + 1;
	int fd = write_takeover(h, h->held, h->n);

	h->update_wanted = false;
	log_info("live update: going on as %s %s", file, args);
	if (fd >= 0) exec_takeover(h->opt, file, args, fd);
}

/* The worker has ended: what now? Returns an exit status, or -1 to go on. */
static int on_worker_end(struct holder *h, int status) {
	struct timespec pause = { 0, 100 * 1000000 };

	on_control(h);
	close(h->control);
	h->control = -1;
	if (h->update_wanted) do_update(h);
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_STOPPED) return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_REFUSED) return 1;
	if (h->stopping) return 1;
	log_warn("the worker has ended (%s %d); starting another", WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (now_ms() - h->born > SHORT_LIFE_MS)
		h->short_lives = 0;
	else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		h->short_lives++;
	if (h->short_lives > SHORT_LIVES) nanosleep(&pause, NULL);
	return spawn(h) ? -1 : 1;
}

static int on_signal(struct holder *h) {
	struct signalfd_siginfo info;
	int status, end = -1;

	while (read(h->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) continue;
		h->stopping |= info.ssi_signo != SIGHUP;
		if (info.ssi_signo == SIGHUP && h->opt->log_file) log_open(LOG_TO_FILE, h->opt->log_file);
		kill(h->worker, info.ssi_signo);
	}
	if (waitpid(h->worker, &status, WNOHANG) == h->worker) end = on_worker_end(h, status);
	return end;
}

/* --- clients --- */

static void on_client(struct holder *h) {
	int fd = accept4(h->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) return;
	if (!hold(h, h->next_id, fd)) {
		close(fd);
		return;
	}
	systemd_keep(held_name(h->next_id), fd);
	h->next_id++;
}

/* Send descriptors that the worker does not have yet; false when it cannot take more now. */
static bool send_clients(struct holder *h) {
	char space[CMSG_SPACE(sizeof(int))];

	while (h->sent < h->n) {
		struct held *c = &h->held[h->sent];
		uint32_t head[2] = { CONTROL_OPEN, c->id };
		struct iovec iov = { head, sizeof(head) };
		struct msghdr m = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
		};
		struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &c->fd, sizeof(int));
		if (sendmsg(h->control, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
		h->sent++;
	}
	return true;
}

static int hold_on(struct holder *h) {
	for (;;) {
		bool all_sent = !h->ready || send_clients(h);
		struct pollfd p[3] = {
			{ h->signals, POLLIN, 0 },
			{ h->control, POLLIN | (all_sent ? 0 : POLLOUT), 0 },
			{ h->ready && all_sent ? h->listen : -1, POLLIN, 0 },
		};
		int end = -1;

		if (poll(p, 3, -1) < 0 && errno != EINTR) return 1;
		if (p[1].revents & POLLIN) on_control(h);
		if (p[0].revents)
			end = on_signal(h);
		else if (p[1].revents & POLLHUP) {
			/* The worker is going; its status comes with the signal. */
			struct timespec pause = { 0, 200000 };

			nanosleep(&pause, NULL);
		}
		if (end >= 0) return end;
		if (p[2].revents) on_client(h);
	}
}

static int open_signals(void) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int holder_main(const struct options *o) {
	struct holder h = { .opt = o, .control = -1, .next_id = 1 };
	int end;

	h.signals = open_signals();
	if (o->takeover_fd >= 0) {
		if (!read_takeover(&h)) {
			log_err("nothing to take over");
			return 1;
		}
	} else if (!open_all(&h)) {
		return 1;
	}
	service_pid_file(o);
	end = spawn(&h) ? hold_on(&h) : 1;
	service_end(o);
	return end;
}
