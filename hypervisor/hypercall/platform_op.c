/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what the privileged domain tells and asks about the machine. Power states of CPUs
 * are accepted and not used; CPUs stay on.
 */
#include "hypercall.h"
#include "machine.h"

#include <xen/platform.h>

_Static_assert(sizeof(struct xen_platform_op) == 136, "<xen/platform.h>: u.pad[128]");

SUBOP(settime32, struct xenpf_settime32) {
	wallclock_set(a->secs, a->nsecs, a->system_time);
	return 0;
}

SUBOP(settime64, struct xenpf_settime64) {
	if (a->mbz) return -EINVAL;
	wallclock_set(a->secs, a->nsecs, a->system_time);
	return 0;
}

SUBOP(read_memtype, struct xenpf_read_memtype) {
	mfn_t first;
	int ret = arch_memory_type(a->reg, &first, &a->nr_mfns, &a->type);

	if (!ret) a->mfn = mfn_x(first);
	return ret;
}

/* The image was not started by real-mode code, so what BIOS calls would tell is not there, nor is
 * EFI. */
SUBOP(firmware_info, struct xenpf_firmware_info) {
	switch (a->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE: return -ESRCH;
	case XEN_FW_VBEDDC_INFO: return a->index ? -EINVAL : -ESRCH;
	case XEN_FW_EFI_INFO: return -ENOSYS;
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (a->index) return -ESRCH;
		a->u.kbd_shift_flags = arch_keyboard_flags();
		return 0;
	default: return -EINVAL;
	}
}

/* Only power-off: other states would come back with the CPUs reset. */
SUBOP(enter_acpi_sleep, struct xenpf_enter_acpi_sleep) {
	if (a->flags & ~XENPF_ACPI_SLEEP_EXTENDED || a->sleep_state > 5) return -EINVAL;
	if (a->flags || a->sleep_state != 5) return -EOPNOTSUPP;
	return machine_sleep(a->val_a, a->val_b);
}

SUBOP(set_processor_pminfo, struct xenpf_set_processor_pminfo) { return a->type <= XEN_PM_PDC ? 0 : -EINVAL; }

static bool cpu_is_online(uint32_t cpu) { return cpu < MAX_CPUS && cpus_online & cpumask_of(cpu); }

SUBOP(get_cpuinfo, struct xenpf_pcpuinfo) {
	a->max_present = bit_last(cpus_online);
	a->flags = XEN_PCPU_FLAGS_INVALID;
	a->apic_id = a->acpi_id = ~0u;
	if (cpu_is_online(a->xen_cpuid)) {
		a->flags = XEN_PCPU_FLAGS_ONLINE;
		arch_cpu_identity(a->xen_cpuid, &a->apic_id, &a->acpi_id);
	}
	return 0;
}

SUBOP(cpu_online, struct xenpf_cpu_ol) { return cpu_is_online(a->cpuid) ? 0 : -EINVAL; }

SUBOP(cpu_offline, struct xenpf_cpu_ol) { return cpu_is_online(a->cpuid) ? -EOPNOTSUPP : -EINVAL; }

SUBOP(core_parking, struct xenpf_core_parking) {
	if (a->type == XEN_CORE_PARKING_GET) {
		a->idle_nums = 0;
		return 0;
	}
	return a->type == XEN_CORE_PARKING_SET ? (a->idle_nums ? -EOPNOTSUPP : 0) : -EINVAL;
}

SUBOP(get_symbol, struct xenpf_symdata) {
	const char *name;
	uint32_t room = a->namelen;
	size_t n;

	if (!arch_symbol(a->symnum, &a->address, &name)) return 0; /* the same number back: the end */
	n = strlen(name);
	if (room && copy_to_guest(guest_ptr(a->name.p), name, MIN(n + 1, room))) return -EFAULT;
	a->namelen = (uint32_t)n;
	a->symnum++;
	a->type = 't';
	return 0;
}

static const struct subop ops[] = {
	[XENPF_settime32] = { settime32, 0, 0 },
	[XENPF_settime64] = { settime64, 0, 0 },
	[XENPF_read_memtype] = { read_memtype, 0, SUBOP_OUT },
	[XENPF_firmware_info] = { firmware_info, 0, SUBOP_OUT },
	[XENPF_enter_acpi_sleep] = { enter_acpi_sleep, 0, 0 },
	[XENPF_set_processor_pminfo] = { set_processor_pminfo, 0, 0 },
	[XENPF_get_cpuinfo] = { get_cpuinfo, 0, SUBOP_OUT },
	[XENPF_cpu_online] = { cpu_online, 0, 0 },
	[XENPF_cpu_offline] = { cpu_offline, 0, 0 },
	[XENPF_core_parking] = { core_parking, 0, SUBOP_OUT },
	[XENPF_get_symbol] = { get_symbol, 0, SUBOP_OUT },
};

HYPERCALL(do_platform_op) {
	struct xen_platform_op op;
	const struct subop *sub;
	long ret;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION) return -EACCES;
	sub = subop_find(ops, ARRAY_SIZE(ops), op.cmd);
	ret = sub ? sub->fn(&op.u, current, gvaddr(a1)) : -ENOSYS;
	if (!ret && sub->flags & SUBOP_OUT && copy_to_guest(gvaddr(a1), &op, sizeof(op))) return -EFAULT;
	return ret;
}
