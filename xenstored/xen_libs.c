/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor by way of Debian's stable libraries. A guest's ring page is the one that its
 * grant table reserves for the store (entry GNTTAB_RESERVED_XENSTORE): mapping that needs no
 * privilege over the guest. Only where a toolstack did not fill the entry is the frame mapped.
 */
#define __XEN_TOOLS__ 1

#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "log.h"

/* Linux, xenbus_dev.h */
#define XENBUS_BACKEND_EVTCHN _IOC(_IOC_NONE, 'B', 0, 0)

/* The interface version of domctl changes with the release; what we use of it has not. */
#define DOMCTL_OLDEST 0x14u
#define DOMCTL_NEWEST 0x20u

static struct {
	xenevtchn_handle *evtchn;
	xengnttab_handle *gnttab;
	xenforeignmemory_handle *foreign;
	xencall_handle *call;
	struct xen_domctl *domctl;
	uint32_t domctl_version;
	/* Pages that came by frame and not by grant. */
	void *by_frame[64];
	/* Domain 0's ring: mapped at the start, for it takes a capability. NULL: it has none for us. */
	struct xenstore_domain_interface *dom0;
	uint32_t dom0_port;
} xen;

static void *map_file(const char *name, uint32_t *port, bool ask) {
	int fd = open(name, O_RDWR | O_CLOEXEC), got;
	void *p;

	if (fd < 0) return NULL;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	got = ask ? ioctl(fd, XENBUS_BACKEND_EVTCHN, 0) : 0;
	close(fd);
	if (p == MAP_FAILED) return NULL;
	if (ask && got <= 0) {
		munmap(p, 4096);
		return NULL;
	}
	if (ask) *port = got;
	return p;
}

static bool read_port(uint32_t *port) {
	FILE *f = fopen("/proc/xen/xsd_port", "re");
	bool ok = f && fscanf(f, "%u", port) == 1;

	if (f) fclose(f);
	return ok;
}

static void open_dom0(void) {
	xen.dom0 = map_file("/dev/xen/xenbus_backend", &xen.dom0_port, true);
	if (!xen.dom0 && read_port(&xen.dom0_port)) xen.dom0 = map_file("/proc/xen/xsd_kva", &xen.dom0_port, false);
}

int xen_open(void) {
	if (access("/dev/xen/evtchn", F_OK) && access("/proc/xen/privcmd", F_OK)) return -ENODEV;
	xen.evtchn = xenevtchn_open(NULL, 0);
	xen.gnttab = xengnttab_open(NULL, 0);
	xen.foreign = xenforeignmemory_open(NULL, 0);
	xen.call = xencall_open(NULL, 0);
	if (!xen.evtchn || !xen.call) return -errno;
	/* xen_pending() takes ports until there are none, and must not wait for more. */
	if (fcntl(xenevtchn_fd(xen.evtchn), F_SETFL, O_NONBLOCK)) return -errno;
	open_dom0();
	xen.domctl = xencall_alloc_buffer(xen.call, sizeof(*xen.domctl));
	xen.domctl_version = XEN_DOMCTL_INTERFACE_VERSION;
	return xen.domctl ? 0 : -ENOMEM;
}

int xen_fd(void) { return xenevtchn_fd(xen.evtchn); }

int xen_pending(void) {
	int port = xenevtchn_pending(xen.evtchn);

	if (port >= 0) xenevtchn_unmask(xen.evtchn, port);
	return port;
}

static void *map_frame(unsigned domid, uint64_t gfn) {
	xen_pfn_t pfn = gfn;
	void *p;

	if (!xen.foreign) return NULL;
	p = xenforeignmemory_map(xen.foreign, domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);
	for (size_t i = 0; p && i < sizeof(xen.by_frame) / sizeof(*xen.by_frame); i++) {
		if (!xen.by_frame[i]) {
			xen.by_frame[i] = p;
			return p;
		}
	}
	if (p) xenforeignmemory_unmap(xen.foreign, p, 1);
	return NULL;
}

struct xenstore_domain_interface *xen_map(unsigned domid, uint64_t gfn) {
	void *p = NULL;

	if (xen.gnttab)
		p = xengnttab_map_grant_ref(xen.gnttab, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);
	return p ? p : map_frame(domid, gfn);
}

struct xenstore_domain_interface *xen_map_dom0(uint32_t *port) {
	*port = xen.dom0_port;
	if (!xen.dom0) errno = ENODEV;
	return xen.dom0;
}

void xen_unmap(unsigned domid, struct xenstore_domain_interface *page) {
	if (domid == 0) return; /* it stays for the next time */
	for (size_t i = 0; i < sizeof(xen.by_frame) / sizeof(*xen.by_frame); i++) {
		if (xen.by_frame[i] == page) {
			xen.by_frame[i] = NULL;
			xenforeignmemory_unmap(xen.foreign, page, 1);
			return;
		}
	}
	xengnttab_unmap(xen.gnttab, page, 1);
}

int xen_bind(unsigned domid, uint32_t port) {
	int p = xenevtchn_bind_interdomain(xen.evtchn, domid, port);

	return p < 0 ? -errno : p;
}

void xen_unbind(int port) { xenevtchn_unbind(xen.evtchn, port); }

void xen_notify(int port) { xenevtchn_notify(xen.evtchn, port); }

int xen_bind_exception(void) {
	int p = xenevtchn_bind_virq(xen.evtchn, VIRQ_DOM_EXC);

	return p < 0 ? -errno : p;
}

/* Ask with the version that works; find it on first use. 0 or -1 with errno. */
static int domain_info(unsigned domid) {
	uint32_t v = xen.domctl_version;

	for (uint32_t tries = 0; tries <= DOMCTL_NEWEST - DOMCTL_OLDEST + 1; tries++) {
		memset(xen.domctl, 0, sizeof(*xen.domctl));
		xen.domctl->cmd = XEN_DOMCTL_getdomaininfo;
		xen.domctl->interface_version = v;
		xen.domctl->domain = domid;
		if (xencall1(xen.call, __HYPERVISOR_domctl, (uintptr_t)xen.domctl) == 0) {
			xen.domctl_version = v;
			return 0;
		}
		if (errno != EACCES) return -1;
		v = DOMCTL_OLDEST + tries;
	}
	return -1;
}

enum xen_life xen_life(unsigned domid) {
	const struct xen_domctl_getdomaininfo *info = &xen.domctl->u.getdomaininfo;

	if (domain_info(domid)) {
		/* Only a clear "no such domain" counts: losing a living one would be worse. */
		if (errno == ESRCH) return XEN_GONE;
		log_warn("domain %u: no information: %s", domid, strerror(errno));
		return XEN_RUNNING;
	}
	if (info->domain != domid || info->flags & XEN_DOMINF_dying) return XEN_GONE;
	return info->flags & XEN_DOMINF_shutdown ? XEN_SHUTDOWN : XEN_RUNNING;
}
