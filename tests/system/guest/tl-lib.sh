# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the tests of tl: Debian's store daemon, our entries and console daemon, a bridge, and what the
# host looks like when no guest is left.

tl_start() {
	xenstored --pid-file /run/xenstored.pid
	wait_for 20 xenstore-ls / || echo "# xenstored does not answer"
	mkdir -p /var/log/xen /var/cache/tl /etc/xen
	chmod 700 /var/cache/tl
	tl-dom0-init || echo "# tl-dom0-init failed"
	tl-consoled || echo "# tl-consoled failed"
	brctl addbr br0
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
}

# Everything that a guest could leave behind. The directories that hold guests' nodes come with the first
# guest and stay.
host_state() {
	xenstore-ls -f / | grep -v '^/local/domain/0/memory\|^/tool/xenstored' |
		grep -v -E '^/(tool/tl(/name)?|vm|libxl|local/domain/0/backend(/(vbd|vif|console))?) = ""'
	ls /sys/class/net /sys/bus/xen-backend/devices
	cat /sys/block/loop*/loop/backing_file 2>/dev/null
	tl list --json | grep -c domid
}

free_memory() {
	tl info | sed -n 's/^free_memory *: //p'
}

# json_ok COMMAND...: the output is one JSON object with a schema (checked by its brackets and head).
json_ok() {
	"$@" --json > /tmp/json 2>/tmp/json.err || return 1
	head -n 2 /tmp/json | grep -q '"schema": "tl\.' && [ "$(tail -n 1 /tmp/json)" = "}" ]
}
