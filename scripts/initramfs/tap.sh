# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# TAP for scripts in the guest. A test calls plan N, then ok/is/... N times.

tap_count=0

plan() {
	echo "1..$1"
}

# pass NAME / fail NAME [WHY...]
pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail() {
	tap_count=$((tap_count + 1))
	echo "not ok $tap_count - $1"
	shift
	[ $# = 0 ] || echo "# $*"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# ok NAME COMMAND...: passes when the command succeeds; shows its output when it does not.
ok() {
	tap_name=$1
	shift
	if tap_out=$("$@" 2>&1); then
		pass "$tap_name"
	else
		fail "$tap_name" "'$*' said: $(echo "$tap_out" | tail -n 5 | tr '\n' ';')"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got '$2', wanted '$3'"
	fi
}

# atleast NAME GOT MINIMUM (whole numbers)
atleast() {
	if [ "${2:-0}" -ge "$3" ] 2>/dev/null; then
		pass "$1"
	else
		fail "$1" "got '$2', wanted at least $3"
	fi
}

# merge_tap PREFIX COUNT FILE: take over the results of a program; fails once more for each that is missing.
merge_tap() {
	merge_seen=0
	while read -r merge_line; do
		merge_name=${merge_line#*ok [0-9]* - }
		case "$merge_line" in
		"ok "*) pass "$1: $merge_name" ;;
		"not ok "*) fail "$1: $merge_name" ;;
		*)
			echo "# ${merge_line#\# }"
			continue
			;;
		esac
		merge_seen=$((merge_seen + 1))
	done < "$3"
	while [ "$merge_seen" -lt "$2" ]; do
		fail "$1: result $((merge_seen += 1)) is missing"
	done
}
