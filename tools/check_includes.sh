#!/bin/sh
# check_includes.sh - includes run one way only (docs/design.md section 1)
#
# For each folder: the folders whose headers it may include.  The program and the VMM see sluice.h alone,
# and only proxy/, which implements it, sees both.
set -u
bad=0
complain() { echo "$1"; bad=1; }

while read -r from allowed; do
	for file in "$from"/*.[ch]; do
		[ -e "$file" ] || continue
		for inc in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$file"); do
			[ -e "$inc" ] || complain "$file: includes \"$inc\", which is not written from the root"
			case " $allowed " in
			*" ${inc%%/*} "*) ;;
			*) complain "$file: $from/ may not include \"$inc\"" ;;
			esac
		done
	done
done <<END
stack  stack
policy policy stack
link   link stack
dns    dns policy stack
tls    tls policy stack
http   http policy stack
proxy  proxy link http tls dns policy stack sluice.h
cli    cli sluice.h
vmm    vmm sluice.h
END

# Outside stack/ only its value headers are in use, but for proxy/, which composes everything.
values='addr|time|wire|siphash|ring|frame|pool|csum|eth_wire|arp_wire|ip_wire|icmp_wire|ndp_wire|tcp_wire|udp_wire'
found=$(grep -nE '^#include "stack/' policy/*.[ch] link/*.[ch] dns/*.[ch] tls/*.[ch] http/*.[ch] 2>/dev/null |
	grep -vE "\"stack/($values)\.h\"")
[ -z "$found" ] || complain "not a value header of stack/:
$found"

# The host's network and files are reached from link/ and proxy/ only.
found=$(grep -nE '^#include <(sys/socket|sys/epoll|sys/uio|netinet/.*|poll|unistd|fcntl|time|sys/time|sys/random)\.h>' \
	stack/*.[ch] policy/*.[ch] dns/*.[ch] tls/*.[ch] http/*.[ch] 2>/dev/null
	grep -n '^#include <stdio\.h>' stack/*.[ch])
[ -z "$found" ] || complain "the host is reached from link/ and proxy/ only:
$found"

# A header stands on its own, and sluice.h is also C99 and C++ to those who embed it.
for h in */*.h; do
	[ -e "$h" ] || continue
	${CC:-cc} -std=c11 -D_GNU_SOURCE -iquote . -Wall -Wextra -Werror -fsyntax-only -x c "$h" 2>/dev/null ||
		complain "$h: does not compile on its own"
done
${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c sluice.h || complain 'sluice.h: not C99'
if command -v g++ >/dev/null; then
	g++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ sluice.h || complain 'sluice.h: not C++'
fi
exit $bad
