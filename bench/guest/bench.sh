# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run, in dom0: memory, the kernel's services, a Linux domain with disk and network, two
# small domains that measure each other, and many that idle beside a busy one.

. /tests/bench-lib.sh
plan 8
free_memory=$(xl info | sed -n 's/^free_memory *: //p')
dom0_memory=$(xl list | awk '$1 == "Domain-0" { print $3 }')
echo "bench: free $free_memory dom0 $dom0_memory"
ok "the control interface tells memory" test "${free_memory:-0}" -gt 0
os mark 1001
ok "services of the kernel" os rows

truncate -s 16M /tmp/disk.img
cat > /tmp/g1.cfg <<END
name = "g1"
type = "pv"
kernel = "/guest/vmlinux"
ramdisk = "/guest/initrd.gz"
extra = "console=hvc0 nokaslr tenon.test=domu"
memory = 160
vcpus = 1
disk = ["/tmp/disk.img,raw,xvda,w"]
vif = ["mac=00:16:3e:00:00:01,bridge=br0"]
on_crash = "preserve"
END
brctl addbr br0
ip addr add 10.9.0.1/24 dev br0
ip link set br0 up
os server &
os mark 1002
ok "xl create" xl create -q /tmp/g1.cfg
log=/var/log/xen/console/guest-g1.log
[ -e "$log" ] || log=/var/log/xen/guest-g1.log
ok "the domain measured itself" wait_for 240 grep -q "test domu done" "$log"
sed 's/^/# g1: /; s/\r//' "$log" | grep -E 'ok [0-9]|: #'
is "what failed in the domain" "$(grep -c '^not ok' "$log")" 0
wait_for 40 sh -c "! xl domid g1"
rm /tmp/disk.img

os mark 1006
pair 0 0

# How much a domain costs beside its own 4 MiB, and what those that idle take from one that works.
os mark 1007
os busy
first=$(os pages)
many=0
for upto in 1:1008 10:1009 "$1:1010"; do
	while [ "$many" -lt "${upto%:*}" ]; do
		many=$((many + 1))
		[ "$many" = 5 ] && os mark 1011
		small "idle$many" idle 4
		[ "$many" = 5 ] && os mark 1012
	done
	os mark "${upto#*:}"
	os busy
done
last=$(os pages)
echo "bench: domain $(((first - last) / many - 1024)) pages"
is "domains that idled" "$(xl list | grep -c idle)" "$many"
