# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A stock kernel as a guest of tl: life, devices, console, on_* actions, and nothing left behind.

. /tests/tl-lib.sh
plan 41
tl_start
truncate -s 16M /tmp/disk.img
truncate -s 4M /tmp/second.img
nc -ll -p 7 -e cat &
cat > /etc/xen/g1.cfg <<END
name = "g1"
type = "pv"
kernel = "/guest/kernel"
ramdisk = "/guest/initrd.gz"
extra = "console=hvc0 tenon.test=domu"
memory = 160
vcpus = 1
disk = ["/tmp/disk.img,raw,xvda,w"]
vif = ["mac=00:16:3e:00:00:01,bridge=br0"]
on_poweroff = "destroy"
on_crash = "preserve"
END
log=/var/log/xen/console/guest-g1.log
host_state > /tmp/before

ok "doctor finds what is needed" tl doctor
ok "create -n accepts the configuration" tl create -n /etc/xen/g1.cfg
host_state > /tmp/after
is "create -n touches nothing" "$(cmp /tmp/before /tmp/after)" ""
ok "create" tl create /etc/xen/g1.cfg
is "list shows the guest" "$(tl list | awk '$1 == "g1" { print $2, $3 }')" "1 160"
is "domid" "$(tl domid g1)" 1
ok "a second guest of that name is refused" sh -c '! tl create -q /etc/xen/g1.cfg'
wait_for 150 grep -q "test domu done" $log && pass "the guest ran its test" ||
	fail "the guest ran its test" "$(tail -n 3 $log 2>&1)"
sed 's/^/# g1: /; s/\r//' $log | grep -E 'ok [0-9]|: #'
is "tests that failed in the guest" "$(grep -c '^not ok' $log)" 0
is "tests that passed in the guest" "$(grep -c '^ok' $log)" 3
wait_for 40 sh -c "! tl domid g1" && pass "the guest is gone after its power-off" ||
	fail "the guest is gone after its power-off" "$(tl list)"
sleep 1
host_state > /tmp/after
is "nothing is left of it" "$(diff /tmp/before /tmp/after)" ""
is "domain 0's view of its disk" "$(dd if=/tmp/disk.img bs=1M count=2 2>/dev/null | md5sum | cut -d' ' -f1)" \
	"$(sed -n 's/.*written and read back, md5 \([0-9a-f]*\).*/\1/p' $log)"

# From here on the guest runs a shell.
: > $log
kill -HUP "$(pidof tl-consoled)"
sed -i 's/ tenon.test=domu//; s/^vcpus.*/vcpus = 2/' /etc/xen/g1.cfg
ok "create again" tl create /etc/xen/g1.cfg
wait_for 100 grep -q "a shell on the console" $log && pass "the guest has a shell" ||
	fail "the guest has a shell" "$(tail -n 3 $log)"

# say WORDS...: type them on the guest's console through tl console.
say() {
	(echo "$*"; sleep 2; printf '\035') | timeout 20 tl console g1 > /tmp/console.out 2>&1
}

say 'echo sum $((40 + 2))'
is "tl console talks to the guest" "$(grep -c 'sum 42' /tmp/console.out)" 1
ok "the disk and the network are connected" sh -c 'tl explain g1 | grep -c "ok.*connected" | grep -q 2'
kill -9 "$(pidof tl-consoled)"
tl sysrq g1 h
sleep 1
ok "a killed console daemon starts again" tl-consoled
wait_for 10 grep -q "HELP" $log && pass "output from while it was dead is not lost" ||
	fail "output from while it was dead is not lost" "$(tail -n 3 $log)"
say 'echo more $((1 + 2))'
is "and the console works on" "$(grep -c 'more 3' /tmp/console.out)" 1

ok "pause" tl pause g1
is "list says so" "$(tl list | awk '$1 == "g1" { print substr($5, 3, 1) }')" p
ok "unpause" tl unpause g1
ok "block-attach" tl block-attach g1 /tmp/second.img,raw,xvdb,w
is "block-list" "$(tl block-list g1 | awk '$1 == 51728 { print $4 }')" 4
ok "an attached name is refused" sh -c '! tl block-attach g1 /tmp/second.img,raw,xvdb,w'
ok "block-detach" tl block-detach g1 xvdb
ok "attach again after detach" tl block-attach g1 /tmp/second.img,raw,xvdb,r
ok "detach again" tl block-detach g1 51728
ok "network-attach" tl network-attach g1 bridge=br0
ok "network-detach" tl network-detach g1 1
ok "mem-set down" tl mem-set g1 140m
wait_for 20 sh -c "tl list | grep -q 'g1 .* 140 '" && pass "the guest gives memory back" ||
	fail "the guest gives memory back" "$(tl list)"
ok "vcpu-set" tl vcpu-set g1 1
wait_for 20 sh -c "tl vcpu-list g1 | grep -q ' --p '" && pass "the guest takes a vCPU off" ||
	fail "the guest takes a vCPU off" "$(tl vcpu-list g1)"
say reboot -f
wait_for 60 sh -c '[ "$(tl domid g1)" = 3 ]' && pass "on_reboot starts it again" ||
	fail "on_reboot starts it again" "$(tl list; cat /var/log/xen/tl-monitor.log)"
wait_for 100 sh -c "grep -c 'a shell on the console' $log | grep -q 2" && pass "and it boots" ||
	fail "and it boots" "$(tail -n 3 $log)"
say 'echo c > /proc/sysrq-trigger'
wait_for 30 sh -c "tl list -v g1 | grep -q crash" && pass "on_crash preserves it" ||
	fail "on_crash preserves it" "$(tl list -v)"
ok "explain knows that it crashed" sh -c 'tl explain g1 | grep -q "broken.*crashed"'
ok "destroy" tl destroy g1
sleep 1
host_state > /tmp/after
is "nothing is left behind" "$(diff /tmp/before /tmp/after)" ""
killall tl 2>/dev/null
