/* SPDX-License-Identifier: MIT */
/*
 * 2-level event channels. The hypervisor sets the pending bit, then the vCPU's selector bit, then
 * upcall_pending; the guest clears them in the opposite order before it looks, so an event that
 * comes meanwhile is seen again.
 */
#include <kit/evtchn.h>

#define WORD_BITS 64U

static event_handler *handlers[KIT_PORTS];
/* The vCPU (+ 1) that a port was bound to; 0: any may take its events. Others must leave it alone, or two
 * would handle one event. */
static uint8_t port_vcpu[KIT_PORTS];

static void set_bit(volatile unsigned long *words, unsigned int bit) {
	asm volatile("lock btsq %1, %0" : "+m"(*words) : "r"((unsigned long)bit) : "memory", "cc");
}

static void clear_bit(volatile unsigned long *words, unsigned int bit) {
	asm volatile("lock btrq %1, %0" : "+m"(*words) : "r"((unsigned long)bit) : "memory", "cc");
}

static bool is_ours(unsigned int port) { return !port_vcpu[port] || port_vcpu[port] == kit_vcpu_id() + 1; }

static unsigned long ready_ports(unsigned int word) {
	unsigned long ready = ((volatile unsigned long *)kit_shared_info->evtchn_pending)[word] &
			      ~((volatile unsigned long *)kit_shared_info->evtchn_mask)[word];

	for (unsigned long left = ready; left; left &= left - 1)
		if (!is_ours(word * WORD_BITS + __builtin_ctzl(left))) ready &= ~(left & -left);
	return ready;
}

static void handle_word(unsigned int word) {
	unsigned long ready;

	while ((ready = ready_ports(word))) {
		unsigned int bit = __builtin_ctzl(ready);
		unsigned int port = word * WORD_BITS + bit;

		clear_bit(&kit_shared_info->evtchn_pending[word], bit);
		if (handlers[port]) handlers[port](port);
	}
}

static void handle_events(struct trap_frame *frame) {
	volatile struct vcpu_info *v = kit_vcpu_info();
	unsigned long words;

	(void)frame;
	do {
		v->evtchn_upcall_pending = 0;
		asm volatile("xorl %k0, %k0; xchgq %0, %1" : "=&r"(words), "+m"(v->evtchn_pending_sel)::"memory", "cc");
		for (; words; words &= words - 1) handle_word(__builtin_ctzl(words));
	} while (v->evtchn_upcall_pending);
}

void kit_events_init(void) {
	memset(kit_shared_info->evtchn_mask, 0xff, sizeof(kit_shared_info->evtchn_mask));
	kit_handlers[VEC_EVENT] = handle_events;
}

void kit_event_handle(unsigned int port, event_handler *handler) {
	handlers[port] = handler;
	if (handler)
		kit_event_unmask(port);
	else
		kit_event_mask(port);
}

void kit_event_mask(unsigned int port) { set_bit(&kit_shared_info->evtchn_mask[port / WORD_BITS], port % WORD_BITS); }

void kit_event_unmask(unsigned int port) {
	struct evtchn_unmask unmask = { .port = port };

	hv_event_channel_op(EVTCHNOP_unmask, &unmask);
}

bool kit_event_pending(unsigned int port) {
	volatile unsigned long *pending = kit_shared_info->evtchn_pending;

	return pending[port / WORD_BITS] >> port % WORD_BITS & 1;
}

void kit_event_clear(unsigned int port) {
	clear_bit(&kit_shared_info->evtchn_pending[port / WORD_BITS], port % WORD_BITS);
}

long kit_event_bind_virq(unsigned int virq, unsigned int vcpu) {
	struct evtchn_bind_virq bind = { .virq = virq, .vcpu = vcpu };
	long rc = hv_event_channel_op(EVTCHNOP_bind_virq, &bind);

	return rc ? rc : (long)bind.port;
}

long kit_event_bind_ipi(unsigned int vcpu) {
	struct evtchn_bind_ipi bind = { .vcpu = vcpu };
	long rc = hv_event_channel_op(EVTCHNOP_bind_ipi, &bind);

	if (rc) return rc;
	port_vcpu[bind.port] = (uint8_t)(vcpu + 1);
	return (long)bind.port;
}

long kit_event_alloc_unbound(unsigned int dom, unsigned int remote) {
	struct evtchn_alloc_unbound alloc = { .dom = dom, .remote_dom = remote };
	long rc = hv_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

	return rc ? rc : (long)alloc.port;
}

long kit_event_bind_interdomain(unsigned int remote, unsigned int remote_port) {
	struct evtchn_bind_interdomain bind = { .remote_dom = remote, .remote_port = remote_port };
	long rc = hv_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

	return rc ? rc : (long)bind.local_port;
}

long kit_event_send(unsigned int port) {
	struct evtchn_send send = { .port = port };

	return hv_event_channel_op(EVTCHNOP_send, &send);
}

long kit_event_close(unsigned int port) {
	struct evtchn_close close = { .port = port };

	port_vcpu[port] = 0;
	return hv_event_channel_op(EVTCHNOP_close, &close);
}

void kit_events_off(void) {
	kit_vcpu_info()->evtchn_upcall_mask = 1;
	barrier();
}

void kit_events_on(void) {
	volatile struct vcpu_info *v = kit_vcpu_info();

	barrier();
	v->evtchn_upcall_mask = 0;
	barrier(); /* unmask, then look: an event between the two delivers itself */
	if (v->evtchn_upcall_pending) hv_xen_version(XENVER_version, NULL); /* any hypercall delivers on its way back */
}
