# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Every command answers: as text, as JSON, and with the right exit code when it cannot.

. /tests/tl-lib.sh
plan 46
tl_start
cat > /etc/xen/c.cfg <<END
name = "c"
kernel = "/guest/tiny.elf"
memory = 8
maxmem = 16
vcpus = 2
vif = ["bridge=br0"]
END
ok "create, paused" tl create -p -e /etc/xen/c.cfg
for command in list "list -v" "list c" vm-list uptime claims vcpu-list info "info -n" dmesg sched-credit2 \
	cpupool-list "network-list c" "block-list c" "channel-list c" "explain c" doctor xenstore-quota-get \
	"domid c" "domname 1" "top -b -d 1" "autostart list"; do
	# shellcheck disable=SC2086 # words are wanted
	ok "$command --json" json_ok tl $command
done
is "events print objects" "$(tl events --json | grep -c '^{"schema":"tl.event"')" 3
ok "metrics" sh -c 'tl metrics | grep -q "^tl_domain_memory_bytes{domain=\"c\",domid=\"1\"} 8388608"'
ok "vcpu-pin" tl vcpu-pin c all 0
is "vcpu-list shows it" "$(tl vcpu-list c | awk 'NR == 2 { print $7 }' | head -c 3)" "$(tl vcpu-list c | awk 'NR == 3 { print $7 }' | head -c 3)"
ok "sched-credit2 sets a weight" tl sched-credit2 -d c -w 512
is "and shows it" "$(tl sched-credit2 -d c | awk '$1 == "c" { print $3 }')" 512
ok "mem-max" tl mem-max c 16m
ok "rename" tl rename c d
is "renamed" "$(tl domname 1)" d
ok "rename back" tl rename d c
ok "unpause" tl unpause c
ok "debug-keys" tl debug-keys h
ok "man" sh -c 'tl man | head -n 1 | grep -q "^.TH TL 8"'
ok "completion" sh -c 'tl completion | grep -q "complete -F _tl tl"'
ok "help" sh -c 'tl help | grep -q "block-attach"'

# exit_code WANTED COMMAND...
exit_code() {
	wanted=$1
	shift
	"$@" > /tmp/out 2>&1
	is "exit code of '$*'" $? "$wanted"
}
exit_code 1 tl list nosuch
exit_code 1 tl destroy 77
exit_code 1 tl save c /tmp/x
exit_code 1 tl vncviewer c
exit_code 2 tl frobnicate
exit_code 2 tl domid
exit_code 2 tl list -y
tl list nosuch --json > /tmp/json 2>/dev/null
ok "an error as JSON" grep -q '"schema": "tl.error"' /tmp/json
