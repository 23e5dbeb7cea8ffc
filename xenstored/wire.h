/* SPDX-License-Identifier: MIT */
/* The public wire header, with what it needs to be included first. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

/* Operations newer than the installed header, as the protocol's text numbers them. */
#define XSD_GET_FEATURE 23
#define XSD_SET_FEATURE 24
#define XSD_GET_QUOTA   25
#define XSD_SET_QUOTA   26
/* Server feature: WATCH takes a depth. */
#define XSD_FEATURE_WATCH_DEPTH 4u

_Static_assert(sizeof(struct xsd_sockmsg) == 16, "xenstore.txt: message header");
_Static_assert(offsetof(struct xenstore_domain_interface, rsp) == 1024, "xenstore-ring.txt");
_Static_assert(offsetof(struct xenstore_domain_interface, req_cons) == 2048, "xenstore-ring.txt");
_Static_assert(offsetof(struct xenstore_domain_interface, rsp_prod) == 2060, "xenstore-ring.txt");
_Static_assert(offsetof(struct xenstore_domain_interface, server_features) == 2064, "xenstore-ring.txt");
_Static_assert(offsetof(struct xenstore_domain_interface, connection) == 2068, "xenstore-ring.txt");
_Static_assert(offsetof(struct xenstore_domain_interface, error) == 2072, "xenstore-ring.txt");
