# lib.sh - what the live tests share: a host of their own, guests, gateways, bounded waits
#
# Sourced first thing by each *_test.sh.  It starts the script again inside network, mount and pid namespaces
# of its own: that network is "the host" to sluice, /run and /etc can be changed freely, and everything that
# was started or made goes with the script, however it ends.  Guests are further network namespaces, named
# by `ip netns` in a /run that only this script sees.
#
#	guest namespace ── tap0 ── sluice serve ── sockets ── the script's own namespace ── veth ── others
#
# No test sleeps and then looks: await polls a condition.  Every command that could hang has a limit.
# shellcheck shell=bash
set -u
export LC_ALL=C SHELL=/bin/sh # what script(1) and the like start, whoever runs the tests

if [ "${LIVE_HOST:-}" != inside ]; then
	cd "$(dirname "$0")/../.." || exit 1
	name=${0##*/}
	[ "$(id -u)" = 0 ] || { echo "skip ${name%_test.sh} - it needs root to make a host"; exit 0; }
	SLUICE=$(realpath "${SLUICE:-build/release/sluice}") TOOLS=$(realpath "${BUILD:-build/release}")/test/live
	export SLUICE TOOLS LIVE_HOST=inside
	exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private "$PWD/test/live/$name"
fi
unset LIVE_HOST

# /run is this script's alone: names of namespaces, pid files, logs.
mount -t tmpfs -o mode=755 live /run || exit 1
mkdir -p /run/netns /run/live
W=/run/live
cd "$W" || exit 1
ip link set lo up
echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range

G4=10.0.2.2 G6=fd73:6c75:6963:65::2     # the gateway: the host's loopback
N4=10.0.2.3 N6=fd73:6c75:6963:65::3     # its name service
A4=10.0.2.15 A6=fd73:6c75:6963:65::15   # the guest

# The namespaces take everything with them: this script is process 1 of them, so also after SIGKILL.  Ending the
# children first lets sanitizers have their word on the way.
cleanup()
{
	trap - EXIT
	local left
	left=$(jobs -p)
	# shellcheck disable=SC2086  # a list of pids
	[ -z "$left" ] || kill -TERM $left 2>/dev/null
	exit "${1:-0}"
}
trap 'cleanup $?' EXIT
trap 'cleanup 1' INT TERM HUP

# --- results --------------------------------------------------------------------------------------------

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1 - $2" | tr '\n' ' ' | cut -c 1-600; }
check() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }     # NAME WANTED GOT
contains() { case $3 in *"$2"*) ok "$1" ;; *) not_ok "$1" "no '$2' in '$3'" ;; esac; }         # NAME PART WHOLE
lacks() { case $3 in *"$2"*) not_ok "$1" "there is '$2' in '$3'" ;; *) ok "$1" ;; esac; }

# A command within a minute.
soon() { timeout -k 5 60 "$@"; }

# await CONDITION: until it is true, 20 s at most
await()
{
	local i
	for ((i = 0; i < 500; i++)); do
		eval "$1" 2>/dev/null && return 0
		sleep 0.04
	done
	return 1
}

ended() { case $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) in '' | Z | X) return 0 ;; esac; return 1; }

# --- guests and gateways --------------------------------------------------------------------------------

in_ns() { local ns=$1; shift; nsenter --net="/run/netns/$ns" -- "$@"; }
guest() { in_ns guest timeout -k 5 60 "$@"; }

declare -A gateway_log

# gateway NAME COMMAND...: starts a gateway, its words in $W/NAME.err; its pid is in $gateway when it is ready
gateway()
{
	local name=$1
	shift
	rm -f "$W/$name.pid"
	"$@" --pid "$W/$name.pid" 2>"$W/$name.err" &
	gateway=$!
	gateway_log[$gateway]=$W/$name.err
	await "[ -s $W/$name.pid ] || ended $gateway"
	[ -s "$W/$name.pid" ] || { not_ok "$name starts" "$(cat "$W/$name.err")"; return 1; }
}

# serve NETNS [OPTIONS]: a gateway for the guest in that namespace, which is configured
serve()
{
	local ns=$1
	shift
	[ -e "/run/netns/$ns" ] || ip netns add "$ns"
	gateway "$ns" "$SLUICE" serve "tap:tap0@/run/netns/$ns" --configure "$@"
}

# stop [PID]: ends a gateway.  One that lost memory, or met anything a sanitizer knows, does not end with 0.
stop()
{
	local pid=${1:-$gateway} status
	kill -TERM "$pid"
	await "ended $pid" || { kill -KILL "$pid"; not_ok "a gateway ends with SIGTERM" "$(cat "${gateway_log[$pid]}")"; }
	wait "$pid"
	status=$?
	[ $status = 0 ] || not_ok "a gateway ends with status 0" "$status: $(tail -c 500 "${gateway_log[$pid]}")"
}

# --- servers --------------------------------------------------------------------------------------------

# start LOG COMMAND...: a server in the background that says "ready"; its pid is in $server
start()
{
	local log=$1
	shift
	: >"$log"
	timeout -k 5 170 "$@" >"$log" 2>&1 &
	server=$!
	await "grep -q ready '$log' || ended $server"
	grep -q ready "$log" || { not_ok "$1 starts" "$(cat "$log")"; return 1; }
}

# start_in NETNS LOG COMMAND...: the same in another namespace
start_in() { local ns=$1 log=$2; shift 2; start "$log" nsenter --net="/run/netns/$ns" -- "$@"; }

# finish STATUS: waits for the server of start() whose client ended so; one whose client failed never ends
finish()
{
	[ "$1" = 0 ] || kill "$server" 2>/dev/null
	wait "$server"
	return 0
}

# end PID...: ends servers of start()
end()
{
	local p
	for p; do
		kill "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
	return 0
}

stream() { soon "$TOOLS/stream" "$@"; }
dgram() { soon "$TOOLS/dgram" "$@"; }

# wire NETNS1 IF1 NETNS2 IF2: a cable between two namespaces; "-" is the host
wire()
{
	local netns1=() netns2=()
	[ "$1" = - ] || netns1=(netns "$1")
	[ "$3" = - ] || netns2=(netns "$3")
	ip link add "$2" "${netns1[@]}" type veth peer name "$4" "${netns2[@]}"
}

# at NETNS COMMAND...: there
at() { local ns=$1; shift; if [ "$ns" = - ]; then "$@"; else in_ns "$ns" "$@"; fi; }

# address NETNS IF ADDR/PLEN...: up, without waiting for duplicate address detection
address()
{
	local ns=$1 dev=$2 a
	shift 2
	at "$ns" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$dev/accept_dad"
	at "$ns" ip link set "$dev" up
	for a; do
		case $a in *:*) at "$ns" ip addr add "$a" dev "$dev" nodad ;; *) at "$ns" ip addr add "$a" dev "$dev" ;; esac
	done
}
