/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=1 vcpus=3 qemu="-cpu max,-fsgsbase,-xsave,-smap,-smep" */
/* The same on a processor that lacks what newer ones have for it: other instructions save and load. */
#include "switch.c"
