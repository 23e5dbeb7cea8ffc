# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Every command answers: as text, as JSON (which the host checks), and with the right exit code when it
# cannot. 44 results.

small c "" "maxmem = 16" "vcpus = 2" 'vif = ["bridge=br0"]'
truncate -s 1M /tmp/c.img
ok "create, paused" tl create -p -e /etc/xen/c.cfg 'name="c"'
id=$(tl domid c)
for words in list "list -v" "list -l c" "list -c -n" vm-list uptime claims vcpu-list info "info -n" dmesg sched-credit2 \
	"sched-credit" cpupool-list "network-list c" "block-list c" "channel-list c" "explain c" doctor xenstore-quota-get \
	"domid c" "domname $id" "top -b -d 1" "autostart list" "create -n /etc/xen/c.cfg" help man completion metrics \
	"rename c cc" "rename cc c" "vcpu-pin c all 0" "sched-credit2 -d c -w 512" "mem-max c 16m" "mem-set c 8m" \
	"vcpu-set c 1" "unpause c" "pause c" "unpause c" "sysrq c h" "trigger c nmi" "debug-keys h" \
	"config-update c /etc/xen/c.cfg" "block-attach -t 0 c /tmp/c.img,raw,xvda,w" "block-detach -t 1 -f c xvda" \
	"network-attach -t 0 c bridge=br0" "network-detach -t 1 -f c 1" "shutdown c" "reboot c" \
	"xenstore-quota-set watches=200" "autostart start" "autostart stop" devd "destroy c" \
	"prepare /guest/talker.elf" "create -p -e /etc/xen/c.cfg" "console c -t serial" "list nosuch" "save c /tmp/x" "migrate c h" "vncviewer c"; do
	# shellcheck disable=SC2086 # words are wanted
	document $words
done
tl events --json | sed 's/^/# event /'
is "list shows the guest" "$(tl list | awk '$1 == "c" { print $3, $4 }')" "8 1"
id=$(tl domid c)
is "domname" "$(tl domname "$id")" c
ok "vcpu-pin" tl vcpu-pin c all 0
is "vcpu-list shows it" "$(tl vcpu-list c | awk '$3 < 2 { print substr($7, 1, 1) }' | tr '\n' ' ')" "0 0 "
ok "sched-credit2 sets a weight" tl sched-credit2 -d c -w 512
is "and shows it" "$(tl sched-credit2 -d c | awk '$1 == "c" { print $3 }')" 512
ok "mem-max" tl mem-max c 16m
ok "rename" tl rename c d
is "renamed" "$(tl domname "$id")" d
is "the old name is free" "$(tl domid c 2>/dev/null)" ""
ok "rename back" tl rename d c
ok "unpause" tl unpause c
ok "metrics" sh -c "tl metrics | grep -q '^tl_domain_memory_bytes{domain=\"c\",domid=\"$id\"} 8388608'"
ok "metrics name each kind once" sh -c "tl metrics | grep '^# TYPE' | sort | uniq -d | wc -l | grep -q '^0'"
is "xenstore-quota-set took effect" "$(tl xenstore-quota-get | awk '$1 == "watches" { print $2 }')" 200
ok "man" sh -c 'tl man | head -n 1 | grep -q "^.TH TL 8"'
ok "help" sh -c 'tl help | grep -q "block-attach"'
ok "a command may be shortened" sh -c "tl domi c | grep -q '^$id'"
is "create -c refuses nothing it should not" "$(tl create -n -q /etc/xen/c.cfg | grep -c '"schema": "tl.config"')" 1

# exit_code WANTED COMMAND...
exit_code() {
	wanted=$1
	shift
	"$@" > /tmp/out 2>&1
	is "exit code of '$*'" $? "$wanted"
}
exit_code 1 tl list nosuch
exit_code 1 tl destroy 77
exit_code 1 tl destroy 0
exit_code 1 tl save c /tmp/x
is "it says that save comes later" "$(grep -c 'comes later' /tmp/out)" 1
exit_code 1 tl vncviewer c
exit_code 2 tl frobnicate
exit_code 2 tl domid
exit_code 2 tl list -y
exit_code 2 tl shutdown
exit_code 1 tl create -n /etc/xen/nosuch.cfg

# Debian's own example, as it is in xen-utils.
cp /etc/xen/xlexample.pvlinux /tmp/example
is "Debian's example loads unchanged" "$(tl create -n /etc/xen/xlexample.pvlinux 2>&1 |
	grep -c '"name": "example.pvlinux"\|warning\|error')" 1
ok "and nothing was written" cmp /etc/xen/xlexample.pvlinux /tmp/example

# A follower sees what happens.
tl events --follow --json > /tmp/events &
follower=$!
wait_for 10 grep -q running /tmp/events
tl pause c
wait_for 10 grep -q '"state":"paused"' /tmp/events && pass "events --follow: paused" ||
	fail "events --follow: paused" "$(tail -n 2 /tmp/events)"
ok "destroy" tl destroy c
wait_for 10 grep -q '"event":"gone"' /tmp/events && pass "events --follow: gone" ||
	fail "events --follow: gone" "$(tail -n 2 /tmp/events)"
kill $follower

# tl top on a terminal: a table drawn by curses, left by q.
(sleep 2; printf q) | script -q -c "stty rows 24 cols 80; TERM=vt100 tl top -d 1" /tmp/top > /dev/null 2>&1
is "top draws on a terminal" "$(tr '\033' '\n' < /tmp/top | grep -c 'Domain-0')" 1
is "and shows the host" "$(grep -c 'MiB free' /tmp/top)" 1
nothing_left "nothing is left of the commands"
