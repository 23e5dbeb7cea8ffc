/* SPDX-License-Identifier: MIT */
/* xen_version: what guests ask about their hypervisor. The ABI is the 4.17 edition, and says so;
 * the rest is Tenon. */
#include "boot.h"
#include "hypercall.h"

#include <xen/version.h>
#include <xen/features.h>

#define ABI_MAJOR 4
#define ABI_MINOR 17

static uint32_t features_word(const struct domain *d, uint32_t index) {
	uint32_t f = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
		     1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported;

	if (index) return 0;
	if (d->vm_assist >> VMASST_TYPE_pae_extended_cr3 & 1) f |= 1u << XENFEAT_pae_pgdir_above_4gb;
	if (d->privileged) f |= 1u << XENFEAT_dom0;
	return f | 1u << XENFEAT_direct_mapped;
}

static const struct xen_platform_parameters platform = { .virt_start = 0xffff800000000000UL };
static const struct xen_compile_info compile_info = { .compiler = __VERSION__, .compile_by = "tenon" };

/* Copy a text into a fixed-size field of the ABI, zero-filled. */
static long text_out(gvaddr_t out, const char *text, size_t size) {
	char buf[1024];

	memset(buf, 0, size);
	str_copy(buf, text, size);
	return copy_to_guest(out, buf, size);
}

HYPERCALL(do_xen_version) {
	struct domain *d = current->domain;
	gvaddr_t out = gvaddr(a2);
	struct xen_feature_info fi;

	switch ((unsigned)a1) {
	case XENVER_version: return ABI_MAJOR << 16 | ABI_MINOR;
	case XENVER_extraversion: return text_out(out, "-tenon", sizeof(xen_extraversion_t));
	case XENVER_compile_info: return copy_to_guest(out, &compile_info, sizeof(compile_info));
	case XENVER_capabilities: return text_out(out, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
	case XENVER_changeset: return text_out(out, "tenon", sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters: return copy_to_guest(out, &platform, sizeof(platform));
	case XENVER_get_features:
		if (copy_from_guest(&fi, out, sizeof(fi))) return -EFAULT;
		if (fi.submap_idx > 1) return -EINVAL;
		fi.submap = features_word(d, fi.submap_idx);
		return copy_to_guest(out, &fi, sizeof(fi));
	case XENVER_pagesize: return PAGE_SIZE;
	case XENVER_guest_handle: return copy_to_guest(out, d->config.handle, sizeof(d->config.handle));
	case XENVER_commandline:
		return text_out(out, d->privileged ? hypervisor_cmdline : "<denied>", sizeof(xen_commandline_t));
	default: return -ENOSYS;
	}
}
