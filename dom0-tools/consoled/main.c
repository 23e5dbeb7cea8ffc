/* SPDX-License-Identifier: MIT */
/*
 * tl-consoled: serves the consoles and channels of all guests.
 *
 * Model: one process, one event loop, no state of its own. The store says which guests have
 * consoles; after a crash a new daemon finds the same guests, maps the same rings and goes on where
 * the indices in the shared pages say.
 */
#include "console.h"
#include "ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONSOLES_MAX 4096

static struct shared sh = { .log_dir = TL_LOG_DIR "/console" };
static struct console *consoles;
static volatile sig_atomic_t quit, hangup;

static void on_signal(int sig) {
	if (sig == SIGHUP)
		hangup = 1;
	else
		quit = 1;
}

static struct console *find(uint32_t domid, unsigned num) {
	struct console *c;

	for (c = consoles; c; c = c->next)
		if (c->domid == domid && c->num == num) return c;
	return NULL;
}

static void serve(uint32_t domid, unsigned num) {
	struct console *c = find(domid, num) ? NULL : console_open(&sh, domid, num);

	if (!c) return;
	c->next = consoles;
	consoles = c;
}

static void end(struct console *c) {
	struct console **at = &consoles;

	while (*at != c) at = &(*at)->next;
	*at = c->next;
	console_close(&sh, c);
}

static void put_state(uint32_t domid, unsigned num, int state) {
	char back[80];

	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/%u", domid, num);
	tl_store_putf(sh.store, back, "state", "%d", state);
}

/* The guest's state of a channel is in the guest's part of the store: watched while the channel is there. */
static void watch_front(uint32_t domid, unsigned num, int on) {
	char path[80];

	snprintf(path, sizeof(path), "/local/domain/%u/device/console/%u/state", domid, num);
	tl_store_unwatch(sh.store, path, "front");
	if (on) tl_store_watch(sh.store, path, "front");
}

/*
 * A channel follows the xenbus states: we wait in 2 until the guest is in 3 (ring and port
 * published), then map and go to 4; when the guest closes we close.
 */
static void serve_channel(uint32_t domid, unsigned num) {
	uint64_t front = tl_store_num(sh.store, 0, "/local/domain/%u/device/console/%u/state", domid, num);
	uint64_t back = tl_store_num(sh.store, 0, "/local/domain/0/backend/console/%u/%u/state", domid, num);
	struct console *c = find(domid, num);

	if (back == 1) {
		put_state(domid, num, 2);
		watch_front(domid, num, 1);
	}
	if (front == 0) watch_front(domid, num, 0);
	if (c && (front >= 5 || front == 0 || back == 5)) {
		end(c);
		put_state(domid, num, 6);
	} else if (!c && (back == 5 || (back == 2 && front == 6))) {
		put_state(domid, num, 6);
	} else if (!c && (front == 3 || front == 4) && back < 5) {
		serve(domid, num);
		if (find(domid, num)) put_state(domid, num, 4);
	}
}

static void scan_channels(uint32_t domid) {
	char **ids;
	int n = tl_store_list(sh.store, &ids, "/local/domain/0/backend/console/%u", domid), i;
	unsigned num;

	for (i = 0; i < n; i++) {
		num = strtoul(ids[i], NULL, 10);
		if (num) serve_channel(domid, num);
	}
	free(ids);
}

/* A guest that is dying keeps its nodes for a moment, but must not be held by us any more. */
static int alive(uint32_t domid) {
	return tl_store_introduced(sh.store, domid) &&
	       tl_store_exists(sh.store, "/local/domain/%u/console/ring-ref", domid);
}

/* Domains whose console is announced but cannot be served yet: looked at again at each
 * introduction. */
static uint32_t pending[CONSOLES_MAX];
static int npending;

static void put_pending(uint32_t domid) {
	int i;

	for (i = 0; i < npending; i++)
		if (pending[i] == domid) return;
	if (npending < CONSOLES_MAX) pending[npending++] = domid;
}

static void end_all_of(uint32_t domid) {
	struct console *c, *next;

	for (c = consoles; c; c = next) {
		next = c->next;
		if (c->domid == domid) {
			console_drain(&sh, c);
			end(c);
		}
	}
}

/* Bring the consoles of one domain in line with the store. The cost does not depend on other
 * domains. */
static void look_at(uint32_t domid) {
	char *type;

	if (!domid) return;
	type = tl_store_get(sh.store, "/local/domain/%u/console/type", domid);
	if (type && !alive(domid)) put_pending(domid);
	if (!alive(domid)) {
		end_all_of(domid);
	} else {
		if (type && strcmp(type, "xenconsoled") == 0) serve(domid, 0);
		scan_channels(domid);
	}
	free(type);
}

static void retry_pending(void) {
	int n = npending, i;

	npending = 0; /* look_at() puts back those that still cannot be served */
	for (i = 0; i < n; i++) look_at(pending[i]);
}

/* Let go of guests that died without anybody removing their nodes. */
static void sweep(void) {
	struct console *c = consoles, *next;
	int n = npending, i;

	while (c) {
		next = c->next;
		if (!alive(c->domid)) {
			end_all_of(c->domid);
			next = consoles; /* several may have gone: begin again */
		}
		c = next;
	}
	npending = 0;
	for (i = 0; i < n; i++)
		if (tl_store_exists(sh.store, "/local/domain/%u/console/type", pending[i])) put_pending(pending[i]);
}

/* After a restart: the channels that the last daemon watched. */
static void rewatch(uint32_t domid) {
	char **ids;
	int n = tl_store_list(sh.store, &ids, "/local/domain/%u/device/console", domid), i;

	for (i = 0; i < n; i++) watch_front(domid, strtoul(ids[i], NULL, 10), 1);
	free(ids);
}

/* At the start: all guests that are there. */
static void scan(void) {
	char **ids;
	int n = tl_store_list(sh.store, &ids, "/local/domain"), i;

	for (i = 0; i < n; i++) {
		look_at(strtoul(ids[i], NULL, 10));
		rewatch(strtoul(ids[i], NULL, 10));
	}
	free(ids);
}

static void on_evtchn(void) {
	xenevtchn_port_or_error_t port = xenevtchn_pending(sh.evtchn);
	struct console *c;

	if (port < 0) return;
	for (c = consoles; c; c = c->next)
		if (c->port == port) console_drain(&sh, c);
	xenevtchn_unmask(sh.evtchn, port);
}

#define CONSOLE_DIR "/local/domain/0/backend/console"
#define SWEEP_MS    2000

static int sweep_due;

/*
 * Events of the store. A guest's console directory makes many events at once: each domain is looked
 * at once for all of them. Sweeps cost a question for each guest, so they wait for more releases.
 */
static void on_store(void) {
	char path[3072], token[32];
	uint32_t domid, seen[64];
	int n = 0, i, introduced = 0;

	while (n < 64 && tl_store_event(sh.store, path, sizeof(path), token, sizeof(token)) > 0) {
		introduced |= strcmp(path, "@introduceDomain") == 0;
		sweep_due |= strcmp(path, "@releaseDomain") == 0;
		if (sscanf(path, CONSOLE_DIR "/%u", &domid) != 1 &&
		    sscanf(path, "/local/domain/%u/device/console/", &domid) != 1)
			continue;
		for (i = 0; i < n && seen[i] != domid; i++)
			;
		if (i == n) seen[n++] = domid;
	}
	for (i = 0; i < n; i++) look_at(seen[i]);
	if (introduced) retry_pending();
}

static void maybe_sweep(void) {
	static int64_t last;

	if (!sweep_due || tl_now_ms() - last < SWEEP_MS) return;
	last = tl_now_ms();
	sweep_due = 0;
	sweep();
}

static struct pollfd fds[2 + 2 * CONSOLES_MAX];

/* Fill fds: store, event channels, then two for each console (outside, listener). */
static int prepare(int *starved) {
	struct console *c;
	short events;
	int n = 2;

	fds[0] = (struct pollfd){ tl_store_fd(sh.store), POLLIN, 0 };
	fds[1] = (struct pollfd){ xenevtchn_fd(sh.evtchn), POLLIN, 0 };
	*starved = 0;
	for (c = consoles; c && n < 2 * CONSOLES_MAX; c = c->next) {
		/* A reader that hung up is told of whatever is asked: with nothing to do there is nothing to ask. */
		events = (ring_space(c->ring) ? POLLIN : 0) | (c->len ? POLLOUT : 0);
		fds[n++] = (struct pollfd){ events ? console_fd(c) : -1, events, 0 };
		fds[n++] = (struct pollfd){ c->listener, POLLIN, 0 };
		*starved |= c->starved || c->tokens < console_rate;
	}
	return n;
}

static void serve_outside(int n) {
	struct console *c = consoles;
	int i;

	for (i = 2; i < n && c; i += 2, c = c->next) {
		if (fds[i].revents & POLLOUT) console_write_out(c);
		if (fds[i].revents & (POLLIN | POLLHUP)) console_read_in(&sh, c);
		if (fds[i + 1].revents & POLLIN) console_accept(c);
	}
}

static void refill(void) {
	static int64_t last;
	struct console *c;

	if (tl_now_ms() - last < REFILL_MS) return;
	last = tl_now_ms();
	for (c = consoles; c; c = c->next)
		if (console_refill(c)) console_drain(&sh, c);
}

static void reopen_logs(void) {
	struct console *c;

	hangup = 0;
	for (c = consoles; c; c = c->next)
		if (c->log.path[0]) guestlog_reopen(&c->log);
}

static int loop(void) {
	int n, starved;

	while (!quit) {
		n = prepare(&starved);
		if (poll(fds, n, starved ? REFILL_MS : sweep_due ? SWEEP_MS : 60000) < 0 && errno != EINTR) return 1;
		if (hangup) reopen_logs();
		if (fds[0].revents & (POLLHUP | POLLERR)) return 1; /* xenstored went away for good: be restarted */
		serve_outside(n);
		if (fds[1].revents) on_evtchn();
		refill();
		if (fds[0].revents) on_store();
		maybe_sweep();
	}
	return 0;
}

static int usage(void) {
	fprintf(stderr, "usage: tl-consoled [-i] [--log=none|guest] [--log-dir=DIR] [--log-size=BYTES] "
			"[--log-keep=N] [--rate=BYTES-A-SECOND] [--pid-file=FILE]\n");
	return 2;
}

static const struct option options[] = {
	{ "interactive", no_argument, NULL, 'i' },    { "log", required_argument, NULL, 'l' },
	{ "log-dir", required_argument, NULL, 'd' },  { "log-size", required_argument, NULL, 's' },
	{ "log-keep", required_argument, NULL, 'k' }, { "rate", required_argument, NULL, 'r' },
	{ "pid-file", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
};

static int open_all(void) {
	int e = tl_store_open(&sh.store);

	if (e) {
		fprintf(stderr, "tl-consoled: cannot reach xenstored: %s\n", strerror(-e));
		return -1;
	}
	sh.evtchn = xenevtchn_open(NULL, 0);
	sh.gnttab = xengnttab_open(NULL, 0);
	sh.fmem = xenforeignmemory_open(NULL, 0);
	if (!sh.evtchn || (!sh.gnttab && !sh.fmem)) {
		fprintf(stderr, "tl-consoled: /dev/xen/evtchn or gntdev: %s\n", strerror(errno));
		return -1;
	}
	fcntl(xenevtchn_fd(sh.evtchn), F_SETFL, O_NONBLOCK);
	if (tl_store_watch(sh.store, "@introduceDomain", "scan") ||
	    tl_store_watch(sh.store, "@releaseDomain", "scan") || tl_store_watch(sh.store, CONSOLE_DIR, "scan"))
		return -1;
	return 0;
}

/* Exactly one daemon: two would steal each other's bytes. Returns 0 when we are the one. */
static int be_the_one(void) {
	int fd;

	mkdir("/run/tl", 0700);
	fd = open("/run/tl/consoled.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
		fprintf(stderr, "tl-consoled: another one is running (or /run/tl cannot be written)\n");
		return -1;
	}
	return 0;
}

/*
 * Go into the background. The parent stays until the child is ready or dead, and tells which by its
 * exit code. This comes before the store is opened: its library starts a thread, and threads do not
 * survive a fork. Returns the descriptor for ready(), or -1.
 */
static int go_background(void) {
	char byte;
	int p[2];

	if (pipe2(p, O_CLOEXEC)) return -1;
	switch (fork()) {
	case -1: return -1;
	case 0:
		close(p[0]);
		setsid();
		return p[1];
	default: close(p[1]); _exit(read(p[0], &byte, 1) == 1 ? 0 : 1);
	}
}

static void ready(int fd) {
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close(null);
	if (chdir("/") || write(fd, "", 1) != 1) quit = 1;
	close(fd);
}

/* A console takes three descriptors, and there may be thousands. */
static void allow_descriptors(void) {
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l)) return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static void write_pid(const char *path) {
	FILE *f = path ? fopen(path, "we") : NULL;

	if (f) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	}
}

int main(int argc, char **argv) {
	struct sigaction sa = { .sa_handler = on_signal };
	const char *pid_file = NULL;
	int o, foreground = 0, waiting = -1;

	while ((o = getopt_long(argc, argv, "i", options, NULL)) != -1) {
		if (o == 'i')
			foreground = 1;
		else if (o == 'l')
			sh.log_dir = strcmp(optarg, "none") == 0 ? NULL : sh.log_dir;
		else if (o == 'd')
			sh.log_dir = optarg;
		else if (o == 's')
			guestlog_max = strtoul(optarg, NULL, 10);
		else if (o == 'k')
			guestlog_keep = atoi(optarg);
		else if (o == 'r')
			console_rate = strtol(optarg, NULL, 10) * REFILL_MS / 1000;
		else if (o == 'p')
			pid_file = optarg;
		else
			return usage();
	}
	if (optind < argc || guestlog_max < 4096 || console_rate < 1) return usage();
	allow_descriptors();
	if (sh.log_dir) {
		mkdir(TL_LOG_DIR, 0755);
		mkdir(sh.log_dir, 0750);
	}
	if (!foreground) waiting = go_background();
	if ((!foreground && waiting < 0) || open_all() || be_the_one()) return 1;
	write_pid(pid_file);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	scan();
	if (waiting >= 0) ready(waiting);
	o = loop();
	while (consoles) end(consoles);
	return o;
}
