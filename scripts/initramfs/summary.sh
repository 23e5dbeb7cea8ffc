# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What 'make run' without a terminal shows: the system in one page, then the device checks.
# The last line says how many checks failed; the runner on the host waits for it.

summary_checks=0
summary_failed=0

summary_file() {
	[ -r "$1" ] && cat "$1"
}

# check NAME COMMAND...
summary_check() {
	summary_name=$1
	shift
	summary_checks=$((summary_checks + 1))
	if summary_said=$("$@" 2>&1); then
		printf '  ok    %-18s %s\n' "$summary_name" "$summary_said"
	else
		summary_failed=$((summary_failed + 1))
		printf '  FAIL  %-18s %s\n' "$summary_name" "$summary_said"
	fi
}

hyp=/sys/hypervisor
echo "==== summary"
echo "hypervisor  $(summary_file $hyp/type) $(summary_file $hyp/version/major).$(summary_file $hyp/version/minor)$(summary_file $hyp/version/extra), $(summary_file $hyp/compilation/compiler)"
echo "features    $(summary_file $hyp/properties/features), capabilities $(summary_file $hyp/properties/capabilities)"
echo "guest       $(summary_file $hyp/guest_type), uuid $(summary_file $hyp/uuid), hypervisor from 0x$(summary_file $hyp/properties/virtual_start)"
echo "kernel      $(uname -sr), $(nproc) CPU(s): $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
awk '/^MemTotal|^MemFree/ { printf "%s%s %d MiB", sep, $1, $2 / 1024; sep = ", " } END { print "" }' /proc/meminfo | sed 's/^/memory      /'
echo "clock       $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource), $(date -u '+%Y-%m-%d %H:%M:%S')"
echo "interrupts  (kind, lines, count)"
interrupts_by_kind | while read -r kind lines count; do
	printf '  %-24s %3d %8d\n' "$kind" "$lines" "$count"
done
if [ -n "$(option demo)" ]; then
	echo "services    $(ps -o args | sed -n 's/.*\(xenstored\|tl-consoled\|tl monitor\).*/\1/p' | sort -u | tr '\n' ' ')"
	echo "domains     (tl list)"
	tl list | sed 's/^/  /'
fi
echo "checks"
summary_check "AHCI disk" check_disk "$(disk_by_driver ahci)" 4
summary_check "NVMe disk" check_disk "$(disk_by_driver nvme)" 4
summary_check "virtio network" check_net virtio_net 10.0.2 1
summary_check "e1000e network" check_net e1000e 10.0.3 1
summary_check "USB keyboard" check_keyboard
summary_check "real-time clock" check_rtc
if [ -n "$(option demo)" ]; then
	summary_check "in the guest" demo_result disk
	summary_check "in the guest" demo_result network
	summary_check "in the guest" demo_result events
	summary_check "tl shutdown -ww" demo_end
fi
echo "==== summary: $summary_checks checks, $summary_failed failed"
