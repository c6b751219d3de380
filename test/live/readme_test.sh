#!/bin/bash
# readme_test.sh - the tour of README.md: its commands are run, and must print what stands there
#
# The commands are the lines that begin with "$ " in its blocks of kind `console`, run in order by one shell of
# an ordinary user, in a copy of what the reader has after `make`.  Figures that differ from run to run (times,
# counts of frames, memory, ids) are not compared.  The host is a network namespace made here.  With the
# argument "show" it prints what the commands print now, for README.md.
cd "$(dirname "$0")/../.." || exit 1
set -u
export LC_ALL=C
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo 'skip readme - it needs root to make a host'; exit 0; }
	exec unshare -n -m -p --fork --kill-child --mount-proc --propagation private "$0" inside "$@"
fi
shift
ip link set lo up
echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
mount -t tmpfs -o mode=755 none /dev/net
mknod /dev/net/tun c 10 200 && chmod 666 /dev/net/tun

user=1234
dir=$(mktemp -d /tmp/readme.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/home" "$dir/home/build"
cp "${SLUICE:-build/sluice}" "$dir/home/build/sluice"
cp -r docs "$dir/home/docs"
chmod 755 "$dir"
chown -R $user:$user "$dir/home"

# Each command, numbered, and what README.md says it prints.
awk -v dir="$dir" '
	/^```console$/ { on = 1; next }
	/^```$/ { on = 0 }
	!on { next }
	/^\$ / { n++; print substr($0, 3) >(dir "/command." n); printf "" >(dir "/want." n); next }
	n { print >(dir "/want." n) }
	END { print n >(dir "/count") }' README.md
count=$(cat "$dir/count")

# One who types sees when a background command has settled: then all sleep for a while.  10 s at most.
cat >"$dir/script" <<'END'
settle()
{
	local tries still=0 state
	for ((tries = 0; tries < 500 && still < 15; tries++)); do
		still=$((still + 1))
		for stat in /proc/[0-9]*/stat; do
			[ "$stat" != "/proc/$$/stat" ] && read -r state <"$stat" || continue
			case ${state##*) } in R* | D*) still=0 ;; esac
		done 2>/dev/null
		read -r -t 0.02 <>"$HOME/../never"
	done
}
END
mkfifo -m 666 "$dir/never"

# The shell reads the commands as if they were typed, with a mark before each; all they say goes to one file.
for ((i = 1; i <= count; i++)); do
	printf 's=$?; echo "@@ %d"; (exit $s)\n' "$i"
	cat "$dir/command.$i"
	! grep -qE '&( [a-z]+=\$!)?$' "$dir/command.$i" || echo settle
done >>"$dir/script"
(cd "$dir/home" && HOME=$dir/home timeout 120 setpriv --reuid $user --regid $user --clear-groups \
	bash "$dir/script" >"$dir/output" 2>&1)
awk -v dir="$dir" '/^@@ / { f = dir "/got." $2; printf "" >f; next } f { print >f }' "$dir/output"

if [ "${1:-}" = show ]; then
	for ((i = 1; i <= count; i++)); do
		sed 's/^/$ /' "$dir/command.$i"
		cat "$dir/got.$i"
	done
	exit 0
fi

# What may differ between two runs.
plain()
{
	sed -E -e 's/[ \t\r]+$//' -e 's/time[= ][0-9.]+ ?ms/time #/' -e 's/after [0-9]+ ms/after #/' \
		-e 's/= [0-9.]+(\/[0-9.]+)+ ms/= #/' -e 's/summary of [0-9.]+ s/summary of #/' -e 's/[0-9]+ s ago/# s ago/' -e 's/id [0-9]+,/id #,/' \
		-e '/^  (frames|memory|dropped) |  eth_dest$/s/ *[0-9.]+( [KM]iB)?/ #/g' -e '/^ +payload /s/[0-9]+ bytes to the host/# to the host/'
}

echo "1..$count"
for ((i = 1; i <= count; i++)); do
	touch "$dir/got.$i"
	if cmp -s <(plain <"$dir/want.$i") <(plain <"$dir/got.$i"); then
		printf 'ok readme: %s\n' "$(cat "$dir/command.$i")"
	else
		printf 'not ok readme: %s - it printed other than README.md says\n' "$(cat "$dir/command.$i")"
		diff "$dir/want.$i" "$dir/got.$i" | sed 's/^/  /'
	fi
done
