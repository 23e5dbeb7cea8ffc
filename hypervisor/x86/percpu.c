/* SPDX-License-Identifier: MIT */
/*
 * A CPU's block (layout.h): stacks with guard pages between, struct cpu, its GDT page, its window
 * page and the stub where syscall enters; and what a CPU must load to run on it.
 */
#include "boot.h"
#include "frame.h"
#include "x86.h"

cpumask_t cpus_online;
struct cpu_features cpu_has;

extern char syscall_entry[], syscall32_entry[], sysenter_entry[], trap_stubs[];
static uint64_t idt[256][2] __aligned(16) __ro_after_init;

static uint64_t block_va(unsigned id) { return PERCPU_BASE + id * PERCPU_SIZE; }

struct cpu *cpu_of(unsigned id) {
	return (struct cpu *)(block_va(id) + PERCPU_STRUCT);
}

/* A new page at a place of ring 0's, seen as ordinary memory; NULL: out of memory. */
static void *page_at(uint64_t va, uint64_t flags) {
	void *page = heap_alloc(PAGE_SIZE);

	return page && hv_map(va, own_mfn(page), 1, flags) == 0 ? page : NULL;
}

/* The stub: store rsp where struct regs has it, take the main stack, go to the common entry. */
static void stub_write(uint8_t *at, uint64_t va, const char *entry) {
	uint64_t block = va & ~(PERCPU_SIZE - 1);
	int32_t rsp_slot = (int32_t)(block + PERCPU_STACK_TOP - 16 - (va + 7));
	int32_t rsp_value = (int32_t)(block + PERCPU_STACK_TOP - 16 - (va + 14));
	int32_t jump = (int32_t)((uint64_t)entry - (va + 19));
	static const uint8_t code[19] = { 0x48, 0x89, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x25, 0, 0, 0, 0, 0xe9 };

	memcpy(at, code, sizeof(code));
	memcpy(at + 3, &rsp_slot, 4);
	memcpy(at + 10, &rsp_value, 4);
	memcpy(at + 15, &jump, 4);
}

#define STUB32_OFFSET 64

static bool stubs_create(unsigned id) {
	uint64_t va = block_va(id) + PERCPU_STUB;
	uint8_t *page = page_at(va, PTE_G);

	if (!page) return false;
	memset(page, 0xcc, PAGE_SIZE);
	stub_write(page, va, syscall_entry);
	stub_write(page + STUB32_OFFSET, va + STUB32_OFFSET, syscall32_entry);
	return true;
}

/* Stacks and struct cpu; below the main stack every other page is a guard. */
static bool block_map(unsigned id) {
	for (uint64_t off = PAGE_SIZE; off < PERCPU_SIZE; off += PAGE_SIZE) {
		bool guard = off < PERCPU_STACK_LOW && off / PAGE_SIZE % 2;

		if (!guard && !page_at(block_va(id) + off, PTE_RW | PTE_NX | PTE_G)) return false;
	}
	return true;
}

/* CPU 0 boots on a block in the image; it only lacks what needs memory. */
struct cpu *cpu_block_create(unsigned id) {
	struct cpu *c = cpu_of(id);

	if (id && !block_map(id)) return NULL;
	c->id = id;
	if (!stubs_create(id)) return NULL;
	windows_init(c);
	c->gdt = page_at((uint64_t)window_place(c, WINDOW_GDT + FIRST_RESERVED_GDT_PAGE), PTE_RW | PTE_NX);
	if (!c->gdt) return NULL;
	gdt_fill(c);
	c->tss.rsp[0] = block_va(id) + PERCPU_STACK_TOP;
	for (unsigned i = 0; i < 4; i++) c->tss.ist[i] = block_va(id) + PERCPU_IST_TOP(i);
	c->tss.iomap = sizeof(c->tss);
	return c;
}

/* Interrupt gates to the vectors' stubs. */
void __init idt_init(void) {
	static const uint8_t ist[256] __initrodata = { [TRAP_NMI] = 1, [TRAP_DF] = 2, [TRAP_MC] = 3, [TRAP_DB] = 4 };
	static const uint8_t dpl[256] __initrodata = { [TRAP_BP] = 3, [TRAP_OF] = 3, [VEC_INT80] = 3 };

	for (unsigned v = 0; v < 256; v++) {
		uint64_t entry = (uint64_t)trap_stubs + v * 16UL;

		idt[v][0] = (entry & 0xffff) | (uint64_t)SEL_HV_CS << 16 | (uint64_t)ist[v] << 32 |
			    (0x8eULL | dpl[v] << 5) << 40 | (entry >> 16 & 0xffff) << 48;
		idt[v][1] = entry >> 32;
	}
}

static void descriptor_tables_load(struct cpu *c) {
	struct {
		uint16_t limit;
		uint64_t base;
	} __packed gdtr = { 15 * PAGE_SIZE - 1, (uint64_t)window_place(c, WINDOW_GDT) },
		   idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr));
	__asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "i"(SEL_HV_CS) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es; mov %1, %%fs; mov %1, %%gs; "
			 "lldt %w1; ltr %w2"
			 :
			 : "r"(SEL_HV_DS), "r"(0), "r"(SEL_TSS));
}

/*
 * CR4 while v runs (NULL: ring 0's own). The guest has a say in TSD and FSGSBASE: its users must not
 * change bases behind the back of a kernel that does not expect it.
 */
uint64_t cr4_of(const struct vcpu *v) {
	uint64_t cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_MCE | X86_CR4_DE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	cr4 |= cpu_has.smep ? X86_CR4_SMEP : 0;
	cr4 |= cpu_has.smap ? X86_CR4_SMAP : 0;
	cr4 |= cpu_has.xsave ? X86_CR4_OSXSAVE : 0;
	cr4 |= cpu_has.fsgsbase && (!v || v->arch.cr4 & X86_CR4_FSGSBASE) ? X86_CR4_FSGSBASE : 0;
	return v ? cr4 | (v->arch.cr4 & X86_CR4_TSD) : cr4;
}

static void syscall_msrs_load(struct cpu *c) {
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)(FLAT_RING3_CS32) << 48 | (uint64_t)SEL_HV_CS << 32);
	wrmsr(MSR_LSTAR, block_va(c->id) + PERCPU_STUB);
	wrmsr(MSR_CSTAR, block_va(c->id) + PERCPU_STUB + STUB32_OFFSET);
	wrmsr(MSR_SFMASK, X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_IOPL | X86_EFLAGS_NT |
				  X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_VM);
	wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
	wrmsr(MSR_SYSENTER_ESP, block_va(c->id) + PERCPU_STACK_TOP);
	wrmsr(MSR_SYSENTER_EIP, (uint64_t)sysenter_entry);
	wrmsr(MSR_PAT, PAT_XEN);
}

void cpu_block_load(struct cpu *c) {
	write_cr4(cr4_of(NULL));
	write_cr0((read_cr0() & 0xffffffff & ~X86_CR0_EM) | X86_CR0_MP | X86_CR0_NE | X86_CR0_WP);
	if (cpu_has.xsave) xcr0_write(cpu_has.xcr0);
	descriptor_tables_load(c);
	syscall_msrs_load(c);
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400UL));
	c->cr3 = read_cr3();
	__atomic_or_fetch(&cpus_online, cpumask_of(c->id), __ATOMIC_SEQ_CST);
}

/* Where there is no SMAP, stac and clac do not exist either: make them nops. */
static void __init smap_patch(void) {
	extern const uint64_t _patch_start[], _patch_end[];
	static const uint8_t nop3[3] = { 0x0f, 0x1f, 0x00 };

	if (cpu_has.smap) return;
	for (const uint64_t *p = _patch_start; p < _patch_end; p++) memcpy((void *)*p, nop3, 3);
}

void __init cpu_features_read(void) {
	uint32_t r[4], max;
	bool avx512 = false;

	cpuid(0, 0, r);
	max = r[0];
	cpuid(1, 0, r);
	cpu_has.cache_line = (r[1] >> 8 & 0xff ?: 8) * 8;
	cpu_has.xsave = r[2] >> 26 & 1;
	cpu_has.x2apic = r[2] >> 21 & r[2] >> 31; /* on bare machines it is had with interrupt remapping only */
	if (max >= 7) {
		cpuid(7, 0, r);
		cpu_has.fsgsbase = r[1] & 1;
		cpu_has.smep = r[1] >> 7 & 1;
		cpu_has.smap = r[1] >> 20 & 1;
		avx512 = r[1] >> 16 & 1;
	}
	cpuid(0x80000001, 0, r);
	cpu_has.nx = r[3] >> 20 & 1;
	cpuid(0x80000008, 0, r);
	cpu_has.phys_bits = r[0] & 0xff;
	frame_limit = 1ULL << (cpu_has.phys_bits - PAGE_SHIFT);
	cpuid(0xd, 0, r);
	if (cpu_has.xsave) cpu_has.xcr0 = r[0] & (avx512 ? 0xe7 : 0x7);
	smap_patch();
}
