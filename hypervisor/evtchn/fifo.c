/* SPDX-License-Identifier: MIT */
/*
 * FIFO delivery. The guest gives pages for an array of event words, one per port, and for each vCPU
 * a control block with the heads of 16 queues. A queue is a singly linked list through the words:
 *
 *   PENDING  set by ring 0, cleared by the guest     MASKED  set by the guest
 *   LINKED   in a queue: set by ring 0, cleared by the guest when it takes the word off
 *   LINK     next port of the queue, 0 at the end    BUSY    ring 0 wants to write LINK: guest
 * waits
 *
 * Ring 0 remembers a queue's tail. A new port is hooked to the tail's word while that is still
 * LINKED; if it is not, the guest has emptied the queue and the port becomes the head.
 *
 * The words belong to a hostile guest. Ring 0 never follows a link, only writes; all exchanges are
 * bounded; a guest that spoils its words loses its own events.
 *
 * Life: the domain's FIFO struct comes with the first EVTCHNOP_init_control and goes, with all
 * references, when no port is open any more (reset, destruction). Whoever raises, unmasks or looks
 * holds a port open. A port whose word is LINKED for one queue must not end as the tail of another:
 * it is taken off the old queue's tail when it is linked elsewhere, under both queues' locks.
 */
#include "port.h"

#define PENDING   (1u << EVTCHN_FIFO_PENDING)
#define MASKED    (1u << EVTCHN_FIFO_MASKED)
#define LINKED    (1u << EVTCHN_FIFO_LINKED)
#define BUSY      (1u << EVTCHN_FIFO_BUSY)
#define LINK_MASK ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define ARRAY_PAGES    (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define LINK_TRIES     4

struct evtchn_fifo_vcpu {
	struct spinlock lock;                /* RANK_FIFO */
	maddr_t control;                     /* (atomic) the control block; 0: none yet */
	port_t tail[EVTCHN_FIFO_MAX_QUEUES]; /* (lock) */
};

struct evtchn_fifo_domain {
	uint32_t pages; /* (atomic) grows under the domain's lock */
	mfn_t page[ARRAY_PAGES];
	struct evtchn_fifo_vcpu vcpu[];
};

/* The event word of a port, to be closed with frame_unmap(); NULL if the array is too short. */
static event_word_t *word_map(const struct evtchn_fifo_domain *f, port_t port) {
	uint32_t pages = __atomic_load_n(&f->pages, __ATOMIC_ACQUIRE);
	uint32_t i = port / WORDS_PER_PAGE;

	if (unlikely(i >= pages)) return NULL;
	return (event_word_t *)frame_map(f->page[index_nospec(i, pages)]) + port % WORDS_PER_PAGE;
}

/* Hook `port` behind the word. False if that is in no queue, or the guest keeps changing it. */
static bool link_behind(event_word_t *w, port_t port) {
	event_word_t old = __atomic_load_n(w, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; old & LINKED && i < 2 * LINK_TRIES; i++) {
		if (__atomic_compare_exchange_n(w, &old, (old & ~(LINK_MASK | BUSY)) | port, false, __ATOMIC_SEQ_CST,
						__ATOMIC_ACQUIRE))
			return true;
		if (i == LINK_TRIES - 1) old = __atomic_or_fetch(w, BUSY, __ATOMIC_SEQ_CST);
	}
	if (old & BUSY) __atomic_fetch_and(w, ~BUSY, __ATOMIC_SEQ_CST);
	return false;
}

/* Append the port, whose word is w, to queue `prio` of q. True if the queue was empty. Lock held. */
static bool append(struct evtchn_fifo_domain *f, struct evtchn_fifo_vcpu *q, unsigned prio, port_t port) {
	port_t tail = q->tail[prio];
	event_word_t *w;
	bool linked = false;

	/* A tail that was not linked a moment ago has left the queue. */
	if (tail && (w = word_map(f, tail)) != NULL) {
		linked = link_behind(w, port);
		frame_unmap(w);
	}
	q->tail[prio] = port;
	return !linked;
}

/* Lock q and the queues the port was linked for last, which are returned. */
static struct evtchn_fifo_vcpu *lock_queues(struct evtchn_fifo_domain *f, struct evtchn *c,
					    struct evtchn_fifo_vcpu *q) {
	for (;;) {
		unsigned last = READ_ONCE(c->last_vcpu);

		spin_lock_both(&q->lock, &f->vcpu[last].lock);
		if (likely(c->last_vcpu == last)) return &f->vcpu[last];
		spin_unlock_both(&q->lock, &f->vcpu[last].lock);
	}
}

/* Tell the vCPU of the first port in a queue. Unlocks q. */
static void control_notify(struct vcpu *v, struct evtchn_fifo_vcpu *q, unsigned prio, port_t head) {
	char *page = frame_map(maddr_to_mfn(q->control));
	struct evtchn_fifo_control_block *b = (void *)(page + q->control.a % PAGE_SIZE);

	/* The head is there before the guest can see the queue ready. */
	WRITE_ONCE(b->head[prio], head);
	spin_unlock(&q->lock);
	if (!(__atomic_fetch_or(&b->ready, 1u << prio, __ATOMIC_SEQ_CST) & 1u << prio)) vcpu_mark_events_pending(v);
	frame_unmap(page);
}

/* The port is pending, unmasked and was not linked: put it in the queue of its vCPU and priority. */
static void fifo_link(struct domain *d, struct evtchn *c, port_t port, event_word_t *w) {
	unsigned vcpu = READ_ONCE(c->vcpu), prio = READ_ONCE(c->priority);
	struct evtchn_fifo_domain *f = d->evtchn.fifo;
	struct evtchn_fifo_vcpu *q = &f->vcpu[vcpu], *old;
	event_word_t was;
	bool empty = false;

	if (unlikely(!READ_ONCE(q->control.a))) return; /* stays pending until unmasked */
	old = lock_queues(f, c, q);
	was = __atomic_fetch_or(w, LINKED, __ATOMIC_SEQ_CST);
	if (!(was & LINKED)) {
		if (was & LINK_MASK) __atomic_fetch_and(w, ~LINK_MASK, __ATOMIC_SEQ_CST);
		/* It has left the queue of last time. */
		if (old->tail[c->last_priority] == port) old->tail[c->last_priority] = 0;
		c->last_vcpu = (uint16_t)vcpu;
		c->last_priority = (uint8_t)prio;
		empty = append(f, q, prio, port);
	}
	if (old != q) spin_unlock(&old->lock);
	if (empty)
		control_notify(d->vcpu[vcpu], q, prio, port);
	else
		spin_unlock(&q->lock);
}

/* Set and clear bits of the port's word, and deliver the port if that makes it due. False: the array is
 * too short. */
static bool word_change(struct domain *d, struct evtchn *c, port_t port, event_word_t set, event_word_t clear) {
	event_word_t *w = word_map(d->evtchn.fifo, port), now;

	if (unlikely(!w)) return false;
	/* The guest clears LINKED before it looks at PENDING: one of us sees the other. */
	now = set ? __atomic_or_fetch(w, set, __ATOMIC_SEQ_CST) : __atomic_and_fetch(w, ~clear, __ATOMIC_SEQ_CST);
	if ((now & (PENDING | MASKED | LINKED)) == PENDING) fifo_link(d, c, port, w);
	frame_unmap(w);
	return true;
}

void fifo_raise(struct domain *d, struct evtchn *c, port_t port) {
	if (likely(word_change(d, c, port, PENDING, 0))) return;
	/* Noted for expand_array; which publishes the page before it looks at the note. */
	__atomic_store_n(&c->pending, 1, __ATOMIC_SEQ_CST);
	if (port / WORDS_PER_PAGE < __atomic_load_n(&d->evtchn.fifo->pages, __ATOMIC_ACQUIRE) &&
	    __atomic_exchange_n(&c->pending, 0, __ATOMIC_SEQ_CST))
		(void)word_change(d, c, port, PENDING, 0);
}

void fifo_unmask(struct domain *d, struct evtchn *c, port_t port) { (void)word_change(d, c, port, 0, MASKED); }

void fifo_clear(struct domain *d, struct evtchn *c, port_t port) {
	__atomic_store_n(&c->pending, 0, __ATOMIC_SEQ_CST);
	(void)word_change(d, c, port, 0, PENDING);
}

static bool word_has(struct domain *d, port_t port, event_word_t bits) {
	event_word_t *w = word_map(d->evtchn.fifo, port);
	bool has;

	if (!w) return false;
	has = READ_ONCE(*w) & bits;
	frame_unmap(w);
	return has;
}

bool fifo_pending(struct domain *d, const struct evtchn *c, port_t port) {
	return READ_ONCE(c->pending) || word_has(d, port, PENDING);
}

bool fifo_linked(struct domain *d, port_t port) { return d->evtchn.fifo && word_has(d, port, LINKED); }

/* -- set-up: frames are taken and given back without the domain's lock, which ranks above theirs -- */

/*
 * Ports that are pending in the 2-level format become so again when their page comes. The new format
 * is published already: once a port's lock is had that its senders hold, nobody raises it in the old
 * one any more.
 */
static void carry_pending(struct domain *d) {
	uint32_t n = MIN(d->evtchn.valid_ports, (uint32_t)EVTCHN_2L_NR_CHANNELS);

	for (port_t p = 1; p < n; p++) {
		struct evtchn *c = port_find(d, p);
		struct evtchn *sender = c->state == EVTCHNSTAT_interdomain ? port_peer(c) : c;
		SPIN_GUARD(&sender->lock);

		if (twolevel_clear(d, p) && port_is_open(c)) c->pending = 1;
	}
}

/* Switch to FIFO if that has not been done. Domain's lock held. */
static int fifo_begin(struct domain *d) {
	struct evtchn_fifo_domain *f;

	if (d->evtchn.fifo) return 0;
	f = heap_alloc(sizeof(*f) + d->max_vcpus * sizeof(f->vcpu[0]));
	if (!f) return -ENOMEM;
	for (unsigned i = 0; i < d->max_vcpus; i++) spin_init(&f->vcpu[i].lock, RANK_FIFO);
	__atomic_store_n(&d->evtchn.fifo, f, __ATOMIC_SEQ_CST);
	carry_pending(d);
	return 0;
}

static int control_install(struct domain *d, unsigned vcpu, maddr_t control) {
	maddr_t *at;
	SPIN_GUARD(&d->evtchn.lock);

	if (d->state >= DOM_DYING) return -EINVAL;
	if (fifo_begin(d)) return -ENOMEM;
	at = &d->evtchn.fifo->vcpu[vcpu].control;
	if (at->a) return -EINVAL;
	WRITE_ONCE(at->a, control.a);
	return 0;
}

int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *c) {
	struct vcpu *v = domain_vcpu(d, c->vcpu);
	mfn_t frame = mfn(c->control_gfn);
	int err;

	if (!v) return -ENOENT;
	if (c->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || c->offset % 8) return -EINVAL;
	if (frame_get_as(frame, d, FT_WRITABLE)) return -EINVAL;
	err = control_install(d, v->id, maddr(mfn_to_maddr(frame).a + c->offset));
	if (err) frame_put_as(frame);
	c->link_bits = EVTCHN_FIFO_LINK_BITS;
	return err;
}

/* Raise the ports of a new page that were raised before it came. */
static void raise_noted(struct domain *d, uint32_t page) {
	for (port_t p = page * WORDS_PER_PAGE; p < (page + 1) * WORDS_PER_PAGE; p++) {
		struct evtchn *c = port_find(d, p);

		if (!c) return;
		if (!READ_ONCE(c->pending)) continue;
		spin_lock(&c->lock);
		if (__atomic_exchange_n(&c->pending, 0, __ATOMIC_SEQ_CST) && port_is_open(c)) port_raise(d, c, p);
		spin_unlock(&c->lock);
	}
}

static int array_append(struct domain *d, mfn_t page) {
	struct evtchn_fifo_domain *f;
	SPIN_GUARD(&d->evtchn.lock);

	f = d->evtchn.fifo;
	if (!f) return -EOPNOTSUPP;
	if (d->state >= DOM_DYING) return -EINVAL;
	if (f->pages > d->evtchn.max_port / WORDS_PER_PAGE) return -ENOSPC;
	/* there is room: max_port < EVTCHN_FIFO_NR_CHANNELS */
	f->page[f->pages] = page;
	__atomic_store_n(&f->pages, f->pages + 1, __ATOMIC_SEQ_CST);
	raise_noted(d, f->pages - 1);
	return 0;
}

int evtchn_fifo_expand_array(struct domain *d, mfn_t page) {
	int err;

	if (frame_get_as(page, d, FT_WRITABLE)) return d->evtchn.fifo ? -EINVAL : -EOPNOTSUPP;
	err = array_append(d, page);
	if (err) frame_put_as(page);
	return err;
}

int evtchn_set_priority(struct domain *d, port_t port, unsigned priority) {
	PORT_GUARD(c, d, port);

	if (priority > EVTCHN_FIFO_PRIORITY_MIN || !c) return -EINVAL;
	if (!d->evtchn.fifo) return -ENOSYS; /* an open port keeps the FIFO state */
	c->priority = (uint8_t)priority;
	return 0;
}

void fifo_free(struct domain *d, struct evtchn_fifo_domain *f) {
	for (unsigned i = 0; i < d->max_vcpus; i++)
		if (f->vcpu[i].control.a) frame_put_as(maddr_to_mfn(f->vcpu[i].control));
	for (uint32_t i = 0; i < f->pages; i++) frame_put_as(f->page[i]);
	heap_free(f);
}
