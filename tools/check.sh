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
			grep ': \(error\|warning\): ' "$out/$name" | sort -u
		else
			cat "$out/$name"
		fi | sed "s|$PWD/||; s/^/        /" | head -n 40
		failed=1
	fi
}

format()
{
	sources '*.[ch]' | xargs clang-format --dry-run --Werror 2>&1 |
		sed -n 's/:.*error: code should be.*/: run clang-format -i on it/p' | sort -u >"$out/unformatted"
	cat "$out/unformatted"
	[ ! -s "$out/unformatted" ]
}

# The build shows what gcc warns about; this, what clang does.
# Of what is not a test, more of it.
strict='-Wcast-align -Wconditional-uninitialized -Wassign-enum -Wunreachable-code -Wunreachable-code-return
	-Wunreachable-code-break -Wshift-sign-overflow -Wduplicate-enum -Wnull-dereference -Wover-aligned -Wshadow-all
	-Wmissing-variable-declarations -Wbitfield-enum-conversion -Wfloat-conversion -Wextra-semi-stmt -Wunused-macros'
# shellcheck disable=SC2086
clang_warnings()
{
	printf '%s\n' $library | xargs -P "$jobs" -I{} clang $FLAGS $(echo $strict) -Werror -O2 -fsyntax-only {} &&
		printf '%s\n' $c_files | grep -Fvx "$library" |
			xargs -P "$jobs" -I{} clang $FLAGS -Werror -O2 -fsyntax-only {}
}

# One file each: clang 14 loses sight of va_start() when it reads several.  The path analyzer gives up on a function after
# so many nodes of its graph; its own bound, 225,000, takes twice the time, and has found nothing more here.
nodes='-Xclang -analyzer-config -Xclang max-nodes=100000'
tidy() { printf '%s\n' $c_files | xargs -P "$jobs" -n 1 sh -c 'clang-tidy --quiet "$@" -- '"$FLAGS $nodes" tidy; }

# not_asked FILE PREFIX: the classes that a configuration file names, as options
not_asked() { sed -n "s/^\\([a-zA-Z][^ #]*\\).*/$2\\1/p" "$1"; }

# shellcheck disable=SC2046,SC2086  # lists of words
cpp() {
	cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability \
		--error-exitcode=1 --template='{file}:{line}: {id}: {message}' $(not_asked tools/cppcheck.conf --suppress=) \
		-D_GNU_SOURCE -I . $c_files
}

# shellcheck disable=SC2046,SC2086
# The library and the program: the analyzer follows every path, and tests have paths by the thousand.
analyzer() {
	printf '%s\n' $library | xargs -P "$jobs" -I{} gcc $FLAGS -Werror -O2 -fanalyzer -fdiagnostics-path-format=none \
		$(not_asked tools/analyzer.conf -Wno-analyzer-) -c -o /dev/null {}
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
step symbols tools/check_symbols.sh
step rows tools/check_rows.sh
step lengths lines
step shell shell
step format format
step clang clang_warnings
step cppcheck cpp
step tidy tidy
step analyzer analyzer
exit $failed
