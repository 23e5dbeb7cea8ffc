# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tl with small guests, which boot in no time: commands, actions, consoles, failing steps, many guests.
# One boot for all; each part leaves the host as it found it.

. /tests/tl-lib.sh
plan 166
tl_start
host_state > /tmp/empty
for part in ${*:-commands machine actions consoles trouble faults many boot}; do
	cp /tmp/empty /tmp/before
	echo "# part $part at $(cut -d' ' -f1 /proc/uptime) s"
	. "/tests/tl-$part.sh"
done
