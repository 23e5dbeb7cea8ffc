/* SPDX-License-Identifier: MIT */
/*
 * A domain's physical interrupts. A pirq is a number in the domain's table; mapping ties it to an
 * irq descriptor, binding (EVTCHNOP_bind_pirq) to an event channel. GSIs have the pirq of the same
 * number in the privileged domain, which has them mapped for good; messages get numbers above the GSIs.
 *
 *	free --map--> mapped --bind--> bound --unbind--> mapped --unmap--> free
 *
 * A GSI gets its vector when it is first bound; a message has one while it is mapped, since the device
 * must have something to send.
 */
#include "irq_private.h"

#include "frame.h"

#define PIRQS_MSI 512 /* above the GSIs */

static unsigned pirq_count(void) { return arch_gsi_count() + PIRQS_MSI; }

static int table_ensure(struct domain *d) {
	struct pirq *t;

	if (d->pirqs) return 0;
	/* destruction sets the state, then takes the table away under pirq_lock */
	if (READ_ONCE(d->state) >= DOM_DYING) return -EINVAL;
	t = heap_alloc(pirq_count() * sizeof(*t));
	if (!t) return -ENOMEM;
	for (unsigned i = 0; i < pirq_count(); i++) {
		t[i].domain = d;
		if (d->privileged && i < arch_gsi_count()) t[i].irq = &irqs[i];
	}
	d->pirqs = t;
	return 0;
}

static struct pirq *pirq_of(struct domain *d, unsigned pirq) {
	return d->pirqs && pirq < pirq_count() ? &d->pirqs[index_nospec(pirq, pirq_count())] : NULL;
}

/* -- mapping -- */

/* First of `count` unused numbers: `at`, or if that is negative any above the GSIs. -EBUSY, -ENOSPC. */
static int free_run(const struct pirq *t, int at, unsigned count) {
	unsigned first = at < 0 ? arch_gsi_count() : (unsigned)at, n;

	for (; first + count <= pirq_count(); first++) {
		for (n = 0; n < count && !t[first + n].irq;) n++;
		if (n == count) return (int)first;
		if (at >= 0) break;
	}
	return at < 0 ? -ENOSPC : -EBUSY;
}

int pirq_find_free(struct domain *d, int *pirq) {
	SPIN_GUARD(&pirq_lock);
	int ret = table_ensure(d);

	if (!ret) *pirq = ret = free_run(d->pirqs, -1, 1);
	return MIN(ret, 0);
}

/* The domain's pirq for an irq it has mapped, or NULL. */
static struct pirq *mapping_of(struct domain *d, const struct irq *irq) {
	for (unsigned i = 0; i < pirq_count(); i++)
		if (d->pirqs[i].irq == irq) return &d->pirqs[i];
	return NULL;
}

int pirq_map_gsi(struct domain *d, unsigned gsi, int *pirq) {
	/* Who may use it may give it. The privileged domain has even the console's, which it finds busy when it
	 * binds it. */
	bool may = d->privileged || permitted(current->domain, PERMIT_GSI, gsi, 1);
	SPIN_GUARD(&pirq_lock);
	int ret, number = *pirq < 0 ? (int)gsi : *pirq;
	struct pirq *p;

	if (gsi >= arch_gsi_count()) return -EINVAL;
	ret = table_ensure(d);
	if (ret) return ret;
	if (!may) return -EPERM;
	p = mapping_of(d, &irqs[gsi]);
	if (p && *pirq >= 0 && p != pirq_of(d, (unsigned)number)) return -EEXIST;
	if (!p) {
		p = pirq_of(d, (unsigned)number);
		if (!p) return -EINVAL;
		if (p->irq) return -EBUSY;
		p->irq = &irqs[gsi];
	}
	*pirq = (int)(p - d->pirqs);
	return 0;
}

static struct irq *irq_find_free(void) {
	for_each_msi_irq (irq)
		if (!irq->vector) return irq;
	return NULL;
}

static void unmap_message(struct pirq *p) {
	irq_mask(p->irq, true);
	vector_release(p->irq);
	p->irq = NULL;
}

/* Give each message of a block its descriptor and vector; p is the first one's pirq. */
static int map_block(struct pirq *p, const struct msi *m, uint8_t vector) {
	for (unsigned i = 0; i < m->count; i++) {
		struct irq *irq = p[i].irq = irq_find_free();

		if (!irq) {
			while (i--) unmap_message(&p[i]);
			return -ENOSPC;
		}
		irq->msi = *m;
		irq->msi.index = (uint16_t)(m->index + i);
		vector_assign(irq, 0, (uint8_t)(vector + i));
	}
	irq_program(p->irq);
	for (unsigned i = 0; i < m->count; i++) irq_mask(p[i].irq, true);
	return 0;
}

/* A device's message may have one owner only; asking again for what one has is an error too. */
static bool message_in_use(const struct msi_request *req) {
	for_each_msi_irq (irq) {
		if (!irq->vector || irq->msi.dev.n != req->dev.n) continue;
		if (!irq->msi.entry || !req->msix || irq->msi.index == req->index) return true;
	}
	return false;
}

int pirq_map_msi(struct domain *d, const struct msi_request *req, int *pirq) {
	SPIN_GUARD(&pirq_lock);
	struct msi m;
	uint8_t vector;
	int ret, first;

	if (!req->count || req->count > 32) return -EINVAL;
	if (message_in_use(req)) return -EEXIST;
	ret = table_ensure(d) ?: msi_setup(&m, req);
	if (ret) return ret;
	first = free_run(d->pirqs, *pirq, m.count);
	if (first < 0) return first;
	vector = vectors_find(0, m.count);
	if (!vector) return -ENOSPC;
	ret = map_block(&d->pirqs[first], &m, vector);
	if (ret) return ret;
	msi_enable(&m, true);
	*pirq = first;
	return 0;
}

/* -- binding -- */

static int bind_check(const struct irq *irq, bool will_share) {
	if (irq->own) return -EBUSY;
	for (const struct pirq *p = irq->bound; p; p = p->next)
		if (!will_share || !p->shares) return -EBUSY;
	return 0;
}

static void bind_apply(struct pirq *p, port_t port, bool will_share) {
	struct irq *irq = p->irq;
	SPIN_GUARD(&irq->lock);

	p->port = port;
	p->shares = will_share;
	p->eoi_due = false;
	p->next = irq->bound;
	irq->bound = p;
	if (!irq->eois_due) irq_mask(irq, false);
}

int pirq_bind(struct vcpu *v, unsigned pirq, port_t port, bool will_share) {
	SPIN_GUARD(&pirq_lock);
	struct pirq *p = pirq_of(v->domain, pirq);
	int ret;

	if (!p || !p->irq) return v->domain->privileged || pirq >= pirq_count() ? -EINVAL : -EPERM;
	if (p->port) return -EEXIST;
	ret = bind_check(p->irq, will_share) ?: vector_ensure(p->irq, v->processor);
	if (!ret) bind_apply(p, port, will_share);
	return ret;
}

/* The domain's share of a level-triggered interrupt is done. Under the irq's lock. */
static void eoi_one(struct pirq *p) {
	struct irq *irq = p->irq;

	if (!p->eoi_due) return;
	p->eoi_due = false;
	if (--irq->eois_due == 0 && irq->bound) irq_mask(irq, false);
}

static void unbind(struct pirq *p) {
	struct irq *irq = p->irq;
	struct pirq **at = &irq->bound;

	if (!p->port) return;
	spin_lock(&irq->lock);
	while (*at != p) at = &(*at)->next;
	*at = p->next;
	p->port = 0;
	eoi_one(p);
	if (!irq->bound) irq_mask(irq, true);
	spin_unlock(&irq->lock);
}

void pirq_unbind(struct domain *d, unsigned pirq, port_t port) {
	SPIN_GUARD(&pirq_lock);
	struct pirq *p = pirq_of(d, pirq);

	if (p && p->port == port) unbind(p);
}

/* All messages of the block that p begins (a block has consecutive pirqs). */
static void unmap(struct pirq *p) {
	const struct pirq *end = p->domain->pirqs + pirq_count();
	struct msi m = p->irq->msi;

	unbind(p);
	if (is_gsi(p->irq)) {
		if (!p->domain->privileged) p->irq = NULL;
		return;
	}
	unmap_message(p);
	if (m.entry) return;
	for (p++; p < end && p->irq && !is_gsi(p->irq) && p->irq->msi.dev.n == m.dev.n; p++) {
		unbind(p);
		unmap_message(p);
	}
	msi_enable(&m, false);
}

int pirq_unmap(struct domain *d, unsigned pirq) {
	SPIN_GUARD(&pirq_lock);
	struct pirq *p = pirq_of(d, pirq);

	if (!p || !p->irq || (!p->irq->msi.entry && p->irq->msi.index)) return -EINVAL;
	unmap(p);
	return 0;
}

int irq_domain_destroy(struct domain *d) {
	SPIN_GUARD(&pirq_lock);

	for (unsigned i = 0; d->pirqs && i < pirq_count(); i++)
		if (d->pirqs[i].irq) unmap(&d->pirqs[i]);
	heap_free(d->pirqs);
	d->pirqs = NULL;
	return 0;
}

/* -- running -- */

void pirq_set_affinity(struct domain *d, unsigned pirq, struct vcpu *v) {
	SPIN_GUARD(&pirq_lock);
	struct pirq *p = pirq_of(d, pirq);

	if (p && p->port) irq_move(p->irq, v->processor);
}

int pirq_eoi(struct domain *d, unsigned pirq) {
	SPIN_GUARD(&pirq_lock);
	struct pirq *p = pirq_of(d, pirq);

	if (!p || !p->irq) return -EINVAL;
	spin_lock(&p->irq->lock);
	eoi_one(p);
	spin_unlock(&p->irq->lock);
	return 0;
}

int pirq_status(struct domain *d, unsigned pirq, bool *needs_eoi, bool *shared) {
	SPIN_GUARD(&pirq_lock);
	const struct pirq *p = pirq_of(d, pirq);

	if (!p || !p->irq) return -EINVAL;
	*needs_eoi = p->irq->level;
	*shared = p->irq->bound && p->irq->bound->next;
	return 0;
}
