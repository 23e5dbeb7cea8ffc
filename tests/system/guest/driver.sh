# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Inside a driver domain: the disk image, the bridge and tl devd that serve another guest.

plan 3
truncate -s 16M /tmp/disk.img
host_network
mkdir -p /var/log/xen
ok "tl devd starts" tl devd
ok "the disk backend is there" test -d /sys/bus/xen-backend/drivers/vbd
ok "the network backend is there" test -d /sys/bus/xen-backend/drivers/vif
