/* SPDX-License-Identifier: MIT */
/* The hypercall ABI: registers, unknown numbers, what each number answers to a harmless or
 * senseless call; multicalls. */
#include <kit/shared.h>
#include "probe.h"
#include "tap.h"

#define UNMAPPED ((void *)0x7000000000UL)
#define IN_HV    ((void *)HYPERVISOR_VIRT_START)

static void fill(struct probe_regs *r) {
	uint64_t *words = (uint64_t *)r;

	for (unsigned int i = 0; i < sizeof(*r) / 8; i++) words[i] = 0xfedcba9876543210UL * (2 * i + 1);
	r->rflags = 0x8d5;
}

static void test_registers(void) {
	struct probe_regs in, out;

	fill(&in);
	in.rax = __HYPERVISOR_xen_version;
	in.rdi = XENVER_version;
	in.rsi = 0;
	probe_syscall(&in, &out);
	ok((long)out.rax > 0, "a call returns its result in rax");
	is_hex(out.rbx, in.rbx, "rbx is kept");
	is_hex(out.rbp, in.rbp, "rbp is kept");
	is_hex(out.rdi, in.rdi, "rdi is kept");
	is_hex(out.rsi, in.rsi, "rsi is kept");
	is_hex(out.rdx, in.rdx, "rdx is kept");
	is_hex(out.r10, in.r10, "r10 is kept");
	is_hex(out.r8, in.r8, "r8 is kept");
	is_hex(out.r9, in.r9, "r9 is kept");
	ok(out.r12 == in.r12 && out.r13 == in.r13 && out.r14 == in.r14 && out.r15 == in.r15, "r12 to r15 are kept");
	is_hex(out.rflags & 0x8d5, in.rflags, "the flags are kept");
	fill(&in);
	in.rax = 43;
	probe_syscall(&in, &out);
	is((long)out.rax, KIT_ERRNO(ENOSYS), "an unknown number");
	ok(out.rdi == in.rdi && out.rsi == in.rsi && out.rdx == in.rdx && out.r10 == in.r10 && out.r8 == in.r8 &&
		   out.r9 == in.r9 && out.rbx == in.rbx && out.r15 == in.r15,
	   "keeps all registers");
}

static void test_high_half(void) {
	struct probe_regs in, out;

	fill(&in);
	in.rax = 1UL << 32 | __HYPERVISOR_xen_version;
	in.rdi = XENVER_version;
	probe_syscall(&in, &out);
	kit_printf("# = a number with bits above 31: %ld\n", (long)out.rax > 0 ? 1 : (long)out.rax);
	fill(&in);
	in.rax = __HYPERVISOR_xen_version;
	in.rdi = 0xabcd00000000UL | XENVER_version;
	probe_syscall(&in, &out);
	kit_printf("# = a command with bits above 31: %ld\n", (long)out.rax > 0 ? 1 : (long)out.rax);
	ok(true, "upper halves were tried");
}

#define JUNK 0xdead0bad00000000UL

/* Arguments that are an int in the interface: compilers leave anything in the upper half of the
 * register. */
static void test_int_arguments(void) {
	static struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
	static struct evtchn_status status = { .dom = DOMID_SELF };
	static struct physdev_set_iopl iopl;
	static struct gnttab_query_size query = { .dom = DOMID_SELF };
	static struct multicall_entry entry = { .op = __HYPERVISOR_xen_version };
	static struct callback_register cb = { .type = 99 };
	static struct vcpu_runstate_info runstate;
	static unsigned int done;
	const struct {
		const char *name;
		unsigned int nr;
		uint64_t a1, a2, a3, a4;
	} calls[] = {
		{ "xen_version", __HYPERVISOR_xen_version, JUNK | XENVER_pagesize, 0, 0, 0 },
		{ "console_io", __HYPERVISOR_console_io, JUNK | CONSOLEIO_write, JUNK, (uint64_t) "", 0 },
		{ "mmuext_op", __HYPERVISOR_mmuext_op, (uint64_t)&flush, JUNK | 1, (uint64_t)&done, JUNK | DOMID_SELF },
		{ "mmu_update", __HYPERVISOR_mmu_update, (uint64_t)&flush, JUNK, (uint64_t)&done, JUNK | DOMID_SELF },
		{ "multicall", __HYPERVISOR_multicall, (uint64_t)&entry, JUNK | 1, 0, 0 },
		{ "sched_op", __HYPERVISOR_sched_op, JUNK | SCHEDOP_yield, 0, 0, 0 },
		{ "vcpu_op", __HYPERVISOR_vcpu_op, JUNK | VCPUOP_get_runstate_info, JUNK, (uint64_t)&runstate, 0 },
		{ "event_channel_op", __HYPERVISOR_event_channel_op, JUNK | EVTCHNOP_status, (uint64_t)&status, 0, 0 },
		{ "physdev_op", __HYPERVISOR_physdev_op, JUNK | PHYSDEVOP_set_iopl, (uint64_t)&iopl, 0, 0 },
		{ "grant_table_op", __HYPERVISOR_grant_table_op, JUNK | GNTTABOP_query_size, (uint64_t)&query, JUNK | 1,
		  0 },
		{ "vm_assist", __HYPERVISOR_vm_assist, JUNK | VMASST_CMD_enable, JUNK | 2, 0, 0 },
		{ "callback_op", __HYPERVISOR_callback_op, JUNK | CALLBACKOP_register, (uint64_t)&cb, 0, 0 },
		{ "set_debugreg", __HYPERVISOR_set_debugreg, JUNK, 0, 0, 0 },
		{ "get_debugreg", __HYPERVISOR_get_debugreg, JUNK | 7, 0, 0, 0 },
		{ "set_segment_base", __HYPERVISOR_set_segment_base, JUNK | SEGBASE_FS, 0, 0, 0 },
		{ "fpu_taskswitch", __HYPERVISOR_fpu_taskswitch, JUNK, 0, 0, 0 },
		{ "set_gdt", __HYPERVISOR_set_gdt, 0, JUNK, 0, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		long rc = hypercall4(calls[i].nr, calls[i].a1, calls[i].a2, calls[i].a3, calls[i].a4);
		char name[64];

		kit_snprintf(name, sizeof(name), "%s takes its int arguments as 32 bits", calls[i].name);
		value(name, rc);
		ok(rc >= 0 || calls[i].nr == __HYPERVISOR_callback_op, name);
	}
	hv_fpu_taskswitch(0);
}

static void test_unknown(void) {
	static const unsigned int none[] = { 11, 27, 38, 39, 43, 44, 45,  46,  47,  50,   51,         52,
					     53, 54, 55, 56, 63, 64, 100, 255, 256, 1000, 0x7fffffff, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		char name[40];

		kit_snprintf(name, sizeof(name), "hypercall %u does not exist", none[i]);
		is(hypercall(none[i], 0, 0, 0, 0, 0), KIT_ERRNO(ENOSYS), name);
	}
}

/* Calls that cannot do anything, whatever the hypervisor makes of them. */
static void test_verdicts(void) {
	static const struct {
		unsigned int nr;
		unsigned long a1, a2, a3;
		const char *name;
	} calls[] = {
		{ __HYPERVISOR_sched_op_compat, 99, 0, 0, "sched_op_compat 99" },
		{ __HYPERVISOR_sched_op_compat, 0, 0, 0, "sched_op_compat yield" },
		{ __HYPERVISOR_platform_op, 0x7000000000UL, 0, 0, "platform_op of nothing" },
		{ __HYPERVISOR_event_channel_op_compat, 0x7000000000UL, 0, 0, "event_channel_op_compat of nothing" },
		{ __HYPERVISOR_physdev_op_compat, 0x7000000000UL, 0, 0, "physdev_op_compat of nothing" },
		{ __HYPERVISOR_nmi_op, 99, 0, 0, "nmi_op 99" },
		{ __HYPERVISOR_hvm_op, 99, 0, 0, "hvm_op 99" },
		{ __HYPERVISOR_hvm_op, 0, 0x7000000000UL, 0, "hvm_op set_param" },
		{ __HYPERVISOR_sysctl, 0x7000000000UL, 0, 0, "sysctl of nothing" },
		{ __HYPERVISOR_domctl, 0x7000000000UL, 0, 0, "domctl of nothing" },
		{ __HYPERVISOR_kexec_op, 99, 0, 0, "kexec_op 99" },
		{ __HYPERVISOR_xenoprof_op, 99, 0, 0, "xenoprof_op 99" },
		{ __HYPERVISOR_xenpmu_op, 99, 0, 0, "xenpmu_op 99" },
		{ __HYPERVISOR_dm_op, 0, 0, 0, "dm_op" },
		{ __HYPERVISOR_hypfs_op, 99, 0, 0, "hypfs_op 99" },
		{ __HYPERVISOR_arch_0, 0x7000000000UL, 0, 0, "mca of nothing" },
		{ __HYPERVISOR_arch_1, 0, 0, 0, "paging_domctl_cont" },
		{ __HYPERVISOR_memory_op, 99, 0, 0, "memory_op 99" },
		{ __HYPERVISOR_grant_table_op, 99, 0, 0, "grant_table_op 99" },
		{ __HYPERVISOR_grant_table_op, 99, 0, 1, "grant_table_op 99 with one" },
		{ __HYPERVISOR_vm_assist, 99, 0, 0, "vm_assist 99" },
		{ __HYPERVISOR_vcpu_op, 99, 0, 0, "vcpu_op 99" },
		{ __HYPERVISOR_sched_op, 99, 0, 0, "sched_op 99" },
		{ __HYPERVISOR_callback_op, 99, 0, 0, "callback_op 99" },
		{ __HYPERVISOR_event_channel_op, 99, 0, 0, "event_channel_op 99" },
		{ __HYPERVISOR_physdev_op, 99, 0, 0, "physdev_op 99" },
		{ __HYPERVISOR_xen_version, 99, 0, 0, "xen_version 99" },
		{ __HYPERVISOR_console_io, 99, 0, 0, "console_io 99" },
		{ __HYPERVISOR_get_debugreg, 99, 0, 0, "get_debugreg 99" },
		{ __HYPERVISOR_set_debugreg, 99, 0, 0, "set_debugreg 99" },
		{ __HYPERVISOR_set_segment_base, 99, 0, 0, "set_segment_base 99" },
		{ __HYPERVISOR_set_gdt, 0x7000000000UL, 1, 0, "set_gdt of nothing" },
		{ __HYPERVISOR_set_gdt, 0, 8193, 0, "set_gdt with too many entries" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		value(calls[i].name, hypercall3(calls[i].nr, calls[i].a1, calls[i].a2, calls[i].a3));
	ok(true, "verdicts were logged");
}

static void test_multicall(void) {
	static struct multicall_entry calls[32];
	long version = hv_xen_version(XENVER_version, NULL);
	unsigned int good = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].op = i % 4 == 3 ? 44 : __HYPERVISOR_xen_version;
		calls[i].args[0] = XENVER_version;
		calls[i].result = 0x7777;
	}
	is(hv_multicall(calls, 32), 0, "a multicall of 32");
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		good += (long)calls[i].result == (i % 4 == 3 ? KIT_ERRNO(ENOSYS) : version);
	is(good, 32, "each entry has its own result");
	is(hv_multicall(calls, 0), 0, "an empty multicall");
	is(hv_multicall(UNMAPPED, 1), KIT_ERRNO(EFAULT), "an unmapped multicall");
	is(hv_multicall(IN_HV, 1), KIT_ERRNO(EFAULT), "a multicall in the hypervisor's range");
	calls[0].op = __HYPERVISOR_multicall;
	calls[0].args[0] = (unsigned long)&calls[1];
	calls[0].args[1] = 1;
	is(hv_multicall(calls, 1), 0, "a multicall in a multicall");
	is((long)calls[0].result, KIT_ERRNO(EINVAL), "is refused");
	calls[0].op = 1UL << 40 | __HYPERVISOR_xen_version;
	value("a multicall entry with a long number", hv_multicall(calls, 1));
	value("its result", (long)calls[0].result > 0 ? 1 : (long)calls[0].result);
}

/* Results must not be written to read-only memory, and the entries before the bad one are done. */
static void test_multicall_readonly(void) {
	struct multicall_entry *in_m2p = IN_HV;

	is(hv_multicall(in_m2p, 2), KIT_ERRNO(EFAULT), "a multicall in read-only memory of the hypervisor");
	ok(machine_to_phys_mapping[kit_start_info->shared_info >> PAGE_SHIFT] != 0x7777, "nothing is written there");
}

/* iret as an entry of a multicall ends it: the rest must not run on behalf of what was returned to. */
static void test_multicall_iret(void) {
	static struct multicall_entry calls[3];

	for (unsigned int i = 0; i < 3; i++) {
		calls[i].op = i == 1 ? __HYPERVISOR_iret : __HYPERVISOR_xen_version;
		calls[i].args[0] = XENVER_version;
		calls[i].result = 0x7777;
	}
	asm volatile("movq %%rsp, %%rbx\n\t"
		     "pushq %3; pushq %%rbx; pushq $0x202; pushq %2\n\t"
		     "leaq 1f(%%rip), %%rax; pushq %%rax; pushq $0; pushq $0; pushq $0; pushq "
		     "$0x1234\n\t"
		     "movq %0, %%rdi; movl $3, %%esi; movl %1, %%eax; syscall; ud2\n1:"
		     :
		     : "r"(calls), "i"(__HYPERVISOR_multicall), "i"(FLAT_KERNEL_CS & ~3), "i"(FLAT_KERNEL_SS)
		     : "rax", "rbx", "rcx", "r11", "rdi", "rsi", "memory");
	is(calls[0].result > 0x7777, 1, "an entry before iret is done");
	is(calls[2].result, 0x7777, "an entry behind it is not");
	kit_vcpu_info()->evtchn_upcall_mask = 1;
}

static void test_vm_assist(void) {
	static const unsigned int types[] = { 0, 1, 2, 3, 4, 5, 6, 31, 32, 33, 63, 64, 1000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		char name[40];

		kit_snprintf(name, sizeof(name), "vm_assist enable %u", types[i]);
		value(name, hv_vm_assist(VMASST_CMD_enable, types[i]));
		kit_snprintf(name, sizeof(name), "vm_assist disable %u", types[i]);
		value(name, hv_vm_assist(VMASST_CMD_disable, types[i]));
	}
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0, "writable_pagetables");
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0, "runstate_update_flag");
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0, "architectural_iopl");
	is(hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0, "m2p_strict");
	is(hv_vm_assist(VMASST_CMD_enable, 1000), KIT_ERRNO(EINVAL), "an unknown type");
	is(hv_vm_assist(7, 0), KIT_ERRNO(ENOSYS), "an unknown command");
}

static void test_version(void) {
	static union {
		char extra[16], changeset[64];
		char caps[1024], commandline[1024];
		struct xen_compile_info compile;
		struct xen_platform_parameters params;
		struct xen_feature_info features;
		uint8_t handle[16];
	} u;
	long version = hv_xen_version(XENVER_version, NULL);

	is(version >> 16, 4, "major version");
	value("minor version", version & 0xffff);
	is(hv_xen_version(XENVER_extraversion, &u), 0, "extraversion");
	is(hv_xen_version(XENVER_compile_info, &u), 0, "compile_info");
	is(hv_xen_version(XENVER_capabilities, &u), 0, "capabilities");
	ok(strncmp(u.caps, "xen-3.0-x86_64", 14) == 0, "begin with xen-3.0-x86_64");
	kit_printf("# capabilities: %s\n", u.caps);
	is(hv_xen_version(XENVER_changeset, &u), 0, "changeset");
	is(hv_xen_version(XENVER_platform_parameters, &u), 0, "platform_parameters");
	is_hex(u.params.virt_start, HYPERVISOR_VIRT_START, "where the hypervisor starts");
	is(hv_xen_version(XENVER_pagesize, NULL), PAGE_SIZE, "pagesize");
	is(hv_xen_version(XENVER_guest_handle, &u), 0, "guest_handle");
	is(hv_xen_version(XENVER_commandline, &u), 0, "commandline");
	ok(strncmp(u.commandline, "dom0_mem=", 9) == 0, "is the hypervisor's");
	value("build_id without a buffer", hv_xen_version(XENVER_build_id, NULL) > 0);
	u.features.submap_idx = 0;
	is(hv_xen_version(XENVER_get_features, &u), 0, "get_features");
	for (unsigned int bit = 0; bit < 20; bit++) {
		char name[40];

		kit_snprintf(name, sizeof(name), "feature bit %u", bit);
		value(name, u.features.submap >> bit & 1);
	}
	u.features.submap_idx = 7;
	is(hv_xen_version(XENVER_get_features, &u), KIT_ERRNO(EINVAL), "a submap that does not exist");
	is(hv_xen_version(XENVER_extraversion, UNMAPPED), KIT_ERRNO(EFAULT), "extraversion to nowhere");
	is(hv_xen_version(XENVER_capabilities, IN_HV), KIT_ERRNO(EFAULT), "capabilities into the hypervisor's range");
	is(hv_xen_version(XENVER_compile_info, UNMAPPED), KIT_ERRNO(EFAULT), "compile_info to nowhere");
	is(hv_xen_version(XENVER_get_features, UNMAPPED), KIT_ERRNO(EFAULT), "get_features of nowhere");
}

/* Nothing of the hypervisor's stack behind short texts. */
static void test_padding(void) {
	static struct xen_compile_info info;
	bool clean = true;

	memset(&info, 0x5a, sizeof(info));
	hv_xen_version(XENVER_compile_info, &info);
	for (unsigned int i = strlen(info.compiler); i < sizeof(info.compiler); i++) clean &= info.compiler[i] == 0;
	for (unsigned int i = strlen(info.compile_by); i < sizeof(info.compile_by); i++)
		clean &= info.compile_by[i] == 0;
	ok(clean, "compile_info is zero behind its texts");
}

static void test_console(void) {
	static const char text[] = "# a line by console_io\n";

	is(hv_console_io(CONSOLEIO_write, sizeof(text) - 1, text), 0, "console_io write");
	is(hv_console_io(CONSOLEIO_write, 0, text), 0, "of no bytes");
	is(hv_console_io(CONSOLEIO_write, 5, UNMAPPED), KIT_ERRNO(EFAULT), "of nothing");
	is(hv_console_io(CONSOLEIO_write, 5, IN_HV), KIT_ERRNO(EFAULT), "of the hypervisor's memory");
	value("console_io write of a negative length", hv_console_io(CONSOLEIO_write, 0x80000000U, UNMAPPED));
	value("console_io write of 4 GiB - 1", hv_console_io(CONSOLEIO_write, 0xffffffffU, UNMAPPED));
	is(hv_console_io(CONSOLEIO_read, 0, (void *)text), 0, "read of no bytes");
	value("console_io read with nothing to read", hv_console_io(CONSOLEIO_read, 8, UNMAPPED));
	is(hv_console_io(CONSOLEIO_read, 0x80000000U, UNMAPPED), KIT_ERRNO(E2BIG), "of a negative length");
	is(hv_console_io(9, 0, NULL), KIT_ERRNO(ENOSYS), "an unknown command");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	test_registers();
	test_high_half();
	test_int_arguments();
	test_unknown();
	test_verdicts();
	test_multicall();
	test_multicall_readonly();
	test_multicall_iret();
	test_vm_assist();
	test_version();
	test_padding();
	test_console();
	done();
}
