/* SPDX-License-Identifier: MIT */
/*
 * Interrupt routing: a vector on a CPU belongs to an irq descriptor (GSI or MSI); a descriptor is
 * bound to a domain's pirq, a pirq to an event channel. See irq/irq.c.
 */
#ifndef TENON_IRQ_H
#define TENON_IRQ_H

#include "domain.h"

int irq_domain_create(struct domain *d) __must_check;
void irq_domain_destroy(struct domain *d);
/* EVTCHNOP_bind_pirq: take the pirq for a port that will be delivered to v. 0, -EINVAL, -EEXIST,
 * -EPERM, ... */
int pirq_bind(struct vcpu *v, unsigned pirq, port_t port, bool will_share) __must_check;
void pirq_unbind(struct domain *d, unsigned pirq);
/* The event channel moved to another vCPU or was unmasked. */
void pirq_set_affinity(struct domain *d, unsigned pirq, struct vcpu *v);
void pirq_unmasked(struct domain *d, unsigned pirq);
/* PHYSDEVOP_eoi. */
int pirq_eoi(struct domain *d, unsigned pirq) __must_check;

#endif
