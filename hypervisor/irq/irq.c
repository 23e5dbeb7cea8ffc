/* SPDX-License-Identifier: MIT */
/*
 * Interrupt descriptors and vectors.
 *
 * An irq is a GSI (descriptor number = GSI) or a message of a device (numbers above the GSIs).
 * While it is bound it owns one vector number on one CPU. Edge-triggered irqs and messages are
 * acknowledged at once. Level-triggered ones are masked at the IO-APIC when they strike, so that
 * the acknowledged line does not strike again, and unmasked when every domain that was told has
 * said EOI.
 *
 * An irq moves between CPUs only to the same vector number: a message's address then changes by one
 * 32-bit write, which cannot be seen half done. The vector on the old CPU stays reserved until the
 * irq has struck on the new one, since an interrupt may be on its way there.
 *
 * Locking: configuration holds pirq_lock (and takes the irq's lock to change it); an interrupt
 * finds its irq without lock, from a table whose entries are single words, and takes the irq's lock
 * only. Descriptors are never freed, so the worst a stale entry does is to raise an event too many.
 */
#include "irq_private.h"

#include "console.h"
#include "frame.h"

struct spinlock pirq_lock = SPINLOCK_INIT(RANK_PIRQ);

/* pirq_lock to write: */
static struct irq *irqs[IRQ_MAX];
static uint16_t vector_table[MAX_CPUS][VECTOR_LAST + 1]; /* irq number + 1, RESERVED, 0: free */
#define VECTOR_RESERVED 0xffff

void irq_init(void) { CHECK(arch_gsi_count() < IRQ_MAX / 2); }

struct irq *irq_at(unsigned index) {
	return index < IRQ_MAX ? irqs[index] : NULL;
}

static struct irq *irq_create(unsigned index) {
	struct irq *irq = heap_alloc(sizeof(*irq));

	if (!irq) return NULL;
	irq->index = (uint16_t)index;
	irq->old_cpu = -1;
	spin_init(&irq->lock, RANK_IRQ);
	irqs[index] = irq;
	return irq;
}

struct irq *irq_of_gsi(unsigned gsi) {
	struct irq *irq;

	if (gsi >= arch_gsi_count()) return NULL;
	irq = irqs[gsi] ? irqs[gsi] : irq_create(gsi);
	if (irq) irq->kind = IRQ_GSI;
	return irq;
}

struct irq *irq_take_free(void) {
	for (unsigned i = arch_gsi_count(); i < IRQ_MAX; i++)
		if (!irqs[i])
			return irq_create(i);
		else if (irqs[i]->kind == IRQ_FREE)
			return irqs[i];
	return NULL;
}

/* -- vectors -- */

static bool vectors_free(unsigned cpu, unsigned first, unsigned count) {
	for (unsigned i = 0; i < count; i++)
		if (vector_table[cpu][first + i]) return false;
	return true;
}

/* int 0x80 and the 32-bit hypercall's vector are guests' to use. */
static bool vectors_usable(unsigned first, unsigned count) {
	return first + count - 1 <= VECTOR_LAST && (first + count <= 0x80 || first > 0x82);
}

uint8_t vectors_reserve(unsigned cpu, unsigned count) {
	for (unsigned v = VECTOR_FIRST; v <= VECTOR_LAST; v += count) {
		if (!vectors_usable(v, count) || !vectors_free(cpu, v, count)) continue;
		for (unsigned i = 0; i < count; i++) vector_table[cpu][v + i] = VECTOR_RESERVED;
		return (uint8_t)v;
	}
	return 0;
}

void vectors_unreserve(unsigned cpu, uint8_t first, unsigned count) {
	for (unsigned i = 0; i < count; i++)
		if (vector_table[cpu][first + i] == VECTOR_RESERVED) vector_table[cpu][first + i] = 0;
}

static void table_set(unsigned cpu, uint8_t vector, uint16_t value) {
	__atomic_store_n(&vector_table[cpu][vector], value, __ATOMIC_RELEASE);
}

void vector_assign(struct irq *irq, unsigned cpu, uint8_t vector) {
	spin_lock(&irq->lock);
	irq->cpu = (uint16_t)cpu;
	irq->vector = vector;
	table_set(cpu, vector, (uint16_t)(irq->index + 1));
	spin_unlock(&irq->lock);
}

void vector_release(struct irq *irq) {
	spin_lock(&irq->lock);
	if (irq->vector) {
		table_set(irq->cpu, irq->vector, 0);
		if (irq->old_cpu >= 0) table_set((unsigned)irq->old_cpu, irq->vector, 0);
	}
	irq->vector = 0;
	irq->old_cpu = -1;
	spin_unlock(&irq->lock);
}

void irq_program(const struct irq *irq) {
	if (irq->kind == IRQ_GSI)
		arch_gsi_program(irq->index, irq->level, irq->active_low, irq->vector, irq->cpu);
	else
		msi_program(&irq->msi, irq->cpu, irq->vector);
}

void irq_mask(const struct irq *irq, bool masked) {
	if (irq->kind == IRQ_GSI)
		arch_gsi_mask(irq->index, masked);
	else
		msi_mask(&irq->msi, masked);
}

void irq_move(struct irq *irq, unsigned cpu) {
	if (!irq->vector || irq->cpu == cpu || irq->old_cpu >= 0 || irq->own ||
	    (irq->kind == IRQ_MSI && irq->msi.count > 1) || vector_table[cpu][irq->vector])
		return;
	spin_lock(&irq->lock);
	irq->old_cpu = irq->cpu;
	irq->cpu = (uint16_t)cpu;
	table_set(cpu, irq->vector, (uint16_t)(irq->index + 1));
	irq_program(irq);
	/* a level-triggered irq whose EOI is due stays masked until then */
	if (irq->bound_count && !irq->eois_due) irq_mask(irq, false);
	spin_unlock(&irq->lock);
}

/* The first interrupt on the new CPU: none can come on the old one any more. */
static void move_finish(struct irq *irq) {
	if (irq->old_cpu < 0 || cpu_id() != irq->cpu) return;
	table_set((unsigned)irq->old_cpu, irq->vector, 0);
	irq->old_cpu = -1;
}

/* -- an interrupt -- */

/* A domain to tell, held by a reference since the irq's lock is dropped before. */
struct target {
	struct domain *domain;
	port_t port;
};

static unsigned targets_collect(struct irq *irq, struct target *t) {
	for (unsigned i = 0; i < irq->bound_count; i++) {
		struct pirq *p = irq->bound[i];

		t[i] = (struct target){ p->domain, p->port };
		domain_get(p->domain);
		if (irq->kind == IRQ_GSI && irq->level && !p->eoi_due) {
			p->eoi_due = true;
			irq->eois_due++;
		}
	}
	return irq->bound_count;
}

static void irq_strike(struct irq *irq) {
	struct target target[IRQ_SHARERS_MAX];
	unsigned n;

	spin_lock(&irq->lock);
	move_finish(irq);
	if (irq->kind == IRQ_GSI && irq->level && !irq->own) arch_gsi_mask(irq->index, true);
	arch_irq_ack();
	n = targets_collect(irq, target);
	spin_unlock(&irq->lock);
	/* after the lock: raising an event takes the domain's event lock, which ranks below */
	for (unsigned i = 0; i < n; i++) {
		evtchn_raise_pirq(target[i].domain, target[i].port);
		domain_put(target[i].domain);
	}
}

void irq_interrupt(uint8_t vector) {
	uint16_t entry = __atomic_load_n(&vector_table[cpu_id()][vector], __ATOMIC_ACQUIRE);
	struct irq *irq = entry && entry != VECTOR_RESERVED ? irqs[entry - 1] : NULL;

	if (!irq) {
		arch_irq_ack();
		return;
	}
	if (irq->own) uart_interrupt();
	irq_strike(irq);
}

/* -- GSIs -- */

static int gsi_setup(unsigned gsi, bool level, bool active_low) {
	struct irq *irq = irq_of_gsi(gsi);

	if (!irq) return gsi < arch_gsi_count() ? -ENOMEM : -EINVAL;
	if (irq->own) return 0; /* wired already; nobody else gets to bind it */
	if (irq->bound_count) return irq->level == level && irq->active_low == active_low ? 0 : -EBUSY;
	spin_lock(&irq->lock);
	irq->level = level;
	irq->active_low = active_low;
	spin_unlock(&irq->lock);
	return 0;
}

int irq_gsi_setup(unsigned gsi, bool level, bool active_low) {
	SPIN_GUARD(&pirq_lock);

	return gsi_setup(gsi, level, active_low);
}

int irq_own_gsi(unsigned gsi, bool level, bool active_low) {
	SPIN_GUARD(&pirq_lock);
	int ret = gsi_setup(gsi, level, active_low);
	struct irq *irq = irq_of_gsi(gsi);
	uint8_t vector;

	if (ret) return ret;
	if (irq->own) return -EBUSY;
	vector = vectors_reserve(0, 1);
	if (!vector) return -ENOSPC;
	irq->own = true;
	vector_assign(irq, 0, vector);
	irq_program(irq);
	irq_mask(irq, false);
	return 0;
}

bool irq_gsi_is_grantable(unsigned gsi) { return gsi < arch_gsi_count() && !(irqs[gsi] && irqs[gsi]->own); }

int irq_msi_restore(sbdf_t dev) {
	SPIN_GUARD(&pirq_lock);
	int ret = -ESRCH;

	for (unsigned i = arch_gsi_count(); i < IRQ_MAX; i++) {
		struct irq *irq = irqs[i];

		if (!irq || irq->kind < IRQ_MSI || irq->msi.dev.n != dev.n) continue;
		msi_program(&irq->msi, irq->cpu, irq->vector);
		msi_mask(&irq->msi, !irq->bound_count);
		msi_enable(&irq->msi, irq->kind == IRQ_MSIX, true);
		ret = 0;
	}
	return ret;
}
