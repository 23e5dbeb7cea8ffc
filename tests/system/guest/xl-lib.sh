# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the tests of Debian's xl: guests of /guest, their consoles, and what the host looks like without them.

# part NAME: a comment with the time.
part() {
	echo "# $(cut -d' ' -f1 /proc/uptime) s: $1"
}

log_of() {
	if [ -e "/var/log/xen/console/guest-$1.log" ]; then
		echo "/var/log/xen/console/guest-$1.log"
	else
		echo "/var/log/xen/guest-$1.log"
	fi
}

# guest NAME KERNEL ON_CRASH: write the configuration of a guest that ends up in a shell.
guest() {
	cat > "/etc/xen/$1.cfg" <<END
name = "$1"
type = "pv"
kernel = "/guest/$2/vmlinux"
ramdisk = "/guest/$2/initrd.gz"
extra = "console=hvc0"
memory = 160
maxmem = 192
vcpus = 1
maxvcpus = 2
disk = ["/tmp/$1.img,raw,xvda,w"]
vif = ["bridge=br0"]
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "$3"
END
	truncate -s 16M "/tmp/$1.img"
}

# booted NAME COUNT: the guest has come to its shell that many times.
booted() {
	[ "$(grep -c 'a shell on the console' "$(log_of "$1")")" -ge "$2" ]
}

# say NAME WORDS...: type them on the guest's console, on the terminal that xl console opens.
say() {
	say_to=$1
	shift
	echo "$*" > "$(xenstore-read "/local/domain/$(xl domid "$say_to")/console/tty")"
}

# says NAME PATTERN WORDS...: type the words; the guest's console comes to match the pattern, which the words do not.
says() {
	says_guest=$1 says_want=$2
	shift 2
	say "$says_guest" "$*"
	wait_for 20 grep -q "$says_want" "$(log_of "$says_guest")" ||
		{ tail -n 3 "$(log_of "$says_guest")"; return 1; }
}

# column NAME N: the N-th column of the guest's line in xl list.
column() {
	xl list | awk -v name="$1" -v n="$2" '$1 == name { print $n }'
}

gone() {
	! xl domid "$1" > /dev/null 2>&1
}

unchanged() {
	host_state > /tmp/after
	cmp -s /tmp/before /tmp/after
}

# nothing_left NAME: the host is as it was when host_state went to /tmp/before. The kernel's back ends
# take a moment.
nothing_left() {
	wait_for 10 unchanged
	is "$1" "$(diff /tmp/before /tmp/after)" ""
}

# What guests leave behind in dom0, were they not cleaned up.
host_state() {
	xenstore-ls -f / | grep -v '^/local/domain/0/memory\|^/tool/xenstored\|^/local/domain/0/libxl\|^/libxl = ' |
		grep -v -E '^/(vm|local/domain/0/(backend|device-model)(/(vbd|vif|console))?) = ""'
	ls /sys/class/net /sys/bus/xen-backend/devices
	losetup -a | wc -l
	xl list | wc -l
}
