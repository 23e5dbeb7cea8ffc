/* SPDX-License-Identifier: MIT */
/*
 * tl-dom0-init: domain 0's own entries in the store, and its UUID in the hypervisor. Run once after
 * xenstored has started; running it again changes nothing.
 */
#include "lib/ctx.h"
#include "lib/domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DOM0 "/local/domain/0"

static int put_missing(struct tl_store *s, const char *key, const char *value) {
	return tl_store_exists(s, DOM0 "/%s", key) ? 0 : tl_store_put(s, DOM0, key, value);
}

/* A UUID unless the hypervisor has one; returns 0 or a negative errno. */
static int give_uuid(struct tl_ctx *ctx, const struct xen_domctl_getdomaininfo *info, char text[37]) {
	static const uint8_t none[16];
	uint8_t uuid[16];
	int e = 0;

	memcpy(uuid, info->handle, 16);
	if (memcmp(uuid, none, 16) == 0) {
		if (getrandom(uuid, 16, 0) != 16) return -EIO;
		uuid[6] = (uuid[6] & 0x0f) | 0x40;
		uuid[8] = (uuid[8] & 0x3f) | 0x80;
		e = tl_dom_set_handle(ctx->h, 0, uuid);
	}
	tl_uuid_format(uuid, text);
	return e;
}

static int put_cpus(struct tl_store *s, const struct xen_domctl_getdomaininfo *info) {
	char key[48];
	unsigned i;
	int e = 0;

	for (i = 0; i <= info->max_vcpu_id && !e; i++) {
		snprintf(key, sizeof(key), "cpu/%u/availability", i);
		e = put_missing(s, key, "online");
	}
	return e;
}

static int put_nodes(struct tl_ctx *ctx, const struct xen_domctl_getdomaininfo *info, const char *uuid) {
	struct tl_store *s = ctx->s;
	char text[64], vm[64];
	int e = put_missing(s, "name", "Domain-0");

	if (!e) e = put_missing(s, "domid", "0");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)info->tot_pages * 4);
	if (!e) e = put_missing(s, "memory/target", text);
	if (!e) e = put_missing(s, "memory/static-max", text);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	if (!e) e = put_missing(s, "vm", vm);
	if (!e && !tl_store_exists(s, "%s/uuid", vm)) e = tl_store_put(s, vm, "uuid", uuid);
	if (!e) e = put_cpus(s, info);
	if (!e && !tl_store_exists(s, "/local/pool/0/name")) e = tl_store_put(s, "/local/pool/0", "name", "Pool-0");
	return e;
}

int main(void) {
	struct xen_domctl_getdomaininfo info;
	struct tl_ctx ctx;
	char uuid[37];
	int e;

	if (tl_ctx_open(&ctx, TL_NEED_STORE | TL_NEED_HYPER)) {
		fprintf(stderr, "tl-dom0-init: %s\n", ctx.err);
		return 1;
	}
	e = tl_dom_info(ctx.h, 0, &info);
	if (!e) e = give_uuid(&ctx, &info, uuid);
	if (!e) e = put_nodes(&ctx, &info, uuid);
	if (e) fprintf(stderr, "tl-dom0-init: %s\n", strerror(-e));
	tl_ctx_close(&ctx);
	return e != 0;
}
