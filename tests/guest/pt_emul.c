/* SPDX-License-Identifier: MIT */
/* Stores to page tables in place: the guest writes to its read-only view of an L1 and the
 * hypervisor does it, checked. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define WINDOW ((volatile uint64_t *)0xffffc00000000000UL)

static unsigned long page_a, page_b;
static volatile uint64_t *entry; /* the L1 entry of WINDOW in the direct map */

static volatile uint64_t *view(uint64_t maddr) {
	return (void *)((char *)kit_page(kit_pfn(maddr >> PAGE_SHIFT)) + (maddr & (PAGE_SIZE - 1)));
}

static void flush(void) { kit_mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)WINDOW, NULL); }

static void setup(void) {
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
	*(uint64_t *)kit_page(page_b) = 0xbbbb;
	kit_map(WINDOW, kit_pte(page_a, PTE_DATA));
	entry = view(kit_l1e_maddr(WINDOW));
}

static void reset(void) {
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(page_a, PTE_DATA));
	flush();
}

/* The entry is `pte`, apart from the global bit, which is the hypervisor's business. */
static void entry_is(uint64_t pte, const char *name) { same(*entry & ~PTE_G, pte, name); }

/* The assist exists for old kernels' sake; stores are emulated with and without it. */
static void test_assist(void) {
	is(hv_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0, "the assist is switched off");
	TRAP_TRY("movq %0, (%1)", ::"r"(kit_pte(page_b, PTE_DATA)), "r"(entry) : "memory");
	not_trapped("mov to an L1 entry without the assist");
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0, "the assist is switched on");
	reset();
}

static void test_mov(void) {
	TRAP_TRY("movq %0, (%1)", ::"r"(kit_pte(page_b, PTE_DATA)), "r"(entry) : "memory");
	not_trapped("mov to an L1 entry");
	entry_is(kit_pte(page_b, PTE_DATA), "mov: the entry");
	flush();
	is_hex(*WINDOW, 0xbbbb, "mov: the mapping");
	TRAP_TRY("movq $0, (%0)", ::"r"(entry) : "memory");
	not_trapped("mov of an immediate");
	entry_is(0, "mov of an immediate: the entry");
	reset();
	TRAP_TRY("movl $0x1000, (%0)", ::"r"((char *)entry + 4) : "memory");
	value("mov of four bytes to the upper half: trap", (int)kit_trap_record.vector);
	value("mov of four bytes to the upper half: error", kit_trap_record.error_code);
	reset();
	TRAP_TRY("movl $0, (%0)", ::"r"(entry) : "memory");
	value("mov of four bytes: trap", (int)kit_trap_record.vector);
	entry_is(kit_pte(page_a, PTE_DATA) & ~0xffffffffUL, "mov of four zero bytes: the entry");
	reset();
	TRAP_TRY("movb $0, (%0)", ::"r"(entry) : "memory");
	value("mov of a byte: trap", (int)kit_trap_record.vector);
	entry_is((kit_pte(page_a, PTE_DATA)) & ~0xffUL, "mov of a zero byte: the entry");
	reset();
	TRAP_TRY("movw $0, (%0)", ::"r"(entry) : "memory");
	value("mov of two bytes: trap", (int)kit_trap_record.vector);
	entry_is(kit_pte(page_a, PTE_DATA) & ~0xffffUL, "mov of two zero bytes: the entry");
	reset();
}

/* Stores what is there already, so that a hypervisor that does it does no harm. */
static void try_store_again(volatile uint64_t *where) {
	TRAP_TRY("movq %0, (%1)", ::"r"(*where), "r"(where) : "memory");
}

static void test_refused(void) {
	TRAP_TRY("movq %0, (%1)", ::"r"(kit_pte(kit_root_pfn, PTE_DATA)), "r"(entry) : "memory");
	trapped(VEC_PF, 3, "mov of a writable mapping of the root faults");
	is_hex(kit_trap_record.cr2, (uint64_t)entry, "with the entry's address");
	entry_is(kit_pte(page_a, PTE_DATA), "and changes nothing");
	TRAP_TRY("movq %0, (%1)", ::"r"(0xfee00000UL | PTE_DATA), "r"(entry) : "memory");
	trapped(VEC_PF, 3, "mov of a mapping of the local APIC faults");
	try_store_again(view(kit_entry_maddr(WINDOW, 2)));
	trapped(VEC_PF, 3, "mov to an L2 entry faults");
	try_store_again(view(kit_entry_maddr(WINDOW, 3)));
	trapped(VEC_PF, 3, "mov to an L3 entry faults");
	try_store_again(view(kit_entry_maddr(WINDOW, 4)));
	trapped(VEC_PF, 3, "mov to an L4 entry faults");
	TRAP_TRY("movq $0, (%0)", ::"r"((char *)entry + 4) : "memory");
	trapped(VEC_PF, 3, "mov across two entries faults");
	entry_is(kit_pte(page_a, PTE_DATA), "and changes nothing");
}

static void test_xchg(void) {
	uint64_t old = kit_pte(page_b, PTE_DATA);

	TRAP_TRY("xchgq %0, (%1)", : "+r"(old) : "r"(entry) : "memory");
	not_trapped("xchg");
	same(old & ~PTE_G, kit_pte(page_a, PTE_DATA), "xchg: the old value comes back");
	entry_is(kit_pte(page_b, PTE_DATA), "xchg: the new entry");
	old = kit_pte(kit_root_pfn, PTE_DATA);
	TRAP_TRY("xchgq %0, (%1)", : "+r"(old) : "r"(entry) : "memory");
	trapped(VEC_PF, 3, "xchg with a writable mapping of the root faults");
	same(old, kit_pte(kit_root_pfn, PTE_DATA), "and keeps the register");
	reset();
}

static void test_bits(void) {
	uint64_t good = kit_pte(page_a, PTE_DATA);

	TRAP_TRY("lock btrq $6, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock btr");
	entry_is(good & ~PTE_D, "lock btr: dirty is clear");
	TRAP_TRY("lock btsq $6, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock bts");
	entry_is(good, "lock bts: dirty is set");
	TRAP_TRY("lock btcq $5, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock btc");
	entry_is(good & ~PTE_A, "lock btc: accessed is clear");
	TRAP_TRY("lock orq $0x20, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock or");
	entry_is(good, "lock or: accessed is set");
	TRAP_TRY("lock andq $-3, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock and");
	entry_is(good & ~PTE_RW, "lock and: read-only");
	flush();
	TRAP_TRY("movq $1, (%0)", ::"r"(WINDOW) : "memory");
	trapped(VEC_PF, 3, "a write faults then");
	TRAP_TRY("lock xorq $2, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock xor");
	entry_is(good, "lock xor: writable");
	TRAP_TRY("lock andb $~2, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock and of a byte");
	entry_is(good & ~PTE_RW, "lock and of a byte: read-only");
	TRAP_TRY("lock orb $2, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock or of a byte");
	entry_is(good, "lock or of a byte: writable");
	TRAP_TRY("orq $0x200, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("or without lock");
	entry_is(good | 0x200, "or without lock: a bit for the kernel's use");
	TRAP_TRY("lock addq $0x200, (%0)", ::"r"(entry) : "memory", "cc");
	not_trapped("lock add");
	entry_is(good + 0x400, "lock add: the entry");
	reset();
}

/* lock or that would make a read-only mapping of a table writable. */
static void test_bits_refused(void) {
	uint64_t table = kit_pte(kit_root_pfn, PTE_RO);

	kit_mmu_update(kit_l1e_maddr(WINDOW), table);
	TRAP_TRY("lock orq $2, (%0)", ::"r"(entry) : "memory", "cc");
	trapped(VEC_PF, 3, "lock or that makes a table writable faults");
	TRAP_TRY("lock btsq $1, (%0)", ::"r"(entry) : "memory", "cc");
	trapped(VEC_PF, 3, "lock bts that makes a table writable faults");
	entry_is(table, "and the entry is unchanged");
	reset();
}

static bool cmpxchg(uint64_t expect, uint64_t want, uint64_t *seen) {
	unsigned char equal = 0;
	uint64_t rax = expect;

	TRAP_TRY("lock cmpxchgq %3, (%2); sete %1", : "+a"(rax), "=q"(equal) : "r"(entry), "r"(want) : "memory", "cc");
	*seen = rax;
	return equal;
}

static void test_cmpxchg(void) {
	uint64_t good = *entry, seen;

	ok(cmpxchg(good, kit_pte(page_b, PTE_DATA), &seen), "lock cmpxchg with the right old value");
	not_trapped("lock cmpxchg");
	entry_is(kit_pte(page_b, PTE_DATA), "lock cmpxchg: the entry");
	ok(!cmpxchg(good ^ 0x800, good, &seen), "lock cmpxchg with a wrong old value");
	same(seen & ~PTE_G, kit_pte(page_b, PTE_DATA), "gives the value there");
	entry_is(kit_pte(page_b, PTE_DATA), "and changes nothing");
	reset();
	good = *entry;
	cmpxchg(good, kit_pte(kit_root_pfn, PTE_DATA), &seen);
	trapped(VEC_PF, 3, "lock cmpxchg to a writable mapping of the root faults");
	reset();
}

static void test_cmpxchg8b(void) {
	uint64_t old = *entry, want = kit_pte(page_b, PTE_DATA);
	uint32_t low = old, high = old >> 32;

	TRAP_TRY("lock cmpxchg8b (%2)",
		 : "+a"(low), "+d"(high)
		 : "r"(entry), "b"((uint32_t)want), "c"((uint32_t)(want >> 32))
		 : "memory", "cc");
	not_trapped("lock cmpxchg8b");
	entry_is(want, "lock cmpxchg8b: the entry");
	reset();
}

static void test_cmpxchg16b(void) {
	volatile uint64_t *pair = (void *)((unsigned long)entry & ~15UL);
	uint64_t low = pair[0], high = pair[1];

	TRAP_TRY("lock cmpxchg16b (%2)",
		 : "+a"(low), "+d"(high)
		 : "r"(pair), "b"(kit_pte(page_b, PTE_DATA)), "c"(0UL)
		 : "memory", "cc");
	trapped(VEC_PF, 3, "lock cmpxchg16b over two entries faults");
	reset();
}

static void test_string_stores(void) {
	static uint64_t source[2];
	volatile uint64_t *to = entry;
	uint64_t *from = source;

	source[0] = kit_pte(page_b, PTE_DATA);
	TRAP_TRY("movsq", : "+D"(to), "+S"(from)::"memory");
	not_trapped("movs");
	entry_is(source[0], "movs: the entry");
	is((char *)to - (char *)entry, 8, "movs: the registers go on");
	to = entry;
	TRAP_TRY("stosq", : "+D"(to) : "a"(0UL) : "memory");
	not_trapped("stos");
	entry_is(0, "stos: the entry");
	reset();
}

/* Addressing: the emulation must find operands like the processor. */
static void test_addressing(void) {
	TRAP_TRY("movq %0, -0x70(%1,%2,8)", ::"r"(kit_pte(page_b, PTE_DATA)), "r"((char *)entry - 8 * 6 + 0x70),
		 "r"(6UL)
		 : "memory");
	not_trapped("base, index, scale and displacement");
	entry_is(kit_pte(page_b, PTE_DATA), "go to the entry");
	TRAP_TRY("movq %0, %%r13; movq %1, %%r12; movq %%r13, (%%r12)", ::"r"(kit_pte(page_a, PTE_DATA)), "r"(entry)
		 : "r12", "r13", "memory");
	not_trapped("high registers");
	entry_is(kit_pte(page_a, PTE_DATA), "go to the entry");
	TRAP_TRY("movq %0, %%rax; movabsq %%rax, 0x1234", ::"r"(0UL) : "rax", "memory");
	ok(kit_trap_record.vector == VEC_PF && kit_trap_record.cr2 == 0x1234, "an absolute address faults as itself");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	setup();
	test_assist();
	test_mov();
	test_refused();
	test_xchg();
	test_bits();
	test_bits_refused();
	test_cmpxchg();
	test_cmpxchg8b();
	test_cmpxchg16b();
	test_string_stores();
	test_addressing();
	done();
}
