/* SPDX-License-Identifier: MIT */
/*
 * cpuid=: from xl's two notations to a list of edits, and their effect on a list of leaves.
 *
 * Features have the names of <xen/arch-x86/cpufeatureset.h>, in small letters, with hyphens; names that xl
 * had for some of them before are known too. A feature's or a bit's new value is '1', '0', 'x' (the guest's
 * default: no edit), 'k' or 's' (the machine's).
 */
#include "cpuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };
static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };

/* -- names -- */

#define XEN_CPUFEATURE(name, number) { #name, number },
static const struct feature {
	const char *name;
	unsigned number; /* 32 * word + bit */
} features[] = {
#include <xen/arch-x86/cpufeatureset.h>
};
#define FEATURES (sizeof(features) / sizeof(features[0]))

static const struct {
	const char *old, *name;
} old_names[] = {
	{ "aes", "AESNI" },
	{ "altmovcr8", "CR8_LEGACY" },
	{ "avx512ifma", "AVX512_IFMA" },
	{ "avx512vbmi", "AVX512_VBMI" },
	{ "clfsh", "CLFLUSH" },
	{ "cmplegacy", "CMP_LEGACY" },
	{ "cmpxchg16", "CX16" },
	{ "cmpxchg8", "CX8" },
	{ "cmt", "PQM" },
	{ "est", "EIST" },
	{ "invtsc", "ITSC" },
	{ "lahfsahf", "LAHF_LM" },
	{ "nodeid", "NODEID_MSR" },
	{ "pni", "SSE3" },
	{ "sse4.1", "SSE4_1" },
	{ "sse4.2", "SSE4_2" },
	{ "sysenter", "SEP" },
	{ "tm", "TM1" },
};

/* Where the words of features are; those that no CPUID leaf holds have leaf 0. */
static const struct {
	uint32_t leaf, subleaf;
	uint8_t reg;
} words[] = {
	{ 1, 0, EDX },
	{ 1, 0, ECX },
	{ 0x80000001, 0, EDX },
	{ 0x80000001, 0, ECX },
	{ 0xd, 1, EAX },
	{ 7, 0, EBX },
	{ 7, 0, ECX },
	{ 0x80000007, 0, EDX },
	{ 0x80000008, 0, EBX },
	{ 7, 0, EDX },
	{ 7, 1, EAX },
	{ 0x80000021, 0, EAX },
	{ 7, 1, EBX },
	{ 7, 2, EDX },
	{ 7, 1, ECX },
	{ 7, 1, EDX },
	{ 0 },
	{ 0 },
	{ 0x80000021, 0, ECX },
};

/* Keys with a number: fields of a register. Family and model are in two parts each. */
enum form { PLAIN, FAMILY, MODEL };
static const struct field {
	const char *name;
	uint32_t leaf;
	uint8_t reg, shift, bits;
	enum form form;
} fields[] = {
	{ "apicidsize", 0x80000008, ECX, 12, 4, PLAIN },
	{ "brandid", 1, EBX, 0, 8, PLAIN },
	{ "clflush", 1, EBX, 8, 8, PLAIN },
	{ "family", 1, EAX, 8, 4, FAMILY },
	{ "localapicid", 1, EBX, 24, 8, PLAIN },
	{ "maxhvleaf", 0x40000000, EAX, 0, 8, PLAIN },
	{ "maxleaf", 0, EAX, 0, 32, PLAIN },
	{ "model", 1, EAX, 4, 4, MODEL },
	{ "nc", 0x80000008, ECX, 0, 8, PLAIN },
	{ "proccount", 1, EBX, 16, 8, PLAIN },
	{ "procpkg", 4, EAX, 26, 6, PLAIN },
	{ "procpkgs", 4, EAX, 26, 6, PLAIN },
	{ "stepping", 1, EAX, 0, 4, PLAIN },
};

/* The header's name in small letters, '_' and '-' being one. */
static int same_name(const char *name, const char *header) {
	for (; *name && *header; name++, header++) {
		int c = *name == '-' ? '_' : toupper((unsigned char)*name);

		if (c != *header || isupper((unsigned char)*name)) return 0;
	}
	return !*name && !*header;
}

static const struct feature *find_feature(const char *name) {
	const char *header = NULL;
	size_t i;

	for (i = 0; i < sizeof(old_names) / sizeof(old_names[0]); i++)
		if (strcmp(name, old_names[i].old) == 0) header = old_names[i].name;
	for (i = 0; i < FEATURES; i++)
		if (header ? strcmp(header, features[i].name) == 0 : same_name(name, features[i].name))
			return &features[i];
	return NULL;
}

/* -- edits -- */

#define EDITS_MAX 1024 /* more than there are features and registers */

struct parser {
	struct tl_config *c;
	struct tl_diag *d;
	int line;
};

static int add(struct parser *p, const struct tl_cpuid_edit *e) {
	struct tl_cpuid_edit *grown;

	if (!(e->zero | e->one | e->host)) return 0;
	if (p->c->cpuids == EDITS_MAX) {
		tl_diag_error(p->d, p->line, "cpuid", "there are more than %d changes", EDITS_MAX);
		return -EINVAL;
	}
	grown = realloc(p->c->cpuid, (p->c->cpuids + 1) * sizeof(*grown));
	if (!grown) return -ENOMEM;
	grown[p->c->cpuids++] = *e;
	p->c->cpuid = grown;
	return 0;
}

/* What a character asks for of some bits. */
static int add_bits(struct tl_cpuid_edit *e, uint32_t bits, char how) {
	switch (how) {
	case '0': e->zero |= bits; return 0;
	case '1': e->one |= bits; return 0;
	case 'k':
	case 's': e->host |= bits; return 0;
	case 'x': return 0;
	default: return -EINVAL;
	}
}

static int take_feature(struct parser *p, const char *name, const char *value) {
	const struct feature *f = find_feature(name);
	size_t word = f ? f->number / 32 : 0;
	struct tl_cpuid_edit e = { 0 };

	if (!f || word >= sizeof(words) / sizeof(words[0]) || !words[word].leaf) {
		tl_diag_error(p->d, p->line, "cpuid", "\"%s\" is not a feature of CPUID", name);
		return -EINVAL;
	}
	e = (struct tl_cpuid_edit){ .leaf = words[word].leaf, .subleaf = words[word].subleaf, .reg = words[word].reg };
	if (strlen(value) != 1 || add_bits(&e, 1u << f->number % 32, *value)) {
		tl_diag_error(p->d, p->line, "cpuid", "%s=%s: expected 0, 1, x or k", name, value);
		return -EINVAL;
	}
	return add(p, &e);
}

/* The greatest number of a field. */
static uint32_t field_max(const struct field *f) {
	return f->form == FAMILY ? 15 + 255 : f->form == MODEL ? 255 : ~0u >> (32 - f->bits);
}

static void field_set(const struct field *f, uint32_t n, struct tl_cpuid_edit *e) {
	uint32_t mask = ~0u >> (32 - f->bits);

	if (f->form == FAMILY) {
		e->zero = 0x0ff00f00;
		e->one = n < 15 ? n << 8 : 15 << 8 | (n - 15) << 20;
	} else if (f->form == MODEL) {
		e->zero = 0x000f00f0;
		e->one = (n & 15) << 4 | n >> 4 << 16;
	} else {
		e->zero = mask << f->shift;
		e->one = n << f->shift;
	}
}

static int take_field(struct parser *p, const struct field *f, const char *value) {
	struct tl_cpuid_edit e = { .leaf = f->leaf, .reg = f->reg };
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 0);
	if (!isdigit((unsigned char)*value) || *end || errno || n > field_max(f)) {
		tl_diag_error(p->d, p->line, "cpuid", "%s=%s: expected a number up to %u", f->name, value,
			      field_max(f));
		return -EINVAL;
	}
	field_set(f, n, &e);
	return add(p, &e);
}

static int take_pair(struct parser *p, char *pair) {
	char *value = strchr(pair, '=');
	size_t i;

	if (!value) {
		tl_diag_error(p->d, p->line, "cpuid", "\"%s\": expected NAME=VALUE", pair);
		return -EINVAL;
	}
	*value++ = 0;
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(pair, fields[i].name) == 0) return take_field(p, &fields[i], value);
	return take_feature(p, pair, value);
}

/* "host,NAME=VALUE,..." */
static int take_names(struct parser *p, char *text) {
	char *rest = text, *part = strsep(&rest, ",");
	int err = 0;

	if (strcmp(part, "host") != 0) {
		tl_diag_error(p->d, p->line, "cpuid", "expected \"host,NAME=VALUE,...\" or a list of leaves");
		return -EINVAL;
	}
	while (!err && (part = strsep(&rest, ","))) err = take_pair(p, part + strspn(part, " "));
	return err;
}

/* "REGISTER=BITS", the highest bit first. */
static int take_register(struct parser *p, uint32_t leaf, uint32_t subleaf, char *text) {
	struct tl_cpuid_edit e = { .leaf = leaf, .subleaf = subleaf };
	char *bits = strchr(text, '=');
	int i, err = bits && strlen(bits + 1) == 32 ? 0 : -EINVAL;

	if (bits) *bits++ = 0;
	while (!err && strcmp(text, registers[e.reg]) != 0)
		if (++e.reg > EDX) err = -EINVAL;
	for (i = 0; !err && i < 32; i++) err = add_bits(&e, 1u << (31 - i), bits[i]);
	if (!err) return add(p, &e);
	tl_diag_error(p->d, p->line, "cpuid", "leaf 0x%x: expected eax, ebx, ecx or edx = 32 of the characters 0 1 x k",
		      leaf);
	return err;
}

/* A number; *at is moved behind it. */
static int leaf_number(char **at, uint32_t *n) {
	uint64_t v;
	char *end;

	if (!isdigit((unsigned char)**at)) return -EINVAL;
	errno = 0;
	v = strtoull(*at, &end, 0);
	if (errno || v > UINT32_MAX) return -EINVAL;
	*n = v;
	*at = end;
	return 0;
}

/* "LEAF[,SUBLEAF]:REGISTER=BITS,..." */
static int take_leaf(struct parser *p, char *text) {
	uint32_t leaf, subleaf = 0;
	char *at = text, *part;
	int err = leaf_number(&at, &leaf);

	if (!err && *at == ',') {
		at++;
		err = leaf_number(&at, &subleaf);
	}
	if (err || *at != ':') {
		tl_diag_error(p->d, p->line, "cpuid", "\"%s\": expected LEAF:REGISTER=BITS,...", text);
		return -EINVAL;
	}
	at++;
	while (!err && (part = strsep(&at, ","))) err = take_register(p, leaf, subleaf, part + strspn(part, " "));
	return err;
}

static int take_text(struct parser *p, const struct tl_cfg_value *v, int (*take)(struct parser *p, char *text)) {
	char *copy;
	int err;

	if (v->type != TL_CFG_STRING) {
		tl_diag_error(p->d, v->line, "cpuid", "expected a string, or a list of strings");
		return -EINVAL;
	}
	copy = strdup(v->text);
	if (!copy) return -ENOMEM;
	p->line = v->line;
	err = take(p, copy);
	free(copy);
	return err;
}

int tl_cpuid_parse(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	struct parser p = { .c = c, .d = d };
	const struct tl_cfg_value *v = &e->value;
	int err = 0;
	size_t i;

	if (v->type != TL_CFG_LIST) return take_text(&p, v, take_names);
	for (i = 0; i < v->items && !err; i++) err = take_text(&p, &v->item[i], take_leaf);
	return err;
}

/* -- leaves -- */

static xen_cpuid_leaf_t *find_leaf(const struct tl_cpuid_leaves *l, const struct tl_cpuid_edit *e) {
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		if (l->leaf[i].leaf != e->leaf) continue;
		if (l->leaf[i].subleaf == e->subleaf) return &l->leaf[i];
		if (l->leaf[i].subleaf == XEN_CPUID_NO_SUBLEAF && e->subleaf == 0) return &l->leaf[i];
	}
	return NULL;
}

static uint32_t *register_of(xen_cpuid_leaf_t *l, unsigned reg) {
	uint32_t *const r[] = { &l->a, &l->b, &l->c, &l->d };

	return r[reg];
}

int tl_cpuid_apply(const struct tl_config *c, const struct tl_cpuid_leaves *host, struct tl_cpuid_leaves *guest,
		   uint32_t *bad) {
	int i;

	for (i = 0; i < c->cpuids; i++) {
		const struct tl_cpuid_edit *e = &c->cpuid[i];
		xen_cpuid_leaf_t *g = find_leaf(guest, e), *h = find_leaf(host, e);
		uint32_t there = h ? *register_of(h, e->reg) : 0, set = e->one | (there & e->host), *r;

		if (!g && set) {
			*bad = e->leaf;
			return -ENOENT;
		}
		if (!g) continue;
		r = register_of(g, e->reg);
		*r = (*r & ~(e->zero | e->host)) | set;
	}
	return 0;
}
