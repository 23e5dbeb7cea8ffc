/* SPDX-License-Identifier: MIT */
/* A 64-bit guest's hypercall page (<xen/arch-x86/xen-x86_64.h>). */
#include "x86.h"

/* Stubs of 32 bytes that make the hypercall of their number; iret keeps rax on the stack. */
void arch_hypercall_page_fill(uint8_t *page) {
	static const uint8_t stub[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

	memset(page, 0xcc, PAGE_SIZE);
	for (unsigned i = 0; i < PAGE_SIZE / 32; i++) {
		memcpy(page + i * 32, stub, sizeof(stub));
		page[i * 32 + 4] = (uint8_t)i;
	}
	memcpy(page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}
