/* SPDX-License-Identifier: MIT */
/*
 * Domains and vCPUs. A domain is found by id through the domain list and lives while its reference
 * count is above zero; its id is not given out again before all its memory has come back, so a
 * domid stored in a frame is as good as a pointer. Life: CREATING -> RUNNING -> (SHUTDOWN <->) ->
 * DYING -> DEAD; pausing is a count beside it.
 */
#pragma once

#include "arch.h"
#include "evtchn.h"
#include "time.h"

#include <xen/domctl.h>
#include <xen/vcpu.h>

#define MAX_VCPUS 128

/* What a domain may be given of the machine: frames of device memory, I/O ports, interrupt lines. */
enum permit { PERMIT_MMIO, PERMIT_PORT, PERMIT_GSI, PERMIT_KINDS };

enum domain_state { DOM_CREATING, DOM_RUNNING, DOM_SHUTDOWN, DOM_DYING, DOM_DEAD };

struct grant_table;
struct pirq;

/* A domain's share of the machine; owned by sched/. */
#define NR_WATCHDOGS 2
struct sched_group {
	struct timer watchdog[NR_WATCHDOGS]; /* (domain_lock) pending: in use */
	/* written under domain_lock, read anywhere: */
	uint32_t rate; /* virtual ns per ns, 16 binary digits after the point */
	uint16_t weight, cap;
	int64_t budget; /* atomic: ns left until the next refill; may be overdrawn */
	struct timer refill;
};

/* A vCPU's scheduling state; owned by sched/ (its run queue's lock). */
struct sched_unit {
	struct list link;
	bool queued;
	bool yields;
	uint64_t vtime; /* time it has had, divided by its weight */
	cpumask_t hard, soft;
	cpumask_t pinned; /* not 0: overrides hard */
};

#include <arch/vcpu.h>

struct vcpu {
	/* set at creation, const after: */
	struct domain *domain;
	unsigned id;

	/* owned by sched/ (its run-queue lock): */
	struct sched_unit sched;
	unsigned processor;   /* CPU it runs or last ran on */
	bool running;         /* is some CPU's current */
	uint32_t pause_count; /* atomic; > 0: not runnable */
	uint32_t pause_flags; /* atomic VPF_*: not runnable while any is set */
	struct vcpu_runstate_info runstate;

	/* only this vCPU (or whoever stopped it): */
	bool initialised;             /* has a context */
	mfn_t root_kernel, root_user; /* top-level tables, each a type reference; INVALID_MFN if none */
	uint64_t table_giveup;        /* mfn + 1 of a table whose devalidation was preempted (0: none),
					 finished before the next page-table operation; see mm/pt_update.c
				       */
	gvaddr_t runstate_area;       /* guest's copy of runstate; 0 if none */
	gvaddr_t time_area;           /* guest's second copy of the pvclock page; 0 if none */
	uint32_t poll_port;           /* of SCHEDOP_poll, UINT32_MAX if it is not on a single port */

	/* vCPU info: where events and time are reported; legacy slot in shared_info until
	 * registered */
	mfn_t info_mfn; /* guest frame with a writable type reference, or INVALID_MFN: legacy slot
			 */
	unsigned info_offset;
	struct vcpu_info no_info; /* of one that has neither */

	/* owned by time/: */
	struct timer singleshot, periodic, poll_timer;
	uint64_t periodic_period;

	/* owned by evtchn/: */
	uint32_t virq_port[NR_VIRQS]; /* 0: unbound */

	/* traps to be delivered, atomic: */
	uint32_t pending_traps; /* VCPU_TRAP_* */

	ARCH_VCPU_FIELDS
};

/* pause_flags: */
#define VPF_DOWN    (1u << 0) /* not brought up, or VCPUOP_down */
#define VPF_BLOCKED (1u << 1) /* SCHEDOP_block */
#define VPF_POLL    (1u << 2) /* SCHEDOP_poll */
#define VPF_CAPPED  (1u << 3) /* its domain has used up its cap for now */
/* pending_traps: */
#define VCPU_TRAP_NMI (1u << 0)

struct domain {
	/* set at creation, const after: */
	domid_t id;
	bool privileged; /* control and hardware domain (dom0) */
	unsigned max_vcpus;
	struct vcpu **vcpu;              /* max_vcpus pointers, NULL while not created */
	struct shared_info *shared_info; /* ring-0 page shown to the guest */

	struct domain *dead_next; /* queue of the unreferenced */
	uint32_t refs;            /* atomic */

	struct spinlock domain_lock;
	/* domain_lock: */
	enum domain_state state;
	int shutdown_code;                     /* -1: not shut down, or resumed; state may be DYING by now */
	int shutdown_latch;                    /* SCHEDOP_shutdown_code: the code to report instead; -1: none */
	unsigned pause_count;                  /* pauses a toolstack holds */
	unsigned pause_depth;                  /* domain_pause() in force; a vCPU is created with as many */
	unsigned destroy_step;                 /* how far domain_destroy() has come */
	port_t suspend_port;                   /* its peer in dom0 is told of a suspend; 0: none */
	struct xen_domctl_tsc_info tsc;        /* as the toolstack set it */
	struct xen_domctl_createdomain config; /* as given at creation; the handle may change */
	uint64_t vm_assist;                    /* VMASST_TYPE_* bits */
	int32_t time_offset;                   /* seconds added to wall clock */

	struct spinlock mm_lock;
	/* mm_lock: page tables and pins of the domain (see mm/pagetype.c) */

	struct spinlock page_lock;
	/* page_lock: */
	uint32_t page_head;     /* list of frames through frame.next/prev */
	uint32_t given_up_head; /* of those that domain_relinquish_memory() has dealt with */
	uint64_t tot_pages, max_pages;
	struct e820entry *e820; /* XENMEM_set_memory_map; NULL: none */
	unsigned e820_count;

	cpumask_t dirty_cpus; /* atomic: CPUs whose TLB may hold the domain's translations */

	struct evtchn_domain evtchn;
	struct sched_group sched;
	struct grant_table *grant;
	struct pirq *pirqs; /* NULL if never had any */
	struct pv_cpu_policy *cpu_policy;

	struct spinlock permit_lock;
	/* permit_lock: what it may use, see domain/permit.c */
	struct permit_range *permits[PERMIT_KINDS];

	ARCH_DOMAIN_FIELDS
};

extern struct domain *dom0;
extern struct spinlock domlist_lock;
/* The first domain with this id or a higher one; NULL if there is none. domlist_lock held. */
struct domain *domain_next(unsigned id);
#define for_each_domain(d) for (struct domain *d = domain_next(0); d; d = domain_next(d->id + 1u))

#define for_each_vcpu(d, v)                                          \
	for (unsigned vi_##v = 0; vi_##v < (d)->max_vcpus; vi_##v++) \
		if (((v) = (d)->vcpu[vi_##v]) != NULL)

/* -- domain/domain.c -- */

struct domain_params {
	domid_t id;
	bool privileged;
	uint64_t max_pages;
	struct xen_domctl_createdomain config; /* checked, limits not negative */
};
/* A new domain with one reference (the list's), paused, no vCPU, no memory. 0, -EEXIST, -ENOMEM,
 * -EINVAL. */
int domain_create(const struct domain_params *p, struct domain **out) __must_check;
/* Create vCPU `id` (down, no context). 0, -EINVAL, -EEXIST, -ENOMEM. */
int vcpu_create(struct domain *d, unsigned id) __must_check;
/* Find a domain and take a reference; DOMID_SELF is the caller's. -ESRCH and NULL if there is none (or
 * it is DEAD). */
int domain_find(domid_t id, struct domain **out) __must_check;
/* The same for one that the caller may act for: itself, or any if it is privileged. Also -EPERM. */
int domain_find_controlled(domid_t id, struct domain **out) __must_check;
void domain_get(struct domain *d);
/* Drop a reference. The last one queues the domain for domains_reap(): callable with any lock held. */
void domain_put(struct domain *d);
/* DOMAIN_REF(d) declares a pointer for domain_find(); the reference is dropped at the end of its scope. */
#define DOMAIN_REF(d) struct domain *d __attribute__((cleanup(domain_ref_end))) = NULL
static inline bool domain_is_dying(const struct domain *d) { return READ_ONCE(d->state) >= DOM_DYING; }
static inline void domain_ref_end(struct domain **d) {
	if (*d) domain_put(*d);
}
/* Free the domains that nobody refers to any more. No lock held. */
void domains_reap(void);
/* The domain whose frames carry this id, without reference; NULL if none. Caller must hold a frame
 * reference or a lock. */
struct domain *domain_by_id(domid_t id);
/* -EPERM unless the running domain may control d: the one place where privilege over others is
 * decided. */
int domain_may_control(const struct domain *d) __must_check;
/* The guest is gone mad: shut it down with SHUTDOWN_crash; never returns control to it. Reason goes
 * to the log. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
/* Guest or toolstack asked for shutdown with a SHUTDOWN_* code; dom0's ends the machine. */
void domain_shutdown(struct domain *d, uint8_t code);
/* Undo a shutdown (after a suspend that was called off), if there is one. */
void domain_resume(struct domain *d);
/* Stop all vCPUs of d; returns when none of them runs. Nests. d is not the running domain; no lock
 * held. */
void domain_pause(struct domain *d);
/* Undo one domain_pause() (or the pause a domain is born with); the first time it makes d RUNNING. */
void domain_unpause(struct domain *d);
/* Begin or continue destruction; -ERESTART when preempted, 0 when all is gone but references. */
int domain_destroy(struct domain *d) __must_check;

/* Time it has run so far, in ns. */
uint64_t vcpu_cpu_time(const struct vcpu *v);
/* Let it take an NMI as soon as it can. */
void vcpu_nmi_send(struct vcpu *v);
/* Free a vCPU that does not run, or of which only a part was made. */
void vcpu_destroy(struct vcpu *v);

/* -- permissions (domain/permit.c): [first, first + n) of machine frames, ports or GSIs -- */

/* Keep for ring 0 alone. Boot. */
void permit_reserve(enum permit kind, uint64_t first, uint64_t n);
/* d may use all of it; dom0 whatever ring 0 does not keep. */
bool permitted(const struct domain *d, enum permit kind, uint64_t first, uint64_t n);
/* There are such numbers: n > 0, nothing wraps around, and the machine has as many ports or GSIs. */
bool permit_exists(enum permit kind, uint64_t first, uint64_t n);
/* Give or take. 0, -EINVAL (empty, out of range or kept), -ENOMEM. */
int permit_set(struct domain *d, enum permit kind, uint64_t first, uint64_t n, bool allow) __must_check;
void permits_free(struct domain *d);

/* -- domain/debug_keys.c */

/* Do what a debug key stands for: print something to the console. */
void debug_key(char key);

/* -- vCPU info (domain/vcpu.c) -- */

/* Address of the vCPU's vcpu_info for this CPU; give back with vcpu_info_put(). Cheap for the
 * running vCPU. */
struct vcpu_info *vcpu_info_get(struct vcpu *v) __must_check;
void vcpu_info_put(struct vcpu *v, struct vcpu_info *info);
/* Where it is while none is registered: its slot in shared_info, or one of its own that its guest does not see. */
struct vcpu_info *vcpu_info_legacy(struct vcpu *v);
/* VCPUOP_register_vcpu_info: 0, -ENXIO (offset unaligned or crossing), -EINVAL (twice, frame not ordinary
 * memory, another vCPU that is not down), -ERESTART (one that has yet to stop). */
int vcpu_info_register(struct vcpu *v, mfn_t m, unsigned offset) __must_check;
/* Let go of a vCPU's context (arch_vcpu_release()) and its vcpu_info. 0, -ERESTART. */
int vcpu_release(struct vcpu *v) __must_check;
