/* SPDX-License-Identifier: MIT */
/*
 * What comes in through the IDT: from a guest it is emulated, handled or reflected to its kernel;
 * from ring 0 it is an expected fault with an .extable entry, an interrupt in an idle or preemption
 * window, or our own bug. And what remains to be done before a guest goes on.
 */
#include "platform.h"
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "sched.h"
#include "x86.h"

/* Vectors from 0x20 up, to their owners. No lock is held. */
static void interrupt(unsigned vector) {
	if (vector >= VEC_IRQ_FIRST && vector <= VEC_IRQ_LAST) return irq_interrupt((uint8_t)vector);
	if (vector != VEC_SPURIOUS) arch_irq_ack(); /* the APIC expects none for that one */
	if (vector == VEC_TIMER) {
		this_cpu()->timer_deadline = 0; /* nothing is programmed any more */
		timers_run();
		console_notify();
	} else if (vector == VEC_FLUSH) {
		tlb_serve();
	} else if (vector == VEC_KICK) {
		context_serve();
	}
}

static void page_fault(struct regs *r, uint32_t error_code) {
	uint64_t cr2 = read_cr2();
	struct cpu *c = this_cpu();
	struct vcpu *v = c->vcpu;
	uint64_t in_ldt = cr2 - ldt_view(c);

	if (unlikely(in_ldt < 16 * PAGE_SIZE)) {
		if (ldt_fault_in(v, in_ldt)) return;
		cr2 = v->arch.ldt_base.a + in_ldt;
	}
	if ((error_code & (PF_PRESENT | PF_WRITE | PF_RSVD | PF_FETCH)) == (PF_PRESENT | PF_WRITE) &&
	    !v->arch.user_mode && emulate_pt_store(r, cr2))
		return;
	guest_page_fault(r, cr2, error_code);
}

/* The guest executed an instruction of `length` bytes that calls a gate; rip is behind it. Its kernel
 * counts as level 1, its users as level 3; who may not, or where no handler is, gets a #GP. */
static void gate_call(struct regs *r, unsigned vector, unsigned length) {
	const struct trap_info *t = &current->arch.traps[vector];

	if (t->address && TI_GET_DPL(t) >= (current->arch.user_mode ? 3 : 1)) return guest_trap(r, vector, 0);
	r->rip -= length;
	guest_trap(r, TRAP_GP, vector * 8 + 2);
}

static void general_protection(struct regs *r, uint32_t error_code) {
	if ((error_code & 7) == 2) { /* int n, whose gate ring 0 keeps to itself */
		r->rip += 2;
		gate_call(r, error_code >> 3 & 0xff, 2);
	} else if (error_code || !emulate_privileged(r)) {
		guest_trap(r, TRAP_GP, error_code);
	}
}

static void device_not_available(struct regs *r) {
	struct vcpu *v = current;

	__asm__ volatile("clts");
	if (!v->arch.ts) return;
	v->arch.ts = false;
	guest_trap(r, TRAP_NM, 0);
}

static void debug_exception(struct regs *r) {
	uint64_t dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0UL));
	current->arch.dr[6] = (current->arch.dr[6] & ~0xfUL) | dr6;
	guest_trap(r, TRAP_DB, 0);
}

void trap_from_guest(struct regs *r) {
	unsigned vector = r->vector;
	uint32_t error_code = r->error_code;

	r->error_code = 0; /* not a frame that sysret may leave */
	switch (vector) {
	case TRAP_PF: page_fault(r, error_code); break;
	case TRAP_GP: general_protection(r, error_code); break;
	case TRAP_UD:
		if (!emulate_forced(r)) guest_trap(r, TRAP_UD, 0);
		break;
	case TRAP_NM: device_not_available(r); break;
	case TRAP_DB: debug_exception(r); break;
	case TRAP_NMI: printk(LOG_WARN, "NMI on CPU %u\n", cpu_id()); break;
	case TRAP_BP:
	case TRAP_OF: gate_call(r, vector, 1); break; /* these and int 0x80 have gates for ring 3 */
	case VEC_INT80: gate_call(r, vector, 2); break;
	case TRAP_DF:
	case TRAP_MC: fatal_trap(r);
	default:
		if (vector < 0x20)
			guest_trap(r, vector, error_code);
		else
			interrupt(vector);
	}
}

struct extable_entry {
	uint64_t from, to;
};

void trap_from_ring0(struct regs *r) {
	extern const struct extable_entry _extable_start[], _extable_end[];
	struct vcpu *v;

	switch (r->vector) {
	case TRAP_PF: /* ring 0's own selector loads and iret touch the guest's LDT as well */
		v = this_cpu()->loaded;
		if (v && ldt_fault_in(v, read_cr2() - ldt_view(this_cpu()))) return;
		break;
	case TRAP_DB: /* a guest's breakpoint on memory that ring 0 reads for it */
		__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0UL));
		return;
	case TRAP_NMI: return;
	case TRAP_DF:
	case TRAP_MC: fatal_trap(r);
	case 0x20 ... 0xff: return interrupt(r->vector);
	}
	for (const struct extable_entry *e = _extable_start; e < _extable_end; e++) {
		if (e->from != r->rip) continue;
		r->rip = e->to;
		return;
	}
	fatal_trap(r);
}

/* Put a restarted hypercall's arguments into the guest's registers, the instruction pointer on the
 * instruction again. */
static void hypercall_reissue(struct regs *r) {
	const struct restart *s = &this_cpu()->restart;
	uint64_t *const arg[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

	for (unsigned i = 0; i < s->nargs; i++) *arg[i] = s->arg[i];
	r->rax = s->op;
	r->rip -= 2; /* syscall and int $0x82 are two bytes long */
}

/* Deliver a pending NMI, unless one is being handled. */
static void guest_nmi(struct regs *r) {
	struct vcpu *v = current;

	if (v->arch.nmi_masked || !v->arch.traps[TRAP_NMI].address) return;
	__atomic_and_fetch(&v->pending_traps, ~VCPU_TRAP_NMI, __ATOMIC_SEQ_CST);
	v->arch.nmi_masked = true;
	guest_trap(r, TRAP_NMI, 0);
}

/* cpu->work is not empty: do it all before the guest goes on. */
void exit_work_do(struct regs *r) {
	struct cpu *c = this_cpu();
	uint32_t work = __atomic_exchange_n(&c->work, 0, __ATOMIC_ACQUIRE);

	if (work & CPU_WORK_RESTART) hypercall_reissue(r);
	if (work & CPU_WORK_TIMER) timers_run();
	if (work & CPU_WORK_SCHEDULE) schedule();
	if (c->vcpu && unlikely(c->vcpu->arch.bad_selectors)) guest_iret_failed(r);
	if (c->vcpu && READ_ONCE(c->vcpu->pending_traps) & VCPU_TRAP_NMI) guest_nmi(r);
}

void cpu_raise(unsigned cpu, uint32_t work) {
	struct cpu *c = cpu_of(cpu);
	uint32_t old = __atomic_fetch_or(&c->work, work, __ATOMIC_SEQ_CST);

	if (c != this_cpu() && (old & work) != work) arch_cpu_kick(cpu);
}
