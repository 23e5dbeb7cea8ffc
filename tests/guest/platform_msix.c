/* SPDX-License-Identifier: MIT */
/* guest-boot: compare="no, stock Xen 4.17 stops the machine at prepare_msix of a device without
 * MSI" */
/* MSI-X calls for a device that has no such capability. */
#include <kit/shared.h>
#include "tap.h"

void guest_main(void) {
	struct physdev_pci_device_add add = { .bus = 0, .devfn = 0 };
	struct physdev_pci_device dev = { .bus = 0, .devfn = 0 };

	kit_shared_init();
	kit_traps_init();
	is(hv_physdev_op(PHYSDEVOP_pci_device_add, &add), 0, "the host bridge is reported");
	ok(hv_physdev_op(PHYSDEVOP_prepare_msix, &dev) < 0, "prepare_msix of a device without MSI-X is refused");
	hv_physdev_op(PHYSDEVOP_release_msix, &dev);
	dev.devfn = 0x77;
	ok(hv_physdev_op(PHYSDEVOP_prepare_msix, &dev) < 0, "prepare_msix of no device is refused");
	ok(hv_xen_version(XENVER_version, NULL) > 0, "the hypervisor is well");
	done();
}
