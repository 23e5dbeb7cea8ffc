# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run: what the kernel's services cost on the bare machine.

plan 1
os mark 1001
ok "services of the kernel" os rows
