#!/bin/bash
# make_corpus.sh [NAME...] - capture the sessions of test/replay/corpus anew (README.md says what they are)
#
# As root.  Everything happens in network namespaces made here and deleted at the end; nothing of this
# machine's own network is touched.  Captures are not the same twice: run `test/replay/run -u` afterwards,
# and look at what changed in golden/ before committing it.
set -eu
cd "$(dirname "$0")/../.."
corpus=$PWD/test/replay/corpus
sluice=${SLUICE:-$PWD/build/sluice}
prefix=sl$$
work=$(mktemp -d)
pids=
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

guest_mac=52:54:00:12:34:56
gateway_mac=52:55:0a:00:02:02
guest4=10.0.2.15 gateway4=10.0.2.2 dns4=10.0.2.3 far4=198.51.100.9
guest6=fd73:6c75:6963:65::15 gateway6=fd73:6c75:6963:65::2 dns6=fd73:6c75:6963:65::3 far6=2001:db8::9

# --- namespaces -----------------------------------------------------------------------------------------

on() { local ns=$1; shift; ip netns exec "$prefix$ns" "$@"; }

stop_all()
{
	local p
	for p in $pids; do kill "$p" 2>/dev/null || :; done
	for p in $pids; do wait "$p" 2>/dev/null || :; done
	pids=
}

delete_all()
{
	local ns
	stop_all
	for ns in $(ip netns list | awk -v p="$prefix" 'index($1, p) == 1 { print $1 }'); do
		ip netns del "$ns"
	done
}
trap 'delete_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

new_ns()
{
	ip netns add "$prefix$1"
	on "$1" ip link set dev lo up
	# Only what a session brings about: nothing announces itself, no address waits to be proved unique.
	on "$1" sysctl -q net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
}

cable() # cable NS1 IF1 NS2 IF2
{
	ip link add name "$2" netns "$prefix$1" type veth peer name "$4" netns "$prefix$3"
}

# in the background, until stop_all
start() { "$@" >>"$work/log" 2>&1 & pids="$pids $!"; }

plain() { on "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null 2>&1; }

# guest <-> far: two Linux stacks; the far one has the gateway's addresses, and some beyond it
two_hosts()
{
	new_ns guest
	new_ns far
	cable guest eth0 far wire
	on guest ip link set dev eth0 address $guest_mac
	on far ip link set dev wire address $gateway_mac
	on guest ip link set dev eth0 up
	on far ip link set dev wire up
	addresses
}

addresses()
{
	on guest ip addr add $guest4/24 dev eth0
	on guest ip addr add $guest6/64 dev eth0 nodad
	on far ip addr add $gateway4/24 dev wire
	on far ip addr add $dns4/24 dev wire
	on far ip addr add $gateway6/64 dev wire nodad
	on far ip addr add $dns6/64 dev wire nodad preferred_lft 0
	on far ip addr add $far4/32 dev lo
	on far ip addr add $far6/128 dev lo nodad
	on guest ip route add default via $gateway4
	on guest ip route add default via $gateway6
}

# guest <-> hub (a bridge that loses) <-> far
lossy_hosts() # lossy_hosts PERCENT
{
	new_ns guest
	new_ns hub
	on hub sysctl -q net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	new_ns far
	cable guest eth0 hub a
	cable far wire hub b
	on guest ip link set dev eth0 address $guest_mac
	on far ip link set dev wire address $gateway_mac
	on hub ip link add br0 type bridge
	on hub ip link set dev a master br0
	on hub ip link set dev b master br0
	for i in a b br0; do on hub ip link set dev $i up; done
	on guest ip link set dev eth0 up
	on far ip link set dev wire up
	plain guest eth0
	plain far wire
	addresses
	on hub nft add table bridge lossy
	on hub nft add chain bridge lossy forward '{ type filter hook forward priority 0; }'
	on hub nft add rule bridge lossy forward ether type '{ ip, ip6 }' numgen random mod 100 '<' "$1" drop
}

# guest <-> far (the first router) <-> second <-> third, which has the addresses beyond
three_routers()
{
	two_hosts
	new_ns second
	new_ns third
	cable far north second south
	cable second north third south
	on far ip addr del $far4/32 dev lo
	on far ip addr del $far6/128 dev lo
	on far ip addr add 192.0.2.1/30 dev north
	on second ip addr add 192.0.2.2/30 dev south
	on second ip addr add 192.0.2.5/30 dev north
	on third ip addr add 192.0.2.6/30 dev south
	on far ip addr add 2001:db8:1::1/64 dev north nodad
	on second ip addr add 2001:db8:1::2/64 dev south nodad
	on second ip addr add 2001:db8:2::1/64 dev north nodad
	on third ip addr add 2001:db8:2::2/64 dev south nodad
	on third ip addr add $far4/32 dev lo
	on third ip addr add $far6/128 dev lo nodad
	on far ip link set dev north up
	for i in north south; do on second ip link set dev $i up; done
	on third ip link set dev south up
	for ns in far second third; do
		on $ns sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
	on far ip route add default via 192.0.2.2
	on far ip route add default via 2001:db8:1::2
	on second ip route add default via 192.0.2.6
	on second ip route add default via 2001:db8:2::2
	on second ip route add 10.0.2.0/24 via 192.0.2.1
	on second ip route add fd73:6c75:6963:65::/64 via 2001:db8:1::1
	on third ip route add default via 192.0.2.5
	on third ip route add default via 2001:db8:2::1
}

# --- capturing ------------------------------------------------------------------------------------------

capturing=
capture() # capture NS IF NAME: until captured
{
	local tries=0
	: >"$work/tcpdump"
	on "$1" tcpdump -q -i "$2" -s 0 -U --immediate-mode -w "$work/$3.pcap" 2>"$work/tcpdump" &
	capturing=$!
	until grep -qs listening "$work/tcpdump"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$work/tcpdump" >&2; exit 1; }
		sleep 0.05
	done
}

captured() # captured NAME
{
	sleep 0.3
	kill "$capturing"
	wait "$capturing" || :
	keep "$work/$1.pcap"
}

keep() # keep FILE: into the corpus, if it is small
{
	local size
	size=$(stat -c %s "$1")
	[ "$size" -le 204800 ] || { echo "${1##*/}: $size bytes are too many" >&2; exit 1; }
	cp "$1" "$corpus/"
	printf '%-24s %7d bytes\n' "${1##*/}" "$size"
}

# wait_for NS ss-filter: until somebody listens there
wait_for()
{
	local ns=$1 tries=0
	shift
	until [ -n "$(on "$ns" ss -Hln "$@")" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { echo "nobody listens: $*" >&2; cat "$work/log" >&2; exit 1; }
		sleep 0.05
	done
}

web() # web NS: pages of two sizes
{
	mkdir -p "$work/www"
	echo 'hello from the far side' >"$work/www/small"
	head -c 50000 /dev/zero | tr '\0' 'x' >"$work/www/page"
	start on "$1" python3 test/replay/peers.py web "$work/www"
	wait_for "$1" -t sport = :8000
}

# --- the sessions ---------------------------------------------------------------------------------------

curl_small()
{
	two_hosts
	web far
	capture guest eth0 curl_small
	on guest curl -sS -o /dev/null http://$far4:8000/small
	on guest curl -sS -o /dev/null http://$gateway4:8000/small
	on guest curl -sS -o /dev/null http://$far4:8000/page
	captured curl_small
}

curl_plain()
{
	two_hosts
	plain guest eth0
	plain far wire
	web far
	capture guest eth0 curl_plain
	on guest curl -sS -o /dev/null http://$far4:8000/page
	on guest curl -sS -o /dev/null -H Expect: -T "$work/www/page" http://$far4:8000/upload
	captured curl_plain
}

curl_v6()
{
	two_hosts
	web far
	capture guest eth0 curl_v6
	on guest curl -sS -o /dev/null "http://[$far6]:8000/small"
	on guest curl -sS -o /dev/null "http://[$gateway6]:8000/page"
	captured curl_v6
}

neighbours() # a guest that has just been switched on, and configures itself from advertisements
{
	new_ns guest
	new_ns far
	cable guest eth0 far wire
	on guest sysctl -q net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.eth0.accept_dad=1 \
		net.ipv6.conf.eth0.router_solicitations=3 net.ipv6.conf.eth0.accept_ra=2 \
		net.ipv6.conf.eth0.use_tempaddr=0
	on guest ip link set dev eth0 address $guest_mac
	on far ip link set dev wire address $gateway_mac
	on far ip addr add $gateway6/64 dev wire nodad
	on far ip addr add $gateway4/24 dev wire
	on far ip addr add $far6/128 dev lo nodad
	on far sysctl -q net.ipv6.conf.all.forwarding=1
	on far ip link set dev wire up
	start on far dnsmasq -k -C /dev/null --port=0 --pid-file= --user=root --interface=wire --bind-interfaces \
		--enable-ra --dhcp-range=fd73:6c75:6963:65::,ra-only --dhcp-leasefile="$work/leases"
	sleep 0.5
	web far
	capture far wire neighbours
	on guest ip link set dev eth0 up
	local tries=0
	until [ -n "$(on guest ip -6 -o addr show dev eth0 scope global -tentative)" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { echo 'no address from advertisements' >&2; exit 1; }
		sleep 0.1
	done
	on guest curl -sS -o /dev/null "http://[$far6]:8000/small"
	on guest ping -q -c 1 -W 1 $gateway6 >/dev/null
	on guest ip addr add $guest4/24 dev eth0
	on guest ping -q -c 1 -W 1 $gateway4 >/dev/null
	captured neighbours
}

iperf()
{
	two_hosts
	start on far iperf3 -s
	wait_for far -t sport = :5201
	capture guest eth0 iperf_up
	on guest iperf3 -c $far4 -n 64K >/dev/null
	captured iperf_up
	capture guest eth0 iperf_down
	on guest iperf3 -c $far4 -n 64K -R >/dev/null
	captured iperf_down
	capture guest eth0 iperf_udp
	on guest iperf3 -c $gateway4 -u -b 4M -n 32K -l 1200 >/dev/null
	captured iperf_udp
}

dig_all()
{
	local big i
	two_hosts
	big=
	for i in $(seq 12); do big="$big --txt-record=big.example,$i-$(head -c 200 /dev/zero | tr '\0' 'y')"; done
	# shellcheck disable=SC2086  # several options
	start on far dnsmasq -k -C /dev/null --no-resolv --no-hosts --pid-file= --user=root --local=/example/ \
		--address=/www.example/192.0.2.80 --address=/www.example/2001:db8::80 --edns-packet-max=4096 $big
	wait_for far -u sport = :53
	capture guest eth0 dig
	on guest dig +tries=1 @$dns4 www.example A >/dev/null
	on guest dig +tries=1 @$dns6 www.example AAAA >/dev/null
	on guest dig +tries=1 @$dns4 nothing.example >/dev/null
	on guest dig +tries=1 +tcp @$dns4 www.example A >/dev/null
	on guest dig +tries=1 +tcp @$dns6 big.example TXT >/dev/null
	# An answer larger than the MTU comes in fragments, once the far side was told not to care.
	on guest dig +tries=1 +bufsize=4096 +ignore @$dns4 big.example TXT >/dev/null
	on guest dig +tries=1 +bufsize=4096 +ignore @$dns6 big.example TXT >/dev/null
	captured dig
}

ssh_session()
{
	two_hosts
	ssh-keygen -q -t ed25519 -N '' -f "$work/host"
	ssh-keygen -q -t ed25519 -N '' -f "$work/user"
	mkdir -p /run/sshd
	start on far /usr/sbin/sshd -D -e -f /dev/null -h "$work/host" -o Port=2222 -o UsePAM=no -o PidFile=none \
		-o StrictModes=no -o AuthorizedKeysFile="$work/user.pub"
	wait_for far -t sport = :2222
	capture guest eth0 ssh
	on guest ssh -F /dev/null -p 2222 -i "$work/user" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@$far4 'echo hello; head -c 20000 /dev/zero' \
		</dev/null >/dev/null
	captured ssh
}

pings()
{
	two_hosts
	capture guest eth0 ping
	on guest ping -q -c 3 -i 0.2 $far4 >/dev/null
	on guest ping -q -c 2 -i 0.2 -s 0 $gateway4 >/dev/null
	on guest ping -q -c 2 -i 0.2 -s 3000 -M dont $far4 >/dev/null
	on guest ping -q -c 3 -i 0.2 $far6 >/dev/null
	on guest ping -q -c 2 -i 0.2 $gateway6 >/dev/null
	on guest ping -q -c 2 -i 0.2 -s 3000 -M dont $far6 >/dev/null
	captured ping
}

traceroutes()
{
	three_routers
	capture guest eth0 traceroute
	on guest traceroute -n -q 2 -w 1 $far4 >/dev/null
	on guest traceroute -n -q 2 -w 1 -I $far4 >/dev/null
	on guest traceroute -n -q 2 -w 1 $far6 >/dev/null
	on guest traceroute -n -q 2 -w 1 -I $far6 >/dev/null
	captured traceroute
}

lossy()
{
	lossy_hosts 8
	web far
	capture far wire loss_down
	on guest curl -sS -m 60 -o /dev/null http://$far4:8000/page
	on guest curl -sS -m 60 -o /dev/null "http://[$far6]:8000/page"
	captured loss_down
	start on far socat -u TCP6-LISTEN:9000,fork,reuseaddr OPEN:/dev/null
	wait_for far -t sport = :9000
	capture far wire loss_up
	on guest timeout 60 socat -u OPEN:"$work/www/page" TCP4:$far4:9000
	on guest timeout 60 socat -u OPEN:"$work/www/page" "TCP6:[$far6]:9000"
	sleep 1
	captured loss_up
}

refusals()
{
	three_routers
	on far ip route add unreachable 203.0.113.1/32
	on far ip route add prohibit 203.0.113.2/32
	on far ip -6 route add unreachable 2001:db8:dead::1/128
	on far ip -6 route add prohibit 2001:db8:dead::2/128
	on third ip route add blackhole 203.0.113.3/32
	capture guest eth0 refused
	on guest curl -sS -m 2 http://$far4:81/ 2>/dev/null || :
	on guest curl -sS -m 2 http://$gateway4:81/ 2>/dev/null || :
	on guest curl -sS -m 2 "http://[$far6]:81/" 2>/dev/null || :
	for to in 203.0.113.1 203.0.113.2 203.0.113.3 '[2001:db8:dead::1]' '[2001:db8:dead::2]'; do
		on guest curl -sS -m 2 "http://$to:8000/" 2>/dev/null || :
	done
	for to in UDP4:$far4:9 UDP6:[$far6]:9 UDP4:203.0.113.1:9; do
		echo nobody | on guest socat -t 0.3 - "$to" 2>/dev/null || :
	done
	captured refused
}

# Both ways of ending early or by halves, with a client and a server that do as they are told.
endings()
{
	two_hosts
	start on far python3 test/replay/peers.py end-server
	wait_for far -t sport = :7000
	capture guest eth0 endings
	on guest python3 test/replay/peers.py end-client $far4 >>"$work/log"
	captured endings
}

published() # the far side is the client
{
	two_hosts
	web guest
	start on guest socat UDP4-LISTEN:5000,fork PIPE
	wait_for guest -u sport = :5000
	capture guest eth0 published
	on far curl -sS -o /dev/null http://$guest4:8000/small
	on far curl -sS -o /dev/null "http://[$guest6]:8000/page"
	on far curl -sS -m 2 http://$guest4:81/ 2>/dev/null || :
	echo datagram | on far socat -t 0.3 - UDP4:$guest4:5000 >/dev/null
	captured published
}

datagrams() # of all sizes, echoed; beyond the MTU in fragments both ways
{
	two_hosts
	start on far python3 test/replay/peers.py echo
	wait_for far -u sport = :7000
	capture guest eth0 datagrams
	on guest python3 test/replay/peers.py send $gateway4 $gateway6
	captured datagrams
}

# Through the program itself: what --pcap writes is a capture like any other.
through_sluice()
{
	new_ns far
	web far
	on far "$sluice" run -q --pcap "$work/sluice_65520.pcapng" -- sh -c "
		curl -sS -o /dev/null http://$gateway4:8000/page
		curl -sS -o /dev/null 'http://[$gateway6]:8000/small'
		curl -sS -m 2 http://$gateway4:81/ 2>/dev/null
		ping -q -c 2 -i 0.2 $gateway4 >/dev/null"
	keep "$work/sluice_65520.pcapng"
	echo '--mtu 65520' >"$corpus/sluice_65520.args"
	on far "$sluice" run -q --mtu 1500 --pcap "$work/sluice_1500.pcapng" -p 8001:8001 -- sh -c "
		curl -sS -o /dev/null http://$gateway4:8000/page
		curl -sS -o /dev/null -H Expect: -T '$work/www/page' http://$gateway4:8000/upload"
	keep "$work/sluice_1500.pcapng"
}

hostile() # made by hand: see the script
{
	python3 test/replay/make_hostile.py "$work"
	for f in "$work"/hostile_*.pcap; do keep "$f"; done
}

all='curl_small curl_plain curl_v6 neighbours iperf dig_all ssh_session pings traceroutes lossy refusals endings
published datagrams through_sluice hostile'
mkdir -p "$corpus"
# shellcheck disable=SC2086  # a list of names
[ $# -gt 0 ] || set -- $all
for session; do
	"$session"
	delete_all
done
