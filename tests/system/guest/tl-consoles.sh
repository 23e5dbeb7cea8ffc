# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tl console and tl-consoled: escape, type and number, floods, its death, rotation. 23 results.

# typed GUEST OPTIONS TEXT: what a console shows that is sent TEXT and left with the escape Ctrl-CHAR
# when the guest has sent TEXT back, or after 20 seconds without it.
typed() {
	: > /tmp/typed
	(
		printf '%s' "$3"
		wait_for 20 grep -q "$3" /tmp/typed
		printf '%b' "${4:-\\035}"
		sleep 3
	) | timeout 30 tl console $2 "$1" > /tmp/typed 2>&1
	typed_status=$?
}

small echo "echo=1"
ok "a guest that echoes" tl create -q -e /etc/xen/echo.cfg
began=$(date +%s)
typed echo "" "hello"
is "tl console shows what the guest sends back" "$(grep -c hello /tmp/typed)" 1
is "Ctrl-] leaves with exit code 0" $typed_status 0
typed echo "-t pv -n 0" "second"
is "-t pv -n 0 is the same console" "$(grep -c second /tmp/typed)" 1
typed echo "-e a" "third" '\001'
is "-e chooses another escape" "$typed_status $(grep -c third /tmp/typed)" "0 1"
is "-t serial is refused" "$(tl console -t serial echo 2>&1 | grep -c 'only consoles of type pv')" 1
is "-n 7 is refused" "$(timeout 15 tl console -n 7 echo 2>&1 </dev/null | grep -c 'no console 7')" 1
ok "with a file for its input it goes on showing" sh -c \
	'timeout 3 tl console echo < /dev/null > /tmp/typed; [ $? != 1 ]'

# A flood: at 20,000 bytes a second no more is taken, other guests are served, and nothing is lost.
kill "$(pidof tl-consoled)"
wait_for 5 sh -c "! pidof tl-consoled"
ok "a daemon with a low rate" tl-consoled --rate=20000
small flood "lines=3000"
tl create -q -e /etc/xen/flood.cfg
flood=$consoles/guest-flood.log
sleep 1
size=$(wc -c < $flood)
sleep 4
taken=$(($(wc -c < $flood) - size))
ok "a flood is slowed down ($taken bytes in 4 s)" test $taken -gt 10000 -a $taken -lt 120000
typed echo "" "meanwhile"
is "another guest is served meanwhile" "$(grep -c meanwhile /tmp/typed)" 1
for kill in 1 2 3 4; do
	kill -9 "$(pidof tl-consoled)"
	sleep 0.3
	tl-consoled --rate=200000
	usleep 100000
done
wait_for 30 grep -q 'said its lines' $flood && pass "the flood ends, though the daemon was killed four times" ||
	fail "the flood ends, though the daemon was killed four times" "$(tail -n 1 $flood)"
is "every line is in the log" "$(tr -d '\r' < $flood | sed -n 's/.*line \([0-9]*\) of the talker, and some more text to fill it$/\1/p' |
	sort -nu | wc -l)" 3000
typed echo "" "again"
is "the console of another guest works after it" "$(grep -c again /tmp/typed)" 1
is "one daemon serves" "$(pidof tl-consoled | wc -w)" 1
is "a second one is refused" "$(tl-consoled 2>&1 | grep -c 'another one is running')" 1

# Rotation: by size with so many kept, and when told to.
kill "$(pidof tl-consoled)"
wait_for 5 sh -c "! pidof tl-consoled"
tl-consoled --log-size=20000 --log-keep=2
small spin "lines=3000"
tl create -q -e /etc/xen/spin.cfg
spin=$consoles/guest-spin.log
wait_for 30 grep -q 'said its lines' $spin && pass "a long output" || fail "a long output" "$(tail -n 1 $spin)"
is "two old logs are kept" "$(ls $spin.* 2>/dev/null | wc -l)" 2
ok "none is larger than asked for" sh -c "[ -z \"\$(find $consoles -name 'guest-spin.log*' -size +20000c)\" ]"
mv $consoles/guest-echo.log $consoles/moved
kill -HUP "$(pidof tl-consoled)"
typed echo "" "elsewhere"
is "after SIGHUP the log is a new file" "$(grep -c elsewhere $consoles/guest-echo.log)" 1
ok "destroy them" tl destroy echo flood spin
kill "$(pidof tl-consoled)"
wait_for 5 sh -c "! pidof tl-consoled"
ok "the daemon as before" tl-consoled
rm -f $consoles/*
nothing_left "nothing is left of the consoles"
