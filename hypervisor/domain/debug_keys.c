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
		printk(LOG_INFO, "d%u: %s, refs %u, pauses %u/%u, pages %lu of %lu\n", d->id, states[d->state], d->refs,
		       d->pause_count, d->pause_depth, d->tot_pages, d->max_pages);
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

void debug_key(char key) {
	switch (key) {
	case 'q': show_domains(); break;
	case 'm': show_memory(); break;
	case 'g': show_grants(); break;
	default: printk(LOG_INFO, "debug keys: q domains and vCPUs, m memory, g grant tables\n");
	}
}
