/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: interrupts and PCI devices, and a guest kernel's I/O privilege. Each operation has a
 * structure that is fetched once, handled, and stored back if it has results.
 */
#include "hypercall.h"
#include "irq.h"
#include "machine.h"

#include <xen/physdev.h>

union physdev_arg {
	struct physdev_eoi eoi;
	struct physdev_irq_status_query irq_status_query;
	struct physdev_set_iopl set_iopl;
	struct physdev_set_iobitmap set_iobitmap;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_map_pirq map_pirq;
	struct physdev_unmap_pirq unmap_pirq;
	struct physdev_restore_msi restore_msi;
	struct physdev_setup_gsi setup_gsi;
	struct physdev_get_free_pirq get_free_pirq;
	struct physdev_pci_device pci_device;
};

static long op_eoi(union physdev_arg *a) { return pirq_eoi(current->domain, a->eoi.irq); }

static long op_irq_status_query(union physdev_arg *a) {
	bool needs_eoi, shared;
	int ret = pirq_status(current->domain, a->irq_status_query.irq, &needs_eoi, &shared);

	if (!ret)
		a->irq_status_query.flags =
			(needs_eoi ? XENIRQSTAT_needs_eoi : 0) | (shared ? XENIRQSTAT_shared : 0);
	return ret;
}

static long op_set_iopl(union physdev_arg *a) {
	if (a->set_iopl.iopl > 3) return -EINVAL;
	arch_vcpu_iopl_set(current, a->set_iopl.iopl);
	return 0;
}

static long op_set_iobitmap(union physdev_arg *a) {
	if (a->set_iobitmap.nr_ports > 65536) return -EINVAL;
	arch_vcpu_iobitmap_set(current, guest_ptr(a->set_iobitmap.bitmap.p), a->set_iobitmap.nr_ports);
	return 0;
}

static long op_apic_read(union physdev_arg *a) {
	return arch_ioapic_read(a->apic.apic_physbase, a->apic.reg, &a->apic.value);
}

/* Vectors are ring 0's: the number given out means nothing but that the interrupt can be bound. */
static long op_alloc_irq_vector(union physdev_arg *a) {
	int pirq = (int)a->irq.irq;
	int ret = pirq < 0 ? -EINVAL : pirq_map_gsi(current->domain, a->irq.irq, &pirq);

	a->irq.vector = a->irq.irq;
	return ret;
}

/* -- mapping -- */

static int map_message(struct domain *d, struct physdev_map_pirq *m) {
	bool segment = m->type != MAP_PIRQ_TYPE_MSI;
	bool multi = m->type == MAP_PIRQ_TYPE_MULTI_MSI;
	struct msi_request req = {
		.dev = sbdf(segment ? (unsigned)m->bus >> 16 : 0, (unsigned)m->bus, (unsigned)m->devfn),
		.msix = !multi && m->table_base,
		.index = multi || !m->table_base ? 0 : (unsigned)m->entry_nr,
		.count = multi ? (unsigned)m->entry_nr : 1,
		.table_base = m->table_base,
	};

	if (!current->domain->privileged) return -EPERM;
	return m->entry_nr < 0 ? -EINVAL : pirq_map_msi(d, &req, &m->pirq);
}

static int map_pirq(struct domain *d, struct physdev_map_pirq *m) {
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI: return m->index < 0 ? -EINVAL : pirq_map_gsi(d, (unsigned)m->index, &m->pirq);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI: return map_message(d, m);
	default: return -EINVAL;
	}
}

/* The domain that a mapping is for: the caller, or one it controls. */
static int target_find(domid_t id, struct domain **d) {
	int ret = domain_find(id, d);

	if (!ret && *d != current->domain) {
		ret = domain_may_control(*d);
		if (ret) domain_put(*d);
	}
	return ret;
}

static long op_map_pirq(union physdev_arg *a) {
	struct domain *d;
	int ret = target_find(a->map_pirq.domid, &d);

	if (ret) return ret;
	ret = map_pirq(d, &a->map_pirq);
	domain_put(d);
	return ret;
}

static long op_unmap_pirq(union physdev_arg *a) {
	struct domain *d;
	int ret = target_find(a->unmap_pirq.domid, &d);

	if (ret) return ret;
	ret = a->unmap_pirq.pirq < 0 ? -EINVAL : pirq_unmap(d, (unsigned)a->unmap_pirq.pirq);
	domain_put(d);
	return ret;
}

static long op_setup_gsi(union physdev_arg *a) {
	return irq_gsi_setup((unsigned)a->setup_gsi.gsi, a->setup_gsi.triggering, a->setup_gsi.polarity);
}

static long op_get_free_pirq(union physdev_arg *a) {
	int pirq;
	int ret = pirq_find_free(current->domain, &pirq);

	a->get_free_pirq.pirq = (uint32_t)pirq;
	return ret;
}

/* -- devices -- */

/* Ring 0 finds devices when their interrupts are mapped; that dom0 tells of them is taken note of
 * by nobody. */
static long op_device_known(union physdev_arg *a) {
	(void)a;
	return 0;
}

static long op_restore_msi(union physdev_arg *a) {
	return irq_msi_restore(sbdf(0, a->restore_msi.bus, a->restore_msi.devfn));
}

static long op_restore_msi_ext(union physdev_arg *a) {
	return irq_msi_restore(sbdf(a->pci_device.seg, a->pci_device.bus, a->pci_device.devfn));
}

static long op_msix_owner(union physdev_arg *a) {
	sbdf_t dev = sbdf(a->pci_device.seg, a->pci_device.bus, a->pci_device.devfn);

	return pci_capability(dev, PCI_CAP_MSIX) ? 0 : -ENODEV;
}

static const struct physdev_call {
	long (*fn)(union physdev_arg *a);
	uint8_t size;
	bool privileged; /* else the object decides */
	bool results;
} calls[] = {
	[PHYSDEVOP_irq_status_query] = { op_irq_status_query, sizeof(struct physdev_irq_status_query), false,
					 true },
	[PHYSDEVOP_set_iopl] = { op_set_iopl, sizeof(struct physdev_set_iopl), false, false },
	[PHYSDEVOP_set_iobitmap] = { op_set_iobitmap, sizeof(struct physdev_set_iobitmap), false, false },
	[PHYSDEVOP_apic_read] = { op_apic_read, sizeof(struct physdev_apic), true, true },
	[PHYSDEVOP_alloc_irq_vector] = { op_alloc_irq_vector, sizeof(struct physdev_irq), true, true },
	[PHYSDEVOP_eoi] = { op_eoi, sizeof(struct physdev_eoi), false, false },
	[PHYSDEVOP_map_pirq] = { op_map_pirq, sizeof(struct physdev_map_pirq), false, true },
	[PHYSDEVOP_unmap_pirq] = { op_unmap_pirq, sizeof(struct physdev_unmap_pirq), false, false },
	[PHYSDEVOP_manage_pci_add] = { op_device_known, 0, true, false },
	[PHYSDEVOP_manage_pci_remove] = { op_device_known, 0, true, false },
	[PHYSDEVOP_restore_msi] = { op_restore_msi, sizeof(struct physdev_restore_msi), true, false },
	[PHYSDEVOP_manage_pci_add_ext] = { op_device_known, 0, true, false },
	[PHYSDEVOP_setup_gsi] = { op_setup_gsi, sizeof(struct physdev_setup_gsi), true, false },
	[PHYSDEVOP_get_free_pirq] = { op_get_free_pirq, sizeof(struct physdev_get_free_pirq), false, true },
	[PHYSDEVOP_pci_mmcfg_reserved] = { op_device_known, 0, true, false },
	[PHYSDEVOP_pci_device_add] = { op_device_known, 0, true, false },
	[PHYSDEVOP_pci_device_remove] = { op_device_known, 0, true, false },
	[PHYSDEVOP_restore_msi_ext] = { op_restore_msi_ext, sizeof(struct physdev_pci_device), true, false },
	[PHYSDEVOP_prepare_msix] = { op_msix_owner, sizeof(struct physdev_pci_device), true, false },
	[PHYSDEVOP_release_msix] = { op_msix_owner, sizeof(struct physdev_pci_device), true, false },
};

HYPERCALL(do_physdev_op) {
	const struct physdev_call *c;
	unsigned cmd = (unsigned)a1;
	union physdev_arg arg;
	long ret;

	if (cmd >= ARRAY_SIZE(calls) || !calls[cmd].fn) return -ENOSYS;
	c = &calls[index_nospec(cmd, ARRAY_SIZE(calls))];
	if (c->privileged && !current->domain->privileged) return -EPERM;
	memset(&arg, 0, sizeof(arg));
	if (copy_from_guest(&arg, gvaddr(a2), c->size)) return -EFAULT;
	ret = c->fn(&arg);
	if (!ret && c->results && copy_to_guest(gvaddr(a2), &arg, c->size)) return -EFAULT;
	return ret;
}

/* The old form: one structure that begins with the number of the operation. */
HYPERCALL(do_physdev_op_compat) {
	uint32_t cmd;

	if (copy_from_guest(&cmd, gvaddr(a1), sizeof(cmd))) return -EFAULT;
	return do_physdev_op(cmd, a1 + offsetof(struct physdev_op, u), 0, 0, 0, 0);
}
