/* SPDX-License-Identifier: MIT */
/* User mode: system calls, traps with their privileges, what user code may reach, interruption, and
 * the forms of iret. */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"
#include "usermode.h"

#define VGCF_syscall VGCF_IN_SYSCALL /* in iret_context.flags: return as from a system call */

static void ended(const struct trap_record *t, unsigned int vector, unsigned int error, const char *name) {
	kit_printf("# = %s: trap %u error %x\n", name, t->vector, t->error_code);
	ok(t->vector == vector && t->error_code == error, name);
}

static void frame_is_user(const struct trap_record *t, unsigned long rip, const char *name) {
	char what[80];

	kit_snprintf(what, sizeof(what), "%s: rip", name);
	is_hex(t->frame.rip, rip, what);
	kit_snprintf(what, sizeof(what), "%s: cs", name);
	is_hex(t->frame.cs, FLAT_USER_CS64, what);
	kit_snprintf(what, sizeof(what), "%s: ss", name);
	is_hex(t->frame.ss, FLAT_USER_SS64, what);
	kit_snprintf(what, sizeof(what), "%s: rsp", name);
	is_hex(t->frame.rsp, USER_STACK + PAGE_SIZE - 64, what);
	kit_snprintf(what, sizeof(what), "%s: interrupt flag", name);
	is_hex(t->frame.rflags & 0x200, 0x200, what);
}

static void test_syscall(void) {
	struct trap_frame f = user_frame(user_syscall);
	const struct trap_record *t;

	f.rax = 42;
	f.rdi = 1;
	f.rsi = 2;
	f.rdx = 3;
	f.r10 = 4;
	f.r8 = 5;
	f.r9 = 6;
	f.rflags = 0x202 | 0x8d5;
	t = kit_user_run(&f);
	ended(t, VEC_SYSCALL, 0, "syscall from user mode");
	frame_is_user(t, user_at(user_syscall) + 2, "syscall");
	is(t->frame.rax, 42, "syscall: the number is not taken for a hypercall's");
	ok(t->frame.rdi == 1 && t->frame.rsi == 2 && t->frame.rdx == 3 && t->frame.r10 == 4 && t->frame.r8 == 5 &&
		   t->frame.r9 == 6,
	   "syscall: the arguments arrive");
	is_hex(t->frame.rflags & 0x8d5, 0x8d5, "syscall: the flags arrive");
	is_hex(t->frame.rcx, t->frame.rip, "syscall: rcx is what the processor left");
}

static void test_traps(void) {
	const struct trap_record *t = user_run(user_int80, 20, 0);

	ended(t, 0x80, 0, "int $0x80 from user mode");
	frame_is_user(t, user_at(user_int80) + 2, "int $0x80");
	is(t->frame.rax, 20, "int $0x80: rax");
	t = user_run(user_int3, 0, 0);
	ended(t, VEC_BP, 0, "int3 from user mode");
	frame_is_user(t, user_at(user_int3) + 1, "int3");
	t = user_run(user_ud2, 0, 0);
	ended(t, VEC_UD, 0, "ud2 from user mode");
	frame_is_user(t, user_at(user_ud2), "ud2");
	t = user_run(user_div, 0, 0);
	ended(t, VEC_DE, 0, "division by zero in user mode");
	t = user_run(user_int21, 0, 0);
	ended(t, VEC_GP, 0x21 * 8 + 2, "int $0x21 from user mode is refused");
	frame_is_user(t, user_at(user_int21), "int $0x21");
	t = user_run(user_cli, 0, 0);
	ended(t, VEC_GP, 0, "cli in user mode");
	t = user_run(user_in, 0, 0);
	ended(t, VEC_GP, 0, "in in user mode");
	t = user_run(user_hlt, 0, 0);
	ended(t, VEC_GP, 0, "hlt in user mode");
	t = user_run(user_rdtsc, 0, 0);
	ended(t, VEC_SYSCALL, 0, "rdtsc in user mode");
	t = user_run(user_cpuid_emulated, 0x40000000, 0);
	ended(t, VEC_SYSCALL, 0, "cpuid with the emulation prefix in user mode");
	is_hex((uint32_t)t->frame.rbx, 0x566e6558, "it gives the hypervisor's signature");
}

static void fault(unsigned long address, unsigned int error, const char *name) {
	const struct trap_record *t = user_run(user_read, 0, address);

	ended(t, VEC_PF, error, name);
	is_hex(t->cr2, address, name);
}

static void test_memory(void) {
	const struct trap_record *t;

	user_data[0] = 0x1234;
	t = user_run(user_read, 0, USER_DATA);
	ended(t, VEC_SYSCALL, 0, "user code reads its data");
	is_hex(t->frame.rax, 0x1234, "and gets it");
	fault(0x7000000000UL, 4, "user code reads nothing");
	fault((unsigned long)user_code, 4, "user code does not see the kernel");
	fault(KIT_DIRECT, 4, "user code does not see the kernel's direct map");
	fault(HYPERVISOR_VIRT_END - PAGE_SIZE, user_run(user_read, 0, HYPERVISOR_VIRT_END - PAGE_SIZE)->error_code,
	      "user code does not see the hypervisor");
	ok(user_run(user_read, 0, HYPERVISOR_VIRT_START)->vector == VEC_PF ||
		   user_run(user_read, 0, HYPERVISOR_VIRT_START)->vector == VEC_SYSCALL,
	   "the machine-to-physical table is readable or not, no more");
	ended(user_run(user_read, 0, 0x800000000000UL), VEC_GP, 0, "user code uses a non-canonical address");
	t = kit_user_run(&(struct trap_frame){ .rip = USER_DATA,
					       .cs = FLAT_USER_CS64,
					       .ss = FLAT_USER_SS64,
					       .rsp = USER_STACK + 64,
					       .rflags = 0x202 });
	ended(t, VEC_PF, 0x15, "user code jumps into no-execute data");
}

static void test_segment_bases(void) {
	const struct trap_record *t;

	user_data[0] = 0x5678;
	is(hv_set_segment_base(SEGBASE_GS_USER, USER_DATA), 0, "the user gs base is set");
	t = user_run(user_read_gs, 0, 0);
	is_hex(t->frame.rax, 0x5678, "user code reads by it");
	is(hv_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&kit_start_info), 0, "the kernel gs base is set");
	asm volatile("movq %%gs:0, %0" : "=r"(user_data[1]));
	same(user_data[1], (uint64_t)kit_start_info, "the kernel reads by it");
	t = user_run(user_read_gs, 0, 0);
	is_hex(t->frame.rax, 0x5678, "user code still has its own");
	asm volatile("movq %%gs:0, %0" : "=r"(user_data[1]));
	same(user_data[1], (uint64_t)kit_start_info, "and the kernel too");
	is(hv_set_segment_base(SEGBASE_FS, USER_DATA), 0, "the fs base is set");
	asm volatile("movq %%fs:0, %0" : "=r"(user_data[1]));
	is_hex(user_data[1], 0x5678, "the kernel reads by it");
	is(hv_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0, "the user gs selector is set to null");
	value("set_segment_base with a bad selector", hv_set_segment_base(SEGBASE_GS_USER_SEL, 0x5678));
	is(hv_set_segment_base(SEGBASE_FS, 0x800000000000UL), KIT_ERRNO(EINVAL), "a non-canonical fs base is refused");
	is(hv_set_segment_base(SEGBASE_GS_USER, 0x800000000000UL), KIT_ERRNO(EINVAL),
	   "a non-canonical user gs base is refused");
	is(hv_set_segment_base(SEGBASE_GS_KERNEL, 0x800000000000UL), KIT_ERRNO(EINVAL),
	   "a non-canonical gs base is refused");
	is(hv_set_segment_base(9, 0), KIT_ERRNO(EINVAL), "an unknown segment is refused");
	hv_set_segment_base(SEGBASE_FS, 0);
}

/* Kernel handler that returns to user mode with a result. */
static void answer(struct trap_frame *f) {
	f->rax += 1000;
	kit_handlers[VEC_SYSCALL] = NULL;
}

static void test_return(void) {
	struct trap_frame f = user_frame(user_syscall_twice);
	const struct trap_record *t;

	kit_handlers[VEC_SYSCALL] = answer;
	f.rax = 7;
	f.r12 = 0x1212;
	t = kit_user_run(&f);
	is(t->frame.rbx, 1007, "a system call returns a value to user mode");
	is_hex(t->frame.r12, 0x1212, "and keeps the other registers");
	is_hex(t->frame.rip, user_at(user_syscall_twice) + 7, "the second call comes from behind the first");
}

static volatile unsigned int events;
static unsigned int event_cs;

static void on_ipi(unsigned int port) {
	(void)port;
	events++;
}

static void send_and_answer(struct trap_frame *f) {
	event_cs = f->cs;
	kit_event_send(user_data[8]);
	kit_handlers[VEC_SYSCALL] = NULL;
}

static void test_events(void) {
	long port = kit_event_bind_ipi(0);

	ok(port > 0, "an IPI port");
	user_data[8] = port;
	kit_event_handle(port, on_ipi);
	kit_events_off();
	kit_event_send(port);
	is(events, 0, "no event while masked");
	user_run(user_syscall, 0, 0);
	is(events, 1, "an event held back comes when user mode is entered");
	is_hex(event_cs, 0, "the system call came after it");
	kit_handlers[VEC_SYSCALL] = send_and_answer;
	user_run(user_syscall_twice, 0, 0);
	is(events, 2, "an event sent by a system call's handler");
	kit_event_close(port);
}

static void test_syscall_mask(void) {
	struct callback_register cb = {
		.type = CALLBACKTYPE_syscall,
		.address = (unsigned long)kit_callback_syscall,
		.flags = CALLBACKF_mask_events,
	};
	struct callback_unregister un = { .type = CALLBACKTYPE_syscall };

	kit_events_on();
	user_run(user_syscall, 0, 0);
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "a system call leaves events unmasked");
	is(hv_callback_op(CALLBACKOP_register, &cb), 0, "the callback is changed to mask them");
	user_run(user_syscall, 0, 0);
	is(kit_vcpu_info()->evtchn_upcall_mask, 1, "a system call masks events");
	kit_events_on();
	cb.address = 0x800000000000UL;
	is(hv_callback_op(CALLBACKOP_register, &cb), KIT_ERRNO(EINVAL), "a non-canonical callback is refused");
	cb.type = 99;
	value("callback_op with an unknown type", hv_callback_op(CALLBACKOP_register, &cb));
	is(hv_callback_op(99, &cb), KIT_ERRNO(ENOSYS), "an unknown callback_op");
	is(hv_callback_op(CALLBACKOP_register, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "an unmapped callback_op");
	value("callback_op unregister of syscall", hv_callback_op(CALLBACKOP_unregister, &un));
	kit_traps_init();
	is(hv_set_callbacks(kit_callback_event, kit_callback_failsafe, kit_callback_syscall), 0, "set_callbacks");
	value("set_callbacks with a non-canonical address",
	      hv_set_callbacks((void *)0x800000000000UL, kit_callback_failsafe, kit_callback_syscall));
	kit_traps_init();
	ended(user_run(user_syscall, 0, 0), VEC_SYSCALL, 0, "a system call still works");
}

static void test_sysenter(void) {
	struct callback_register cb = {
		.type = CALLBACKTYPE_sysenter,
		.address = (unsigned long)kit_callback_sysenter,
	};
	const struct trap_record *t;

	value("callback_op for sysenter", hv_callback_op(CALLBACKOP_register, &cb));
	t = user_run(user_sysenter, 33, 0);
	ok(t->vector == VEC_SYSENTER || t->vector == VEC_UD, "sysenter arrives as sysenter or as #UD");
	kit_printf("# = sysenter from user mode: trap %u error %x\n", t->vector, t->error_code);
	cb.type = CALLBACKTYPE_syscall32;
	cb.address = (unsigned long)kit_callback_syscall32;
	value("callback_op for 32-bit syscall", hv_callback_op(CALLBACKOP_register, &cb));
}

static struct trap_frame flags_frame(uint64_t rflags, uint32_t iret_flags) {
	struct trap_frame f = user_frame(user_syscall);

	f.rflags = rflags;
	f.error_code = iret_flags; /* the slot of iret_context.flags */
	return f;
}

static void test_iret_flags(void) {
	struct trap_frame f = flags_frame(0x3202, 0);

	is_hex(kit_user_run(&f)->frame.rflags & 0x3000, 0, "iret gives no I/O privilege");
	f = flags_frame(0x4202, 0);
	ended(kit_user_run(&f), VEC_SYSCALL, 0, "iret with the nested task flag");
	value("the nested task flag in user mode", kit_trap_record.frame.rflags & 0x4000);
	f = flags_frame(0x20202, 0);
	is_hex(kit_user_run(&f)->frame.rflags & 0x20000, 0, "iret sets no virtual-8086 mode");
	f = flags_frame(0x002, 0);
	is_hex(kit_user_run(&f)->frame.rflags & 0x200, 0, "user mode can have events masked");
	kit_events_on();
	f = flags_frame(0x40202, 0);
	is_hex(kit_user_run(&f)->frame.rflags & 0x40000, 0x40000, "iret sets the alignment flag");
	f = flags_frame(0x200202, 0);
	is_hex(kit_user_run(&f)->frame.rflags & 0x200000, 0x200000, "iret sets the id flag");
	f = flags_frame(0x202, VGCF_syscall);
	f.rcx = 0x1111;
	f.r11 = 0x2222;
	ended(kit_user_run(&f), VEC_SYSCALL, 0, "iret in the form of sysret");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	user_setup();
	test_syscall();
	test_traps();
	test_memory();
	test_segment_bases();
	test_return();
	test_events();
	test_syscall_mask();
	test_sysenter();
	test_iret_flags();
	done();
}
