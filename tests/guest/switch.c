/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=1 vcpus=3 */
/*
 * Three vCPUs share one processor: what belongs to a vCPU must be its own. Each loads its own
 * values into floating point, vector and debug registers, segment bases and cr2, gives the
 * processor away again and again, and looks.
 */
#include <kit/pt.h>
#include <kit/smp.h>
#include <kit/time.h>
#include "tap.h"

#define VCPUS  3
#define ROUNDS 300

static volatile unsigned int ready, finished, wrong_fpu, wrong_sse, wrong_avx, wrong_debug, wrong_base, wrong_cr2,
	wrong_mxcsr;
static volatile unsigned int secrets;
static bool has_avx;

static void yield(void) { hv_sched_op(SCHEDOP_yield, NULL); }

static uint64_t pattern(unsigned int vcpu, unsigned int i) { return 0x0101010101010101UL * (vcpu + 1) + i; }

/* The first look at the registers of a fresh vCPU. */
static void look_for_secrets(void) {
	uint64_t low, high;

	asm volatile("movq %%xmm7, %0; movhlps %%xmm7, %%xmm7; movq %%xmm7, %1" : "=r"(low), "=r"(high));
	if (low || high) secrets++;
}

static void load(unsigned int self, unsigned int i) {
	uint64_t v = pattern(self, i);
	uint32_t mxcsr = 0x1f80 | (self & 3) << 13;

	asm volatile("movq %0, %%xmm3; movlhps %%xmm3, %%xmm3; movq %0, %%xmm15" ::"r"(v));
	asm volatile("fninit; fildll %0" ::"m"(v));
	asm volatile("ldmxcsr %0" ::"m"(mxcsr));
	if (has_avx) asm volatile("vmovq %0, %%xmm5; vinsertf128 $1, %%xmm5, %%ymm5, %%ymm5" ::"r"(v));
	hv_set_debugreg(0, 0x100000 + self * 0x1000 + i);
	hv_set_segment_base(SEGBASE_FS, (unsigned long)&kit_start_info + 8 * self);
	hv_set_segment_base(SEGBASE_GS_USER, 0x700000 + 8 * self);
	asm volatile("movq %0, %%cr2" ::"r"(v));
}

static void check(unsigned int self, unsigned int i) {
	uint64_t want = pattern(self, i), a, b, c, base;
	uint32_t mxcsr;

	asm volatile("movq %%xmm15, %0; movq %%xmm3, %1; movhlps %%xmm3, %%xmm3; movq %%xmm3, %2"
		     : "=r"(a), "=r"(b), "=r"(c));
	wrong_sse += a != want || b != want || c != want;
	asm volatile("fistpll %0" : "=m"(a));
	wrong_fpu += a != want;
	asm volatile("stmxcsr %0" : "=m"(mxcsr));
	wrong_mxcsr += (mxcsr & 0x6000) != (self & 3) << 13;
	if (has_avx) {
		asm volatile("vextractf128 $1, %%ymm5, %%xmm5; vmovq %%xmm5, %0" : "=r"(a));
		wrong_avx += a != want;
	}
	wrong_debug += (uint64_t)hv_get_debugreg(0) != 0x100000 + self * 0x1000 + i;
	asm volatile("rdmsr; shlq $32, %%rdx; orq %%rdx, %%rax" : "=a"(base) : "c"(0xc0000100) : "rdx");
	wrong_base += base != (unsigned long)&kit_start_info + 8 * self;
	asm volatile("rdmsr; shlq $32, %%rdx; orq %%rdx, %%rax" : "=a"(base) : "c"(0xc0000102) : "rdx");
	wrong_base += base != 0x700000 + 8 * self;
	asm volatile("movq %%cr2, %0" : "=r"(a));
	wrong_cr2 += a != want;
}

static void work(void) {
	unsigned int self = kit_vcpu_id();

	look_for_secrets();
	__sync_fetch_and_add(&ready, 1);
	while (ready < VCPUS) yield();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		load(self, i);
		yield();
		check(self, i);
	}
	__sync_fetch_and_add(&finished, 1);
}

/* The lazy flag: one vCPU's TS must not be another's. */
static volatile unsigned int set_by_other, other_done;

static void set_taskswitched(void) {
	hv_fpu_taskswitch(1);
	set_by_other = 1;
	yield();
	other_done = 1;
}

static void test_taskswitched(void) {
	uint64_t cr0;

	hv_fpu_taskswitch(0);
	kit_vcpu_context(1, set_taskswitched);
	hv_vcpu_op(VCPUOP_up, 1, NULL);
	while (!set_by_other) yield();
	asm volatile("movq %%cr0, %0" : "=r"(cr0));
	is(cr0 & 8, 0, "the task-switched flag of one vCPU is not another's");
	TRAP_TRY("fnop", ::: "memory");
	not_trapped("floating point works here");
	kit_vcpu_wait_down(1, 2000000000UL);
}

/*
 * Descriptor tables: vCPU 0 has two pages of GDT and an LDT in use, vCPU 1 has a GDT of one page and an LDT
 * whose table is elsewhere. Neither may find the other's descriptors, though both run on one processor.
 */
#define DESC_DATA3           0x00cff3000000ffffUL
#define DESC_CODE3           0x00affb000000ffffUL
#define SELECTOR(index, ldt) ((index) << 3 | (ldt) << 2 | 3)

static volatile unsigned int tables_set, tables_seen, tables_wrong;

/* Bits 8-15 of the access rights that lar finds; 0: no such descriptor. */
static unsigned int rights(unsigned int selector) {
	unsigned int out = 0;
	bool found;

	asm volatile("lar %2, %0" : "+r"(out), "=@ccz"(found) : "r"(selector));
	return found ? out >> 8 & 0xff : 0;
}

static unsigned long descriptor_page(uint64_t second) {
	unsigned long pfn = kit_page_alloc();
	uint64_t *desc = kit_page(pfn);

	desc[1] = second;
	kit_page_protect(pfn, PTE_RO);
	return pfn;
}

static void set_tables(uint64_t second, unsigned int gdt_pages) {
	unsigned long pfn = descriptor_page(second), ldt = descriptor_page(second);
	unsigned long frames[2] = { kit_mfn(pfn), kit_mfn(pfn) };
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
				.arg1.linear_addr = (unsigned long)kit_page(ldt),
				.arg2.nr_ents = 512 };

	hv_set_gdt(frames, 512 * gdt_pages);
	hv_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void look_at_tables(unsigned int want, unsigned int want_second_page) {
	tables_wrong += rights(SELECTOR(1u, 0u)) != want || rights(SELECTOR(1u, 1u)) != want ||
			rights(SELECTOR(513u, 0u)) != want_second_page;
}

static void other_tables(void) {
	/* nothing of vCPU 0's before it has tables of its own */
	tables_wrong += rights(SELECTOR(1u, 1u)) || rights(SELECTOR(513u, 0u));
	set_tables(DESC_CODE3, 1);
	tables_set = 1;
	for (unsigned int i = 0; i < 20; i++) {
		look_at_tables(0xfb, 0);
		yield();
	}
	tables_seen = 1;
}

static void test_tables(void) {
	set_tables(DESC_DATA3, 2);
	look_at_tables(0xf3, 0xf3);
	is(tables_wrong, 0, "vCPU 0 sees its descriptor tables");
	kit_vcpu_context(2, other_tables);
	hv_vcpu_op(VCPUOP_up, 2, NULL);
	while (!tables_set) yield();
	while (!tables_seen) {
		look_at_tables(0xf3, 0xf3);
		yield();
	}
	is(tables_wrong, 0, "descriptor tables are each vCPU's own");
	kit_vcpu_wait_down(2, 2000000000UL);
}

static void enable_avx(void) {
	uint32_t c, b, a = 1, d;
	uint64_t cr4;

	asm volatile(XEN_CPUID : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : "2"(0));
	if (!(c >> 28 & 1)) return;
	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	asm volatile("movq %0, %%cr4" ::"r"(cr4 | 1UL << 18));
	TRAP_TRY("xsetbv", ::"a"(7), "d"(0), "c"(0) : "memory");
	has_avx = kit_trap_record.vector == TRAP_NONE;
}

static void start_work(void) {
	if (has_avx) {
		uint64_t cr4;

		asm volatile("movq %%cr4, %0" : "=r"(cr4));
		asm volatile("movq %0, %%cr4" ::"r"(cr4 | 1UL << 18));
		asm volatile("xsetbv" ::"a"(7), "d"(0), "c"(0));
	}
	work();
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	enable_avx();
	value("AVX", has_avx);
	asm volatile("movq %0, %%xmm7; movlhps %%xmm7, %%xmm7" ::"r"(0x5ec7e75ec7e7UL));
	for (unsigned int v = 1; v < VCPUS; v++)
		is(kit_vcpu_start(v, start_work), 0, "a vCPU is started on the same processor");
	asm volatile("pxor %%xmm7, %%xmm7" :::);
	work();
	while (finished < VCPUS) yield();
	is(secrets, 0, "fresh vCPUs have empty vector registers");
	is(wrong_sse, 0, "SSE registers are each vCPU's own");
	is(wrong_avx, 0, "AVX registers are each vCPU's own");
	is(wrong_fpu, 0, "x87 registers are each vCPU's own");
	is(wrong_mxcsr, 0, "SSE control is each vCPU's own");
	is(wrong_debug, 0, "debug registers are each vCPU's own");
	is(wrong_base, 0, "segment bases are each vCPU's own");
	is(wrong_cr2, 0, "cr2 is each vCPU's own");
	kit_vcpu_wait_down(1, 2000000000UL);
	test_taskswitched();
	kit_vcpu_wait_down(2, 2000000000UL);
	test_tables();
	done();
}
