# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Shared by the fetch scripts: messages and the download of one package.

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# One line of progress; on a terminal apt adds its own meter.
say() {
	echo "$*" >&2
}

# fetch_deb PACKAGE: download into build/cache/debs and print the file's path.
fetch_deb() {
	local package=$1 quiet=-qq archives
	[ -t 2 ] && quiet=-q=0
	archives=build/cache/debs/$package
	rm -rf "$archives"
	mkdir -p "$archives"
	(
		state=$(realpath -m "${APT_STATE:-build/cache/apt}")
		tool=$PWD/scripts/debian-archive
		cd "$archives"
		APT_STATE=$state "$tool" get $quiet download "$package" >&2
	)
	echo "$archives"/*.deb
}
