/* SPDX-License-Identifier: MIT */
/*
 * The store nodes that every domain has.
 *
 * Model: rows of a table for the nodes with constant owners and values, code for the rest;
 * everything in one transaction, so that a watcher never sees half a domain. A guest owns only
 * nodes that nobody in domain 0 trusts.
 */
#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const guest_owned[] = {
	"device/suspend/event-channel",
	"control/shutdown",
	"control/feature-poweroff",
	"control/feature-reboot",
	"control/feature-suspend",
	"control/sysrq",
	"data",
	"drivers",
	"feature",
	"attr",
	"error",
};

static int put_cpus(struct tl_store *s, const char *dom, const struct tl_config *c) {
	char key[40];
	unsigned i;
	int e = 0;

	for (i = 0; i < c->maxvcpus && !e; i++) {
		snprintf(key, sizeof(key), "cpu/%u/availability", i);
		e = tl_store_put(s, dom, key, i < c->vcpus ? "online" : "offline");
	}
	return e;
}

static int put_rings(struct tl_store *s, const char *dom, const struct tl_birth *b) {
	int e = tl_store_putf(s, dom, "store/ring-ref", "%llu", (unsigned long long)b->store_mfn);

	if (!e) e = tl_store_putf(s, dom, "store/port", "%u", b->store_port);
	if (!e) e = tl_store_putf(s, dom, "console/ring-ref", "%llu", (unsigned long long)b->console_mfn);
	if (!e) e = tl_store_putf(s, dom, "console/port", "%u", b->console_port);
	if (!e) e = tl_store_put(s, dom, "console/limit", "1048576");
	if (!e) e = tl_store_put(s, dom, "console/output", "pty");
	return e ? e : tl_store_put(s, dom, "console/type", "xenconsoled");
}

/* The console as a device: what other tools look for. */
static int put_console_device(struct tl_store *s, const char *dom, const struct tl_birth *b) {
	char back[64], front[64], record[64];
	int e;

	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/0", b->domid);
	snprintf(front, sizeof(front), "%s/console", dom);
	snprintf(record, sizeof(record), "/libxl/%u/device/console/0", b->domid);
	e = tl_store_mkdir(s, back, 0, b->domid);
	if (!e) e = tl_store_put(s, back, "frontend", front);
	if (!e) e = tl_store_putf(s, back, "frontend-id", "%u", b->domid);
	if (!e) e = tl_store_put(s, back, "online", "1");
	if (!e) e = tl_store_put(s, back, "state", "1");
	if (!e) e = tl_store_put(s, back, "protocol", "vt100");
	if (!e) e = tl_store_put(s, front, "backend", back);
	if (!e) e = tl_store_put(s, front, "backend-id", "0");
	if (!e) e = tl_store_put(s, record, "backend", back);
	return e ? e : tl_store_put(s, record, "frontend", front);
}

static int put_domain(struct tl_store *s, const char *dom, const struct tl_birth *b, const char *uuid) {
	const struct tl_config *c = b->c;
	char node[96];
	size_t i;
	int e = tl_store_mkdir(s, dom, 0, b->domid);

	if (!e) e = tl_store_put(s, dom, "name", c->name);
	if (!e) e = tl_store_putf(s, dom, "domid", "%u", b->domid);
	if (!e) e = tl_store_putf(s, dom, "vm", "/vm/%s", uuid);
	if (!e) e = tl_store_putf(s, dom, "memory/static-max", "%llu", (unsigned long long)c->maxmem << 10);
	if (!e) e = tl_store_putf(s, dom, "memory/target", "%llu", (unsigned long long)c->memory << 10);
	if (!e) e = tl_store_put(s, dom, "control/platform-feature-multiprocessor-suspend", "1");
	if (!e) e = tl_store_put(s, dom, "control/platform-feature-xs_reset_watches", "1");
	if (!e) e = put_cpus(s, dom, c);
	if (!e) e = put_rings(s, dom, b);
	for (i = 0; !e && i < sizeof(guest_owned) / sizeof(guest_owned[0]); i++) {
		snprintf(node, sizeof(node), "%s/%s", dom, guest_owned[i]);
		e = tl_store_mkdir(s, node, b->domid, b->domid);
	}
	return e;
}

static int put_vm(struct tl_store *s, const struct tl_birth *b, const char *uuid) {
	char vm[64], record[32];
	int e;

	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	snprintf(record, sizeof(record), "/libxl/%u", b->domid);
	e = tl_store_mkdir(s, vm, 0, b->domid);
	if (!e) e = tl_store_put(s, vm, "name", b->c->name);
	if (!e) e = tl_store_put(s, vm, "uuid", uuid);
	if (!e) e = tl_store_putf(s, vm, "start_time", "%lld.00", (long long)time(NULL));
	if (!e && b->c->kernel) e = tl_store_put(s, vm, "image/kernel", b->c->kernel);
	if (!e) e = tl_store_put(s, vm, "image/ostype", "linux");
	if (!e) e = tl_store_put(s, record, "type", "pv");
	return e ? e : tl_store_put(s, record, "dm-version", "qemu_xen");
}

/* Does the domain that the hint names exist? Part of the transaction: two creators cannot both
 * pass. */
static int hint_taken(struct tl_ctx *ctx, const char *name) {
	uint64_t domid = tl_store_num(ctx->s, DOMID_INVALID, "/tool/tl/name/%s", name);

	return domid != DOMID_INVALID && tl_store_exists(ctx->s, "/local/domain/%u/name", (unsigned)domid);
}

/* Names of domains made by other tools: only searched when domains outnumber the hints. */
static int stranger_has(struct tl_ctx *ctx, const char *name) {
	char **doms, **hints, *n;
	int ndom = tl_store_list(ctx->s, &doms, "/local/domain"), i, taken = 0;
	int nhint = tl_store_list(ctx->s, &hints, "/tool/tl/name");

	for (i = 0; !taken && ndom > nhint + 1 && i < ndom; i++) {
		n = tl_store_get(ctx->s, "/local/domain/%s/name", doms[i]);
		taken = n && strcmp(n, name) == 0;
		free(n);
	}
	free(hints);
	free(doms);
	return taken;
}

int tl_name_check(struct tl_ctx *ctx, const char *name) {
	if (!hint_taken(ctx, name) && !stranger_has(ctx, name)) return 0;
	return tl_fail(ctx, -EEXIST, "there is already a domain \"%s\"", name);
}

static int publish_once(struct tl_ctx *ctx, const struct tl_birth *b, const char *uuid) {
	char dom[40];
	int e = tl_store_begin(ctx->s);

	if (e) return e;
	if (hint_taken(ctx, b->c->name)) return -EEXIST;
	snprintf(dom, sizeof(dom), "/local/domain/%u", b->domid);
	tl_store_rm(ctx->s, "%s", dom);
	tl_store_rm(ctx->s, "/libxl/%u", b->domid);
	e = put_domain(ctx->s, dom, b, uuid);
	if (!e) e = put_console_device(ctx->s, dom, b);
	if (!e) e = put_vm(ctx->s, b, uuid);
	if (!e) e = tl_store_putf(ctx->s, "/tool/tl/name", b->c->name, "%u", b->domid);
	return e ? e : tl_store_commit(ctx->s);
}

int tl_birth_publish(struct tl_ctx *ctx, const struct tl_birth *b) {
	char uuid[37];
	int e, tries = 0;

	tl_uuid_format(b->c->uuid, uuid);
	do {
		e = publish_once(ctx, b, uuid);
		tl_store_abort(ctx->s);
	} while (e == -EAGAIN && ++tries < 100);
	if (e == -EEXIST) return tl_fail(ctx, e, "there is already a domain \"%s\"", b->c->name);
	return e ? tl_fail(ctx, e, "writing the domain's nodes to the store: %s", strerror(-e)) : 0;
}

void tl_birth_erase(struct tl_ctx *ctx, uint32_t domid) {
	char *vm = tl_store_get(ctx->s, "/local/domain/%u/vm", domid);
	char *name = tl_store_get(ctx->s, "/local/domain/%u/name", domid);

	if (vm && strncmp(vm, "/vm/", 4) == 0) tl_store_rm(ctx->s, "%s", vm);
	if (name && tl_store_num(ctx->s, DOMID_INVALID, "/tool/tl/name/%s", name) == domid)
		tl_store_rm(ctx->s, "/tool/tl/name/%s", name);
	tl_store_rm(ctx->s, "/local/domain/%u", domid);
	tl_store_rm(ctx->s, "/libxl/%u", domid);
	/* Last: the console daemon watches this, and then finds the rest gone. */
	tl_store_rm(ctx->s, "/local/domain/0/backend/console/%u", domid);
	free(vm);
	free(name);
}

void tl_uuid_format(const uint8_t uuid[16], char out[37]) {
	int i, n = 0;

	for (i = 0; i < 16; i++)
		n += sprintf(out + n, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
}
