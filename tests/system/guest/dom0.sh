# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0 as the hypervisor made it. Arguments: the least and the most MemTotal in MiB, and the CPUs.
# MemTotal is dom0's memory without what the kernel keeps for itself.

plan 8
is "guest type" "$(cat /sys/hypervisor/guest_type)" PV
is "hypervisor" "$(cat /sys/hypervisor/type)" xen
total=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
atleast "at least $1 MiB of memory" "$total" "$1"
atleast "at most $2 MiB of memory (has $total)" "$2" "$total"
is "online CPUs" "$(nproc)" "$3"
ok "privileged: the control interface is there" grep -q control_d /proc/xen/capabilities
atleast "timer interrupts" "$(interrupts_of timer)" 50
head -c 100000000 /dev/zero > /tmp/fill
is "memory can be used" "$(tr -d '\0' < /tmp/fill | wc -c)" 0
rm /tmp/fill
