/* SPDX-License-Identifier: MIT */
/* The vCPU's floating point unit and debug registers, by hypercall and by their traps. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"
#include "usermode.h"

#define DR7_L0 1UL

static void test_taskswitch(void) {
	uint64_t cr0;

	is(hv_fpu_taskswitch(1), 0, "fpu_taskswitch sets the flag");
	asm volatile("movq %%cr0, %0" : "=r"(cr0));
	is_hex(cr0 & 8, 8, "cr0 has it");
	TRAP_TRY("fnop", ::: "memory");
	trapped(VEC_NM, 0, "an x87 instruction traps");
	asm volatile("movq %%cr0, %0" : "=r"(cr0));
	is_hex(cr0 & 8, 0, "the trap clears it");
	TRAP_TRY("fnop", ::: "memory");
	not_trapped("the next instruction works");
	hv_fpu_taskswitch(1);
	TRAP_TRY("movaps %%xmm0, %%xmm1", ::: "memory");
	trapped(VEC_NM, 0, "an SSE instruction traps");
	hv_fpu_taskswitch(1);
	is(hv_fpu_taskswitch(0), 0, "fpu_taskswitch clears it");
	TRAP_TRY("fnop", ::: "memory");
	not_trapped("an x87 instruction works");
}

static void test_fpu_state(void) {
	uint64_t in = 0x0123456789abcdef, out = 0;
	uint16_t cw = 0;

	asm volatile("movq %0, %%xmm5" ::"r"(in));
	for (unsigned int i = 0; i < 100; i++) hv_sched_op(SCHEDOP_yield, NULL);
	asm volatile("movq %%xmm5, %0" : "=r"(out));
	is_hex(out, in, "a vector register survives hypercalls");
	asm volatile("fninit; fnstcw %0" : "=m"(cw));
	is_hex(cw, 0x37f, "the x87 control word is the usual");
	TRAP_TRY("fninit; movw $0x37b, -8(%%rsp); fldcw -8(%%rsp); fldz; fld1; fdivp; fwait", ::: "memory");
	trapped(VEC_MF, 0, "#MF: unmasked x87 division by zero");
	asm volatile("fninit");
	TRAP_TRY("movl $0x1d80, -8(%%rsp); ldmxcsr -8(%%rsp); xorps %%xmm0, %%xmm0; movl $1, "
		 "%%eax; cvtsi2ss %%eax, %%xmm1;"
		 "divss %%xmm0, %%xmm1",
		 ::
			 : "rax", "memory");
	/* QEMU's own emulation of the processor does not raise it */
	ok(kit_trap_record.vector == VEC_XM || kit_trap_record.vector == TRAP_NONE,
	   "#XM: unmasked SSE division by zero");
	asm volatile("movl $0x1f80, -8(%%rsp); ldmxcsr -8(%%rsp)" ::: "memory");
}

static void test_debugreg_calls(void) {
	is(hv_set_debugreg(0, 0x400000), 0, "a breakpoint address");
	is_hex(hv_get_debugreg(0), 0x400000, "is read back");
	is(hv_set_debugreg(0, HYPERVISOR_VIRT_START), KIT_ERRNO(EPERM), "an address of the hypervisor is refused");
	is(hv_set_debugreg(3, 0x800000000000UL), KIT_ERRNO(EPERM), "a non-canonical address is refused");
	value("set_debugreg 4", hv_set_debugreg(4, 0));
	value("get_debugreg 4", hv_get_debugreg(4));
	value("get_debugreg 5", hv_get_debugreg(5));
	is_hex(hv_get_debugreg(6), 0xffff0ff0, "status");
	is_hex(hv_get_debugreg(7), 0x400, "control");
	is(hv_set_debugreg(6, 0), 0, "status can be written");
	is_hex(hv_get_debugreg(6), 0xffff0ff0, "its fixed bits stay");
	value("set_debugreg 7 with reserved bits", hv_set_debugreg(7, 0xffffffff00000000UL));
	value("set_debugreg 7 with general detect", hv_set_debugreg(7, 0x2000));
	value("set_debugreg 7 with I/O breakpoints", hv_set_debugreg(7, 0x20001));
	is(hv_set_debugreg(7, 0), 0, "none");
	is_hex(hv_get_debugreg(7), 0x400, "gives the fixed bit");
	/* EINVAL by the public header, ENODEV by Xen */
	ok(hv_set_debugreg(8, 0) == KIT_ERRNO(EINVAL) || hv_set_debugreg(8, 0) == KIT_ERRNO(ENODEV),
	   "register 8 cannot be set");
	ok(hv_get_debugreg(8) == KIT_ERRNO(EINVAL) || hv_get_debugreg(8) == KIT_ERRNO(ENODEV),
	   "register 8 cannot be read");
}

static volatile uint64_t watched;

static void test_breakpoints(void) {
	hv_set_debugreg(6, 0);
	is(hv_set_debugreg(0, (unsigned long)&watched), 0, "a watched address");
	is(hv_set_debugreg(7, DR7_L0 | 1UL << 16 | 3UL << 18), 0, "for writes of 8 bytes");
	TRAP_TRY("movq $5, %0; nop", : "=m"(watched)::"memory");
	trapped(VEC_DB, 0, "a write traps");
	is_hex(hv_get_debugreg(6) & 0xf, 1, "status tells which");
	is(watched, 5, "after the write");
	is(hv_set_debugreg(7, 0), 0, "none");
	TRAP_TRY("movq $6, %0; nop", : "=m"(watched)::"memory");
	not_trapped("no more");
	hv_set_debugreg(0, 0);
}

static void test_user_breakpoint(void) {
	const struct trap_record *t;

	user_setup();
	is(hv_set_debugreg(1, user_at(user_ud2)), 0, "a breakpoint in user code");
	is(hv_set_debugreg(7, 4), 0, "for execution");
	hv_set_debugreg(6, 0);
	t = user_run(user_ud2, 0, 0);
	is(t->vector, VEC_DB, "is hit");
	is_hex(t->frame.rip, user_at(user_ud2), "before the instruction");
	is_hex(hv_get_debugreg(6) & 0xf, 2, "status tells which");
	hv_set_debugreg(7, 0);
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	test_taskswitch();
	test_fpu_state();
	test_debugreg_calls();
	test_breakpoints();
	test_user_breakpoint();
	done();
}
