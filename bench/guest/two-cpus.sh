# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run: domains on two CPUs that measure each other.

. /tests/bench-lib.sh
plan 2
xl vcpu-pin 0 all 0
os mark 1013
pair 0 1
