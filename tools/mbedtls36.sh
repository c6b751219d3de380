#!/bin/bash
# mbedtls36.sh DIR - Mbed TLS 3.6 from a newer Debian suite, unpacked under DIR; nothing of the system is touched
#
# Debian 12 has Mbed TLS 2.28, without TLS 1.3.  The packages of a newer suite hold static archives that an older C library links
# with, so they are downloaded and unpacked, and the tests of TLS run against them, too (`make test-tls36`).
#
# Where from: the mirror this machine's apt is configured with for Debian itself.  What is fetched is checked as apt checks it: the
# suite's Release is signed by a key of this machine's Debian keyring, and names what each package hashes to.  Lists, cache and status
# are under DIR: neither root nor the system's apt are involved.
#
# Leaves DIR/include, DIR/lib (three archives) and, once whole, DIR/version.  With that there, nothing is done.
# MBEDTLS36_SUITE: another suite than trixie.  The exit status is 2 where it cannot be had (no network, no apt), 1 if it should.
set -u
export LC_ALL=C
[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 1; }
suite=${MBEDTLS36_SUITE:-trixie}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages='libmbedtls-dev libmbedcrypto16 libmbedx509-7 libmbedtls21'

mkdir -p "$1" || exit 1
dir=$(cd "$1" && pwd) || exit 1
[ ! -s "$dir/version" ] || exit 0

# One at a time: several builds may ask at once.
exec 9>"$dir/lock"
command -v flock >/dev/null 2>&1 && flock 9
[ ! -s "$dir/version" ] || exit 0

cannot() { echo "mbedtls36: $1" >&2; exit 2; }

command -v apt-get >/dev/null 2>&1 || cannot 'there is no apt here; give a Mbed TLS 3.6 with MBEDTLS=DIR'
command -v dpkg-deb >/dev/null 2>&1 || cannot 'there is no dpkg-deb here'
[ -r "$keyring" ] || cannot "there is no Debian keyring here ($keyring)"

# Debian's own archive as this machine's apt has it: the first entry that is for its release and no security suite.  Asked of apt,
# which knows only what it has lists of; without lists, of its sources.
mirror()
{
	local found codename
	# shellcheck disable=SC2016  # apt's own names
	found=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN) $(CREATED_BY)' 2>/dev/null |
		awk '$3 == "main" && $4 == "Debian" && $5 == "Packages" && $2 !~ /security|backports/ { print $1; exit }')
	[ -z "$found" ] || { echo "$found"; return; }
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	{
		awk -v RS= -v name="$codename" '
			$0 ~ "(^|\n)Suites:([^\n]*[ \t])?" name "([ \t\n]|$)" {
				n = split($0, line, "\n")
				for (i = 1; i <= n; i++) if (sub(/^URIs:[ \t]*/, "", line[i])) { split(line[i], u, " "); print u[1] }
			}' /etc/apt/sources.list.d/*.sources
		sed -nE "s#^deb ([[][^]]*[]] )?(https?://[^ ]*) $codename .*#\\2#p" \
			/etc/apt/sources.list /etc/apt/sources.list.d/*.list
	} 2>/dev/null | head -n 1
}

site=$(mirror)
[ -n "$site" ] || cannot 'apt is configured with no mirror of Debian here'

state=$dir/apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts" || exit 1
printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$site" "$suite" >"$state/sources.list"
: >"$state/status"

apt()
{
	timeout -k 10 120 "$@" -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/parts" \
		-o Dir::Etc::preferencesparts="$state/parts" -o Dir::Etc::preferences=/dev/null \
		-o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::status="$state/status" \
		-o APT::Default-Release= -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::Languages=none \
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 </dev/null
}

# Mirrors hiccup.
retry()
{
	for pause in 1 4 0; do
		"$@" && return 0
		[ "$pause" = 0 ] || sleep "$pause"
	done
	return 1
}

# An unsigned or wrongly signed Release is an error here, not a warning.
update() { apt apt-get update -o APT::Update::Error-Mode=any >"$dir/log" 2>&1; }
# shellcheck disable=SC2086  # a list of packages
download() { (cd "$state/cache/archives" && apt apt-get download $packages >>"$dir/log" 2>&1); }

retry update || { tail -n 3 "$dir/log" >&2; cannot "the lists of Debian $suite cannot be fetched"; }
rm -f "$state"/cache/archives/*.deb
retry download || { tail -n 3 "$dir/log" >&2; cannot "the packages of Debian $suite cannot be fetched"; }

rm -rf "${dir:?}/root" "${dir:?}/include" "${dir:?}/lib"
mkdir -p "$dir/root" "$dir/lib" || exit 1
for deb in "$state"/cache/archives/*.deb; do
	dpkg-deb -x "$deb" "$dir/root" || exit 1
done
cp -R "$dir/root/usr/include" "$dir/include" || exit 1
for lib in mbedtls mbedx509 mbedcrypto; do
	cp "$dir"/root/usr/lib/*/lib$lib.a "$dir/lib/" || exit 1
done
rm -rf "$dir/root" "$state"
version=$(sed -n 's/^#define MBEDTLS_VERSION_STRING  *"\(.*\)"/\1/p' "$dir/include/mbedtls/build_info.h")
[ -n "$version" ] || { echo 'mbedtls36: what came is no Mbed TLS 3.6' >&2; exit 1; }
echo "$version" >"$dir/version"
echo "mbedtls36: Mbed TLS $version of Debian $suite is in ${1#"$PWD"/}"
