/* SPDX-License-Identifier: MIT */
/*
 * Event channels: a domain's port table and how a pending port reaches the guest (2-level or FIFO).
 * See evtchn/evtchn.c for the port life cycle and locking.
 */
#ifndef TENON_EVTCHN_H
#define TENON_EVTCHN_H

#include "lib.h"
#include "spinlock.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

struct domain;
struct vcpu;
struct evtchn;
struct evtchn_fifo_domain;
struct evtchn_fifo_vcpu;

typedef uint32_t port_t;

struct evtchn_domain {
	struct spinlock lock;    /* RANK_EVTCHN: port table, bindings */
	struct evtchn **buckets; /* port table in pieces; a bucket never moves or goes away before
				    the domain */
	uint32_t valid_ports;    /* published with release after the bucket; only grows */
	uint32_t max_port;       /* limit set at creation (max_evtchn_port) */
	uint32_t active_ports;
	struct evtchn_fifo_domain *fifo; /* NULL: 2-level */
	uint64_t poll_mask[2];           /* atomic: vCPUs in SCHEDOP_poll, bit per vCPU id */
};

int evtchn_domain_create(struct domain *d, uint32_t max_port) __must_check;
/* Close everything; -ERESTART when preempted. */
int evtchn_domain_destroy(struct domain *d) __must_check;
void evtchn_domain_free(struct domain *d);
int evtchn_vcpu_create(struct vcpu *v) __must_check;
void evtchn_vcpu_destroy(struct vcpu *v);

/* EVTCHNOP_send by the running domain. 0, -EINVAL. */
int evtchn_send(struct domain *d, port_t port) __must_check;
/* Raise a vCPU's (or, for global VIRQs, the domain's handler's) VIRQ; no effect if unbound. Any
 * context, any lock below RANK_EVTCHN. */
void virq_raise_vcpu(struct vcpu *v, unsigned virq);
void virq_raise_global(unsigned virq);
/* Mark a port pending that a pirq is bound to (irq/). */
void evtchn_raise_pirq(struct domain *d, port_t port);
/* True if the vCPU has an unmasked event to take (evtchn_upcall_pending). */
bool vcpu_event_pending(struct vcpu *v);
/* Set evtchn_upcall_pending and wake or kick the vCPU. */
void vcpu_mark_events_pending(struct vcpu *v);
/* For SCHEDOP_poll and evtchn_status users: is the port pending / masked / valid. */
bool evtchn_port_pending(struct domain *d, port_t port);
bool evtchn_port_valid(const struct domain *d, port_t port);

#endif
