/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "quota.h"
#include "request.h"

#define XENSTORED_VERSION "1.0"

struct opt {
	char letter;
	const char *name, *arg, *help;
	int quota;
};

#define NO_QUOTA (-1)

/* Letters without a meaning to a user are above 'z'. */
enum { OPT_DURABLE = 1, OPT_KEEP_TREE, OPT_REPAIR, OPT_JOURNAL, OPT_TAKEOVER, OPT_VERSION, OPT_LOG_LEVEL };

static const struct opt opt_table[] = {
	{ 'D', "no-domain-init", NULL, "serve sockets only: do not look for Xen", NO_QUOTA },
	{ 'F', "pid-file", "FILE", "write the daemon's process id to FILE", NO_QUOTA },
	{ 'H', "help", NULL, "print this message", NO_QUOTA },
	{ 'N', "no-fork", NULL, "stay in the foreground", NO_QUOTA },
	{ 'P', "output-pid", NULL, "print the daemon's process id", NO_QUOTA },
	{ 'T', "trace-file", "FILE", "log to FILE, and trace every request", NO_QUOTA },
	{ 'E', "entry-nb", "N", "limit the nodes of a domain", QUOTA_NODES },
	{ 'S', "entry-size", "N", "limit the size of a node", QUOTA_NODE_SIZE },
	{ 'W', "watch-nb", "N", "limit the watches of a domain", QUOTA_WATCHES },
	{ 't', "transaction", "N", "limit the transactions of a domain", QUOTA_TRANSACTIONS },
	{ 'A', "perm-nb", "N", "limit the permissions of a node", QUOTA_PERMS },
	{ 'M', "path-max", "N", "limit the length of a path", QUOTA_PATH_MAX },
	{ 'Q', "quota", "WHAT=N", "set the quota WHAT (CONTROL \"quota\" lists them)", NO_QUOTA },
	{ 'q', "quota-soft", "memory=N", "warn when a domain uses more", NO_QUOTA },
	{ 'w', "timeout", "WHAT=SECONDS", "accepted; no request ever waits for a timeout", NO_QUOTA },
	{ 'R', "no-recovery", NULL, "accepted; a damaged store is never served", NO_QUOTA },
	{ 'I', "internal-db", "on|off", "accepted; the database is always a file", NO_QUOTA },
	{ 'K', "keep-orphans", NULL, "keep the nodes of dead domains (a security risk)", NO_QUOTA },
	{ 'V', "verbose", NULL, "log everything, as --log-level debug", NO_QUOTA },
	{ OPT_LOG_LEVEL, "log-level", "LEVEL", "err, warning, notice, info (the default) or debug", NO_QUOTA },
	{ 'U', "user", "NAME", "serve as this user once everything is open", NO_QUOTA },
	{ OPT_DURABLE, "durable", "process|power", "what an acknowledged write outlives (process)", NO_QUOTA },
	{ OPT_KEEP_TREE, "keep-tree", NULL, "keep the nodes when the machine was rebooted", NO_QUOTA },
	{ OPT_REPAIR, "repair", NULL, "serve what is left of a damaged store", NO_QUOTA },
	{ OPT_JOURNAL, "journal-size", "MIB", "size of each half of the journal (8)", NO_QUOTA },
	{ OPT_VERSION, "version", NULL, "print the version", NO_QUOTA },
	{ OPT_TAKEOVER, "takeover", "FD", NULL, NO_QUOTA },
};

#define OPT_COUNT (sizeof(opt_table) / sizeof(*opt_table))

static void usage(void) {
	printf("usage: xenstored [OPTION]...\n\nThe Xen store, kept in a database that outlives "
	       "the "
	       "daemon.\n\n");
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct opt *o = &opt_table[i];
		char left[48], letter[8] = "    ";

		if (!o->help) continue;
		if (o->letter >= 'A') snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-34s %s\n", left, o->help);
	}
}

static _Noreturn void bad(const char *what, const char *value) {
	fprintf(stderr, "xenstored: bad %s \"%s\" (try --help)\n", what, value);
	exit(2);
}

static uint32_t number(const char *what, const char *s, uint64_t max) {
	uint64_t v;

	if (!parse_number(s, max, &v)) bad(what, s);
	return v;
}

static void set_quota(struct options *o, const char *s) {
	const char *eq = strchr(s, '=');
	enum quota_id q = eq ? quota_find(s, eq - s) : QUOTA_COUNT;

	if (q == QUOTA_COUNT) bad("quota", s);
	o->quota[q] = number("quota", eq + 1, UINT32_MAX - 1);
}

static void set_flag(struct options *o, int letter) {
	switch (letter) {
	case 'D': o->no_domain_init = true; break;
	case 'N': o->foreground = true; break;
	case 'P': o->output_pid = true; break;
	case 'K': o->keep_orphans = true; break;
	case 'V': o->log_level = LOG_DEBUG; break;
	case OPT_KEEP_TREE: o->keep_tree = true; break;
	case OPT_REPAIR: o->repair = true; break;
	case 'H': usage(); exit(0);
	case OPT_VERSION: printf("xenstored %s\n", XENSTORED_VERSION); exit(0);
	}
}

static int parse_level(const char *s) {
	static const char *const name[] = { [LOG_ERR] = "err",
					    [LOG_WARNING] = "warning",
					    [LOG_NOTICE] = "notice",
					    [LOG_INFO] = "info",
					    [LOG_DEBUG] = "debug" };

	for (int i = LOG_ERR; i <= LOG_DEBUG; i++)
		if (!strcmp(s, name[i])) return i;
	bad("log level", s);
}

static void set_value(struct options *o, int letter, const char *s) {
	switch (letter) {
	case 'F': o->pid_file = s; break;
	case 'T': o->log_file = s; break;
	case 'U': o->user = s; break;
	case 'Q': set_quota(o, s); break;
	case 'q':
		if (strncmp(s, "memory=", 7)) bad("soft quota", s);
		o->soft_memory = number("soft quota", s + 7, UINT32_MAX);
		break;
	case OPT_DURABLE:
		if (strcmp(s, "process") && strcmp(s, "power")) bad("durability", s);
		o->durable_power = !strcmp(s, "power");
		break;
	case OPT_JOURNAL:
		o->journal_size = number("journal size", s, 1024) << 20;
		if (!o->journal_size) bad("journal size", s);
		break;
	case OPT_LOG_LEVEL: o->log_level = parse_level(s); break;
	case OPT_TAKEOVER: o->takeover_fd = number("descriptor", s, 65535); break;
	}
}

static const struct opt *opt_find(int letter) {
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (opt_table[i].letter == letter) return &opt_table[i];
	return NULL;
}

static void getopt_tables(char *letters, struct option *longs) {
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct opt *o = &opt_table[i];

		longs[i] = (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, o->letter };
		if (o->letter < 'A') continue;
		*letters++ = o->letter;
		if (o->arg) *letters++ = ':';
	}
	*letters = '\0';
}

static const char *env_or(const char *name, const char *def) {
	const char *v = getenv(name);

	return v && *v ? v : def;
}

void options_parse(struct options *o, int argc, char **argv) {
	char letters[2 * OPT_COUNT + 1];
	struct option longs[OPT_COUNT + 1];
	int c;

	memset(o, 0, sizeof(*o));
	memset(longs, 0, sizeof(longs));
	getopt_tables(letters, longs);
	o->run_dir = env_or("XENSTORED_RUNDIR", "/var/run/xenstored");
	o->db_dir = env_or("XENSTORED_ROOTDIR", "/var/lib/xenstored");
	o->journal_size = 8u << 20;
	o->soft_memory = UINT32_MAX;
	o->takeover_fd = -1;
	o->log_level = LOG_INFO;
	o->argc = argc;
	o->argv = argv;
	for (int i = 0; i < QUOTA_COUNT; i++) o->quota[i] = QUOTA_INHERIT;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct opt *opt = opt_find(c);

		if (!opt) exit(2);
		if (opt->quota != NO_QUOTA)
			o->quota[opt->quota] = number(opt->name, optarg, UINT32_MAX - 1);
		else if (opt->arg)
			set_value(o, c, optarg);
		else
			set_flag(o, c);
	}
	if (optind < argc) bad("argument", argv[optind]);
}
