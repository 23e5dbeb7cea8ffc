/* SPDX-License-Identifier: MIT */
/*
 * Hot-plug scripts, with the interface that the stock scripts expect:
 *   SCRIPT add|remove (disks), SCRIPT online|offline (networks), environment XENBUS_TYPE,
 * XENBUS_PATH, XENBUS_BASE_PATH, script, and vif. Scripts report through BACKEND/hotplug-status and
 * hotplug-error.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void script_path(const char *script, char *out, size_t n) {
	snprintf(out, n, "%s%s", script[0] == '/' ? "" : TL_SCRIPT_DIR "/", script);
}

/* In the child: never returns. */
static void exec_script(const struct tl_device *d, const char *script, const char *action, const char *vif) {
	char back[160];
	int log = open(TL_LOG_DIR "/xen-hotplug.log", O_WRONLY | O_CREAT | O_APPEND, 0640);
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	if (log < 0) log = null;
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	tl_back_path(d, back, sizeof(back));
	setenv("XENBUS_PATH", back, 1);
	setenv("XENBUS_TYPE", d->kind, 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	setenv("script", script, 1);
	if (vif) {
		setenv("vif", vif, 1);
		setenv("type_if", "vif", 1);
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execl(script, script, action, (char *)NULL);
	_exit(127);
}

/* Wait for the child; a late one is killed with its whole group. */
static int reap(pid_t pid, int ms) {
	struct pollfd p = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0, late = p.fd < 0 || poll(&p, 1, ms) == 0;

	if (p.fd >= 0) close(p.fd);
	if (late) kill(-pid, SIGKILL);
	if (waitpid(pid, &status, 0) < 0) return -errno;
	if (late) return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int tl_hotplug_run(struct tl_ctx *ctx, const struct tl_device *d, const char *name, const char *action, const char *vif,
		   int ms) {
	char script[256], back[160], *error;
	pid_t pid;
	int r;

	script_path(name, script, sizeof(script));
	if (access(script, X_OK)) return tl_fail(ctx, -errno, "hot-plug script %s: %s", script, strerror(errno));
	pid = fork();
	if (pid < 0) return tl_fail(ctx, -errno, "hot-plug script %s: %s", script, strerror(errno));
	if (pid == 0) exec_script(d, script, action, vif);
	r = reap(pid, ms);
	tl_back_path(d, back, sizeof(back));
	error = tl_store_get(ctx->s, "%s/hotplug-error", back);
	if (r == -ETIMEDOUT)
		tl_fail(ctx, r, "hot-plug script %s %s did not end within %d s", script, action, ms / 1000);
	else if (r || error)
		r = tl_fail(ctx, -EIO,
			    "hot-plug script %s %s failed%s%s (its output is in " TL_LOG_DIR "/xen-hotplug.log)",
			    script, action, error ? ": " : "", error ? error : "");
	free(error);
	return r;
}
