/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks are aligned to their size, and their lowest word holds the number of the vCPU that
 * runs on them: that is how code finds out where it runs, whatever the segment bases are.
 */
#pragma once

#define KIT_STACK_SIZE 16384

/* Size of a struct trap_frame in words of 8 bytes. */
#define KIT_FRAME_WORDS 21
