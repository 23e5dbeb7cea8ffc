# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run: inside a domain, the kernel's services, its disk and its network.

plan 5
os mark 1003
ok "services of the kernel" os rows
ok "the disk is there" wait_for 20 test -b /dev/xvda
os mark 1004
ok "the disk" os disk /dev/xvda
net=$(find_net vif)
ip addr add 10.9.0.15/24 dev "$net"
ip link set "$net" up
ok "an answer" wait_for 20 ping -c 1 -w 1 10.9.0.1
os mark 1005
ok "the network" os net 10.9.0.1
