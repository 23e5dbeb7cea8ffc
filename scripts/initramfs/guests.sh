# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What dom0 needs for guests: a network for them, and the configuration of the guest in /guest. The
# demonstration of 'make run' and the tests share it.

# host_network [BRIDGE]: a bridge with the address 10.9.0.1 and an echo service on port 7 behind it.
host_network() {
	brctl addbr "${1:-br0}"
	ip addr add 10.9.0.1/24 dev "${1:-br0}"
	ip link set "${1:-br0}" up
	nc -ll -p 7 -e cat &
}

# guest_config NAME ARGUMENTS DISK: the kernel in /guest with a disk and a network; further lines of the
# configuration may follow what this prints, a second line for a key replaces nothing: use KEY=VALUE of
# create for that.
guest_config() {
	cat <<-END
		name = "$1"
		type = "pv"
		kernel = "/guest/kernel"
		ramdisk = "/guest/initrd.gz"
		extra = "console=hvc0 $2"
		memory = 160
		vcpus = 1
		disk = ["$3,raw,xvda,w"]
		vif = ["mac=00:16:3e:00:00:01,bridge=br0"]
	END
}

demo_log=/var/log/xen/console/guest-demo.log

# demo_start: create the guest "demo", which checks its disk and network and then offers a shell.
demo_start() {
	host_network
	mkdir -p /etc/xen
	truncate -s 64M /tmp/demo.img
	guest_config demo "tenon.test=domu tenon.end=shell" /tmp/demo.img > /etc/xen/demo.cfg
	tl create -q /etc/xen/demo.cfg
}

# demo_result NAME: what the guest's own test of that name said, once it has run.
demo_result() {
	wait_for 150 grep -q "^# test domu done" $demo_log
	tr -d '\r' < $demo_log | grep "ok [0-9]* - $1" > /tmp/demo.result
	sed 's/.*ok [0-9]* - //' /tmp/demo.result
	grep -q "^ok" /tmp/demo.result
}

# demo_end: shut it down and see it go.
demo_end() {
	tl shutdown -ww -t 60 demo && ! tl domid demo 2>/dev/null && echo "the guest shut down and is gone"
}

# guests_end: those that still run shut down, before the host does.
guests_end() {
	[ "$(tl list | wc -l)" -le 2 ] || tl shutdown -a -w -t 30
}

demo_hint() {
	cat <<-END

		The guest "demo" runs the same kernel, with a disk (/tmp/demo.img) and a network (bridge br0):
		    tl list            tl console demo (Ctrl-] leaves)      tl explain demo
		    tl top             tl block-list demo                   tl help
		    tl shutdown demo   tl create /etc/xen/demo.cfg          tail $demo_log

	END
}
