/* SPDX-License-Identifier: MIT */
/*
 * Time. now_ns() is the TSC since boot times a constant, in the pvclock's own arithmetic
 * (<xen/xen.h> struct vcpu_time_info), so a guest computes from the parameters the very value that
 * ring 0 would. The rate is measured once against the best clock of a known rate. The CPU's timer
 * is the LAPIC's one-shot counter, whose rate is measured too.
 */
#include "acpi.h"
#include "irq.h"
#include "platform.h"
#include "x86.h"

#define NS_PER_SEC     1000000000ULL
#define MEASURE_MS     20
#define PM_TIMER_HZ    3579545ULL
#define PM_TIMER_SHIFT 8
#define HPET_PERIOD    1 /* in 32-bit registers: femtoseconds per tick */
#define HPET_CONFIG    4
#define HPET_COUNTER   60
#define HPET_ENABLE    1u

static uint64_t tsc_boot __ro_after_init, tsc_hz __ro_after_init;
static uint32_t ns_mul __ro_after_init; /* pvclock: ns = (delta << shift) * mul >> 32 */
static int8_t ns_shift __ro_after_init;
static uint64_t lapic_per_ns __ro_after_init; /* 32.32 */
static bool stable __ro_after_init;

/* -- the reference clock: the HPET, or else the PM timer -- */

static volatile uint32_t *hpet __initdata;

/* Its ticks per second, 0 if there is none. */
static uint64_t __init hpet_start(void) {
	hpet = acpi.hpet_address ? arch_registers_map(acpi.hpet_address, 1024) : NULL;
	if (!hpet || !hpet[HPET_PERIOD] || hpet[HPET_PERIOD] > 100000000u) return 0;
	hpet[HPET_CONFIG] |= HPET_ENABLE;
	return 1000000000000000ULL / hpet[HPET_PERIOD];
}

/* Of the PM timer 24 bits are there for sure: they stand at the top, so that differences wrap. */
static uint32_t __init reference_read(void) { return hpet ? hpet[HPET_COUNTER] : inl(acpi.pm_timer) << PM_TIMER_SHIFT; }

/* The TSC at the instant of a reading of the reference: of five tries the one that took least time. */
static uint64_t __init tsc_at(uint32_t *ref) {
	uint64_t least = ~0ULL, tsc = 0;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = rdtsc();
		uint32_t now = reference_read();
		uint64_t took = rdtsc() - before;

		if (took >= least) continue;
		least = took;
		tsc = before + took / 2;
		*ref = now;
	}
	return tsc;
}

/* TSC ticks per second by a reference of hz; 0 if that is not there (hz is 0) or stands still. */
static uint64_t __init measure(uint64_t hz) {
	uint32_t want = (uint32_t)(hz * MEASURE_MS / 1000), ticks = 0, begin = 0, end = 0;
	uint64_t tsc;

	if (!hz) return 0;
	tsc = tsc_at(&begin);
	for (unsigned i = 0; ticks < want && i < 100000000u; i++) ticks = reference_read() - begin;
	tsc = tsc_at(&end) - tsc;
	ticks = end - begin;
	return ticks < want ? 0 : mul_div(tsc, hz, ticks);
}

static void __init tsc_calibrate(void) {
	tsc_hz = measure(hpet_start());
	if (tsc_hz < 1000000) {
		hpet = NULL;
		tsc_hz = measure(acpi.pm_timer ? PM_TIMER_HZ << PM_TIMER_SHIFT : 0);
	}
	if (tsc_hz < 1000000) panic("no clock to measure the CPU's rate with: HPET and PM timer fail");
	printk(LOG_INFO, "clock: TSC at %lu.%03lu MHz by the %s\n", tsc_hz / 1000000, tsc_hz / 1000 % 1000,
	       hpet ? "HPET" : "ACPI PM timer");
}

/* mul and shift such that 2^31 <= mul < 2^32. */
static void __init scale_set(void) {
	uint64_t hz = tsc_hz;

	for (; hz > 2 * NS_PER_SEC; hz >>= 1) ns_shift--;
	for (; hz <= NS_PER_SEC; hz <<= 1) ns_shift++;
	/* from the unshifted rate, for all its bits */
	ns_mul = (uint32_t)mul_div(NS_PER_SEC, 1ULL << (32 - ns_shift), tsc_hz);
}

static uint64_t scale(uint64_t value, uint64_t fixed_32_32) {
	return (uint64_t)((unsigned __int128)value * fixed_32_32 >> 32);
}

/* Not 0: guests take a record without a time for one that was never filled. */
#define NS_AT_BOOT 1

uint64_t now_ns(void) {
	uint64_t delta = rdtsc() - tsc_boot;

	delta = ns_shift >= 0 ? delta << ns_shift : delta >> -ns_shift;
	return scale(delta, ns_mul) + NS_AT_BOOT;
}

void arch_tsc_params(uint32_t *mul, int8_t *shift, uint64_t *tsc_stamp, uint64_t *ns_stamp) {
	*mul = ns_mul;
	*shift = ns_shift;
	*tsc_stamp = tsc_boot;
	*ns_stamp = NS_AT_BOOT;
}

bool arch_tsc_stable(void) { return stable; }

uint32_t tsc_khz(void) { return (uint32_t)(tsc_hz / 1000); }

void clock_delay_us(uint64_t us) {
	uint64_t end = rdtsc() + us * tsc_hz / 1000000;

	while (rdtsc() < end) cpu_pause();
}

/* -- the CPU's timer -- */

static void __init lapic_calibrate(void) {
	uint64_t begin, ns;
	uint32_t counted;

	begin = now_ns();
	lapic_timer_start(~0u);
	clock_delay_us(5000);
	counted = ~0u - lapic_timer_count();
	ns = now_ns() - begin;
	lapic_timer_start(0);
	if (!counted) panic("the local APIC's timer does not count");
	lapic_per_ns = ((uint64_t)counted << 32) / ns;
}

void __init clock_init(void) {
	uint32_t leaf1[4], power[4];

	/* the CPU promises it, or is a hypervisor's, which keeps its guests' counters in step */
	cpuid(1, 0, leaf1);
	cpuid(0x80000007, 0, power);
	stable = power[3] >> 8 & 1 || leaf1[2] >> 31;
	tsc_calibrate();
	scale_set();
	tsc_boot = rdtsc();
	lapic_calibrate();
}

void arch_timer_program(uint64_t deadline) {
	struct cpu *c = this_cpu();
	uint64_t now, count;

	if (deadline == c->timer_deadline) return;
	c->timer_deadline = deadline;
	now = now_ns();
	count = deadline > now ? scale(deadline - now, lapic_per_ns) + 1 : 1;
	lapic_timer_start(deadline ? (uint32_t)MIN(count, 0xffffffffULL) : 0);
}

/* -- wall clock at boot -- */

static uint8_t cmos_read(uint8_t reg) {
	outb(0x70, reg);
	return inb(0x71);
}

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CMOS_FIELDS };

static void cmos_time_read(uint8_t t[CMOS_FIELDS]) {
	static const uint8_t reg[CMOS_FIELDS] = { 0, 2, 4, 7, 8, 9 };

	for (unsigned i = 0; i < 1000000 && cmos_read(0x0a) & 0x80; i++) cpu_pause(); /* an update is in progress */
	for (unsigned i = 0; i < CMOS_FIELDS; i++) t[i] = cmos_read(reg[i]);
}

/* From BCD and twelve hours, if it is kept so. */
static void cmos_convert(uint8_t t[CMOS_FIELDS]) {
	uint8_t mode = cmos_read(0x0b);
	bool pm = !(mode & 2) && t[HOUR] & 0x80;

	t[HOUR] &= 0x7f;
	for (unsigned i = 0; i < CMOS_FIELDS && !(mode & 4); i++) t[i] = (uint8_t)((t[i] >> 4) * 10 + (t[i] & 15));
	if (!(mode & 2)) t[HOUR] = (uint8_t)(t[HOUR] % 12 + (pm ? 12 : 0));
}

/* Days since 1970-01-01 of a civil date (years from 1970). */
static uint64_t days_from_civil(unsigned year, unsigned month, unsigned day) {
	/* count from March, so that the leap day is the year's last */
	unsigned y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t arch_wallclock_boot(void) {
	uint8_t t[CMOS_FIELDS], again[CMOS_FIELDS];

	if (acpi.no_cmos_rtc) return 0;
	do {
		cmos_time_read(t);
		cmos_time_read(again);
	} while (memcmp(t, again, sizeof(t)));
	cmos_convert(t);
	if (t[MONTH] < 1 || t[MONTH] > 12 || t[DAY] < 1 || t[DAY] > 31) return 0;
	return days_from_civil(t[YEAR] + (t[YEAR] < 70 ? 2000u : 1900u), t[MONTH], t[DAY]) * 86400 + t[HOUR] * 3600u +
	       t[MINUTE] * 60u + t[SECOND];
}
