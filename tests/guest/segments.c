/* SPDX-License-Identifier: MIT */
/* guest-boot: vcpus=2 */
/* Descriptor tables: set_gdt, update_descriptor, the LDT; which descriptors are refused, what bad
 * selectors do. */
#include <kit/pt.h>
#include <kit/shared.h>
#include <kit/smp.h>
#include "tap.h"
#include "usermode.h"

#define DESC_DATA3  0x00cff3000000ffffUL /* flat data, level 3, present */
#define DESC_DATA0  0x00cf93000000ffffUL /* flat data, level 0 */
#define DESC_CODE3  0x00affb000000ffffUL /* 64-bit code, level 3 */
#define DESC_CODE0  0x00af9b000000ffffUL /* 64-bit code, level 0 */
#define DESC_CODE32 0x00cffb000000ffffUL /* 32-bit code, level 3 */
#define DESC_GATE   0x0000ec0000000000UL /* call gate */
#define DESC_TSS    0x0000890000000067UL
#define DESC_LDT    0x0000820000000fffUL
#define DESC_INTR   0x0000ee0000000000UL /* interrupt gate */
#define DESC_BOTH   0x00effb000000ffffUL /* code with L and D */
#define PRESENT     (1UL << 47)

static unsigned long gdt_pfn;
static uint64_t *gdt;

static long set_gdt(unsigned int entries) {
	unsigned long frame = kit_mfn(gdt_pfn);

	return hv_set_gdt(&frame, entries);
}

static long update(unsigned int index, uint64_t desc) {
	return hv_update_descriptor(((uint64_t)kit_mfn(gdt_pfn) << PAGE_SHIFT) + index * 8, desc);
}

static void test_set_gdt(void) {
	unsigned long frames[2];

	gdt_pfn = kit_page_alloc();
	gdt = kit_page(gdt_pfn);
	gdt[1] = DESC_DATA3;
	is(set_gdt(512), KIT_ERRNO(EINVAL), "a table that is mapped writable is refused");
	kit_page_protect(gdt_pfn, PTE_RO);
	is(set_gdt(512), 0, "read-only it is accepted");
	is(kit_page_protect(gdt_pfn, PTE_DATA), KIT_ERRNO(EBUSY), "it gets no writable mapping");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(gdt_pfn), NULL), KIT_ERRNO(EINVAL), "and cannot be a page table");
	TRAP_TRY("movw %w0, %%ds", ::"r"(0x0b) : "memory");
	not_trapped("its descriptor is loaded");
	asm volatile("movw %w0, %%ds" ::"r"(0));
	is(set_gdt(0), 0, "the table is taken away");
	is(kit_page_protect(gdt_pfn, PTE_DATA), 0, "it is an ordinary frame again");
	kit_page_protect(gdt_pfn, PTE_RO);
	is(set_gdt(14 * 512 + 1), KIT_ERRNO(EINVAL), "more entries than a guest may have");
	frames[0] = 0xfffffff;
	is(hv_set_gdt(frames, 512), KIT_ERRNO(EINVAL), "a frame beyond memory");
	frames[0] = kit_mfn(kit_root_pfn);
	is(hv_set_gdt(frames, 512), KIT_ERRNO(EINVAL), "a page table");
	frames[0] = kit_start_info->shared_info >> PAGE_SHIFT;
	value("set_gdt with shared_info", hv_set_gdt(frames, 512));
	is(hv_set_gdt((void *)0x7000000000UL, 512), KIT_ERRNO(EFAULT), "an unmapped list");
	frames[0] = kit_mfn(gdt_pfn);
	frames[1] = kit_mfn(gdt_pfn);
	is(hv_set_gdt(frames, 1024), 0, "one frame twice");
	is(set_gdt(512), 0, "and once");
}

/* Frames with descriptors the hypervisor must not load. */
static void test_bad_tables(void) {
	static const struct {
		uint64_t desc;
		const char *name;
	} bad[] = {
		{ DESC_GATE, "a call gate" },
		{ DESC_TSS, "a task state" },
		{ DESC_LDT, "a local table" },
		{ DESC_INTR, "an interrupt gate" },
		{ DESC_DATA0, "data of level 0" },
		{ DESC_CODE0, "code of level 0" },
		{ DESC_BOTH, "code with L and D" },
		{ DESC_CODE32, "32-bit code" },
		{ DESC_DATA3 & ~PRESENT, "absent data" },
		{ DESC_GATE & ~PRESENT, "an absent gate" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned long pfn = kit_page_alloc(), frame = kit_mfn(pfn);
		char name[64];

		((uint64_t *)kit_page(pfn))[7] = bad[i].desc;
		kit_page_protect(pfn, PTE_RO);
		kit_snprintf(name, sizeof(name), "set_gdt with %s", bad[i].name);
		value(name, hv_set_gdt(&frame, 512));
		kit_snprintf(name, sizeof(name), "%s afterwards", bad[i].name);
		kit_printf("# = %s: %lx\n", name, ((uint64_t *)kit_page(pfn))[7]);
		set_gdt(512);
		kit_page_protect(pfn, PTE_DATA);
		kit_page_free(pfn);
	}
	ok(true, "tables with strange descriptors were tried");
}

static void try_descriptor(uint64_t desc, const char *what, long want) {
	char name[80];

	kit_snprintf(name, sizeof(name), "update_descriptor with %s", what);
	update(5, 0);
	is(update(5, desc), want, name);
	kit_printf("# = %s is stored as: %lx\n", what, gdt[5]);
}

static void test_update_descriptor(void) {
	long refused;
	unsigned long plain = kit_page_alloc();

	try_descriptor(DESC_DATA3, "data of level 3", 0);
	try_descriptor(DESC_CODE3, "code of level 3", 0);
	try_descriptor(DESC_CODE32, "32-bit code", 0);
	try_descriptor(DESC_DATA0, "data of level 0", 0);
	is_hex(gdt[5], DESC_DATA3, "level 0 is made level 3");
	try_descriptor(DESC_CODE0, "code of level 0", 0);
	is_hex(gdt[5], DESC_CODE3, "level 0 is made level 3");
	refused = update(5, DESC_GATE);
	value("update_descriptor with a call gate", refused);
	ok(refused ? gdt[5] == DESC_CODE3 : (gdt[5] & 3UL << 45) == 0,
	   "a call gate is refused, or out of reach of level 3");
	kit_printf("# = a call gate is stored as: %lx\n", gdt[5]);
	try_descriptor(DESC_TSS, "a task state", KIT_ERRNO(EINVAL));
	try_descriptor(DESC_LDT, "a local table", KIT_ERRNO(EINVAL));
	try_descriptor(DESC_INTR, "an interrupt gate", KIT_ERRNO(EINVAL));
	value("update_descriptor with code with L and D", update(5, DESC_BOTH));
	try_descriptor(DESC_GATE & ~PRESENT, "an absent gate", 0);
	try_descriptor(0, "nothing", 0);
	is(hv_update_descriptor(((uint64_t)kit_mfn(gdt_pfn) << PAGE_SHIFT) + 4, 0), KIT_ERRNO(EINVAL),
	   "an odd address");
	is(hv_update_descriptor((uint64_t)kit_mfn(kit_root_pfn) << PAGE_SHIFT, 0), KIT_ERRNO(EINVAL), "a page table");
	is(hv_update_descriptor(0xfffffff000UL, 0), KIT_ERRNO(EINVAL), "beyond memory");
	is(hv_update_descriptor(((uint64_t)kit_mfn(plain) << PAGE_SHIFT) + 16, DESC_DATA3), 0, "an ordinary frame");
	is_hex(((uint64_t *)kit_page(plain))[2], DESC_DATA3, "is written");
	value("update_descriptor with a gate in an ordinary frame",
	      hv_update_descriptor((uint64_t)kit_mfn(plain) << PAGE_SHIFT, DESC_GATE));
}

static void test_loads(void) {
	update(6, DESC_DATA3);
	TRAP_TRY("movw %w0, %%es", ::"r"(6 * 8 + 3) : "memory");
	not_trapped("a data segment is loaded");
	update(6, DESC_DATA3 & ~PRESENT);
	TRAP_TRY("movw %w0, %%es", ::"r"(6 * 8 + 3) : "memory");
	trapped(VEC_NP, 6 * 8, "an absent one traps");
	update(6, 0);
	TRAP_TRY("movw %w0, %%es", ::"r"(6 * 8 + 3) : "memory");
	trapped(VEC_GP, 6 * 8, "an empty one traps");
	TRAP_TRY("movw %w0, %%es", ::"r"(0xe033) : "memory");
	value("the flat code selector in es: trap", (int)kit_trap_record.vector);
	TRAP_TRY("movw %w0, %%es", ::"r"(0xe008) : "memory");
	value("the hypervisor's code selector in es: trap", (int)kit_trap_record.vector);
	TRAP_TRY("movw %w0, %%es", ::"r"(0xe010) : "memory");
	value("the hypervisor's data selector in es: trap", (int)kit_trap_record.vector);
	asm volatile("movw %w0, %%es" ::"r"(0));
}

static void set_ldt(unsigned long va, unsigned int entries) {
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	op.arg1.linear_addr = va;
	op.arg2.nr_ents = entries;
	hv_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void test_ldt(void) {
	unsigned long pfn = kit_page_alloc();
	uint64_t *ldt = kit_page(pfn);

	ldt[0] = DESC_DATA3;
	ldt[1] = DESC_DATA3;
	TRAP_TRY("movw %w0, %%fs", ::"r"(8 + 7) : "memory");
	trapped(VEC_GP, 8 + 4, "without an LDT its selectors trap");
	set_ldt((unsigned long)ldt, 512);
	TRAP_TRY("movw %w0, %%fs", ::"r"(8 + 7) : "memory");
	value("an LDT in writable memory: trap", (int)kit_trap_record.vector);
	asm volatile("movw %w0, %%fs" ::"r"(0));
	set_ldt(0, 0);
	kit_page_protect(pfn, PTE_RO);
	set_ldt((unsigned long)ldt, 512);
	TRAP_TRY("movw %w0, %%fs", ::"r"(8 + 7) : "memory");
	not_trapped("an LDT entry is loaded, its page faulted in");
	is(kit_page_protect(pfn, PTE_DATA), KIT_ERRNO(EBUSY), "its frame gets no writable mapping");
	TRAP_TRY("movw %w0, %%fs", ::"r"(2 * 8 + 7) : "memory");
	trapped(VEC_GP, 2 * 8 + 4, "an empty entry traps");
	is(hv_update_descriptor(((uint64_t)kit_mfn(pfn) << PAGE_SHIFT) + 16, DESC_DATA3), 0, "which is then filled");
	TRAP_TRY("movw %w0, %%fs", ::"r"(2 * 8 + 7) : "memory");
	not_trapped("and loaded");
	asm volatile("movw %w0, %%fs" ::"r"(0));
	set_ldt(0, 0);
	is(kit_page_protect(pfn, PTE_DATA), 0, "without the LDT it is an ordinary frame");
}

static unsigned long ldt_pfn[2];
static volatile unsigned int turn, fs_seen;
static volatile bool own_seen;

static void ldt_make(unsigned int vcpu) {
	uint64_t *ldt;

	ldt_pfn[vcpu] = kit_page_alloc();
	ldt = kit_page(ldt_pfn[vcpu]);
	ldt[0] = DESC_DATA3;
	ldt[1 + vcpu] = DESC_DATA3;
	kit_page_protect(ldt_pfn[vcpu], PTE_RO);
}

static void ldt_set_own(unsigned int vcpu) { set_ldt((unsigned long)kit_page(ldt_pfn[vcpu]), 512); }

/* The table is set anew while a selector of it is loaded: the hypervisor has to fetch it to load that again. */
static void other_vcpu(void) {
	unsigned int selector, rights;
	bool there;

	ldt_set_own(1);
	asm volatile("movw %w0, %%fs" ::"r"(7) : "memory");
	ldt_set_own(1);
	turn = 1;
	while (turn == 1) hv_sched_op(SCHEDOP_yield, NULL);
	asm volatile("mov %%fs, %0" : "=r"(selector));
	asm volatile("lar %2, %0" : "=r"(rights), "=@ccz"(there) : "r"(2 * 8 + 7));
	fs_seen = selector;
	own_seen = there;
	asm volatile("movw %w0, %%fs" ::"r"(0) : "memory");
	set_ldt(0, 0);
	turn = 3;
}

static void yield_until(unsigned int want) {
	for (unsigned int i = 0; i < 100000 && turn != want; i++) hv_sched_op(SCHEDOP_yield, NULL);
}

/* Two vCPUs on one processor, each with a table that is fetched when it is first used. */
static void test_ldt_of_another(void) {
	ldt_make(0);
	ldt_make(1);
	ldt_set_own(0);
	is(kit_vcpu_start(1, other_vcpu), 0, "another vCPU uses an LDT of its own");
	yield_until(1);
	is(turn, 1, "it has loaded a selector");
	turn = 2;
	yield_until(3);
	is(fs_seen, 7, "the selector is still there when the vCPU comes back");
	ok(own_seen, "from its own table, not from that of the vCPU before it");
	set_ldt(0, 0);
}

static void on_failsafe(struct trap_frame *f) {
	kit_trap_record.vector = f->vector;
	kit_trap_record.frame = *f;
	kit_handlers[VEC_FAILSAFE] = NULL;
	kit_user_exit();
}

static volatile unsigned int failsafes, es_wanted;

static void note_failsafe(struct trap_frame *f) {
	(void)f;
	failsafes++;
	es_wanted = kit_failsafe_selectors[1];
}

static void next_turn(void) { turn++; }

/* A selector that does not load any more when its vCPU is switched in: null, and the failsafe callback tells. */
static void test_selector_gone(void) {
	unsigned int es;

	is(set_gdt(512), 0, "a table");
	update(6, DESC_DATA3);
	asm volatile("movw %w0, %%es" ::"r"(0x33) : "memory");
	update(6, 0);
	kit_handlers[VEC_FAILSAFE] = note_failsafe;
	turn = 0;
	kit_vcpu_context(1, next_turn);
	is(hv_vcpu_op(VCPUOP_up, 1, NULL), 0, "another vCPU has the processor meanwhile");
	yield_until(1);
	kit_handlers[VEC_FAILSAFE] = NULL;
	asm volatile("mov %%es, %0" : "=r"(es));
	is(es, 0, "a selector whose descriptor went away is null");
	is(failsafes, 1, "the failsafe callback tells of it");
	is_hex(es_wanted, 0x33, "with the selector in its frame");
	set_gdt(0);
}

/* The frame of a return that failed holds what it was to load, and the selectors as they are. */
static bool failsafe_tells(const struct trap_frame *want) {
	const struct trap_frame *f = &kit_trap_record.frame;
	uint16_t now[4];

	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		     : "=m"(now[0]), "=m"(now[1]), "=m"(now[2]), "=m"(now[3]));
	for (unsigned int i = 0; i < 4; i++)
		if (kit_failsafe_selectors[i] != now[i]) return false;
	return f->rip == want->rip && f->cs == (want->cs | 3) && f->ss == (want->ss | 3) && f->rsp == want->rsp;
}

/* Returning to user mode with selectors that cannot be loaded ends in the failsafe callback. */
static void test_failsafe(void) {
	struct trap_frame f;

	user_setup();
	kit_handlers[VEC_FAILSAFE] = on_failsafe;
	f = user_frame(user_syscall);
	f.ss = 0x5678;
	kit_user_run(&f);
	kit_printf("# = return with a bad stack selector: trap %u error %x\n", kit_trap_record.vector,
		   kit_trap_record.error_code);
	ok(kit_trap_record.vector == VEC_FAILSAFE || kit_trap_record.vector == VEC_GP ||
		   kit_trap_record.vector == VEC_SYSCALL,
	   "a bad stack selector does not get through");
	ok(kit_trap_record.vector != VEC_FAILSAFE || failsafe_tells(&f), "the failsafe frame tells what it was");
	kit_handlers[VEC_FAILSAFE] = on_failsafe;
	f = user_frame(user_syscall);
	f.cs = 0x5673;
	kit_user_run(&f);
	kit_printf("# = return with a bad code selector: trap %u\n", kit_trap_record.vector);
	ok(kit_trap_record.vector != VEC_FAILSAFE || failsafe_tells(&f), "the frame of a bad code selector");
	kit_handlers[VEC_FAILSAFE] = on_failsafe;
	f = user_frame(user_syscall);
	f.rip = 0x800000000000;
	kit_user_run(&f);
	kit_printf("# = return to a non-canonical address: trap %u\n", kit_trap_record.vector);
	/* the same in the form of sysret, which on some processors faults in ring 0 */
	kit_handlers[VEC_FAILSAFE] = on_failsafe;
	f = user_frame(user_syscall);
	f.rip = 0x800000000000;
	f.error_code = VGCF_IN_SYSCALL;
	kit_user_run(&f);
	kit_printf("# = sysret to a non-canonical address: trap %u\n", kit_trap_record.vector);
	ok(kit_trap_record.vector == VEC_FAILSAFE || kit_trap_record.vector == VEC_GP, "it is the guest's fault");
	kit_handlers[VEC_FAILSAFE] = NULL;
	ok(hv_xen_version(XENVER_version, NULL) > 0, "the hypervisor is well");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	test_set_gdt();
	test_bad_tables();
	test_update_descriptor();
	test_loads();
	test_ldt();
	test_ldt_of_another();
	test_selector_gone();
	test_failsafe();
	done();
}
