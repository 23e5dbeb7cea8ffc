/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=2 vcpus=4 args="count=4000" */
/* The hostile guest again, with four vCPUs on two processors that all do their worst at once. */
#include "hostile.c"
