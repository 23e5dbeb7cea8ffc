/* SPDX-License-Identifier: MIT */
/* How the machine ends: reset by the means it has, best first, or halt; and ACPI's sleep states for
 * dom0. */
#include "acpi.h"
#include "platform.h"
#include "console.h"
#include "machine.h"
#include "options.h"
#include "x86.h"

#define PM1_SLEEP_ENABLE (1u << 13)

static void __noreturn halt(void) {
	for (;;) __asm__ volatile("cli; hlt");
}

/* What the firmware names, the keyboard controller, the chipset, and a triple fault: whichever works first. */
static void __noreturn reset(void) {
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __packed no_idt;
	uint8_t chipset = inb(0xcf9) & ~6;

	if (acpi.reset_port) outb(acpi.reset_port, acpi.reset_value);
	clock_delay_us(50000);
	for (unsigned i = 0; i < 10000 && inb(0x64) & 2; i++) cpu_pause();
	outb(0x64, 0xfe);
	clock_delay_us(50000);
	outb(0xcf9, chipset | 2);
	clock_delay_us(50);
	outb(0xcf9, chipset | 6);
	clock_delay_us(50000);
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	halt();
}

void arch_machine_stop(enum machine_action action) {
	static bool stopping;

	/* a second one, from a fault on the way down, only halts */
	if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST)) halt();
	lapic_stop_others();
	if (action == MACHINE_REBOOT && !options.noreboot) reset();
	printk(LOG_INFO, "halted\n");
	halt();
}

int machine_sleep(uint16_t pm1a_control, uint16_t pm1b_control) {
	if (!acpi.pm1a_control) return -ENODEV;
	outw(acpi.pm1a_control, (uint16_t)(pm1a_control & ~PM1_SLEEP_ENABLE));
	if (acpi.pm1b_control) outw(acpi.pm1b_control, (uint16_t)(pm1b_control & ~PM1_SLEEP_ENABLE));
	outw(acpi.pm1a_control, (uint16_t)(pm1a_control | PM1_SLEEP_ENABLE));
	if (acpi.pm1b_control) outw(acpi.pm1b_control, (uint16_t)(pm1b_control | PM1_SLEEP_ENABLE));
	clock_delay_us(200000); /* the power goes within this */
	return -EIO;
}

void arch_vcpu_iopl_set(struct vcpu *v, unsigned iopl) { v->arch.iopl = (uint8_t)iopl; }

void arch_vcpu_iobitmap_set(struct vcpu *v, gvaddr_t bitmap, uint32_t ports) {
	v->arch.iobitmap = bitmap;
	v->arch.iobitmap_limit = ports;
}

#define MSR_MTRR_CAP  0xfe
#define MSR_MTRR_BASE 0x200 /* base and mask of range n at 0x200 + 2n */
#define MTRR_VALID    (1u << 11)

int arch_memory_type(unsigned reg, mfn_t *first, uint64_t *n, uint32_t *type) {
	uint64_t cap, base, mask, width = (1ULL << cpu_has.phys_bits) - 1;

	if (rdmsr_safe(MSR_MTRR_CAP, &cap) || reg >= (cap & 0xff) || rdmsr_safe(MSR_MTRR_BASE + 2 * reg, &base) ||
	    rdmsr_safe(MSR_MTRR_BASE + 2 * reg + 1, &mask))
		return -EINVAL;
	*first = mfn(0);
	*n = *type = 0;
	if (!(mask & MTRR_VALID)) return 0;
	*first = maddr_to_mfn(maddr(base & width & PAGE_MASK));
	*n = ((~mask & width & PAGE_MASK) + PAGE_SIZE) >> PAGE_SHIFT;
	*type = base & 0xff;
	return 0;
}
