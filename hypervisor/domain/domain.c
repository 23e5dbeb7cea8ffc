/* SPDX-License-Identifier: MIT */
/*
 * The life of a domain.
 *
 *	create -> CREATING --first unpause--> RUNNING <--resume/shutdown--> SHUTDOWN
 *	              \________________________|___________________________/
 *	                                        v destroy
 *	                     DYING --everything returned--> DEAD --last reference--> freed
 *
 * Invariants:
 * - The list holds one reference until DEAD; the domain's frames hold one together while it owns
 *   any (mm/). So an id found in a frame stands for a live struct.
 * - A domain leaves the list, and its id becomes free, only when its last reference is gone.
 * - Whoever drops the last reference may hold any lock, so the struct is only queued;
 *   domains_reap() frees it where no lock is held.
 * - pause_depth pauses are part of every vCPU's pause_count, also of one created later.
 */
#include "domain.h"
#include "frame.h"
#include "grant.h"
#include "irq.h"
#include "sched.h"

#include <xen/sched.h>

struct domain *dom0;

struct spinlock domlist_lock = SPINLOCK_INIT(RANK_DOMLIST);
/* domlist_lock: the list of domains, each at its id. Read without the lock by domain_by_id(): a
 * pointer appears when the domain is complete. */
static struct domain *domain_ids[DOMID_FIRST_RESERVED];
static unsigned ids_end; /* no domain had this id yet, nor a higher one */
/* atomic: stack of unreferenced domains, linked by dead_next */
static struct domain *dead_domains;

/* -- finding and counting -- */

struct domain *domain_by_id(domid_t id) {
	if (id >= DOMID_FIRST_RESERVED) return NULL;
	return __atomic_load_n(&domain_ids[index_nospec(id, DOMID_FIRST_RESERVED)], __ATOMIC_ACQUIRE);
}

struct domain *domain_next(unsigned id) {
	while (id < ids_end && !domain_ids[id]) id++;
	return id < ids_end ? domain_ids[id] : NULL;
}

void domain_get(struct domain *d) {
	uint32_t old = __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);

	ASSERT(old > 0);
}

void domain_put(struct domain *d) {
	uint32_t left = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL);

	ASSERT(left != UINT32_MAX);
	if (likely(left)) return;
	d->dead_next = __atomic_load_n(&dead_domains, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&dead_domains, &d->dead_next, d, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

int domain_find(domid_t id, struct domain **out) {
	if (id == DOMID_SELF) {
		*out = current->domain;
		domain_get(*out);
		return 0;
	}
	spin_lock(&domlist_lock);
	*out = domain_by_id(id);
	/* DEAD is set by the holder of the list's reference before it drops it: any other state
	 * seen here means that reference still stands. The lock keeps the struct from being reaped.
	 */
	if (*out && READ_ONCE((*out)->state) == DOM_DEAD) *out = NULL;
	if (*out) domain_get(*out);
	spin_unlock(&domlist_lock);
	return *out ? 0 : -ESRCH;
}

/* dom0 may control every domain; nobody else any. */
int domain_may_control(const struct domain *d __unused) {
	const struct vcpu *v = current;

	return !v || v->domain->privileged ? 0 : -EPERM;
}

int domain_find_controlled(domid_t id, struct domain **out) {
	int err = domain_find(id, out);

	if (err || *out == current->domain || !domain_may_control(*out)) return err;
	domain_put(*out);
	*out = NULL;
	return -EPERM;
}

/* -- creation -- */

static int list_insert(struct domain *d) {
	SPIN_GUARD(&domlist_lock);

	if (domain_ids[d->id]) return -EEXIST;
	__atomic_store_n(&domain_ids[d->id], d, __ATOMIC_RELEASE);
	ids_end = MAX(ids_end, d->id + 1u);
	return 0;
}

static int shared_info_create(struct domain *d) {
	d->shared_info = heap_alloc(PAGE_SIZE);
	if (!d->shared_info) return -ENOMEM;
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
	frame_share(d->shared_info, d, false);
	domain_wallclock_update(d);
	return 0;
}

static void domain_init(struct domain *d, const struct domain_params *p) {
	d->id = p->id;
	d->privileged = p->privileged;
	d->max_vcpus = p->config.max_vcpus;
	d->max_pages = p->max_pages;
	d->config = p->config;
	d->refs = 1;
	d->pause_depth = 1;
	d->shutdown_code = d->shutdown_latch = -1;
	spin_init(&d->domain_lock, RANK_DOMAIN);
	spin_init(&d->mm_lock, RANK_MM);
	spin_init(&d->page_lock, RANK_PAGES);
	spin_init(&d->permit_lock, RANK_PERMIT);
	sched_domain_create(d);
}

static int parts_create(struct domain *d) {
	const struct xen_domctl_createdomain *c = &d->config;

	d->vcpu = heap_alloc(d->max_vcpus * sizeof(*d->vcpu));
	if (!d->vcpu) return -ENOMEM;
	return shared_info_create(d) ?: evtchn_domain_create(d, c->max_evtchn_port) ?:
		       grant_domain_create(d, (unsigned)c->max_grant_frames, (unsigned)c->max_maptrack_frames,
					   XEN_DOMCTL_GRANT_version(c->grant_opts));
}

/* Also of one whose creation failed half-way. */
static void domain_free(struct domain *d) {
	struct vcpu *v;

	/* The timers first, which fire until they are killed: the domain's look at vCPUs, a vCPU's at ports. */
	sched_domain_destroy(d);
	if (d->vcpu)
		for_each_vcpu (d, v) vcpu_destroy(v);
	if (d->grant) grant_domain_free(d);
	evtchn_domain_free(d);
	if (d->shared_info) frame_unshare(d->shared_info);
	heap_free(d->vcpu);
	permits_free(d);
	heap_free(d->e820);
	heap_free(d->cpu_policy);
	heap_free(d);
}

int domain_create(const struct domain_params *p, struct domain **out) {
	struct domain *d;
	int err;

	if (p->id >= DOMID_FIRST_RESERVED || !p->config.max_vcpus || p->config.max_vcpus > MAX_VCPUS) return -EINVAL;
	d = heap_alloc(sizeof(*d));
	if (!d) return -ENOMEM;
	domain_init(d, p);
	err = parts_create(d) ?: list_insert(d);
	if (err) {
		domain_free(d);
		return err;
	}
	if (p->privileged && !dom0) dom0 = d;
	*out = d;
	return 0;
}

void domains_reap(void) {
	struct domain *next = __atomic_exchange_n(&dead_domains, NULL, __ATOMIC_ACQUIRE);

	for (struct domain *d; (d = next) != NULL;) {
		next = d->dead_next;
		spin_lock(&domlist_lock);
		WRITE_ONCE(domain_ids[d->id], NULL);
		spin_unlock(&domlist_lock);
		domain_free(d);
	}
}

/* -- pausing -- */

/* One pause more for all vCPUs, which have yet to stop. domain_lock held. */
static void pause_begin(struct domain *d) {
	struct vcpu *v;

	d->pause_depth++;
	for_each_vcpu (d, v) vcpu_pause_nosync(v);
}

static void pause_end(struct domain *d) {
	struct vcpu *v;

	CHECK(d->pause_depth > 0);
	d->pause_depth--;
	for_each_vcpu (d, v) vcpu_unpause(v);
}

void domain_pause(struct domain *d) {
	struct vcpu *v;

	spin_lock(&d->domain_lock);
	pause_begin(d);
	spin_unlock(&d->domain_lock);
	/* Wait without the lock: a vCPU of d may be in ring 0, waiting for it. vCPUs are never
	 * freed while the caller holds a reference. */
	for_each_vcpu (d, v) {
		vcpu_pause(v);
		vcpu_unpause(v);
	}
}

void domain_unpause(struct domain *d) {
	SPIN_GUARD(&d->domain_lock);

	if (d->pause_depth == 1 && d->state == DOM_CREATING) d->state = DOM_RUNNING;
	pause_end(d);
}

/* -- shutdown and crash -- */

void domain_shutdown(struct domain *d, uint8_t code) {
	bool first;

	if (d == dom0) {
		printk(LOG_INFO, "dom0 shut down, reason %u\n", code);
		arch_machine_stop(code == SHUTDOWN_poweroff ? MACHINE_HALT : MACHINE_REBOOT);
	}
	spin_lock(&d->domain_lock);
	first = d->state < DOM_SHUTDOWN;
	if (first) {
		d->state = DOM_SHUTDOWN;
		d->shutdown_code = d->shutdown_latch >= 0 ? d->shutdown_latch : code;
		pause_begin(d);
	}
	spin_unlock(&d->domain_lock);
	/* A toolstack that asked to hear of suspends by a port of its own gets that instead. */
	if (first && (code != SHUTDOWN_suspend || !d->suspend_port || evtchn_send(d, d->suspend_port)))
		virq_raise_global(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d) {
	SPIN_GUARD(&d->domain_lock);

	if (d->state != DOM_SHUTDOWN) return;
	d->state = DOM_RUNNING;
	d->shutdown_code = -1;
	pause_end(d);
}

void domain_crash(struct domain *d, const char *fmt, ...) {
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	vformat(why, sizeof(why), fmt, ap);
	va_end(ap);
	gprintk(d, LOG_ERR, "crashed: %s\n", why);
	domain_shutdown(d, SHUTDOWN_crash);
}

/* -- destruction -- */

static int destroy_stop(struct domain *d) {
	domain_pause(d);
	spin_lock(&d->domain_lock);
	d->state = DOM_DYING;
	spin_unlock(&d->domain_lock);
	return 0;
}

static int destroy_vcpus(struct domain *d) {
	struct vcpu *v;
	int err = 0;

	for_each_vcpu (d, v)
		if (!err) err = vcpu_release(v);
	return err;
}

/* The order matters: nothing may run, then nothing may be signalled or mapped, then memory goes. */
static int (*const destroy_steps[])(struct domain *d) = {
	destroy_stop,       evtchn_domain_destroy, grant_domain_destroy,
	irq_domain_destroy, destroy_vcpus,         domain_relinquish_memory,
};

int domain_destroy(struct domain *d) {
	for (; d->destroy_step < ARRAY_SIZE(destroy_steps); d->destroy_step++) {
		int err = destroy_steps[d->destroy_step](d);

		if (err) return err;
	}
	if (d->state == DOM_DEAD) return 0;
	spin_lock(&domlist_lock);
	d->state = DOM_DEAD;
	spin_unlock(&domlist_lock);
	domain_put(d);
	virq_raise_global(VIRQ_DOM_EXC);
	return 0;
}
