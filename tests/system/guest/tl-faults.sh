# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Every step of create fails once, in turn (tl_faults.c, which prints its own results).

truncate -s 1M /tmp/fault.img
cat > /etc/xen/f.cfg <<END
name = "f"
kernel = "/guest/tiny.elf"
memory = 8
disk = ["/tmp/fault.img,raw,xvda,w"]
vif = ["bridge=br0"]
pool = "Pool-0"
cpuid = "host,sse3=0"
ioports = ["60"]
iomem = ["a0,20"]
irqs = [5]
END
tl-faults /etc/xen/f.cfg 2>&1 | tee /tmp/faults.out | grep "^# step"
merge_tap "create" 4 /tmp/faults.out
ok "by the environment: a create that fails once" sh -c '! TL_FAULT=40 tl create -q -e /etc/xen/f.cfg 2>/tmp/err'
ok "it says why" test -s /tmp/err
