/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table: for each machine frame the number by which its owner knows it.
 * Guests read it in their own address space (arch maps it there); nothing in ring 0 trusts it.
 */
#include "frame.h"

void m2p_set(mfn_t m, uint64_t gpfn) { WRITE_ONCE(m2p_table[mfn_x(m)], gpfn); }

uint64_t m2p_get(mfn_t m) { return mfn_valid(m) ? READ_ONCE(m2p_table[mfn_x(m)]) : M2P_INVALID; }
