/* SPDX-License-Identifier: MIT */
/* domctl: what depends on the processor. */
#include "../hypercall/domctl.h"
#include "cpu_policy.h"
#include "x86.h"

#define FPU_OFFSET    512 /* of the FPU image in a vCPU's state page */
#define XSAVE_LEGACY  512
#define XSAVE_HEADER  64
#define EXTSTATE_HEAD (2 * sizeof(uint64_t)) /* XCR0, and all components ever enabled */

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) { cpuid(leaf, subleaf, out); }

/* Stubs of 32 bytes that make the hypercall of their number (arch-x86/xen-x86_64.h); iret keeps rax
 * on the stack. */
void hypercall_page_fill(uint8_t *page) {
	static const uint8_t stub[] = {
		0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3
	};
	static const uint8_t iret[] = {
		0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05
	};

	memset(page, 0xcc, PAGE_SIZE);
	for (unsigned i = 0; i < PAGE_SIZE / 32; i++) {
		memcpy(page + i * 32, stub, sizeof(stub));
		page[i * 32 + 4] = (uint8_t)i;
	}
	memcpy(page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}

DOMCTL(hypercall_init, hypercall_init) {
	mfn_t m = mfn(a->gmfn);
	int err = frame_get_as(m, d, FT_WRITABLE);
	uint8_t *page;

	if (err) return err == -EPERM ? -EACCES : err;
	page = frame_map(m);
	hypercall_page_fill(page);
	frame_unmap(page);
	frame_put_as(m);
	return 0;
}

/* -- callbacks that vcpu_guest_context has no room for -- */

DOMCTL_VCPU(get_ext_context, ext_vcpucontext) {
	*a = (struct xen_domctl_ext_vcpucontext){
		.vcpu = v->id,
		.size = sizeof(*a),
		.syscall32_callback_eip = v->arch.syscall32.rip,
		.syscall32_callback_cs = v->arch.syscall32.cs,
		.syscall32_disables_events = v->arch.syscall32.mask_events,
		.sysenter_callback_eip = v->arch.sysenter.rip,
		.sysenter_callback_cs = v->arch.sysenter.cs,
		.sysenter_disables_events = v->arch.sysenter.mask_events,
	};
	return 0;
}

DOMCTL_VCPU(set_ext_context, ext_vcpucontext) {
	if (a->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
	    !guest_address_ok(a->syscall32_callback_eip) || !guest_address_ok(a->sysenter_callback_eip))
		return -EINVAL;
	vcpu_pause(v);
	v->arch.syscall32 = (struct callback){ .rip = a->syscall32_callback_eip,
					       .cs = a->syscall32_callback_cs,
					       .mask_events = a->syscall32_disables_events };
	v->arch.sysenter = (struct callback){ .rip = a->sysenter_callback_eip,
					      .cs = a->sysenter_callback_cs,
					      .mask_events = a->sysenter_disables_events };
	vcpu_unpause(v);
	return 0;
}

/* -- extended processor state -- */

/* Bytes of the state's standard format with all components of ring 0's XCR0. */
static uint32_t xstate_bytes(void) { return MIN(xstate_size(cpu_has.xcr0), PAGE_SIZE - FPU_OFFSET); }

DOMCTL_VCPU(get_extstate, vcpuextstate) {
	uint32_t bytes = xstate_bytes();
	uint64_t size = EXTSTATE_HEAD + bytes, head[2] = { v->arch.xcr0, v->arch.xcr0 };
	gvaddr_t to = guest_ptr(a->buffer.p);
	uint8_t *page;
	int err;

	if (!cpu_has.xsave) {
		a->size = a->xfeature_mask = 0;
		return 0;
	}
	if (!a->size && !a->xfeature_mask) {
		a->size = size;
		a->xfeature_mask = cpu_has.xcr0;
		return 0;
	}
	if (a->size != size || a->xfeature_mask != cpu_has.xcr0) return -EINVAL;
	if (copy_to_guest(to, head, sizeof(head))) return -EFAULT;
	vcpu_pause(v);
	arch_vcpu_sync(v);
	page = frame_map(v->arch.state_mfn);
	err = copy_to_guest(guest_at(to, EXTSTATE_HEAD, 1), page + FPU_OFFSET, bytes);
	frame_unmap(page);
	vcpu_unpause(v);
	return err;
}

/* The header of a standard-format image: components within XCR0, nothing else set. */
static bool xsave_header_ok(const uint64_t *header, uint64_t xcr0) {
	for (unsigned i = 1; i < XSAVE_HEADER / sizeof(*header); i++)
		if (header[i]) return false;
	return !(header[0] & ~xcr0);
}

DOMCTL_VCPU(set_extstate, vcpuextstate) {
	uint64_t bytes = a->size - EXTSTATE_HEAD, *image;
	uint8_t *page;
	long ret;

	if (a->size < EXTSTATE_HEAD + XSAVE_LEGACY + XSAVE_HEADER || a->size > EXTSTATE_HEAD + xstate_bytes())
		return -EINVAL;
	image = heap_alloc(a->size);
	if (!image) return -ENOMEM;
	ret = copy_from_guest(image, guest_ptr(a->buffer.p), a->size);
	if (!ret && (!xcr0_ok(image[0]) || image[1] & ~cpu_has.xcr0 ||
		     !xsave_header_ok(image + 2 + XSAVE_LEGACY / sizeof(*image), image[1])))
		ret = -EINVAL;
	if (!ret) {
		vcpu_pause(v);
		arch_vcpu_sync(v);
		v->arch.xcr0 = image[0];
		page = frame_map(v->arch.state_mfn);
		memcpy(page + FPU_OFFSET, image + 2, bytes);
		frame_unmap(page);
		vcpu_unpause(v);
	}
	heap_free(image);
	return ret;
}

/* -- MSRs: a vCPU keeps none beyond its context -- */

DOMCTL_VCPU(get_msrs, vcpu_msrs) {
	a->msr_count = 0;
	return 0;
}

DOMCTL_VCPU(set_msrs, vcpu_msrs) { return a->msr_count ? -EINVAL : 0; }

long arch_domctl(struct domain *d, struct xen_domctl *op) {
	switch (op->cmd) {
	case XEN_DOMCTL_hypercall_init: return hypercall_init(d, op);
	case XEN_DOMCTL_get_ext_vcpucontext: return get_ext_context(d, op);
	case XEN_DOMCTL_set_ext_vcpucontext: return set_ext_context(d, op);
	case XEN_DOMCTL_getvcpuextstate: return get_extstate(d, op);
	case XEN_DOMCTL_setvcpuextstate: return set_extstate(d, op);
	case XEN_DOMCTL_get_vcpu_msrs: return get_msrs(d, op);
	case XEN_DOMCTL_set_vcpu_msrs: return set_msrs(d, op);
	case XEN_DOMCTL_get_cpu_policy: return cpu_policy_get(d, &op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy: return cpu_policy_set(d, &op->u.cpu_policy);
	default: return -ENOSYS;
	}
}
