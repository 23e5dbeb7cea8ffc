/* SPDX-License-Identifier: MIT */
/* domctl: what depends on the processor. */
#include "../hypercall/domctl.h"
#include "cpu_policy.h"
#include "x86.h"

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) { cpuid(leaf, subleaf, out); }

/* Stubs of 32 bytes that make the hypercall of their number (arch-x86/xen-x86_64.h); iret keeps rax
 * on the stack. */
void hypercall_page_fill(uint8_t *page) {
	static const uint8_t stub[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

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

long arch_domctl(struct domain *d, struct xen_domctl *op) {
	switch (op->cmd) {
	case XEN_DOMCTL_hypercall_init: return hypercall_init(d, op);
	case XEN_DOMCTL_get_cpu_policy: return cpu_policy_get(d, &op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy: return cpu_policy_set(d, &op->u.cpu_policy);
	default: return -ENOSYS;
	}
}
