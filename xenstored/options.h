/* SPDX-License-Identifier: MIT */
/* The command line: a table of options, the stock daemon's names where there is one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

struct options {
	const char *run_dir, *db_dir;
	const char *pid_file, *log_file;
	const char *user;
	bool foreground, output_pid, no_domain_init, keep_orphans;
	int log_level;
	/* Wait for the disk before replying; keep the tree over a reboot; accept loss in a repair. */
	bool durable_power, keep_tree, repair;
	uint32_t journal_size;
	/* Quotas given on the command line (QUOTA_INHERIT: not given). */
	uint32_t quota[QUOTA_COUNT];
	uint32_t soft_memory;
	/* For live update: descriptors handed over by the previous program. */
	int takeover_fd;
	int argc;
	char **argv;
};

/* Parse; exits with a message on nonsense, after --help and --version. */
void options_parse(struct options *o, int argc, char **argv);
