/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: a table of options, Xen's names. Anything unknown or malformed is
 * said and passed over. */
#include "options.h"
#include "console.h"

struct options options;

struct option {
	const char *name;
	int (*parse)(const char *value, void *out);
	void *out;
	const char *expects;
};

static int parse_text(const char *value, void *out) {
	if (strlen(value) >= 32) return -ERANGE;
	str_copy(out, value, 32);
	return 0;
}

/* The one value there is. */
static int parse_given(const char *value, void *only) { return strcmp(value, only) ? -EINVAL : 0; }

static int parse_threshold(const char *value, void *out) { return log_threshold_parse(value, out) ? 0 : -EINVAL; }

static int parse_count(const char *value, void *out) {
	const char *end;
	uint64_t n;

	if (parse_u64(value, &end, &n) || *end || n > 4096) return -EINVAL;
	*(unsigned *)out = (unsigned)n;
	return 0;
}

static int parse_flag(const char *value, void *out) {
	bool on = !*value || !strcmp(value, "1") || !strcmp(value, "yes") || !strcmp(value, "true");

	if (!on && strcmp(value, "0") && strcmp(value, "no") && strcmp(value, "false")) return -EINVAL;
	*(bool *)out = on;
	return 0;
}

/* dom0_mem=512M,min:256M,max:1G in any order */
static int parse_dom0_mem(const char *value, void *out) {
	(void)out;
	while (*value) {
		uint64_t *field = &options.dom0_mem;

		if (!strncmp(value, "min:", 4))
			field = &options.dom0_mem_min;
		else if (!strncmp(value, "max:", 4))
			field = &options.dom0_mem_max;
		if (field != &options.dom0_mem) value += 4;
		if (parse_size(value, &value, field) || (*value && *value != ',')) return -EINVAL;
		value += *value == ',';
	}
	return 0;
}

static const struct option table[] = {
	{ "dom0_mem", parse_dom0_mem, NULL, "sizes such as 512M or 512M,max:1G" },
	{ "dom0_max_vcpus", parse_count, &options.dom0_max_vcpus, "a number of vCPUs" },
	{ "maxcpus", parse_count, &options.maxcpus, "a number of CPUs" },
	{ "noreboot", parse_flag, &options.noreboot, "yes or no" },
	{ "com1", parse_text, options.com1, "such as 115200,8n1" },
	{ "console", parse_given, "com1", "com1" },
	{ "loglvl", parse_threshold, &log_own, "none, error, warning, info, debug or all" },
	{ "guest_loglvl", parse_threshold, &log_guests, "as for loglvl, or two of them: none/all" },
	{ "sched", parse_given, "credit2", "credit2" },
};

static void option_apply(const char *name, const char *value) {
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].name, name)) continue;
		if (table[i].parse(value, table[i].out))
			printk(LOG_WARN, "option %s=%s ignored: expected %s\n", name, value, table[i].expects);
		return;
	}
	printk(LOG_WARN, "option %s ignored: Tenon has no option of that name\n", name);
}

void options_parse(const char *cmdline) {
	char word[128];

	for (const char *end; *cmdline; cmdline = *end ? end + 1 : end) {
		char *value;

		end = strchrnul(cmdline, ' ');
		str_copy(word, cmdline, MIN(sizeof(word), (size_t)(end - cmdline) + 1));
		value = strchrnul(word, '=');
		if (*value) *value++ = 0;
		if (end > cmdline) option_apply(word, value);
	}
}
