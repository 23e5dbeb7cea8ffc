# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Devices that nobody answers for, scripts that fail or hang, memory that is short, domains that cannot
# die: each ends in time, names the side, leaves nothing behind, and can be tried again. 29 results.

truncate -s 1M /tmp/t.img
small mute "" 
small other ""
ok "a guest without drivers" tl create -q -e /etc/xen/mute.cfg
id=$(tl domid mute)
host_state > /tmp/before
# refused NAME PATTERN COMMAND...: fails within 15 seconds with an error that matches, and undoes itself.
refused() {
	refused_name=$1
	refused_pattern=$2
	shift 2
	began=$(date +%s)
	timeout 20 "$@" > /tmp/out 2>&1
	status=$?
	is "$refused_name" "$status $(grep -c "$refused_pattern" /tmp/out)" "1 1"
	grep -q "$refused_pattern" /tmp/out || sed 's/^/# it said: /' /tmp/out
	atleast "$refused_name: in time" 15 $(($(date +%s) - began))
}
refused "a guest that does not answer" "the guest (domain $id) did not answer" \
	tl block-attach -t 3 mute /tmp/t.img,raw,xvda,w
nothing_left "it left nothing"
refused "it may be tried again" "the guest (domain $id) did not answer" \
	tl block-attach -t 3 mute /tmp/t.img,raw,xvda,w
refused "a network device likewise" "vif 0: the guest (domain $id) did not answer" \
	tl network-attach -t 3 mute bridge=br0
tl create -q -e /etc/xen/other.cfg
refused "a backend that does not answer" "the backend (domain $(tl domid other)) did not answer" \
	tl block-attach -t 3 mute /tmp/t.img,raw,xvda,w,backend=other
tl destroy other
refused "no such bridge" "there is no such bridge" tl network-attach -t 3 mute bridge=nosuch
refused "no such file" "No such file" tl block-attach -t 3 mute /tmp/nosuch,raw,xvda,w
nothing_left "they left nothing"

mkdir -p /etc/xen/scripts
cat > /etc/xen/scripts/bad <<'END'
#!/bin/sh
env | grep '^XENBUS\|^script\|^vif' | sort >> /tmp/script.env
case "$1" in
add) xenstore-write "$XENBUS_PATH/hotplug-error" "the shelf is empty"; exit 1 ;;
esac
END
printf '#!/bin/sh\nsleep 1000\n' > /etc/xen/scripts/hangs
printf '#!/bin/sh\n[ "$1" = online ] || exit 0\nip link set "$vif" up\nxenstore-write "$XENBUS_PATH/hotplug-status" connected\n' \
	> /etc/xen/scripts/fine
chmod +x /etc/xen/scripts/*
refused "a script that fails is quoted" "the shelf is empty" tl block-attach -t 3 mute format=raw,vdev=xvda,script=bad,target=/x
is "it had the stock environment" "$(head -n 4 /tmp/script.env | sed 's/=.*backend/=backend/' | tr '\n' ' ')" \
	"XENBUS_BASE_PATH=backend XENBUS_PATH=backend/vbd/$id/51712 XENBUS_TYPE=vbd script=/etc/xen/scripts/bad "
refused "a script that hangs is ended" "did not end within 3 s" \
	tl block-attach -t 3 mute format=raw,vdev=xvda,script=hangs,target=/x
is "it does not run any more" "$(pidof sleep | wc -w)" 0
ok "a script that works" tl network-attach -t 0 mute script=fine
ok "explain says whose turn it is" sh -c 'tl explain mute vif0 | grep -q "waiting.*has no driver for vif"'
ok "its device goes with force" tl network-detach -t 1 -f mute 0
nothing_left "the scripts left nothing"

# Memory: an explained refusal, and autoballoon.
small big "" "memory = 100000"
sed -i '/^memory = 8/d' /etc/xen/big.cfg
tl create -q -e /etc/xen/big.cfg > /tmp/out 2>&1
is "not enough memory says what is short, and what would free it" \
	"$(grep -c 'MiB short.*mute holds 8 MiB' /tmp/out)" 1
free=$(tl info | sed -n 's/^free_memory *: //p')
echo 'autoballoon="on"' > /etc/xen/tl.conf
small balloon "" "memory = $((free + 20))"
sed -i '/^memory = 8/d' /etc/xen/balloon.cfg
ok "autoballoon: domain 0 gives what is missing" tl create -q -e /etc/xen/balloon.cfg
tl destroy balloon
rm /etc/xen/tl.conf
tl mem-set 0 700m

# A domain that cannot die while somebody maps its memory has no (null) name, and says why.
kill -STOP "$(pidof tl-consoled)"
tl destroy mute
is "a dying domain is listed as such" "$(tl list | awk -v id="$id" '$2 == id { print substr($5, 6, 1) }')$(tl list | grep -c null)" d0
ok "explain knows who holds it" sh -c "tl explain $id | grep -q 'still holds.*pages'"
kill -CONT "$(pidof tl-consoled)"
wait_for 10 sh -c "! tl list | awk '{ print \$2 }' | grep -qx $id" && pass "it goes once that is over" ||
	fail "it goes once that is over" "$(tl list)"
cp /tmp/empty /tmp/before
rm -f $consoles/*
nothing_left "nothing is left of the trouble"
