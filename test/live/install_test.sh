#!/bin/bash
# install_test.sh - what `make install` leaves: a header, two libraries and a .pc that C and C++ programs build with
#
# builds: release
# A program is built and run against the shared library and the static one, as pkg-config says, and the header is
# read by the strictest of each language.
cd "$(dirname "$0")/../.." || exit 1
ok() { echo "ok $1"; }
not_ok() { printf 'not ok %s - %s\n' "$1" "$(echo "$2" | tr '\n' ' ' | cut -c 1-400)"; }
try() { local name=$1 out; shift; if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$out"; fi; }
command -v pkg-config >/dev/null || { echo 'skip install - there is no pkg-config'; exit 0; }

at=$(mktemp -d) || exit 1
trap 'rm -rf "$at"' EXIT
export PKG_CONFIG_PATH=$at/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$at LD_LIBRARY_PATH=$at/usr/lib
# Of the make that runs the tests its variables count: with others it would all be built anew, under the other tests' feet.
case ${MAKEFLAGS-} in
*' -- '*) export MAKEFLAGS=" -- ${MAKEFLAGS##* -- }" ;;
*) unset MAKEFLAGS ;;
esac
unset MFLAGS MAKELEVEL
try 'make install' timeout 300 make -s install DESTDIR="$at" PREFIX=/usr

cat >"$at/user.c" <<'END'
#include <sluice.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
	struct sluice_config cfg;
	struct sluice_port_config pc;
	struct sluice_derived d;
	char err[256];
	sluice_config_init(&cfg);
	sluice_port_config_init(&pc);
	memset(&d, 0, sizeof(d));
	d.size = sizeof(d);
	if (sluice_derive(NULL, 7, &d, err, sizeof(err)) != 0)
		return puts(err), 1;
	sluice_config_derived(&cfg, &d);
	cfg.link_kind = SLUICE_LINK_PORT;
	cfg.port = sluice_port_new(&pc, err, sizeof(err));
	struct sluice *s = cfg.port ? sluice_new(&cfg, err, sizeof(err)) : NULL;
	if (!s)
		return puts(err), 1;
	sluice_stop(s);
	int r = sluice_run(s);
	sluice_free(s);
	sluice_port_free(cfg.port);
	printf("%s %d\n", sluice_version(), r);
	return 0;
}
END
cp "$at/user.c" "$at/user.cc"
version=$(sed -n 's/^#define SLUICE_VERSION_[A-Z]* //p' sluice.h | paste -sd.)

# The header alone, as strictly as there is
printf '#include <sluice.h>\nint header_only;\n' | tee "$at/h.c" >"$at/h.cc"
for std in c99 c11; do
	try "the header is $std" cc -std=$std -Wall -Wextra -pedantic -Werror -I "$at/usr/include" -fsyntax-only "$at/h.c"
done
if command -v c++ >/dev/null; then
	try 'the header is C++17' c++ -std=c++17 -Wall -Wextra -pedantic -Werror -I "$at/usr/include" -fsyntax-only "$at/h.cc"
else
	echo 'skip the header is C++17 - there is no C++ compiler'
fi

# builds NAME COMPILER SOURCE FLAGS...: it builds, runs and says its version
builds()
{
	local name=$1 cc=$2 src=$3 out
	shift 3
	command -v "$cc" >/dev/null || { echo "skip $name - there is no $cc"; return; }
	if ! out=$("$cc" -Wall -Wextra -Werror -o "$at/user" "$src" "$@" 2>&1); then
		not_ok "$name" "$out"
	elif out=$(timeout 20 "$at/user" 2>&1) && [ "$out" = "$version 0" ]; then
		ok "$name"
	else
		not_ok "$name" "wanted '$version 0', got '$out'"
	fi
}
flags=$(pkg-config --cflags --libs sluice) static=$(pkg-config --static --cflags --libs sluice)
# shellcheck disable=SC2086  # lists of words
{
	builds 'C, shared' cc "$at/user.c" $flags
	ldd "$at/user" 2>/dev/null | grep -q "$at/usr/lib/libsluice.so" && ok 'it is the shared library' ||
		not_ok 'it is the shared library' "$(ldd "$at/user")"
	builds 'C++, shared' c++ "$at/user.cc" $flags
	builds 'C, static' cc "$at/user.c" -static $static
	builds 'C++, static' c++ "$at/user.cc" -static $static
}

# What it exports: the names of the header, in one version, and nothing else
odd=$(nm -D --defined-only --with-symbol-versions "$at"/usr/lib/libsluice.so |
	awk '$3 !~ /^sluice_[a-z0-9_]*@@SLUICE_0$/ && $3 !~ /^SLUICE_0/ { print $3 }')
[ -z "$odd" ] && ok 'only sluice_*, in version SLUICE_0' || not_ok 'only sluice_*, in version SLUICE_0' "$odd"
declared=$(sed -n 's/^SLUICE_API .*[ *]\(sluice_[a-z0-9_]*\)(.*/\1/p' sluice.h | sort -u)
exported=$(nm -D --defined-only "$at"/usr/lib/libsluice.so | awk '$2 == "T" { print $3 }' | sed 's/@.*//' | sort -u)
differ=$(comm -3 <(echo "$declared") <(echo "$exported"))
[ -z "$differ" ] && ok 'each name of the header is there' || not_ok 'each name of the header is there' "$differ"
