#!/bin/bash
# test_one.sh BUILD NAME PATH - run one test program for tools/test.sh, which says what programs are and how they speak
#
# Prints its line, with what failed or was skipped below it, in one piece when it has ended; adds a line
# "PASSED FAILED SKIPPED" to $TEST_COUNTS.  The whole output goes to build/log/BUILD/NAME.log.
set -um
limit=${TEST_LIMIT:-600}
build=$1 name=$2 command=("$3")
log=build/log/$build/${name//\//.}.log
mkdir -p "${log%/*}"

# The result lines of a log, in one form: "ok NAME", "not ok NAME - why", "skip NAME - why".
results()
{
	sed -nE -e 's/^(not )?ok [0-9]* *-? *#? *SKIP:? */skip /; t print' \
		-e '/^(not ok|ok|skip)( |$)/ { s/^((not )?ok) [0-9]+ - /\1 /; b print }' -e d -e ': print' -e p "$1"
}

# count STATUS: adds a program's results up.  One that ends badly, prints fewer results than it announced, or none, has
# failed at least once.
count()
{
	local status=$1 ok bad skip planned
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
	echo "$ok $bad $skip" >>"$TEST_COUNTS"
	printf '%5d ok' "$ok"
	[ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
}

# One fuzz target over its seeds is one test.
if [[ $name == fuzz/* ]]; then
	command=(bash -c '"$0" "$@" && echo "ok ${0##*/}"' "$3")
	target=${name#fuzz/}
	for dir in "test/fuzz/corpus/$target" "test/fuzz/corpus/${target#fuzz_}"; do
		[ ! -d "$dir" ] || command+=("$dir")
	done
fi

# The thread sanitizer of gcc 12 cannot start where addresses are spread over too many bits.
if [ "$build" = tsan ] && setarch -R true 2>/dev/null; then command=(setarch -R "${command[@]}"); fi

# A job of its own: it hears of interrupts only from here, and is not left behind.
start=${EPOCHREALTIME/./}
BUILD=build/$build SLUICE=build/$build/sluice timeout -k 10 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null &
trap 'kill -TERM %1 2>/dev/null; wait %1 2>/dev/null; exit 255' INT TERM HUP
# The braces keep the shell's own word on how it died to itself.
{ wait %1; } 2>/dev/null
status=$?
spent=$(((${EPOCHREALTIME/./} - start) / 100000))

told=$(
	printf '%-8s %-34s' "$build" "$name"
	count "$status"
	printf '  %d.%d s\n' $((spent / 10)) $((spent % 10))
	if results "$log" | grep -q '^not ok'; then
		grep -vE '^(ok |1\.\.)' "$log" | tail -n 30 | sed 's/^/    /'
		echo "    (all of it: $log)"
	else
		results "$log" | sed -n 's/^skip/    skip/p'
	fi
)
printf '%s\n' "$told"
