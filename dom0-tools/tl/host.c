/* SPDX-License-Identifier: MIT */
/* info, dmesg, debug-keys. */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <xen/version.h>

static void info_physical(struct cmd *c, struct tl_report *r) {
	struct xen_sysctl op = { 0 };
	struct xen_sysctl_physinfo *p = &op.u.physinfo;
	int e = tl_sysctl(c->ctx.h, XEN_SYSCTL_physinfo, &op);

	if (e) return;
	tl_pair(r, "nr_cpus", TL_NUM, "%u", p->nr_cpus);
	tl_pair(r, "max_cpu_id", TL_NUM, "%u", p->max_cpu_id);
	tl_pair(r, "nr_nodes", TL_NUM, "%u", p->nr_nodes);
	tl_pair(r, "cores_per_socket", TL_NUM, "%u", p->cores_per_socket);
	tl_pair(r, "threads_per_core", TL_NUM, "%u", p->threads_per_core);
	tl_pair(r, "cpu_mhz", TL_NUM, "%u.%03u", p->cpu_khz / 1000, p->cpu_khz % 1000);
	tl_pair(r, "hw_caps", TL_TEXT, "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", p->hw_cap[0], p->hw_cap[1],
		p->hw_cap[2], p->hw_cap[3], p->hw_cap[4], p->hw_cap[5], p->hw_cap[6], p->hw_cap[7]);
	tl_pair(r, "virt_caps", TL_TEXT, "%s%s%s", p->capabilities & XEN_SYSCTL_PHYSCAP_pv ? "pv" : "",
		p->capabilities & XEN_SYSCTL_PHYSCAP_hvm ? " hvm" : "",
		p->capabilities & XEN_SYSCTL_PHYSCAP_directio ? " pv_directio" : "");
	tl_pair(r, "total_memory", TL_NUM, "%llu", (unsigned long long)p->total_pages / 256);
	tl_pair(r, "free_memory", TL_NUM, "%llu",
		(unsigned long long)(p->free_pages + p->scrub_pages - p->outstanding_pages) / 256);
	tl_pair(r, "outstanding_claims", TL_NUM, "%llu", (unsigned long long)p->outstanding_pages / 256);
}

/* One text sub-operation of xen_version. */
static void info_version_text(struct cmd *c, struct tl_report *r, int cmd, size_t n, const char *key) {
	char text[1025] = "";

	if (tl_version(c->ctx.h, cmd, text, n) < 0) return;
	text[n] = 0;
	tl_pair(r, key, TL_TEXT, "%s", text);
}

static void info_compile(struct cmd *c, struct tl_report *r) {
	struct xen_compile_info ci = { 0 };

	if (tl_version(c->ctx.h, XENVER_compile_info, &ci, sizeof(ci)) < 0) return;
	tl_pair(r, "cc_compiler", TL_TEXT, "%.64s", ci.compiler);
	tl_pair(r, "cc_compile_by", TL_TEXT, "%.16s", ci.compile_by);
	tl_pair(r, "cc_compile_domain", TL_TEXT, "%.32s", ci.compile_domain);
	tl_pair(r, "cc_compile_date", TL_TEXT, "%.32s", ci.compile_date);
}

static void info_version(struct cmd *c, struct tl_report *r) {
	struct xen_platform_parameters pp = { 0 };
	struct xen_sysctl op = { 0 };
	char nothing[8] = "", extra[17] = "";
	int v = tl_version(c->ctx.h, XENVER_version, nothing, 0);

	tl_version(c->ctx.h, XENVER_extraversion, extra, 16);
	tl_pair(r, "xen_major", TL_NUM, "%d", v >> 16);
	tl_pair(r, "xen_minor", TL_NUM, "%d", v & 0xffff);
	tl_pair(r, "xen_extra", TL_TEXT, "%s", extra);
	tl_pair(r, "xen_version", TL_TEXT, "%d.%d%s", v >> 16, v & 0xffff, extra);
	info_version_text(c, r, XENVER_capabilities, 1024, "xen_caps");
	if (tl_sysctl(c->ctx.h, XEN_SYSCTL_sched_id, &op) == 0)
		tl_pair(r, "xen_scheduler", TL_TEXT, "%s",
			op.u.sched_id.sched_id == XEN_SCHEDULER_CREDIT2  ? "credit2"
			: op.u.sched_id.sched_id == XEN_SCHEDULER_CREDIT ? "credit"
									 : "other");
	tl_pair(r, "xen_pagesize", TL_NUM, "4096");
	if (tl_version(c->ctx.h, XENVER_platform_parameters, &pp, sizeof(pp)) >= 0)
		tl_pair(r, "platform_params", TL_TEXT, "virt_start=0x%llx", (unsigned long long)pp.virt_start);
	info_version_text(c, r, XENVER_changeset, 64, "xen_changeset");
	info_version_text(c, r, XENVER_commandline, 1024, "xen_commandline");
	info_compile(c, r);
}

static void info_numa(struct cmd *c, struct tl_report *r) {
	struct xen_sysctl op = { 0 };
	struct xen_sysctl_meminfo *m = tl_hbuf(c->ctx.h, 64 * sizeof(*m));
	char key[24];
	unsigned i;

	if (!m) return;
	op.u.numainfo.num_nodes = 64;
	set_xen_guest_handle(op.u.numainfo.meminfo, m);
	if (tl_sysctl(c->ctx.h, XEN_SYSCTL_numainfo, &op) == 0)
		for (i = 0; i < op.u.numainfo.num_nodes && i < 64; i++) {
			snprintf(key, sizeof(key), "node%u_memory", i);
			tl_pair(r, key, TL_NUM, "%llu", (unsigned long long)m[i].memsize >> 20);
			snprintf(key, sizeof(key), "node%u_free", i);
			tl_pair(r, key, TL_NUM, "%llu", (unsigned long long)m[i].memfree >> 20);
		}
	tl_hbuf_free(c->ctx.h, m);
}

int cmd_info(struct cmd *c) {
	struct tl_report *r = tl_pairs("info");
	struct utsname u;

	if (uname(&u) == 0) {
		tl_pair(r, "host", TL_TEXT, "%s", u.nodename);
		tl_pair(r, "release", TL_TEXT, "%s", u.release);
		/* xl's name for it; a JSON document's "version" is its own */
		tl_pair(r, c->json ? "kernel_version" : "version", TL_TEXT, "%s", u.version);
		tl_pair(r, "machine", TL_TEXT, "%s", u.machine);
	}
	info_physical(c, r);
	info_version(c, r);
	if (opt(c, 'n')) info_numa(c, r);
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}

#define CHUNK 16384

/* Read the console ring piece by piece, from its oldest byte on. */
static int read_ring(struct cmd *c, char *buf, char **text, size_t *len) {
	struct xen_sysctl op;
	uint32_t index = 0;
	char *grown;
	int e;

	for (;;) {
		memset(&op, 0, sizeof(op));
		op.u.readconsole.incremental = 1; /* index 0: from the beginning */
		op.u.readconsole.index = index;
		op.u.readconsole.count = CHUNK;
		set_xen_guest_handle(op.u.readconsole.buffer, buf);
		e = tl_sysctl(c->ctx.h, XEN_SYSCTL_readconsole, &op);
		if (e) return e;
		if (!op.u.readconsole.count || op.u.readconsole.count > CHUNK) return 0;
		grown = realloc(*text, *len + op.u.readconsole.count + 1);
		if (!grown) return -ENOMEM;
		*text = grown;
		memcpy(*text + *len, buf, op.u.readconsole.count);
		*len += op.u.readconsole.count;
		index = op.u.readconsole.index;
	}
}

static int clear_ring(struct cmd *c, char *buf) {
	struct xen_sysctl op = { .u.readconsole = { .clear = 1, .count = CHUNK } };

	set_xen_guest_handle(op.u.readconsole.buffer, buf);
	return tl_sysctl(c->ctx.h, XEN_SYSCTL_readconsole, &op);
}

int cmd_dmesg(struct cmd *c) {
	char *buf = tl_hbuf(c->ctx.h, CHUNK), *text = NULL;
	struct tl_report *r;
	size_t len = 0;
	int e = buf ? read_ring(c, buf, &text, &len) : -ENOMEM;

	if (!e && opt(c, 'c')) e = clear_ring(c, buf);
	if (buf) tl_hbuf_free(c->ctx.h, buf);
	if (e) {
		free(text);
		return cmd_error(c, "%s", strerror(-e));
	}
	if (c->json) {
		r = tl_pairs("dmesg");
		tl_pair(r, "text", TL_TEXT, "%.*s", (int)len, text ? text : "");
		tl_report_print(r, stdout, 1);
	} else if (len) {
		fwrite(text, 1, len, stdout);
	}
	free(text);
	return EXIT_OK;
}

int cmd_debug_keys(struct cmd *c) {
	struct xen_sysctl op = { 0 };
	size_t n = strlen(c->arg[0]);
	char *buf = tl_hbuf(c->ctx.h, n + 1);
	int e = -ENOMEM;

	if (buf) {
		memcpy(buf, c->arg[0], n + 1);
		set_xen_guest_handle(op.u.debug_keys.keys, buf);
		op.u.debug_keys.nr_keys = n;
		e = tl_sysctl(c->ctx.h, XEN_SYSCTL_debug_keys, &op);
		tl_hbuf_free(c->ctx.h, buf);
	}
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, DOMID_INVALID);
}
