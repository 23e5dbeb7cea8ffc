/* SPDX-License-Identifier: MIT */
/*
 * The holder: the parent process, whose only duty is to survive.
 *
 * It listens, accepts, and keeps every client's socket open; it parses nothing. Its child, the
 * worker (worker.h), does the work and may die at any instant: the holder starts another one,
 * which inherits the sockets and goes on in the middle of what was under way. Should the holder
 * itself be killed, the worker sees the end of file on their socket pair and executes itself as
 * the next holder, with the sockets; that is also how a new program takes over (live update).
 * Below systemd all descriptors are kept by it as well (systemd.h), and both processes are started
 * anew with them. Without systemd clients of the socket lose their connection when both are killed
 * at once; domains do not even then. In any case one is lost that is being accepted in the very
 * instant of the holder's death: nobody else has it yet, and it has not been answered.
 */
#pragma once

#include "options.h"

/* Hold and serve until told to stop; returns the exit status of the program. */
int holder_main(const struct options *o);
