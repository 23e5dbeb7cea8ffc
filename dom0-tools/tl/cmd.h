/* SPDX-License-Identifier: MIT */
/*
 * Commands of tl: one row of commands[] each (table.c). Usage text, completion and manual pages are
 * generated from the rows, so the row is the command's documentation.
 */
#pragma once

#include "../lib/ctx.h"
#include "../lib/report.h"

struct option_row {
	char letter;       /* 0: none */
	const char *name;  /* long name, NULL: none */
	const char *value; /* what the option takes, NULL: nothing */
	const char *help;
};

struct cmd;

struct command {
	const char *name;
	const char *args;    /* synopsis of the arguments */
	const char *summary; /* one line */
	int (*run)(struct cmd *c);
	int need;     /* TL_NEED_* */
	int min, max; /* number of arguments; max < 0: any */
	const char *group;
	const struct option_row *options; /* ends with an all-zero row; NULL: none */
	const char *detail;               /* further text for the manual */
};

#define OPTIONS_MAX 16

/* One invocation. */
struct cmd {
	const struct command *def;
	struct tl_ctx ctx;
	int json, verbose, dry_run, force;
	char **arg;
	int args;
	int count[OPTIONS_MAX];         /* how often each option was given */
	const char *value[OPTIONS_MAX]; /* its last value */
};

extern const struct command commands[];
extern const int ncommands;

/* How often the option with that letter (or, for long-only ones, name) was given; its value or
 * NULL. */
int opt(const struct cmd *c, char letter);
int opt_long(const struct cmd *c, const char *name);
const char *opt_value(const struct cmd *c, char letter);
const char *opt_long_value(const struct cmd *c, const char *name);

/* Exit codes, as xl's. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Print why the context's last operation failed; returns EXIT_FAILED. */
int cmd_failed(struct cmd *c);
/* The same with a reason given here. */
TL_PRINTF(2, 3) int cmd_error(struct cmd *c, const char *fmt, ...);
/* Print the usage of this command to stderr; returns EXIT_USAGE. */
int cmd_usage(struct cmd *c, const char *problem);
/* End of a command that has nothing to show: in JSON an object that says so. */
int cmd_done(struct cmd *c, uint32_t domid);

/* Argument i as a domain; returns 0 or an exit code (message printed). */
int cmd_domain(struct cmd *c, int i, uint32_t *domid);
/* Argument text as a number in a range; as a size in KiB with suffix ("512m", "2g"; bare numbers
 * mean MiB as for xl's mem-set ("m" assumed when def is 'm') or the unit def). Return 0 or an exit
 * code. */
int cmd_number(struct cmd *c, const char *text, long min, long max, long *out);
int cmd_size(struct cmd *c, const char *text, uint64_t *kib);

/* help.c */
int usage_all(FILE *out, int all);
void usage_one(FILE *out, const struct command *def);
const struct command *find_command(const char *name);

/* A whole file as a string; NULL with errno. */
char *read_text(const char *path, size_t *len);

/* Commands */
int cmd_create(struct cmd *c);
int cmd_prepare(struct cmd *c);
int cmd_config_update(struct cmd *c);
int cmd_destroy(struct cmd *c);
int cmd_shutdown(struct cmd *c);
int cmd_reboot(struct cmd *c);
int cmd_pause(struct cmd *c);
int cmd_unpause(struct cmd *c);
int cmd_console(struct cmd *c);
int cmd_list(struct cmd *c);
int cmd_vm_list(struct cmd *c);
int cmd_domid(struct cmd *c);
int cmd_domname(struct cmd *c);
int cmd_rename(struct cmd *c);
int cmd_uptime(struct cmd *c);
int cmd_claims(struct cmd *c);
int cmd_sysrq(struct cmd *c);
int cmd_trigger(struct cmd *c);
int cmd_mem_set(struct cmd *c);
int cmd_mem_max(struct cmd *c);
int cmd_vcpu_list(struct cmd *c);
int cmd_vcpu_pin(struct cmd *c);
int cmd_vcpu_set(struct cmd *c);
int cmd_sched(struct cmd *c);
int cmd_info(struct cmd *c);
int cmd_dmesg(struct cmd *c);
int cmd_debug_keys(struct cmd *c);
int cmd_cpupool_list(struct cmd *c);
int cmd_block_attach(struct cmd *c);
int cmd_block_list(struct cmd *c);
int cmd_block_detach(struct cmd *c);
int cmd_network_attach(struct cmd *c);
int cmd_network_list(struct cmd *c);
int cmd_network_detach(struct cmd *c);
int cmd_channel_list(struct cmd *c);
int cmd_devd(struct cmd *c);
int cmd_quota(struct cmd *c);
int cmd_events(struct cmd *c);
int cmd_metrics(struct cmd *c);
int cmd_top(struct cmd *c);
int cmd_explain(struct cmd *c);
int cmd_doctor(struct cmd *c);
int cmd_autostart(struct cmd *c);
int cmd_monitor(struct cmd *c);
int cmd_help(struct cmd *c);
int cmd_completion(struct cmd *c);
int cmd_man(struct cmd *c);
int cmd_later(struct cmd *c);
int cmd_never(struct cmd *c);

/* Start the life-cycle monitor in the background unless one runs. */
void monitor_ensure(void);
/* Go on as a daemon; errors go to the log. Before the store is opened: its thread does not survive. */
void go_background(const char *log_path);
/* Attach this terminal to a console; returns an exit code. */
int console_attach(struct cmd *c, uint32_t domid, unsigned num);
