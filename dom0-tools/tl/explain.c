/* SPDX-License-Identifier: MIT */
/*
 * tl explain: walk from a domain or device through the hypervisor's and the store's states, and say
 * in sentences what is wrong, whose turn it is, and what to do.
 */
#include "cmd.h"
#include "../lib/config.h"
#include "../lib/device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tl_column columns[] = {
	{ "object", "Object", TL_TEXT, 10, 0 },
	{ "verdict", "Verdict", TL_TEXT, 7, 0 }, /* ok, waiting, broken */
	{ "text", "Explanation", TL_TEXT, 0, 0 },
};

struct story {
	struct cmd *c;
	struct tl_report *r;
	uint32_t domid;
};

static TL_PRINTF(4, 5) void tell(struct story *s, const char *object, const char *verdict, const char *fmt, ...) {
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tl_cell(s->r, "%s", object);
	tl_cell(s->r, "%s", verdict);
	tl_cell(s->r, "%s", text);
}

static void tell_shutdown(struct story *s, unsigned code) {
	static const char *const how[] = {
		"powered itself off",          "asked for a reboot",    "suspended itself", "crashed",
		"was stopped by its watchdog", "asked for a soft reset"
	};
	int remembered = access("/run/tl", F_OK) == 0;

	tell(s, "domain", code == 3 ? "broken" : "waiting",
	     "the guest %s and its on_* action leaves it here (or \"tl monitor\" is not "
	     "running%s); "
	     "\"tl destroy %u\" removes it%s",
	     code < 6 ? how[code] : "shut down", remembered ? "" : ", nothing is remembered in /run/tl", s->domid,
	     code == 3 ? ", its last words are in /var/log/xen/console" : "");
}

static void tell_request(struct story *s) {
	char *asked = tl_store_get(s->c->ctx.s, "/local/domain/%u/control/shutdown", s->domid);
	int able = tl_store_exists(s->c->ctx.s, "/local/domain/%u/control/feature-poweroff", s->domid);
	char *feature = tl_store_get(s->c->ctx.s, "/local/domain/%u/control/feature-poweroff", s->domid);

	if (asked && *asked)
		tell(s, "shutdown", "waiting",
		     "\"%s\" was asked for and the guest has not taken the request%s; \"tl "
		     "destroy\" does not ask",
		     asked, able && feature && *feature ? "" : ": its kernel does not announce that it listens");
	free(asked);
	free(feature);
}

static void explain_domain(struct story *s) {
	struct xen_domctl_getdomaininfo i;
	uint64_t target;
	int e = tl_dom_info(s->c->ctx.h, s->domid, &i);

	if (e) {
		tell(s, "domain", "broken",
		     "the hypervisor knows no domain %u, but the store has nodes of it: "
		     "they are left over; \"tl destroy %u\" removes them",
		     s->domid, s->domid);
		return;
	}
	target = tl_store_num(s->c->ctx.s, 0, "/local/domain/%u/memory/target", s->domid);
	if (i.flags & XEN_DOMINF_dying)
		tell(s, "domain", "waiting",
		     "it is dying and still holds %llu pages: somebody has them mapped (a backend "
		     "in domain 0 or a "
		     "driver domain that has not let go); ending that process lets the domain go",
		     (unsigned long long)i.tot_pages);
	else if (i.flags & XEN_DOMINF_shutdown)
		tell_shutdown(s, i.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
	else if (i.flags & XEN_DOMINF_paused)
		tell(s, "domain", "waiting", "it is paused; \"tl unpause %u\" lets it run%s", s->domid,
		     i.cpu_time ? "" : " (it has not run yet)");
	else
		tell(s, "domain", "ok", "it runs: %u vCPUs online, %.1f s of CPU time", i.nr_online_vcpus,
		     i.cpu_time / 1e9);
	tell_request(s);
	if (s->domid && target && i.tot_pages * 4 + 1024 < target)
		tell(s, "memory", "waiting",
		     "the guest has %llu MiB of the %llu MiB that are its target: its balloon "
		     "driver has not grown",
		     (unsigned long long)i.tot_pages / 256, (unsigned long long)target >> 10);
	if (s->domid && target && i.tot_pages * 4 > target + 2048)
		tell(s, "memory", "waiting",
		     "the guest has %llu MiB, its target is %llu MiB: its balloon driver has "
		     "not given the rest back",
		     (unsigned long long)i.tot_pages / 256, (unsigned long long)target >> 10);
}

static void explain_console(struct story *s) {
	char *tty = tl_store_get(s->c->ctx.s, "/local/domain/%u/console/tty", s->domid);

	if (!tty)
		tell(s, "console", "broken", "no console daemon serves it: is tl-consoled running?");
	else if (access(tty, F_OK))
		tell(s, "console", "broken", "its pty %s is gone: the console daemon died; start tl-consoled", tty);
	else
		tell(s, "console", "ok", "served on %s", tty);
	free(tty);
}

/* Whose turn it is, from the two states. */
static void explain_states(struct story *s, const struct tl_device *d, const char *what, uint64_t f, uint64_t b) {
	if (f == TL_XS_CONNECTED && b == TL_XS_CONNECTED)
		tell(s, what, "ok", "connected");
	else if (b == 99)
		tell(s, what, "broken",
		     "its backend directory is missing; detach it with --force and attach it "
		     "again");
	else if (b == TL_XS_INITIALISING)
		tell(s, what, "broken",
		     "domain %u has not picked it up: no backend driver or daemon for %s is "
		     "running there",
		     d->backend, d->kind);
	else if (f == TL_XS_INITIALISING && b == TL_XS_INITWAIT)
		tell(s, what, "waiting",
		     "the backend is ready, the guest's driver has not begun: the guest is still "
		     "booting, or has no driver for %s",
		     d->kind);
	else if (f >= TL_XS_INITIALISED && f <= TL_XS_CONNECTED && b == TL_XS_INITWAIT)
		tell(s, what, "waiting",
		     "the guest is ready, the backend in domain %u is not: it waits for its "
		     "hot-plug script or could not map the guest's ring",
		     d->backend);
	else if (b == TL_XS_CLOSING && f == TL_XS_CONNECTED)
		tell(s, what, "waiting", "it is being detached, but the guest still uses it (or stands still)");
	else if (b == TL_XS_CLOSED || f == TL_XS_CLOSED)
		tell(s, what, "broken", "it is closed (guest \"%s\", backend \"%s\"); detach it",
		     f < 9 ? tl_xs_state_names[f] : "absent", b < 9 ? tl_xs_state_names[b] : "absent");
	else
		tell(s, what, "waiting", "on its way: guest \"%s\", backend \"%s\"",
		     f < 9 ? tl_xs_state_names[f] : "absent", b < 9 ? tl_xs_state_names[b] : "absent");
}

static void explain_device(struct story *s, const struct tl_device *d) {
	char front[160], back[160], what[40], *error, *status;

	tl_front_path(d, front, sizeof(front));
	tl_back_path(d, back, sizeof(back));
	snprintf(what, sizeof(what), "%s %u", d->kind, d->devid);
	error = tl_store_get(s->c->ctx.s, "%s/hotplug-error", back);
	status = tl_store_get(s->c->ctx.s, "%s/hotplug-status", back);
	if (error) tell(s, what, "broken", "the host side failed: %s", error);
	if (strcmp(d->kind, "vif") == 0 && status && strcmp(status, "connected") != 0)
		tell(s, what, "waiting", "the host's network script has not finished (hotplug-status is \"%s\")",
		     status);
	free(error);
	free(status);
	error = tl_store_get(s->c->ctx.s, "/local/domain/%u/error/device/%s/%u/error", d->domid, d->kind, d->devid);
	if (error) tell(s, what, "broken", "the guest's driver reports: %s", error);
	free(error);
	explain_states(s, d, what, tl_store_num(s->c->ctx.s, 99, "%s/state", front),
		       tl_store_num(s->c->ctx.s, 99, "%s/state", back));
}

static int selected(const struct tl_device *d, const char *what) {
	uint32_t number;
	char name[40];

	if (!what) return 1;
	snprintf(name, sizeof(name), "%s%u", d->kind, d->devid);
	if (strcmp(name, what) == 0) return 1;
	return tl_vdev_number(what, &number) == 0 && number == d->devid;
}

int cmd_explain(struct cmd *c) {
	struct story s = { .c = c };
	const char *what = c->args > 1 ? c->arg[1] : NULL;
	struct tl_device *list;
	int n, i, hits = 0, e = cmd_domain(c, 0, &s.domid);

	if (e) return e;
	if (tl_dom_info(c->ctx.h, s.domid, &(struct xen_domctl_getdomaininfo){ 0 }) &&
	    !tl_store_exists(c->ctx.s, "/local/domain/%u/domid", s.domid))
		return cmd_error(c, "there is no domain %u, and nothing of it in the store", s.domid);
	s.r = tl_table("explain", columns, 3);
	if (!what) explain_domain(&s);
	if (!what && s.domid) explain_console(&s);
	n = tl_device_list(&c->ctx, s.domid, NULL, &list);
	for (i = 0; i < n; i++) {
		if ((strcmp(list[i].kind, "console") == 0 && list[i].devid == 0) || !selected(&list[i], what)) continue;
		explain_device(&s, &list[i]);
		hits++;
	}
	free(list);
	if (what && !hits) {
		tl_report_free(s.r);
		return cmd_error(c, "the guest has no device \"%s\"", what);
	}
	tl_report_print(s.r, stdout, c->json);
	return EXIT_OK;
}
