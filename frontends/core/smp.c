/* SPDX-License-Identifier: MIT */
/*
 * vCPU life: VCPUOP_initialise stores a whole context once; VCPUOP_up lets it run. The first words
 * of the new stack hold the vCPU's number (see kit/stack.h).
 */
#include <kit/pt.h>
#include <kit/smp.h>
#include <kit/time.h>
#include <kit/trap.h>

static char stacks[KIT_SMP_MAX][KIT_STACK_SIZE] __attribute__((aligned(KIT_STACK_SIZE)));
static void (*entries[KIT_SMP_MAX])(void);
static struct vcpu_guest_context context;

static void first_code(void) {
	unsigned int self = kit_vcpu_id();

	for (;;) {
		entries[self]();
		hv_vcpu_op(VCPUOP_down, self, NULL);
	}
}

static void fill_traps(struct trap_info *table) {
	for (unsigned int i = 0; i < 256; i++) {
		table[i].vector = i;
		table[i].flags = i == VEC_BP || i == VEC_OF || i == 0x80 ? 3 : 0;
		table[i].cs = FLAT_KERNEL_CS;
		table[i].address = kit_vector_table[i];
	}
}

struct vcpu_guest_context *kit_vcpu_context(unsigned int vcpu, void (*entry)(void)) {
	struct vcpu_guest_context *c = &context;
	unsigned long top = (unsigned long)stacks[vcpu] + KIT_STACK_SIZE - 64;

	memset(c, 0, sizeof(*c));
	*(unsigned int *)stacks[vcpu] = vcpu;
	entries[vcpu] = entry;
	fill_traps(c->trap_ctxt);
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = (unsigned long)first_code;
	c->user_regs.rsp = top - 8; /* as behind a call */
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.rflags = 0x1000 | 0x200;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = top;
	c->ctrlreg[0] = 0x80050033;
	c->ctrlreg[3] = xen_pfn_to_cr3(kit_mfn(kit_root_pfn));
	c->event_callback_eip = (unsigned long)kit_callback_event;
	c->failsafe_callback_eip = (unsigned long)kit_callback_failsafe;
	c->syscall_callback_eip = (unsigned long)kit_callback_syscall;
	return c;
}

long kit_vcpu_start(unsigned int vcpu, void (*entry)(void)) {
	long rc;

	if (vcpu == 0 || vcpu >= KIT_SMP_MAX) return KIT_ERRNO(EINVAL);
	rc = hv_vcpu_op(VCPUOP_initialise, vcpu, kit_vcpu_context(vcpu, entry));
	return rc ? rc : hv_vcpu_op(VCPUOP_up, vcpu, NULL);
}

long kit_vcpu_is_up(unsigned int vcpu) { return hv_vcpu_op(VCPUOP_is_up, vcpu, NULL); }

bool kit_vcpu_wait_down(unsigned int vcpu, uint64_t ns) {
	uint64_t end = kit_time() + ns;

	while (kit_vcpu_is_up(vcpu) == 1 && kit_time() < end) hv_sched_op(SCHEDOP_yield, NULL);
	return kit_vcpu_is_up(vcpu) == 0;
}
