/* SPDX-License-Identifier: MIT */
/*
 * Interrupt descriptors and vectors.
 *
 * An irq is a GSI (descriptor number = GSI) or a message of a device (numbers above the GSIs).
 * From its first use it owns one vector number on one CPU, a message until it is unmapped, a GSI for
 * good: the end of an interrupt that is still on its way reaches a level-triggered line by its vector.
 * Edge-triggered irqs and messages are acknowledged at once. Level-triggered ones are masked at the IO-APIC when they
 * strike, so that the acknowledged line does not strike again, and unmasked when every domain that was told has said
 * EOI.
 *
 * An irq moves between CPUs only to the same vector number: a message's address then changes by one
 * 32-bit write, which cannot be seen half done. The vector on the old CPU stays reserved until the
 * irq has struck on the new one, since an interrupt may be on its way there. An edge-triggered line
 * stays where it is: its pin is masked while it is moved, and forgets edges then.
 *
 * Locking: configuration holds pirq_lock (and takes the irq's lock to change it); an interrupt
 * finds its irq without lock, from a table whose entries are single words, and takes the irq's lock
 * only, also while it raises events: a bound pirq's domain stays. The worst a stale entry does is to
 * raise an event too many.
 */
#include "irq_private.h"

#include "console.h"
#include "frame.h"

struct spinlock pirq_lock = SPINLOCK_INIT(RANK_PIRQ);

/* pirq_lock to write: */
struct irq irqs[IRQ_MAX];
static uint16_t vector_table[MAX_CPUS][VECTOR_LAST + 1]; /* irq number + 1, 0: free */

void irq_init(void) {
	CHECK(arch_gsi_count() < IRQ_MAX / 2);
	memset(vector_table, 0, sizeof(vector_table));
	for (unsigned i = 0; i < IRQ_MAX; i++) irqs[i] = (struct irq){ .lock = SPINLOCK_INIT(RANK_IRQ) };
}

/* A GSI's descriptor has its number. */
static unsigned number_of(const struct irq *irq) { return (unsigned)(irq - irqs); }

/* -- vectors -- */

/* int 0x80 and the 32-bit hypercall's vector are guests' to use. */
static bool vector_free(unsigned cpu, unsigned v) { return !vector_table[cpu][v] && (v < 0x80 || v > 0x82); }

uint8_t vectors_find(unsigned cpu, unsigned count) {
	unsigned first = ROUND_UP(VECTOR_FIRST, count), n;

	for (; first + count - 1 <= VECTOR_LAST; first += count) {
		for (n = 0; n < count && vector_free(cpu, first + n);) n++;
		if (n == count) return (uint8_t)first;
	}
	return 0;
}

static void table_set(unsigned cpu, uint8_t vector, uint16_t value) {
	__atomic_store_n(&vector_table[cpu][vector], value, __ATOMIC_RELEASE);
}

void vector_assign(struct irq *irq, unsigned cpu, uint8_t vector) {
	SPIN_GUARD(&irq->lock);

	irq->cpu = irq->old_cpu = (uint16_t)cpu;
	irq->vector = vector;
	table_set(cpu, vector, (uint16_t)(number_of(irq) + 1));
}

int vector_ensure(struct irq *irq, unsigned cpu) {
	uint8_t vector = irq->vector ?: vectors_find(cpu, 1);

	if (!vector) vector = vectors_find(cpu = 0, 1);
	if (!vector) return -ENOSPC;
	if (!irq->vector) vector_assign(irq, cpu, vector);
	if (!irq->bound) irq_program(irq); /* it may have another trigger than when it was bound last */
	return 0;
}

void vector_release(struct irq *irq) {
	SPIN_GUARD(&irq->lock);

	table_set(irq->cpu, irq->vector, 0);
	table_set(irq->old_cpu, irq->vector, 0);
	irq->vector = 0;
	irq->old_cpu = irq->cpu;
}

void irq_program(const struct irq *irq) {
	if (is_gsi(irq))
		arch_gsi_program(number_of(irq), irq->level, irq->active_low, irq->vector, irq->cpu);
	else
		msi_program(&irq->msi, irq->cpu, irq->vector);
}

void irq_mask(const struct irq *irq, bool masked) {
	if (is_gsi(irq))
		arch_gsi_mask(number_of(irq), masked);
	else
		msi_mask(&irq->msi, masked);
}

void irq_move(struct irq *irq, unsigned cpu) {
	if (!irq->vector || irq->cpu == cpu || irq->old_cpu != irq->cpu || irq->own || irq->msi.count > 1 ||
	    (is_gsi(irq) && !irq->level) || vector_table[cpu][irq->vector])
		return;
	spin_lock(&irq->lock);
	irq->cpu = (uint16_t)cpu;
	table_set(cpu, irq->vector, (uint16_t)(number_of(irq) + 1));
	irq_program(irq);
	/* a level-triggered irq whose EOI is due stays masked until then */
	if (irq->bound && !irq->eois_due) irq_mask(irq, false);
	spin_unlock(&irq->lock);
}

/* The first interrupt on the new CPU: none can come on the old one any more. */
static void move_finish(struct irq *irq) {
	if (irq->old_cpu == irq->cpu || cpu_id() != irq->cpu) return;
	table_set(irq->old_cpu, irq->vector, 0);
	irq->old_cpu = irq->cpu;
}

/* -- an interrupt -- */

static void irq_strike(struct irq *irq) {
	SPIN_GUARD(&irq->lock);

	move_finish(irq);
	if (irq->level && !irq->own) irq_mask(irq, true);
	arch_irq_ack();
	for (struct pirq *p = irq->bound; p; p = p->next) {
		irq->eois_due += irq->level && !p->eoi_due;
		p->eoi_due = irq->level;
		evtchn_raise_pirq(p->domain, p->port);
	}
}

void irq_interrupt(uint8_t vector) {
	uint16_t entry = __atomic_load_n(&vector_table[cpu_id()][vector], __ATOMIC_ACQUIRE);

	if (!entry) {
		arch_irq_ack();
		return;
	}
	if (irqs[entry - 1].own) uart_interrupt();
	irq_strike(&irqs[entry - 1]);
}

/* -- GSIs -- */

int irq_gsi_setup(unsigned gsi, bool level, bool active_low) {
	SPIN_GUARD(&pirq_lock);
	struct irq *irq;

	if (gsi >= arch_gsi_count()) return -EINVAL;
	irq = &irqs[gsi];
	if (irq->own) return 0; /* wired already; nobody else gets to bind it */
	if (irq->bound) return irq->level == level && irq->active_low == active_low ? 0 : -EBUSY;
	spin_lock(&irq->lock);
	irq->level = level;
	irq->active_low = active_low;
	spin_unlock(&irq->lock);
	return 0;
}

int irq_own_gsi(unsigned gsi, bool level, bool active_low) {
	int ret = irq_gsi_setup(gsi, level, active_low);
	SPIN_GUARD(&pirq_lock);

	if (!ret) ret = irqs[gsi].own ? -EBUSY : vector_ensure(&irqs[gsi], 0);
	if (ret) return ret;
	irqs[gsi].own = true;
	permit_reserve(PERMIT_GSI, gsi, 1);
	irq_mask(&irqs[gsi], false);
	return 0;
}

int irq_msi_restore(sbdf_t dev) {
	SPIN_GUARD(&pirq_lock);
	int ret = -ESRCH;

	for_each_msi_irq (irq) {
		if (!irq->vector || irq->msi.dev.n != dev.n) continue;
		irq_program(irq);
		irq_mask(irq, !irq->bound);
		msi_enable(&irq->msi, true);
		ret = 0;
	}
	return ret;
}
