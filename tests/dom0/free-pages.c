/* SPDX-License-Identifier: MIT */
/* Prints how many pages the hypervisor has free, which its own tools round to MiB. */
#include <stdio.h>
#include <string.h>
#include <xencall.h>
#include <xen/xen.h>
#include <xen/sysctl.h>

int main(void) {
	xencall_handle *x = xencall_open(NULL, 0);
	struct xen_sysctl *op = x ? xencall_alloc_buffer(x, sizeof(*op)) : NULL;

	if (!op) {
		perror("free-pages");
		return 1;
	}
	memset(op, 0, sizeof(*op));
	op->cmd = XEN_SYSCTL_physinfo;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (xencall1(x, __HYPERVISOR_sysctl, (unsigned long)op)) {
		perror("free-pages: physinfo");
		return 1;
	}
	printf("%lu\n", (unsigned long)(op->u.physinfo.free_pages + op->u.physinfo.scrub_pages));
	return 0;
}
