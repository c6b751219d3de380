#!/bin/bash
# ping_test.sh - ping of the gateway and through it, and traceroute over two routers
. "$(dirname "$0")/lib.sh"

# host ── r1 ── r2 ── far
for n in r1 r2 far; do ip netns add $n; done
wire - east r1 west
wire r1 east r2 west
wire r2 east far west
address - east 192.0.2.1/28 2001:db8:1::1/64
address r1 west 192.0.2.2/28 2001:db8:1::2/64
address r1 east 192.0.2.17/28 2001:db8:2::1/64
address r2 west 192.0.2.18/28 2001:db8:2::2/64
address r2 east 192.0.2.33/28 2001:db8:3::1/64
address far west 192.0.2.34/28 2001:db8:3::2/64
for n in r1 r2 far; do
	# As many errors as there are probes: what a router spares is not what is tested.
	in_ns $n sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit'
done
ip route add 192.0.2.0/24 via 192.0.2.2
ip -6 route add 2001:db8::/32 via 2001:db8:1::2
ip -n r1 route add default via 192.0.2.18
ip -n r1 -6 route add default via 2001:db8:2::2
ip -n r2 route add default via 192.0.2.17
ip -n r2 -6 route add default via 2001:db8:2::1
ip -n far route add default via 192.0.2.33
ip -n far -6 route add default via 2001:db8:3::1
F4=192.0.2.34 F6=2001:db8:3::2

answered() { guest ping -n -c 3 -i 0.1 -W 5 "$@" 2>&1 | sed -n 's/.* \([0-9]*\) received.*/\1/p'; }

for mtu in 1500 65520; do
	serve guest --profile all --mtu $mtu || exit
	for to in $G4 $G6 $F4 $F6; do
		for size in 0 56 1452 8000; do
			check "ping $to, $size bytes, MTU $mtu" 3 "$(answered -s $size $to)"
		done
	done
	[ $mtu = 1500 ] && stop
done

contains 'TTL 1 ends at the gateway' "From $G4" "$(guest ping -n -c 1 -W 5 -t 1 $F4 2>&1)"
contains 'hop limit 1 ends at the gateway' "From $G6" "$(guest ping -n -c 1 -W 5 -t 1 $F6 2>&1)"
contains 'TTL 2 ends at the first router' 'From 192.0.2.2' "$(guest ping -n -c 1 -W 5 -t 2 $F4 2>&1)"
contains 'hop limit 2 ends at the first router' 'From 2001:db8:1::2' "$(guest ping -n -c 1 -W 5 -t 2 $F6 2>&1)"
contains 'an address that a router does not know' 'nreachable' "$(guest ping -n -c 1 -W 5 2001:db8:3::77 2>&1)"

# The addresses of the hops, in order.
path() { guest traceroute -n -q 1 -w 5 -m 6 "$@" 2>&1 | awk '/^ *[0-9]+ / { printf "%s ", $2 }'; }
P4="$G4 192.0.2.2 192.0.2.18 $F4 "
P6="$G6 2001:db8:1::2 2001:db8:2::2 $F6 "
check 'traceroute UDP, IPv4' "$P4" "$(path $F4)"
check 'traceroute UDP, IPv6' "$P6" "$(path $F6)"
check 'traceroute ICMP, IPv4' "$P4" "$(path -I $F4)"
check 'traceroute ICMP, IPv6' "$P6" "$(path -I $F6)"
stop

# Endpoint-independent sockets are not connected, and still show the path.
serve guest --profile all --udp-endpoint-independent || exit
check 'traceroute UDP, one port for all, IPv4' "$P4" "$(path $F4)"
check 'traceroute UDP, one port for all, IPv6' "$P6" "$(path $F6)"
stop

# --- the host forbids echo sockets: said once, the gateway's own answers are not concerned
echo '1 0' >/proc/sys/net/ipv4/ping_group_range
serve guest --profile all --stats || exit
guest ping -n -c 3 -i 0.1 -W 1 $F4 >/dev/null 2>&1
guest ping -n -c 3 -i 0.1 -W 1 $F6 >/dev/null 2>&1
check 'ping of the gateway needs no permission' 3 "$(answered $G4)"
stop
check 'forbidden: said once' 1 "$(grep -c 'ping_group_range' guest.err)"
check 'forbidden: counted' 1 "$(grep -cE '^ +6 +ping forbidden by the host' guest.err)"
