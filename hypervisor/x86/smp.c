/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: one after another gets a block, is started through the trampoline and idles in
 * the scheduler before the next is started. CPU numbers are the order of starting; CPU 0 boots.
 */
#include "acpi.h"
#include "machine.h"
#include "options.h"
#include "platform.h"
#include "sched.h"
#include "x86.h"

extern char trampoline[], trampoline_end[];
extern uint64_t trampoline_efer, trampoline_stack;

void ap_start(void) __noreturn;
static bool ap_idles; /* set by the CPU just started, last */

/* First code of ours on another CPU, on its block's stack. */
void ap_start(void) {
	struct cpu *c = this_cpu();

	lapic_init_cpu();
	cpu_block_load(c);
	sched_init_cpu();
	timers_init_cpu();
	__atomic_store_n(&ap_idles, true, __ATOMIC_RELEASE);
	schedule();
	reset_stack_and_exit();
}

/* A word of the trampoline's copy. */
static void __init patch(const uint64_t *word, uint64_t value) {
	*(uint64_t *)(TRAMPOLINE + ((const char *)word - trampoline)) = value;
}

static bool __init ap_bring_up(struct cpu *c) {
	ap_idles = false;
	patch(&trampoline_stack, ((uint64_t)c & ~(PERCPU_SIZE - 1)) + PERCPU_STACK_TOP);
	lapic_send_init(c->apic_id);
	clock_delay_us(10000);
	for (unsigned i = 0; i < 10000 && !__atomic_load_n(&ap_idles, __ATOMIC_ACQUIRE); i++) {
		/* the second one, after a millisecond, is ignored if the first was heard */
		if (i == 0 || i == 10) lapic_send_startup(c->apic_id, TRAMPOLINE >> PAGE_SHIFT);
		clock_delay_us(100);
	}
	return __atomic_load_n(&ap_idles, __ATOMIC_ACQUIRE);
}

static bool __init ap_add(unsigned id, unsigned index) {
	struct cpu *c = cpu_block_create(id);

	if (!c) {
		printk(LOG_WARN, "no memory for CPU %u: it stays off\n", id);
		return false;
	}
	c->apic_id = acpi.cpu[index].apic_id;
	c->acpi_id = acpi.cpu[index].acpi_id;
	if (ap_bring_up(c)) return true;
	lapic_send_init(c->apic_id);
	printk(LOG_WARN, "the CPU with APIC id %u does not start\n", c->apic_id);
	return false;
}

void __init smp_start(void) {
	unsigned limit = options.maxcpus ? MIN(options.maxcpus, (unsigned)MAX_CPUS) : MAX_CPUS;
	unsigned id = 1;

	memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
	patch(&trampoline_efer, EFER_LME | (cpu_has.nx ? EFER_NXE : 0));
	for (unsigned i = 0; i < acpi.cpus; i++) {
		if (acpi.cpu[i].apic_id == this_cpu()->apic_id)
			this_cpu()->acpi_id = acpi.cpu[i].acpi_id;
		else if (id < limit)
			id += ap_add(id, i);
	}
	printk(LOG_INFO, "%u of %u CPUs up\n", id, acpi.cpus);
}

void arch_cpu_identity(unsigned cpu, uint32_t *apic_id, uint32_t *acpi_id) {
	*apic_id = cpu_of(cpu)->apic_id;
	*acpi_id = cpu_of(cpu)->acpi_id;
}
