# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The machine's devices through dom0's own drivers and our interrupts.

plan 15
for driver in ahci nvme; do
	said=$(check_disk "$(disk_by_driver $driver)" 8) && pass "$driver disk: $said" ||
		fail "$driver disk" "$said"
done
atleast "AHCI interrupts by MSI" "$(interrupts_of ahci)" 5
ok "AHCI has an MSI pirq" grep -q 'xen-pirq.*-msi.*ahci' /proc/interrupts
ok "NVMe has MSI-X pirqs" grep -q 'xen-pirq.*-msi.*nvme0q1' /proc/interrupts
atleast "NVMe interrupts" "$(interrupts_of nvme)" 5
said=$(check_net virtio_net 10.0.2 4) && pass "network: $said" || fail "virtio network" "$said"
said=$(check_net e1000e 10.0.3 4) && pass "network: $said" || fail "e1000e network" "$said"
atleast "virtio interrupts" "$(interrupts_of virtio0-)" 20
atleast "e1000e interrupts" "$(interrupts_of "$(find_net e1000e)")" 20
said=$(check_keyboard) && pass "keyboard: $said" || fail "keyboard" "$said"

# The host presses a key when it reads the next line.
handler=$(sed -n '/USB Keyboard/,/^$/s/^H: Handlers=.*\(event[0-9]*\).*/\1/p' /proc/bus/input/devices | head -n 1)
(timeout 20 dd if="/dev/input/$handler" of=/tmp/key bs=24 count=1 2>/dev/null) &
sleep 1
echo "# press a key"
wait $!
is "a key press arrives" "$(wc -c < /tmp/key)" 24
said=$(hwclock -u -r -f /dev/rtc0) && case "$said" in
*2031*) pass "real-time clock reads the host's date: $said" ;;
*) fail "real-time clock reads the host's date" "$said" ;;
esac
is "wall clock's year" "$(date -u +%Y)" 2031
is "lines that no handler wanted" "$(dmesg | grep -c 'nobody cared\|spurious')" 0
