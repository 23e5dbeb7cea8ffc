/* SPDX-License-Identifier: MIT */
/*
 * The micro-benchmark: a PV guest that runs as dom0 kernel and does one thing at a time, a fixed
 * number of times, between two marks that the counter plugin sees. A line `bench: NAME REPEATS` on
 * the console says what each pair of marks was. Only instructions in the hypervisor's range are
 * compared, so the guest's own loop does not matter.
 */
#include <kit/evtchn.h>
#include <kit/hypercall.h>
#include <kit/pt.h>
#include <kit/shared.h>
#include <kit/trap.h>
#include <kit/user.h>

#define MARK(n) asm volatile(".byte 0x0f, 0x1f, 0x80\n\t.long 0xbeef0000 + %c0" ::"i"(n) : "memory")
#define ENTRIES 512
#define WINDOW  ((volatile uint64_t *)0xffffc00000000000UL)
#define ABSENT  ((volatile uint64_t *)0xffffc00000100000UL)

#define USER_CODE  0x400000UL
#define USER_STACK 0x600000UL

struct row {
	const char *name;
	void (*run)(void);
	unsigned int repeats;
};

/* User code: system calls without end, each answered by the kernel; see user_call(). */
extern char bench_user[];
asm(".pushsection .text\n\t.balign 4096\n"
    "bench_user:\n\tsyscall\n\tjmp bench_user\n"
    "\t.balign 4096\n\t.popsection");

static unsigned long page_a, page_b, table;
static unsigned long port;
static struct mmu_update updates[32];
static struct multicall_entry calls[32];
static uint64_t entry_maddr;
static volatile uint64_t *entry;
static unsigned int seen, user_left;

static void must(long rc, const char *what)
{
	if (rc < 0)
		kit_panic("bench: %s failed: %ld", what, rc);
}

/* -- what the rows do, once -- */

static void null_call(void)
{
	hv_xen_version(XENVER_version, NULL);
}

static void no_such_call(void)
{
	hypercall1(63, 0);
}

static void multicall_32(void)
{
	hv_multicall(calls, 32);
}

static void event_masked(void)
{
	kit_event_send(port);
}

static void event_to_handler(void)
{
	kit_event_send(port);
}

static void update_one(void)
{
	unsigned int done;

	updates[0].val = kit_pte(++seen & 1 ? page_a : page_b, PTE_DATA);
	hv_mmu_update(updates, 1, &done, DOMID_SELF);
}

static void update_32(void)
{
	unsigned int done;

	seen++;
	for (unsigned int i = 0; i < 32; i++)
		updates[i].val = kit_pte((seen + i) & 1 ? page_a : page_b, PTE_DATA);
	hv_mmu_update(updates, 32, &done, DOMID_SELF);
}

static void update_va(void)
{
	hv_update_va_mapping(WINDOW, kit_pte(++seen & 1 ? page_a : page_b, PTE_DATA), 0);
}

static void store_to_table(void)
{
	*entry = kit_pte(++seen & 1 ? page_a : page_b, PTE_DATA);
}

static void pin(void)
{
	kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL);
}

static void unpin(void)
{
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL);
}

static void page_fault(void)
{
	TRAP_TRY("movq (%0), %%rax", ::"r"(ABSENT) : "rax", "memory");
}

static void ud2(void)
{
	TRAP_TRY("ud2", ::"r"(0) : "memory");
}

static void cpuid_forced(void)
{
	uint32_t a = 1, b, c = 0, d;

	asm volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

/* MSR_EFER: every hypervisor lets a PV guest read it. */
static void read_msr(void)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080U));
}

static void read_cr0(void)
{
	uint64_t value;

	asm volatile("movq %%cr0, %0" : "=r"(value));
}

static void flush_tlb(void)
{
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
}

static void yield(void)
{
	hv_sched_op(SCHEDOP_yield, NULL);
}

static void set_timer(void)
{
	hv_set_timer_op(0);
}

/* -- system calls from user mode: the kernel's handler counts down -- */

static void user_call(struct trap_frame *f)
{
	(void)f;
	if (!--user_left)
		kit_user_exit();
}

static void user_calls(unsigned int count)
{
	struct trap_frame f = kit_user_frame(USER_CODE, USER_STACK + PAGE_SIZE - 64);

	user_left = count;
	kit_handlers[VEC_SYSCALL] = user_call;
	kit_user_run(&f);
	kit_handlers[VEC_SYSCALL] = NULL;
}

/* -- preparation -- */

static unsigned long image_pfn(const void *va)
{
	return ((unsigned long)va - KIT_VIRT_BASE) >> PAGE_SHIFT;
}

static void user_setup(void)
{
	kit_user_init();
	must(kit_user_map((void *)USER_CODE, kit_pte(image_pfn(bench_user), PTE_RO)), "user code");
	must(kit_user_map((void *)USER_STACK, kit_pte(kit_page_alloc(), PTE_DATA | PTE_NX)),
	     "user stack");
}

static void pages_setup(void)
{
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	must(kit_map(WINDOW, kit_pte(page_a, PTE_DATA)), "window");
	entry_maddr = kit_l1e_maddr(WINDOW);
	entry = (void *)((char *)kit_page(kit_pfn(entry_maddr >> PAGE_SHIFT)) +
			 (entry_maddr & (PAGE_SIZE - 1)));
	for (unsigned int i = 0; i < 32; i++)
		updates[i].ptr = (entry_maddr + i * 8) | MMU_NORMAL_PT_UPDATE;
	for (unsigned int i = 0; i < 32; i++)
		calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
}

/* An L1 table with all entries in use, not yet validated. */
static void table_setup(void)
{
	uint64_t *t;

	table = kit_page_alloc();
	t = kit_page(table);
	for (unsigned int i = 0; i < ENTRIES; i++)
		t[i] = kit_pte(page_a, PTE_DATA);
	must(kit_page_protect(table, PTE_RO), "read-only table");
}

static void on_event(unsigned int p)
{
	(void)p;
	seen++;
}

/* -- the list -- */

static const struct row rows[] = {
	{ "null hypercall", null_call, 1000 },
	{ "unknown hypercall", no_such_call, 1000 },
	{ "multicall of 32", multicall_32, 100 },
	{ "yield", yield, 1000 },
	{ "set_timer_op", set_timer, 1000 },
	{ "update_va_mapping", update_va, 1000 },
	{ "mmu_update of 1", update_one, 1000 },
	{ "mmu_update of 32", update_32, 100 },
	{ "page-table store, emulated", store_to_table, 1000 },
	{ "TLB flush", flush_tlb, 1000 },
	{ "page fault bounce and iret", page_fault, 1000 },
	{ "ud2 bounce and iret", ud2, 1000 },
	{ "cpuid, forced emulation", cpuid_forced, 1000 },
	{ "rdmsr, emulated", read_msr, 1000 },
	{ "read of cr0, emulated", read_cr0, 1000 },
};

static void say(const char *name, unsigned int repeats)
{
	kit_printf("bench: %s %u\n", name, repeats);
}

/* The first round fills caches of every kind and is not counted. */
static void measure(const struct row *r)
{
	r->run();
	r->run();
	MARK(1);
	for (unsigned int i = 0; i < r->repeats; i++)
		r->run();
	MARK(2);
	say(r->name, r->repeats);
}

/* Pin and unpin belong together: one window each, in turn. */
static void measure_pins(void)
{
	static const struct row pins[] = { { "pin of a full L1", pin, 1 },
					   { "unpin of a full L1", unpin, 1 } };

	pin();
	unpin();
	for (unsigned int i = 0; i < 2; i++) {
		MARK(1);
		pins[i].run();
		MARK(2);
		say(pins[i].name, 1);
	}
}

static void measure_events(void)
{
	static const struct row masked = { "event send, masked", event_masked, 1000 };
	static const struct row handled = { "event send to own handler", event_to_handler, 1000 };
	unsigned long bound = kit_event_bind_ipi(0);

	must((long)bound, "bind_ipi");
	port = bound;
	kit_event_mask(port);
	measure(&masked);
	kit_event_clear(port);
	kit_event_handle(port, on_event);
	measure(&handled);
}

void guest_main(void)
{
	kit_traps_init();
	kit_shared_init();
	kit_mm_init();
	kit_events_init();
	kit_events_on();
	pages_setup();
	table_setup();
	user_setup();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		measure(&rows[i]);
	measure_pins();
	measure_events();
	user_calls(100);
	MARK(1);
	user_calls(1000);
	MARK(2);
	say("system call user-kernel-user", 1000);
	kit_printf("bench: done\n");
}
