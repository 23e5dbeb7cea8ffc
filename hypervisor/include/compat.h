/* SPDX-License-Identifier: MIT */
/*
 * The places in shared_info and vcpu_info that differ for a 32-bit guest: its xen_ulong_t has 32
 * bits, so the port bitmaps hold 1,024 bits and what follows them comes earlier (public/xen.h,
 * arch-x86/xen.h). vcpu_info has 64 bytes and its time record at offset 32 for both.
 */
#ifndef TENON_COMPAT_H
#define TENON_COMPAT_H

#define COMPAT_EVTCHN_PORTS   1024
#define COMPAT_VCPU_INFO_SEL  4 /* evtchn_pending_sel */
#define COMPAT_SHARED_PENDING 2048
#define COMPAT_SHARED_MASK    2176

#endif
