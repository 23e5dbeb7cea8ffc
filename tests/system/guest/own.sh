# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The whole of Tenon: our store daemon, console daemon and tl in dom0, and a guest that tl creates,
# while the store daemon is killed.

plan 10
ok "the store answers" tl list
# without it tl dies where libxenstore cancels its reading thread, which it does only sometimes
ok "a thread can be cancelled" test -e /lib/libgcc_s.so.1
is "domain 0 has its name" "$(tl domname 0)" "Domain-0"
truncate -s 16M /tmp/disk.img
host_network
guest_config g1 tenon.test=domu /tmp/disk.img > /etc/xen/g1.cfg
log=/var/log/xen/console/guest-g1.log
ok "tl create" tl create /etc/xen/g1.cfg
is "tl list shows the guest" "$(tl list | awk '$1 == "g1" { print $3 }')" 160
worker=$(pidof xenstored | tr ' ' '\n' | sort -n | tail -n 1)
ok "the store's worker is killed" kill -9 "$worker"
ok "the store goes on" wait_for 10 tl domid g1
wait_for 150 grep -q "test domu done" $log && pass "the guest ran its test" ||
	fail "the guest ran its test" "$(tail -n 3 $log 2>&1)"
is "its disk and network work" "$(grep -c '^not ok' $log) $(grep -c '^ok' $log)" "0 3"
wait_for 40 sh -c "! tl domid g1 2>/dev/null" && pass "the guest is gone after its power-off" ||
	fail "the guest is gone after its power-off" "$(tl list)"
