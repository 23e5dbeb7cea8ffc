# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A stock kernel as a guest of tl: creation and its own tests; with "full" also life, devices, console,
# channels, on_* actions. Nothing is left behind.

. /tests/tl-lib.sh
[ "$1" = full ] && plan 60 || plan 13
tl_start
truncate -s 16M /tmp/disk.img
truncate -s 4M /tmp/second.img
guest_config g1 tenon.test=domu /tmp/disk.img > /etc/xen/g1.cfg
echo 'on_crash = "preserve"' >> /etc/xen/g1.cfg
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
nothing_left "nothing is left of it"
is "domain 0's view of its disk" "$(dd if=/tmp/disk.img bs=1M count=2 2>/dev/null | md5sum | cut -d' ' -f1)" \
	"$(sed -n 's/.*written and read back, md5 \([0-9a-f]*\).*/\1/p' $log)"

[ "$1" = full ] || {
	killall tl
	exit 0
}

# From here on the guest runs a shell, and has two channels.
: > $log
kill -HUP "$(pidof tl-consoled)"
sed -i 's/ tenon.test=domu//; s/^vcpus.*/vcpus = 2/' /etc/xen/g1.cfg
echo 'channel = ["name=one,connection=pty", "name=two,connection=socket,path=/tmp/two.sock"]' >> /etc/xen/g1.cfg
rm -f /var/cache/tl/*
ok "the kernel's installation hook unpacks it" sh /etc/kernel/postinst.d/zz-tl 6.1 /guest/kernel
is "so that its first guest need not" "$(find /var/cache/tl -type f | wc -l)" 1
prepared=$(ls -i /var/cache/tl)
ok "create again" tl create /etc/xen/g1.cfg
is "which used what was prepared" "$(ls -i /var/cache/tl)" "$prepared"
wait_for 100 grep -q "a shell on the console" $log && pass "the guest has a shell" ||
	fail "the guest has a shell" "$(tail -n 3 $log)"

say g1 'sum 42' 'echo sum $((40 + 2))'
is "tl console talks to the guest" "$(grep -c 'sum 42' /tmp/console.out)" 1
ok "disk, network and channels are connected" sh -c 'tl explain g1 | grep -c "ok.*connected" | grep -q 4'
is "channel-list" "$(tl channel-list g1 | awk 'NR > 1 { print $4, $5 }' | tr '\n' ' ')" "one pty two socket "
for num in 1 2; do
	: > /tmp/channel.out
	(
		wait_for 20 grep -q "^from-guest-$num" /tmp/channel.out
		printf 'from-host-%s\n' $num
		wait_for 20 grep -q "channel from-host-$num" $log
		printf '\035'
	) | timeout 60 tl console -n $num g1 > /tmp/channel.out 2>&1 &
	say g1 "channel from-host-$num" \
		"exec 3<> /dev/hvc$num; echo from-guest-$num >&3; read -r -t 30 word <&3; echo channel \$word"
	wait $!
	is "channel $num: from the guest" "$(grep -c "^from-guest-$num" /tmp/channel.out)" 1
	wait_for 10 grep -q "channel from-host-$num" $log && pass "channel $num: to the guest" ||
		fail "channel $num: to the guest" "$(tail -n 3 $log)"
done
kill -9 "$(pidof tl-consoled)"
tl sysrq g1 h
sleep 1
ok "a killed console daemon starts again" tl-consoled
wait_for 10 grep -q "HELP" $log && pass "output from while it was dead is not lost" ||
	fail "output from while it was dead is not lost" "$(tail -n 3 $log)"
say g1 'more 3' 'echo more $((1 + 2))'
is "and the console works on" "$(grep -c 'more 3' /tmp/console.out)" 1

ok "pause" tl pause g1
is "list says so" "$(tl list | awk '$1 == "g1" { print substr($5, 3, 1) }')" p
# A reader leaves while the guest takes nothing of what was typed: until it does there is nothing to do.
ticks() { awk '{ print $14 + $15 }' "/proc/$(pidof tl-consoled)/stat"; }
(
	head -c 3000 /dev/zero | tr '\0' x
	sleep 1
	printf '\035'
) | timeout 20 tl console -n 2 g1 > /dev/null 2>&1
spent=$(ticks)
sleep 2
spent=$(($(ticks) - spent))
ok "a channel whose reader left costs nothing" test $spent -lt 50
ok "unpause" tl unpause g1
ok "block-attach" tl block-attach g1 /tmp/second.img,raw,xvdb,w
is "block-list" "$(tl block-list g1 | awk '$1 == 51728 { print $4 }')" 4
ok "an attached name is refused" sh -c '! tl block-attach g1 /tmp/second.img,raw,xvdb,w'
# Today's blkfront lets go also of a disk in use; a guest that stands still does not.
tl pause g1
is "a disk that the guest holds is not taken away" "$(tl block-detach -t 2 g1 xvdb 2>&1 | grep -c 'the guest has not let go')" 1
ok "explain says so" sh -c 'tl explain g1 xvdb | grep -q "waiting.*still uses it"'
tl unpause g1
wait_for 10 sh -c "tl explain g1 xvdb | grep -q closed" && pass "it closes once the guest runs" ||
	fail "it closes once the guest runs" "$(tl explain g1 xvdb)"
ok "block-detach" tl block-detach g1 xvdb
ok "attach again after detach" tl block-attach g1 /tmp/second.img,raw,xvdb,r
ok "detach again" tl block-detach g1 51728
mkdir -p /etc/xen/scripts
cp /host/scripts/block /etc/xen/scripts/block
ok "attach by the hot-plug script" tl block-attach g1 format=raw,vdev=xvdb,script=block,target=/tmp/second.img
is "the guest has it" "$(tl block-list g1 | awk '$1 == 51728 { print $4 }')" 4
ok "detach by the script" tl block-detach g1 xvdb
is "its loop device is free again" "$(losetup -a | grep -c second.img)" 0
cp /host/scripts/vif-bridge /etc/xen/scripts/vif-bridge
ok "a network by the script" tl network-attach g1 bridge=br0,script=vif-bridge
is "is in the bridge" "$(ls /sys/class/net/br0/brif | wc -l)" 2
ok "its detachment" tl network-detach g1 1
rm -r /etc/xen/scripts
ok "network-attach" tl network-attach g1 bridge=br0
ok "network-detach" tl network-detach g1 1
ok "mem-set down" tl mem-set g1 140m
wait_for 20 sh -c "tl list | grep -q 'g1 .* 140 '" && pass "the guest gives memory back" ||
	fail "the guest gives memory back" "$(tl list)"
ok "vcpu-set" tl vcpu-set g1 1
wait_for 20 sh -c "tl vcpu-list g1 | grep -q ' --p '" && pass "the guest takes a vCPU off" ||
	fail "the guest takes a vCPU off" "$(tl vcpu-list g1)"
say g1 '' reboot -f
wait_for 60 sh -c '[ "$(tl domid g1)" = 3 ]' && pass "on_reboot starts it again" ||
	fail "on_reboot starts it again" "$(tl list; cat /var/log/xen/tl-monitor.log)"
wait_for 100 sh -c "grep -c 'a shell on the console' $log | grep -q 2" && pass "and it boots" ||
	fail "and it boots" "$(tail -n 3 $log)"
say g1 '' 'echo c > /proc/sysrq-trigger'
wait_for 30 sh -c "tl list -v g1 | grep -q crash" && pass "on_crash preserves it" ||
	fail "on_crash preserves it" "$(tl list -v)"
ok "explain knows that it crashed" sh -c 'tl explain g1 | grep -q "broken.*crashed"'
ok "destroy" tl destroy g1
nothing_left "nothing is left behind"
killall tl
