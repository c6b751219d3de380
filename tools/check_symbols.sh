#!/bin/sh
# check_symbols.sh - what the compiled library asks for, keeps and offers (docs/design.md section 1)
#
# Reads build/plain, objects without hardening flags, so that every symbol is the source's own doing, and
# the libraries as they are installed.
set -u
bad=0
complain() { printf '%s\n' "$1" | sed '2,$s/^/	/'; bad=1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# stack/ needs nobody: not the kernel, not the allocator, not the clock.
if ls build/plain/stack/*.o >/dev/null 2>&1; then
	ld -r -o "$tmp/stack.o" build/plain/stack/*.o || exit 1
	found=$(nm -u "$tmp/stack.o" | awk '{ print $2 }' |
		grep -vxE 'memcpy|memmove|memset|memcmp|__assert_fail|_GLOBAL_OFFSET_TABLE_')
	[ -z "$found" ] || complain "stack/ asks for names from outside:
$found"
fi

# Decisions, messages and readers are pure: text is formatted there, but nothing is opened, read, sent or timed.
found=$(nm -A -u build/plain/policy/*.o build/plain/dns/*.o build/plain/tls/*.o build/plain/http/*.o 2>/dev/null |
	awk '{ print $1, $3 }' |
	grep -E ' (f?open(at|64)?|fdopen|fread|fgets|fwrite|fputs|f?printf|puts|read(v)?|write(v)?|socket|connect|send.*|recv.*|poll|time|clock_gettime|gettimeofday|getrandom|getaddrinfo|getenv|ldns_resolver.*|ldns_.*2str|ldns_.*_print)$')
[ -z "$found" ] || complain "asked for, where only link/ and proxy/ may:
$found"

# Two gateways in one process are boring: no object has a variable of its own.
found=$(nm -A build/plain/*/*.o 2>/dev/null | grep -v '^build/plain/\(cli\|vmm\)/' |
	awk '$2 ~ /^[bBcCdDgGsS]$/ { print $1, $3 }')
[ -z "$found" ] || complain "mutable globals:
$found"

# The archive is one object and offers sluice.h alone.
[ "$(ar t build/libsluice.a)" = libsluice.o ] || complain "build/libsluice.a is not one object:
$(ar t build/libsluice.a)"
found=$(nm -g --defined-only build/libsluice.a | awk 'NF == 3 && $3 !~ /^sluice_/ { print $3 }')
[ -z "$found" ] || complain "build/libsluice.a offers names that are not sluice_*:
$found"
for so in build/libsluice.so.*; do
	found=$(nm -D --defined-only "$so" | awk '$3 !~ /^(sluice_|SLUICE_)/ { print $3 }')
	[ -z "$found" ] || complain "$so offers names that are not sluice_*:
$found"
done

# Every function that sluice.h promises is there.
nm -g --defined-only build/libsluice.a | awk 'NF == 3 { print $3 }' | sort >"$tmp/have"
sed -n 's/^SLUICE_API .*[ *]\(sluice_[a-z0-9_]*\)(.*/\1/p' sluice.h | sort >"$tmp/want"
found=$(comm -13 "$tmp/have" "$tmp/want")
[ -z "$found" ] || complain "sluice.h declares what the library lacks:
$found"
exit $bad
