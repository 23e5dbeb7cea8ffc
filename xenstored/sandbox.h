/* SPDX-License-Identifier: MIT */
/*
 * What the serving process may still do once everything is open. It reads what guests write, so it
 * keeps only what it needs: no capability, no new privilege by execve(), and of the system calls
 * those of a list (seccomp); another gives ENOSYS, for a store that refuses is better than one
 * that is dead. The list names calls only, not their arguments, which the kernel decides by one bit
 * per call.
 *
 * It is no jail for whoever has taken the process over: one that may use /proc/xen/privcmd, as the
 * question "does this domain still exist?" needs, can ask the hypervisor for anything.
 */
#pragma once

#include <stdbool.h>

#include "options.h"

/*
 * Become the user asked for (the database directory is made and given to it), drop the
 * capabilities and enter the filter. `successor`: this process may have to execute itself as the
 * next holder, and keeps the system calls for that. Returns 0, or -errno after logging why.
 */
int sandbox_enter(const struct options *o, bool successor);
