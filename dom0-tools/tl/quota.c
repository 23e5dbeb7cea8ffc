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

static const struct tl_column columns[] = {
	{ "quota", "Quota", TL_TEXT, 18, 0 },
	{ "value", "Value", TL_NUM, 8, TL_RIGHT },
	{ "text", "", TL_TEXT, 0, 0 },
};

/* One line of the answer, "NAME : VALUE TEXT"; lines without a number are headings. */
static void row(struct tl_report *r, char *line) {
	char *sep = strpbrk(line, ":="), *end, *value;
	unsigned long long n;

	if (!sep) return;
	*sep = 0;
	value = sep + 1 + strspn(sep + 1, " ");
	n = strtoull(value, &end, 10);
	if (end == value) return;
	line += strspn(line, " ");
	line[strcspn(line, " ")] = 0;
	tl_cell(r, "%s", line);
	tl_cell(r, "%llu", n);
	tl_cell(r, "%s", end + strspn(end, " "));
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
	r = tl_table("xenstore-quota", columns, 3);
	for (line = strtok_r(answer, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) row(r, line);
	tl_report_print(r, stdout, c->json);
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
