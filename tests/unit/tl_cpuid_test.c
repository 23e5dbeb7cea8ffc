/* SPDX-License-Identifier: MIT */
/* cpuid=: what both notations mean, and what they do to a list of leaves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpuid.h"

#define NO_SUB XEN_CPUID_NO_SUBLEAF

static xen_cpuid_leaf_t host_leaf[] = {
	{ 0, NO_SUB, 0x16, 0, 0, 0 },
	{ 1, NO_SUB, 0x000506e3, 0x00100800, 0x7ffafbff, 0xbfebfbff },
	{ 7, 0, 0, 0x029c6fbf, 0, 0 },
	{ 7, 1, 0x10, 0, 0, 0 },
	{ 0x80000001, NO_SUB, 0, 0, 0x121, 0x2c100800 },
};
static xen_cpuid_leaf_t guest_leaf[] = {
	{ 0, NO_SUB, 0xd, 0, 0, 0 },
	{ 1, NO_SUB, 0x000506e3, 0x00100800, 0xf6f83203, 0x078bfbff },
	{ 4, 0, 0xfc004121, 0, 0, 0 },
	{ 7, 0, 0, 0x009c27ab, 0, 0 },
	{ 0x80000001, NO_SUB, 0, 0, 0x121, 0x28100800 },
};
static xen_cpuid_leaf_t changed[5];

/* 0, or an error of reading or of applying; the guest's leaves as they became are in changed[]. */
static int effect(const char *value) {
	struct tl_cpuid_leaves host = { host_leaf, 5 }, guest = { changed, 5 };
	struct tl_diag d = { .file = "f" };
	struct tl_config c;
	char text[512];
	uint32_t bad = 0;
	int e;

	memcpy(changed, guest_leaf, sizeof(changed));
	snprintf(text, sizeof(text), "name=\"x\"\nkernel=\"/k\"\ncpuid=%s\n", value);
	e = tl_config_parse(text, strlen(text), NULL, &c, &d);
	assert_int_equal(e != 0, d.errors != 0);
	if (!e) e = tl_cpuid_apply(&c, &host, &guest, &bad);
	tl_config_free(&c);
	tl_diag_free(&d);
	return e;
}

static uint32_t reg(unsigned leaf, unsigned r) {
	return (const uint32_t[]){ changed[leaf].a, changed[leaf].b, changed[leaf].c, changed[leaf].d }[r];
}

static void features(void **state) {
	static const struct {
		const char *value;
		unsigned leaf, r;
		uint32_t became;
	} table[] = {
		{ "\"host\"", 1, 2, 0xf6f83203 },
		{ "\"host,sse3=0\"", 1, 2, 0xf6f83202 },
		{ "\"host,pni=0\"", 1, 2, 0xf6f83202 },
		{ "\"host,sse4-2=0\"", 1, 2, 0xf6e83203 },
		{ "\"host,sse4_2=0\"", 1, 2, 0xf6e83203 },
		{ "\"host,sse4.2=0\"", 1, 2, 0xf6e83203 },
		{ "\"host,dtes64=1\"", 1, 2, 0xf6f83207 },
		{ "\"host,vmx=x\"", 1, 2, 0xf6f83203 },
		{ "\"host,monitor=k\"", 1, 2, 0xf6f8320b },
		{ "\"host,monitor=s, vmx=k\"", 1, 2, 0xf6f8322b },
		{ "\"host,hypervisor=k\"", 1, 2, 0x76f83203 },
		{ "\"host,clfsh=0\"", 1, 3, 0x0783fbff },
		{ "\"host,tm=1\"", 1, 3, 0x278bfbff },
		{ "\"host,avx2=0,bmi1=0\"", 3, 1, 0x009c2783 },
		{ "\"host,lahf-lm=0\"", 4, 2, 0x120 },
		{ "\"host,lahfsahf=0\"", 4, 2, 0x120 },
		{ "\"host,rdtscp=k\"", 4, 3, 0x28100800 },
		{ "\"host,page1gb=k\"", 4, 3, 0x2c100800 },
		{ "\"host,family=6,model=42,stepping=7\"", 1, 0, 0x000206a7 },
		{ "\"host,family=15\"", 1, 0, 0x00050fe3 },
		{ "\"host,family=0x17\"", 1, 0, 0x00850fe3 },
		{ "\"host,family=270,model=255\"", 1, 0, 0x0fff0ff3 },
		{ "\"host,clflush=4,proccount=2,localapicid=9,brandid=1\"", 1, 1, 0x09020401 },
		{ "\"host,maxleaf=4294967295\"", 0, 0, 0xffffffff },
		{ "\"host,maxleaf=7\"", 0, 0, 7 },
		{ "\"host,procpkg=1\"", 2, 0, 0x04004121 },
		{ "\"host,avx-vnni=0\"", 3, 1, 0x009c27ab }, /* of a leaf that the guest lacks: nothing to clear */
		{ "[]", 1, 2, 0xf6f83203 },
		{ "['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0,edx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']", 1, 2, 0xf6f83202 },
		{ "['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0,edx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']", 1, 3, 0x078bfbfe },
		{ "['0x1:eax=00000000000000100000011010100111']", 1, 0, 0x000206a7 },
		{ "['7,0:ebx=xxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxx']", 3, 1, 0x009c278b },
		{ "['7:ebx=xxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxx']", 3, 1, 0x009c278b },
		{ "['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxkxxx', '0x80000001:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']", 4, 2,
		  0x120 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (effect(table[i].value)) fail_msg("%s is refused", table[i].value);
		if (reg(table[i].leaf, table[i].r) != table[i].became)
			fail_msg("%s: %08x, not %08x", table[i].value, reg(table[i].leaf, table[i].r), table[i].became);
	}
}

static void refused(void **state) {
	static const char *const bad[] = {
		"\"\"",
		"\"sse3=0\"",
		"\"host,\"",
		"\"host,sse3\"",
		"\"host,sse3=\"",
		"\"host,sse3=2\"",
		"\"host,sse3=00\"",
		"\"host,SSE3=0\"",
		"\"host,nosuch=0\"",
		"\"host,rdcl-no=1\"", /* a feature, but of an MSR */
		"\"host,family=271\"",
		"\"host,family=-1\"",
		"\"host,family=6x\"",
		"\"host,model=256\"",
		"\"host,stepping=16\"",
		"\"host,stepping=\"",
		"\"host,maxleaf=4294967296\"",
		"7",
		"[ 7 ]",
		"[ [ ] ]",
		"['']",
		"['1']",
		"['1:']",
		"[':ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2']",
		"['1:efx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1,:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1,2,3:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['4294967296:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0']",
		"['1:ecx']",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (effect(bad[i]) != -EINVAL) fail_msg("%s is accepted", bad[i]);
}

/* Setting what the guest has no place for is an error; a register is changed only where it is asked. */
static void leaves_that_are_not_there(void **state) {
	(void)state;
	assert_int_equal(effect("\"host,avx-vnni=1\""), -ENOENT);
	assert_int_equal(effect("['0x21:eax=1xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']"), -ENOENT);
	assert_int_equal(effect("\"host,avx2=0\""), 0);
	changed[3].b = guest_leaf[3].b;
	assert_memory_equal(changed, guest_leaf, sizeof(changed));
}

/* A file of a megabyte costs no more than its bound. */
static void many_changes(void **state) {
	struct tl_diag d = { .file = "f" };
	char *text = malloc(64 + 1025 * 8), *at = text;
	struct tl_config c;

	(void)state;
	at += sprintf(at, "name=\"x\"\nkernel=\"/k\"\ncpuid=\"host");
	for (unsigned i = 0; i < 1025; i++) at += sprintf(at, ",sse3=0");
	at += sprintf(at, "\"\n");
	assert_int_equal(tl_config_parse(text, (size_t)(at - text), NULL, &c, &d), -EINVAL);
	assert_non_null(strstr(d.text, "more than 1024 changes"));
	tl_config_free(&c);
	tl_diag_free(&d);
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features),
		cmocka_unit_test(refused),
		cmocka_unit_test(leaves_that_are_not_there),
		cmocka_unit_test(many_changes),
	};

	return cmocka_run_group_tests_name("tl cpuid", tests, NULL, NULL);
}
