/* SPDX-License-Identifier: MIT */
/*
 * Configurations: golden pairs in tl-config/ (NAME.cfg and what is understood of it in NAME.out;
 * run with TL_UPDATE=1 to write the latter), and tables for device specifications and CPU sets.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "cpuset.h"
#include "range.h"

#define DIR_NAME "tests/unit/tl-config"

static char *slurp(const char *path, size_t *n) {
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	*n = f ? fread(text, 1, 65535, f) : 0;
	if (f) fclose(f);
	return text;
}

static void dump_disk(FILE *f, const struct tl_disk *d) {
	fprintf(f, "disk %s vdev=%s number=%u %s%s%s%s%s backend=%s script=%s\n", d->target ? d->target : "-", d->vdev,
		d->devid, d->readonly ? "ro" : "rw", d->cdrom ? " cdrom" : "", d->discard ? "" : " no-discard",
		d->direct_io_safe ? " direct-io-safe" : "", d->trusted ? "" : " untrusted",
		d->backend ? d->backend : "-", d->script ? d->script : "-");
}

static void dump_vif(FILE *f, const struct tl_vif *v) {
	fprintf(f,
		"vif %d mac=%02x:%02x:%02x:%02x:%02x:%02x bridge=%s script=%s rate=%llu,%u mtu=%u "
		"ip=%s\n",
		v->devid, v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5], v->bridge ? v->bridge : "-",
		v->script ? v->script : "-", (unsigned long long)v->rate_bytes, v->rate_usecs, v->mtu,
		v->ip ? v->ip : "-");
}

static void dump_ranges(FILE *f, const char *key, const struct tl_ranges *r) {
	for (int i = 0; i < r->n; i++)
		fprintf(f, "%s first=0x%llx n=0x%llx\n", key, (unsigned long long)r->range[i].first,
			(unsigned long long)r->range[i].n);
}

static void dump(FILE *f, int result, const struct tl_config *c, const struct tl_diag *d) {
	int i;

	fprintf(f, "result %s, %d errors, %d warnings\n%s", result ? "refused" : "accepted", d->errors, d->warnings,
		d->text ? d->text : "");
	if (result) return;
	fprintf(f, "name=%s kernel=%s ramdisk=%s\ncmdline=%s\n", c->name, c->kernel ? c->kernel : "-",
		c->ramdisk ? c->ramdisk : "-", c->cmdline ? c->cmdline : "-");
	fprintf(f, "memory=%u maxmem=%u vcpus=%u maxvcpus=%u weight=%d cap=%d\n", c->memory, c->maxmem, c->vcpus,
		c->maxvcpus, (int)c->cpu_weight, (int)c->cap);
	fprintf(f, "actions %s %s %s %s\n", tl_action_names[c->on_poweroff], tl_action_names[c->on_reboot],
		tl_action_names[c->on_crash], tl_action_names[c->on_watchdog]);
	dump_ranges(f, "ioports", &c->ioports);
	dump_ranges(f, "iomem", &c->iomem);
	dump_ranges(f, "irqs", &c->irqs);
	if (c->cpuids) fprintf(f, "cpuid %d changes\n", c->cpuids);
	for (i = 0; i < c->disks; i++) dump_disk(f, &c->disk[i]);
	for (i = 0; i < c->vifs; i++) dump_vif(f, &c->vif[i]);
	for (i = 0; i < c->channels; i++)
		fprintf(f, "channel %s %s %s\n", c->channel[i].name, c->channel[i].connection,
			c->channel[i].path ? c->channel[i].path : "-");
}

static char *understand(const char *path, const char *file, const char *overrides) {
	struct tl_diag d = { .file = file };
	struct tl_config c;
	char *text, *out = NULL;
	size_t n, outn;
	FILE *f = open_memstream(&out, &outn);
	int r;

	text = slurp(path, &n);
	r = tl_config_parse(text, n, overrides, &c, &d);
	dump(f, r, &c, &d);
	fclose(f);
	tl_config_free(&c);
	tl_diag_free(&d);
	free(text);
	return out;
}

static void golden(void **state) {
	const char *file = *state;
	char path[256], out_path[256], *got, *want;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), DIR_NAME "/%s", file);
	snprintf(out_path, sizeof(out_path), "%.*s.out", (int)(strlen(path) - 4), path);
	got = understand(path, file, NULL);
	if (getenv("TL_UPDATE")) {
		f = fopen(out_path, "w");
		fputs(got, f);
		fclose(f);
	}
	want = slurp(out_path, &n);
	assert_string_equal(got, want);
	free(got);
	free(want);
}

static void overrides_replace(void **state) {
	char *got;

	(void)state;
	got = understand(DIR_NAME "/minimal.cfg", "minimal.cfg", "memory=77\nname=\"other\"; vcpus=3\n");
	assert_non_null(strstr(got, "name=other"));
	assert_non_null(strstr(got, "memory=77 maxmem=77 vcpus=3"));
	free(got);
}

static void vdev_numbers(void **state) {
	static const struct {
		const char *name;
		uint32_t number;
	} good[] = { { "xvda", 51712 },     { "xvda1", 51713 },     { "xvdb", 51728 },       { "xvdp15", 51967 },
		     { "xvdq", 268439552 }, { "xvdaa", 268442112 }, { "xvda16", 268435472 }, { "hda", 768 },
		     { "hdb1", 833 },       { "hdc", 5632 },        { "hdd", 5696 },         { "sda", 2048 },
		     { "sdb2", 2066 },      { "/dev/xvda", 51712 }, { "51712", 51712 },      { "0xca00", 51712 },
		     { "d2p3", 51747 } };
	static const char *const bad[] = { "", "xvd", "xvda256", "hde", "sdq", "foo", "xvdA", "xvda1x", "12z", "d1" };
	uint32_t n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tl_vdev_number(good[i].name, &n), 0);
		assert_int_equal(n, good[i].number);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_int_not_equal(tl_vdev_number(bad[i], &n), 0);
}

/* Spellings that xl's documentation calls equivalent. */
static void disk_spellings(void **state) {
	static const char *const same[] = {
		"/dev/vg/guest-volume,,hda",
		"/dev/vg/guest-volume,raw,hda,rw",
		"format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume",
		"vg/guest-volume,raw,hda",
		"phy:/dev/vg/guest-volume,,hda,w",
	};
	struct tl_config c = { 0 };
	struct tl_diag d = { 0 };
	struct tl_disk disk;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(tl_disk_parse(&c, same[i], 1, &disk, &d), 0);
		assert_string_equal(disk.target, "/dev/vg/guest-volume");
		assert_int_equal(disk.devid, 768);
		assert_int_equal(disk.readonly, 0);
	}
	assert_int_equal(tl_disk_parse(&c, "vdev=xvdb,ro,target=/a,b=c ", 1, &disk, &d), 0);
	assert_int_equal(d.errors, 0);
	tl_config_free(&c);
	tl_diag_free(&d);
}

static void disk_target_takes_the_rest(void **state) {
	struct tl_config c = { 0 };
	struct tl_diag d = { 0 };
	struct tl_disk disk;

	(void)state;
	assert_int_equal(tl_disk_parse(&c, "vdev=xvdb, access=ro, target=/a,b=c ", 1, &disk, &d), 0);
	assert_string_equal(disk.target, "/a,b=c ");
	assert_int_equal(disk.readonly, 1);
	tl_config_free(&c);
	tl_diag_free(&d);
}

static void vif_rates(void **state) {
	static const struct {
		const char *spec;
		uint64_t bytes;
		uint32_t usecs;
	} good[] = { { "rate=1MB/s@20ms", 20000, 20000 },
		     { "rate=10Mb/s", 62500, 50000 },
		     { "rate=250KB/s", 12500, 50000 },
		     { "rate=1GB/s@1s", 1000000000, 1000000 } };
	static const char *const bad[] = { "rate=10", "rate=10Xb/s", "rate=10Mb/s@", "rate=10Mb/s@5h", "rate=0Mb/s" };
	struct tl_config c = { 0 };
	struct tl_diag d = { 0 };
	struct tl_vif vif;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tl_vif_parse(&c, good[i].spec, 1, &vif, &d), 0);
		assert_int_equal(vif.rate_bytes, good[i].bytes);
		assert_int_equal(vif.rate_usecs, good[i].usecs);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(tl_vif_parse(&c, bad[i], 1, &vif, &d), 0);
	tl_config_free(&c);
	tl_diag_free(&d);
}

static void cpu_sets(void **state) {
	static const struct {
		const char *in, *out;
	} good[] = { { "0-3,^1", "0,2-3" },
		     { "all", "all" },
		     { "5", "5" },
		     { "0-7", "all" },
		     { " 1 , 3 ", "1,3" },
		     { "all,^0", "1-511" },
		     { "node:1", "4-7" },
		     { "nodes:0-1,^node:0", "4-7" },
		     { "1,node:1,^6", "1,4-5,7" },
		     { "node:5", "" } };
	static const char *const bad[] = { "",      "a",      "1-",        "3-1",   "512",      "1,,2",    "^",
					   "node:", "node:a", "nodes:2-1", "node1", "nodes:0-", "node:all" };
	struct tl_cpuset s, mask;
	struct tl_nodes nodes;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < TL_CPUS_MAX; i++) nodes.of[i] = i < 8 ? i / 4 : TL_NO_NODE;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tl_cpuset_parse(good[i].in, &nodes, &s), 0);
		tl_cpuset_format(&s, 8, text, sizeof(text));
		assert_string_equal(text, good[i].out);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_int_not_equal(tl_cpuset_parse(bad[i], &nodes, &s), 0);
	tl_cpuset_parse("0-3", NULL, &s);
	tl_cpuset_parse("2-7", NULL, &mask);
	assert_int_equal(tl_cpuset_narrow(&s, &mask), 0);
	tl_cpuset_format(&s, 8, text, sizeof(text));
	assert_string_equal(text, "2-3");
	tl_cpuset_parse("0-1", NULL, &mask);
	assert_int_equal(tl_cpuset_narrow(&s, &mask), -EINVAL);
}

static void suggestions(void **state) {
	(void)state;
	assert_string_equal(tl_config_nearest("memroy"), "memory");
	assert_string_equal(tl_config_nearest("kernal"), "kernel");
	assert_string_equal(tl_config_nearest("vcpu"), "vcpus");
	assert_string_equal(tl_config_nearest("onpoweroff"), "on_poweroff");
	assert_null(tl_config_nearest("completely_different"));
}

static int is_cfg(const struct dirent *d) {
	size_t n = strlen(d->d_name);

	return n > 4 && strcmp(d->d_name + n - 4, ".cfg") == 0;
}

int main(void) {
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(overrides_replace), cmocka_unit_test(vdev_numbers),
		cmocka_unit_test(disk_spellings),    cmocka_unit_test(disk_target_takes_the_rest),
		cmocka_unit_test(vif_rates),         cmocka_unit_test(cpu_sets),
		cmocka_unit_test(suggestions),
	};
	struct CMUnitTest tests[64] = { 0 };
	struct dirent **files;
	int n = scandir(DIR_NAME, &files, is_cfg, alphasort), i, k = 0;

	for (i = 0; i < (int)(sizeof(fixed) / sizeof(fixed[0])); i++) tests[k++] = fixed[i];
	for (i = 0; i < n && k < 64; i++) {
		tests[k].name = files[i]->d_name;
		tests[k].test_func = golden;
		tests[k++].initial_state = files[i]->d_name;
	}
	i = _cmocka_run_group_tests("tl-config", tests, k, NULL, NULL);
	while (n > 0) free(files[--n]);
	free(files);
	return i;
}
