/* SPDX-License-Identifier: MIT */
/*
 * What operations cost, measured from a guest; see latency.h for the method. Prints, for each row,
 *     bench NAME NUMBER TICKS
 * and ends the machine. Everything is one vCPU and one domain, dom0.
 */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>
#include <kit/user.h>
#include "latency.h"

#define ROUNDS 16

extern char user_page[], user_row_syscall[], user_row_int80[], user_row_pf[], user_row_ud2[], user_row_cpuid[],
	user_row_empty[];
extern volatile uint64_t bench_event_tsc;
extern volatile uint32_t bench_event_count;
extern unsigned long *volatile bench_pending_word;
void bench_syscall(void);
void bench_int80(void);
void bench_page_fault(void);
void bench_ud2(void);
void bench_event(void);

static uint64_t empty_cost, user_empty_cost;

static void report(const char *name, unsigned int row, uint64_t ticks) {
	kit_printf("bench %s %u %lu\n", name, row, ticks);
}

/* Measures one statement: warmed up, then between marks, then by the counter. */
#define ROW(row, name, ...)                                                   \
	static void row_##row(void) {                                         \
		uint64_t best = ~0UL;                                         \
                                                                              \
		for (unsigned int i_ = 0; i_ < ROUNDS; i_++) {                \
			uint64_t start_, end_;                                \
                                                                              \
			if (i_ == ROUNDS - 1) MARK(2 * row);                  \
			start_ = kit_rdtsc();                                 \
			__VA_ARGS__;                                          \
			end_ = kit_rdtsc();                                   \
			if (i_ == ROUNDS - 1) MARK(2 * row + 1);              \
			if (end_ - start_ < best) best = end_ - start_;       \
		}                                                             \
		report(name, row, best > empty_cost ? best - empty_cost : 0); \
		if (row == 0) empty_cost = best;                              \
	}

static struct multicall_entry calls[32];
static unsigned long root_a, root_b, user_root, table, data, mapped[512];
static struct mmu_update updates[2][64];
static uint64_t window_pte[2];
static char window[PAGE_SIZE] __attribute__((aligned(4096)));
static struct mmuext_op op;
static unsigned long port, masked_port;
static volatile uint64_t *entry;
static uint64_t maddr, flip;
static struct evtchn_send send_masked, send_open;
static struct evtchn_unmask unmask;

static void next_root(void) {
	flip ^= 1;
	op.cmd = MMUEXT_NEW_BASEPTR;
	op.arg1.mfn = flip ? root_b : root_a;
	hv_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void next_two_roots(void) {
	struct mmuext_op two[2] = { { .cmd = MMUEXT_NEW_BASEPTR }, { .cmd = MMUEXT_NEW_USER_BASEPTR } };

	flip ^= 1;
	two[0].arg1.mfn = flip ? root_b : root_a;
	two[1].arg1.mfn = user_root;
	hv_mmuext_op(two, 2, NULL, DOMID_SELF);
}

/* As a kernel switches processes: stack, root and user root in one multicall. */
static void context_switch(void) {
	static struct mmuext_op roots[2];

	flip ^= 1;
	roots[0].cmd = MMUEXT_NEW_BASEPTR;
	roots[0].arg1.mfn = flip ? root_b : root_a;
	roots[1].cmd = MMUEXT_NEW_USER_BASEPTR;
	roots[1].arg1.mfn = user_root;
	calls[0].op = __HYPERVISOR_stack_switch;
	calls[0].args[0] = FLAT_KERNEL_SS;
	calls[0].args[1] = (unsigned long)kit_image_end;
	for (unsigned int i = 0; i < 2; i++) {
		calls[1 + i].op = __HYPERVISOR_mmuext_op;
		calls[1 + i].args[0] = (unsigned long)&roots[i];
		calls[1 + i].args[1] = 1;
		calls[1 + i].args[2] = 0;
		calls[1 + i].args[3] = DOMID_SELF;
	}
	hv_multicall(calls, 3);
}

/* Two sets, so that each update changes its entries. */
static void fill_updates(void) {
	for (unsigned int i = 0; i < 128; i++) {
		updates[i / 64][i % 64].ptr = maddr + 8 * (i % 64);
		updates[i / 64][i % 64].val = kit_pte(mapped[i], PTE_DATA);
	}
	window_pte[0] = kit_pte(mapped[200], PTE_DATA);
	window_pte[1] = kit_pte(mapped[201], PTE_DATA);
}

static void fill_multicall(void) {
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].op = __HYPERVISOR_xen_version;
		calls[i].args[0] = XENVER_version;
		calls[i].args[1] = 0;
	}
}

static void rdmsr(uint32_t msr) { asm volatile("rdmsr" ::"c"(msr) : "rax", "rdx", "memory"); }

static void cpuid_forced(void) { asm volatile(XEN_CPUID::"a"(1), "c"(0) : "rbx", "rdx", "memory"); }

ROW(0, "empty", (void)0)
ROW(1, "null_hypercall", hv_xen_version(XENVER_version, NULL))
ROW(2, "unknown_hypercall", hypercall(44, 0, 0, 0, 0, 0))
ROW(3, "multicall_1", hv_multicall(calls, 1))
ROW(4, "multicall_8", hv_multicall(calls, 8))
ROW(5, "multicall_32", hv_multicall(calls, 32))
ROW(6, "yield", hv_sched_op(SCHEDOP_yield, NULL))
ROW(10, "event_send_masked", hv_event_channel_op(EVTCHNOP_send, &send_masked))
ROW(11, "event_round_trip", hv_event_channel_op(EVTCHNOP_send, &send_open))
ROW(12, "event_unmask", hv_event_channel_op(EVTCHNOP_unmask, &unmask))
ROW(13, "set_timer_op", hv_set_timer_op(kit_start_info->nr_pages * 1000000000000UL))
ROW(20, "mmu_update_1", hv_mmu_update(updates[flip ^= 1], 1, NULL, DOMID_SELF))
ROW(21, "mmu_update_8", hv_mmu_update(updates[flip ^= 1], 8, NULL, DOMID_SELF))
ROW(22, "mmu_update_32", hv_mmu_update(updates[flip ^= 1], 32, NULL, DOMID_SELF))
ROW(23, "mmu_update_64", hv_mmu_update(updates[flip ^= 1], 64, NULL, DOMID_SELF))
ROW(24, "update_va_mapping", hv_update_va_mapping(window, window_pte[flip ^= 1], UVMF_NONE))
ROW(25, "update_va_mapping_invlpg", hv_update_va_mapping(window, window_pte[flip ^= 1], UVMF_INVLPG))
ROW(26, "emulated_pt_store", entry[3] = window_pte[flip ^= 1])
ROW(27, "invlpg", kit_mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)kit_page(data), NULL))
ROW(28, "tlb_flush", kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL))
ROW(29, "new_baseptr", next_root())
ROW(30, "new_baseptr_user", next_two_roots())
ROW(31, "context_switch", context_switch())
ROW(40, "kernel_page_fault", asm volatile("movb (%0), %%al" ::"D"(0x7000000000UL) : "rax", "memory"))
ROW(41, "kernel_ud2", asm volatile("ud2" ::: "memory"))
ROW(42, "cpuid_emulated", cpuid_forced())
ROW(43, "rdmsr", rdmsr(0xc0000080))
ROW(44, "read_cr0", asm volatile("movq %%cr0, %%rax" ::: "rax", "memory"))
ROW(45, "port_in", asm volatile("inb $0x71, %%al" ::: "rax", "memory"))

/* Pinning and unpinning need each other: each is measured with its partner outside the window. */
static void row_pin(void) {
	uint64_t pin_best = ~0UL, unpin_best = ~0UL, t;

	for (unsigned int i = 0; i < 8; i++) {
		MARK(2 * 32);
		t = kit_rdtsc();
		kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL);
		t = kit_rdtsc() - t;
		MARK(2 * 32 + 1);
		pin_best = t < pin_best ? t : pin_best;
		MARK(2 * 33);
		t = kit_rdtsc();
		kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL);
		t = kit_rdtsc() - t;
		MARK(2 * 33 + 1);
		unpin_best = t < unpin_best ? t : unpin_best;
	}
	report("pin_l1_512", 32, pin_best - empty_cost);
	report("unpin_l1_512", 33, unpin_best - empty_cost);
}

static void row_event_to_handler(void) {
	uint64_t best = ~0UL, t;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		t = kit_rdtsc();
		hv_event_channel_op(EVTCHNOP_send, &send_open);
		t = bench_event_tsc - t;
		best = t < best ? t : best;
	}
	report("event_to_handler", 14, best);
}

/* From the deadline of a blocked vCPU's timer to its handler; the time base is the counter, by
 * pvclock's factor. */
static void row_timer(void) {
	uint64_t best = ~0UL, now, time;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct vcpu_time_info t = kit_time_snapshot(&kit_vcpu_info()->time);
		uint64_t late;

		kit_events_off();
		now = kit_rdtsc();
		time = kit_time();
		kit_timer_set(time + 200000);
		hv_sched_op(SCHEDOP_block, NULL);
		late = bench_event_tsc - now;
		late = t.tsc_shift < 0 ? late >> -t.tsc_shift : late << t.tsc_shift;
		late = ((unsigned __int128)late * t.tsc_to_system_mul) >> 32;
		if (late > 200000 && late - 200000 < best) best = late - 200000;
	}
	report("timer_to_handler", 15, best);
}

/* Grants of the domain to itself. */
static struct grant_entry_v1 *grants;
static struct gnttab_map_grant_ref map;
static struct gnttab_unmap_grant_ref unmap;
static struct gnttab_copy copy[8];

static void setup_grants(void) {
	static char pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
	struct gnttab_set_version version = { .version = 1 };
	xen_pfn_t frames[1];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

	hv_grant_table_op(GNTTABOP_set_version, &version, 1);
	set_xen_guest_handle(setup.frame_list, frames);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	grants = (void *)pages[0];
	hv_update_va_mapping(grants, frames[0] << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG);
	for (unsigned int i = 0; i < 8; i++) {
		grants[8 + i].domid = 0;
		grants[8 + i].frame = kit_mfn(mapped[i]);
		grants[8 + i].flags = GTF_permit_access;
		copy[i].source.u.ref = 8 + i;
		copy[i].source.domid = DOMID_SELF;
		copy[i].dest.u.gmfn = kit_mfn(mapped[100 + i]);
		copy[i].dest.domid = DOMID_SELF;
		copy[i].flags = GNTCOPY_source_gref;
	}
	map.host_addr = (unsigned long)pages[1];
	map.flags = GNTMAP_host_map;
	map.ref = 8;
	map.dom = 0;
	unmap.host_addr = map.host_addr;
}

static void row_grant_map(void) {
	uint64_t map_best = ~0UL, unmap_best = ~0UL, t;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		MARK(2 * 50);
		t = kit_rdtsc();
		hv_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
		t = kit_rdtsc() - t;
		MARK(2 * 50 + 1);
		map_best = t < map_best ? t : map_best;
		unmap.handle = map.handle;
		MARK(2 * 51);
		t = kit_rdtsc();
		hv_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
		t = kit_rdtsc() - t;
		MARK(2 * 51 + 1);
		unmap_best = t < unmap_best ? t : unmap_best;
	}
	if (map.status || unmap.status) kit_panic("bench failed: grant map %d unmap %d", map.status, unmap.status);
	report("grant_map", 50, map_best - empty_cost);
	report("grant_unmap", 51, unmap_best - empty_cost);
}

static void set_copy(unsigned int length) {
	for (unsigned int i = 0; i < 8; i++) copy[i].len = length;
}

ROW(52, "grant_copy_8", hv_grant_table_op(GNTTABOP_copy, copy, 1))
ROW(53, "grant_copy_4096", hv_grant_table_op(GNTTABOP_copy, copy, 1))
ROW(54, "grant_copy_8x4096", hv_grant_table_op(GNTTABOP_copy, copy, 8))

static void setup_memory(void) {
	uint64_t *l4;

	data = kit_page_alloc();
	for (unsigned int i = 0; i < ARRAY_SIZE(mapped); i++) mapped[i] = kit_page_alloc();
	table = kit_page_alloc();
	for (unsigned int i = 0; i < 512; i++) ((uint64_t *)kit_page(table))[i] = kit_pte(mapped[i], PTE_DATA);
	kit_page_protect(table, PTE_RO);
	maddr = (uint64_t)kit_mfn(table) << PAGE_SHIFT;
	entry = kit_page(table);
	kit_user_init();
	user_root = kit_mfn(kit_user_root_pfn);
	root_a = kit_mfn(kit_root_pfn);
	root_b = kit_page_alloc();
	l4 = kit_page(root_b);
	memcpy(l4, kit_page(kit_root_pfn), PAGE_SIZE);
	memset(&l4[256], 0, 16 * 8);
	kit_page_protect(root_b, PTE_RO);
	root_b = kit_mfn(root_b);
	kit_mmuext(MMUEXT_PIN_L4_TABLE, root_b, NULL);
}

static void setup_events(void) {
	struct callback_register cb = {
		.type = CALLBACKTYPE_event,
		.address = (unsigned long)bench_event,
	};

	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	masked_port = kit_event_bind_ipi(0);
	port = kit_event_bind_ipi(0);
	bench_pending_word = &kit_shared_info->evtchn_pending[0];
	send_masked.port = masked_port;
	send_open.port = port;
	unmask.port = kit_event_bind_ipi(0);
	hv_callback_op(CALLBACKOP_register, &cb);
	kit_event_unmask(port);
	kit_event_unmask(kit_event_bind_virq(VIRQ_TIMER, 0));
	kit_events_on();
}

static void setup_traps(void) {
	static struct trap_info traps[4] = {
		{ VEC_PF, 0, FLAT_KERNEL_CS, (unsigned long)bench_page_fault },
		{ VEC_UD, 0, FLAT_KERNEL_CS, (unsigned long)bench_ud2 },
		{ 0x80, 3, FLAT_KERNEL_CS, (unsigned long)bench_int80 },
	};
	static struct trap_info end[2] = { { 0x83, 3, FLAT_KERNEL_CS, 0 } };
	struct callback_register cb = {
		.type = CALLBACKTYPE_syscall,
		.address = (unsigned long)bench_syscall,
	};

	end[0].address = kit_vector_table[0x83];
	hv_set_trap_table(traps);
	hv_set_trap_table(end);
	hv_callback_op(CALLBACKOP_register, &cb);
}

static void user_row(const char *name, unsigned int row, const char *code, uint64_t rdi) {
	struct trap_frame f = kit_user_frame(USER_PAGE + (code - user_page), USER_DATA + PAGE_SIZE - 64);
	const struct trap_record *end;

	f.rdi = rdi;
	end = kit_user_run(&f);
	if (end->vector != 0x83) kit_panic("bench failed: %s ended by trap %u", name, end->vector);
	report(name, row, end->frame.rbx - user_empty_cost);
	if (row == ROW_USER_EMPTY) user_empty_cost = end->frame.rbx;
}

static void user_rows(void) {
	unsigned long pfn = ((unsigned long)user_page - KIT_VIRT_BASE) >> PAGE_SHIFT;

	if (kit_user_map((void *)USER_PAGE, kit_pte(pfn, PTE_RO)) ||
	    kit_user_map((void *)USER_DATA, kit_pte(kit_page_alloc(), PTE_DATA)))
		kit_panic("bench failed: no user memory");
	user_row("user_empty", ROW_USER_EMPTY, user_row_empty, 0);
	user_row("user_syscall", ROW_USER_SYSCALL, user_row_syscall, 0);
	user_row("user_int80", ROW_USER_INT80, user_row_int80, 0);
	user_row("user_page_fault", ROW_USER_PF, user_row_pf, 0x7000000000UL);
	user_row("user_ud2", ROW_USER_UD2, user_row_ud2, 0);
	user_row("user_cpuid", ROW_USER_CPUID, user_row_cpuid, 0);
}

static void plain_rows(void) {
	row_0();
	row_1();
	row_2();
	fill_multicall();
	row_3();
	row_4();
	row_5();
	row_6();
}

static void event_rows(void) {
	row_10();
	row_11();
	row_event_to_handler();
	row_12();
	row_13();
	hv_set_timer_op(0);
	row_timer();
}

static void memory_rows(void) {
	kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL);
	fill_updates();
	row_20();
	row_21();
	row_22();
	row_23();
	row_24();
	row_25();
	row_26();
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL);
	row_27();
	row_28();
	row_29();
	row_30();
	row_31();
	row_pin();
}

static void trap_rows(void) {
	struct physdev_set_iopl iopl = { .iopl = 1 };

	hv_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	row_40();
	row_41();
	row_42();
	row_43();
	row_44();
	row_45();
}

static void grant_rows(void) {
	setup_grants();
	row_grant_map();
	set_copy(8);
	row_52();
	set_copy(PAGE_SIZE);
	row_53();
	row_54();
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	setup_memory();
	setup_events();
	setup_traps();
	plain_rows();
	event_rows();
	memory_rows();
	trap_rows();
	user_rows();
	grant_rows();
	kit_printf("bench done\n");
}
