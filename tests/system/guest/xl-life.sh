# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Every command of Debian's xl over the life of stock kernels: a is 6.1, b 6.1-cloud, c 6.12.

. /tests/xl-lib.sh
plan 73
mkdir -p /etc/xen
brctl addbr br0
ip link set br0 up
guest a 6.1 preserve
guest b 6.1-cloud restart
guest c 6.12 destroy
printf '%s\n' 'cpuid = "host,sse4_2=0"' 'ioports = ["60"]' 'iomem = ["a0,20"]' 'irqs = [5]' >> /etc/xen/a.cfg
truncate -s 4M /tmp/second.img
host_state > /tmp/before
free_before=$(free-pages)

for g in a b c; do
	ok "create $g" xl create "/etc/xen/$g.cfg"
done
for g in a b c; do
	wait_for 120 booted $g 1 && pass "$g boots" || fail "$g boots" "$(tail -n 3 "$(log_of $g)")"
done

part "what is told"
is "list" "$(xl list | awk 'NR > 1 { printf "%s ", $1 }')" "Domain-0 a b c "
ok "list -l tells the kernel" sh -c 'xl list -l a | grep -q "/guest/6.1/vmlinux"'
ok "list -v tells the handle" sh -c 'xl list -v a | grep -q "[0-9a-f]\{8\}-[0-9a-f]\{4\}"'
is "info: CPUs" "$(xl info | sed -n 's/^nr_cpus *: //p')" 2
ok "info -n" xl info -n
# whether vCPU 0 runs, waits or is about to run is its own affair; vCPU 1 is not there yet
is "vcpu-list" "$(xl vcpu-list a | awk 'NR > 1 { gsub(/[rb]/, "-", $5); printf "%s%s ", $3, $5 }')" "0--- 1--p "
ok "dmesg shows the hypervisor's messages" sh -c 'xl dmesg | grep -qi "dom0\|xen\|tenon"'
for key in h q r; do
	ok "debug-keys $key" xl debug-keys $key
done
ok "uptime" sh -c 'xl uptime a | grep -q "^a  *[0-9]* *[0-9]*:[0-9][0-9]:[0-9][0-9]"'
ok "top in batch mode" sh -c 'TERM=vt100 timeout 20 xentop -b -i 1 | grep -q "^ *a "'

part "the console"
# Without a terminal of its own xl console only shows; what is typed goes to the terminal that it opens.
sleep 60 | timeout 60 xl console a > /tmp/console.out 2>&1 &
wait_for 20 test -s /tmp/console.out # it begins with what nobody has read yet
ok "the guest answers on its console" says a "sum 42" 'echo sum $((40 + 2))'
ok "console shows it" wait_for 20 grep -q "sum 42" /tmp/console.out
kill $! 2> /dev/null
ok "it has the features that cpuid= leaves it" says a "has 10" 'echo has $(grep -c -w ssse3 /proc/cpuinfo)$(grep -c -w sse4_2 /proc/cpuinfo)'
ok "sysrq" xl sysrq a h
wait_for 10 grep -q "sysrq: HELP" "$(log_of a)" && pass "the guest sees it" ||
	fail "the guest sees it" "$(tail -n 3 "$(log_of a)")"
ok "trigger nmi" xl trigger a nmi
wait_for 10 grep -q "NMI" "$(log_of a)" && pass "the guest's kernel takes the NMI" ||
	fail "the guest's kernel takes the NMI" "$(tail -n 3 "$(log_of a)")"

part "pause, rename"
ok "pause" xl pause a
is "list says so" "$(column a 5 | cut -c 3)" p
before=$(column a 6)
sleep 1
is "a paused guest uses no time" "$(column a 6)" "$before"
ok "unpause" xl unpause a
ok "it goes on" says a "more 43" 'echo more $((40 + 3))'
ok "rename" xl rename a z
ok "it has its new name" xl domid z
ok "rename back" xl rename z a

part "the scheduler"
ok "sched-credit2 weight" xl sched-credit2 -d a -w 512
ok "sched-credit2 cap" xl sched-credit2 -d a -c 50
is "sched-credit2 shows both" "$(xl sched-credit2 -d a | awk '$1 == "a" { print $3, $4 }')" "512 50"
ok "no cap again" xl sched-credit2 -d a -w 256 -c 0
ok "vcpu-pin" xl vcpu-pin a 0 1
ok "it runs on" says a "pinned 44" 'echo pinned $((40 + 4))'
is "it runs there" "$(xl vcpu-list a | awk '$3 == 0 { print $4, $7 }')" "1 1"
ok "vcpu-pin soft" xl vcpu-pin a 0 all 0
is "it shows both" "$(xl vcpu-list a | awk '$3 == 0 { print $7, $9 }')" "all 0"
ok "vcpu-set up" xl vcpu-set a 2
ok "the guest brings it up" says a "up 2 of" 'usleep 300000; echo 1 > /sys/devices/system/cpu/cpu1/online; echo up $(nproc) of'
is "vcpu-list has two online" "$(xl vcpu-list a | grep -c -- ' [0-9]  *[r-][b-]- ')" 2
ok "vcpu-set down" xl vcpu-set a 1
wait_for 20 sh -c "xl vcpu-list a | grep -q ' --p '" && pass "the guest takes it off" ||
	fail "the guest takes it off" "$(xl vcpu-list a)"

part "memory"
ok "mem-set down" xl mem-set a 128
wait_for 20 sh -c "xl list | grep -q '^a .* 128 '" && pass "the guest gives memory back" ||
	fail "the guest gives memory back" "$(xl list)"
ok "mem-max" xl mem-max a 256
ok "mem-set up" xl mem-set a 180
wait_for 20 sh -c "xl list | grep -q '^a .* 180 '" && pass "the guest takes memory" ||
	fail "the guest takes memory" "$(xl list)"

part "devices"
ok "block-attach" xl block-attach a "format=raw,vdev=xvdb,access=rw,target=/tmp/second.img"
ok "the guest writes and reads it" says a "disk 4096 k" 'usleep 500000; dd if=/dev/zero of=/dev/xvdb bs=64k conv=fsync; echo disk $(($(cat /sys/block/xvdb/size) / 2)) k'
is "block-list" "$(xl block-list a | awk '$1 == 51728 { print $4 }')" 4
ok "block-detach" xl block-detach a xvdb
ok "network-attach" xl network-attach a bridge=br0
ok "the guest has two interfaces" says a "links 2 net" 'usleep 500000; echo links $(ls -d /sys/class/net/*/device | wc -l) net'
is "network-list" "$(xl network-list a | awk 'NR > 1 && $5 == 4' | wc -l)" 2
ok "network-detach" xl network-detach a 1

part "the end of guests"
ok "shutdown" xl shutdown -w c
wait_for 30 gone c && pass "c is gone" || fail "c is gone" "$(xl list)"
first=$(xl domid a)
ok "reboot" xl reboot a
wait_for 60 sh -c "xl domid a && [ \"\$(xl domid a)\" != $first ]" && pass "the guest has a new number" ||
	fail "the guest has a new number" "$(xl list)"
wait_for 90 booted a 2 && pass "and boots" || fail "and boots" "$(tail -n 3 "$(log_of a)")"
say a 'echo c > /proc/sysrq-trigger'
wait_for 30 sh -c "xl list a | grep -q ' -[-s]*c-'" && pass "on_crash = preserve keeps it" ||
	fail "on_crash = preserve keeps it" "$(xl list)"
ok "xl says that it did" sh -c 'cat /var/log/xen/xl-a.log* | grep -q "reason code 3.*preserve\|Action for shutdown reason code 3 is preserve"' 
first=$(xl domid b)
say b 'echo c > /proc/sysrq-trigger'
wait_for 60 sh -c "xl domid b && [ \"\$(xl domid b)\" != $first ]" && pass "on_crash = restart starts it anew" ||
	fail "on_crash = restart starts it anew" "$(xl list)"
wait_for 90 booted b 2 && pass "and it boots" || fail "and it boots" "$(tail -n 3 "$(log_of b)")"
ok "destroy a crashed guest" xl destroy a
ok "destroy a running guest" xl destroy b
nothing_left "nothing is left behind"
# dom0's own tables, of grants that it maps and of event channels, have grown with its first guests.
atleast "all memory is back, but for dom0's own tables" "$(free-pages)" "$((free_before - 16))"
