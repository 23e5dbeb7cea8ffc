/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes on this and other CPUs. Guest translations are never global: loading CR3 drops them
 * all. `tlb_clock` advances before each full flush, so a frame stamped with the clock's value is
 * free of stale entries on every CPU whose tlb_time is later than the stamp.
 *
 * One request to other CPUs is under way at a time (flush_lock). The targets serve it in the IPI
 * or, if they spin with interrupts off, in arch_spin_wait(); so it ends also when a target waits
 * for a lock that the requester holds.
 */
#include "hypercall.h"
#include "platform.h"
#include "x86.h"

uint64_t tlb_clock = 1;

static struct spinlock flush_lock = SPINLOCK_INIT(RANK_LEAF);
static cpumask_t flush_pending; /* atomic: CPUs that have not served the request yet */
static uint64_t flush_va;       /* flush_lock */
/* addresses that no guest may name */
#define FLUSH_OWN   HV_START
#define FLUSH_CACHE (HV_START + 1)

static void stamp(struct cpu *c) { c->tlb_time = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST); }

void root_write(uint64_t cr3) {
	struct cpu *c = this_cpu();

	stamp(c);
	c->cr3 = cr3;
	write_cr3(cr3);
}

static void flush_here(uint64_t va) {
	if (va == TLB_FLUSH_ALL) {
		root_write(this_cpu()->cr3);
	} else if (va == FLUSH_OWN) {
		stamp(this_cpu());
		write_cr4(read_cr4() & ~X86_CR4_PGE);
		write_cr4(read_cr4() | X86_CR4_PGE);
	} else if (va == FLUSH_CACHE) {
		__asm__ volatile("wbinvd" : : : "memory");
	} else {
		invlpg(va);
	}
}

void tlb_serve(void) {
	cpumask_t me = cpumask_of(cpu_id());

	if (!(__atomic_load_n(&flush_pending, __ATOMIC_ACQUIRE) & me)) return;
	flush_here(flush_va);
	/* release: the flush is done before the requester goes on */
	__atomic_and_fetch(&flush_pending, ~me, __ATOMIC_RELEASE);
}

static void flush_on(cpumask_t cpus, uint64_t va) {
	cpumask_t me = cpumask_of(cpu_id());

	cpus &= cpus_online;
	if (cpus & me) flush_here(va);
	cpus &= ~me;
	if (!cpus) return;
	while (!spin_trylock(&flush_lock)) arch_spin_wait();
	flush_va = va;
	__atomic_store_n(&flush_pending, cpus, __ATOMIC_RELEASE);
	lapic_send_ipi(cpus, VEC_FLUSH);
	while (__atomic_load_n(&flush_pending, __ATOMIC_ACQUIRE)) arch_spin_wait();
	spin_unlock(&flush_lock);
}

void arch_tlb_flush(cpumask_t cpus, uint64_t va) {
	/* elsewhere no guest translation can be */
	if (va == TLB_FLUSH_ALL || guest_address_ok(va)) flush_on(cpus, va);
}

void arch_tlb_flush_own(void) { flush_on(CPUMASK_ALL, FLUSH_OWN); }

void arch_cache_flush(cpumask_t cpus) {
	this_cpu()->preempt_budget += hypercall_preempt_units;
	flush_on(cpus, FLUSH_CACHE);
}

void arch_frame_flush(mfn_t m) {
	volatile char *p = frame_map(m);

	__asm__ volatile("mfence" : : : "memory");
	for (unsigned i = 0; i < PAGE_SIZE; i += cpu_has.cache_line) __asm__ volatile("clflush %0" : "+m"(p[i]));
	__asm__ volatile("mfence" : : : "memory");
	frame_unmap((void *)p);
}

void arch_spin_wait(void) {
	cpu_pause();
	tlb_serve();
}
