# SPDX-License-Identifier: MIT
# Dependencies, running, and the checks of the tree itself.

deps:
	@scripts/install-deps

# The tools of the build come first: without them nothing else can be made.
run: deps
	@$(MAKE) --no-print-directory all
	@scripts/run
