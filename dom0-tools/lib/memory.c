/* SPDX-License-Identifier: MIT */
/*
 * Is there memory for a new guest? If not: let domain 0 shrink, or say what would help.
 */
#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOM0_LEAST_KIB (256u << 10) /* never balloon domain 0 below this */
#define BALLOON_MS     30000

/* Kept free for the hypervisor's own use per domain. */
#define SLACK_KIB 2048u

static int free_kib(struct tl_ctx *ctx, uint64_t *kib) {
	struct xen_sysctl op = { 0 };
	int e = tl_sysctl(ctx->h, XEN_SYSCTL_physinfo, &op);

	if (e) return tl_fail(ctx, e, "reading the host's memory: %s", strerror(-e));
	*kib = (op.u.physinfo.free_pages + op.u.physinfo.scrub_pages - op.u.physinfo.outstanding_pages) * 4;
	return 0;
}

/* "auto" means yes unless the hypervisor was told how much domain 0 shall have. */
static int may_balloon(struct tl_ctx *ctx) {
	char cmdline[1024] = "";

	if (ctx->host.autoballoon != 2) return ctx->host.autoballoon;
	if (tl_version(ctx->h, 9 /* XENVER_commandline */, cmdline, sizeof(cmdline)) < 0) return 0;
	cmdline[sizeof(cmdline) - 1] = 0;
	return !strstr(cmdline, "dom0_mem=");
}

/* Names of the two largest guests, for the message. */
static void largest(struct tl_ctx *ctx, char *out, size_t n) {
	struct xen_domctl_getdomaininfo *list;
	int count = tl_dom_list(ctx->h, &list), i, round, best;
	char *name;
	size_t len = 0;

	out[0] = 0;
	for (round = 0; round < 2 && ctx->s; round++) {
		for (best = -1, i = 0; i < count; i++)
			if (list[i].domain && list[i].tot_pages &&
			    (best < 0 || list[i].tot_pages > list[best].tot_pages))
				best = i;
		if (best < 0) break;
		name = tl_domain_name(ctx, list[best].domain);
		len += snprintf(out + len, len < n ? n - len : 0, "%s%s holds %llu MiB", len ? ", " : "; ", name,
				(unsigned long long)list[best].tot_pages / 256);
		free(name);
		list[best].tot_pages = 0;
	}
	free(list);
}

static int refuse(struct tl_ctx *ctx, uint64_t want, uint64_t have, uint64_t dom0, int may) {
	uint64_t lack = want - have;
	char guests[256], remedy[256] = "";

	largest(ctx, guests, sizeof(guests));
	if (dom0 > DOM0_LEAST_KIB + lack)
		snprintf(remedy, sizeof(remedy),
			 "; domain 0 holds %llu MiB, \"tl mem-set 0 %llum\" would free enough%s",
			 (unsigned long long)dom0 >> 10, (unsigned long long)(dom0 - lack) >> 10,
			 may ? "" : " (autoballoon is off)");
	return tl_fail(ctx, -ENOMEM, "not enough memory: %llu MiB needed, %llu MiB free, %llu MiB short%s%s",
		       (unsigned long long)want >> 10, (unsigned long long)have >> 10,
		       (unsigned long long)(lack + 1023) >> 10, remedy, guests);
}

int tl_memory_reserve(struct tl_ctx *ctx, uint64_t kib) {
	struct xen_domctl_getdomaininfo info = { 0 };
	uint64_t have, want = kib + SLACK_KIB;
	int64_t end;
	int e = free_kib(ctx, &have);

	if (e || have >= want) return e;
	tl_dom_info(ctx->h, 0, &info);
	if (!may_balloon(ctx) || !ctx->s || info.tot_pages * 4 < DOM0_LEAST_KIB + (want - have))
		return refuse(ctx, want, have, info.tot_pages * 4, may_balloon(ctx));
	e = tl_store_putf(ctx->s, "/local/domain/0/memory", "target", "%llu",
			  (unsigned long long)(info.tot_pages * 4 - (want - have)));
	for (end = tl_now_ms() + BALLOON_MS; !e && have < want && tl_now_ms() < end;) {
		usleep(20000);
		e = free_kib(ctx, &have);
	}
	if (e || have >= want) return e;
	return tl_fail(ctx, -ENOMEM,
		       "domain 0 was asked to give back memory but did not within %d s: %llu MiB "
		       "free, %llu "
		       "MiB needed",
		       BALLOON_MS / 1000, (unsigned long long)have >> 10, (unsigned long long)want >> 10);
}
