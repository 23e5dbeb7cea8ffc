# SPDX-License-Identifier: MIT
plan 1; ok "guest runs" true
