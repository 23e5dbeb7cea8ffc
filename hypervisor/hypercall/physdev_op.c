/* SPDX-License-Identifier: MIT */
/* physdev_op: interrupts and PCI devices, and a guest kernel's I/O privilege. */
#include "hypercall.h"
#include "irq.h"
#include "machine.h"

#include <xen/physdev.h>

SUBOP(eoi, struct physdev_eoi) { return pirq_eoi(v->domain, a->irq); }

SUBOP(irq_status, struct physdev_irq_status_query) {
	bool needs_eoi, shared;
	int err = pirq_status(v->domain, a->irq, &needs_eoi, &shared);

	if (!err) a->flags = (needs_eoi ? XENIRQSTAT_needs_eoi : 0) | (shared ? XENIRQSTAT_shared : 0);
	return err;
}

SUBOP(set_iopl, struct physdev_set_iopl) {
	if (a->iopl > 3) return -EINVAL;
	arch_vcpu_iopl_set(v, a->iopl);
	return 0;
}

SUBOP(set_iobitmap, struct physdev_set_iobitmap) {
	if (a->nr_ports > 65536) return -EINVAL;
	arch_vcpu_iobitmap_set(v, guest_ptr(a->bitmap.p), a->nr_ports);
	return 0;
}

SUBOP(apic_read, struct physdev_apic) { return arch_ioapic_read(a->apic_physbase, a->reg, &a->value); }

/* Vectors are ring 0's: the number given out means nothing but that the interrupt can be bound. */
SUBOP(alloc_vector, struct physdev_irq) {
	int pirq = (int)a->irq;

	a->vector = a->irq;
	return pirq < 0 ? -EINVAL : pirq_map_gsi(v->domain, a->irq, &pirq);
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

SUBOP(map_pirq, struct physdev_map_pirq) {
	DOMAIN_REF(d);
	int err = domain_find_controlled(a->domid, &d);

	if (err) return err;
	switch (a->type) {
	case MAP_PIRQ_TYPE_GSI: return a->index < 0 ? -EINVAL : pirq_map_gsi(d, (unsigned)a->index, &a->pirq);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI: return map_message(d, a);
	default: return -EINVAL;
	}
}

SUBOP(unmap_pirq, struct physdev_unmap_pirq) {
	DOMAIN_REF(d);

	return domain_find_controlled(a->domid, &d) ?: pirq_unmap(d, (unsigned)a->pirq);
}

SUBOP(setup_gsi, struct physdev_setup_gsi) { return irq_gsi_setup((unsigned)a->gsi, a->triggering, a->polarity); }

SUBOP(get_free_pirq, struct physdev_get_free_pirq) {
	int pirq;
	int err = pirq_find_free(v->domain, &pirq);

	a->pirq = (uint32_t)pirq;
	return err;
}

/* -- devices -- */

/* Ring 0 finds devices when their interrupts are mapped; that dom0 tells of them is taken note of
 * by nobody. */
SUBOP(device_known, void) { return 0; }

/* A device that has no messages set up has none to restore. */
static int msi_restore(sbdf_t dev) {
	int err = irq_msi_restore(dev);

	return err == -ESRCH && pci_read(dev, PCI_VENDOR_ID, 2) != 0xffff ? 0 : err;
}

SUBOP(restore_msi, struct physdev_restore_msi) { return msi_restore(sbdf(0, a->bus, a->devfn)); }

SUBOP(restore_msi_ext, struct physdev_pci_device) { return msi_restore(sbdf(a->seg, a->bus, a->devfn)); }

SUBOP(msix_owner, struct physdev_pci_device) {
	return pci_capability(sbdf(a->seg, a->bus, a->devfn), PCI_CAP_ID_MSIX) ? 0 : -ENODEV;
}

/* Where SUBOP_DOM0 is not given the object decides. */
static const struct subop ops[] = {
	[PHYSDEVOP_irq_status_query] = { irq_status, sizeof(struct physdev_irq_status_query), SUBOP_OUT },
	[PHYSDEVOP_set_iopl] = { set_iopl, sizeof(struct physdev_set_iopl), 0 },
	[PHYSDEVOP_set_iobitmap] = { set_iobitmap, sizeof(struct physdev_set_iobitmap), 0 },
	[PHYSDEVOP_apic_read] = { apic_read, sizeof(struct physdev_apic), SUBOP_DOM0 | SUBOP_OUT },
	[PHYSDEVOP_alloc_irq_vector] = { alloc_vector, sizeof(struct physdev_irq), SUBOP_DOM0 | SUBOP_OUT },
	[PHYSDEVOP_eoi] = { eoi, sizeof(struct physdev_eoi), 0 },
	[PHYSDEVOP_map_pirq] = { map_pirq, sizeof(struct physdev_map_pirq), SUBOP_OUT },
	[PHYSDEVOP_unmap_pirq] = { unmap_pirq, sizeof(struct physdev_unmap_pirq), 0 },
	[PHYSDEVOP_manage_pci_add] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_manage_pci_remove] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_restore_msi] = { restore_msi, sizeof(struct physdev_restore_msi), SUBOP_DOM0 },
	[PHYSDEVOP_manage_pci_add_ext] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_setup_gsi] = { setup_gsi, sizeof(struct physdev_setup_gsi), SUBOP_DOM0 },
	[PHYSDEVOP_get_free_pirq] = { get_free_pirq, sizeof(struct physdev_get_free_pirq), SUBOP_OUT },
	[PHYSDEVOP_pci_mmcfg_reserved] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_pci_device_add] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_pci_device_remove] = { device_known, 0, SUBOP_DOM0 },
	[PHYSDEVOP_restore_msi_ext] = { restore_msi_ext, sizeof(struct physdev_pci_device), SUBOP_DOM0 },
	[PHYSDEVOP_prepare_msix] = { msix_owner, sizeof(struct physdev_pci_device), SUBOP_DOM0 },
	[PHYSDEVOP_release_msix] = { msix_owner, sizeof(struct physdev_pci_device), SUBOP_DOM0 },
};

HYPERCALL(do_physdev_op) { return subop_call(ops, ARRAY_SIZE(ops), (unsigned)a1, current, gvaddr(a2)); }

/* The old form: one structure that begins with the number of the operation. */
HYPERCALL(do_physdev_op_compat) {
	uint32_t cmd;

	if (copy_from_guest(&cmd, gvaddr(a1), sizeof(cmd))) return -EFAULT;
	return do_physdev_op(cmd, a1 + offsetof(struct physdev_op, u), 0, 0, 0, 0);
}
