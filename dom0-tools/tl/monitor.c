/* SPDX-License-Identifier: MIT */
/*
 * The life-cycle monitor: one process that carries out the on_* actions of all guests made by tl.
 *
 * Model: the store's @releaseDomain event says that some domain changed; the monitor then looks at
 * every remembered configuration (TL_RUN_DIR/DOMID.cfg) and at the state of that domain. It keeps
 * nothing that it could not find again, so it may be killed and started at any time. Each action
 * runs in a child, so that one guest's trouble neither delays nor kills the others' service.
 */
#include "cmd.h"
#include "../lib/device.h"
#include "../lib/domain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/sched.h>

#define LOCK TL_RUN_DIR "/monitor.lock"

/* A guest that ends sooner than this after its start is restarted only after a pause. */
#define TOO_SOON_S 5

#define BUSY_MAX 256

struct busy {
	uint32_t domid;
	pid_t pid;
};

static struct busy busy[BUSY_MAX];

/* Take the lock; returns its descriptor, or -1 when another monitor has it. */
static int take_lock(void) {
	int fd;

	mkdir(TL_RUN_DIR, 0700);
	fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void monitor_ensure(void) {
	int fd = take_lock(), status;
	pid_t pid;

	if (fd < 0) return;
	close(fd);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "tl", "monitor", (char *)NULL);
		_exit(127);
	}
	if (pid > 0) waitpid(pid, &status, 0); /* it puts itself into the background */
}

static void say(const char *name, const char *text) {
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%F %T", localtime_r(&now, &tm));
	fprintf(stderr, "%s %s: %s\n", when, name, text);
	fflush(stderr);
}

static enum tl_action action_for(const struct tl_config *c, unsigned code) {
	switch (code) {
	case SHUTDOWN_poweroff: return c->on_poweroff;
	case SHUTDOWN_reboot: return c->on_reboot;
	case SHUTDOWN_crash: return c->on_crash;
	case SHUTDOWN_watchdog: return c->on_watchdog;
	case SHUTDOWN_soft_reset: return c->on_soft_reset;
	default: return TL_ACTION_PRESERVE; /* suspend: whoever asked for it goes on from here */
	}
}

/* Make the guest again from its text. With keep, the old domain stays under another name. */
static int again(struct tl_ctx *ctx, uint32_t domid, struct tl_config *c, int keep) {
	char *text, *overrides, name[96], dir[48];
	uint32_t fresh;
	int e, i = 1;

	if (tl_saved_read(domid, &text, &overrides)) return tl_fail(ctx, -ENOENT, "its configuration is lost");
	if (keep) {
		do snprintf(name, sizeof(name), "%s-%d", c->name, i++);
		while (tl_find_domain(ctx, name, &fresh) == 0);
		ctx->err[0] = 0;
		snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
		e = tl_store_put(ctx->s, dir, "name", name);
		if (!e) e = tl_store_putf(ctx->s, "/tool/tl/name", name, "%u", domid);
		if (!e) e = tl_store_rm(ctx->s, "/tool/tl/name/%s", c->name);
		c->uuid_set = 0;
		tl_saved_erase(domid);
	} else {
		e = tl_domain_destroy(ctx, domid);
	}
	if (!e) e = tl_domain_create(ctx, c, text, overrides, &fresh);
	if (!e) e = tl_dom_unpause(ctx->h, fresh);
	free(text);
	free(overrides);
	return e;
}

static int soft_reset(struct tl_ctx *ctx, uint32_t domid, struct tl_config *c) {
	say(c->name, "soft reset of PV guests is a restart");
	return again(ctx, domid, c, 0);
}

static int carry_out(struct tl_ctx *ctx, uint32_t domid, struct tl_config *c, enum tl_action action) {
	if (action == TL_ACTION_COREDUMP_DESTROY || action == TL_ACTION_COREDUMP_RESTART)
		say(c->name, "core dumps are not available in this version");
	switch (action) {
	case TL_ACTION_DESTROY:
	case TL_ACTION_COREDUMP_DESTROY: return tl_domain_destroy(ctx, domid);
	case TL_ACTION_RESTART:
	case TL_ACTION_COREDUMP_RESTART: return again(ctx, domid, c, 0);
	case TL_ACTION_RENAME_RESTART: return again(ctx, domid, c, 1);
	case TL_ACTION_SOFT_RESET: return soft_reset(ctx, domid, c);
	case TL_ACTION_PRESERVE: return 0;
	}
	return 0;
}

static void pause_if_too_soon(struct tl_ctx *ctx, uint32_t domid, const char *name) {
	char *vm = tl_store_get(ctx->s, "/local/domain/%u/vm", domid);
	char *start = vm ? tl_store_get(ctx->s, "%s/start_time", vm) : NULL;

	if (start && time(NULL) - strtoll(start, NULL, 10) < TOO_SOON_S) {
		say(name, "ended soon after its start; waiting before the next one");
		sleep(TOO_SOON_S);
	}
	free(vm);
	free(start);
}

/* In a child: act on one domain that has shut down. */
static int act(uint32_t domid, unsigned code) {
	struct tl_config *c = tl_saved_config(domid);
	struct tl_ctx ctx;
	enum tl_action action;
	char text[96], *name;
	int e;

	if (!c || tl_ctx_open(&ctx, TL_NEED_STORE | TL_NEED_HYPER)) return 1;
	name = tl_domain_name(&ctx, domid); /* it may have been renamed */
	if (strcmp(name, "(none)") != 0) c->name = name;
	action = action_for(c, code);
	snprintf(text, sizeof(text), "domain %u shut down (code %u): %s", domid, code, tl_action_names[action]);
	say(c->name, text);
	if (action == TL_ACTION_PRESERVE) {
		tl_saved_erase(domid);
		return 0;
	}
	if (action != TL_ACTION_DESTROY && action != TL_ACTION_COREDUMP_DESTROY)
		pause_if_too_soon(&ctx, domid, c->name);
	e = carry_out(&ctx, domid, c, action);
	if (e) say(c->name, ctx.err);
	return e != 0;
}

static struct busy *slot_of(uint32_t domid) {
	int i;

	for (i = 0; i < BUSY_MAX; i++)
		if (busy[i].pid && busy[i].domid == domid) return &busy[i];
	return NULL;
}

static void spawn(uint32_t domid, unsigned code) {
	struct busy *b = busy;

	while (b < busy + BUSY_MAX && b->pid) b++;
	if (b == busy + BUSY_MAX || slot_of(domid)) return; /* looked at again after the next event */
	b->pid = fork();
	if (b->pid == 0) _exit(act(domid, code));
	if (b->pid < 0) b->pid = 0;
	b->domid = domid;
}

static void reap(void) {
	pid_t pid;
	int i, status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < BUSY_MAX; i++)
			if (busy[i].pid == pid) busy[i].pid = 0;
}

/* A remembered domain that no longer exists: another tool destroyed it; leave no nodes behind. */
static void bury(struct tl_ctx *ctx, uint32_t domid) {
	struct tl_device *list;
	int n = tl_device_list(ctx, domid, NULL, &list), i;

	for (i = 0; i < n; i++) tl_device_remove(ctx, &list[i], 1, 2000);
	free(list);
	tl_birth_erase(ctx, domid);
	tl_saved_erase(domid);
	ctx->err[0] = 0;
}

static void look(struct tl_ctx *ctx) {
	struct xen_domctl_getdomaininfo info;
	DIR *d = opendir(TL_RUN_DIR);
	struct dirent *de;
	uint32_t domid;
	char *end;
	int e;

	while (d && (de = readdir(d))) {
		domid = strtoul(de->d_name, &end, 10);
		if (end == de->d_name || strcmp(end, ".cfg") != 0 || slot_of(domid)) continue;
		e = tl_dom_info(ctx->h, domid, &info);
		if (e == -ESRCH)
			bury(ctx, domid);
		else if (!e && info.flags & XEN_DOMINF_shutdown && !(info.flags & XEN_DOMINF_dying))
			spawn(domid, info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
	}
	if (d) closedir(d);
}

void go_background(const char *log_path) {
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fork()) _exit(0);
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(log < 0 ? null : log, 2);
	if (chdir("/")) _exit(1);
}

int cmd_monitor(struct cmd *c) {
	char path[256], token[32];
	struct pollfd p;
	int lock;

	if (!opt(c, 'F')) go_background(TL_LOG_DIR "/tl-monitor.log");
	lock = take_lock();
	if (lock < 0) return EXIT_OK; /* one is enough */
	if (tl_ctx_open(&c->ctx, TL_NEED_STORE | TL_NEED_HYPER)) return cmd_failed(c);
	signal(SIGPIPE, SIG_IGN);
	if (tl_store_watch(c->ctx.s, "@releaseDomain", "look")) return cmd_error(c, "cannot watch the store");
	p = (struct pollfd){ .fd = tl_store_fd(c->ctx.s), .events = POLLIN };
	for (;;) {
		while (tl_store_event(c->ctx.s, path, sizeof(path), token, sizeof(token)) > 0)
			;
		reap();
		look(&c->ctx);
		poll(&p, 1, 1000); /* the time bounds how late a finished child or a lost event is seen */
		if (p.revents & (POLLHUP | POLLERR)) return EXIT_FAILED;
	}
}
