/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what the privileged domain tells and asks about the machine. Power states of CPUs
 * are accepted and not used; CPUs stay on.
 */
#include "hypercall.h"
#include "machine.h"

#include <xen/platform.h>

_Static_assert(sizeof(struct xen_platform_op) == 136, "<xen/platform.h>: u.pad[128]");

static long settime32(struct xen_platform_op *op) {
	wallclock_set(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
	return 0;
}

static long settime64(struct xen_platform_op *op) {
	if (op->u.settime64.mbz) return -EINVAL;
	wallclock_set(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
	return 0;
}

static long read_memtype(struct xen_platform_op *op) {
	struct xenpf_read_memtype *m = &op->u.read_memtype;
	mfn_t first;
	int ret = arch_memory_type(m->reg, &first, &m->nr_mfns, &m->type);

	if (!ret) m->mfn = mfn_x(first);
	return ret;
}

/* The image was not started by real-mode code, so what BIOS calls would tell is not there, nor is
 * EFI. */
static long firmware_info(struct xen_platform_op *op) {
	switch (op->u.firmware_info.type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE: return -ENOENT;
	case XEN_FW_VBEDDC_INFO: return op->u.firmware_info.index ? -EINVAL : -ESRCH;
	case XEN_FW_EFI_INFO: return -ENOSYS;
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (op->u.firmware_info.index) return -ESRCH;
		op->u.firmware_info.u.kbd_shift_flags = arch_keyboard_flags();
		return 0;
	default: return -EINVAL;
	}
}

/* Only power-off: other states would come back with the CPUs reset. */
static long enter_acpi_sleep(struct xen_platform_op *op) {
	struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

	if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED || s->sleep_state > 5) return -EINVAL;
	if (s->flags || s->sleep_state != 5) return -EOPNOTSUPP;
	return machine_sleep(s->val_a, s->val_b);
}

static long set_processor_pminfo(struct xen_platform_op *op) {
	return op->u.set_pminfo.type <= XEN_PM_PDC ? 0 : -EINVAL;
}

static long get_cpuinfo(struct xen_platform_op *op) {
	struct xenpf_pcpuinfo *i = &op->u.pcpu_info;

	i->max_present = bit_last(cpus_online);
	i->flags = XEN_PCPU_FLAGS_INVALID;
	i->apic_id = i->acpi_id = ~0u;
	if (i->xen_cpuid < MAX_CPUS && cpus_online & cpumask_of(i->xen_cpuid)) {
		i->flags = XEN_PCPU_FLAGS_ONLINE;
		arch_cpu_identity(i->xen_cpuid, &i->apic_id, &i->acpi_id);
	}
	return 0;
}

static bool cpu_is_online(uint32_t cpu) { return cpu < MAX_CPUS && cpus_online & cpumask_of(cpu); }

static long cpu_online(struct xen_platform_op *op) { return cpu_is_online(op->u.cpu_ol.cpuid) ? 0 : -EINVAL; }

static long cpu_offline(struct xen_platform_op *op) {
	return cpu_is_online(op->u.cpu_ol.cpuid) ? -EOPNOTSUPP : -EINVAL;
}

static long core_parking(struct xen_platform_op *op) {
	struct xenpf_core_parking *p = &op->u.core_parking;

	if (p->type == XEN_CORE_PARKING_GET) {
		p->idle_nums = 0;
		return 0;
	}
	return p->type == XEN_CORE_PARKING_SET ? (p->idle_nums ? -EOPNOTSUPP : 0) : -EINVAL;
}

static long get_symbol(struct xen_platform_op *op) {
	struct xenpf_symdata *s = &op->u.symdata;
	const char *name;
	uint32_t room = s->namelen;
	size_t n;

	if (!arch_symbol(s->symnum, &s->address, &name)) return 0; /* the same number back: the end */
	n = strlen(name);
	if (room && copy_to_guest(guest_ptr(s->name.p), name, MIN(n + 1, room))) return -EFAULT;
	s->namelen = (uint32_t)n;
	s->symnum++;
	s->type = 't';
	return 0;
}

static const struct {
	uint16_t cmd;
	bool results;
	long (*fn)(struct xen_platform_op *op);
} calls[] = {
	{ XENPF_settime32, false, settime32 },
	{ XENPF_settime64, false, settime64 },
	{ XENPF_read_memtype, true, read_memtype },
	{ XENPF_firmware_info, true, firmware_info },
	{ XENPF_enter_acpi_sleep, false, enter_acpi_sleep },
	{ XENPF_set_processor_pminfo, false, set_processor_pminfo },
	{ XENPF_get_cpuinfo, true, get_cpuinfo },
	{ XENPF_cpu_online, false, cpu_online },
	{ XENPF_cpu_offline, false, cpu_offline },
	{ XENPF_core_parking, true, core_parking },
	{ XENPF_get_symbol, true, get_symbol },
};

HYPERCALL(do_platform_op) {
	struct xen_platform_op op;
	long ret = -ENOSYS;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION) return -EACCES;
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].cmd != op.cmd) continue;
		ret = calls[i].fn(&op);
		if (!ret && calls[i].results && copy_to_guest(gvaddr(a1), &op, sizeof(op))) ret = -EFAULT;
		break;
	}
	return ret;
}
