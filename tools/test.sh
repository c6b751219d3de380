#!/bin/bash
# test.sh BUILD... - run every test of those builds (tsan, asan, release, tls36, cov) and count
#
# What runs, in this order, for each build:
#   unit     build/BUILD/test/unit/*_test         cmocka programs, as are any *_test of the other kinds
#   fuzz     build/BUILD/test/fuzz/fuzz_*         each over its seeds, test/fuzz/corpus/NAME
#   sim, script, replay                           their *_test programs, then test/KIND/run*
#   live     test/live/*_test.sh                  the real program in network namespaces
#
# A script with a line `# builds: NAME...` runs for those builds alone, and none for a build without the program.  For tls36, which
# is there for the tests of TLS, a script runs only if it names it.
#
# Every test program prints lines `ok NAME`, `not ok NAME - why`, `skip NAME - why` (cmocka does so when
# asked for TAP).  Scripts find the build in the environment: BUILD (build/asan), SLUICE (build/asan/sluice).
# One line is shown for each program, with what failed below it; the whole output is kept in build/log.
# The last line is `N passed, M failed, K skipped`; the exit status is 0 if nothing failed.
#
# One more runs at a time than there are processors, as many of them wait; TEST_JOBS: so many.  None may mind what else
# runs: each has directories, ports and namespaces of its own.
#
# TEST=WORD runs only programs whose path contains WORD.  TEST_LIMIT: seconds for one program.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1

# Tests look at their own descriptors: none comes from whoever started us.
for fd in /proc/$$/fd/*; do
	fd=${fd##*/}
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done

jobs=${TEST_JOBS:-$(($(nproc 2>/dev/null || echo 1) + 1))}
mkdir -p build/log
export TEST_COUNTS=$PWD/build/log/counts
: >"$TEST_COUNTS"

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# Is the script for that build?
meant() # meant SCRIPT BUILD
{
	local builds
	[ -x "build/$2/sluice" ] || return 1
	builds=$(sed -n 's/^# builds: //p' "$1")
	if [ -z "$builds" ]; then [ "$2" != tls36 ]; else [[ " $builds " == *" $2 "* ]]; fi
}

# The programs of a build, a line each: BUILD NAME PATH
list()
{
	local build=$1 kind t
	for kind in unit fuzz sim script replay live; do
		for t in build/"$build"/test/$kind/*_test build/"$build"/test/$kind/fuzz_*; do
			[ ! -f "$t" ] || [ ! -x "$t" ] || echo "$build $kind/${t##*/} $t"
		done
		for t in test/$kind/run* test/$kind/*_test.sh; do
			[ ! -f "$t" ] || [ ! -x "$t" ] || ! meant "$t" "$build" || echo "$build $kind/${t##*/} $t"
		done
	done
}

trap 'echo interrupted; exit 130' INT TERM
list=$(for build; do list "$build"; done | awk -v word="${TEST:-}" 'index($2, word)')
xargs -r -P "$jobs" -L 1 tools/test_one.sh <<<"$list"
# Every program of the list has left a line, or something has ended what ran them.
awk -v programs="$(grep -c . <<<"$list")" '{ ok += $1; bad += $2; skip += $3 }
	END {
		if (NR != programs)
			print "not ok - " programs - NR " programs did not run to their end"
		printf "\n%d passed, %d failed, %d skipped\n", ok, bad + programs - NR, skip
		exit bad > 0 || ok == 0 || NR != programs
	}' "$TEST_COUNTS"
