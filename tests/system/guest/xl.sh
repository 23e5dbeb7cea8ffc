# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0's part of the toolstack test: xl boots the kernel in /guest as a domain with a disk and a
# network interface; the domain runs its own test, domu.sh, whose output comes through its console.

plan 9
mkdir -p /etc/xen
truncate -s 16M /tmp/disk.img
guest_config g1 tenon.test=domu /tmp/disk.img > /etc/xen/g1.cfg
host_network

ok "xl info" xl info
is "xl list shows dom0" "$(xl list | awk 'NR == 2 { print $1 }')" Domain-0
ok "xl create" xl create /etc/xen/g1.cfg
ok "xl list shows the domain" xl domid g1
log=/var/log/xen/console/guest-g1.log
[ -e "$log" ] || log=/var/log/xen/guest-g1.log
wait_for 150 grep -q "test domu done" "$log" && pass "the domain ran its test" ||
	fail "the domain ran its test" "$(tail -n 3 "$log" 2>&1)"
sed 's/^/# g1: /; s/\r//' "$log" | grep -E 'ok [0-9]|: #'
is "tests that failed in the domain" "$(grep -c '^not ok' "$log")" 0
is "tests that passed in the domain" "$(grep -c '^ok' "$log")" 3
wait_for 40 sh -c "! xl domid g1" && pass "the domain is gone after its power-off" ||
	fail "the domain is gone after its power-off" "$(xl list)"
is "dom0's view of its disk" "$(dd if=/tmp/disk.img bs=1M count=2 2>/dev/null | md5sum | cut -d' ' -f1)" \
	"$(sed -n 's/.*written and read back, md5 \([0-9a-f]*\).*/\1/p' "$log")"
