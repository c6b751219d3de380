#!/bin/bash
# udp_test.sh - datagrams of every size both ways, refusals, too big, endpoint-independent mapping
. "$(dirname "$0")/lib.sh"

SIZES='0 1 1399 1472 1473 8000 65507'
all_right() { for s in $SIZES; do echo "$s right"; done; }

start echo.log "$TOOLS/dgram" echo 127.0.0.1 7007 ::1 7007 || exit
for mtu in 1280 1500 65520; do
	serve guest --profile all --mtu $mtu -p 7008:7008/udp || exit
	start_in guest guest.log "$TOOLS/dgram" echo 0.0.0.0 7008 :: 7008
	for gate in $G4 $G6; do
		# shellcheck disable=SC2086  # a list of sizes
		check "guest asks, MTU $mtu, $gate" "$(all_right)" "$(guest "$TOOLS/dgram" ask $gate 7007 $SIZES)"
	done
	for host in 127.0.0.1 ::1; do
		# shellcheck disable=SC2086
		check "host asks a published port, MTU $mtu, $host" "$(all_right)" "$(dgram ask $host 7008 $SIZES)"
	done
	end "$server"
	stop
done

serve guest --profile all -p 7009-7010:7109/udp || exit
for gate in $G4 $G6; do
	check "refused, $gate" '100 ECONNREFUSED' "$(guest "$TOOLS/dgram" ask $gate 7 100)"
done
for host in 127.0.0.1 ::1; do
	check "refused by the guest, $host" '100 silent' "$(dgram ask $host 7010 100 | sed 's/ECONNREFUSED/silent/')"
done
ip route add unreachable 198.51.100.0/24
ip -6 route add unreachable 2001:db8:66::/48
check 'unreachable, IPv4' '100 EHOSTUNREACH' "$(guest "$TOOLS/dgram" ask 198.51.100.1 7 100)"
check 'unreachable, IPv6' '100 EHOSTUNREACH' "$(guest "$TOOLS/dgram" ask 2001:db8:66::1 7 100)"

# --- a narrow place two hops away: its MTU reaches the guest
ip netns add router
ip netns add far
wire - east router west
wire router narrow far end
ip -n router link set narrow mtu 1400
ip -n far link set end mtu 1400
address - east 192.0.2.1/25 2001:db8:1::1/64
address router west 192.0.2.2/25 2001:db8:1::2/64
address router narrow 192.0.2.129/25 2001:db8:2::1/64
address far end 192.0.2.130/25 2001:db8:2::2/64
in_ns router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip route add 192.0.2.128/25 via 192.0.2.2
ip -6 route add 2001:db8:2::/64 via 2001:db8:1::2
ip -n far route add default via 192.0.2.129
ip -n far -6 route add default via 2001:db8:2::1
start_in far far.log "$TOOLS/dgram" echo 192.0.2.130 7007 2001:db8:2::2 7007
far=$server
check 'too big for a router, IPv4' 'EMSGSIZE 1400' "$(guest "$TOOLS/dgram" whole 192.0.2.130 7007 1472)"
check 'too big for a router, IPv6' 'EMSGSIZE 1400' "$(guest "$TOOLS/dgram" whole 2001:db8:2::2 7007 1452)"
check 'and fragments fit, IPv4' '1472 right' "$(guest "$TOOLS/dgram" ask 192.0.2.130 7007 1472)"
check 'and fragments fit, IPv6' '1452 right' "$(guest "$TOOLS/dgram" ask 2001:db8:2::2 7007 1452)"

# --- whose port is it: one for each remote end, or with the option one for all
start_in far names.log "$TOOLS/dgram" name 192.0.2.130 7011 192.0.2.130 7012 2001:db8:2::2 7011 2001:db8:2::2 7012
names=$server
ask_names()
{
	guest "$TOOLS/dgram" names 192.0.2.130 7011 192.0.2.130 7012
	guest "$TOOLS/dgram" names 2001:db8:2::2 7011 2001:db8:2::2 7012
}
ask_names >seen
check 'four flows, four ports' '4 0' "$(sort -u seen | wc -l) $(grep -c silent seen)"
stop
serve guest --profile all --udp-endpoint-independent || exit
ask_names >seen
check 'endpoint-independent: a guest port is one host port' '2 0' "$(sort -u seen | wc -l) $(grep -c silent seen)"
for gate in $G4 $G6; do
	# shellcheck disable=SC2086
	check "endpoint-independent: all sizes, $gate" "$(all_right)" "$(guest "$TOOLS/dgram" ask $gate 7007 $SIZES)"
	check "endpoint-independent: refused, $gate" '100 ECONNREFUSED' "$(guest "$TOOLS/dgram" ask $gate 7 100)"
done
stop
end "$names" "$far"
