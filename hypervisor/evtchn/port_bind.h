/* SPDX-License-Identifier: MIT */
/* Opening and closing of ports, between evtchn.c (the table) and bind.c (the kinds of ports). */
#ifndef TENON_EVTCHN_PORT_BIND_H
#define TENON_EVTCHN_PORT_BIND_H

#include "port.h"

/* VIRQs that a domain, not a vCPU has (public/xen.h: "G"); those of the architecture too. */
#define VIRQS_GLOBAL                                                                            \
	(1u << VIRQ_CONSOLE | 1u << VIRQ_DOM_EXC | 1u << VIRQ_TBUF | 1u << VIRQ_DEBUGGER |      \
	 1u << VIRQ_CON_RING | 1u << VIRQ_PCPU_STATE | 1u << VIRQ_MEM_EVENT | 1u << VIRQ_ARGO | \
	 1u << VIRQ_ENOMEM | 0xffu << VIRQ_ARCH_0)

static inline bool virq_is_global(unsigned virq) { return VIRQS_GLOBAL >> virq & 1; }

/* Find a free port. It stays free: the caller, who holds the domain's lock, opens it. 0, -EINVAL
 * (the domain is dying), -ENOSPC, -ENOMEM. */
int port_alloc(struct domain *d, port_t *out) __must_check;
/* Open a free port. Domain's lock held; returns with the port's lock held for the rest of the
 * set-up. */
struct evtchn *port_open(struct domain *d, port_t port, enum port_state state, unsigned vcpu);
/* Undo port_open(): the binding failed. Domain's lock held. */
void port_revert(struct domain *d, port_t port);
/* A VIRQ's port is being closed. Domain's lock held. */
void virq_unbind(struct domain *d, const struct evtchn *c, port_t port);
/* d handles no global VIRQ any more. */
void virq_handler_drop(struct domain *d);

#endif
