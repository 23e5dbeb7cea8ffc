/* SPDX-License-Identifier: MIT */
/* What irq.c, pirq.c and msi.c share. */
#ifndef TENON_IRQ_PRIVATE_H
#define TENON_IRQ_PRIVATE_H

#include "irq.h"

#define IRQ_SHARERS_MAX 8
#define IRQ_MAX         1024
#define VECTOR_FIRST    0x30 /* x86/include/layout.h says the same: VEC_IRQ_FIRST, VEC_IRQ_LAST */
#define VECTOR_LAST     0xef

enum irq_kind { IRQ_FREE, IRQ_GSI, IRQ_MSI, IRQ_MSIX };

/* Where an MSI's registers are. Constant while the irq is not free. */
struct msi {
	sbdf_t dev;
	uint8_t cap;           /* offset of the capability */
	uint16_t index, count; /* message of `count` in a block, or MSI-X entry */
	bool wide;             /* 64-bit address */
	bool maskable;
	volatile uint32_t *entry; /* MSI-X table entry */
};

/* A pirq of a domain. pirq_lock; `irq`, `port` and `eoi_due` also under the irq's lock once bound. */
struct pirq {
	struct domain *domain;
	struct irq *irq; /* NULL: not mapped */
	struct vcpu *vcpu;
	port_t port;
	uint16_t number;
	bool bound, shares;
	bool eoi_due; /* the guest was told and has not said EOI */
};

struct irq {
	uint16_t index; /* const */
	/* pirq_lock and lock to change, either to read: */
	enum irq_kind kind;
	bool level, active_low;
	bool own;       /* ring 0's console */
	uint8_t vector; /* 0: none */
	uint16_t cpu;
	int old_cpu; /* the vector there is still ours; -1: none */
	struct msi msi;
	unsigned bound_count;
	struct pirq *bound[IRQ_SHARERS_MAX];

	struct spinlock lock; /* RANK_IRQ */
	/* lock: */
	unsigned eois_due;
};

/* Guards the tables: descriptors in use, vectors, domains' pirqs. */
extern struct spinlock pirq_lock;

/* All under pirq_lock: */

/* The descriptor of a GSI (made when first asked for), or a free one for an MSI. NULL: none. */
struct irq *irq_of_gsi(unsigned gsi);
struct irq *irq_take_free(void);
/* Reserve `count` vectors (a power of two, aligned to it) on a CPU: the first, or 0. */
uint8_t vectors_reserve(unsigned cpu, unsigned count);
/* Give back those of a reserved range that were not assigned. */
void vectors_unreserve(unsigned cpu, uint8_t first, unsigned count);
void vector_assign(struct irq *irq, unsigned cpu, uint8_t vector);
void vector_release(struct irq *irq);
/* Write vector and destination to the controller or device. Leaves it masked. */
void irq_program(const struct irq *irq);
void irq_mask(const struct irq *irq, bool masked);
/* Move to another CPU if the same vector is free there. */
void irq_move(struct irq *irq, unsigned cpu);

/* msi.c */
int msi_setup(struct msi *m, const struct msi_request *req);
void msi_program(const struct msi *m, unsigned cpu, uint8_t vector);
void msi_mask(const struct msi *m, bool masked);
/* Switch the device's message capability on or off. */
void msi_enable(const struct msi *m, bool msix, bool on);

struct irq *irq_at(unsigned index);

#endif
