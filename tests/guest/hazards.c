/* SPDX-License-Identifier: MIT */
/*
 * States in which an entry to ring 0 has gone wrong elsewhere: flags that must not stay set, debug traps
 * that come due in ring 0, registers that fault when ring 0 writes them, instructions that the emulator sees
 * but user mode must not have. After each the hypervisor is asked for its version.
 */
#include <asm/processor-flags.h>
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"
#include "usermode.h"

#define MSR_MISC_ENABLE 0x1a0
#define NON_CANONICAL   0x800000000000UL

static void well(const char *after) {
	char name[80];

	kit_snprintf(name, sizeof(name), "the hypervisor is well after %s", after);
	ok(hv_xen_version(XENVER_version, NULL) > 0, name);
}

static const struct trap_record *run_with_flags(const char *snippet, uint64_t flags) {
	struct trap_frame f = user_frame(snippet);

	f.rflags |= flags;
	f.rax = 1;
	return kit_user_run(&f);
}

/* Flags that a system call brings along from user mode. */
static void test_flags_of_entry(void) {
	static const struct {
		uint64_t flag;
		const char *name;
	} flags[] = {
		{ X86_EFLAGS_TF, "TF" }, { X86_EFLAGS_DF, "DF" }, { X86_EFLAGS_NT, "NT" }, { X86_EFLAGS_AC, "AC" }
	};
	char name[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		unsigned int by_syscall, by_int80, by_sysenter;

		by_syscall = run_with_flags(user_syscall, flags[i].flag)->vector;
		kit_snprintf(name, sizeof(name), "syscall with %s", flags[i].name);
		well(name);
		by_int80 = run_with_flags(user_int80, flags[i].flag)->vector;
		kit_snprintf(name, sizeof(name), "int $0x80 with %s", flags[i].name);
		well(name);
		by_sysenter = run_with_flags(user_sysenter, flags[i].flag)->vector;
		kit_snprintf(name, sizeof(name), "sysenter with %s", flags[i].name);
		well(name);
		ok(by_syscall == VEC_SYSCALL || (flags[i].flag == X86_EFLAGS_TF && by_syscall == VEC_DB),
		   "syscall arrives as such");
		ok(by_int80 == 0x80 || (flags[i].flag == X86_EFLAGS_TF && by_int80 == VEC_DB),
		   "int $0x80 arrives as such");
		ok(by_sysenter != VEC_PF, "sysenter does no harm");
	}
}

/* A hypercall that is single-stepped: the trap is the guest's, behind it. */
static void test_stepped_hypercall(void) {
	uint64_t at = 0;

	TRAP_TRY("leaq 1f(%%rip), %0\n\t"
		 "movl %1, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi\n\t"
		 "pushfq; orl $0x100, (%%rsp); popfq\n\t"
		 "syscall\n1:\tnop; nop; nop",
		 : "=&r"(at)
		 : "i"(__HYPERVISOR_xen_version)
		 : "rax", "rcx", "r11", "rdi", "rsi", "memory");
	trapped(VEC_DB, 0, "a single-stepped hypercall ends in the guest's #DB");
	ok(kit_trap_record.frame.rip - at <= 3, "right behind it");
	well("a single-stepped hypercall");
}

/* A breakpoint that the load of the stack segment holds back until ring 0 is entered. */
static void test_held_back_breakpoint(void) {
	volatile uint64_t *selector = user_data;

	*selector = FLAT_USER_SS64;
	is(hv_set_debugreg(0, USER_DATA), 0, "the stack selector in user memory is watched");
	is(hv_set_debugreg(7, 1UL | 3UL << 16 | 1UL << 18), 0, "for reads of two bytes");
	kit_printf("# user: trap %u\n", user_run(user_load_ss, 0, USER_DATA)->vector);
	well("a breakpoint held back over syscall from user mode");
	is(hv_set_debugreg(7, 0), 0, "it is watched no more");
	*selector = FLAT_KERNEL_SS;
	hv_set_debugreg(0, (unsigned long)selector);
	hv_set_debugreg(7, 1UL | 3UL << 16 | 1UL << 18);
	TRAP_TRY("movl %1, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi; movw (%0), %%ss; syscall", ::"r"(selector),
		 "i"(__HYPERVISOR_xen_version)
		 : "rax", "rcx", "r11", "rdi", "rsi", "memory");
	kit_printf("# hypercall: trap %u\n", kit_trap_record.vector);
	well("a breakpoint held back over a hypercall");
	TRAP_TRY("movw (%0), %%ss; int3", ::"r"(selector) : "memory");
	kit_printf("# int3: trap %u\n", kit_trap_record.vector);
	well("a breakpoint held back over int3");
	hv_set_debugreg(7, 0);
	hv_set_debugreg(0, 0);
}

static void test_icebp(void) {
	TRAP_TRY(".byte 0xf1", ::: "memory");
	trapped(VEC_DB, 0, "int1 of the kernel");
	is(user_run(user_icebp, 0, 0)->vector, VEC_DB, "int1 of user mode is no privilege");
	well("int1");
}

/* Addresses that the processor's own flush instructions would fault on. */
static void test_flush_addresses(void) {
	static const unsigned long bad[] = { NON_CANONICAL, ~NON_CANONICAL & ~0xfffUL, HYPERVISOR_VIRT_START, ~0UL };
	char name[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = bad[i] };

		kit_snprintf(name, sizeof(name), "a flush of %lx", bad[i]);
		value(name, hv_mmuext_op(&op, 1, NULL, DOMID_SELF));
		op.cmd = MMUEXT_INVLPG_ALL;
		kit_snprintf(name, sizeof(name), "a flush of %lx everywhere", bad[i]);
		value(name, hv_mmuext_op(&op, 1, NULL, DOMID_SELF));
		kit_snprintf(name, sizeof(name), "a refused update with a flush of %lx", bad[i]);
		ok(hv_update_va_mapping((void *)bad[i], kit_pte(0, PTE_DATA), UVMF_INVLPG | UVMF_ALL) < 0, name);
		well(name);
	}
}

static void wrmsr(uint32_t msr, uint64_t v) {
	TRAP_TRY("wrmsr", ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* Registers that the processor may lack: a write is the guest's fault, never ring 0's. */
static void test_registers_that_may_fault(void) {
	static const uint32_t msrs[] = { MSR_MISC_ENABLE, 0x48, 0x49, 0x10a, 0x10b, 0x122, 0x123, 0x1d9, 0xc0011020 };

	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		wrmsr(msrs[i], ~0UL);
		ok(kit_trap_record.vector == VEC_GP || kit_trap_record.vector == TRAP_NONE,
		   "a write of all bits to a register that may be missing");
		wrmsr(msrs[i], 0);
	}
	well("writes to registers that may be missing");
}

/* Components of the extended state that no guest gets: nobody would keep them apart. */
static void test_state_not_offered(void) {
	static const uint32_t components[] = { 1U << 3, 1U << 4, 1U << 9, 1U << 11, 3U << 17 };
	uint64_t cr4;

	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	asm volatile("movq %0, %%cr4" ::"r"(cr4 | 1UL << 18));
	for (unsigned int i = 0; i < ARRAY_SIZE(components); i++) {
		TRAP_TRY("xsetbv", ::"a"(3 | components[i]), "d"(0), "c"(0) : "memory");
		trapped(VEC_GP, 0, "xsetbv with a component that is not offered");
	}
	asm volatile("movq %0, %%cr4" ::"r"(cr4));
	well("xsetbv");
}

static void test_user_ports(void) {
	is(user_run(user_in, 0, 0)->vector, VEC_GP, "user mode reads no port");
	is(user_run(user_outs, 0, 0)->vector, VEC_GP, "user mode writes no string to a port");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	user_setup();
	test_flags_of_entry();
	test_stepped_hypercall();
	test_held_back_breakpoint();
	test_icebp();
	test_flush_addresses();
	test_registers_that_may_fault();
	test_state_not_offered();
	test_user_ports();
	done();
}
