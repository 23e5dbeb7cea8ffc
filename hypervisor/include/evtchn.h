/* SPDX-License-Identifier: MIT */
/*
 * Event channels: a domain's port table and how a pending port reaches the guest (2-level or FIFO).
 * See evtchn/evtchn.c for the port life cycle and locking.
 */
#pragma once

#include "addr.h"
#include "lib.h"
#include "spinlock.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

struct domain;
struct vcpu;
struct evtchn;
struct evtchn_fifo_domain;

typedef uint32_t port_t;

/* 64 ports; see evtchn/port.h. */
struct evtchn_bucket {
	struct evtchn *ports; /* NULL until one of them is needed; then stays */
	uint64_t used;        /* bit n: port n of the bucket is not free (domain's lock) */
};

struct evtchn_domain {
	struct spinlock lock;          /* RANK_EVTCHN */
	uint32_t valid_ports;          /* (atomic) ports below have a struct evtchn; only grows */
	struct evtchn_bucket *buckets; /* set at creation, const after */
	uint32_t max_port;             /* highest port allowed (max_evtchn_port) */
	/* lock: */
	uint32_t active_ports;
	uint32_t search; /* port where the search for a free one begins */
	/* published with release; goes away when no port is open */
	struct evtchn_fifo_domain *fifo; /* NULL: 2-level */
	uint64_t poll_mask[2];           /* atomic: vCPUs in SCHEDOP_poll, bit per vCPU id */
};

/* 0, -ENOMEM; evtchn_domain_free() is to follow also then. */
int evtchn_domain_create(struct domain *d, uint32_t max_port) __must_check;
/* Close everything; -ERESTART when preempted. */
int evtchn_domain_destroy(struct domain *d) __must_check;
void evtchn_domain_free(struct domain *d);

/* EVTCHNOP_send by the running domain. 0, -EINVAL. */
int evtchn_send(struct domain *d, port_t port) __must_check;
/* Raise a vCPU's (or, for global VIRQs, the domain's handler's) VIRQ; no effect if unbound. Any
 * context, any lock below RANK_EVTCHN. */
void virq_raise_vcpu(struct vcpu *v, unsigned virq);
void virq_raise_global(unsigned virq);
/* Mark a port pending that a pirq is bound to (irq/). */
void evtchn_raise_pirq(struct domain *d, port_t port);
/* Who gets a global VIRQ from now on (XEN_DOMCTL_set_virq_handler). 0, -EINVAL (not a global one). */
int virq_handler_set(struct domain *d, unsigned virq) __must_check;
/* True if the vCPU has an unmasked event to take (evtchn_upcall_pending). */
bool vcpu_event_pending(struct vcpu *v);
/* Set evtchn_upcall_pending and wake or kick the vCPU. */
void vcpu_mark_events_pending(struct vcpu *v);
/* For SCHEDOP_poll: is the port open and pending. */
bool evtchn_port_pending(struct domain *d, port_t port);

/* -- the other operations: d is the running domain, errors as the public header has them -- */

/* A port of d that remote may bind to. -ENOSPC, -ENOMEM, -EINVAL (d is dying). */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, port_t *out) __must_check;
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, port_t remote_port, port_t *out) __must_check;
int evtchn_bind_virq(struct domain *d, unsigned virq, unsigned vcpu, port_t *out) __must_check;
int evtchn_bind_ipi(struct domain *d, unsigned vcpu, port_t *out) __must_check;
int evtchn_bind_pirq(struct domain *d, unsigned pirq, bool share, port_t *out) __must_check;
int evtchn_bind_vcpu(struct domain *d, port_t port, unsigned vcpu) __must_check;
int evtchn_close(struct domain *d, port_t port) __must_check;
int evtchn_unmask(struct domain *d, port_t port) __must_check;
/* Fill in all but dom and port. */
int evtchn_status(struct domain *d, struct evtchn_status *s) __must_check;
/* Close all ports and go back to 2-level. -ERESTART when preempted, -EAGAIN if ports were opened
 * meanwhile. */
int evtchn_reset(struct domain *d) __must_check;
int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *c) __must_check;
int evtchn_fifo_expand_array(struct domain *d, mfn_t page) __must_check;
int evtchn_set_priority(struct domain *d, port_t port, unsigned priority) __must_check;

/* Everything that must hold of a domain's ports; panics if something does not. No lock held. (host/) */
void evtchn_check_invariants(struct domain *d);
