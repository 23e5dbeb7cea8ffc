# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Guests that tl starts in other ways: by GRUB from the guest's own disk, and with a disk and a network
# that a driver domain serves.

. /tests/tl-lib.sh
plan 20
tl_start
host_state > /tmp/before

cat > /etc/xen/grub.cfg <<END
name = "grub"
firmware = "pvgrub64"
memory = 256
disk = ["/guest/grub.img,raw,xvda,w"]
vif = ["bridge=br0"]
END
log=$consoles/guest-grub.log
ok "a guest that GRUB boots" tl create /etc/xen/grub.cfg
wait_for 240 grep -q "test domu done" $log && pass "its own kernel runs" || fail "its own kernel runs" "$(tail -n 3 $log)"
is "and its own tests pass" "$(grep -c '^not ok' $log) $(grep -c '^ok' $log)" "0 3"
is "GRUB was there" "$(grep -c 'GRUB' $log | sed 's/^[1-9].*/yes/')" yes
wait_for 40 sh -c "! tl domid grub" && pass "it is gone after its power-off" || fail "it is gone" "$(tl list)"
nothing_left "nothing is left of it"
is "pygrub is explained, with the remedy" \
	"$(tl create -n 'name="p"' 'bootloader="pygrub"' 2>&1 | grep -c 'is not run.*firmware="pvgrub64"')" 1

guest_config drv "tenon.test=driver tenon.end=shell" /guest/grub.img |
	sed 's/^disk.*/driver_domain = 1/; s/^vif.*//; s/initrd.gz/driver.gz/; s/^memory.*/memory = 224/' > /etc/xen/drv.cfg
guest_config client "tenon.test=domu tenon.end=shell" "backend=drv,/tmp/disk.img" > /etc/xen/client.cfg
sed -i 's/bridge=br0/bridge=br0,backend=drv/' /etc/xen/client.cfg
brctl delbr nothing 2>/dev/null
log=$consoles/guest-client.log
ok "a driver domain" tl create -q /etc/xen/drv.cfg
wait_for 100 grep -q "test driver done" $consoles/guest-drv.log && pass "is ready" ||
	fail "is ready" "$(tail -n 3 $consoles/guest-drv.log)"
ok "a guest that it serves" tl create -q /etc/xen/client.cfg
drv=$(tl domid drv)
is "block-list names the driver domain" "$(tl block-list client | awk 'NR > 1 { print $2 }')" "$drv"
wait_for 150 grep -q "test domu done" $log && pass "the guest ran its test" || fail "the guest ran its test" "$(tail -n 3 $log)"
is "its disk and network work" "$(grep -c '^not ok' $log) $(grep -c '^ok' $log)" "0 3"

say drv 'ended 3' 'truncate -s 1M /tmp/more.img; killall tl; echo ended $((1 + 2))'
is "without tl devd an attach says so" "$(tl block-attach -t 3 client \
	format=raw,vdev=xvdb,backend=drv,target=/tmp/more.img 2>&1 | grep -c 'nobody there runs "tl devd"')" 1
say drv 'serves 3' 'tl devd; echo serves $((1 + 2))'
ok "with it again it works" tl block-attach client format=raw,vdev=xvdb,backend=drv,target=/tmp/more.img
is "what the driver domain refuses is told here" "$(tl block-attach client \
	format=raw,vdev=xvdc,backend=drv,target=/tmp/nosuch 2>&1 | grep -c 'did not plug it.*No such file')" 1
ok "detach" tl block-detach client xvdb
ok "shutdown on request" tl shutdown -ww -t 60 client
ok "the driver domain too" tl shutdown -ww -t 60 drv
nothing_left "nothing is left of them"
killall tl
