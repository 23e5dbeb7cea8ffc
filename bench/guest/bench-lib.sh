# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the benchmarks in dom0 share: domains of the small guest, build/bench/peer.elf.

# small NAME ROLE MEMORY [CPU [PEER]]: start one, without a process that waits for its end.
small() {
	cat > /tmp/small.cfg <<-END
		name = "$1"
		type = "pv"
		kernel = "/guest/peer.elf"
		extra = "role=$2 peer=${5:-0}"
		memory = $3
		cpus = "${4:-0}"
		on_poweroff = "destroy"
		on_crash = "preserve"
	END
	xl create -e -q /tmp/small.cfg
}

gone() {
	xl list "$1" | grep -q -- '---s--'
}

# pair CPU CPU: a server and a driver of the rows between domains, each on its CPU.
pair() {
	small before idle 8
	peer=$(($(xl domid before) + 2))
	xl destroy before
	small serve serve 8 "$1" "$peer"
	small drive drive 8 "$2" $((peer - 1))
	is "the driver's number" "$(xl domid drive)" "$peer"
	ok "the rows between domains" wait_for 5 gone drive
	gone drive || { xl list; tail -n 2 /var/log/xen/*/guest-*.log /var/log/xen/guest-*.log; } 2>&1 | sed 's/^/# /'
	xl destroy drive
	xl destroy serve
}
