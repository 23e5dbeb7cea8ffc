# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/tl: pairs of marks around what is measured, each named by a line before.

. /tests/tl-lib.sh
plan 1
xenstored --pid-file /run/xenstored.pid
wait_for 20 xenstore-ls /
mkdir -p /var/log/xen /etc/xen
tl-dom0-init
tl-consoled --log=none
host_network
printf 'name = "m"\nkernel = "/guest/tiny.elf"\nmemory = 8\n' > /etc/xen/m.cfg
guest_config big "" /tmp/disk.img | sed '/^disk\|^vif/d; s/^memory.*/memory = 96/' > /etc/xen/big.cfg

# measure NAME COMMAND...
measure() {
	echo "bench: $1"
	shift
	mark
	"$@" > /tmp/out 2>&1 || sed 's/^/# /' /tmp/out
	mark
	sleep 1
}

# domains N: until there are so many, small ones.
have=1
domains() {
	while [ $have -lt "$1" ]; do
		tl create -q -p -e /etc/xen/m.cfg "name=m$have" || return
		have=$((have + 1))
	done
}

measure nothing true
measure nothing true
tl create -q -p -e /etc/xen/m.cfg name=first
tl destroy first
measure "tl create -p, small guest" tl create -q -p -e /etc/xen/m.cfg name=small
measure "tl list" tl list
measure "tl domid" tl domid small
measure "tl destroy, small guest" tl destroy small
[ "$1" = quick ] || {
	xl create -q -p /etc/xen/m.cfg 'name="first"'
	xl destroy first
	measure "xl create -p, small guest" xl create -q -p /etc/xen/m.cfg 'name="small"'
	measure "xl list" xl list
	measure "xl destroy, small guest" xl destroy small
	measure "xl create -p, Debian's 6.1" xl create -q -p /etc/xen/big.cfg
	xl destroy big
}
if [ "$1" != quick ]; then
	mkdir -p /var/cache/tl
	chmod 700 /var/cache/tl
	measure "tl create -p, Debian's 6.1, first time" tl create -q -p -e --json /etc/xen/big.cfg
	sed 's/_us"/_first_us"/' /tmp/out
	tl destroy big
	measure "tl create -p, Debian's 6.1, prepared" tl create -q -p -e --json /etc/xen/big.cfg
	cat /tmp/out
	tl destroy big
	for count in 100 200; do
		domains $count
		measure "tl create -p, small guest, among $count domains" tl create -q -p -e /etc/xen/m.cfg name=small
		tl destroy small
	done
	measure "xl create -p, small guest, among 200 domains" xl create -q -p /etc/xen/m.cfg 'name="small"'
fi
ok "measured" true
