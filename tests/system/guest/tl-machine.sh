# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What guests get of the machine: cpuid=, ioports=, iomem=, irqs=, pool=, cpus=. 31 results.

# machine NAME [LINE...]: what a guest with these lines says of it, in /tmp/said.
machine() {
	machine_name=$1
	shift
	small "$machine_name" "machine=1" "$@"
	ok "create $machine_name" tl create -q -e "/etc/xen/$machine_name.cfg"
	wait_for 20 grep -q "^interrupt 5" "$consoles/guest-$machine_name.log" || echo "# $machine_name is silent"
	tr -d '\r' < "$consoles/guest-$machine_name.log" > /tmp/said
	tl destroy "$machine_name"
}

# register LEAF N: the leaf's register, 1 (eax) to 4 (edx).
register() {
	awk -v leaf="$1:" -v n="$2" '$1 == "cpuid" && $2 == leaf { print $(n + 2) }' /tmp/said
}

# has LEAF N BIT: 1 or 0.
has() {
	echo $((0x$(register "$1" "$2") >> $3 & 1))
}

machine plain
sed 's/^/# /' /tmp/said
is "by default: SSE 3, SSE 4.2, AVX 2" "$(has 1 3 0)$(has 1 3 20)$(has 7 2 5)" 111
is "by default: no port" "$(grep '^port' /tmp/said)" "port 64 reads ff"
is "by default: no device memory" "$(grep '^frame' /tmp/said)" "frame a0 gives -1"
is "by default: no interrupt" "$(grep '^interrupt' /tmp/said)" "interrupt 5 gives -1"

machine names 'cpuid = "host,sse4-2=0,avx2=0,vmx=1,family=6,model=42,stepping=7"' 'ioports = ["60", "62-64"]' \
	'iomem = ["a0,20"]' 'irqs = [5]'
sed 's/^/# /' /tmp/said
is "family, model, stepping" "$(register 1 1)" 000206a7
is "features are taken away, others stay" "$(has 1 3 0)$(has 1 3 20)$(has 7 2 5)" 100
is "what the guest cannot use is not given" "$(has 1 3 5)" 0
is "a port that it may use" "$(grep '^port 64 reads' /tmp/said | grep -vc 'reads ff')" 1
is "device memory that it may map" "$(grep '^frame' /tmp/said)" "frame a0 gives 0"
is "which it maps as its own only" "$(grep '^as' /tmp/said)" "as DOMID_IO's -1"
is "an interrupt that it may bind" "$(grep '^interrupt' /tmp/said)" "interrupt 5 gives 0"

machine leaves 'pool = "Pool-0"' 'cpuid = ["1:ecx=xxxxxxxxxxx0xxxxxxxxxxxxxxxxxxxx", "7,0:ebx=xxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxx"]'
is "the same by leaves" "$(has 1 3 0)$(has 1 3 20)$(has 7 2 5)" 100

# refused LINE: a guest with this line is not made, the error names the line's key.
refused() {
	small bad "" "$1"
	tl create -q -e /etc/xen/bad.cfg 2> /tmp/err && tl destroy bad
	is "refused: $1" "$(grep -c "${1%% *}" /tmp/err)" 1
}
refused 'irqs = [1023]'
refused 'iomem = ["fee00,1"]'
refused 'ioports = ["3f8"]'
refused 'pool = "nosuch"'
refused 'cpuid = ["0x21:eax=1xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]'
refused 'cpuid = "host,nosuch=0"'

# affinity WANTED OPTIONS...: the hard affinity of a paused guest that is made with them.
affinity() {
	affinity_wanted=$1
	shift
	small pinned "" 'cpus = "node:0"' "vcpus = 2"
	tl create -q -p -e /etc/xen/pinned.cfg "$@" 2> /tmp/err
	is "affinity $*" "$(tl vcpu-list pinned 2>&1 | awk '$1 == "pinned" { printf "%s ", $7 }')" "$affinity_wanted"
	tl destroy pinned 2> /dev/null
}
affinity "all all " 'cpus = "node:0"'
affinity "1 1 " 'cpus = "nodes:0-3,^0"'
affinity "0 1 " 'cpus = ["node:0,^1", "1"]'
echo 'vm.pv.cpumask = "1"' > /etc/xen/tl.conf
affinity "1 1 " 'cpus = "all"'
affinity "all all " --ignore-global-affinity-masks
affinity "" 'cpus = "0"'
is "it says why" "$(grep -c 'vm.pv.cpumask="1".*leaves no CPU' /tmp/err)" 1
echo 'vm.cpumask = "cpu1"' > /etc/xen/tl.conf
affinity ""
is "that is no list of CPUs" "$(grep -c 'vm.cpumask="cpu1".*not a list' /tmp/err)" 1
rm /etc/xen/tl.conf
nothing_left "after all this"
