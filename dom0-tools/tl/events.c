/* SPDX-License-Identifier: MIT */
/*
 * tl events: what happens to domains and devices, one line each, or one JSON object a line.
 *
 * Model: two snapshots are compared after every event of the store; the difference is what
 * happened. So nothing is missed for good: a change that an event did not announce shows with the
 * next one.
 */
#include "cmd.h"
#include "../lib/device.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_gen.h>

/* One thing that has a state. */
struct item {
	char what[48]; /* "domain", "vbd 51712" */
	uint32_t domid;
	char state[24];
	char name[72];
};

struct snapshot {
	struct item *item;
	int n;
};

static void add(struct snapshot *s, const char *what, uint32_t domid, const char *state, const char *name) {
	struct item *grown = realloc(s->item, (s->n + 1) * sizeof(*grown));

	if (!grown) return;
	s->item = grown;
	snprintf(grown[s->n].what, sizeof(grown->what), "%s", what);
	snprintf(grown[s->n].state, sizeof(grown->state), "%s", state);
	snprintf(grown[s->n].name, sizeof(grown->name), "%s", name);
	grown[s->n++].domid = domid;
}

static const char *domain_state(const struct xen_domctl_getdomaininfo *i) {
	static const char *const ended[] = { "poweroff", "reboot", "suspended", "crashed", "watchdog", "soft-reset" };
	unsigned code = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

	if (i->flags & XEN_DOMINF_dying) return "dying";
	if (i->flags & XEN_DOMINF_shutdown) return code < 6 ? ended[code] : "shutdown";
	return i->flags & XEN_DOMINF_paused ? "paused" : "running";
}

static void take_devices(struct cmd *c, struct snapshot *s, uint32_t domid, const char *name) {
	struct tl_device *list;
	int n = tl_device_list(&c->ctx, domid, NULL, &list), i;
	char what[48], back[160];
	uint64_t state;

	for (i = 0; i < n; i++) {
		if (strcmp(list[i].kind, "console") == 0 && list[i].devid == 0) continue;
		tl_back_path(&list[i], back, sizeof(back));
		state = tl_store_num(c->ctx.s, 0, "%s/state", back);
		snprintf(what, sizeof(what), "%s %u", list[i].kind, list[i].devid);
		add(s, what, domid, state < 9 ? tl_xs_state_names[state] : "?", name);
	}
	free(list);
}

static void take(struct cmd *c, struct snapshot *s) {
	struct xen_domctl_getdomaininfo *list;
	int n = tl_dom_list(c->ctx.h, &list), i;
	char *name;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < n; i++) {
		name = tl_domain_name(&c->ctx, list[i].domain);
		add(s, "domain", list[i].domain, domain_state(&list[i]), name);
		if (list[i].domain) take_devices(c, s, list[i].domain, name);
		free(name);
	}
	free(list);
}

static const struct item *find(const struct snapshot *s, const struct item *like) {
	int i;

	for (i = 0; i < s->n; i++)
		if (s->item[i].domid == like->domid && strcmp(s->item[i].what, like->what) == 0) return &s->item[i];
	return NULL;
}

static void text_member(yajl_gen g, const char *key, const char *value) {
	yajl_gen_string(g, (const unsigned char *)key, strlen(key));
	if (yajl_gen_string(g, (const unsigned char *)value, strlen(value)) != yajl_gen_status_ok) yajl_gen_null(g);
}

static void print_json(const struct item *i, const char *event, const char *when) {
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *buf;
	size_t n;

	yajl_gen_config(g, yajl_gen_validate_utf8, 1);
	yajl_gen_map_open(g);
	text_member(g, "schema", "tl.event");
	yajl_gen_string(g, (const unsigned char *)"version", 7);
	yajl_gen_integer(g, 1);
	text_member(g, "time", when);
	text_member(g, "event", event);
	text_member(g, "object", i->what);
	yajl_gen_string(g, (const unsigned char *)"domid", 5);
	yajl_gen_integer(g, i->domid);
	text_member(g, "name", i->name);
	text_member(g, "state", i->state);
	yajl_gen_map_close(g);
	if (yajl_gen_get_buf(g, &buf, &n) == yajl_gen_status_ok) printf("%.*s\n", (int)n, buf);
	yajl_gen_free(g);
}

static void print_event(struct cmd *c, const struct item *i, const char *event) {
	char when[40];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%FT%TZ", gmtime_r(&now, &tm));
	if (c->json)
		print_json(i, event, when);
	else
		printf("%s %-8s domain %u (%s)%s%s: %s\n", when, event, i->domid, i->name,
		       strcmp(i->what, "domain") == 0 ? "" : " ", strcmp(i->what, "domain") == 0 ? "" : i->what,
		       i->state);
}

static void compare(struct cmd *c, const struct snapshot *old, const struct snapshot *new) {
	const struct item *was;
	int i;

	for (i = 0; i < old->n; i++)
		if (!find(new, &old->item[i])) print_event(c, &old->item[i], "gone");
	for (i = 0; i < new->n; i++) {
		was = find(old, &new->item[i]);
		if (!was)
			print_event(c, &new->item[i], "new");
		else if (strcmp(was->state, new->item[i].state) != 0)
			print_event(c, &new->item[i], "state");
		else if (strcmp(was->name, new->item[i].name) != 0)
			print_event(c, &new->item[i], "renamed");
	}
	fflush(stdout);
}

int cmd_events(struct cmd *c) {
	struct snapshot old = { 0 }, new;
	char path[3072], token[32];
	struct pollfd p = { .fd = tl_store_fd(c->ctx.s), .events = POLLIN };
	int i;

	take(c, &old);
	for (i = 0; i < old.n; i++) print_event(c, &old.item[i], "present");
	fflush(stdout);
	if (!opt(c, 'f')) return EXIT_OK;
	if (tl_store_watch(c->ctx.s, "@introduceDomain", "e") || tl_store_watch(c->ctx.s, "@releaseDomain", "e") ||
	    tl_store_watch(c->ctx.s, "/libxl", "e") || tl_store_watch(c->ctx.s, "/local/domain", "e"))
		return cmd_error(c, "cannot watch the store");
	while (!ferror(stdout)) {
		poll(&p, 1, 2000);
		while (tl_store_event(c->ctx.s, path, sizeof(path), token, sizeof(token)) > 0)
			;
		take(c, &new);
		compare(c, &old, &new);
		free(old.item);
		old = new;
	}
	free(old.item);
	return EXIT_FAILED;
}
