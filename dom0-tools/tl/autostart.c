/* SPDX-License-Identifier: MIT */
/*
 * Guests that come and go with the host: the files of /etc/xen/auto, started in the order of their
 * names and shut down in the reverse order. A guest that does not end in time is destroyed.
 */
#include "cmd.h"
#include "../lib/domain.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AUTO_DIR "/etc/xen/auto"

static int visible(const struct dirent *d) {
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && d->d_name[n - 1] != '~';
}

static const char *auto_dir(void) {
	const char *dir = getenv("TL_AUTO_DIR");

	return dir ? dir : AUTO_DIR;
}

/* Run this program with the given words; returns its exit code. */
static int run_self(const char *a, const char *b, const char *d, const char *e) {
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/proc/self/exe", "tl", a, b, d, e, (char *)NULL);
		_exit(127);
	}
	return pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ? EXIT_FAILED : WEXITSTATUS(status);
}

/* The guest's name in a file; NULL when the file is no good. For free(). */
static char *name_in(const char *path) {
	struct tl_config config;
	struct tl_diag d = { .file = path };
	size_t n;
	char *text = read_text(path, &n), *name = NULL;

	if (!text) return NULL;
	if (tl_config_parse(text, n, NULL, &config, &d) == 0) name = strdup(config.name);
	tl_config_free(&config);
	tl_diag_free(&d);
	free(text);
	return name;
}

static int running(struct cmd *c, const char *name) {
	uint32_t domid;
	int found = name && tl_find_domain(&c->ctx, name, &domid) == 0;

	c->ctx.err[0] = 0;
	return found;
}

static int start_one(struct cmd *c, const char *path, const char *name) {
	if (!name) return cmd_error(c, "%s: not a usable configuration; \"tl create -n %s\" says why", path, path);
	if (running(c, name)) return 0;
	return run_self("create", "-q", path, NULL);
}

static int stop_one(struct cmd *c, const char *name) {
	const char *seconds = opt_value(c, 't') ? opt_value(c, 't') : "120";
	char word[32];

	if (!name || !running(c, name)) return 0;
	snprintf(word, sizeof(word), "--timeout=%s", seconds);
	if (run_self("shutdown", "-ww", word, name) == 0) return 0;
	fprintf(stderr, "tl autostart: \"%s\" did not shut down in %s s, destroying it\n", name, seconds);
	return running(c, name) ? run_self("destroy", name, NULL, NULL) : 0;
}

static const struct tl_column columns[] = {
	{ "file", "File", TL_TEXT, 24, 0 },
	{ "name", "Name", TL_TEXT, 24, 0 },
	{ "running", "Running", TL_BOOL, 0, 0 },
};

static int do_one(struct cmd *c, const char *what, const char *path, struct tl_report *r) {
	char *name = name_in(path);
	int e = 0;

	if (strcmp(what, "start") == 0) {
		e = start_one(c, path, name);
	} else if (strcmp(what, "stop") == 0) {
		e = stop_one(c, name);
	} else {
		tl_cell(r, "%s", path);
		tl_cell(r, "%s", name ? name : "(unusable)");
		tl_cell(r, "%s", running(c, name) ? "yes" : "no");
	}
	free(name);
	return e;
}

int cmd_autostart(struct cmd *c) {
	const char *what = c->arg[0];
	int backward = strcmp(what, "stop") == 0, list = strcmp(what, "list") == 0, n, i, e = 0;
	struct tl_report *r = list ? tl_table("autostart", columns, 3) : NULL;
	struct dirent **files;
	char path[512];

	if (!backward && !list && strcmp(what, "start") != 0) return cmd_usage(c, "say start, stop or list");
	if (tl_ctx_open(&c->ctx, TL_NEED_STORE)) return cmd_failed(c);
	n = scandir(auto_dir(), &files, visible, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", auto_dir(), files[backward ? n - 1 - i : i]->d_name);
		if (do_one(c, what, path, r)) e = EXIT_FAILED;
	}
	for (i = 0; i < n; i++) free(files[i]);
	if (n >= 0) free(files);
	tl_report_print(r, stdout, c->json);
	return list || e ? e : cmd_done(c, DOMID_INVALID);
}
