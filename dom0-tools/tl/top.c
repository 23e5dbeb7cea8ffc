/* SPDX-License-Identifier: MIT */
/* tl top: who uses the CPUs. On a terminal a screen (q quits), else or with -b one table per
 * update. */
#include "cmd.h"

#include <errno.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct xen_domctl_getdomaininfo info_t;

struct row {
	uint32_t domid;
	double percent, seconds;
	unsigned long long mib;
	unsigned vcpus;
	char state;
	char name[40];
};

struct sample {
	info_t *list;
	int n;
	int64_t ms;
};

static void sample(struct cmd *c, struct sample *s) {
	s->n = tl_dom_list(c->ctx.h, &s->list);
	s->ms = tl_now_ms();
}

static char state_of(const info_t *i) {
	if (i->flags & XEN_DOMINF_dying) return 'd';
	if (i->flags & XEN_DOMINF_shutdown) return 's';
	if (i->flags & XEN_DOMINF_paused) return 'p';
	return i->flags & XEN_DOMINF_running ? 'r' : 'b';
}

static int by_use(const void *a, const void *b) {
	const struct row *x = a, *y = b;

	return x->percent < y->percent ? 1 : x->percent > y->percent ? -1 : (int)x->domid - (int)y->domid;
}

/* Rows for the time between two samples, busiest first; for free(). */
static struct row *rows(struct cmd *c, const struct sample *old, const struct sample *new) {
	struct row *r = calloc(new->n > 0 ? new->n : 1, sizeof(*r));
	double ns = (new->ms - old->ms) * 1e6;
	char *name;
	int i, k;

	for (i = 0; r && i < new->n; i++) {
		const info_t *d = &new->list[i];

		name = tl_domain_name(&c->ctx, d->domain);
		snprintf(r[i].name, sizeof(r[i].name), "%s", name);
		free(name);
		r[i].domid = d->domain;
		r[i].seconds = d->cpu_time / 1e9;
		r[i].mib = d->tot_pages / 256;
		r[i].vcpus = d->nr_online_vcpus;
		r[i].state = state_of(d);
		for (k = 0; k < old->n; k++)
			if (old->list[k].domain == d->domain && ns > 0)
				r[i].percent = (d->cpu_time - old->list[k].cpu_time) / ns * 100;
	}
	if (r) qsort(r, new->n > 0 ? new->n : 0, sizeof(*r), by_use);
	return r;
}

static const struct tl_column columns[] = {
	{ "name", "Name", TL_TEXT, 24, 0 },
	{ "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "state", "State", TL_TEXT, 5, 0 },
	{ "cpu_percent", "CPU(%)", TL_NUM, 7, TL_RIGHT },
	{ "cpu_seconds", "CPU(s)", TL_NUM, 10, TL_RIGHT },
	{ "memory_mib", "Mem(M)", TL_NUM, 7, TL_RIGHT },
	{ "vcpus", "VCPUs", TL_NUM, 5, TL_RIGHT },
};

static void print_table(struct cmd *c, const struct row *r, int n) {
	struct tl_report *t = tl_table("top", columns, sizeof(columns) / sizeof(columns[0]));
	int i;

	for (i = 0; i < n; i++) {
		tl_cell(t, "%s", r[i].name);
		tl_cell(t, "%u", r[i].domid);
		tl_cell(t, "%c", r[i].state);
		tl_cell(t, "%.1f", r[i].percent);
		tl_cell(t, "%.1f", r[i].seconds);
		tl_cell(t, "%llu", r[i].mib);
		tl_cell(t, "%u", r[i].vcpus);
	}
	tl_report_print(t, stdout, c->json);
	fflush(stdout);
}

static void draw(struct cmd *c, const struct row *r, int n) {
	struct xen_sysctl op = { 0 };
	int i;

	erase();
	if (tl_sysctl(c->ctx.h, XEN_SYSCTL_physinfo, &op) == 0)
		mvprintw(0, 0, "%d domains, %u CPUs, %llu of %llu MiB free     q quits", n, op.u.physinfo.nr_cpus,
			 (unsigned long long)op.u.physinfo.free_pages / 256,
			 (unsigned long long)op.u.physinfo.total_pages / 256);
	attron(A_REVERSE);
	mvprintw(2, 0, "%-24s %5s %5s %7s %10s %7s %5s", "Name", "ID", "State", "CPU(%)", "CPU(s)", "Mem(M)", "VCPUs");
	attroff(A_REVERSE);
	for (i = 0; i < n && i < LINES - 3; i++)
		mvprintw(i + 3, 0, "%-24.24s %5u %5c %7.1f %10.1f %7llu %5u", r[i].name, r[i].domid, r[i].state,
			 r[i].percent, r[i].seconds, r[i].mib, r[i].vcpus);
	refresh();
}

/* Wait for the next update; returns 1 when the user wants to leave. */
static int pause_for(long seconds, int screen) {
	if (!screen) {
		sleep(seconds);
		return 0;
	}
	timeout(seconds * 1000);
	return getch() == 'q';
}

int cmd_top(struct cmd *c) {
	int screen = !opt(c, 'b') && !c->json && isatty(1);
	struct sample old, new;
	struct row *r;
	long delay = 3, left = screen ? 0 : 1;
	int quit = 0;

	if ((opt(c, 'd') && cmd_number(c, opt_value(c, 'd'), 1, 3600, &delay)) ||
	    (opt(c, 'i') && cmd_number(c, opt_value(c, 'i'), 1, 1000000, &left)))
		return EXIT_FAILED;
	if (screen) {
		initscr();
		noecho();
		curs_set(0);
	}
	sample(c, &old);
	while (!quit) {
		quit = pause_for(delay, screen);
		sample(c, &new);
		r = rows(c, &old, &new);
		if (screen)
			draw(c, r, new.n);
		else
			print_table(c, r, new.n);
		free(r);
		free(old.list);
		old = new;
		if (left && --left == 0) quit = 1;
	}
	if (screen) endwin();
	free(old.list);
	return EXIT_OK;
}
