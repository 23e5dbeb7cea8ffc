# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run: memory in MiB that the hypervisor could still give, and what dom0 has.

plan 1
free_memory=$(xl info | sed -n 's/^free_memory *: //p')
dom0_memory=$(xl list | awk '$1 == "Domain-0" { print $3 }')
echo "bench: free $free_memory dom0 $dom0_memory"
ok "the control interface tells memory" test "${free_memory:-0}" -gt 0
