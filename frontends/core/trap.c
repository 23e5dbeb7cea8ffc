/* SPDX-License-Identifier: MIT */
/* The trap table and the one function that all traps arrive in. */
#include <asm/processor-flags.h>
#include <kit/guest.h>
#include <kit/shared.h>
#include <kit/trap.h>
#include <kit/user.h>

#define TRAP_KERNEL       0
#define TRAP_USER         3
#define TRAP_MASKS_EVENTS 4

trap_handler *kit_handlers[VEC_COUNT];
struct trap_record kit_trap_record;
uint64_t kit_trap_resume;

static void print_frame(const struct trap_frame *f, uint64_t cr2) {
	kit_printf("# trap %u error %x cr2 %lx cs:rip %x:%lx rflags %lx ss:rsp %lx:%lx\n", f->vector, f->error_code,
		   cr2, f->cs, f->rip, f->rflags, f->ss, f->rsp);
	kit_printf("# rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx\n", f->rax, f->rbx, f->rcx, f->rdx, f->rsi,
		   f->rdi);
	kit_printf("# rbp %lx r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx\n", f->rbp, f->r8, f->r9, f->r10, f->r11, f->r12);
}

static void record(const struct trap_frame *f, uint64_t cr2) {
	kit_trap_record.vector = f->vector;
	kit_trap_record.error_code = f->error_code;
	kit_trap_record.cr2 = cr2;
	kit_trap_record.frame = *f;
}

void kit_trap(struct trap_frame *f) {
	uint64_t cr2 = f->vector == VEC_PF ? kit_vcpu_info()->arch.cr2 : 0;

	/* an NMI may be another vCPU's */
	bool awaited = f->vector != VEC_EVENT && !(f->vector == VEC_NMI && kit_handlers[VEC_NMI]);

	if (awaited && kit_trap_resume) {
		record(f, cr2);
		f->rip = kit_trap_resume;
		f->rflags &= ~X86_EFLAGS_TF;
		kit_trap_resume = 0;
		return;
	}
	if (f->vector < VEC_COUNT && kit_handlers[f->vector]) {
		kit_handlers[f->vector](f);
		return;
	}
	if ((f->cs & 3) == 3 && kit_user_return_sp) {
		record(f, cr2);
		kit_user_exit();
	}
	print_frame(f, cr2);
	kit_panic("not ok - guest died of trap %u", f->vector);
}

static void register_callback(unsigned int type, void (*entry)(void)) {
	struct callback_register cb = {
		.type = type,
		.flags = CALLBACKF_mask_events,
		.address = (unsigned long)entry,
	};

	if (type == CALLBACKTYPE_syscall) cb.flags = 0;
	hv_callback_op(CALLBACKOP_register, &cb);
}

void kit_traps_init(void) {
	static struct trap_info table[257];

	for (unsigned int i = 0; i < 256; i++) {
		bool user = i == VEC_BP || i == VEC_OF || i == 0x80;

		table[i].vector = i;
		table[i].flags = user ? TRAP_USER : TRAP_KERNEL;
		table[i].cs = FLAT_KERNEL_CS;
		table[i].address = kit_vector_table[i];
	}
	table[VEC_NMI].flags |= TRAP_MASKS_EVENTS;
	if (hv_set_trap_table(table)) kit_panic("# set_trap_table refused");
	register_callback(CALLBACKTYPE_event, kit_callback_event);
	register_callback(CALLBACKTYPE_failsafe, kit_callback_failsafe);
	register_callback(CALLBACKTYPE_syscall, kit_callback_syscall);
}
