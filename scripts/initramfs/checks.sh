# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Checks of the machine as a guest sees it. Each prints one line that says what it found and
# succeeds or fails; tests and the summary share them.

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	wait_left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		wait_left=$((wait_left - 1))
		[ "$wait_left" -gt 0 ] || return 1
		usleep 200000
	done
}

# driver_of CLASS NAME: the driver behind /sys/class/CLASS/NAME. A virtio device has a bus between.
driver_of() {
	basename "$(readlink "/sys/class/$1/$2/device/driver")" 2>/dev/null
}

# find_net DRIVER: the interface that the driver serves.
find_net() {
	for net_dir in /sys/class/net/*; do
		[ "$(driver_of net "${net_dir##*/}")" = "$1" ] && echo "${net_dir##*/}" && return
	done
	return 1
}

# check_disk NAME MEGABYTES: write random data, drop the cache, read it back and compare.
# Prints the checksum, so that the host can look for the data in the image.
check_disk() {
	disk=/dev/$1
	wait_for 20 test -b "$disk" || {
		echo "$1: no such disk"
		return 1
	}
	dd if=/dev/urandom of=/tmp/disk.data bs=1M count="$2" 2>/dev/null
	dd if=/tmp/disk.data of="$disk" bs=1M conv=fsync 2>/dev/null || {
		echo "$1: write failed"
		return 1
	}
	echo 3 > /proc/sys/vm/drop_caches
	blockdev --flushbufs "$disk"
	dd if="$disk" of=/tmp/disk.back bs=1M count="$2" 2>/dev/null
	if cmp -s /tmp/disk.data /tmp/disk.back; then
		disk_wrote=$(md5sum < /tmp/disk.data)
		echo "$1: $2 MiB written and read back, md5 ${disk_wrote%% *}"
		rm /tmp/disk.data /tmp/disk.back
	else
		echo "$1: read back other data than was written, in 4 KiB blocks" \
			"$(cmp -l /tmp/disk.data /tmp/disk.back | awk '{ print int(($1 - 1) / 4096) }' | uniq -c | head -n 4 | tr -s '\n ' ' ')," \
			"then $(dd if="$disk" bs=1M count="$2" 2>/dev/null | cmp - /tmp/disk.data > /dev/null 2>&1 &&
				echo the right ones || echo wrong ones again)"
		rm /tmp/disk.data /tmp/disk.back
		return 1
	fi
}

# check_net DRIVER SUBNET MEGABYTES [HOST]: configure the interface and send data through the echo
# service at SUBNET.HOST (100) port 7; what comes back must be what was sent.
check_net() {
	net=$(find_net "$1") || {
		echo "$1: no interface"
		return 1
	}
	ip addr add "$2.15/24" dev "$net" 2>/dev/null
	ip link set "$net" up
	wait_for 20 grep -q 1 "/sys/class/net/$net/carrier" || {
		echo "$net ($1): no link"
		return 1
	}
	dd if=/dev/urandom of=/tmp/net.data bs=1M count="$3" 2>/dev/null
	timeout 60 nc "$2.${4:-100}" 7 < /tmp/net.data > /tmp/net.back
	net_sent=$(md5sum < /tmp/net.data)
	net_got=$(md5sum < /tmp/net.back)
	net_size=$(wc -c < /tmp/net.back)
	rm -f /tmp/net.data /tmp/net.back
	if [ "$net_sent" = "$net_got" ]; then
		echo "$net ($1): $3 MiB sent and received back"
	else
		echo "$net ($1): of $3 MiB sent, $net_size bytes came back (or other data)"
		return 1
	fi
}

# disk_by_driver ahci|nvme: the block device's name. NVMe disks hang under their subsystem, not
# under the PCI device, so they are known by name (nvme0c0n1 is a hidden path to nvme0n1).
disk_by_driver() {
	if [ "$1" = nvme ]; then
		wait_for 10 test -b /dev/nvme0n1 && echo nvme0n1
		return
	fi
	wait_for 10 grep -q sd /proc/partitions
	for disk_dir in /sys/block/sd*; do
		readlink -f "$disk_dir/device" | grep -q "$(pci_of "$1")" && echo "${disk_dir##*/}" && return
	done
	return 1
}

# pci_of DRIVER: PCI address of the first device that the driver has bound.
pci_of() {
	for pci_dir in "/sys/bus/pci/drivers/$1"/*:*; do
		[ -e "$pci_dir" ] && echo "${pci_dir##*/}" && return
	done
	echo no-device
}

check_keyboard() {
	wait_for 20 grep -q "USB Keyboard" /proc/bus/input/devices || {
		echo "no USB keyboard"
		return 1
	}
	sed -n 's/^N: Name="\(.*USB Keyboard.*\)"/\1/p' /proc/bus/input/devices | head -n 1
}

check_rtc() {
	hwclock -u -r -f /dev/rtc0
}

# interrupts_by_kind: 'KIND LINES COUNT' for each interrupt chip in /proc/interrupts.
interrupts_by_kind() {
	awk 'NR == 1 { cpus = NF; next }
	$1 ~ /^[0-9]+:$/ {
		kind = $(cpus + 2) (($(cpus + 3) ~ /^-/) ? $(cpus + 3) : "")
		lines[kind]++
		for (i = 2; i <= cpus + 1; i++)
			count[kind] += $i
	}
	END { for (k in lines) print k, lines[k], count[k] }' /proc/interrupts | sort
}

# interrupts_of NAME: how often the handlers of that name ran, on all CPUs.
interrupts_of() {
	awk -v name="$1" 'NR == 1 { cpus = NF; next }
	index($0, name) { for (i = 2; i <= cpus + 1; i++) sum += $i }
	END { print sum + 0 }' /proc/interrupts
}

# start_tools stock|own: a store daemon and a console daemon, dom0's own entries.
start_tools() {
	case "$1" in
	stock)
		xenstored --pid-file /run/xenstored.pid
		wait_for 20 xenstore-ls / || echo "start_tools: xenstored does not answer"
		xen-init-dom0 >/dev/null
		xenconsoled --pid-file=/run/xenconsoled.pid --log=all --log-dir=/var/log/xen
		;;
	own)
		/usr/lib/tenon/bin/xenstored --pid-file /run/xenstored.pid
		wait_for 20 test -S /var/run/xenstored/socket || echo "start_tools: xenstored does not answer"
		tl-dom0-init || echo "start_tools: tl-dom0-init failed"
		tl-consoled || echo "start_tools: tl-consoled failed"
		;;
	esac
}
