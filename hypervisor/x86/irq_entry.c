/* SPDX-License-Identifier: MIT */
/* Interrupt vectors to their owners. Runs with no lock held: on entry from a guest, from idle, or
 * in a preemption window. */
#include "platform.h"
#include "console.h"
#include "irq.h"
#include "x86.h"

static void timer_interrupt(void) {
	lapic_eoi();
	this_cpu()->timer_deadline = 0; /* nothing is programmed any more */
	timers_run();
	console_notify();
}

void interrupt(struct regs *r, unsigned vector) {
	(void)r;
	switch (vector) {
	case VEC_TIMER: timer_interrupt(); break;
	case VEC_FLUSH:
		lapic_eoi();
		tlb_serve();
		break;
	case VEC_KICK:
		lapic_eoi();
		context_serve();
		break;
	case VEC_SPURIOUS: /* the APIC expects no EOI for it */ break;
	case VEC_LAPIC_ERROR: lapic_eoi(); break;
	default:
		if (vector >= VEC_IRQ_FIRST && vector <= VEC_IRQ_LAST)
			irq_interrupt((uint8_t)vector);
		else
			lapic_eoi();
	}
}
