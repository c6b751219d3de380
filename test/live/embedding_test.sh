#!/bin/bash
# embedding_test.sh - the program in docs/embedding.md does what that page says it prints
#
# The Makefile cuts it out of the page and builds it against the static library.
cd "$(dirname "$0")/../.." || exit 1
want=$(awk '/^It prints$/ { here = 1; next } here && /^```$/ { if (on) exit; on = 1; next } on' docs/embedding.md)
got=$(timeout 20 build/release/embedding 2>&1)
status=$?
if [ $status != 0 ]; then
	echo "not ok embedding - it ended with status $status: $got"
elif [ -z "$want" ] || [ "$got" != "$want" ]; then
	printf 'not ok embedding - it printed other than the page says\n%s\n' "$got"
else
	echo 'ok embedding'
fi
