/* SPDX-License-Identifier: MIT */
/* Boot, as a list. */
#include "boot.h"
#include "console.h"
#include "frame.h"
#include "irq.h"
#include "options.h"
#include "platform.h"
#include "sched.h"
#include "x86.h"

char hypervisor_cmdline[1024];

void start(uint32_t magic, uint32_t info) __noreturn;

static void __init memory_init(void) {
	const struct e820entry *last = e820_map + e820_count - 1;

	boot_pages_init(); /* there is RAM, then */
	while (last->type != E820_RAM) last--;
	own_map_init((last->addr + last->size) >> PAGE_SHIFT);
	image_protect();
	boot_pages_handover();
	printk(LOG_INFO, "memory: %lu MiB, %lu MiB free\n", frames_total >> 8, frames_free >> 8);
}

static void __init cpu0_init(void) {
	struct cpu *c = cpu_block_create(0);

	if (!c) panic("no memory for CPU 0");
	idt_init();
	cpu_block_load(c);
}

/* Start dom0. From here on no boot code is called: it is given away. */
static void __noreturn __noinline boot_finish(void) {
	image_seal();
	domain_unpause(dom0);
	vcpu_unblock_flag(dom0->vcpu[0], VPF_DOWN);
	schedule();
	reset_stack_and_exit();
}

void __init start(uint32_t magic, uint32_t info) {
	cpu_features_read();
	multiboot_parse(magic, info);
	options_parse(hypervisor_cmdline);
	console_init();
	printk(LOG_INFO, "Tenon " TENON_VERSION " - a paravirtualization hypervisor\n");
	memory_init();
	cpu0_init();
	platform_init();
	sched_init_cpu();
	timers_init_cpu();
	smp_start();
	dom0_build();
	boot_modules_free();
	boot_finish();
}
