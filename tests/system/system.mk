# SPDX-License-Identifier: MIT
# Tests that boot the hypervisor with stock Debian kernels. HV=path or HV=stock chooses it.
SYSTEM_TESTS += $(filter-out %/lib.py,$(wildcard tests/system/*.py))
