/* SPDX-License-Identifier: MIT */
/*
 * Interrupt routing: a vector on a CPU belongs to an irq descriptor (GSI or MSI); a descriptor is
 * bound to a domain's pirq, a pirq to an event channel. See irq/irq.c (descriptors and vectors),
 * irq/pirq.c (domains), irq/msi.c (devices' message registers).
 */
#pragma once

#include "domain.h"
#include "pci.h"

/* The domain's pirqs go away: bindings, mappings. 0: a step of domain_destroy(). */
int irq_domain_destroy(struct domain *d);

/* -- for event channels: called under the domain's event lock */

/* EVTCHNOP_bind_pirq: take the pirq for a port that will be delivered to v. 0, -EINVAL (no such
 * pirq), -EEXIST (bound already), -EBUSY (another domain has it unshared), -EPERM, -ENOSPC. */
int pirq_bind(struct vcpu *v, unsigned pirq, port_t port, bool will_share) __must_check;
/* If the pirq is bound to the port; it may have been unmapped, and bound to another, since. */
void pirq_unbind(struct domain *d, unsigned pirq, port_t port);
/* The event channel moved to another vCPU. */
void pirq_set_affinity(struct domain *d, unsigned pirq, struct vcpu *v);

/* -- for physdev_op and domctl */

/* PHYSDEVOP_eoi. 0, -EINVAL. */
int pirq_eoi(struct domain *d, unsigned pirq) __must_check;
/* True if PHYSDEVOP_eoi must follow each event; *shared if other domains have it too. -EINVAL. */
int pirq_status(struct domain *d, unsigned pirq, bool *needs_eoi, bool *shared) __must_check;
/* Set a GSI's wiring before its first binding. 0, -EINVAL, -EBUSY (ring 0's, or in use otherwise). */
int irq_gsi_setup(unsigned gsi, bool level, bool active_low) __must_check;
/* Give d the GSI as *pirq (negative: any). Maps again what is mapped so already. 0, -EINVAL,
 * -EPERM (the running domain may not use it), -EBUSY, -ENOSPC, -ENOMEM. */
int pirq_map_gsi(struct domain *d, unsigned gsi, int *pirq) __must_check;

struct msi_request {
	sbdf_t dev;
	bool msix;
	unsigned index;      /* MSI-X entry */
	unsigned count;      /* messages; 1 for MSI-X */
	uint64_t table_base; /* MSI-X: machine address of the BAR that holds the table */
};
/* Set a device's messages up for d as *pirq (negative: any) and the count-1 following. 0, -ENODEV
 * (no such capability), -EINVAL, -EEXIST, -ENOSPC, -ENOMEM. */
int pirq_map_msi(struct domain *d, const struct msi_request *req, int *pirq) __must_check;
/* 0, -EINVAL. Undoes a whole block of MSI messages with its first pirq. */
int pirq_unmap(struct domain *d, unsigned pirq) __must_check;
/* A pirq that is not a GSI's and not in use, for the next mapping. 0, -ENOSPC, -ENOMEM. */
int pirq_find_free(struct domain *d, int *pirq) __must_check;
/* Program a device's messages anew after it lost them (reset, sleep). 0, -ESRCH (none set up). */
int irq_msi_restore(sbdf_t dev) __must_check;

/* -- for the machine */

void irq_init(void);
/* A device interrupt came in on this CPU. */
void irq_interrupt(uint8_t vector);
/* Route the console's GSI to uart_interrupt() on CPU 0, for good. 0, -EINVAL, -ENOSPC, -ENOMEM. */
int irq_own_gsi(unsigned gsi, bool level, bool active_low) __must_check;

/* Interrupt controllers, the arch's part (x86/ioapic.c, x86/lapic.c; host/platform.c). Masking is
 * counted in nothing: the last call stands. */
unsigned arch_gsi_count(void);
void arch_gsi_program(unsigned gsi, bool level, bool active_low, uint8_t vector, unsigned cpu);
void arch_gsi_mask(unsigned gsi, bool masked);
/* Tell this CPU's controller that the interrupt was taken. */
void arch_irq_ack(void);
/* Where a device writes a vector's number to have it strike on the CPU. */
uint32_t arch_msi_address(unsigned cpu);
/* Map device registers; NULL if out of space or memory. */
volatile uint32_t *arch_registers_map(uint64_t address, size_t size) __must_check;
