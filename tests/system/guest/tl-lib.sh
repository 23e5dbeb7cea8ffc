# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the tests of tl: Debian's store daemon, our entries and console daemon, a bridge, and what the
# host looks like when no guest is left.

consoles=/var/log/xen/console

tl_start() {
	xenstored --pid-file /run/xenstored.pid
	wait_for 20 xenstore-ls / || echo "# xenstored does not answer"
	mkdir -p /var/log/xen /var/cache/tl /etc/xen
	rm -rf /etc/xen/scripts # bridging is built in; the tests of scripts bring theirs
	chmod 700 /var/cache/tl
	tl-dom0-init || echo "# tl-dom0-init failed"
	tl-consoled || echo "# tl-consoled failed"
	host_network
}

# small NAME KERNEL-ARGUMENTS [LINE...]: the configuration of a guest that talks (tl_talker.c), in
# /etc/xen/NAME.cfg.
small() {
	small_name=$1
	printf 'name = "%s"\nkernel = "/guest/talker.elf"\nextra = "%s"\nmemory = 8\n' "$1" "$2" \
		> "/etc/xen/$1.cfg"
	shift 2
	for small_line in "$@"; do
		echo "$small_line" >> "/etc/xen/$small_name.cfg"
	done
}

# say GUEST WANTED WORDS...: type the words on the guest's console through tl console, and leave it when it
# shows WANTED, which the words do not hold, or after 20 seconds.
say() {
	say_guest=$1 say_wanted=$2
	shift 2
	: > /tmp/console.out
	(
		echo "$*"
		wait_for 20 grep -q "$say_wanted" /tmp/console.out
		printf '\035'
	) | timeout 40 tl console "$say_guest" > /tmp/console.out 2>&1
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

# nothing_left NAME: the host is as it was when host_state went to /tmp/before. The kernel's back ends
# take a moment.
nothing_left() {
	for try in 1 2 3 4 5 6 7 8; do
		host_state > /tmp/after
		cmp -s /tmp/before /tmp/after && break
		usleep 400000
	done
	is "$1" "$(diff /tmp/before /tmp/after | grep '^[+-]/' | head -n 5 | tr '\n' ';')" ""
}

# document WORDS...: run a command with --json and print what it answers for the host, which checks it
# against the documented schemas.
document() {
	tl "$@" --json > /tmp/json 2>/tmp/json.err && json_status=0 || json_status=$?
	echo "# json $json_status tl $*"
	while read -r json_line; do
		echo "# | $json_line"
	done < /tmp/json
}

monitor_log=/var/log/xen/tl-monitor.log
