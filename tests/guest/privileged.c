/* SPDX-License-Identifier: MIT */
/* Privileged instructions of the guest kernel, which the hypervisor emulates or refuses. */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>
#include "tap.h"

#define MSR_TSC         0x10
#define MSR_APIC_BASE   0x1b
#define MSR_MISC_ENABLE 0x1a0
#define MSR_PAT         0x277
#define MSR_EFER        0xc0000080
#define MSR_STAR        0xc0000081
#define MSR_LSTAR       0xc0000082
#define MSR_FS_BASE     0xc0000100
#define MSR_GS_BASE     0xc0000101
#define MSR_KERNEL_GS   0xc0000102
#define MSR_SYSENTER_CS 0x174
#define MSR_MTRRCAP     0xfe
#define MSR_SPEC_CTRL   0x48

static uint64_t rdmsr(uint32_t msr) {
	uint32_t low = 0, high = 0;

	TRAP_TRY("rdmsr", : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static void wrmsr(uint32_t msr, uint64_t v) {
	TRAP_TRY("wrmsr", ::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr) : "memory");
}

static void test_control_registers(void) {
	uint64_t cr = 0;

	TRAP_TRY("movq %%cr0, %0", : "=r"(cr)::"memory");
	not_trapped("mov from cr0");
	is_hex(cr, 0x80050033, "cr0: PG AM WP NE ET MP PE");
	TRAP_TRY("movq %%cr2, %0", : "=r"(cr)::"memory");
	not_trapped("mov from cr2");
	TRAP_TRY("movb (%0), %%cl", ::"r"(0x7000000123UL) : "rcx", "memory");
	asm volatile("movq %%cr2, %0" : "=r"(cr)::"memory");
	is_hex(cr, 0x7000000123, "cr2 after a page fault");
	TRAP_TRY("movq %0, %%cr2", ::"r"(0x1234567UL) : "memory");
	not_trapped("mov to cr2");
	asm volatile("movq %%cr2, %0" : "=r"(cr)::"memory");
	is_hex(cr, 0x1234567, "cr2 can be written");
	is_hex(kit_vcpu_info()->arch.cr2, 0x1234567, "and is in vcpu_info");
	TRAP_TRY("movq %%cr3, %0", : "=r"(cr)::"memory");
	not_trapped("mov from cr3");
	same(cr >> PAGE_SHIFT, kit_mfn(kit_root_pfn), "cr3 is the root's machine address");
	TRAP_TRY("movq %0, %%cr3", ::"r"(cr) : "memory");
	not_trapped("mov of the same root to cr3");
	TRAP_TRY("movq %0, %%cr3", ::"r"(0xfffffff000UL) : "memory");
	trapped(VEC_GP, 0, "mov of nonsense to cr3");
	TRAP_TRY("movq %%cr4, %0", : "=r"(cr)::"memory");
	not_trapped("mov from cr4");
	kit_printf("# cr4 %lx\n", cr);
	ok(cr & 0x20, "cr4 has PAE");
	is_hex(cr & 0x2000, 0, "cr4 has no VMXE");
	TRAP_TRY("movq %0, %%cr4", ::"r"(cr) : "memory");
	not_trapped("mov of the same value to cr4");
	TRAP_TRY("movq %0, %%cr4", ::"r"(cr ^ 0x4) : "memory");
	value("mov to cr4 with TSD changed: trap", (int)kit_trap_record.vector);
	TRAP_TRY("movq %0, %%cr4", ::"r"(cr) : "memory");
	TRAP_TRY("movq %%cr8, %0", : "=r"(cr)::"memory");
	kit_printf("# = mov from cr8: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("movq %0, %%cr0", ::"r"(0x80050033UL & ~0x80000000UL) : "memory");
	value("mov to cr0 without PG: trap", (int)kit_trap_record.vector);
}

static uint64_t read_cr0(void) {
	uint64_t cr;

	asm volatile("movq %%cr0, %0" : "=r"(cr)::"memory");
	return cr;
}

static void test_task_switched(void) {
	uint64_t cr;

	TRAP_TRY("movq %0, %%cr0", ::"r"(0x8005003bUL) : "memory");
	not_trapped("mov to cr0 that sets TS");
	asm volatile("movq %%cr0, %0" : "=r"(cr)::"memory");
	is_hex(cr & 8, 8, "TS is set");
	TRAP_TRY("fnop", ::: "memory");
	trapped(VEC_NM, 0, "an x87 instruction traps");
	value("TS behind the trap", (read_cr0() & 8) != 0);
	asm volatile("movq %0, %%cr0" ::"r"(0x8005003bUL) : "memory");
	TRAP_TRY("clts", ::: "memory");
	not_trapped("clts");
	is_hex(read_cr0() & 8, 0, "TS is clear");
	TRAP_TRY("fnop", ::: "memory");
	not_trapped("an x87 instruction works");
	asm volatile("movq %0, %%cr0" ::"r"(0x8005003bUL) : "memory");
	TRAP_TRY("smsw %w0", : "=r"(cr)::"memory");
	kit_printf("# = smsw: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("lmsw %w0", ::"r"(0x33) : "memory");
	kit_printf("# = lmsw: trap %d\n", (int)kit_trap_record.vector);
	asm volatile("clts" ::: "memory");
}

static uint64_t read_dr(unsigned int n) {
	uint64_t v = 0;

	switch (n) {
	case 0: TRAP_TRY("movq %%dr0, %0", : "=r"(v)::"memory"); break;
	case 6: TRAP_TRY("movq %%dr6, %0", : "=r"(v)::"memory"); break;
	case 7: TRAP_TRY("movq %%dr7, %0", : "=r"(v)::"memory"); break;
	}
	return v;
}

static void test_debug_registers(void) {
	is_hex(read_dr(0), 0, "dr0");
	not_trapped("mov from dr0");
	is_hex(read_dr(6), 0xffff0ff0, "dr6");
	is_hex(read_dr(7), 0x400, "dr7");
	TRAP_TRY("movq %0, %%dr0", ::"r"(0x400000UL) : "memory");
	not_trapped("mov to dr0");
	is_hex(read_dr(0), 0x400000, "dr0 was written");
	TRAP_TRY("movq %0, %%dr0", ::"r"(HYPERVISOR_VIRT_START) : "memory");
	trapped(VEC_GP, 0, "mov of a hypervisor's address to dr0");
	TRAP_TRY("movq %0, %%dr7", ::"r"(0x2000UL) : "memory");
	kit_printf("# = mov to dr7 with general detect: trap %d\n", (int)kit_trap_record.vector);
	asm volatile("movq %0, %%dr0" ::"r"(0UL) : "memory");
}

static long set_iopl(unsigned int level) {
	struct physdev_set_iopl op = { .iopl = level };

	return hv_physdev_op(PHYSDEVOP_set_iopl, &op);
}

static void test_interrupt_flag(void) {
	uint64_t flags;

	kit_events_on();
	TRAP_TRY("cli", ::: "memory");
	trapped(VEC_GP, 0, "cli without I/O privilege");
	TRAP_TRY("sti", ::: "memory");
	trapped(VEC_GP, 0, "sti without I/O privilege");
	set_iopl(1);
	TRAP_TRY("cli", ::: "memory");
	kit_printf("# = cli with I/O privilege: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("sti", ::: "memory");
	kit_printf("# = sti with I/O privilege: trap %d\n", (int)kit_trap_record.vector);
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "neither changes the event mask");
	TRAP_TRY("invlpg (%0)", ::"r"(0x400000UL) : "memory");
	kit_printf("# = invlpg with I/O privilege: trap %d\n", (int)kit_trap_record.vector);
	set_iopl(0);
	asm volatile("pushfq; popq %0" : "=r"(flags));
	is_hex(flags & 0x3200, 0x200, "the real flags: interrupts on, no I/O privilege");
	asm volatile("pushfq; andl $~0x200, (%%rsp); popfq; pushfq; popq %0" : "=r"(flags)::"memory", "cc");
	is_hex(flags & 0x200, 0x200, "popf does not change the interrupt flag");
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "nor the event mask");
}

static volatile unsigned int ticks;

static void on_timer(unsigned int port) {
	(void)port;
	ticks++;
}

/* Kernels halt by sched_op. The instruction is refused, or waits for an event. */
static void test_hlt(void) {
	long port;

	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL); /* before the port is there, which would keep a tick */
	port = kit_event_bind_virq(VIRQ_TIMER, 0);
	kit_event_handle(port, on_timer);
	kit_events_off();
	kit_timer_set(kit_time() + 5000000);
	TRAP_TRY("hlt", ::: "memory");
	value("hlt: trap", (int)kit_trap_record.vector);
	ok(kit_trap_record.vector == VEC_GP || ticks == 1, "hlt is refused or waits for an event");
	kit_event_close(port);
	kit_events_on();
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4], bool forced) {
	if (forced)
		TRAP_TRY(".byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid",
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
	else
		TRAP_TRY("cpuid", : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

/* What the guest gets unchanged is what the processor says, asked once or again, whatever ECX was before. */
static void test_cpuid_unchanged(void) {
	static const struct {
		uint32_t leaf, sub;
	} same[] = { { 0x80000002, 0 }, { 0x80000003, 0 }, { 0x80000004, 0 }, { 0x80000006, 0 },
		     { 0x80000002, 7 }, { 4, 0 },          { 4, 1 },          { 4, 2 } };
	uint32_t seen[4], own[4];
	bool wrong = false;

	for (uint32_t leaf = 0; leaf < 16; leaf++) cpuid(leaf, 0, seen, true);
	for (unsigned i = 0; i < 2 * sizeof(same) / sizeof(same[0]); i++) {
		unsigned k = i % (sizeof(same) / sizeof(same[0]));

		cpuid(same[k].leaf, same[k].sub, seen, true);
		cpuid(same[k].leaf, same[k].sub, own, false);
		for (unsigned n = 0; n < 4; n++) {
			if (seen[n] != own[n])
				kit_printf("# leaf %x/%u: %x, not %x\n", same[k].leaf, same[k].sub, seen[n], own[n]);
			wrong |= seen[n] != own[n];
		}
	}
	ok(!wrong, "leaves that pass unchanged");
}

static void test_cpuid(void) {
	uint32_t r[4];

	cpuid(0x40000000, 0, r, true);
	not_trapped("cpuid with the emulation prefix");
	is_hex(r[1], 0x566e6558, "hypervisor leaf: XenV");
	is_hex(r[2], 0x65584d4d, "hypervisor leaf: MMXe");
	is_hex(r[3], 0x4d4d566e, "hypervisor leaf: nVMM");
	ok(r[0] >= 0x40000002, "hypervisor leaves are there");
	value("highest hypervisor leaf", r[0] - 0x40000000);
	cpuid(0x40000001, 0, r, true);
	is_hex(r[0] >> 16, 4, "major version of the interface");
	value("minor version", r[0] & 0xffff);
	cpuid(0x40000002, 0, r, true);
	kit_printf("# = leaf 2: %x %x %x %x\n", r[0], r[1], r[2], r[3]);
	cpuid(0x40000003, 0, r, true);
	kit_printf("# = leaf 3: time mode flags %x, tsc mode %x\n", r[0], r[1]);
	cpuid(0x40000004, 0, r, true);
	kit_printf("# = leaf 4: %x %x %x %x\n", r[0], r[1], r[2], r[3]);
	cpuid(0x40000005, 0, r, true);
	kit_printf("# = leaf 5: %x %x %x %x\n", r[0], r[1], r[2], r[3]);
	cpuid(0x40000006, 0, r, true);
	is_hex(r[0] | r[1] | r[2] | r[3], 0, "a leaf beyond the hypervisor's is empty");
	cpuid(1, 0, r, true);
	value("leaf 1: OSXSAVE", r[2] >> 27 & 1);
	is_hex(r[2] >> 31, 1, "leaf 1: runs under a hypervisor");
	is_hex(r[2] >> 5 & 1, 0, "leaf 1: no VMX");
	value("leaf 1: MTRR", r[3] >> 12 & 1);
	value("leaf 1: X2APIC", r[2] >> 21 & 1);
	value("leaf 1: MONITOR", r[2] >> 3 & 1);
	value("leaf 1: PSE", r[3] >> 3 & 1);
	value("leaf 1: PGE", r[3] >> 13 & 1);
	value("leaf 1: PSE36", r[3] >> 17 & 1);
	value("leaf 1: APIC", r[3] >> 9 & 1);
	value("leaf 1: ACPI", r[3] >> 22 & 1);
	cpuid(7, 0, r, true);
	value("leaf 7: FSGSBASE", r[1] & 1);
	value("leaf 7: SMEP", r[1] >> 7 & 1);
	value("leaf 7: SMAP", r[1] >> 20 & 1);
	value("leaf 7: INVPCID", r[1] >> 10 & 1);
	value("leaf 7: PKU", r[2] >> 3 & 1);
	value("leaf 7: UMIP", r[2] >> 2 & 1);
	cpuid(0x80000001, 0, r, true);
	is_hex(r[2] >> 2 & 1, 0, "extended leaf 1: no SVM");
	is_hex(r[3] >> 29 & 1, 1, "extended leaf 1: long mode");
	is_hex(r[3] >> 11 & 1, 1, "extended leaf 1: syscall");
	is_hex(r[3] >> 20 & 1, 1, "extended leaf 1: no-execute");
	value("extended leaf 1: 1 GiB pages", r[3] >> 26 & 1);
	value("extended leaf 1: RDTSCP", r[3] >> 27 & 1);
	cpuid(1, 0, r, false);
	not_trapped("plain cpuid");
}

static void test_msrs(void) {
	uint64_t v;

	is_hex(rdmsr(MSR_PAT), 0x050100070406, "PAT is the interface's fixed one");
	not_trapped("rdmsr of PAT");
	v = rdmsr(MSR_EFER);
	not_trapped("rdmsr of EFER");
	kit_printf("# = EFER: %lx\n", v);
	ok(v & 0x400, "EFER has LMA");
	wrmsr(MSR_FS_BASE, 0x400000);
	not_trapped("wrmsr of FS_BASE");
	is_hex(rdmsr(MSR_FS_BASE), 0x400000, "FS_BASE was written");
	wrmsr(MSR_FS_BASE, 0x800000000000);
	trapped(VEC_GP, 0, "wrmsr of a non-canonical FS_BASE");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0x500000);
	not_trapped("wrmsr of GS_BASE");
	is_hex(rdmsr(MSR_GS_BASE), 0x500000, "GS_BASE was written");
	wrmsr(MSR_GS_BASE, 0x800000000000);
	trapped(VEC_GP, 0, "wrmsr of a non-canonical GS_BASE");
	wrmsr(MSR_KERNEL_GS, 0x600000);
	not_trapped("wrmsr of KERNEL_GS_BASE");
	is_hex(rdmsr(MSR_KERNEL_GS), 0x600000, "KERNEL_GS_BASE was written");
	wrmsr(MSR_KERNEL_GS, 0x800000000000);
	trapped(VEC_GP, 0, "wrmsr of a non-canonical KERNEL_GS_BASE");
	v = rdmsr(MSR_APIC_BASE);
	kit_printf("# = rdmsr APIC_BASE: trap %d %lx\n", (int)kit_trap_record.vector, v);
	rdmsr(MSR_MISC_ENABLE);
	kit_printf("# = rdmsr MISC_ENABLE: trap %d\n", (int)kit_trap_record.vector);
	rdmsr(MSR_TSC);
	kit_printf("# = rdmsr TSC: trap %d\n", (int)kit_trap_record.vector);
	rdmsr(0x12345678);
	trapped(VEC_GP, 0, "rdmsr of an unknown register");
	wrmsr(0x12345678, 0);
	trapped(VEC_GP, 0, "wrmsr of an unknown register");
	wrmsr(MSR_PAT, 0x0007040600070406);
	kit_printf("# = wrmsr PAT: trap %d\n", (int)kit_trap_record.vector);
	is_hex(rdmsr(MSR_PAT), 0x050100070406, "PAT is as it was");
	wrmsr(MSR_EFER, 0);
	kit_printf("# = wrmsr EFER: trap %d\n", (int)kit_trap_record.vector);
	wrmsr(MSR_LSTAR, 0);
	kit_printf("# = wrmsr LSTAR: trap %d\n", (int)kit_trap_record.vector);
	wrmsr(MSR_STAR, 0);
	kit_printf("# = wrmsr STAR: trap %d\n", (int)kit_trap_record.vector);
	wrmsr(MSR_SYSENTER_CS, 0);
	kit_printf("# = wrmsr SYSENTER_CS: trap %d\n", (int)kit_trap_record.vector);
	ok(hv_xen_version(XENVER_version, NULL) > 0, "hypercalls still work");
}

static const struct {
	uint32_t msr;
	const char *name;
} listed[] = {
	{ MSR_LSTAR, "LSTAR" },
	{ MSR_STAR, "STAR" },
	{ MSR_SYSENTER_CS, "SYSENTER_CS" },
	{ MSR_MTRRCAP, "MTRRCAP" },
	{ MSR_SPEC_CTRL, "SPEC_CTRL" },
	{ 0x49, "PRED_CMD" },
	{ 0x8b, "PATCH_LEVEL" },
	{ 0xce, "PLATFORM_INFO" },
	{ 0x10a, "ARCH_CAPABILITIES" },
	{ 0x140, "MISC_FEATURES" },
	{ 0x179, "MCG_CAP" },
	{ 0x17a, "MCG_STATUS" },
	{ 0x198, "PERF_STATUS" },
	{ 0x199, "PERF_CTL" },
	{ 0x19c, "THERM_STATUS" },
	{ 0x1b0, "ENERGY_BIAS" },
	{ 0x1d9, "DEBUGCTL" },
	{ 0x2ff, "MTRRdefType" },
	{ 0x3a, "FEATURE_CONTROL" },
	{ 0xe7, "MPERF" },
	{ 0xe8, "APERF" },
	{ 0x606, "RAPL_UNIT" },
	{ 0x802, "X2APIC_ID" },
	{ 0xc0000084, "SYSCALL_MASK" },
	{ 0xc0000103, "TSC_AUX" },
	{ 0xc0010010, "SYSCFG" },
	{ 0xc0010015, "HWCR" },
	{ 0xc001001f, "NB_CFG" },
	{ 0xc0010058, "MMCONF_BASE" },
	{ 0xc0010062, "PSTATE_CTL" },
	{ 0xc0010064, "PSTATE_DEF0" },
	{ 0xc0010114, "VM_CR" },
	{ 0xc0011020, "LS_CFG" },
	{ 0xda0, "XSS" },
	{ 0x345, "PERF_CAPABILITIES" },
	{ 0x38f, "PERF_GLOBAL_CTRL" },
	{ 0xc1, "PMC0" },
	{ 0x186, "PERFEVTSEL0" },
	{ 0x40000000, "hypervisor 0" },
};

static void test_msr_list(void) {
	for (unsigned int i = 0; i < ARRAY_SIZE(listed); i++) {
		uint64_t v = rdmsr(listed[i].msr);

		if (kit_trap_record.vector == TRAP_NONE)
			kit_printf("# = rdmsr %s: %lx\n", listed[i].name, v);
		else
			kit_printf("# = rdmsr %s: trap %u\n", listed[i].name, kit_trap_record.vector);
	}
	ok(true, "the list of model-specific registers was read");
}

static void test_ports(void) {
	uint8_t byte = 0;
	uint32_t word = 0;

	is(set_iopl(0), 0, "set_iopl 0");
	TRAP_TRY("inb $0x71, %b0", : "=a"(byte)::"memory");
	trapped(VEC_GP, 0, "a port without I/O privilege");
	is(set_iopl(4), KIT_ERRNO(EINVAL), "set_iopl beyond 3 is refused");
	is(set_iopl(1), 0, "set_iopl 1");
	TRAP_TRY("inb $0x71, %b0", : "=a"(byte)::"memory");
	not_trapped("the kernel of dom0 reads a port");
	TRAP_TRY("movb $0x0f, %%al; outb %%al, $0x70; inb $0x71, %%al", : "=a"(byte)::"memory");
	not_trapped("and the real-time clock");
	TRAP_TRY("movw $0xcf8, %%dx; movl $0x80000000, %%eax; outl %%eax, %%dx; movw $0xcfc, %%dx; "
		 "inl %%dx, %%eax",
		 : "=a"(word)::"rdx", "memory");
	not_trapped("PCI configuration by ports");
	is_hex(word, 0x29c08086, "gives the host bridge");
	TRAP_TRY("movw $0x20, %%dx; inb %%dx, %%al", : "=a"(byte)::"rdx", "memory");
	kit_printf("# = in from the interrupt controller: trap %d, %x\n", (int)kit_trap_record.vector, byte);
	TRAP_TRY("movw $0x3f8, %%dx; inb %%dx, %%al", : "=a"(byte)::"rdx", "memory");
	kit_printf("# = in from the hypervisor's serial port: trap %d, %x\n", (int)kit_trap_record.vector, byte);
	TRAP_TRY("movw $0x61, %%dx; inb %%dx, %%al", : "=a"(byte)::"rdx", "memory");
	not_trapped("in from port 0x61");
}

static void test_string_ports(void) {
	uint8_t buf[4] = { 1, 2, 3, 4 };
	void *to = buf;
	unsigned long n = 3;
	char bell[2] = { 0, 0 };
	const void *from = bell;

	TRAP_TRY("movw $0x71, %%dx; rep insb", : "+D"(to), "+c"(n)::"rdx", "memory");
	not_trapped("rep ins");
	ok(to == buf + 3 && n == 0 && buf[3] == 4, "moves its registers and no byte too many");
	n = 2;
	TRAP_TRY("movw $0x80, %%dx; rep outsb", : "+S"(from), "+c"(n)::"rdx", "memory");
	not_trapped("rep outs");
	ok(from == bell + 2 && n == 0, "moves its registers");
	to = (void *)0x7000000000UL;
	n = 1;
	TRAP_TRY("movw $0x71, %%dx; rep insb", : "+D"(to), "+c"(n)::"rdx", "memory");
	trapped(VEC_PF, 2, "rep ins to nothing");
	from = (void *)0x7000000000UL;
	n = 1;
	TRAP_TRY("movw $0x80, %%dx; rep outsb", : "+S"(from), "+c"(n)::"rdx", "memory");
	trapped(VEC_PF, 0, "rep outs from nothing");
}

/* The PCI address port keeps what was written: it shows what outs read. */
static void test_string_segments(void) {
	uint32_t word[2] = { 0x80001100, 0x80001200 }, back = 0;
	const void *from = &word[0];

	wrmsr(MSR_FS_BASE, 4);
	TRAP_TRY("mov %1, %%fs; movw $0xcf8, %%dx; outsl %%fs:(%%rsi), %%dx",
		 : "+S"(from)
		 : "r"(0xe02b)
		 : "rdx", "memory");
	not_trapped("outs through FS, whose flat selector was loaded since its base was set");
	TRAP_TRY("movw $0xcf8, %%dx; inl %%dx, %%eax", : "=a"(back)::"rdx", "memory");
	is_hex(back, word[0], "reads without that base");
	from = &word[0];
	wrmsr(MSR_GS_BASE, 4);
	TRAP_TRY("movw $0xcf8, %%dx; outsl %%gs:(%%rsi), %%dx", : "+S"(from)::"rdx", "memory");
	not_trapped("outs through GS");
	TRAP_TRY("movw $0xcf8, %%dx; inl %%dx, %%eax", : "=a"(back)::"rdx", "memory");
	is_hex(back, word[1], "reads with its base");
	wrmsr(MSR_GS_BASE, 0);
}

static void test_xsetbv(void) {
	uint64_t xcr = 0, cr4;
	uint32_t low = 0, high = 0;

	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	TRAP_TRY("xsetbv", ::"a"(3), "d"(0), "c"(0) : "memory");
	trapped(VEC_UD, 0, "xsetbv without OSXSAVE in cr4");
	TRAP_TRY("movq %0, %%cr4", ::"r"(cr4 | 1UL << 18) : "memory");
	not_trapped("mov to cr4 that sets OSXSAVE");
	TRAP_TRY("xgetbv", : "=a"(low), "=d"(high) : "c"(0) : "memory");
	not_trapped("xgetbv");
	kit_printf("# xcr0 %x\n", low);
	ok((low & 3) == 3, "xcr0 has x87 and SSE");
	TRAP_TRY("xsetbv", ::"a"(low), "d"(high), "c"(0) : "memory");
	not_trapped("xsetbv of the same value");
	TRAP_TRY("xsetbv", ::"a"(low & ~1U), "d"(high), "c"(0) : "memory");
	trapped(VEC_GP, 0, "xsetbv without x87");
	TRAP_TRY("xsetbv", ::"a"(4 | 1), "d"(0), "c"(0) : "memory");
	trapped(VEC_GP, 0, "xsetbv of AVX without SSE");
	TRAP_TRY("xsetbv", ::"a"(3), "d"(0), "c"(1) : "memory");
	trapped(VEC_GP, 0, "xsetbv of another register");
	TRAP_TRY("xsetbv", ::"a"(3), "d"(0), "c"(0) : "memory");
	not_trapped("xsetbv with less");
	TRAP_TRY("xgetbv", : "=a"(xcr) : "c"(0) : "rdx", "memory");
	is_hex((uint32_t)xcr, 3, "is seen by xgetbv");
	asm volatile("xsetbv" ::"a"(low), "d"(high), "c"(0));
}

static void test_refused(void) {
	static uint64_t table[2];

	TRAP_TRY("lgdt (%0)", ::"r"(table) : "memory");
	trapped(VEC_GP, 0, "lgdt");
	TRAP_TRY("lidt (%0)", ::"r"(table) : "memory");
	trapped(VEC_GP, 0, "lidt");
	TRAP_TRY("lldt %w0", ::"r"(8) : "memory");
	trapped(VEC_GP, 0, "lldt");
	TRAP_TRY("ltr %w0", ::"r"(8) : "memory");
	trapped(VEC_GP, 0, "ltr");
	TRAP_TRY("swapgs", ::: "memory");
	trapped(VEC_GP, 0, "swapgs");
	TRAP_TRY("sysretq", ::: "memory");
	trapped(VEC_GP, 0, "sysret");
	TRAP_TRY("rdpmc", ::"c"(0) : "rax", "rdx", "memory");
	kit_printf("# = rdpmc: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("wbinvd", ::: "memory");
	not_trapped("wbinvd");
	TRAP_TRY("invd", ::: "memory");
	kit_printf("# = invd: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("invlpg (%0)", ::"r"(0x400000UL) : "memory");
	value("invlpg: trap", (int)kit_trap_record.vector);
	ok(kit_trap_record.vector == VEC_GP || kit_trap_record.vector == TRAP_NONE, "invlpg is refused or done");
	TRAP_TRY("sgdt (%0)", ::"r"(table) : "memory");
	kit_printf("# = sgdt: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("sidt (%0)", ::"r"(table) : "memory");
	kit_printf("# = sidt: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("monitor", ::"a"(table), "c"(0), "d"(0) : "memory");
	kit_printf("# = monitor: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("mwait", ::"a"(0), "c"(0) : "memory");
	kit_printf("# = mwait: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("vmmcall", ::"a"(0) : "memory");
	kit_printf("# = vmmcall: trap %d\n", (int)kit_trap_record.vector);
	TRAP_TRY("rdtscp", ::: "rax", "rdx", "rcx", "memory");
	kit_printf("# = rdtscp: trap %d\n", (int)kit_trap_record.vector);
}

/* Users change their bases by themselves only when the kernel has said so, whatever ring 0 does with the bit.
 */
static void test_fsgsbase(void) {
	uint64_t base = 0, cr4, back;

	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	TRAP_TRY("rdfsbase %0", : "=r"(base)::"memory");
	trapped(VEC_UD, 0, "rdfsbase before CR4 allows it");
	asm volatile("movq %0, %%cr4" ::"r"(cr4 | 1 << 16));
	hv_sched_op(SCHEDOP_yield, NULL);
	asm volatile("wrfsbase %0" ::"r"(0x123456789000UL));
	hv_sched_op(SCHEDOP_yield, NULL);
	asm volatile("rdfsbase %0" : "=r"(base));
	is_hex(base, 0x123456789000UL, "wrfsbase and rdfsbase when it does");
	asm volatile("rdmsr; shlq $32, %%rdx; orq %%rdx, %%rax" : "=a"(base) : "c"(0xc0000100) : "rdx");
	is_hex(base, 0x123456789000UL, "the MSR shows the same");
	asm volatile("movq %%cr4, %0" : "=r"(back));
	is_hex(back, cr4 | 1 << 16, "CR4 shows the bit");
	asm volatile("movq %0, %%cr4" ::"r"(cr4));
	TRAP_TRY("wrfsbase %0", ::"r"(0UL) : "memory");
	trapped(VEC_UD, 0, "wrfsbase when CR4 does not allow it any more");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	test_control_registers();
	test_task_switched();
	test_debug_registers();
	test_interrupt_flag();
	test_hlt();
	test_cpuid();
	test_cpuid_unchanged();
	test_msrs();
	test_msr_list();
	test_ports();
	test_string_ports();
	test_string_segments();
	test_refused();
	test_fsgsbase();
	test_xsetbv();
	done();
}
