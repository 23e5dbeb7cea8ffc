/* SPDX-License-Identifier: MIT */
/* System time, wall clock, timers, runstate, and the areas that a guest registers for them. */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>
#include "tap.h"

#define MS 1000000UL

static volatile unsigned int ticks;
static volatile uint64_t tick_time;
static long timer_port;

static void on_timer(unsigned int port) {
	(void)port;
	ticks++;
	tick_time = kit_time();
}

/* Waits for the next tick, at most `ns`. */
static bool wait_tick(unsigned int seen, uint64_t ns) {
	uint64_t end = kit_time() + ns;

	while (ticks == seen && kit_time() < end) asm volatile("pause");
	return ticks != seen;
}

static void test_clock(void) {
	struct vcpu_time_info t = kit_time_snapshot(&kit_vcpu_info()->time);
	uint64_t last = kit_time(), now, start = last;
	bool forward = true;

	ok(t.tsc_to_system_mul != 0, "the record has a factor");
	ok(t.tsc_shift > -32 && t.tsc_shift < 32, "and a shift");
	for (unsigned int i = 0; i < 100000; i++) {
		now = kit_time();
		forward &= now >= last;
		last = now;
	}
	ok(forward, "system time never goes back");
	ok(last > start, "and goes on");
	ok(last < 600000 * MS, "it counts from the host's start");
}

static void test_wallclock(void) {
	struct shared_info *s = kit_shared_info;

	is(s->wc_version & 1, 0, "the wall clock is not being changed");
	ok(s->wc_version != 0, "it has been set");
	ok(s->wc_nsec < 1000000000, "nanoseconds are below a second");
	ok((uint64_t)s->wc_sec_hi << 32 | s->wc_sec, "seconds are there");
	ok(((uint64_t)s->wc_sec_hi << 32 | s->wc_sec) > 1500000000UL, "and of this age");
}

/* Wait, for a second at most, until two ticks follow each other within a time: a busy host loses ticks, but
 * makes none. */
static bool ticks_within(uint64_t ns) {
	uint64_t end = kit_time() + 1000 * MS, last = tick_time;
	bool found = false;

	while (!found && kit_time() < end) {
		uint64_t now = tick_time;

		found = now != last && now - last < ns;
		last = now;
	}
	return found;
}

static void test_periodic(void) {
	struct vcpu_set_periodic_timer periodic = { .period_ns = 5 * MS };
	unsigned int seen;

	ok(ticks_within(19 * MS), "a vCPU starts with a tick of 10 ms");
	is(hv_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), 0, "the period is changed");
	ok(ticks_within(9 * MS), "ticks come more often");
	periodic.period_ns = 10;
	is(hv_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), KIT_ERRNO(EINVAL),
	   "a period below a millisecond is refused");
	is(hv_vcpu_op(VCPUOP_set_periodic_timer, 0, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "an unmapped period");
	is(hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "the tick is stopped");
	kit_delay(10 * MS);
	seen = ticks;
	kit_delay(40 * MS);
	is(ticks - seen, 0, "no tick comes any more");
	is(hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "stopping again is fine");
}

static void test_singleshot(void) {
	struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future };
	unsigned int seen = ticks;
	uint64_t at = kit_time() + 20 * MS;

	is(kit_timer_set(at), 0, "a timer is set");
	ok(wait_tick(seen, 2000 * MS), "it fires");
	ok(tick_time >= at, "not before its time");
	seen = ticks;
	kit_delay(40 * MS);
	is(ticks - seen, 0, "and once only");
	is(kit_timer_set(kit_time() + 30 * MS), 0, "a timer is set");
	is(hv_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0, "and stopped");
	kit_delay(60 * MS);
	is(ticks - seen, 0, "it does not fire");
	is(kit_timer_set(1), 0, "a timer in the past");
	ok(wait_tick(seen, 2000 * MS), "fires at once");
	value("a timer in the past with the flag future", hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer));
	seen = ticks;
	kit_delay(20 * MS);
	value("ticks by it", ticks - seen);
	is(hv_vcpu_op(VCPUOP_set_singleshot_timer, 7, &timer), KIT_ERRNO(ENOENT), "the timer of no vCPU");
	is(hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "an unmapped timer");
	hv_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
}

static void test_timer_op(void) {
	unsigned int seen = ticks;
	uint64_t at = kit_time() + 20 * MS;

	is(hv_set_timer_op(at), 0, "set_timer_op");
	ok(wait_tick(seen, 2000 * MS), "fires");
	ok(tick_time >= at, "not before its time");
	seen = ticks;
	is(hv_set_timer_op(kit_time() + 20 * MS), 0, "set_timer_op");
	is(hv_set_timer_op(0), 0, "is cancelled by zero");
	kit_delay(50 * MS);
	is(ticks - seen, 0, "it does not fire");
}

static void test_block(void) {
	unsigned int seen = ticks;
	uint64_t at;

	kit_events_off();
	at = kit_time() + 30 * MS;
	kit_timer_set(at);
	is(hv_sched_op(SCHEDOP_block, NULL), 0, "a blocked vCPU");
	ok(kit_time() >= at, "sleeps until its timer fires");
	is(ticks - seen, 1, "which is delivered");
}

static void test_poll(void) {
	struct sched_poll p = { .nr_ports = 1 };
	evtchn_port_t ports[1] = { kit_event_bind_ipi(0) };
	uint64_t at;

	set_xen_guest_handle(p.ports, ports);
	kit_events_off();
	at = kit_time() + 20 * MS;
	p.timeout = at;
	is(hv_sched_op(SCHEDOP_poll, &p), 0, "a poll with a deadline");
	ok(kit_time() >= at, "ends by it");
	kit_event_close(ports[0]);
	ports[0] = timer_port;
	p.timeout = 0;
	at = kit_time() + 20 * MS;
	kit_event_mask(timer_port);
	kit_timer_set(at);
	is(hv_sched_op(SCHEDOP_poll, &p), 0, "a poll for a masked port");
	ok(kit_time() >= at && kit_event_pending(timer_port), "ends when it is pending");
	kit_event_clear(timer_port);
	kit_event_unmask(timer_port);
	kit_events_on();
}

static struct vcpu_runstate_info runstate;

static uint64_t spent(const volatile struct vcpu_runstate_info *r) {
	return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

static void test_runstate(void) {
	static struct vcpu_runstate_info area __attribute__((aligned(64)));
	struct vcpu_register_runstate_memory_area reg = { .addr.v = &area };
	volatile struct vcpu_runstate_info *r = &area;
	uint64_t blocked;

	is(hv_vcpu_op(VCPUOP_get_runstate_info, 0, &runstate), 0, "get_runstate_info");
	is(runstate.state, RUNSTATE_running, "a vCPU that asks is running");
	ok(runstate.time[RUNSTATE_running] > 0 && spent(&runstate) <= kit_time(), "times are sensible");
	is(hv_vcpu_op(VCPUOP_get_runstate_info, 7, &runstate), KIT_ERRNO(ENOENT), "of no vCPU");
	is(hv_vcpu_op(VCPUOP_get_runstate_info, 0, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "to nowhere");
	is(hv_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0, "an area is registered");
	is(r->state, RUNSTATE_running, "and filled");
	blocked = r->time[RUNSTATE_blocked];
	test_block();
	ok(r->time[RUNSTATE_blocked] >= blocked + 20 * MS, "it counts time blocked");
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0, "the update flag is asked for");
	test_block();
	is_hex(r->state_entry_time & XEN_RUNSTATE_UPDATE, 0, "it is clear while the guest runs");
	reg.addr.v = (void *)0x7000000000UL;
	value("an unmapped runstate area", hv_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg));
	reg.addr.v = (void *)HYPERVISOR_VIRT_START;
	is(hv_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), KIT_ERRNO(EFAULT), "an area of the hypervisor's");
	reg.addr.v = NULL;
	is(hv_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0, "none");
}

static void test_time_area(void) {
	static struct vcpu_time_info area __attribute__((aligned(64)));
	struct vcpu_register_time_memory_area reg = { .addr.v = &area };

	is(hv_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0, "a time area is registered");
	ok(area.tsc_to_system_mul != 0, "and filled");
	ok(kit_time_by(&area) <= kit_time(), "it tells the same time");
	reg.addr.v = (void *)HYPERVISOR_VIRT_START;
	is(hv_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), KIT_ERRNO(EFAULT),
	   "an area of the hypervisor's");
	reg.addr.v = NULL;
	is(hv_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0, "none");
}

static long register_info(unsigned long mfn, unsigned int offset, unsigned int vcpu) {
	struct vcpu_register_vcpu_info reg = { .mfn = mfn, .offset = offset };

	return hv_vcpu_op(VCPUOP_register_vcpu_info, vcpu, &reg);
}

static void test_vcpu_info(void) {
	unsigned long pfn = kit_page_alloc();
	struct vcpu_info *moved = (struct vcpu_info *)((char *)kit_page(pfn) + 128);
	unsigned int seen = ticks;

	is(register_info(kit_mfn(pfn), 4096 - 32, 0), KIT_ERRNO(ENXIO),
	   "a vcpu_info over the end of a page is refused");
	is(register_info(kit_mfn(pfn), 4, 0), KIT_ERRNO(ENXIO), "as is one at an odd offset");
	is(register_info(0xfffffff, 0, 0), KIT_ERRNO(EINVAL), "or beyond memory");
	is(register_info(kit_mfn(kit_root_pfn), 0, 0), KIT_ERRNO(EINVAL), "or in a page table");
	is(register_info(kit_mfn(pfn), 0, 7), KIT_ERRNO(ENOENT), "or of no vCPU");
	kit_events_off();
	is(register_info(kit_mfn(pfn), 128, 0), 0, "vcpu_info is moved");
	kit_vcpu_infos[0] = moved;
	is(moved->evtchn_upcall_mask, 1, "its contents move along");
	is(register_info(kit_mfn(pfn), 192, 0), KIT_ERRNO(EINVAL), "it is moved once only");
	kit_events_on();
	kit_timer_set(kit_time() + 10 * MS);
	ok(wait_tick(seen, 2000 * MS), "events are delivered by the new place");
	ok(moved->time.tsc_to_system_mul != 0, "time is kept there");
	TRAP_TRY("movb (%0), %%cl", ::"r"(0x7000000123UL) : "rcx", "memory");
	is_hex(kit_trap_record.cr2, 0x7000000123UL, "and cr2");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL), KIT_ERRNO(EINVAL), "its frame cannot be a page table");
	kit_page_protect(pfn, PTE_RO);
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL), KIT_ERRNO(EINVAL),
	   "not even when the guest has it read-only");
	kit_page_protect(pfn, PTE_DATA);
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	test_clock();
	test_wallclock();
	timer_port = kit_event_bind_virq(VIRQ_TIMER, 0);
	kit_event_handle(timer_port, on_timer);
	kit_events_on();
	test_periodic();
	test_singleshot();
	test_timer_op();
	test_block();
	test_poll();
	test_runstate();
	test_time_area();
	test_vcpu_info();
	done();
}
