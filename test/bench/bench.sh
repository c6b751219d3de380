#!/bin/bash
# bench.sh [-r RUNS] [-t SECONDS] [-g "GATEWAYS"] [--json FILE] [ROW...] - sluice beside its peers
#
# The same work through every gateway that is installed, in one run, the gateways taking turns, so that what
# else the machine does troubles all alike: ratios are to be trusted, absolute figures less.
#
# What it makes, and removes when it ends:
#   sb<PID>_h          the host: servers on its loopback; the gateways run here, so nothing of it can reach
#                      the machine's own network
#   sb<PID>_<GATEWAY>  one guest for each gateway: a network namespace with a tap that the gateway serves
# The guest reaches the host's loopback through the gateway's address, 10.0.2.2, which a rule allows.
#
# ROWs (default: all; patterns as the shell's, "tcp*"):
#   tcp_up tcp_down tcp8_up tcp8_down              1 or 8 streams, MTU 1500; seen from the guest
#   jumbo_up jumbo_down jumbo8_up jumbo8_down      the same, MTU 65520
#   rr udp_rr       one byte to and fro: the gateway's CPU for each, the latency beside it; RUNS is at least 10
#   crr             connect, request, reply, close; 16 at once
#   udp_up udp_down the highest rate of 1400-byte datagrams that loses less than 1 %
#   idle            memory with 9,000 idle connections, latency beside them
#   flood           10,000 SYNs a second from the guest, all refused: latency of an old connection beside them, in times of what it
#                   was just before, and how long a new one takes
#   port            the whole gateway on the in-process port, beside a plain loop of writev(2) or readv(2), and
#                   the port's rings with no stack behind them
#   socket          the links behind sockets, stream and datagrams, with no stack behind them
#   stack           the stack alone on an in-process port, no kernel behind it: Gbit/s, ns for each segment
#   dns_cached dns_forwarded   names asked for, answered from the cache or by a server behind it; beside dnsmasq
#   tls_down tls_up tls_connect tls_held_bytes   connections that are opened: bulk, whole connections, heap of one; beside mitmproxy
#   tls_turn tls_bare   the longest turn of the loop meanwhile; two ends of the same library with nothing between them
#   policy          a policy with 1,000,000 blocked names and 100,000 networks: loading, memory, ns for each decision
#   tls             two bare TLS ends in memory: handshakes, bytes, heap; what an intercepted connection is held against
#   start           from exec to the first answer, at least 10 times; memory when idle
# Gateways: sluice, pasta, slirp4netns.
#
# The results are JSON lines, one a run, in build/bench.jsonl unless --json names a file; table.py makes the
# table of it.  Root is needed.  Every client and server has a life limit of its own, and only processes
# started here are ended.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

runs=3 seconds=3 gateways="sluice pasta slirp4netns" json=build/bench.jsonl rows=()
while [ $# -gt 0 ]; do
	case $1 in
	-r) runs=$2; shift ;;
	-t) seconds=$2; shift ;;
	-g) gateways=$2; shift ;;
	--json) json=$2; shift ;;
	-*) sed -n '2,/^set -u/{/^#/p}' "$0" >&2; exit 2 ;;
	*) rows+=("$1") ;;
	esac
	shift
done
runs=${runs// /} seconds=${seconds// /}
[ ${#rows[@]} -gt 0 ] || rows=('*')
[ "$(id -u)" = 0 ] || { echo "bench: network namespaces are needed: run it as root" >&2; exit 2; }

name=sb$$ host=sb$$_h tools=$PWD/build/release/test/bench
guest=10.0.2.100 gateway=10.0.2.2 tap=tap0 life=3600
idle_connections=9000
declare -A pid version
servers=()
work=$(mktemp -d) || exit 1

say() { printf '%s\n' "$*" >&2; }

# On a terminal one line that changes, else a line when a row is done.
progress() { [ ! -t 2 ] || printf '\r%-12s run %d of %d  %-12s' "$@" >&2; }
progress_end() { if [ -t 2 ]; then printf '\r%50s\r' '' >&2; else say "measured $1"; fi; }

end_processes() # end_processes PID...
{
	local p
	for p; do kill "$p" 2>/dev/null; done
	for p; do
		for _ in {1..10}; do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
}

cleanup()
{
	trap - EXIT INT TERM
	end_processes "${pid[@]}" "${servers[@]}"
	for n in $host ${gateways// /$'\n'}; do
		case $n in $host) ;; *) n=${name}_$n ;; esac
		ip netns del "$n" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

on_host() { ip netns exec "$host" "$@"; }
background() { ip netns exec "$host" "$@" >"$work/${1##*/}.log" 2>&1 </dev/null & } # $! is the command itself
on_guest() { local g=$1; shift; ip netns exec "${name}_$g" "$@"; } # on_guest GATEWAY COMMAND...

namespace() # ports enough for many short connections
{
	ip netns add "$1" || exit 1
	ip -n "$1" link set lo up
	ip netns exec "$1" sh -c 'echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range
		echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'
}

setup()
{
	namespace "$host"
	# pasta takes addresses from an interface with a default route: this one leads nowhere.
	ip -n "$host" link add out type veth peer name nowhere
	ip -n "$host" addr add 198.51.100.1/24 dev out
	ip -n "$host" link set nowhere up
	ip -n "$host" link set out up
	ip -n "$host" route add default via 198.51.100.2
	background iperf3 -s -p 5201; servers+=($!)
	background "$tools/server" -l 127.0.0.1 -p 7000 -n 8 -t $life; servers+=($!)
	for g in $gateways; do namespace "${name}_$g"; done
	sleep 0.3
}

# The command that serves a guest, in the array `command`.  Debian's pasta is of 2023: connections to its
# gateway address reach the host's loopback without being asked to.
command_of() # command_of GATEWAY MTU
{
	local ns=/run/netns/${name}_$1
	case $1 in
	sluice) command=("$PWD/build/sluice" serve "tap:$tap@$ns" --mtu "$2" --guest $guest/24 --gateway $gateway
		--no-ipv6 -r 'allow to @host' "${sluice_options[@]}") ;;
	pasta) command=(pasta -q -f --runas 0 --netns "$ns" --config-net -I $tap -4 -m "$2" -a $guest -n 24
		-g $gateway -t none -u none -T none -U none) ;;
	slirp4netns) command=(slirp4netns --configure --mtu="$2" --netns-type=path "$ns" $tap) ;;
	esac
}

version_of()
{
	case $1 in
	sluice) build/sluice --version ;;
	pasta) dpkg-query -W -f '${Version}' passt 2>/dev/null || pasta --version 2>&1 | head -n 1 ;;
	slirp4netns) slirp4netns --version | awk '/^slirp4netns/ { v = $3 } /^libslirp/ { l = $2 } END { print v ", libslirp " l }' ;;
	esac
}

start() # start GATEWAY MTU; what the gateway left unset (address, route, MTU) is set here
{
	local ns=${name}_$1
	command_of "$1" "$2"
	background "${command[@]}"
	pid[$1]=$!
	for _ in $(seq 100); do
		ip -n "$ns" link show dev $tap >/dev/null 2>&1 && break
		kill -0 "${pid[$1]}" 2>/dev/null || break
		sleep 0.05
	done
	sleep 0.5
	if ! ip -n "$ns" link set dev $tap mtu "$2" up 2>/dev/null; then
		say "bench: $1 did not start: ${command[*]}"
		tail -n 5 "$work/${command[0]##*/}.log" >&2
		stop "$1"
		return 1
	fi
	ip -n "$ns" -4 addr show dev $tap | grep -q " $guest/" || ip -n "$ns" addr add $guest/24 dev $tap
	ip -n "$ns" -4 route show default | grep -q . || ip -n "$ns" route add default via $gateway dev $tap
	started+=("$1")
}

stop()
{
	end_processes "${pid[$1]}"
	unset "pid[$1]"
	ip -n "${name}_$1" link del $tap 2>/dev/null
	ip -n "${name}_$1" addr flush scope global 2>/dev/null
}

start_all() # start_all MTU: the gateways that came up are in `started`
{
	started=()
	for g in $gateways; do start "$g" "$1"; done
}

stop_all() { for g in "${started[@]}"; do stop "$g"; done; }

# --- one measurement -----------------------------------------------------------------------------------

cpu_ns() { cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ n += $1 } END { printf "%.0f", n }'; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status" 2>/dev/null || echo 0; }

# Up to 3 s for the machine to be quiet; prints the share of it that other work takes, in percent.
quiet()
{
	local a b share=0
	for _ in $(seq 10); do
		a=$(head -n 1 /proc/stat); sleep 0.2; b=$(head -n 1 /proc/stat)
		share=$(printf '%s\n%s\n' "$a" "$b" | awk '{ for (i = 2; i <= 9; i++) t[NR] += $i; idle[NR] = $5 + $6 }
			END { d = t[2] - t[1]; printf "%d", d ? 100 - 100 * (idle[2] - idle[1]) / d : 0 }')
		[ "$share" -ge 15 ] || break
	done
	echo "$share"
}

bulk() # bulk GATEWAY STREAMS [-R]: the congestion control most guests have, whatever this kernel prefers
{
	local g=$1 n=$2; shift 2
	on_guest "$g" timeout $((seconds + 15)) iperf3 -c $gateway -p 5201 -t "$seconds" -P "$n" -C cubic -J "$@" 2>/dev/null |
		python3 -c 'import json, sys
end = json.load(sys.stdin)["end"]
r = end["sum_received"]
print(json.dumps({"value": r["bits_per_second"] / 1e9, "amount": r["bytes"], "retransmits": end["sum_sent"].get("retransmits")}))' 2>/dev/null
}

load() { local g=$1; shift; on_guest "$g" timeout 120 "$tools/load" "$@"; }

# record ROW GATEWAY MTU JSON CPU_NS FOREIGN: one line of the results; the members of JSON go in as they are
record()
{
	local own=${4#\{}
	printf '{"row":"%s","gateway":"%s","version":"%s","mtu":%s,"cpu_ns":%s,"foreign":%s,%s\n' \
		"$1" "$2" "${version[$2]}" "$3" "$5" "$6" "${own:-\"error\":\"no result\"\}}" >>"$json"
}

# row NAME MTU RUNS COMMAND...: every gateway in turn, RUNS times; COMMAND gets the gateway's name put in for @
row()
{
	local r=$1 mtu=$2 n=$3 out cpu foreign; shift 3
	wanted "$r" || return 0
	for ((i = 1; i <= n; i++)); do
		for g in "${started[@]}"; do
			progress "$r" "$i" "$n" "$g"
			foreign=$(quiet)
			cpu=$(cpu_ns "${pid[$g]}")
			out=$("${@/#@/$g}")
			record "$r" "$g" "$mtu" "$out" $(($(cpu_ns "${pid[$g]}") - cpu)) "$foreign"
		done
	done
	progress_end "$r"
}

wanted() { local p; for p in "${rows[@]}"; do [[ $1 == $p ]] && return 0; done; return 1; }
any_wanted() { local r; for r; do wanted "$r" && return 0; done; return 1; }

# Idle connections are held by a client that waits for its standard input to end.
idle()
{
	local g=$1 up down rr before cpu holder
	before=$(rss_kb "${pid[$g]}")
	mkfifo "$work/hold.$g" || return
	on_guest "$g" timeout 180 "$tools/load" idle -c $gateway -p 7000 -n 8 -k $idle_connections -t 90 \
		<"$work/hold.$g" >"$work/idle.$g" & holder=$!
	exec 9>"$work/hold.$g"
	while [ ! -s "$work/idle.$g" ] && kill -0 $holder 2>/dev/null; do sleep 0.2; done
	up=$(head -n 1 "$work/idle.$g")
	sleep 0.5
	rr=$(load "$g" rr -c $gateway -p 7000 -t 2)
	cpu=$(cpu_ns "${pid[$g]}"); sleep 1; cpu=$(($(cpu_ns "${pid[$g]}") - cpu))
	printf '{"value":%s,"before_kb":%s,"idle_cpu_ns":%s,"up":%s,"p50":%s' "$(rss_kb "${pid[$g]}")" "$before" "$cpu" \
		"$(member up "$up")" "$(member p50 "$rr")"
	exec 9>&-
	wait $holder
	down=$(sed -n 2p "$work/idle.$g")
	printf ',"alive":%s}\n' "$(member alive "$down")"
}

# The flood is what a packet socket sends, to a port where nobody listens: a server would be what is measured.
flooded()
{
	local g=$1 calm rr crr flood
	calm=$(member p50 "$(load "$g" rr -c $gateway -p 7000 -t 1)")
	on_guest "$g" timeout 20 "$tools/flood" $tap $guest $gateway 9 10000 4 >/dev/null & flood=$!
	sleep 0.5
	rr=$(load "$g" rr -c $gateway -p 7000 -t 1)
	crr=$(member value "$(load "$g" crr -c $gateway -p 7000 -n 8 -j 1 -t 1)")
	wait $flood
	awk -v calm="$calm" -v rr="$(member p50 "$rr")" -v p99="$(member p99 "$rr")" -v crr="$crr" 'BEGIN {
		if (calm > 0 && rr > 0 && crr > 0)
			printf "{\"value\":%.2f,\"calm\":%s,\"p50\":%s,\"p99\":%s,\"open_ms\":%.3f}\n", rr / calm, calm, rr, p99, 1000 / crr }'
}

member() { local v; v=$(sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<<"$2"); echo "${v:-null}"; } # of a JSON object

first() # first GATEWAY: a gateway of its own, started for this
{
	command_of "$1" 1500
	on_host "$tools/first" -n "/run/netns/${name}_$1" -i $tap -a $guest -g $gateway -- "${command[@]}" 2>>"$work/first.log"
	ip -n "${name}_$1" link del $tap 2>/dev/null
}

starts()
{
	wanted start || return 0
	sluice_options=()
	for ((i = 1; i <= at_least_10; i++)); do
		for g in "${started[@]}"; do
			progress start "$i" "$at_least_10" "$g"
			record start "$g" 1500 "$(first "$g")" 0 "$(quiet)"
		done
	done
	progress_end start
}

. test/bench/dns.sh
. test/bench/tls.sh

# --- all of it -------------------------------------------------------------------------------------------

available=
for g in $gateways; do
	case $g in sluice) c=build/sluice ;; *) c=$g ;; esac
	if command -v "$c" >/dev/null 2>&1; then
		available+="$g "
		version[$g]=$(version_of "$g" | head -n 1)
	else
		say "bench: $g is not installed: left out"
	fi
done
gateways=${available% }
at_least_10=$((runs > 10 ? runs : 10))
ulimit -n "$(ulimit -Hn)"
mkdir -p "$(dirname "$json")"
: >"$json"
setup

read -ra started <<<"$gateways"
starts
if any_wanted tcp_up tcp_down tcp8_up tcp8_down rr udp_rr crr udp_up udp_down idle flood; then
	sluice_options=(--max-tcp 16384)
	start_all 1500
	row tcp_up    1500 "$runs" bulk @ 1
	row tcp_down  1500 "$runs" bulk @ 1 -R
	row tcp8_up   1500 "$runs" bulk @ 8
	row tcp8_down 1500 "$runs" bulk @ 8 -R
	row rr        1500 $at_least_10 load @ rr -c $gateway -p 7000 -t 1
	row udp_rr    1500 $at_least_10 load @ udp_rr -c $gateway -p 7000 -t 1
	row crr       1500 "$runs" load @ crr -c $gateway -p 7000 -n 8 -j 16 -t "$seconds"
	row udp_up    1500 "$runs" load @ udp_up -c $gateway -p 7000 -t 0.5
	row udp_down  1500 "$runs" load @ udp_down -c $gateway -p 7000 -t 0.5
	row idle      1500 1 idle @
	row flood     1500 "$runs" flooded @
	stop_all
fi
if any_wanted jumbo_up jumbo_down jumbo8_up jumbo8_down; then
	start_all 65520
	row jumbo_up    65520 "$runs" bulk @ 1
	row jumbo_down  65520 "$runs" bulk @ 1 -R
	row jumbo8_up   65520 "$runs" bulk @ 8
	row jumbo8_down 65520 "$runs" bulk @ 8 -R
	stop_all
fi
started=()
if any_wanted port; then
	for ((i = 1; i <= runs; i++)); do
		progress port "$i" "$runs" sluice
		"$tools/port_host" "$seconds" >>"$json"
		"$tools/port_ring" "$seconds" >>"$json"
		"$tools/virtio_ring" "$seconds" >>"$json"
	done
	progress_end port
fi
if any_wanted socket; then
	for ((i = 1; i <= runs; i++)); do
		progress socket "$i" "$runs" sluice
		"$tools/socket_ring" "$seconds" >>"$json"
	done
	progress_end socket
fi
if any_wanted stack; then
	"$tools/stack_ring" "$seconds" >>"$json"
	say 'measured stack'
fi
dns_rows
tls_rows
if any_wanted policy; then
	"$tools/policy" >>"$json"
	say 'measured policy'
fi
if any_wanted tls; then
	"$tools/tls" "$seconds" >>"$json"
	say 'measured tls'
fi
python3 test/bench/table.py "$json"
say "(every run: $json)"
