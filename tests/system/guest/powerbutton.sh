# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The ACPI power button: a system control interrupt that reaches dom0's button driver.

plan 2
handler=$(sed -n '/Power Button/,/^$/s/^H: Handlers=.*\(event[0-9]*\).*/\1/p' /proc/bus/input/devices | head -n 1)
ok "there is a power button" test -e "/dev/input/$handler"
(timeout 30 dd if="/dev/input/$handler" of=/tmp/button bs=24 count=1 2>/dev/null) &
sleep 1
echo "# press the power button"
wait $!
is "its press arrives" "$(wc -c < /tmp/button)" 24
