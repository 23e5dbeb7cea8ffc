/* SPDX-License-Identifier: MIT */
/* Exceptions and software interrupts of the guest kernel: which vector, frame and error code. */
#include <asm/processor-flags.h>
#include <kit/pt.h>
#include <kit/shared.h>
#include "probe.h"
#include "tap.h"

#define NON_CANONICAL 0x800000000000UL
#define UNMAPPED      0x7000123456UL

/* The trapping instruction; set by AT(). */
uint64_t insn_address;

#define AT(setup, insn) "movq $773f, insn_address(%%rip)\n\t" setup "\n773:\t" insn "\n\t"

/* The parts of the frame that are the same for every trap of the kernel; `length` is 0 for faults. */
static void check_frame(const char *what, unsigned int length) {
	const struct trap_frame *f = &kit_trap_record.frame;
	char name[80];

	kit_snprintf(name, sizeof(name), "%s: rip", what);
	is(f->rip - insn_address, length, name);
	kit_snprintf(name, sizeof(name), "%s: cs tells kernel mode", what);
	is_hex(f->cs, FLAT_KERNEL_CS & ~3, name);
	kit_snprintf(name, sizeof(name), "%s: ss", what);
	is_hex(f->ss, FLAT_KERNEL_SS, name);
	kit_snprintf(name, sizeof(name), "%s: IF and the saved mask say the same", what);
	ok(!(f->rflags & X86_EFLAGS_IF) == !!f->saved_upcall_mask, name);
}

static void test_faults(void) {
	TRAP_TRY(AT("xorl %%edx, %%edx", "divl %%edx"), ::: "rax", "rdx", "memory");
	trapped(VEC_DE, 0, "#DE: division by zero");
	check_frame("#DE", 0);
	TRAP_TRY(AT("", "ud2"), ::: "memory");
	trapped(VEC_UD, 0, "#UD: ud2");
	check_frame("#UD", 0);
	TRAP_TRY(AT("", "movb (%0), %%cl"), ::"r"(NON_CANONICAL) : "rcx", "memory");
	trapped(VEC_GP, 0, "#GP: non-canonical address");
	check_frame("#GP", 0);
	TRAP_TRY("pushq %%rbp; movq $772f, kit_trap_resume(%%rip)\n" AT("movq %0, %%rbp",
									"movb (%%rbp), %%cl") "772: popq %%rbp",
		 ::"r"(NON_CANONICAL)
		 : "rcx", "memory");
	/* #SS by the manuals, #GP by QEMU's own emulation of the processor */
	ok(kit_trap_record.vector == VEC_SS || kit_trap_record.vector == VEC_GP,
	   "#SS or #GP: non-canonical address by %rbp");
	check_frame("#SS", 0);
	TRAP_TRY(AT("", "movw %w0, %%ds"), ::"r"(0x5678) : "memory");
	trapped(VEC_GP, 0x5678, "#GP: selector beyond the tables");
	check_frame("#GP with selector", 0);
}

static void test_traps(void) {
	TRAP_TRY(AT("", "int3"), ::: "memory");
	trapped(VEC_BP, 0, "#BP: int3");
	check_frame("#BP", 1);
	TRAP_TRY(AT("", "int $4"), ::: "memory");
	trapped(VEC_OF, 0, "int $4 by a gate open to all");
	check_frame("int $4", 2);
	TRAP_TRY(AT("", "int $0x80"), ::: "memory");
	trapped(0x80, 0, "int $0x80 from the kernel");
	check_frame("int $0x80", 2);
	TRAP_TRY(AT("pushfq; orl $0x100, (%%rsp); popfq", "nop; nop"), ::: "memory");
	trapped(VEC_DB, 0, "#DB: single step");
	check_frame("#DB", 1);
	ok(kit_trap_record.frame.rflags & X86_EFLAGS_TF, "#DB: the frame has TF");
}

static struct trap_info table[4];

static long set_gate(unsigned int vector, unsigned int flags) {
	memset(table, 0, sizeof(table));
	table[0].vector = vector;
	table[0].flags = flags;
	table[0].cs = FLAT_KERNEL_CS;
	table[0].address = kit_vector_table[vector];
	return hv_set_trap_table(table);
}

static void test_int_privilege(void) {
	set_gate(0x21, 0);
	TRAP_TRY(AT("", "int $0x21"), ::: "memory");
	trapped(VEC_GP, 0x21 * 8 + 2, "int $0x21 with level 0 is refused to the kernel");
	check_frame("refused int", 0);
	set_gate(0x21, 1);
	TRAP_TRY(AT("", "int $0x21"), ::: "memory");
	trapped(0x21, 0, "int $0x21 with level 1 is open to the kernel");
	check_frame("int level 1", 2);
	set_gate(0x21, 3);
	TRAP_TRY(AT("", "int $0x21"), ::: "memory");
	trapped(0x21, 0, "int $0x21 with level 3 is open to the kernel");
	TRAP_TRY(AT("", "int $14"), ::: "memory");
	trapped(VEC_GP, 14 * 8 + 2, "int $14 with level 0 is refused");
	TRAP_TRY(AT("", "int $2"), ::: "memory");
	trapped(VEC_GP, 2 * 8 + 2, "int $2 is refused");
}

static volatile unsigned char seen_mask;

static void note_mask(struct trap_frame *f) {
	(void)f;
	seen_mask = kit_vcpu_info()->evtchn_upcall_mask;
}

static void test_mask(void) {
	kit_handlers[0x22] = note_mask;
	kit_vcpu_info()->evtchn_upcall_mask = 0;
	set_gate(0x22, 3);
	asm volatile("int $0x22" ::: "memory");
	is(seen_mask, 0, "a gate without flag 4 leaves events unmasked");
	set_gate(0x22, 3 | 4);
	asm volatile("int $0x22" ::: "memory");
	is(seen_mask, 1, "a gate with flag 4 masks events");
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "iret puts the mask back");
	kit_vcpu_info()->evtchn_upcall_mask = 1;
	TRAP_TRY("ud2", ::: "memory");
	is(kit_trap_record.frame.saved_upcall_mask, 1, "the frame has the mask of the interrupted code");
	ok(!(kit_trap_record.frame.rflags & X86_EFLAGS_IF), "a masked frame has IF clear");
	is(kit_vcpu_info()->evtchn_upcall_mask, 1, "iret puts a set mask back");
}

static void page_fault(unsigned int error, uint64_t address, const char *name) {
	char cr2[80];

	trapped(VEC_PF, error, name);
	kit_snprintf(cr2, sizeof(cr2), "%s: cr2", name);
	is_hex(kit_trap_record.cr2, address, cr2);
}

static void test_page_faults(void) {
	static const char text[] = "read-only? no: the builder maps all writable";
	uint64_t l4 = kit_start_info->pt_base;

	TRAP_TRY(AT("", "movb (%0), %%cl"), ::"r"(UNMAPPED) : "rcx", "memory");
	page_fault(0, UNMAPPED, "#PF: read of nothing");
	check_frame("#PF", 0);
	TRAP_TRY("movb $1, (%0)", ::"r"(UNMAPPED) : "memory");
	page_fault(2, UNMAPPED, "#PF: write to nothing");
	TRAP_TRY("movq $772f, kit_trap_resume(%%rip); jmp *%0; 772:", ::"r"(UNMAPPED) : "memory");
	ok(kit_trap_record.vector == VEC_PF && (kit_trap_record.error_code & ~16U) == 0, "#PF: jump to nothing");
	is_hex(kit_trap_record.frame.rip, UNMAPPED, "#PF: jump to nothing: rip");
	TRAP_TRY("movb $1, (%0)", ::"r"(l4 + 8) : "memory");
	page_fault(3, l4 + 8, "#PF: a page table is read-only");
	TRAP_TRY("movb $1, (%0)", ::"r"(HYPERVISOR_VIRT_START) : "memory");
	page_fault(3, HYPERVISOR_VIRT_START, "#PF: the machine-to-physical table is read-only");
	TRAP_TRY("movb (%0), %%cl", ::"r"(HYPERVISOR_VIRT_END - 8) : "rcx", "memory");
	ok(kit_trap_record.vector == VEC_PF, "#PF: the hypervisor's end of its range cannot be read");
	TRAP_TRY("movb (%0), %%cl", ::"r"(text) : "rcx", "memory");
	not_trapped("a mapped page can be read");
}

/* Steps over the two bytes of ud2 and notes nothing else. */
static void step_over(struct trap_frame *f) { f->rip += 2; }

static void test_registers(void) {
	struct probe_regs in, out;
	uint64_t *r = (uint64_t *)&in;

	kit_handlers[VEC_UD] = step_over;
	for (unsigned int i = 0; i < sizeof(in) / 8; i++) r[i] = 0x0123456789abcdefUL * (2 * i + 1);
	in.rflags = 0xcd5; /* the arithmetic flags and DF */
	probe_ud2(&in, &out);
	out.rflags &= 0xcd5;
	ok(memcmp(&in, &out, sizeof(in)) == 0, "a trap and its iret keep all registers and flags");
	kit_handlers[VEC_UD] = NULL;
}

static volatile unsigned int nmi_count, nmi_mask;

static void count_nmi(struct trap_frame *f) {
	(void)f;
	nmi_count++;
	nmi_mask = kit_vcpu_info()->evtchn_upcall_mask;
}

static void test_nmi(void) {
	kit_handlers[VEC_NMI] = count_nmi;
	kit_vcpu_info()->evtchn_upcall_mask = 0;
	is(hv_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0, "send_nmi to oneself");
	is(nmi_count, 1, "the NMI arrived");
	is(nmi_mask, 1, "events are masked in the NMI handler");
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "and unmasked behind it");
	hv_vcpu_op(VCPUOP_send_nmi, 0, NULL);
	is(nmi_count, 2, "a second NMI arrives after the iret of the first");
	is(hv_vcpu_op(VCPUOP_send_nmi, 77, NULL), KIT_ERRNO(ENOENT), "send_nmi to no vCPU");
}

static void test_table(void) {
	set_gate(0x30, 3);
	table[0].address = NON_CANONICAL;
	is(hv_set_trap_table(table), KIT_ERRNO(EINVAL), "a non-canonical handler is refused");
	is(hv_set_trap_table((void *)UNMAPPED), KIT_ERRNO(EFAULT), "an unmapped table is refused");
	is(hv_set_trap_table((void *)HYPERVISOR_VIRT_START), KIT_ERRNO(EFAULT),
	   "a table in the hypervisor's range is refused");
	TRAP_TRY("int $0x21", ::: "memory");
	trapped(0x21, 0, "earlier entries stay");
	is(hv_set_trap_table(NULL), 0, "an empty argument clears the table");
	kit_traps_init();
	TRAP_TRY("ud2", ::: "memory");
	trapped(VEC_UD, 0, "the table works when set again");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	test_faults();
	test_traps();
	test_int_privilege();
	test_mask();
	test_page_faults();
	test_registers();
	test_nmi();
	test_table();
	done();
}
