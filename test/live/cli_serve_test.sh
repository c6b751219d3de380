#!/bin/bash
# cli_serve_test.sh - `sluice serve`: taps made and found, namespaces by path and by pid, and how it ends
cd "$(dirname "$0")/../.." || exit 1
set -u
SLUICE=$(realpath "${SLUICE:-build/sluice}")
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "skip cli_serve - it needs root to make namespaces"; exit 0; }
	exec unshare -n -m --propagation private "$0" inside
fi
ip link set lo up
W=$(mktemp -d /tmp/cli_serve.XXXXXX)
chmod 755 "$W"
cp "$SLUICE" "$W/sluice"
SLUICE=$W/sluice
# Named namespaces of our own, in a place nobody else sees.
mkdir -p /run/netns
mount -t tmpfs none /run/netns
PIDS=()
trap 'for p in "${PIDS[@]}"; do kill -KILL "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$W"' EXIT
trap 'exit 1' INT TERM

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1 - $2"; }
check() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
contains() { case $3 in *"$2"*) ok "$1" ;; *) not_ok "$1" "no '$2' in '$3'" ;; esac; }
await() { local i; for i in $(seq 200); do eval "$1" && return 0; sleep 0.05; done; return 1; }
# In the background until it is ready; $p is sluice itself.
serve() { rm -f "$W/pid"; "$SLUICE" serve --pid "$W/pid" "$@" 2>"$W/err" & p=$!; PIDS+=("$p"); await '[ -s $W/pid ]'; }
refused() { timeout 30 "$SLUICE" serve "$@" 2>"$W/err"; echo $?; }
links() { ip -n "$1" -br link | awk '{ print $1 }' | tr '\n' ' '; }

ip netns add box

# --- a tap that is made
serve "tap:t0@/run/netns/box" --stats
check 'the pid file holds its pid' "$p" "$(cat "$W/pid")"
check 'the tap is there' 'lo t0 ' "$(links box)"
contains 'and up' 'UP' "$(ip -n box -br link show t0)"
contains 'MTU 1500' 'mtu 1500' "$(ip -n box link show t0)"
check 'without addresses' '' "$(ip -n box -4 addr show t0)"
check 'not in the host' 'lo' "$(ls /proc/sys/net/ipv4/conf | grep -vx -e all -e default | tr -d '\n')"
ip -n box addr add 10.0.2.15/24 dev t0
check 'the gateway answers a guest that configures itself' 0 "$(ip netns exec box ping -c 1 -W 5 10.0.2.2 >"$W/out" 2>&1; echo $?)"
check 'a second one is refused' 1 "$(refused "tap:t0@/run/netns/box")"
kill -TERM "$p"
wait "$p"
check 'SIGTERM ends it well' 0 $?
check 'the tap is gone' 'lo ' "$(links box)"
[ ! -e "$W/pid" ] && ok 'the pid file is gone' || not_ok 'the pid file is gone' 'it is there'

serve "tap:t0@/run/netns/box" --stats
kill -INT "$p"
wait "$p"
check 'SIGINT ends it well' 0 $?
contains 'with the summary' 'sluice: summary of' "$(cat "$W/err")"

# --- configured
serve "tap:t0@/run/netns/box" --configure --mac 52:54:00:00:00:07 --mtu 9000 --guest 192.168.7.5/24
seen=$(ip -n box addr show t0)
contains 'address' 'inet 192.168.7.5/24' "$seen"
contains 'IPv6 address' 'fd73:6c75:6963:65::15/64' "$seen"
contains 'MAC' '52:54:00:00:00:07' "$seen"
contains 'MTU' 'mtu 9000' "$seen"
contains 'route' 'default via 192.168.7.2 dev t0' "$(ip -n box route)"
check 'the gateway answers' 0 "$(ip netns exec box ping -c 1 -W 5 192.168.7.2 >"$W/out" 2>&1; echo $?)"
check 'and IPv6' 0 "$(ip netns exec box ping -c 1 -W 5 fd73:6c75:6963:65::2 >"$W/out" 2>&1; echo $?)"

# --- the tap is taken away
ip -n box link del t0
wait "$p"
check 'a tap that vanishes is an error' 1 $?
contains 'that is said' 't0' "$(cat "$W/err")"
check 'in one sentence' 1 "$(wc -l <"$W/err")"

# --- killed
serve "tap:t0@/run/netns/box"
kill -KILL "$p"
wait "$p" 2>/dev/null
await '[ "$(links box)" = "lo " ]' && ok 'killed: the tap is gone' || not_ok 'killed: the tap is gone' "$(links box)"

# --- a tap that exists belongs to whoever made it
ip -n box tuntap add t1 mode tap vnet_hdr
ip -n box link set t1 mtu 1400
serve "tap:t1@/run/netns/box"
kill -TERM "$p"
wait "$p"
contains 'a tap that was there stays, with its MTU' 'mtu 1400' "$(ip -n box link show t1)"
serve "tap:t1@/run/netns/box" --mtu 1300
contains '--mtu changes it' 'mtu 1300' "$(ip -n box link show t1)"
kill -TERM "$p"
wait "$p"
ip -n box link set t1 mtu 600
check 'an MTU that cannot be served' 1 "$(refused "tap:t1@/run/netns/box")"
contains 'is explained' '--mtu' "$(cat "$W/err")"

# --- this namespace, and one by pid
serve tap:t2
check 'without a namespace: this one' 'UNKNOWN' "$(ip -br link show t2 | awk '{ print $2 }')"
kill -TERM "$p"
wait "$p"
ip netns exec box sleep 1000 &
holder=$!
PIDS+=("$holder")
await '[ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
serve "tap:t3@$holder"
contains 'by pid' 't3' "$(links box)"
kill -TERM "$p"
wait "$p"

# --- an ordinary user, and a user namespace of theirs
mount -t tmpfs none /dev/net
mknod -m 666 /dev/net/tun c 10 200
setpriv --reuid 1234 --regid 1234 --clear-groups unshare -Urn sh -c "exec sleep 1000" 2>/dev/null &
holder=$!
PIDS+=("$holder")
await '[ "$(readlink /proc/$holder/ns/user)" != "$(readlink /proc/self/ns/user)" ]'
rm -f "$W/pid"
mkdir "$W/user" && chown 1234 "$W/user"
setpriv --reuid 1234 --regid 1234 --clear-groups "$SLUICE" serve "tap:t4@$holder" --configure --pid "$W/user/pid" &
p=$!
PIDS+=("$p")
await '[ -s $W/user/pid ]'
contains 'the namespace of an ordinary user' '10.0.2.15/24' "$(nsenter -t "$holder" -U -n ip addr show t4)"
kill -TERM "$p"
wait "$p"
check 'ends well' 0 $?
check 'a namespace of somebody else' 1 "$(setpriv --reuid 1234 --regid 1234 --clear-groups "$SLUICE" serve tap:t5@/run/netns/box 2>"$W/err"; echo $?)"
contains 'is explained' 'root' "$(cat "$W/err")"

# --- what cannot be
check 'a namespace that is not there' 1 "$(refused tap:t9@/run/netns/none)"
contains 'is named' '/run/netns/none' "$(cat "$W/err")"
check 'a file that is no namespace' 1 "$(refused tap:t9@/etc/passwd)"
check 'another kind of namespace' 1 "$(refused tap:t9@/proc/self/ns/mnt)"
check 'a pid that nobody has' 1 "$(refused tap:t9@2147483646)"
serve tap:t6 -p 127.0.0.1:7009
check 'a port that is taken' 1 "$(refused tap:t7 -p 127.0.0.1:7009)"
contains 'is named' '7009' "$(cat "$W/err")"
ip -br link show t7 >"$W/out" 2>&1
contains 'and nothing is half started' 'does not exist' "$(cat "$W/out")"
