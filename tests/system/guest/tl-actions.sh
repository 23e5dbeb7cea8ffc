# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What happens when guests end: every value for a crash, two values for every other reason, at the same
# time. A guest that starts again does not end again, because its configuration was updated. 23 results.

endings="crash:destroy crash:restart crash:rename-restart crash:preserve crash:coredump-destroy
	crash:coredump-restart crash:soft-reset poweroff:restart poweroff:preserve reboot:restart reboot:preserve
	watchdog:restart watchdog:preserve soft_reset:restart soft_reset:preserve"
number() {
	case "$1" in
	poweroff) echo 0 ;;
	reboot) echo 1 ;;
	crash) echo 3 ;;
	watchdog) echo 4 ;;
	soft_reset) echo 5 ;;
	esac
}
for ending in $endings; do
	reason=${ending%:*}
	name=$reason-${ending#*:}
	small "$name" "end=$(number "$reason")" "on_$reason = \"${ending#*:}\""
	tl create -q -p "/etc/xen/$name.cfg" || echo "# $name was not created"
	tl config-update "$name" "/etc/xen/$name.cfg" 'extra="quiet"' || echo "# $name was not updated"
	tl domid "$name" > "/tmp/id-$name"
done
# shellcheck disable=SC2086 # words are wanted
tl unpause $(echo $endings | tr : -)

# outcome NAME: gone, again (a new domain has the name), same and its state.
outcome() {
	was=$(cat "/tmp/id-$1")
	now=$(tl domid "$1" 2>/dev/null)
	case "$now" in
	"") echo gone ;;
	"$was") tl list "$was" | awk -v id="$was" '$2 == id { print "same", substr($5, 4, 2) }' ;;
	*) echo "again$(tl domname "$was" 2>/dev/null | sed "s/^$1-1\$/, kept/")" ;;
	esac
}

# becomes NAME WANTED
becomes() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(outcome "$1")" = "$2" ] && break
		sleep 1
	done
	is "on_$1: $2" "$(outcome "$1")" "$2"
}

for ending in $endings; do
	name=$(echo "$ending" | tr : -)
	case "$ending" in
	*:destroy | *:coredump-destroy) becomes "$name" gone ;;
	crash:preserve) becomes "$name" "same -c" ;;
	*:preserve) becomes "$name" "same s-" ;;
	*:rename-restart) becomes "$name" "again, kept" ;;
	*) becomes "$name" again ;;
	esac
done
is "the log says that there is no core dump" "$(grep -c 'core dumps are not available' $monitor_log)" 2

# The monitor dies while a guest ends; the next one finds it.
for pid in $(pidof tl); do kill -9 "$pid"; done
# shellcheck disable=SC2046 # words are wanted
tl destroy $(tl list | awk 'NR > 2 { print $2 }')
small late "end=1" 'on_reboot = "restart"'
tl create -q -e /etc/xen/late.cfg
late=$(tl domid late)
wait_for 10 sh -c "tl list late | grep -q -- '---s-'" && pass "without a monitor it stays where it ended" ||
	fail "without a monitor it stays where it ended" "$(tl list)"
ok "a monitor starts" tl monitor
wait_for 20 sh -c "tl domid late | grep -qv '^$late\$'" && pass "and carries out what was due" ||
	fail "and carries out what was due" "$(tl list; cat $monitor_log)"
for pid in $(pidof tl); do kill -9 "$pid"; done
# shellcheck disable=SC2046 # words are wanted
tl destroy $(tl list | awk 'NR > 2 { print $2 }')
is "no domain without a name" "$(tl list | grep -c 'null\|none')" 0
nothing_left "nothing is left of the actions"
