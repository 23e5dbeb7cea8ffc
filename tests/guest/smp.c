/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=2 vcpus=4 */
/* Several vCPUs on two processors: start and stop, IPIs, ports that move, flushes on other
 * processors, clocks. */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/smp.h>
#include <kit/time.h>
#include "tap.h"

#define MS     1000000UL
#define SECOND (1000 * MS)
#define WINDOW ((volatile uint64_t *)0xffffc00000000000UL)

static volatile unsigned int started[KIT_SMP_MAX], stop;
static volatile unsigned int hits[KIT_SMP_MAX];

static void note_vcpu(unsigned int port) {
	(void)port;
	hits[kit_vcpu_id()]++;
}

static bool wait_for(volatile unsigned int *what, unsigned int want) {
	uint64_t end = kit_time() + 5 * SECOND;

	while (*what < want && kit_time() < end) hv_sched_op(SCHEDOP_yield, NULL);
	return *what >= want;
}

static void run_once(void) { started[kit_vcpu_id()]++; }

static void test_life(void) {
	struct vcpu_guest_context *c;

	is(kit_vcpu_is_up(0), 1, "vCPU 0 is up");
	is(kit_vcpu_is_up(1), 0, "vCPU 1 is down");
	is(kit_vcpu_is_up(4), KIT_ERRNO(ENOENT), "vCPU 4 does not exist");
	is(hv_vcpu_op(VCPUOP_up, 1, NULL), KIT_ERRNO(EINVAL), "a vCPU without context is not started");
	c = kit_vcpu_context(1, run_once);
	c->ctrlreg[3] = xen_pfn_to_cr3(0xfffffffUL);
	is(hv_vcpu_op(VCPUOP_initialise, 1, c), KIT_ERRNO(EINVAL), "a context with a bad root is refused");
	c = kit_vcpu_context(1, run_once);
	c->trap_ctxt[3].address = 0x800000000000UL;
	is(hv_vcpu_op(VCPUOP_initialise, 1, c), KIT_ERRNO(EINVAL), "as is one with a non-canonical handler");
	c = kit_vcpu_context(1, run_once);
	c->user_regs.rip = 0x800000000000UL;
	is(hv_vcpu_op(VCPUOP_initialise, 1, c), KIT_ERRNO(EINVAL), "or a non-canonical start");
	c = kit_vcpu_context(1, run_once);
	c->flags = 0;
	is(hv_vcpu_op(VCPUOP_initialise, 1, c), KIT_ERRNO(EINVAL), "or in user mode, without a root for it");
	is(hv_vcpu_op(VCPUOP_initialise, 1, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "or no memory");
	is(hv_vcpu_op(VCPUOP_initialise, 4, kit_vcpu_context(4, run_once)), KIT_ERRNO(ENOENT), "or of no vCPU");
	is(kit_vcpu_start(1, run_once), 0, "a vCPU is started");
	ok(wait_for(&started[1], 1), "it runs");
	ok(kit_vcpu_wait_down(1, 5 * SECOND), "and goes down by itself");
	is(hv_vcpu_op(VCPUOP_initialise, 1, kit_vcpu_context(1, run_once)), KIT_ERRNO(EEXIST),
	   "it is initialised once only");
	is(hv_vcpu_op(VCPUOP_up, 1, NULL), 0, "it is brought up again");
	ok(wait_for(&started[1], 2), "and goes on where it was");
	ok(kit_vcpu_wait_down(1, 5 * SECOND), "and down again");
	is(hv_vcpu_op(VCPUOP_down, 4, NULL), KIT_ERRNO(ENOENT), "no vCPU goes down");
}

static void serve(void) {
	hv_vcpu_op(VCPUOP_stop_periodic_timer, kit_vcpu_id(), NULL);
	started[kit_vcpu_id()]++;
	kit_events_on();
	while (!stop) {
		kit_events_off();
		if (!stop) hv_sched_op(SCHEDOP_block, NULL);
		kit_events_on();
	}
}

static void test_ipis(void) {
	long ports[4];

	for (unsigned int v = 2; v < 4; v++) {
		started[v] = 0;
		is(kit_vcpu_start(v, serve), 0, "another vCPU is started");
		ok(wait_for(&started[v], 1), "it runs");
		ports[v] = kit_event_bind_ipi(v);
		ok(ports[v] > 0, "it has an IPI port");
		kit_event_handle(ports[v], note_vcpu);
	}
	for (unsigned int i = 1; i <= 10; i++) {
		for (unsigned int v = 2; v < 4; v++) {
			kit_event_send(ports[v]);
			if (!wait_for(&hits[v], i)) {
				ok(false, "ten IPIs wake each vCPU ten times");
				return;
			}
		}
	}
	ok(hits[2] == 10 && hits[3] == 10 && hits[0] == 0, "ten IPIs wake each vCPU ten times");
	kit_event_close(ports[2]);
	kit_event_close(ports[3]);
}

static void test_moving(void) {
	struct evtchn_bind_vcpu bind;
	long a = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF), b = kit_event_bind_interdomain(DOMID_SELF, a);

	kit_event_handle(a, note_vcpu);
	hits[0] = hits[2] = hits[3] = 0;
	kit_event_send(b);
	is(hits[0], 1, "an event goes to vCPU 0");
	bind.port = a;
	for (unsigned int v = 2; v < 4; v++) {
		bind.vcpu = v;
		is(hv_event_channel_op(EVTCHNOP_bind_vcpu, &bind), 0, "its port is moved to another vCPU");
		kit_event_send(b);
		ok(wait_for(&hits[v], 1), "and the event goes there");
	}
	is(hits[0], 1, "none came to vCPU 0 meanwhile");
	kit_event_close(a);
	kit_event_close(b);
}

static volatile uint64_t other_saw;
static volatile unsigned int look, looked;

/* Keeps the window's translation in its processor's cache and reads it when told. */
static void reader(void) {
	started[kit_vcpu_id()]++;
	while (!stop) {
		uint64_t v = *WINDOW;

		if (look != looked) {
			other_saw = v;
			looked = look;
		}
	}
}

static uint64_t ask(void) {
	unsigned int n = ++look;

	wait_for(&looked, n);
	n = ++look; /* the first answer may be older than the question */
	wait_for(&looked, n);
	return other_saw;
}

static void test_remote_flush(void) {
	unsigned long a = kit_page_alloc(), b = kit_page_alloc();
	uint64_t mask = 1UL << 1;
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_MULTI };

	*(uint64_t *)kit_page(a) = 0xaaaa;
	*(uint64_t *)kit_page(b) = 0xbbbb;
	kit_map(WINDOW, kit_pte(a, PTE_DATA));
	for (unsigned int v = 2; v < 4; v++) is(hv_vcpu_op(VCPUOP_down, v, NULL), 0, "a vCPU is taken down by another");
	started[1] = 0;
	kit_vcpu_context(1, reader);
	hv_vcpu_op(VCPUOP_up, 1, NULL);
	ok(wait_for(&started[1], 1), "another vCPU reads a window");
	is_hex(ask(), 0xaaaa, "it sees its frame");
	hv_update_va_mapping(WINDOW, kit_pte(b, PTE_DATA), UVMF_INVLPG | UVMF_ALL);
	is_hex(ask(), 0xbbbb, "update_va_mapping with invlpg everywhere reaches it");
	hv_update_va_mapping(WINDOW, kit_pte(a, PTE_DATA), UVMF_TLB_FLUSH | (unsigned long)&mask);
	is_hex(ask(), 0xaaaa, "a flush of a set of vCPUs reaches it");
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(b, PTE_DATA));
	set_xen_guest_handle(op.arg2.vcpumask, &mask);
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "TLB_FLUSH_MULTI");
	is_hex(ask(), 0xbbbb, "reaches it");
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(a, PTE_DATA));
	op.cmd = MMUEXT_INVLPG_MULTI;
	op.arg1.linear_addr = (unsigned long)WINDOW;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "INVLPG_MULTI");
	is_hex(ask(), 0xaaaa, "reaches it");
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(b, PTE_DATA));
	kit_mmuext(MMUEXT_TLB_FLUSH_ALL, 0, NULL);
	is_hex(ask(), 0xbbbb, "TLB_FLUSH_ALL reaches it");
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(a, PTE_DATA));
	kit_mmuext(MMUEXT_INVLPG_ALL, (unsigned long)WINDOW, NULL);
	is_hex(ask(), 0xaaaa, "INVLPG_ALL reaches it");
}

static volatile unsigned int refused;

/* The writer's only instruction that can fault is three bytes long. */
static void skip_write(struct trap_frame *f) {
	refused++;
	f->rip += 3;
}

/* Writes ever new values, none of which is a present entry. */
static void writer(void) {
	uint64_t v = 0;

	started[kit_vcpu_id()]++;
	while (!stop) {
		v += 2;
		asm volatile("movq %%rax, (%%rbx)" ::"a"(v), "b"(WINDOW) : "memory");
	}
}

/* Lets the other vCPU write to a frame, then makes it a table: NULL, or what went wrong, such as that the
 * table still changes. */
static const char *stale_writes(unsigned long pfn) {
	volatile uint64_t *view = kit_page(pfn);
	uint64_t start, end = kit_time() + 5 * SECOND;
	bool changed = false;

	if (kit_page_protect(pfn, PTE_DATA)) return "the frame is not writable";
	*view = 0;
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(pfn, PTE_DATA));
	while (*view == 0 && kit_time() < end) hv_sched_op(SCHEDOP_yield, NULL);
	if (*view == 0) return "nobody wrote to it";
	kit_mmu_update(kit_l1e_maddr(WINDOW), 0); /* no mapping left by which stores could be emulated */
	kit_page_protect(pfn, PTE_RO);
	if (kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL)) return "it is refused as a table";
	start = *view;
	end = kit_time() + 2 * MS;
	while (kit_time() < end) changed |= *view != start;
	if (kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(pfn), NULL)) return "it stays a table";
	return changed ? "it still changes" : NULL;
}

/* A frame that was writable becomes a table: no processor may still write to it, though nobody
 * asked for a flush. */
static void test_stale_writers(void) {
	unsigned long pfn = kit_page_alloc();
	const char *wrong = NULL;

	stop = 1;
	ok(kit_vcpu_wait_down(1, 5 * SECOND), "the reader ends");
	stop = 0;
	started[1] = 0;
	kit_handlers[VEC_PF] = skip_write;
	kit_mmu_update(kit_l1e_maddr(WINDOW), 0);
	kit_mmuext(MMUEXT_TLB_FLUSH_ALL, 0, NULL);
	kit_vcpu_context(1, writer);
	hv_vcpu_op(VCPUOP_up, 1, NULL);
	ok(wait_for(&started[1], 1), "another vCPU writes to a window");
	for (unsigned int i = 0; i < 30 && !wrong; i++) wrong = stale_writes(pfn);
	if (wrong) kit_printf("# %s\n", wrong);
	ok(!wrong, "a frame that it wrote to does not change any more as a table");
	ok(refused > 0, "its writes fault then");
	stop = 1;
	ok(kit_vcpu_wait_down(1, 5 * SECOND), "the writer ends");
	stop = 0;
	kit_handlers[VEC_PF] = NULL;
}

static volatile unsigned int nmis;

static void count_nmi(struct trap_frame *f) {
	(void)f;
	nmis++;
}

/* The processor of a vCPU that is down idles; work that only the vCPU can do must not keep it from interrupts. */
static void test_nmi_of_one_down(void) {
	kit_handlers[VEC_NMI] = count_nmi;
	started[1] = 0;
	kit_vcpu_context(1, run_once);
	is(hv_vcpu_op(VCPUOP_send_nmi, 1, NULL), 0, "an NMI for a vCPU that is down");
	is(kit_mmuext(MMUEXT_TLB_FLUSH_ALL, 0, NULL), 0, "a flush on its processor ends");
	is(nmis, 0, "it has not come yet");
	is(hv_vcpu_op(VCPUOP_up, 1, NULL), 0, "the vCPU comes up");
	ok(wait_for(&nmis, 1) && wait_for(&started[1], 1), "and takes it");
	ok(kit_vcpu_wait_down(1, 5 * SECOND), "it ends");
}

static volatile uint64_t last_time;
static volatile uint64_t backwards;
static volatile unsigned int rounds[KIT_SMP_MAX];

/* Both vCPUs push a common time forward and note how far their own lies behind it. */
static void race_clock(void) {
	unsigned int self = kit_vcpu_id();

	started[self]++;
	for (unsigned int i = 0; i < 100000 && !stop; i++) {
		uint64_t seen = last_time, now = kit_time();

		if (now < seen && seen - now > backwards) backwards = seen - now;
		__sync_bool_compare_and_swap(&last_time, seen, now > seen ? now : seen);
		rounds[self]++;
	}
}

static void test_clocks(void) {
	started[1] = 0;
	kit_vcpu_context(1, race_clock);
	hv_vcpu_op(VCPUOP_up, 1, NULL);
	value("the second vCPU's clock starts", wait_for(&started[1], 1));
	race_clock();
	ok(rounds[0] > 0 && rounds[1] > 0, "two vCPUs read the clock");
	ok(backwards < 100 * MS, "their system times are less than 100 ms apart");
	kit_printf("# apart by up to %lu ns\n", backwards);
	stop = 1;
}

static void test_info(void) {
	struct vcpu_runstate_info r;
	struct vcpu_get_physid phys;

	is(hv_vcpu_op(VCPUOP_get_runstate_info, 1, &r), 0, "another vCPU's runstate");
	is(hv_vcpu_op(VCPUOP_get_runstate_info, 4, &r), KIT_ERRNO(ENOENT), "of no vCPU");
	value("get_physid", hv_vcpu_op(VCPUOP_get_physid, 0, &phys));
	is(hv_vcpu_op(VCPUOP_set_singleshot_timer, 1, &r), KIT_ERRNO(EINVAL),
	   "a one-shot timer of another vCPU is refused");
}

/* Its processor still has it loaded; what it reports must be at the new place when it runs again. */
static void test_info_of_one_down(void) {
	unsigned long pfn = kit_page_alloc();
	volatile struct vcpu_info *info = kit_page(pfn);
	struct vcpu_register_vcpu_info r = { .mfn = kit_mfn(pfn) };

	ok(kit_vcpu_wait_down(1, 5 * SECOND), "vCPU 1 has gone down");
	is(hv_vcpu_op(VCPUOP_register_vcpu_info, 1, &r), 0, "its vcpu_info moves");
	is(hv_vcpu_op(VCPUOP_register_vcpu_info, 1, &r), KIT_ERRNO(EINVAL), "once only");
	is(info->evtchn_upcall_pending, 1, "it is to look at all ports");
	info->evtchn_upcall_mask = 1;
	info->time.system_time = 0;
	started[1] = 0;
	kit_vcpu_context(1, run_once);
	is(hv_vcpu_op(VCPUOP_up, 1, NULL), 0, "it comes up");
	ok(wait_for(&started[1], 1), "and runs");
	ok(info->time.system_time != 0, "its time is at the new place");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	kit_events_on();
	test_life();
	test_ipis();
	test_moving();
	test_remote_flush();
	test_stale_writers();
	test_nmi_of_one_down();
	test_clocks();
	test_info();
	test_info_of_one_down();
	done();
}
