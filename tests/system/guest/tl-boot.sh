# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The init script brings up consoles, monitor and the guests of /etc/xen/auto in order, and takes them down
# in the reverse one. 10 results.

kill "$(pidof tl-consoled)"
wait_for 5 sh -c "! pidof tl-consoled"
mkdir -p /etc/xen/auto /usr/sbin
for tool in tl tl-consoled tl-dom0-init; do ln -sf /usr/lib/tenon/bin/$tool /usr/sbin/$tool; done
small web "echo=1"
small router "echo=1"
ln -s /etc/xen/router.cfg /etc/xen/auto/10-router.cfg
ln -s /etc/xen/web.cfg /etc/xen/auto/20-web.cfg
echo 'broken = [' > /etc/xen/auto/15-broken.cfg
tl autostart list > /tmp/out
is "autostart list shows the order, and what is unusable" "$(awk 'NR > 1 { print $2 }' /tmp/out | tr '\n' ' ')" \
	"router (unusable) web "
rm /etc/xen/auto/15-broken.cfg
ok "start" /etc/init.d/tl start
is "both guests run, in their order" "$(tl list | awk 'NR > 2 { print $1 }' | tr '\n' ' ')" "router web "
ok "consoles are served" pidof tl-consoled
ok "a second start changes nothing" tl autostart start
router=$(tl domid router)
ok "restart" /etc/init.d/tl restart
is "the guests stay" "$(tl domid router)" "$router"
# They do not know the request to shut down, so stop has to end them after the time given.
(tl autostart stop -t 2 2>&1) > /tmp/out
is "stop: the last one first" "$(sed -n 's/.*: "\([a-z]*\)" did not shut down.*/\1/p' /tmp/out | tr '\n' ' ')" "web router "
is "and they are gone" "$(tl list | wc -l)" 2
for pid in $(pidof tl); do kill -9 "$pid"; done
rm -rf /etc/xen/auto $consoles/*
nothing_left "nothing is left of autostart"
