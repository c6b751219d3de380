#!/bin/sh
# check.sh - `make check`: what can be proved about the tree without running it
#
# The Makefile has built the library, and build/plain for the symbols.  CC and FLAGS are its own.
# Each step prints one line, and what it found when it found something; all of them run.
set -u
jobs=$(nproc 2>/dev/null || echo 2)
out=build/log/check
mkdir -p "$out"
failed=0

# Everything that is ours and C, by layer; bench and demo programs included.
sources() { git ls-files -co --exclude-standard "$@" | while read -r f; do [ -e "$f" ] && echo "$f"; done; }
c_files=$(sources '*.c')
library=$(sources 'stack/*.c' 'link/*.c' 'policy/*.c' 'dns/*.c' 'tls/*.c' 'http/*.c' 'proxy/*.c' 'cli/*.c')

step() # step NAME COMMAND...
{
	name=$1; shift
	start=$(date +%s)
	if "$@" >"$out/$name" 2>&1; then
		printf 'ok      %-10s %3d s\n' "$name" $(($(date +%s) - start))
	else
		printf 'not ok  %-10s (%s)\n' "$name" "$out/$name"
		grep -v '^[0-9]* warnings\? generated\|^Suppressed\|^Use -header-filter' "$out/$name" | head -n 60
		failed=1
	fi
}

format() { sources '*.[ch]' | xargs clang-format --dry-run --Werror; }

tidy() { printf '%s\n' $c_files | xargs -P "$jobs" -n 4 sh -c 'clang-tidy --quiet "$@" -- '"$FLAGS" tidy; }

suppressions() { sed -n 's/^\([a-zA-Z][^ #]*\).*/--suppress=\1/p' tools/cppcheck.conf; }

# shellcheck disable=SC2046,SC2086  # lists of words
cpp() {
	cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --template='{file}:{line}: {id}: {message}' $(suppressions) \
		-D_GNU_SOURCE -I . $c_files
}

# The library only: the analyzer follows every path, and tests have paths by the thousand.
analyzer() {
	printf '%s\n' $library | xargs -P "$jobs" -I{} gcc $FLAGS -Werror -O2 -fanalyzer -c -o /dev/null {}
}

lines() {
	printf '%s\n' $c_files | xargs -r awk '
		FNR == 1 { open = 0 }
		FNR == 901 { print FILENAME ": more than 900 lines"; bad = 1 }
		/^\{/ { open = FNR }
		/^\}/ { if (open && FNR - open > 100) { print FILENAME ":" open ": a function of more than 100 lines"; bad = 1 } open = 0 }
		END { exit bad }'
}

shell() { for f in tools/*.sh test/bench/*.sh test/*.sh test/live/*.sh .ci/run; do [ ! -e "$f" ] || bash -n "$f" || return 1; done; }

step includes tools/check_includes.sh
step symbols tools/check_symbols.sh
step lengths lines
step shell shell
step format format
step cppcheck cpp
step tidy tidy
step analyzer analyzer
exit $failed
