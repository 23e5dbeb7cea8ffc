/* SPDX-License-Identifier: MIT */
/* The command table's rules, and tables printed as text and JSON. The commands themselves are
 * dummies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "tl/cmd.h"

#define DUMMY(fn)               \
	int fn(struct cmd *c) { \
		(void)c;        \
		return EXIT_OK; \
	}

DUMMY(cmd_create)
DUMMY(cmd_config_update)
DUMMY(cmd_prepare)
DUMMY(cmd_destroy)
DUMMY(cmd_shutdown)
DUMMY(cmd_reboot)
DUMMY(cmd_pause)
DUMMY(cmd_unpause)
DUMMY(cmd_console)
DUMMY(cmd_list)
DUMMY(cmd_vm_list)
DUMMY(cmd_domid)
DUMMY(cmd_domname)
DUMMY(cmd_rename)
DUMMY(cmd_uptime)
DUMMY(cmd_claims)
DUMMY(cmd_sysrq)
DUMMY(cmd_trigger)
DUMMY(cmd_mem_set)
DUMMY(cmd_mem_max)
DUMMY(cmd_vcpu_list)
DUMMY(cmd_vcpu_pin)
DUMMY(cmd_vcpu_set)
DUMMY(cmd_sched)
DUMMY(cmd_info)
DUMMY(cmd_dmesg)
DUMMY(cmd_debug_keys)
DUMMY(cmd_cpupool_list)
DUMMY(cmd_block_attach)
DUMMY(cmd_block_list)
DUMMY(cmd_block_detach)
DUMMY(cmd_network_attach)
DUMMY(cmd_network_list)
DUMMY(cmd_network_detach)
DUMMY(cmd_channel_list)
DUMMY(cmd_devd)
DUMMY(cmd_quota)
DUMMY(cmd_events)
DUMMY(cmd_metrics)
DUMMY(cmd_top)
DUMMY(cmd_explain)
DUMMY(cmd_doctor)
DUMMY(cmd_autostart)
DUMMY(cmd_monitor)

int opt_long(const struct cmd *c, const char *name) {
	(void)c;
	(void)name;
	return 0;
}

int cmd_error(struct cmd *c, const char *fmt, ...) {
	(void)c;
	(void)fmt;
	return EXIT_FAILED;
}

static void rows_are_sound(void **state) {
	const struct option_row *o, *p;
	int i, k;

	(void)state;
	for (i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];

		assert_non_null(c->run);
		assert_true(*c->name && *c->summary && c->args);
		assert_true(c->max < 0 || c->min <= c->max);
		for (k = 0; k < i; k++) assert_string_not_equal(c->name, commands[k].name);
		for (k = 0, o = c->options; o && (o->letter || o->name); o++, k++)
			for (p = c->options; p < o; p++) {
				assert_true(!o->letter || o->letter != p->letter);
				assert_true(!o->name || !p->name || strcmp(o->name, p->name) != 0);
			}
		assert_true(k <= OPTIONS_MAX);
	}
}

static const char *const xl[] = {
	"create",
	"config-update",
	"list",
	"destroy",
	"shutdown",
	"reboot",
	"pci-attach",
	"pci-detach",
	"pci-list",
	"pci-assignable-add",
	"pci-assignable-remove",
	"pci-assignable-list",
	"pause",
	"unpause",
	"console",
	"vncviewer",
	"save",
	"restore",
	"migrate",
	"migrate-receive",
	"dump-core",
	"cd-insert",
	"cd-eject",
	"mem-max",
	"mem-set",
	"button-press",
	"vcpu-list",
	"vcpu-pin",
	"vcpu-set",
	"vm-list",
	"info",
	"sharing",
	"sched-credit",
	"sched-credit2",
	"sched-rtds",
	"domid",
	"domname",
	"rename",
	"trigger",
	"sysrq",
	"debug-keys",
	"set-parameters",
	"dmesg",
	"top",
	"network-attach",
	"network-list",
	"network-detach",
	"channel-list",
	"block-attach",
	"block-list",
	"block-detach",
	"vkb-attach",
	"vkb-list",
	"vkb-detach",
	"vtpm-attach",
	"vtpm-list",
	"vtpm-detach",
	"vdispl-attach",
	"vdispl-list",
	"vdispl-detach",
	"vsnd-attach",
	"vsnd-list",
	"vsnd-detach",
	"uptime",
	"claims",
	"getenforce",
	"setenforce",
	"loadpolicy",
	"cpupool-create",
	"cpupool-list",
	"cpupool-destroy",
	"cpupool-rename",
	"cpupool-cpu-add",
	"cpupool-cpu-remove",
	"cpupool-migrate",
	"cpupool-numa-split",
	"remus",
	"devd",
	"psr-hwinfo",
	"psr-cmt-attach",
	"psr-cmt-detach",
	"psr-cmt-show",
	"psr-cat-set",
	"psr-cat-show",
	"psr-mba-set",
	"psr-mba-show",
	"usbctrl-attach",
	"usbctrl-detach",
	"usbdev-attach",
	"usbdev-detach",
	"usb-list",
	"qemu-monitor-command",
	"help",
};

/* xl's commands all have a row: even those that this system cannot have say so. */
static void every_xl_command_is_known(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(xl) / sizeof(xl[0]); i++) {
		assert_non_null(find_command(xl[i]));
		assert_string_equal(find_command(xl[i])->name, xl[i]);
	}
}

/* The commands of the first two releases with the options that xl(1) of 4.17 gives them. */
static const struct {
	const char *name, *letters;
	const char *longs; /* each with a space behind it */
} wanted[] = {
	{ "create", "qfpFVAcn", "quiet defconfig vncviewer vncviewer-autopass dryrun " },
	{ "config-update", "f", "defconfig " },
	{ "destroy", "f", "" },
	{ "shutdown", "awF", "all wait " },
	{ "reboot", "aF", "all " },
	{ "pause", "", "" },
	{ "unpause", "", "" },
	{ "console", "nt", "" },
	{ "list", "lvcnZ", "long verbose cpupool numa context " },
	{ "vm-list", "", "" },
	{ "domid", "", "" },
	{ "domname", "", "" },
	{ "rename", "", "" },
	{ "uptime", "", "" },
	{ "sysrq", "", "" },
	{ "trigger", "", "" },
	{ "mem-set", "", "" },
	{ "mem-max", "", "" },
	{ "vcpu-list", "", "" },
	{ "vcpu-pin", "f", "force " },
	{ "vcpu-set", "i", "ignore-host " },
	{ "sched-credit2", "dwcpsr", "domain weight cap cpupool schedparam ratelimit_us " },
	{ "sched-credit", "dwcpstrm",
	  "domain weight cap cpupool schedparam tslice_ms ratelimit_us migration_delay_us " },
	{ "claims", "", "" },
	{ "cpupool-list", "c", "cpus " },
	{ "block-attach", "", "" },
	{ "block-list", "", "" },
	{ "block-detach", "", "force " },
	{ "network-attach", "", "" },
	{ "network-list", "", "" },
	{ "network-detach", "", "" },
	{ "channel-list", "", "" },
	{ "devd", "F", "pidfile " },
	{ "info", "n", "numa " },
	{ "dmesg", "c", "clear " },
	{ "debug-keys", "", "" },
	{ "top", "", "" },
	{ "help", "", "long " },
	{ "xenstore-quota-get", "", "" },
	{ "xenstore-quota-set", "", "" },
	/* without a model in xl */
	{ "events", "", "follow " },
	{ "metrics", "", "" },
	{ "explain", "", "" },
	{ "doctor", "", "" },
	{ "autostart", "", "" },
};

static int has_option(const struct command *c, char letter, const char *name, size_t n) {
	const struct option_row *o;

	for (o = c->options; o && (o->letter || o->name); o++)
		if (letter ? o->letter == letter : o->name && strlen(o->name) == n && !memcmp(o->name, name, n))
			return 1;
	return 0;
}

static void wanted_are_there(void **state) {
	const struct command *c;
	const char *p, *end;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		c = find_command(wanted[i].name);
		assert_non_null(c);
		assert_string_equal(c->name, wanted[i].name);
		assert_true(c->run != cmd_later && c->run != cmd_never);
		for (p = wanted[i].letters; *p; p++)
			if (!has_option(c, *p, NULL, 0)) fail_msg("%s has no option -%c", c->name, *p);
		for (p = wanted[i].longs; (end = strchr(p, ' ')); p = end + 1)
			if (!has_option(c, 0, p, end - p))
				fail_msg("%s has no option --%.*s", c->name, (int)(end - p), p);
	}
}

/* What comes later has a row that says so. */
static void later_is_named(void **state) {
	static const char *const names[] = {
		"save",
		"restore",
		"migrate",
		"migrate-receive",
		"suspend",
		"resume",
		"dump-core",
		"pci-assignable-add",
		"pci-assignable-remove",
		"pci-assignable-list",
		"pci-attach",
		"pci-detach",
		"pci-list",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(find_command(names[i]));
		assert_true(find_command(names[i])->run == cmd_later);
	}
}

static void beginnings(void **state) {
	(void)state;
	assert_string_equal(find_command("cre")->name, "create");
	assert_string_equal(find_command("list")->name, "list");
	assert_null(find_command("vcpu"));
	assert_null(find_command("nosuch"));
	assert_null(find_command("moni")); /* hidden commands have no short forms */
}

static const struct tl_column columns[] = {
	{ "name", "Name", TL_TEXT, 6, 0 },
	{ "id", "ID", TL_NUM, 4, TL_RIGHT },
	{ "up", "", TL_BOOL, 0, TL_JSON_ONLY },
	{ "note", "Note", TL_TEXT, 0, 0 },
};

static char *print(int json) {
	struct tl_report *r = tl_table("test", columns, 4);
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	tl_cell(r, "a");
	tl_cell(r, "%d", 1);
	tl_cell(r, "%d", 1);
	tl_cell(r, "first");
	tl_cell(r, "longer-name");
	tl_cell(r, "%s", "");
	tl_cell(r, "no");
	tl_cell(r, "quote \" backslash \\ tab \t");
	tl_report_print(r, f, json);
	fclose(f);
	return out;
}

static void text_table(void **state) {
	char *out = print(0);

	(void)state;
	assert_string_equal(out, "Name          ID Note\n"
				 "a              1 first\n"
				 "longer-name    - quote \" backslash \\ tab \t\n");
	free(out);
}

static void json_table(void **state) {
	const char *schema[] = { "schema", NULL }, *version[] = { "version", NULL }, *rows[] = { "rows", NULL };
	const char *id[] = { "id", NULL }, *up[] = { "up", NULL }, *note[] = { "note", NULL };
	char *out = print(1);
	yajl_val v = yajl_tree_parse(out, NULL, 0), list;

	(void)state;
	assert_non_null(v);
	assert_string_equal(YAJL_GET_STRING(yajl_tree_get(v, schema, yajl_t_string)), "tl.test");
	assert_int_equal(YAJL_GET_INTEGER(yajl_tree_get(v, version, yajl_t_number)), 1);
	list = yajl_tree_get(v, rows, yajl_t_array);
	assert_int_equal(YAJL_GET_ARRAY(list)->len, 2);
	assert_int_equal(YAJL_GET_INTEGER(yajl_tree_get(YAJL_GET_ARRAY(list)->values[0], id, yajl_t_number)), 1);
	assert_true(YAJL_IS_TRUE(yajl_tree_get(YAJL_GET_ARRAY(list)->values[0], up, yajl_t_any)));
	assert_true(YAJL_IS_NULL(yajl_tree_get(YAJL_GET_ARRAY(list)->values[1], id, yajl_t_any)));
	assert_true(YAJL_IS_FALSE(yajl_tree_get(YAJL_GET_ARRAY(list)->values[1], up, yajl_t_any)));
	assert_string_equal(YAJL_GET_STRING(yajl_tree_get(YAJL_GET_ARRAY(list)->values[1], note, yajl_t_string)),
			    "quote \" backslash \\ tab \t");
	yajl_tree_free(v);
	free(out);
}

/* Guests write the nodes that become cells: neither the terminal nor the reader of JSON may take them for its own. */
static void hostile_cells(void **state) {
	static const char *const numbers[] = { "1, \"up\": true", "\33[2J", "0x10", "--1", "1.5.2", "007", "1e", "" };
	const char *rows[] = { "rows", NULL }, *id[] = { "id", NULL };
	struct tl_report *r;
	char *out = NULL;
	yajl_val v, cell;
	size_t n, i;
	FILE *f;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		r = tl_table("test", columns, 4);
		f = open_memstream(&out, &n);
		tl_cell(r, "a");
		tl_cell(r, "%s", numbers[i]);
		tl_cell(r, "no");
		tl_cell(r, "x");
		tl_report_print(r, f, 1);
		fclose(f);
		v = yajl_tree_parse(out, NULL, 0);
		assert_non_null(v);
		cell = yajl_tree_get(YAJL_GET_ARRAY(yajl_tree_get(v, rows, yajl_t_array))->values[0], id, yajl_t_any);
		assert_true(*numbers[i] ? YAJL_IS_STRING(cell) : YAJL_IS_NULL(cell));
		if (*numbers[i]) assert_string_equal(YAJL_GET_STRING(cell), numbers[i]);
		yajl_tree_free(v);
		free(out);
	}
	r = tl_table("test", columns, 4);
	f = open_memstream(&out, &n);
	tl_cell(r, "\33]0;title\7");
	tl_cell(r, "1\n2");
	tl_cell(r, "no");
	tl_cell(r, "\302\233 \177 \303\244");
	tl_report_print(r, f, 0);
	fclose(f);
	assert_string_equal(out, "Name         ID Note\n"
				 "?]0;title?  1?2 ?? ? \303\244\n");
	free(out);
}

/* A driver domain says why it did not plug a device. */
static void hostile_reasons(void **state) {
	struct tl_ctx ctx = { 0 };

	(void)state;
	assert_int_equal(tl_fail(&ctx, -5, "vif 0: %s", "\33[2J\nall is well"), -5);
	assert_string_equal(ctx.err, "vif 0: ?[2J?all is well");
}

static void pairs(void **state) {
	struct tl_report *r = tl_pairs("p");
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	(void)state;
	tl_pair(r, "key", TL_TEXT, "value");
	tl_pair(r, "number", TL_NUM, "%d", 7);
	tl_report_print(r, f, 0);
	fclose(f);
	assert_string_equal(out, "key                    : value\nnumber                 : 7\n");
	free(out);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),   cmocka_unit_test(every_xl_command_is_known),
		cmocka_unit_test(wanted_are_there), cmocka_unit_test(later_is_named),
		cmocka_unit_test(beginnings),       cmocka_unit_test(text_table),
		cmocka_unit_test(json_table),       cmocka_unit_test(hostile_cells),
		cmocka_unit_test(hostile_reasons),  cmocka_unit_test(pairs),
	};

	return cmocka_run_group_tests_name("tl-table", tests, NULL, NULL);
}
