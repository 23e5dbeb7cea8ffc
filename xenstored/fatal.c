/* SPDX-License-Identifier: MIT */
#include "tx.h"

#include <stdlib.h>

#include "log.h"

void machine_out_of_memory(void) {
	log_err("out of memory in the middle of a change; restarting from the journal");
	abort();
}
