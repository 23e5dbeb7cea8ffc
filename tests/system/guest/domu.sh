# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Inside a domain: the disk and the network interface that dom0's back ends serve.

plan 3
disk_said=$(check_disk xvda 2) && pass "disk: $disk_said" || fail "disk" "$disk_said"
net_said=$(check_net vif 10.9.0 1 1) && pass "network: $net_said" || fail "network" "$net_said"
atleast "events from the back ends" "$(interrupts_of xen-dyn)" 10
