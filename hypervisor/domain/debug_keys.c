/* SPDX-License-Identifier: MIT */
/* What `xl debug-keys` shows: states for a person who looks for a fault. Nothing here changes
 * anything. */
#include "domain.h"
#include "frame.h"
#include "grant.h"

static void show_vcpus(struct domain *d) {
	struct vcpu *v;

	for_each_vcpu (d, v)
		printk(LOG_INFO, "  vCPU %u: CPU %u%s, pauses %u, flags %x, %lu ms run, traps %x\n", v->id,
		       v->processor, v->running ? " running" : "", v->pause_count, v->pause_flags,
		       vcpu_cpu_time(v) / 1000000, v->pending_traps);
}

static void show_domains(void) {
	static const char *const states[] = { "creating", "running", "shut down", "dying", "dead" };
	SPIN_GUARD(&domlist_lock);

	for_each_domain (d) {
		printk(LOG_INFO, "d%u: %s, refs %u, pauses %u/%u, pages %lu of %lu, %u grant frames\n", d->id,
		       states[d->state], d->refs, d->pause_count, d->pause_depth, d->tot_pages, d->max_pages,
		       grant_frame_count(d));
		show_vcpus(d);
	}
}

static void show_memory(void) {
	printk(LOG_INFO, "RAM frames %lu, free %lu; ring 0: %lu bytes of heap\n", frames_total, frames_free,
	       heap_bytes_used());
}

static void show_grants(void) {
	SPIN_GUARD(&domlist_lock);

	for_each_domain (d) grant_show(d);
}

static void show_help(void);

static const struct {
	char key;
	const char *what;
	void (*fn)(void);
} keys[] = {
	{ 'h', "this help", show_help },
	{ 'q', "domains and vCPUs", show_domains },
	{ 'm', "memory", show_memory },
	{ 'g', "grant tables", show_grants },
};

static void show_help(void) {
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		printk(LOG_INFO, "'%c': %s\n", keys[i].key, keys[i].what);
}

void debug_key(char key) {
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key != key) continue;
		keys[i].fn();
		return;
	}
	printk(LOG_INFO, "no debug key '%c'; 'h' lists them\n", key);
}
