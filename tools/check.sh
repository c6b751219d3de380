#!/bin/sh
# check.sh - `make check`: what can be proved about the tree without running it
#
# The Makefile has built the library.  CC, FLAGS and MAKE are its own.
# Each step prints one line, and what it found when it found something; all of them run.
set -u
jobs=$(nproc 2>/dev/null || echo 2)
out=build/log/check
mkdir -p "$out"
failed=0

# Everything that is ours and C, by layer; bench and demo programs included.
sources() { git ls-files -co --exclude-standard "$@" | while read -r f; do [ -e "$f" ] && echo "$f"; done; }
# But for the drivers of tools/prove.sh, whose header is Frama-C's.
c_files=$(sources '*.c' ':!test/prove')
library=$(sources 'stack/*.c' 'link/*.c' 'policy/*.c' 'dns/*.c' 'tls/*.c' 'http/*.c' 'proxy/*.c' 'cli/*.c' 'vmm/*.c')

step() # step NAME COMMAND...
{
	name=$1; shift
	start=$(date +%s)
	if "$@" >"$out/$name" 2>&1; then
		printf 'ok      %-10s %3d s\n' "$name" $(($(date +%s) - start))
	else
		printf 'not ok  %-10s %3d s  (%s)\n' "$name" $(($(date +%s) - start)) "$out/$name"
		# Compilers tell how they came to it: that is for the file.
		if grep -q ': \(error\|warning\): ' "$out/$name"; then
			grep ': \(error\|warning\): ' "$out/$name" | grep -v '^make' | sort -u
		else
			cat "$out/$name"
		fi | sed "s|$PWD/||; s/^/        /" | head -n 40
		failed=1
	fi
}

format()
{
	sources '*.[ch]' | xargs -P "$jobs" -n 100 clang-format --dry-run --Werror 2>&1 |
		sed -n 's/:.*error: code should be.*/: run clang-format -i on it/p' | sort -u >"$out/unformatted"
	cat "$out/unformatted"
	[ ! -s "$out/unformatted" ]
}

# Of the product gcc's analyzer and clang-tidy, clang's own warnings with it, read what has changed since they last passed it;
# of a fresh clone that is all.
analyzer() { $MAKE -s -k analyzed; }

# Tests have paths by the thousand, and run under sanitizers: no path analyzer reads them, nor are more than the usual warnings
# asked for.  One file each: clang 14 loses sight of va_start() when it reads several.
# shellcheck disable=SC2086  # lists of words
tidy() {
	status=0
	$MAKE -s -k tidied || status=1
	printf '%s\n' $c_files | grep -Fvx "$library" |
		xargs -P "$jobs" -n 1 sh -c 'clang-tidy --quiet "$@" -- '"$FLAGS" tidy || status=1
	return $status
}

# not_asked FILE PREFIX: the classes that a configuration file names, as options
not_asked() { sed -n "s/^\\([a-zA-Z][^ #]*\\).*/$2\\1/p" "$1"; }

# What it found in a file is kept by the file's content; another configuration asks anew.
# shellcheck disable=SC2046,SC2086  # lists of words
cpp() {
	kept=build/cppcheck/$(cat tools/cppcheck.conf tools/check.sh | cksum | cut -d ' ' -f 1)
	[ -d "$kept" ] || { rm -rf build/cppcheck && mkdir -p "$kept"; }
	cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability --cppcheck-build-dir="$kept" \
		--error-exitcode=1 --template='{file}:{line}: {id}: {message}' $(not_asked tools/cppcheck.conf --suppress=) \
		-D_GNU_SOURCE -I . $c_files
}

lines() {
	printf '%s\n' $c_files | xargs -r awk '
		FNR == 1 { open = 0 }
		FNR == 901 { print FILENAME ": more than 900 lines"; bad = 1 }
		/^\{/ { open = FNR }
		/^\}/ { if (open && FNR - open > 100) { print FILENAME ":" open ": a function of more than 100 lines"; bad = 1 } open = 0 }
		END { exit bad }'
}

shell() { sources '*.sh' .ci/run | xargs -n 1 bash -n; }

step includes tools/check_includes.sh
step rows tools/check_rows.sh
step lengths lines
step shell shell
step format format
step analyzer analyzer
step symbols tools/check_symbols.sh
step tidy tidy
step cppcheck cpp
exit $failed
