#!/bin/bash
# fuzz.sh SECONDS [WORD] - run each fuzz target whose name contains WORD for so many seconds
#
# New inputs are gathered in build/fuzz/corpus/NAME beside the seeds of test/fuzz/corpus/NAME, crashes in
# build/fuzz/crash.  A finding worth keeping is copied to the seeds, where `make test` feeds it for ever.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1// /} word=${2:-} bad=0
mkdir -p build/log build/fuzz/crash

# fuzz TARGET: one line when it is done, the report when it crashed
fuzz()
{
	local name=${1##*/} dirs log rc entropic
	log=build/log/$name.log
	dirs=("build/fuzz/corpus/$name")
	mkdir -p "${dirs[0]}"
	for d in "test/fuzz/corpus/$name" "test/fuzz/corpus/${name#fuzz_}"; do
		[ ! -d "$d" ] || dirs+=("$d")
	done
	# Of a target that plays a whole gateway an input has ten thousand features: to weigh them takes longer than to run it.
	case $name in
	fuzz_gateway | fuzz_stack) entropic=0 ;;
	*) entropic=1 ;;
	esac
	"$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -entropic="$entropic" \
		-artifact_prefix="build/fuzz/crash/$name-" "${dirs[@]}" >"$log" 2>&1 </dev/null
	rc=$?
	if [ $rc = 0 ]; then
		printf 'ok      %-28s %s runs, %s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
			"$(sed -n 's/.*DONE *\(cov: [0-9]*\).*/\1/p' "$log")"
	else
		printf 'not ok  %-28s (%s)\n' "$name" "$log"
		grep -E 'ERROR|SUMMARY|runtime error|Assertion|Test unit written' "$log" | sed 's/^/    /'
	fi
	return $rc
}

running=0
for t in build/fuzz/test/fuzz/fuzz_*; do
	[ -f "$t" ] && [ -x "$t" ] && [[ $t == *"$word"* ]] || continue
	if [ $running -ge "$(nproc)" ]; then
		wait -n || bad=1
		running=$((running - 1))
	fi
	fuzz "$t" &
	running=$((running + 1))
done
while [ $running -gt 0 ]; do
	wait -n || bad=1
	running=$((running - 1))
done
exit $bad
