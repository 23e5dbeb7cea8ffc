# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Creating the first and the last of $1 domains takes the same time.

. /tests/tl-lib.sh
plan 5
tl_start
cat > /etc/xen/m.cfg <<END
name = "m"
kernel = "/guest/tiny.elf"
memory = 4
END
host_state > /tmp/before
created=0
for i in $(seq "$1"); do
	tl create -e --json /etc/xen/m.cfg "name=m$i" > /tmp/json 2>/tmp/err || {
		echo "# $(cat /tmp/err)"
		continue
	}
	created=$((created + 1))
	sed -n 's/.*"milliseconds": \([0-9]*\).*/\1/p' /tmp/json >> /tmp/times
done
is "domains created" "$created" "$1"
# The median of twenty at either end.
median() {
	sort -n | sed -n 10p
}
first=$(head -n 20 /tmp/times | median)
last=$(tail -n 20 /tmp/times | median)
echo "# milliseconds to create: $first among few, $last among $1"
atleast "the last are at most half as fast (ms)" "$((first * 2 + 5))" "$last"
is "domains listed" "$(tl list | grep -c ' m[0-9]\|^m[0-9]')" "$1"
# shellcheck disable=SC2046 # words are wanted
ok "destroy all" tl destroy $(seq "$1" | sed 's/^/m/')
sleep 2
host_state > /tmp/after
is "nothing is left behind" "$(diff /tmp/before /tmp/after)" ""
