# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Every step of create fails once, in turn; after each failure the host must be as before.

. /tests/tl-lib.sh
plan 4
tl_start
truncate -s 1M /tmp/disk.img
cat > /etc/xen/f.cfg <<END
name = "f"
kernel = "/guest/tiny.elf"
memory = 8
disk = ["/tmp/disk.img,raw,xvda,w"]
vif = ["bridge=br0"]
END
# Once through, so that what comes with the first guest is there (directories, modules' state).
tl create -q -e /etc/xen/f.cfg && tl destroy f
sleep 1
host_state > /tmp/before
memory=$(free_memory)
step=0
bad=
silent=
while step=$((step + 1)); do
	if TL_FAULT=$step tl create -q -e /etc/xen/f.cfg 2>/tmp/err; then
		break
	fi
	[ -s /tmp/err ] && ! grep -q ': failed$' /tmp/err || silent="$silent $step"
	host_state > /tmp/after
	if ! diff /tmp/before /tmp/after > /tmp/difference; then
		sleep 1 # the kernel's back ends take a moment
		host_state > /tmp/after
		diff /tmp/before /tmp/after > /tmp/difference || {
			bad="$bad $step"
			echo "# step $step ($(cat /tmp/err)) left: $(grep '^[+-]/' /tmp/difference | head -n 4 | tr '\n' ';')"
			tl destroy f 2>/dev/null
		}
	fi
	[ "$step" -lt 400 ] || break
done
echo "# $((step - 1)) steps failed one after another"
atleast "steps that can fail" "$step" 100
is "steps that left something behind" "$bad" ""
is "steps that gave no reason" "$silent" ""
tl destroy f
sleep 2
atleast "memory is back (MiB)" "$(free_memory)" "$((memory - 1))"
