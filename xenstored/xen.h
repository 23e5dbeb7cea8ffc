/* SPDX-License-Identifier: MIT */
/*
 * What the daemon needs of the hypervisor: ring pages, event channels, and whether a domain lives.
 * xen_libs.c does it with the stable libraries; the tests bring their own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum xen_life { XEN_RUNNING, XEN_SHUTDOWN, XEN_GONE };

/* Open everything. Returns 0 or -errno; -ENODEV on a machine without Xen. */
int xen_open(void);
/* Becomes readable when an event channel of ours fires. */
int xen_fd(void);
/* The next port that fired, made ready to fire again; -1 when there is none. */
int xen_pending(void);
/* Map a domain's ring page; NULL with errno. */
struct xenstore_domain_interface *xen_map(unsigned domid, uint64_t gfn);
void xen_unmap(unsigned domid, struct xenstore_domain_interface *page);
/* Map domain 0's own ring and learn its port; NULL with errno. */
struct xenstore_domain_interface *xen_map_dom0(uint32_t *port);
/* Bind to a domain's port: our port, or -errno. */
int xen_bind(unsigned domid, uint32_t port);
void xen_unbind(int port);
void xen_notify(int port);
/* The port that fires when any domain shuts down or dies, or -errno. */
int xen_bind_exception(void);
enum xen_life xen_life(unsigned domid);
