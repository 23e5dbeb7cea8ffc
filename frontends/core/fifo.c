/* SPDX-License-Identifier: MIT */
/*
 * The consumer's side of FIFO event queues. The hypervisor links events at a queue's tail; the
 * guest unlinks at its head: it clears LINKED and the link in one step, and only then may the event
 * be linked again. When the link was zero the queue is empty; the next event makes the hypervisor
 * write the head in the control block and set the ready bit.
 */
#include <kit/fifo.h>
#include <kit/pt.h>

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define MAX_PAGES      (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)

static event_word_t *pages[MAX_PAGES];
static unsigned int page_count;
static struct evtchn_fifo_control_block *control[KIT_MAX_VCPUS];
static uint32_t heads[KIT_MAX_VCPUS][EVTCHN_FIFO_MAX_QUEUES];
static void (*on_event)(unsigned int port, unsigned int queue);

volatile event_word_t *kit_fifo_word(unsigned int port) { return &pages[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE]; }

bool kit_fifo_test(unsigned int port, unsigned int bit) { return *kit_fifo_word(port) >> bit & 1; }

static event_word_t change(unsigned int port, event_word_t clear, event_word_t set) {
	volatile event_word_t *word = kit_fifo_word(port);
	event_word_t old = *word, seen;

	while ((seen = __sync_val_compare_and_swap(word, old, (old & ~clear) | set)) != old) old = seen;
	return old;
}

void kit_fifo_mask(unsigned int port) { change(port, 0, 1U << EVTCHN_FIFO_MASKED); }

void kit_fifo_unmask(unsigned int port) {
	struct evtchn_unmask unmask = { .port = port };
	event_word_t old = change(port, 1U << EVTCHN_FIFO_MASKED, 0);

	if (old >> EVTCHN_FIFO_PENDING & 1) hv_event_channel_op(EVTCHNOP_unmask, &unmask);
}

static uint32_t take_ready(struct evtchn_fifo_control_block *block) {
	return __atomic_exchange_n(&block->ready, 0, __ATOMIC_ACQ_REL);
}

/* Takes one event off a queue; false when that was its last. */
static bool consume(unsigned int vcpu, unsigned int queue) {
	uint32_t *head = &heads[vcpu][queue];
	unsigned int port = *head ? *head : control[vcpu]->head[queue];
	event_word_t old = change(port, 1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK, 0);

	*head = old & EVTCHN_FIFO_LINK_MASK;
	if (old >> EVTCHN_FIFO_PENDING & 1 && !(old >> EVTCHN_FIFO_MASKED & 1)) {
		change(port, 1U << EVTCHN_FIFO_PENDING, 0);
		if (on_event) on_event(port, queue);
	}
	return *head != 0;
}

static void handle_events(struct trap_frame *frame) {
	unsigned int vcpu = kit_vcpu_id();
	uint32_t ready;

	(void)frame;
	kit_vcpu_infos[vcpu]->evtchn_upcall_pending = 0;
	ready = take_ready(control[vcpu]);
	while (ready) {
		unsigned int queue = __builtin_ctz(ready);

		if (!consume(vcpu, queue)) ready &= ~(1U << queue);
		ready |= take_ready(control[vcpu]);
	}
}

void kit_fifo_handle(void (*handler)(unsigned int port, unsigned int queue)) { on_event = handler; }

long kit_fifo_expand(void) {
	unsigned long pfn = kit_page_alloc();
	struct evtchn_expand_array expand = { .array_gfn = kit_mfn(pfn) };
	uint32_t *words = kit_page(pfn);
	long rc;

	for (unsigned int i = 0; i < WORDS_PER_PAGE; i++) words[i] = 1U << EVTCHN_FIFO_MASKED;
	rc = hv_event_channel_op(EVTCHNOP_expand_array, &expand);
	if (rc)
		kit_page_free(pfn);
	else
		pages[page_count++] = words;
	return rc;
}

long kit_fifo_init_vcpu(unsigned int vcpu) {
	unsigned long pfn = kit_page_alloc();
	struct evtchn_init_control init = { .control_gfn = kit_mfn(pfn), .offset = 0, .vcpu = vcpu };
	long rc = hv_event_channel_op(EVTCHNOP_init_control, &init);

	if (rc)
		kit_page_free(pfn);
	else
		control[vcpu] = kit_page(pfn);
	return rc;
}

long kit_fifo_init(void) {
	long rc = kit_fifo_init_vcpu(kit_vcpu_id());

	if (!rc) rc = kit_fifo_expand();
	if (!rc) kit_handlers[VEC_EVENT] = handle_events;
	return rc;
}

long kit_fifo_priority(unsigned int port, unsigned int priority) {
	struct evtchn_set_priority set = { .port = port, .priority = priority };

	return hv_event_channel_op(EVTCHNOP_set_priority, &set);
}
