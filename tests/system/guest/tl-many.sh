# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Creating the first and the two hundredth domain takes the same time. 6 results.

cat > /etc/xen/m.cfg <<END
name = "m"
kernel = "/guest/tiny.elf"
memory = 4
END
: > /tmp/times
created=0
for i in $(seq 200); do
	tl create -e --json /etc/xen/m.cfg "name=m$i" > /tmp/json 2>/tmp/err || {
		echo "# $(cat /tmp/err)"
		continue
	}
	created=$((created + 1))
	sed -n 's/.*"microseconds": \([0-9]*\).*/\1/p' /tmp/json >> /tmp/times
done
is "domains created" "$created" 200
# The median of twenty from line $1 on.
median() {
	tail -n "+$1" /tmp/times | head -n 20 | sort -n | sed -n 10p
}
# How the cost depends on the number of domains is measured by bench/tl, in instructions.
echo "# microseconds to create: $(median 1) among 20, $(median 81) among 100, $(median 181) among 200"
is "domains listed" "$(tl list | grep -c '^m[0-9]')" 200
is "console daemon serves them all" "$(xenstore-ls -f /local/domain | grep -c 'console/tty')" 200
# shellcheck disable=SC2046 # words are wanted
ok "destroy all" tl destroy $(seq 200 | sed 's/^/m/')
rm -f $consoles/*
nothing_left "nothing is left of the many"
