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
# TEST=WORD runs only programs whose path contains WORD.  TEST_LIMIT: seconds for one program.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1

# Tests look at their own descriptors: none comes from whoever started us.
for fd in /proc/$$/fd/*; do
	fd=${fd##*/}
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done

limit=${TEST_LIMIT:-600}
passed=0 failed=0 skipped=0

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# The result lines of a log, in one form: "ok NAME", "not ok NAME - why", "skip NAME - why".
results()
{
	sed -nE -e 's/^(not )?ok [0-9]* *-? *#? *SKIP:? */skip /; t print' \
		-e '/^(not ok|ok|skip)( |$)/ { s/^((not )?ok) [0-9]+ - /\1 /; b print }' -e d -e ': print' -e p "$1"
}

# count LOG STATUS: adds a program's results up, and says what failed.  One that ends badly, prints fewer
# results than it announced, or none, has failed at least once.
count()
{
	local log=$1 status=$2 ok bad skip planned
	ok=$(results "$log" | grep -c '^ok')
	bad=$(results "$log" | grep -c '^not ok')
	skip=$(results "$log" | grep -c '^skip')
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')

	if [ "$bad" = 0 ]; then
		if [ "$status" = 124 ] || [ "$status" = 137 ]; then
			echo "not ok - did not end within $limit s" >>"$log"
		elif [ "$status" != 0 ]; then
			echo "not ok - ended with status $status" >>"$log"
		elif [ $((ok + skip)) -lt "$planned" ]; then
			echo "not ok - announced $planned tests, ran $((ok + skip))" >>"$log"
		elif [ $((ok + skip)) = 0 ]; then
			echo "not ok - printed no result" >>"$log"
		fi
		bad=$(results "$log" | grep -c '^not ok')
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%5d ok' "$ok"
	[ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
}

# try BUILD NAME COMMAND...: runs one test program
try()
{
	local build=$1 name=$2 log status start
	shift 2
	# The thread sanitizer of gcc 12 cannot start where addresses are spread over too many bits.
	if [ "$build" = tsan ] && setarch -R true 2>/dev/null; then set -- setarch -R "$@"; fi
	[ -z "${TEST:-}" ] || [[ $name == *"$TEST"* ]] || return 0
	log=build/log/$build/${name//\//.}.log
	mkdir -p "${log%/*}"
	printf '%-8s %-34s' "$build" "$name"
	start=${EPOCHREALTIME/./}
	# The braces keep the shell's own word on how it died to itself.
	{ BUILD=build/$build SLUICE=build/$build/sluice timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null; } 2>/dev/null
	status=$?
	count "$log" "$status"
	printf '  %d.%d s\n' $(((${EPOCHREALTIME/./} - start) / 1000000)) $(((${EPOCHREALTIME/./} - start) / 100000 % 10))
	if results "$log" | grep -q '^not ok'; then
		grep -vE '^(ok |1\.\.)' "$log" | tail -n 30 | sed 's/^/    /'
		echo "    (all of it: $log)"
	else
		results "$log" | sed -n 's/^skip/    skip/p'
	fi
}

# One fuzz target over its seeds is one test.
replay_seeds() # replay_seeds TARGET
{
	local name=${1##*/} seeds=()
	for dir in "test/fuzz/corpus/$name" "test/fuzz/corpus/${name#fuzz_}"; do
		[ ! -d "$dir" ] || seeds+=("$dir")
	done
	"$1" "${seeds[@]}" && echo "ok $name"
}
export -f replay_seeds

# Is the script for that build?
meant() # meant SCRIPT BUILD
{
	local builds
	[ -x "build/$2/sluice" ] || return 1
	builds=$(sed -n 's/^# builds: //p' "$1")
	if [ -z "$builds" ]; then [ "$2" != tls36 ]; else [[ " $builds " == *" $2 "* ]]; fi
}

run_build()
{
	local build=$1 kind t
	for kind in unit fuzz sim script replay live; do
		for t in build/"$build"/test/$kind/*_test; do
			[ ! -x "$t" ] || try "$build" "$kind/${t##*/}" "$t"
		done
		for t in build/"$build"/test/$kind/fuzz_*; do
			[ ! -f "$t" ] || [ ! -x "$t" ] || try "$build" "$kind/${t##*/}" bash -c "replay_seeds $t"
		done
		for t in test/$kind/run* test/$kind/*_test.sh; do
			[ ! -f "$t" ] || [ ! -x "$t" ] || ! meant "$t" "$build" || try "$build" "$kind/${t##*/}" "$t"
		done
	done
}

trap 'echo interrupted; exit 130' INT TERM
for build; do
	run_build "$build"
done
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
