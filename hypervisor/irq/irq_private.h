/* SPDX-License-Identifier: MIT */
/* What irq.c, pirq.c and msi.c share. */
#pragma once

#include "irq.h"

#define IRQ_MAX      1024
#define VECTOR_FIRST 0x30 /* x86/include/layout.h says the same: VEC_IRQ_FIRST, VEC_IRQ_LAST */
#define VECTOR_LAST  0xef

/* Where a message's registers are. Constant while it is mapped. */
struct msi {
	sbdf_t dev;
	uint8_t cap;              /* offset of the capability */
	uint16_t index, count;    /* message of `count` in a block, or MSI-X entry; count 0: a GSI */
	bool wide, maskable;      /* MSI: 64-bit address; a mask for each message */
	volatile uint32_t *entry; /* MSI-X table entry; NULL: MSI */
};

/* A pirq of a domain. pirq_lock; `irq`, `port` and `eoi_due` also under the irq's lock once bound. */
struct pirq {
	struct domain *domain;
	struct irq *irq;   /* NULL: not mapped */
	struct pirq *next; /* of those bound to irq */
	port_t port;       /* 0: not bound */
	bool shares;
	bool eoi_due; /* the guest was told and has not said EOI */
};

struct irq {
	/* pirq_lock and lock to change, either to read: */
	bool level, active_low;
	bool own;              /* ring 0's console */
	uint8_t vector;        /* 0: none, and a message's descriptor is free */
	uint16_t cpu, old_cpu; /* if they differ the vector on the old one is still ours */
	struct msi msi;
	struct pirq *bound; /* whom to tell */

	struct spinlock lock; /* RANK_IRQ */
	/* lock: */
	unsigned eois_due;
};

/* Guards the tables: descriptors in use, vectors, domains' pirqs. */
extern struct spinlock pirq_lock;

/* All under pirq_lock: */

/* The GSIs' descriptors and those for messages. */
extern struct irq irqs[IRQ_MAX];
#define for_each_msi_irq(irq) for (struct irq *irq = irqs + arch_gsi_count(); irq < irqs + IRQ_MAX; irq++)
/* Of one that is in use: */
static inline bool is_gsi(const struct irq *irq) { return !irq->msi.count; }
/* Find `count` free vectors (a power of two, aligned to it) on a CPU: the first, or 0. */
uint8_t vectors_find(unsigned cpu, unsigned count);
void vector_assign(struct irq *irq, unsigned cpu, uint8_t vector);
/* Give the irq a vector and program it, if it has none: on this CPU, or where there are none on CPU 0. 0, -ENOSPC. */
int vector_ensure(struct irq *irq, unsigned cpu);
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
void msi_enable(const struct msi *m, bool on);
