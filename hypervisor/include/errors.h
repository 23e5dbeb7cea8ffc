/* SPDX-License-Identifier: MIT */
/* Xen's error numbers (public errno.h) under their usual names, and ERESTART for preempted
 * hypercalls. */
#pragma once

#define XEN_ERRNO(name, value) name = value,
enum error_number {
#include <xen/errno.h>
	ERESTART = 85,
};
