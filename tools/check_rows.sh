#!/bin/bash
# check_rows.sh - the tables of docs/testing.md and the tests agree
#
#	each test that a table names exists
#	each id that a test names (E1 ... T26, MUST-1 ...) is the first column of a row
#	no id has two rows, and every MUST of RFC 9293 has one
set -u
cd "$(dirname "$0")/.." || exit 1
page=docs/testing.md
bad=0

complain() { echo "$page: $*"; bad=1; }

ids=$(sed -n 's/^| \([A-Z][A-Z]*-\{0,1\}[0-9]*[a-f]\{0,1\}\) |.*/\1/p' $page | grep '[0-9]')

for id in $(sort <<<"$ids" | uniq -d); do
	complain "$id has two rows"
done
for n in {1..69}; do
	grep -qx "MUST-$n" <<<"$ids" || complain "MUST-$n has no row"
done

# What the rows name, as FILE:TEST.
for name in $(grep '^|' $page | grep -oE '`[a-z0-9_]+:[A-Za-z0-9_]+`' | tr -d '`' | sort -u); do
	file=${name%%:*} test=${name#*:}
	case $file in
	script) [ -e "test/script/$test.script" ] || [ -e "test/script/$test.c" ] ;;
	live) [ -e "test/live/$test.sh" ] || [ -e "test/live/$test.c" ] ;;
	fuzz) [ -e "test/fuzz/$test.c" ] ;;
	*) grep -qw "$test" "test/unit/$file.c" "test/sim/$file.c" 2>/dev/null ;;
	esac || complain "$name is no test"
done

# What the tests name, in names of C functions and in comments.  T3 is the family of T3a to T3f; V4 and V6 are
# versions of IP.
text() { git ls-files -co --exclude-standard 'test/*.[ch]' 'test/*.script' | xargs cat; sed -n '/^#/p' test/live/*.sh; }
for id in $(text | grep -oE '\b([EVAIFSCNUTPBXG][0-9]{1,2}[a-f]?|MUST-[0-9]+)(_|\b)' | tr -d _ | sort -u); do
	case $id in
	V4 | V6) ;;
	*) grep -qE "^$id[a-f]?$" <<<"$ids" || complain "$id has no row, but a test names it" ;;
	esac
done
exit $bad
