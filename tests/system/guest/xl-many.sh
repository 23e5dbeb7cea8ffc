# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Twenty guests of xl at once; then they and everything that was theirs is gone, to the page.

. /tests/xl-lib.sh
plan 25
# What dom0's kernel has mapped of a domain that is destroyed; the program numbers its tests from 1.
mappings > /tmp/mappings
cat /tmp/mappings
tap_count=$(grep -c '^ok\|^not ok' /tmp/mappings)
count=20
mkdir -p /etc/xen
cat > /etc/xen/m.cfg <<END
name = "m"
kernel = "/guest/tiny.elf"
memory = 8
on_crash = "preserve"
END
# One first, so that what comes with the first guest is there.
xl create -q -e /etc/xen/m.cfg && xl destroy m
sleep 1
host_state > /tmp/before
free_before=$(free-pages)
created=0
for i in $(seq $count); do
	xl create -q -e /etc/xen/m.cfg "name=\"m$i\"" && created=$((created + 1))
done
is "guests created" "$created" $count
is "guests that run and wait" "$(xl list | grep -c '^m.* -b----')" $count
atleast "pages that they hold" "$((free_before - $(free-pages)))" $((count * 2048))
for i in $(seq $count); do
	xl destroy "m$i" || echo "# m$i is not destroyed"
done
wait_for 10 sh -c "! xl list | grep -q '^m'"
is "guests left" "$(xl list | grep -c '^m')" 0
nothing_left "nothing is left behind"
wait_for 10 sh -c "[ \$(free-pages) -ge $free_before ]" # some comes back only after the last reader has gone
is "all memory is back" "$(free-pages)" "$free_before"
