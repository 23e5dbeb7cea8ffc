/* SPDX-License-Identifier: MIT */
/* The fake machine: memory, CPUs, clock, journal. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "host.h"
#include "frame.h"
#include "hypercall.h"

__thread struct cpu *host_cpu;
uint8_t *host_memory;
struct host_event host_journal[HOST_JOURNAL_MAX];
unsigned host_journal_count;
void (*host_fetch_hook)(gvaddr_t src, size_t n);
cpumask_t cpus_online;
uint64_t *m2p_table;
uint64_t tlb_clock = 1;

static struct cpu host_cpus[MAX_CPUS];
static uint64_t host_frames, host_now;
static unsigned host_fail_at;
static uint8_t *guest_base;
static uint64_t guest_va, guest_size;

void host_journal_clear(void) { host_journal_count = 0; }

static void journal(enum host_event_kind kind, uint64_t a, uint64_t b) {
	if (host_journal_count < HOST_JOURNAL_MAX)
		host_journal[host_journal_count++] = (struct host_event){ kind, a, b };
}

unsigned host_journal_find(enum host_event_kind kind) {
	unsigned n = 0;

	for (unsigned i = 0; i < host_journal_count; i++) n += host_journal[i].kind == kind;
	return n;
}

void host_machine_init(unsigned frames, unsigned cpus) {
	host_frames = frames;
	free(m2p_table);
	m2p_table = calloc(frames, sizeof(*m2p_table));
	host_memory =
		mmap(NULL, (size_t)frames << PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host_memory == MAP_FAILED) abort();
	memset(host_cpus, 0, sizeof(host_cpus));
	cpus_online = 0;
	for (unsigned i = 0; i < cpus; i++) {
		host_cpus[i].id = i;
		cpus_online |= cpumask_of(i);
	}
	host_now = 1000000000ULL;
	tlb_clock = 1;
	host_fail_at = 0;
	host_fetch_hook = NULL;
	host_journal_clear();
	host_cpu_set(0);
}

void host_machine_free(void) {
	munmap(host_memory, host_frames << PAGE_SHIFT);
	host_memory = NULL;
}

void host_cpu_set(unsigned cpu) { host_cpu = &host_cpus[cpu]; }

struct cpu *cpu_of(unsigned id) {
	return &host_cpus[id];
}

void host_time_advance(uint64_t ns) { host_now += ns; }

void host_fail_allocation(unsigned n) { host_fail_at = n; }

bool host_should_fail(void) { return host_fail_at && --host_fail_at == 0; }

void host_guest_memory(void *base, uint64_t va, size_t size) {
	guest_base = base;
	guest_va = va;
	guest_size = size;
}

/* -- the contract -- */

void *host_frame_map(mfn_t m) {
	CHECK(mfn_x(m) < host_frames);
	this_cpu()->windows_open++;
	return own_va(m);
}

void host_frame_unmap(const void *p) {
	CHECK(p && this_cpu()->windows_open);
	this_cpu()->windows_open--;
}

int own_map(mfn_t first, unsigned long n) {
	(void)first, (void)n;
	return host_should_fail() ? -ENOMEM : 0;
}

void own_unmap(mfn_t first, unsigned long n) {
	(void)first, (void)n;
	arch_tlb_flush_own();
}

void (*host_flush_hook)(cpumask_t cpus, uint64_t va);

void arch_tlb_flush(cpumask_t cpus, uint64_t va) {
	unsigned c;

	if (host_flush_hook) host_flush_hook(cpus, va);
	journal(HOST_TLB_FLUSH, cpus, va);
	if (va != TLB_FLUSH_ALL) return;
	tlb_clock++;
	for_each_cpu (c, cpus & cpus_online) host_cpus[c].tlb_time = tlb_clock;
}

void arch_tlb_flush_own(void) { journal(HOST_TLB_FLUSH_OWN, 0, 0); }

void arch_cache_flush(cpumask_t cpus) {
	this_cpu()->preempt_budget += hypercall_preempt_units;
	journal(HOST_CACHE_FLUSH, cpus, 0);
}

void arch_frame_flush(mfn_t m) { journal(HOST_FRAME_FLUSH, mfn_x(m), 0); }

void arch_root_install(void *l4) {
	uint64_t *e = l4;

	for (unsigned i = 256; i < 272; i++) e[i] = 0;
}

mfn_t arch_vcpu_root(const struct vcpu *v) { return v->arch.user_mode ? v->root_user : v->root_kernel; }

void arch_root_load(struct vcpu *v) {
	journal(HOST_ROOT_LOAD, mfn_x(arch_vcpu_root(v)), 0);
	this_cpu()->tlb_time = ++tlb_clock;
}

mfn_t arch_m2p_frame(unsigned long i) { return mfn(i); }

int vcpu_ldt_set(struct vcpu *v, gvaddr_t base, unsigned entries) {
	(void)v, (void)base;
	return entries > 8192 ? -EINVAL : 0;
}

bool arch_descriptor_fix(uint64_t *desc) {
	bool present = *desc >> 47 & 1, system = !(*desc >> 44 & 1);

	if (present && !(*desc >> 45 & 3)) *desc |= 3ULL << 45;
	return !present || !system;
}

static uint8_t *guest_at_va(uint64_t va, size_t n) {
	if (va < guest_va || n > guest_size || va - guest_va > guest_size - n) return NULL;
	return guest_base + (va - guest_va);
}

int copy_from_guest(void *dst, gvaddr_t src, size_t n) {
	uint8_t *p = guest_at_va(src.a, n);

	if (!p) return -EFAULT;
	memcpy(dst, p, n);
	if (host_fetch_hook) host_fetch_hook(src, n);
	return 0;
}

int copy_to_guest(gvaddr_t dst, const void *src, size_t n) {
	uint8_t *p = guest_at_va(dst.a, n);

	if (!p) return -EFAULT;
	memcpy(p, src, n);
	return 0;
}

bool guest_range_ok(uint64_t va, size_t n) { return va + n >= va && va + n <= 1ULL << 47; }

int copy_to_guest_kernel(gvaddr_t dst, const void *src, size_t n) { return copy_to_guest(dst, src, n); }

void cpu_raise(unsigned cpu, uint32_t work) {
	uint32_t old = __atomic_fetch_or(&host_cpus[cpu].work, work, __ATOMIC_SEQ_CST);

	if (cpu != cpu_id() && (old & work) != work) arch_cpu_kick(cpu);
}

void arch_context_switch(struct vcpu *next) {
	struct cpu *c = this_cpu();

	journal(HOST_SWITCH, (uint64_t)next, 0);
	c->vcpu = next;
	if (!next) return;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (host_cpus[i].loaded == next) host_cpus[i].loaded = NULL;
	c->loaded = next;
	arch_vcpu_info_moved(next);
}

void arch_vcpu_sync(struct vcpu *v) { journal(HOST_SYNC, (uint64_t)v, 0); }
int arch_vcpu_loaded_on(const struct vcpu *v) { return v->arch.loaded_after - 1; }

void arch_vcpu_info_moved(struct vcpu *v) {
	char *page = (char *)v->domain->shared_info;

	if (v != current) return;
	if (mfn_eq(v->info_mfn, INVALID_MFN))
		page += v->id * sizeof(struct vcpu_info);
	else
		page = (char *)own_va(v->info_mfn) + v->info_offset;
	this_cpu()->vcpu_info = (struct vcpu_info *)page;
}

void arch_hypercall_page_fill(uint8_t *page) { memset(page, 0xcc, PAGE_SIZE); }

void arch_idle(void) {}

void arch_cpu_kick(unsigned cpu) { journal(HOST_KICK, cpu, 0); }

int sched_yield(void); /* libc's <sched.h> has the name of ours */

void arch_spin_wait(void) { sched_yield(); /* tests run more CPUs, as threads, than there are */ }

uint64_t now_ns(void) { return host_now; }

void arch_tsc_params(uint32_t *mul, int8_t *shift, uint64_t *tsc_stamp, uint64_t *ns_stamp) {
	*mul = 0x80000000u;
	*shift = 1;
	*tsc_stamp = *ns_stamp = host_now;
}

bool arch_tsc_stable(void) { return true; }

void arch_timer_program(uint64_t deadline_ns) { journal(HOST_TIMER, deadline_ns, 0); }

uint64_t arch_wallclock_boot(void) { return 1767225600; }

void arch_machine_stop(enum machine_action action) {
	journal(HOST_STOP, action, 0);
	abort();
}
