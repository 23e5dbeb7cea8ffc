# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Our xenstored in place of the stock one, below stock xl: the kernel of dom0, a domain with a disk
# and an interface, and the tools go on while the daemon is killed again and again.

plan 25
export XENSTORED_TRACE=
store=/usr/lib/tenon/bin/xenstored
# The same client through the kernel's ring instead of the socket.
by_ring() {
	XENSTORED_PATH=/dev/xen/xenbus "$@"
}
worker() {
	for task in $(cat "/proc/$1/task/$1/children"); do
		echo "$task"
	done | tail -n 1
}
holder() {
	cat /run/xenstored.pid
}
kill_worker() {
	kill -9 "$(worker "$(holder)")" 2>/dev/null
}

ok "xenstored starts" $store --pid-file /run/xenstored.pid -T /var/log/xenstored.log
ok "a tool through the socket" timeout 20 xenstore-write /test/a hello
is "a tool through the kernel" "$(by_ring xenstore-read /test/a)" hello
kill_worker
is "the socket after a crash" "$(xenstore-read /test/a)" hello
is "the kernel's ring after a crash" "$(by_ring xenstore-read /test/a)" hello
ok "dom0's entries" xen-init-dom0
xenconsoled --pid-file=/run/xenconsoled.pid --log=all --log-dir=/var/log/xen

mkdir -p /etc/xen
truncate -s 16M /tmp/disk.img
guest_config g1 tenon.test=domu /tmp/disk.img > /etc/xen/g1.cfg
host_network

# Kill it about three times a second until the file /tmp/calm appears.
(
	while [ ! -e /tmp/calm ]; do
		kill_worker && echo >> /tmp/kills
		usleep 300000
	done
) &
ok "xl create while the daemon is being killed" xl create /etc/xen/g1.cfg
ok "xl list shows the domain" xl domid g1
id=$(xl domid g1)
is "the store knows the domain" "$(xenstore-read "/local/domain/$id/name")" g1
log=/var/log/xen/guest-g1.log
wait_for 200 grep -q "test domu done" $log && pass "the domain ran its test" ||
	fail "the domain ran its test" "$(tail -n 3 $log 2>&1)"
is "tests that failed in the domain" "$(grep -c '^not ok' $log)" 0
is "tests that passed in the domain" "$(grep -c '^ok' $log)" 3
wait_for 150 sh -c "! xl domid g1" && pass "the domain is gone after its power-off" ||
	fail "the domain is gone after its power-off" "$(xl list)"
touch /tmp/calm
sleep 1
atleast "times that the daemon was killed" "$(wc -l < /tmp/kills)" 10
wait_for 40 sh -c "! xenstore-ls /local/domain | grep -q '^$id '" &&
	pass "nothing of the domain is left in the store" ||
	fail "nothing of the domain is left in the store" "$(xenstore-ls -f | grep "domain/$id")"

# Planned replacement, and the death of both processes at once.
ok "live update" xenstore-control live-update $store
is "the kernel's ring after the update" "$(by_ring xenstore-read /test/a)" hello
kill -9 "$(holder)" "$(worker "$(holder)")"
sleep 1
ok "a new start after both were killed" $store --pid-file /run/xenstored.pid
is "the kernel's ring after the new start" "$(by_ring xenstore-read /test/a)" hello
is "the store is consistent" "$(xenstore-control check)" OK

# Stopped, and started as a user without rights.
grep -q ^nobody: /etc/passwd || echo nobody:x:65534:65534::/:/bin/false >> /etc/passwd
kill "$(holder)"
wait_for 20 sh -c '! pidof xenstored' && pass "it stops when asked" || fail "it stops when asked"
ok "it starts as another user" $store --pid-file /run/xenstored.pid --user nobody
is "the worker's user" "$(awk '/^Uid:/ { print $2 }' "/proc/$(worker "$(holder)")/status")" 65534
kill_worker
is "the kernel's ring, after a crash of that one too" "$(by_ring xenstore-read /test/a)" hello
ok "a tool writes through the kernel" by_ring xenstore-write /test/b there
grep -E "<[0-5]>" /var/log/xenstored.log | grep -v -E "has ended|holder has died" | head -n 20 | sed 's/^/# /'
