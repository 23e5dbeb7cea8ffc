# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For bench/run --profile: domains on one CPU that measure each other.

. /tests/bench-lib.sh
plan 2
os mark 1006
pair 0 0
