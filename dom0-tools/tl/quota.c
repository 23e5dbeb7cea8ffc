/* SPDX-License-Identifier: MIT */
/*
 * xenstore-quota-get and -set: through the store's control commands ("quota", "quota set NAME N"),
 * which the stock daemon and ours understand.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int control(struct cmd *c, const char *command, size_t len, char **answer) {
	*answer = tl_store_control(c->ctx.s, command, len);
	if (!*answer) return cmd_error(c, "xenstored refused: %s", strerror(errno));
	return 0;
}

static int get(struct cmd *c) {
	char word[64] = "quota", *answer, *line, *save;
	struct tl_report *r;
	size_t n = strlen(word) + 1;
	uint32_t domid;
	int e;

	if (opt(c, 'd')) {
		if (tl_find_domain(&c->ctx, opt_value(c, 'd'), &domid)) return cmd_failed(c);
		n += snprintf(word + n, sizeof(word) - n, "%u", domid) + 1;
	}
	e = control(c, word, n, &answer);
	if (e) return e;
	if (!c->json) {
		printf("%s%s", answer, *answer && answer[strlen(answer) - 1] == '\n' ? "" : "\n");
		free(answer);
		return EXIT_OK;
	}
	r = tl_pairs("xenstore-quota");
	for (line = strtok_r(answer, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *sep = strpbrk(line, ":=");

		if (!sep) continue;
		*sep = 0;
		while (sep > line && sep[-1] == ' ') *--sep = 0;
		tl_pair(r, line, TL_TEXT, "%s", sep + 1 + strspn(sep + 1, " :"));
	}
	tl_report_print(r, stdout, 1);
	free(answer);
	return EXIT_OK;
}

static int set(struct cmd *c, const char *word) {
	const char *eq = strchr(word, '=');
	char text[128], *answer;
	int n, e;
	long value;

	if (!eq) return cmd_usage(c, "write QUOTA=VALUE");
	e = cmd_number(c, eq + 1, 0, 1L << 40, &value);
	if (e) return e;
	n = snprintf(text, sizeof(text), "quota%cset%c%.*s%c%ld", 0, 0, (int)(eq - word), word, 0, value);
	e = control(c, text, n + 1, &answer);
	if (!e) free(answer);
	return e;
}

int cmd_quota(struct cmd *c) {
	int i, e = 0;

	if (strcmp(c->def->name, "xenstore-quota-get") == 0) return get(c);
	for (i = 0; i < c->args && !e; i++) e = set(c, c->arg[i]);
	return e ? e : cmd_done(c, DOMID_INVALID);
}
