/* SPDX-License-Identifier: MIT */
/*
 * A guest that means harm: random and malformed hypercalls, a bounded number of them from a known
 * seed (options seed= and count=), aimed at a sandbox of frames and addresses. Calls that would end
 * or stop the domain by right are left out. Afterwards everything outside the sandbox must be as
 * before.
 */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/smp.h>
#include <kit/time.h>
#include "probe.h"
#include "tap.h"

#define SANDBOX   48
#define CANARIES  32
#define WINDOW    0xffffc00000000000UL
#define NON_CANON 0x800000000000UL

static unsigned long last_mfn; /* the machine-to-physical table's end */
static unsigned long sandbox[SANDBOX], canary[CANARIES], count;

/* What each vCPU has for itself: random numbers, a page of arguments with nothing mapped behind it,
 * its tally. */
static struct attacker {
	uint64_t state, *args;
	unsigned long calls, accepted;
} attackers[KIT_SMP_MAX];

static uint64_t *strange; /* a page that is mapped read-only */

static struct attacker *self(void) { return &attackers[kit_vcpu_id()]; }

static uint64_t *arguments(void) { return self()->args; }

static uint64_t rnd(void) {
	uint64_t *state = &self()->state;

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static unsigned int below(unsigned int n) { return rnd() % n; }

/* A frame number: of the sandbox mostly, or one that is nobody's or somebody else's. */
static uint64_t any_mfn(void) {
	switch (below(8)) {
	case 0: return 0xfffffff;
	case 1: return below(0x10000);
	case 2: return rnd();
	case 3: return (((uint64_t *)kit_page(kit_root_pfn))[256 + below(16)] & PTE_ADDR) >> PAGE_SHIFT;
	default: return kit_mfn(sandbox[below(SANDBOX)]);
	}
}

/* Not one of the guest's own frames outside the sandbox, which it may spoil by right. */
static bool is_own(uint64_t mfn) {
	unsigned long pfn = mfn <= last_mfn ? kit_pfn(mfn) : ~0UL;

	if (pfn >= kit_start_info->nr_pages || kit_mfn(pfn) != mfn) return false;
	for (unsigned int i = 0; i < SANDBOX; i++) {
		if (sandbox[i] == pfn) return false;
	}
	return true;
}

static uint64_t sandbox_mfn(void) {
	uint64_t mfn;

	do mfn = any_mfn() & 0xfffffffffUL;
	while (is_own(mfn));
	return mfn;
}

static uint64_t any_pte(void) {
	uint64_t flags = rnd() & 0xfff;

	if (below(16) == 0) flags |= rnd() & 0xfff0000000000000UL;
	return sandbox_mfn() << PAGE_SHIFT | flags;
}

static uint64_t any_value(void) {
	switch (below(10)) {
	case 0: return 0;
	case 1: return ~0UL;
	case 2: return DOMID_SELF + below(16);
	case 3: return 1UL << below(64);
	case 4: return rnd();
	case 5: return sandbox_mfn();
	case 6: return any_pte();
	default: return below(64);
	}
}

static void *any_pointer(void) {
	uint64_t *args = arguments();

	switch (below(12)) {
	case 0: return NULL;
	case 1: return (void *)(HYPERVISOR_VIRT_START + (rnd() & 0x7ffffffffffUL));
	case 2: return (void *)(NON_CANON + below(100));
	case 3: return (char *)args + PAGE_SIZE - below(64);
	case 4: return strange;
	case 5: return (void *)0x7000000000UL;
	case 6: return (void *)(HYPERVISOR_VIRT_START - below(64));
	default: return args;
	}
}

static void fill_args(void) {
	uint64_t *args = arguments();

	for (unsigned int i = 0; i < 64; i++) args[i] = any_value();
}

static unsigned int small_count(void) { return below(10) ? below(6) : below(8) ? below(5000) : (unsigned int)rnd(); }

/* One request of a kind; the arguments for a hypercall are left in `call`. */
struct call {
	unsigned int nr;
	uint64_t a[5];
};

static void make_mmu_update(struct call *c) {
	uint64_t *args = arguments();

	for (unsigned int i = 0; i < 6; i++) {
		args[2 * i] = sandbox_mfn() << PAGE_SHIFT | (rnd() & 0xff8) | below(4);
		args[2 * i + 1] = any_pte();
	}
	c->nr = __HYPERVISOR_mmu_update;
	c->a[0] = (uint64_t)any_pointer();
	c->a[1] = c->a[0] == (uint64_t)args ? below(7) : small_count();
	c->a[3] = below(4) ? DOMID_SELF : any_value();
}

static void make_mmuext(struct call *c) {
	uint64_t *args = arguments();
	static const unsigned char commands[] = { 0, 1,  2,  3,  0,  1,  2,  3,  4,  4,  4,  6,  7, 8,
						  9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 99 };

	for (unsigned int i = 0; i < 6; i++) {
		args[3 * i] = commands[below(sizeof(commands))];
		args[3 * i + 1] = sandbox_mfn();
		args[3 * i + 2] = below(2) ? sandbox_mfn() : (uint64_t)any_pointer();
	}
	c->nr = __HYPERVISOR_mmuext_op;
	c->a[0] = (uint64_t)any_pointer();
	c->a[1] = c->a[0] == (uint64_t)args ? below(7) : small_count();
	c->a[3] = below(4) ? DOMID_SELF : any_value();
}

static void make_va_mapping(struct call *c) {
	c->nr = below(4) ? __HYPERVISOR_update_va_mapping : __HYPERVISOR_update_va_mapping_otherdomain;
	c->a[0] = below(4) ? WINDOW + (rnd() & 0x1fffff) : HYPERVISOR_VIRT_START + (rnd() & 0x7ffffffffffUL);
	c->a[1] = any_pte();
	c->a[2] = below(4) ? below(8) : (uint64_t)any_pointer() | below(8);
	c->a[3] = any_value();
}

static void make_memory_op(struct call *c) {
	uint64_t *args = arguments();
	struct xen_memory_reservation *r = (void *)args;
	static const unsigned char commands[] = { 0, 1, 1, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14, 25, 99 };

	c->nr = __HYPERVISOR_memory_op;
	c->a[0] = commands[below(sizeof(commands))] | (below(20) ? 0 : (rnd() & 0xffffffc0));
	c->a[1] = (uint64_t)any_pointer();
	set_xen_guest_handle(r->extent_start, (xen_pfn_t *)(below(4) ? &args[32] : any_pointer()));
	r->nr_extents = below(8);
	r->extent_order = below(8) ? below(3) : (unsigned int)rnd();
	r->domid = below(8) ? DOMID_SELF : any_value();
	for (unsigned int i = 0; i < 32; i++)
		args[32 + i] = c->a[0] == XENMEM_populate_physmap ? 0x100000 + below(1000) : sandbox_mfn();
}

static void make_event(struct call *c) {
	uint64_t *args = arguments();

	c->nr = __HYPERVISOR_event_channel_op;
	c->a[0] = below(16);
	if (c->a[0] == EVTCHNOP_init_control || c->a[0] == EVTCHNOP_reset)
		args[0] = 0xfffffff; /* a switch of format, or the end of all ports, would be by
					right */
	c->a[1] = (uint64_t)any_pointer();
}

static void make_grant(struct call *c) {
	uint64_t *args = arguments();

	c->nr = __HYPERVISOR_grant_table_op;
	c->a[0] = below(14);
	for (unsigned int i = 0; i < 24; i++)
		args[i] = below(3) ? below(40) : below(2) ? WINDOW + below(512) * PAGE_SIZE : any_value();
	c->a[1] = (uint64_t)any_pointer();
	c->a[2] = c->a[1] == (uint64_t)args ? below(4) : small_count();
}

static void make_version(struct call *c) {
	c->nr = __HYPERVISOR_xen_version;
	c->a[0] = below(12);
	c->a[1] = (uint64_t)any_pointer();
}

static void make_vcpu(struct call *c) {
	static const unsigned char commands[] = { 0, 1, 3, 4, 5, 6, 8, 9, 11, 12, 13, 99 };

	c->nr = __HYPERVISOR_vcpu_op;
	c->a[0] = commands[below(sizeof(commands))];
	c->a[1] = below(3) ? 0 : any_value();
	c->a[2] = (uint64_t)any_pointer();
}

static void make_segments(struct call *c) {
	switch (below(3)) {
	case 0:
		c->nr = __HYPERVISOR_set_gdt;
		c->a[0] = (uint64_t)any_pointer();
		c->a[1] = below(10000);
		break;
	case 1:
		c->nr = __HYPERVISOR_update_descriptor;
		c->a[0] = sandbox_mfn() << PAGE_SHIFT | (rnd() & 0xfff);
		c->a[1] = rnd();
		break;
	default:
		c->nr = __HYPERVISOR_set_segment_base;
		c->a[0] = below(6);
		c->a[1] = any_value();
	}
}

/* Calls with arguments that are wrong by construction: versions, commands, lengths. */
static void make_malformed(struct call *c) {
	uint64_t *args = arguments();
	static const unsigned char numbers[] = { 7,  11, 16, 19, 27, 31, 34, 35, 36, 38,
						 39, 40, 41, 43, 44, 47, 48, 50, 55 };

	c->nr = below(4) ? numbers[below(sizeof(numbers))] : (unsigned int)rnd() | 0x80;
	args[0] = 0xdeadbeefdeadbeefUL; /* no interface version, no command */
	c->a[0] = below(3) ? (uint64_t)any_pointer() : below(2) ? 1000 + below(1000) : rnd();
	for (unsigned int i = 1; i < 5; i++) c->a[i] = any_value();
}

static void make_console(struct call *c) {
	c->nr = __HYPERVISOR_console_io;
	c->a[0] = below(4);
	c->a[1] = 1 + rnd();
	c->a[2] = 0x7000000000UL + below(100);
}

static void make_small(struct call *c) {
	static const unsigned char numbers[] = { __HYPERVISOR_stack_switch,  __HYPERVISOR_fpu_taskswitch,
						 __HYPERVISOR_get_debugreg,  __HYPERVISOR_vm_assist,
						 __HYPERVISOR_set_timer_op,  __HYPERVISOR_set_debugreg,
						 __HYPERVISOR_set_trap_table };

	c->nr = numbers[below(sizeof(numbers))];
	for (unsigned int i = 0; i < 5; i++) c->a[i] = any_value();
	if (c->nr == __HYPERVISOR_set_debugreg) c->a[0] = below(7); /* not the control register */
	if (c->nr == __HYPERVISOR_set_trap_table)
		c->a[0] = HYPERVISOR_VIRT_START + (rnd() & 0x7fffffff8UL); /* never a table of the guest's */
}

typedef void maker(struct call *c);

static maker *const makers[] = {
	make_mmu_update, make_mmu_update, make_mmu_update, make_mmuext,    make_mmuext,  make_mmuext,
	make_va_mapping, make_va_mapping, make_memory_op,  make_event,     make_grant,   make_version,
	make_vcpu,       make_segments,   make_malformed,  make_malformed, make_console, make_small,
};

static void make(struct call *c) {
	memset(c, 0, sizeof(*c));
	fill_args();
	makers[below(ARRAY_SIZE(makers))](c);
}

/* Several requests at once; their arguments are those of the last. */
static void do_multicall(void) {
	uint64_t *args = arguments();
	struct multicall_entry entries[8];
	unsigned int n = below(ARRAY_SIZE(entries));

	for (unsigned int i = 0; i < n; i++) {
		struct call c;

		do make(&c);
		while (c.nr == __HYPERVISOR_memory_op || c.nr == __HYPERVISOR_mmu_update ||
		       c.nr == __HYPERVISOR_update_descriptor || c.nr == __HYPERVISOR_event_channel_op ||
		       c.nr == __HYPERVISOR_mmuext_op || c.nr == __HYPERVISOR_grant_table_op);
		entries[i].op = c.nr;
		memcpy(entries[i].args, c.a, sizeof(c.a));
	}
	memset(args, 0xff, 512);
	hv_multicall(entries, n);
}

static bool verbose; /* option verbose=1: print each call before it is made */

static void print_call(const struct call *c) {
	uint64_t *args = arguments();

	kit_printf("# %lu: %u(%lx, %lx, %lx, %lx)\n", self()->calls, c->nr, c->a[0], c->a[1], c->a[2], c->a[3]);
	if (c->a[0] == (uint64_t)args && c->a[1] < 8) {
		for (unsigned int i = 0; i < 3 * c->a[1]; i++) kit_printf("#   %lx\n", args[i]);
	}
}

static void one_call(void) {
	struct call c;

	if (below(32) == 0) {
		do_multicall();
	} else {
		make(&c);
		if (verbose) print_call(&c);
		if (hypercall(c.nr, c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]) >= 0) self()->accepted++;
	}
	self()->calls++;
}

static void ignore(struct trap_frame *f) {
	(void)f;
	hv_set_debugreg(7, 0);
}

static void setup_canaries(void) {
	for (unsigned int i = 0; i < CANARIES; i++) {
		canary[i] = kit_page_alloc();
		for (unsigned int w = 0; w < 512; w++)
			((uint64_t *)kit_page(canary[i]))[w] = canary[i] * 0x100000001UL + w;
	}
}

static void setup_attacker(unsigned int vcpu) {
	char *va = (char *)(WINDOW + 0x40000000UL + vcpu * 4 * PAGE_SIZE);
	char text[24];

	kit_map(va, kit_pte(kit_page_alloc(), PTE_DATA));
	attackers[vcpu].args = (uint64_t *)va;
	attackers[vcpu].state = 0x5eed5eed5eedUL + vcpu;
	if (kit_option("seed", text, sizeof(text))) {
		for (const char *p = text; *p; p++) attackers[vcpu].state = attackers[vcpu].state * 31 + *p;
	}
}

static void setup(void) {
	last_mfn = hv_memory_op(XENMEM_maximum_ram_page, NULL);
	setup_canaries();
	for (unsigned int i = 0; i < SANDBOX; i++) {
		sandbox[i] = kit_page_alloc();
		if (i >= 8)
			hv_update_va_mapping(kit_page(sandbox[i]), i & 1 ? 0 : kit_pte(sandbox[i], PTE_RO),
					     UVMF_INVLPG);
	}
	for (unsigned int v = 0; v < KIT_SMP_MAX; v++) setup_attacker(v);
	strange = (void *)(WINDOW + 0x40000000UL + 2 * PAGE_SIZE);
	kit_map(strange, kit_pte(kit_page_alloc(), PTE_RO));
	kit_map((void *)WINDOW, 0);
	kit_handlers[VEC_NMI] = ignore;
	kit_handlers[VEC_DB] = ignore;
	kit_handlers[VEC_NM] = ignore;
}

static unsigned long option_number(const char *key, unsigned long value) {
	char text[24];

	if (kit_option(key, text, sizeof(text))) {
		value = 0;
		for (const char *p = text; *p >= '0' && *p <= '9'; p++) value = value * 10 + (*p - '0');
	}
	return value;
}

static void check_memory(void) {
	unsigned long bad = 0, lost = 0, nr = kit_start_info->nr_pages;

	for (unsigned int i = 0; i < CANARIES; i++) {
		for (unsigned int w = 0; w < 512; w++)
			bad += ((uint64_t *)kit_page(canary[i]))[w] != canary[i] * 0x100000001UL + w;
	}
	is(bad, 0, "memory outside the sandbox is unchanged");
	for (unsigned long pfn = 0; pfn < nr; pfn++) {
		if (is_own(kit_mfn(pfn))) lost++;
	}
	is(lost, nr - SANDBOX, "both translations of frames outside the sandbox agree");
}

static void check_tables(void) {
	unsigned long table = kit_page_alloc();

	kit_page_protect(table, PTE_RO);
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL), 0, "a frame can be pinned");
	ok(kit_page_protect(table, PTE_DATA) < 0, "and is guarded");
	is(kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL), 0, "and unpinned");
	is(kit_page_protect(table, PTE_DATA), 0, "and written again");
	TRAP_TRY("movb $1, (%0)", ::"r"(kit_page(kit_root_pfn)) : "memory");
	ok(kit_trap_record.vector == VEC_PF, "the root is still read-only");
}

static volatile unsigned int events;

static void on_event(unsigned int port) {
	(void)port;
	events++;
}

static void check_services(long version) {
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	struct probe_regs in = { .rax = __HYPERVISOR_xen_version, .rbx = 1, .r12 = 2, .r15 = 3, .rflags = 2 }, out;
	uint64_t before = kit_time();
	long port;

	is(hv_event_channel_op(EVTCHNOP_reset, &reset), 0, "event channels are reset");
	kit_events_init();
	port = kit_event_bind_ipi(0);
	ok(port > 0, "a port can be bound");
	kit_event_handle(port, on_event);
	kit_events_on();
	kit_event_send(port);
	is(events, 1, "an event arrives");
	ok(kit_time() >= before, "time goes on");
	is(hv_xen_version(XENVER_version, NULL), version, "the version is the same");
	probe_syscall(&in, &out);
	ok(out.rbx == 1 && out.r12 == 2 && out.r15 == 3, "hypercalls keep registers");
	TRAP_TRY("ud2", ::: "memory");
	trapped(VEC_UD, 0, "traps arrive");
}

static volatile bool over; /* who is brought up again has nothing more to do */

static void attack(void) {
	for (unsigned long i = 0; i < count && !over; i++) one_call();
}

/* All vCPUs that the domain has take part. */
static unsigned int start_others(void) {
	unsigned int vcpus = 1;

	while (vcpus < KIT_SMP_MAX && kit_vcpu_is_up(vcpus) == 0 && kit_vcpu_start(vcpus, attack) == 0) vcpus++;
	return vcpus;
}

/* Random numbers can take a vCPU's timer, not its life: it ends by itself. */
static void wait_for_others(unsigned int vcpus) {
	unsigned int finished = 1;

	for (unsigned int v = 1; v < vcpus; v++) {
		kit_vcpu_wait_down(v, 60000000000UL);
		finished += attackers[v].calls >= count; /* more when another brought it up again */
		kit_printf("# vCPU %u: %lu calls, %lu accepted\n", v, attackers[v].calls, attackers[v].accepted);
	}
	is(finished, vcpus, "all vCPUs have finished");
	/*
	 * One that was down may be attacking anew. It must not during the checks: it would take the traps that they
	 * await. Each that is down now makes no call from here on, but its last may have brought up one seen down
	 * before.
	 */
	over = true;
	for (unsigned int v = 0; v < 2 * vcpus; v++)
		if (v % vcpus) kit_vcpu_wait_down(v % vcpus, 60000000000UL);
}

void guest_main(void) {
	long version = hv_xen_version(XENVER_version, NULL);
	unsigned int vcpus;

	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	setup();
	count = option_number("count", 20000);
	verbose = option_number("verbose", 0);
	vcpus = start_others();
	attack();
	kit_printf("# %lu calls, %lu accepted\n", self()->calls, self()->accepted);
	wait_for_others(vcpus);
	check_memory();
	check_tables();
	check_services(version);
	done();
}
