/* SPDX-License-Identifier: MIT */
/*
 * tl: parse the command line against the table, open what the command needs, run it.
 *
 * Errors go to stderr as "tl COMMAND: reason"; with --json also to stdout as an object with schema
 * "tl.error", so that a program need not parse prose.
 */
#include "cmd.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int option_index(const struct cmd *c, char letter, const char *name, size_t len) {
	const struct option_row *o = c->def->options;
	int i;

	for (i = 0; o && (o[i].letter || o[i].name); i++) {
		if (letter && o[i].letter == letter) return i;
		if (name && o[i].name && strlen(o[i].name) == len && strncmp(o[i].name, name, len) == 0) return i;
	}
	return -1;
}

int opt(const struct cmd *c, char letter) {
	int i = option_index(c, letter, NULL, 0);

	return i < 0 ? 0 : c->count[i];
}

int opt_long(const struct cmd *c, const char *name) {
	int i = option_index(c, 0, name, strlen(name));

	return i < 0 ? 0 : c->count[i];
}

const char *opt_value(const struct cmd *c, char letter) {
	int i = option_index(c, letter, NULL, 0);

	return i < 0 ? NULL : c->value[i];
}

const char *opt_long_value(const struct cmd *c, const char *name) {
	int i = option_index(c, 0, name, strlen(name));

	return i < 0 ? NULL : c->value[i];
}

static void print_error(const struct cmd *c, const char *text) {
	struct tl_report *r;

	fflush(stdout);
	fprintf(stderr, "tl %s: %s\n", c->def->name, text);
	if (!c->json) return;
	r = tl_pairs("error");
	tl_pair(r, "command", TL_TEXT, "%s", c->def->name);
	tl_pair(r, "error", TL_TEXT, "%s", text);
	tl_report_print(r, stdout, 1);
}

int cmd_failed(struct cmd *c) {
	print_error(c, c->ctx.err[0] ? c->ctx.err : "failed");
	return EXIT_FAILED;
}

int cmd_error(struct cmd *c, const char *fmt, ...) {
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error(c, text);
	return EXIT_FAILED;
}

int cmd_usage(struct cmd *c, const char *problem) {
	fprintf(stderr, "tl %s: %s\n", c->def->name, problem);
	usage_one(stderr, c->def);
	return EXIT_USAGE;
}

int cmd_done(struct cmd *c, uint32_t domid) {
	struct tl_report *r;

	if (!c->json) return EXIT_OK;
	r = tl_pairs("done");
	tl_pair(r, "command", TL_TEXT, "%s", c->def->name);
	if (domid == DOMID_INVALID)
		tl_pair(r, "domid", TL_NUM, "%s", "");
	else
		tl_pair(r, "domid", TL_NUM, "%u", domid);
	tl_report_print(r, stdout, 1);
	return EXIT_OK;
}

int cmd_domain(struct cmd *c, int i, uint32_t *domid) {
	return tl_find_domain(&c->ctx, c->arg[i], domid) ? cmd_failed(c) : 0;
}

int cmd_number(struct cmd *c, const char *text, long min, long max, long *out) {
	char *end;

	errno = 0;
	*out = strtol(text, &end, 0);
	if (!*text || *end || errno) return cmd_error(c, "\"%s\" is not a number", text);
	if (*out < min || *out > max) return cmd_error(c, "%s is out of range (%ld to %ld)", text, min, max);
	return 0;
}

int cmd_size(struct cmd *c, const char *text, uint64_t *kib) {
	static const char units[] = "bkmgt";
	const char *unit;
	char *end;
	double shift;

	errno = 0;
	*kib = strtoull(text, &end, 0);
	if (end == text || errno || *text == '-' || *kib > (1ull << 40))
		return cmd_error(c, "\"%s\" is not a size such as 512m or 2g", text);
	if (!*end) return 0; /* xl's default unit is KiB */
	unit = strchr(units, tolower((unsigned char)*end));
	if (!unit || (end[1] && tolower((unsigned char)end[1]) != 'b'))
		return cmd_error(c, "\"%s\" is not a size: units are b, k, m, g, t", text);
	for (shift = unit - units; shift > 1; shift--) *kib <<= 10;
	if (unit == units) *kib >>= 10;
	return 0;
}

/* The next command-line word is an option of the command: take it. Returns words used, or -1. */
static int take_option(struct cmd *c, char **argv, int left) {
	const char *w = argv[0], *eq;
	int i, used = 1;

	if (w[1] == '-') {
		eq = strchr(w, '=');
		i = option_index(c, 0, w + 2, eq ? (size_t)(eq - w - 2) : strlen(w + 2));
		if (i < 0) return -1;
		if (c->def->options[i].value && !eq) {
			if (left < 2) return -1;
			c->value[i] = argv[1];
			used = 2;
		} else if (eq) {
			c->value[i] = eq + 1;
		}
		c->count[i]++;
		return used;
	}
	for (w++; *w; w++) {
		i = option_index(c, *w, NULL, 0);
		if (i < 0) return -1;
		c->count[i]++;
		if (!c->def->options[i].value) continue;
		if (w[1]) {
			c->value[i] = w[1] == '=' ? w + 2 : w + 1;
			return 1;
		}
		if (left < 2) return -1;
		c->value[i] = argv[1];
		return 2;
	}
	return 1;
}

/* Split the words behind the command into options and arguments (in place). */
static int parse_words(struct cmd *c, int argc, char **argv) {
	int i = 0, used, plain = 0;

	c->arg = argv;
	while (i < argc) {
		if (plain || argv[i][0] != '-' || !argv[i][1]) {
			c->arg[c->args++] = argv[i++];
		} else if (strcmp(argv[i], "--") == 0) {
			plain = 1;
			i++;
		} else if (strcmp(argv[i], "--json") == 0) {
			c->json = 1;
			i++;
		} else if (strcmp(argv[i], "--help") == 0 ||
			   (strcmp(argv[i], "-h") == 0 && option_index(c, 'h', NULL, 0) < 0)) {
			usage_one(stdout, c->def);
			exit(EXIT_OK);
		} else {
			used = take_option(c, argv + i, argc - i);
			if (used < 0) return cmd_usage(c, "unknown option, or an option without its value");
			i += used;
		}
	}
	if (c->args < c->def->min) return cmd_usage(c, "an argument is missing");
	if (c->def->max >= 0 && c->args > c->def->max) return cmd_usage(c, "too many arguments");
	return 0;
}

/* Commands whose output is a text for people or another program: in JSON one member holds it. */
static int run_as_text(struct cmd *c) {
	FILE *real = stdout;
	struct tl_report *r;
	char *text = NULL;
	size_t n;
	int e;

	stdout = open_memstream(&text, &n);
	if (!stdout) {
		stdout = real;
		return cmd_error(c, "out of memory");
	}
	e = c->def->run(c);
	fclose(stdout);
	stdout = real;
	r = tl_pairs("text");
	tl_pair(r, "command", TL_TEXT, "%s", c->def->name);
	tl_pair(r, "text", TL_TEXT, "%s", text ? text : "");
	if (!e) tl_report_print(r, stdout, 1);
	free(text);
	return e;
}

static int run(struct cmd *c) {
	int e = tl_ctx_open(&c->ctx, c->def->need);

	if (e) return cmd_failed(c);
	if (c->ctx.host.json) c->json = 1;
	e = c->json && (c->def->run == cmd_man || c->def->run == cmd_completion) ? run_as_text(c) : c->def->run(c);
	tl_ctx_close(&c->ctx);
	if (fflush(stdout) || ferror(stdout)) return EXIT_FAILED;
	return e;
}

/* Options before the command, xl's letters. Returns the index of the command's name. */
static int global_options(struct cmd *c, int argc, char **argv) {
	int i;
	const char *w;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			c->json = 1;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0) exit(usage_all(stdout, 0));
		for (w = argv[i] + 1; *w; w++) {
			c->verbose += *w == 'v';
			c->force |= *w == 'f';
			c->dry_run |= *w == 'N';
			if (!strchr("vfNtT", *w)) exit(usage_all(stderr, 0) ? EXIT_USAGE : EXIT_USAGE);
		}
	}
	return i;
}

static int unknown(const char *name) {
	fprintf(stderr, "tl: unknown command \"%s\"; \"tl help\" lists the commands\n", name);
	return EXIT_USAGE;
}

int main(int argc, char **argv) {
	struct cmd c = { 0 };
	int at = global_options(&c, argc, argv), e;

	if (at >= argc) {
		usage_all(stderr, 0);
		return EXIT_USAGE;
	}
	c.def = find_command(argv[at]);
	if (!c.def) return unknown(argv[at]);
	e = parse_words(&c, argc - at - 1, argv + at + 1);
	return e ? e : run(&c);
}
