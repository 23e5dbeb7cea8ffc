/* SPDX-License-Identifier: MIT */
/*
 * The local APIC. Memory-mapped mode unless the firmware left x2APIC on, or the machine is a virtual one
 * that has it, where an access to memory that is emulated costs much more: then the same registers are
 * MSRs. Physical destinations throughout.
 */
#include "irq.h"
#include "platform.h"
#include "x86.h"

#define REG_ID       0x20
#define REG_TPR      0x80
#define REG_EOI      0xb0
#define REG_SPURIOUS 0xf0
#define REG_ESR      0x280
#define REG_ICR      0x300
#define REG_ICR_HIGH 0x310
#define REG_TIMER    0x320
#define REG_THERMAL  0x330
#define REG_PERF     0x340
#define REG_LINT0    0x350
#define REG_LINT1    0x360
#define REG_ERROR    0x370
#define REG_INITIAL  0x380
#define REG_CURRENT  0x390
#define REG_DIVIDE   0x3e0

#define BASE_X2APIC     (1u << 10)
#define BASE_ENABLE     (1u << 11)
#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED      (1u << 16)
#define LVT_NMI         (4u << 8)
#define ICR_BUSY        (1u << 12)
#define ICR_ASSERT      (1u << 14)
#define ICR_OTHERS      (3u << 18)
#define ICR_INIT        (5u << 8)
#define ICR_STARTUP     (6u << 8)
#define DIVIDE_BY_1     0xb
#define MSR_X2APIC(reg) (0x800u + ((reg) >> 4))

static volatile uint32_t *registers __ro_after_init;
static bool x2apic __ro_after_init;

static uint32_t reg_read(unsigned reg) { return x2apic ? (uint32_t)rdmsr(MSR_X2APIC(reg)) : registers[reg / 4]; }

static void reg_write(unsigned reg, uint32_t v) {
	if (x2apic)
		wrmsr(MSR_X2APIC(reg), v);
	else
		registers[reg / 4] = v;
}

void arch_irq_ack(void) { reg_write(REG_EOI, 0); }

void lapic_init_cpu(void) {
	uint64_t base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | (x2apic ? BASE_X2APIC : 0));
	reg_write(REG_TPR, 0);
	reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | VEC_SPURIOUS);
	reg_write(REG_LINT0, LVT_MASKED);
	reg_write(REG_LINT1, LVT_NMI);
	reg_write(REG_THERMAL, LVT_MASKED);
	reg_write(REG_PERF, LVT_MASKED);
	reg_write(REG_ERROR, VEC_LAPIC_ERROR);
	reg_write(REG_INITIAL, 0);
	reg_write(REG_TIMER, VEC_TIMER);
	reg_write(REG_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_ESR, 0);
	arch_irq_ack();
}

void __init lapic_init(uint64_t address) {
	x2apic = rdmsr(MSR_APIC_BASE) & BASE_X2APIC || cpu_has.x2apic;
	registers = arch_registers_map(address, PAGE_SIZE);
	if (!registers) panic("no memory to map the local APIC");
	lapic_init_cpu();
	this_cpu()->apic_id = x2apic ? reg_read(REG_ID) : reg_read(REG_ID) >> 24;
}

static void icr_write(uint32_t apic_id, uint32_t command) {
	if (x2apic) {
		/* an MSR write does not wait for stores before it, the memory-mapped one does */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC(REG_ICR), (uint64_t)apic_id << 32 | command);
		return;
	}
	while (registers[REG_ICR / 4] & ICR_BUSY) cpu_pause();
	registers[REG_ICR_HIGH / 4] = apic_id << 24;
	registers[REG_ICR / 4] = command;
}

void lapic_send_ipi(cpumask_t cpus, unsigned vector) {
	unsigned c;

	for_each_cpu (c, cpus) icr_write(cpu_of(c)->apic_id, vector | ICR_ASSERT);
}

void lapic_send_init(uint32_t apic_id) { icr_write(apic_id, ICR_INIT | ICR_ASSERT); }

void lapic_send_startup(uint32_t apic_id, unsigned page) { icr_write(apic_id, ICR_STARTUP | ICR_ASSERT | page); }

void lapic_stop_others(void) {
	if (registers) icr_write(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
}

void arch_cpu_kick(unsigned cpu) { icr_write(cpu_of(cpu)->apic_id, VEC_KICK | ICR_ASSERT); }

void lapic_timer_start(uint32_t count) { reg_write(REG_INITIAL, count); }

uint32_t lapic_timer_count(void) { return reg_read(REG_CURRENT); }
