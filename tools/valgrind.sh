#!/bin/bash
# valgrind.sh - `make valgrind`: every unit test of the release build under memcheck (TEST=WORD: those whose name has it)
#
# A read of what was never set, a byte beyond its block, a block nobody can reach any more: each is a failure of
# its program.  AddressSanitizer sees the last two on every run of the tests; the first is what this is for.
# What a test itself finds amiss is only told: time is some 30 times slower here, and valgrind 3.19 lacks pidfd_open(2).
set -u
export LC_ALL=C
export FAULTS=some # of what may fail in the scenes with TLS
cd "$(dirname "$0")/.." || exit 1
out=build/log/valgrind
mkdir -p "$out"
limit=${TEST_LIMIT:-1800}

passed=0 failed=0
for t in build/release/test/unit/*_test; do
	name=${t##*/}
	[ -z "${TEST:-}" ] || [[ $name == *"$TEST"* ]] || continue
	rm -f "$out/$name".memcheck.*
	BUILD=build/release SLUICE=build/release/sluice timeout -k 10 "$limit" valgrind -q --leak-check=full \
		--show-leak-kinds=definite,possible --errors-for-leak-kinds=definite --error-exitcode=99 \
		--suppressions=tools/valgrind.supp --log-file="$out/$name.memcheck.%p" "$t" >"$out/$name.log" 2>&1 </dev/null
	status=$?
	if [ $status = 99 ] || grep -qsE 'Invalid |uninitialised|definitely lost: [1-9]' "$out/$name".memcheck.*; then
		failed=$((failed + 1))
		echo "not ok $name ($out/$name.memcheck.*)"
		grep -hE '==[0-9]+== +(at|by|Invalid|Cond|Use|Sys|[0-9,]* bytes)' "$out/$name".memcheck.* | head -n 12 | sed 's/^/    /'
	elif [ $status = 124 ] || [ $status = 137 ]; then
		failed=$((failed + 1))
		echo "not ok $name - did not end within $limit s"
	else
		passed=$((passed + 1))
		[ $status = 0 ] && echo "ok $name" || echo "ok $name, but its own result is $status (slow, or a call valgrind lacks)"
	fi
done
echo
echo "$passed without a finding, $failed with"
[ $failed = 0 ] && [ $passed -gt 0 ]
