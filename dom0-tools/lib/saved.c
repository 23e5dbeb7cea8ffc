/* SPDX-License-Identifier: MIT */
/*
 * What a domain was made from, in TL_RUN_DIR/DOMID.cfg: the file's text, a line "#@ overrides", the
 * overrides. It outlives the tools and is gone with the host's memory of the domain.
 */
#include "domain.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "\n#@ overrides\n"

static void saved_path(uint32_t domid, const char *suffix, char *out, size_t n) {
	snprintf(out, n, TL_RUN_DIR "/%u.cfg%s", domid, suffix);
}

int tl_saved_write(uint32_t domid, const char *text, const char *overrides) {
	char path[64], tmp[64];
	FILE *f;
	int bad, e = tl_fault_step();

	if (e) return e;
	mkdir(TL_RUN_DIR, 0700);
	saved_path(domid, "", path, sizeof(path));
	saved_path(domid, ".new", tmp, sizeof(tmp));
	f = fopen(tmp, "we");
	if (!f) return -errno;
	bad = fprintf(f, "%s%s%s", text, MARK, overrides ? overrides : "") < 0;
	bad |= fclose(f) != 0;
	if (bad || rename(tmp, path)) {
		e = errno ? -errno : -EIO;
		unlink(tmp);
		return e;
	}
	return 0;
}

int tl_saved_read(uint32_t domid, char **text, char **overrides) {
	char path[64], *mark;
	size_t cap = TL_CFG_SIZE_MAX * 2, n;
	FILE *f;

	saved_path(domid, "", path, sizeof(path));
	f = fopen(path, "re");
	if (!f) return -errno;
	*text = malloc(cap + 1);
	n = *text ? fread(*text, 1, cap, f) : 0;
	fclose(f);
	if (!*text) return -ENOMEM;
	(*text)[n] = 0;
	mark = strstr(*text, MARK);
	*overrides = strdup(mark ? mark + strlen(MARK) : "");
	if (mark) *mark = 0;
	return *overrides ? 0 : -ENOMEM;
}

void tl_saved_erase(uint32_t domid) {
	char path[64];

	saved_path(domid, "", path, sizeof(path));
	unlink(path);
}

struct tl_config *tl_saved_config(uint32_t domid) {
	struct tl_config *c = calloc(1, sizeof(*c));
	struct tl_diag d = { 0 };
	char *text, *overrides;

	if (!c || tl_saved_read(domid, &text, &overrides)) {
		free(c);
		return NULL;
	}
	if (tl_config_parse(text, strlen(text), overrides, c, &d)) {
		tl_config_free(c);
		free(c);
		c = NULL;
	}
	tl_diag_free(&d);
	free(text);
	free(overrides);
	return c;
}
