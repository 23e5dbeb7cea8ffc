/* SPDX-License-Identifier: MIT */
/*
 * Creating and destroying domains.
 *
 * Model of create: a list of steps; each either succeeds or leaves nothing, and a failure undoes
 * the completed ones in reverse by destroying the domain (the hypervisor frees what it holds) and
 * erasing its nodes. Before "make" nothing outside this process has changed.
 */
#include "domain.h"
#include "device.h"
#include "fault.h"
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than the guest's memory, so that a guest may exceed its target by a little while ballooning. */
#define MAXMEM_SLACK_KIB 1024u

struct create {
	struct tl_ctx *ctx;
	struct tl_config *c;
	struct tl_loaded kernel;
	uint8_t *initrd;
	size_t initrd_len;
	struct tl_build build;
	uint32_t domid;
	int made, published;
};

static int load_initrd(struct create *cr) {
	const char *path = cr->c->ramdisk;
	struct stat st;
	int fd, e;

	if (!path) return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || tl_fault_step()) {
		e = -errno;
		if (fd >= 0) close(fd);
		return tl_fail(cr->ctx, e, "ramdisk %s: %s", path, strerror(-e));
	}
	if (st.st_size > 0) {
		cr->initrd = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
		cr->initrd_len = st.st_size;
	}
	close(fd);
	if (cr->initrd == MAP_FAILED) {
		cr->initrd = NULL;
		return tl_fail(cr->ctx, -errno, "ramdisk %s: %s", path, strerror(errno));
	}
	return 0;
}

static uint32_t or_default(uint32_t given, uint32_t fallback) { return given == TL_DEFAULT ? fallback : given; }

static int make(struct create *cr) {
	struct tl_config *c = cr->c;
	struct tl_host *host = &cr->ctx->host;
	struct xen_domctl op = { 0 };
	struct xen_domctl_createdomain *cd = &op.u.createdomain;
	int e = tl_pool_find(cr->ctx, c->pool, &cd->cpupool_id);

	if (e) return e;
	if (!c->uuid_set && getrandom(c->uuid, 16, 0) == 16) {
		c->uuid[6] = (c->uuid[6] & 0x0f) | 0x40; /* version 4, variant 1 */
		c->uuid[8] = (c->uuid[8] & 0x3f) | 0x80;
	}
	memcpy(cd->handle, c->uuid, 16);
	cd->max_vcpus = c->maxvcpus;
	cd->max_evtchn_port = c->max_event_channels;
	cd->max_grant_frames = or_default(c->max_grant_frames, host->max_grant_frames);
	cd->max_maptrack_frames = or_default(c->max_maptrack_frames, host->max_maptrack_frames);
	cd->grant_opts = XEN_DOMCTL_GRANT_version(or_default(c->max_grant_version, host->max_grant_version));
	cd->arch.misc_flags = c->msr_relaxed ? XEN_X86_MSR_RELAXED : 0;
	e = tl_domctl(cr->ctx->h, XEN_DOMCTL_createdomain, 0, &op);
	if (e == -EACCES)
		return tl_fail(cr->ctx, e,
			       "creating the domain: the hypervisor speaks another version of the "
			       "management interface");
	if (e) return tl_fail(cr->ctx, e, "creating the domain: %s", strerror(-e));
	cr->domid = op.domain;
	cr->made = 1;
	return 0;
}

static int set_tsc(struct create *cr) {
	struct xen_domctl op = { .u.tsc_info.tsc_mode = cr->c->tsc_mode };

	return cr->c->tsc_mode ? tl_domctl(cr->ctx->h, XEN_DOMCTL_settscinfo, cr->domid, &op) : 0;
}

static int set_time_offset(struct create *cr) {
	struct xen_domctl op = { .u.settimeoffset.time_offset_seconds = cr->c->rtc_timeoffset };
	time_t now = time(NULL);
	struct tm tm;

	if (cr->c->localtime && localtime_r(&now, &tm)) op.u.settimeoffset.time_offset_seconds += tm.tm_gmtoff;
	if (!op.u.settimeoffset.time_offset_seconds) return 0;
	return tl_domctl(cr->ctx->h, XEN_DOMCTL_settimeoffset, cr->domid, &op);
}

/* Limits and properties that must be there before memory is. */
static int limit(struct create *cr) {
	struct tl_config *c = cr->c;
	struct tl_hyper *h = cr->ctx->h;
	int e = tl_dom_max_vcpus(h, cr->domid, c->maxvcpus);

	if (e) return tl_fail(cr->ctx, e, "giving the domain %u vCPUs: %s", c->maxvcpus, strerror(-e));
	e = tl_dom_max_mem(h, cr->domid, ((uint64_t)c->memory << 10) + MAXMEM_SLACK_KIB);
	if (!e) e = tl_mem_set_map(h, cr->domid, (uint64_t)c->maxmem << 20);
	if (e) return tl_fail(cr->ctx, e, "limiting the domain's memory: %s", strerror(-e));
	e = set_tsc(cr);
	if (!e) e = set_time_offset(cr);
	if (e) return tl_fail(cr->ctx, e, "setting the domain's clock: %s", strerror(-e));
	e = tl_domain_cpuid(cr->ctx, cr->domid, c);
	if (!e) e = tl_domain_permit(cr->ctx, cr->domid, c);
	return e ? e : tl_domain_schedule(cr->ctx, cr->domid, c);
}

static int build(struct create *cr) {
	struct tl_build *b = &cr->build;
	const char *why = "event channels";
	int store, console, e;

	store = tl_evtchn_alloc(cr->ctx->h, cr->domid, 0);
	console = store < 0 ? store : tl_evtchn_alloc(cr->ctx->h, cr->domid, 0);
	if (console < 0) return tl_fail(cr->ctx, console, "allocating event channels: %s", strerror(-console));
	*b = (struct tl_build){ .domid = cr->domid,
				.kernel = &cr->kernel.kernel,
				.initrd = cr->initrd,
				.initrd_len = cr->initrd_len,
				.cmdline = cr->c->cmdline,
				.nr_pages = (uint64_t)cr->c->memory << 8,
				.vcpus = cr->c->maxvcpus,
				.store_port = store,
				.console_port = console };
	e = tl_build_pv(cr->ctx, b, &why);
	return e ? tl_fail(cr->ctx, e, "building the guest: %s: %s", why, strerror(-e)) : 0;
}

static int publish(struct create *cr) {
	struct tl_birth birth = { cr->domid,
				  cr->c,
				  cr->build.store_mfn,
				  cr->build.console_mfn,
				  cr->build.store_port,
				  cr->build.console_port };
	int e = tl_birth_publish(cr->ctx, &birth);

	if (e) return e;
	cr->published = 1;
	e = tl_store_introduce(cr->ctx->s, cr->domid, cr->build.store_mfn, cr->build.store_port);
	return e ? tl_fail(cr->ctx, e, "introducing the domain to xenstored: %s", strerror(-e)) : 0;
}

static int attach(struct create *cr) {
	struct tl_config *c = cr->c;
	int i, e = 0;

	for (i = 0; i < c->disks && !e; i++) e = tl_vbd_attach(cr->ctx, cr->domid, &c->disk[i], 0);
	for (i = 0; i < c->vifs && !e; i++) e = tl_vif_attach(cr->ctx, cr->domid, &c->vif[i], 0);
	for (i = 0; i < c->channels && !e; i++) e = tl_channel_attach(cr->ctx, cr->domid, i + 1, &c->channel[i]);
	return e;
}

static int steps(struct create *cr, const char *text, const char *overrides) {
	int e;

	cr->ctx->part_since = tl_now_us();
	e = tl_name_check(cr->ctx, cr->c->name);
	if (!e) e = tl_kernel_load(cr->ctx, cr->c->kernel, &cr->kernel);
	if (!e) e = load_initrd(cr);
	tl_part_done(cr->ctx, TL_PART_KERNEL);
	if (!e) e = tl_memory_reserve(cr->ctx, (uint64_t)cr->c->memory << 10);
	if (!e) e = make(cr);
	if (!e) e = limit(cr);
	tl_part_done(cr->ctx, TL_PART_DOMAIN);
	if (!e) e = build(cr);
	if (!e) e = publish(cr);
	tl_part_done(cr->ctx, TL_PART_STORE);
	if (!e) e = attach(cr);
	tl_part_done(cr->ctx, TL_PART_DEVICES);
	if (e) return e;
	e = tl_saved_write(cr->domid, text, overrides);
	return e ? tl_fail(cr->ctx, e, "remembering the configuration in " TL_RUN_DIR ": %s", strerror(-e)) : 0;
}

static void undo(struct create *cr) {
	char reason[sizeof(cr->ctx->err)];

	if (!cr->made) return;
	memcpy(reason, cr->ctx->err, sizeof(reason));
	if (cr->published)
		tl_domain_destroy(cr->ctx, cr->domid);
	else
		tl_dom_destroy(cr->ctx->h, cr->domid);
	memcpy(cr->ctx->err, reason, sizeof(reason));
}

int tl_domain_create(struct tl_ctx *ctx, struct tl_config *c, const char *text, const char *overrides,
		     uint32_t *domid) {
	struct create cr = { .ctx = ctx, .c = c };
	int e = steps(&cr, text, overrides);

	if (e) undo(&cr);
	*domid = cr.domid;
	tl_kernel_release(&cr.kernel);
	if (cr.initrd) munmap(cr.initrd, cr.initrd_len);
	return e;
}

/* Ask all devices to close at once, then wait for each; those that do not answer are taken away. */
static void remove_devices(struct tl_ctx *ctx, uint32_t domid) {
	struct tl_device *list;
	int n = tl_device_list(ctx, domid, NULL, &list), i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i].kind, "console") != 0 && tl_device_ask_close(ctx, &list[i]) == 0)
			tl_device_close_for_guest(ctx, &list[i]);
	for (i = 0; i < n; i++)
		if (strcmp(list[i].kind, "console") != 0) tl_device_remove(ctx, &list[i], 1, TL_GUEST_MS);
	free(list);
}

int tl_domain_destroy(struct tl_ctx *ctx, uint32_t domid) {
	struct xen_domctl_getdomaininfo info;
	int e = tl_dom_info(ctx->h, domid, &info);

	if (e == -ESRCH && !tl_store_exists(ctx->s, "/local/domain/%u/name", domid))
		return tl_fail(ctx, e, "there is no domain %u", domid);
	if (!e) tl_dom_pause(ctx->h, domid);
	remove_devices(ctx, domid);
	if (!e) {
		e = tl_dom_destroy(ctx->h, domid);
		if (e) return tl_fail(ctx, e, "destroying domain %u: %s", domid, strerror(-e));
	}
	tl_birth_erase(ctx, domid);
	tl_store_release(ctx->s, domid);
	tl_saved_erase(domid);
	return 0;
}
