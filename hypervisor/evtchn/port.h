/* SPDX-License-Identifier: MIT */
/* What the files of evtchn/ share: the port, opening and closing, the two ways of delivery. */
#pragma once

#include "arch.h"
#include "domain.h"
#include "evtchn.h"
#include "frame.h"
#include "sched.h"

#define PORTS_PER_BUCKET 64

struct evtchn {
	struct spinlock lock; /* RANK_PORT; of two ports of a pair: both */
	/* changed under the domain's lock and this one, read under either (remote: also the
	 * peer's): */
	uint8_t state; /* EVTCHNSTAT_* */
	uint8_t priority;
	/* FIFO lock of the vCPU it was linked for last: */
	uint8_t last_priority;
	uint8_t pending; /* atomic: FIFO, raised while there is no event array page */
	uint16_t vcpu;   /* notified vCPU (this lock) */
	uint16_t last_vcpu;
	union {
		struct {
			struct domain *domain;
			port_t port;
		} remote; /* interdomain */
		/* unbound: the domain that may bind; pirq, virq: which; `about`: any of them */
		uint32_t binder, pirq, virq, about;
	};
};

static inline bool port_is_open(const struct evtchn *c) { return c->state != EVTCHNSTAT_closed; }

/* The struct of a port, NULL if there is none. The bucket was there before valid_ports grew. */
static inline struct evtchn *port_find(const struct domain *d, port_t port) {
	uint32_t n = __atomic_load_n(&d->evtchn.valid_ports, __ATOMIC_ACQUIRE);

	if (unlikely(port >= n)) return NULL;
	port = (port_t)index_nospec(port, n);
	return &d->evtchn.buckets[port / PORTS_PER_BUCKET].ports[port % PORTS_PER_BUCKET];
}

/* The peer of an interdomain port: it is open, so it needs no check. One of the pair's locks is
 * held. */
static inline struct evtchn *port_peer(const struct evtchn *c) {
	const struct evtchn_bucket *b = &c->remote.domain->evtchn.buckets[c->remote.port / PORTS_PER_BUCKET];

	return &b->ports[c->remote.port % PORTS_PER_BUCKET];
}

/* Find an open port and lock it; NULL if it is not open. */
static inline struct evtchn *port_lock(const struct domain *d, port_t port) {
	struct evtchn *c = port_find(d, port);

	if (unlikely(!c)) return NULL;
	spin_lock(&c->lock);
	if (likely(port_is_open(c))) return c;
	spin_unlock(&c->lock);
	return NULL;
}

/* PORT_GUARD(c, d, port) declares the port as port_lock() gives it, unlocked at the end of the scope. */
#define PORT_GUARD(c, d, port) struct evtchn *c __attribute__((cleanup(port_guard_end))) = port_lock(d, port)
static inline void port_guard_end(struct evtchn **c) {
	if (*c) spin_unlock(&(*c)->lock);
}

/*
 * Mark an open port pending and tell its vCPU and pollers. Held: the port's lock or, for an
 * interdomain port, its peer's. That keeps the port open, and with it the domain's FIFO state.
 */
void port_raise(struct domain *d, struct evtchn *c, port_t port);

/* VIRQs that a domain, not a vCPU has (public/xen.h: "G"); those of the architecture too. */
#define VIRQS_GLOBAL                                                                                             \
	(1u << VIRQ_CONSOLE | 1u << VIRQ_DOM_EXC | 1u << VIRQ_TBUF | 1u << VIRQ_DEBUGGER | 1u << VIRQ_CON_RING | \
	 1u << VIRQ_PCPU_STATE | 1u << VIRQ_MEM_EVENT | 1u << VIRQ_ARGO | 1u << VIRQ_ENOMEM | 0xffu << VIRQ_ARCH_0)

static inline bool virq_is_global(unsigned virq) { return VIRQS_GLOBAL >> virq & 1; }

/* d handles no global VIRQ any more. */
void virq_handler_drop(struct domain *d);

/* 2-level: clear a port's pending bit, which is returned */
bool twolevel_clear(struct domain *d, port_t port);

/* FIFO (evtchn/fifo.c): same calling rules as port_raise() */
void fifo_raise(struct domain *d, struct evtchn *c, port_t port);
void fifo_unmask(struct domain *d, struct evtchn *c, port_t port);
void fifo_clear(struct domain *d, struct evtchn *c, port_t port);
bool fifo_pending(struct domain *d, const struct evtchn *c, port_t port);
/* A closed port is still in a queue that the guest has not consumed. Domain's lock. */
bool fifo_linked(struct domain *d, port_t port);
/* Give all pages back once d has no port open and is back at 2-level. No lock held. */
void fifo_free(struct domain *d, struct evtchn_fifo_domain *f);
