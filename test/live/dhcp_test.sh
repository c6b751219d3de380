#!/bin/bash
# dhcp_test.sh - what the gateway tells unmodified guests: DHCP, DHCPv6 and router advertisements, by real clients
#
# Each guest is a namespace whose tap nobody configures; its clients read and write files of their own, under
# an /etc that is a copy.
# shellcheck source=test/live/lib.sh
. "$(dirname "$0")/lib.sh"

ip netns add guest
mkdir -p "$W/etc" && cp -a /etc/. "$W/etc" 2>/dev/null
mount --bind "$W/etc" /etc
mkdir -p /run/live/db
[ -d /var/lib/dhcp ] && mount -t tmpfs none /var/lib/dhcp
[ -d /var/lib/dhcpcd ] && mount -t tmpfs none /var/lib/dhcpcd

# plain [OPTIONS]: a gateway whose guest is not configured
plain()
{
	gateway guest "$SLUICE" serve tap:tap0@/run/netns/guest --stats "$@" || exit 1
}

# counted NAME: that counter of the gateway that was just stopped
counted() { awk -v name="$1" '{ for (i = 1; i < NF; i++) if ($(i + 1) == name) print $i }' "$W/guest.err"; }

addresses() { in_ns guest ip -"$1" -o addr show dev tap0 scope global | awk '{ print $4 }' | sort | tr '\n' ' '; }
mtu() { in_ns guest ip link show dev tap0 | sed -n "s/.* mtu \([0-9]*\) .*/\1/p"; }
pings() { if guest ping -c 1 -W 10 "$1" >"$W/ping" 2>&1; then echo yes; else cat "$W/ping"; fi; }

# --- udhcpc -----------------------------------------------------------------------------------------------

cat >"$W/script" <<'END'
#!/bin/sh
echo "$1 ip=$ip/$mask router=$router dns=$dns hostname=$hostname domain=$domain search=$search mtu=$mtu \
routes=$staticroutes lease=$lease server=$serverid broadcast=$broadcast" >>/run/live/said
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "$mtu"
ip route add default via "$router"
END
chmod 755 "$W/script"

udhcpc() { guest busybox udhcpc -i tap0 -f -s "$W/script" -t 5 -T 2 "$@" >"$W/udhcpc.log" 2>&1; }

plain --mtu 1400 --hostname box --search lab.example --search corp.test
in_ns guest ip link set tap0 mtu 1500
udhcpc -n -q -O mtu -O search -O staticroutes -O hostname
said=$(cat "$W/said")
contains 'udhcpc: address' 'bound ip=10.0.2.15/24 ' "$said"
contains 'udhcpc: router and name server' 'router=10.0.2.2 dns=10.0.2.3 ' "$said"
contains 'udhcpc: names' 'hostname=box domain=lab.example search=lab.example corp.test ' "$said"
contains 'udhcpc: MTU, routes' 'mtu=1400 routes=0.0.0.0/0 10.0.2.2 ' "$said"
contains 'udhcpc: lease' 'lease=86400 server=10.0.2.2 broadcast=10.0.2.255' "$said"
check 'udhcpc: ping' yes "$(pings 10.0.2.2)"
check 'udhcpc: MTU' 1400 "$(mtu)"

# Kept running, it extends its lease when told to (SIGUSR1), and gives it back (SIGUSR2).
: >"$W/said"
nsenter --net=/run/netns/guest busybox udhcpc -i tap0 -f -s "$W/script" -r 10.0.2.15 -R >"$W/udhcpc.log" 2>&1 &
client=$!
await 'grep -q bound "$W/said"' || not_ok 'udhcpc: stays' "$(cat "$W/udhcpc.log")"
kill -USR1 "$client"
await 'grep -q renew "$W/said"' && ok 'udhcpc: renew' || not_ok 'udhcpc: renew' "$(cat "$W/udhcpc.log")"
kill -TERM "$client"
wait "$client"
contains 'udhcpc: release' 'deconfig' "$(tail -n 1 "$W/said")"

# One that remembers an address of another place is told no, and takes the one of this place.
: >"$W/said"
udhcpc -n -q -r 192.168.77.7
contains 'udhcpc: another address is not given' 'bound ip=10.0.2.15/24' "$(cat "$W/said")"
stop
check 'no query was malformed' '' "$(counted dhcp_bad)"
[ "$(counted dhcp_answered)" -ge 6 ] && ok 'answers are counted' || not_ok 'answers are counted' "$(cat "$W/guest.err")"
in_ns guest ip addr flush dev tap0 2>/dev/null

# --- dhclient ---------------------------------------------------------------------------------------------

cat >"$W/dhclient.conf" <<'END'
option rfc3442 code 121 = array of unsigned integer 8;
send host-name "another";
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, domain-search, host-name,
	interface-mtu, rfc3442, dhcp6.name-servers, dhcp6.domain-search;
timeout 30;
END
dhclient()
{
	guest /sbin/dhclient -cf "$W/dhclient.conf" -lf "$W/db/leases" -pf "$W/db/pid" -v "$@" tap0 >"$W/dhclient.log" 2>&1
}

plain --mtu 1400 --hostname box --search lab.example --search corp.test
in_ns guest ip link set tap0 mtu 1500
: >/etc/resolv.conf
dhclient -4 -1
check 'dhclient: address' '10.0.2.15/24 ' "$(addresses 4)"
check 'dhclient: MTU' 1400 "$(mtu)"
contains 'dhclient: route' 'default via 10.0.2.2 dev tap0' "$(in_ns guest ip route)"
contains 'dhclient: search list' 'search lab.example. corp.test.' "$(cat /etc/resolv.conf)"
contains 'dhclient: name server' 'nameserver 10.0.2.3' "$(cat /etc/resolv.conf)"
contains 'dhclient: host name' 'host-name "box"' "$(cat "$W/db/leases")"
contains 'dhclient: classless route' 'rfc3442 0,10,0,2,2' "$(cat "$W/db/leases")"
check 'dhclient: ping' yes "$(pings 10.0.2.2)"
dhclient -4 -r
contains 'dhclient: release' 'DHCPRELEASE' "$(cat "$W/dhclient.log")"
check 'dhclient: gives up the address' '' "$(addresses 4)"
dhclient -4 -1
check 'dhclient: and again, from what it remembers' '10.0.2.15/24 ' "$(addresses 4)"
kill "$(cat "$W/db/pid")" 2>/dev/null

rm -f "$W/db/leases"
: >/etc/resolv.conf
await 'in_ns guest ip -6 -o addr show dev tap0 scope link | grep -qv tentative'
dhclient -6 -1
contains 'dhclient -6: address' "$A6/" "$(addresses 6)"
contains 'dhclient -6: name server' "nameserver $N6" "$(cat /etc/resolv.conf)"
contains 'dhclient -6: search list' 'search lab.example. corp.test.' "$(cat /etc/resolv.conf)"
check 'dhclient -6: ping' yes "$(pings "$G6")"
contains 'dhclient -6: lifetime' 'max-life 86400' "$(cat "$W/db/leases")"
dhclient -6 -r
contains 'dhclient -6: release' 'Release on tap0' "$(cat "$W/dhclient.log")"
lacks 'dhclient -6: gives up the address' "$A6/" "$(addresses 6)"
dhclient -6 -S -1
contains 'dhclient -6: information alone' 'dhcp6.name-servers' "$(cat "$W/db/leases" "$W/dhclient.log")"
stop
check 'no query was malformed' '' "$(counted dhcp_bad)"

# --- dhcpcd: all three at once, and what it says to hooks --------------------------------------------------

cat >"$W/dhcpcd.conf" <<'END'
duid
option interface_mtu, domain_name_servers, domain_name, domain_search, host_name, classless_static_routes, rapid_commit
option dhcp6_name_servers, dhcp6_domain_search
noipv4ll
noarp
nohook resolv.conf, hostname, timesyncd, ntp
END
cat >"$W/hook" <<'END'
#!/bin/sh
set | grep -E '^(reason|new_.*|nd.*)=' | tr '\n' ' ' >>/run/live/said
echo >>/run/live/said
END
chmod 755 "$W/hook"

plain --mtu 1400 --hostname box --search lab.example --search corp.test
: >"$W/said"
nsenter --net=/run/netns/guest dhcpcd -B -f "$W/dhcpcd.conf" -c "$W/hook" tap0 >"$W/dhcpcd.log" 2>&1 &
client=$!
await 'grep -q "reason=.\?BOUND" "$W/said"' || not_ok 'dhcpcd: IPv4' "$(cat "$W/dhcpcd.log")"
await 'grep -q "reason=.\?BOUND6" "$W/said"' || not_ok 'dhcpcd: IPv6' "$(cat "$W/dhcpcd.log")"
await 'grep -q "reason=.\?ROUTERADVERT" "$W/said"' || not_ok 'dhcpcd: advertisement' "$(cat "$W/dhcpcd.log")"
check 'dhcpcd: address' '10.0.2.15/24 ' "$(addresses 4)"
await 'case "$(addresses 6)" in *"$A6/"*) true ;; *) false ;; esac'
contains 'dhcpcd: IPv6 address' "$A6/" "$(addresses 6)"
contains 'dhcpcd: route' 'default via 10.0.2.2 dev tap0' "$(in_ns guest ip route)"
contains 'dhcpcd: IPv6 route' 'default via fe80::5055:aff:fe00:202 dev tap0' "$(in_ns guest ip -6 route)"
contains 'dhcpcd: MTU in the route' 'mtu 1400' "$(in_ns guest ip route; in_ns guest ip link show tap0)"
said=$(cat "$W/said")
contains 'dhcpcd: host name' "new_host_name='box'" "$said"
contains 'dhcpcd: search list' "new_domain_search='lab.example corp.test'" "$said"
contains 'dhcpcd: search list of DHCPv6' "new_dhcp6_domain_search='lab.example corp.test'" "$said"
contains 'dhcpcd: name server of DHCPv6' "new_dhcp6_name_servers='$N6'" "$said"
contains 'dhcpcd: search list of the advertisement' "nd1_dnssl1_search='lab.example corp.test'" "$said"
check 'dhcpcd: ping' yes "$(pings 10.0.2.2)"
check 'dhcpcd: IPv6 ping' yes "$(pings "$G6")"
kill -ALRM "$client" # release
await 'ended $client'
check 'dhcpcd: gives up the address' '' "$(addresses 4)"
wait "$client"
stop
check 'no query was malformed' '' "$(counted dhcp_bad)"

# --- nobody but the kernel ----------------------------------------------------------------------------------

slaac() { in_ns guest ip -6 -o addr show dev tap0 scope global -tentative | awk '{ print $4 }'; }

plain --mtu 1400 --search lab.example --search corp.test
await '[ -n "$(slaac)" ]'
contains 'kernel: makes itself an address' 'fd73:6c75:6963:65:' "$(slaac)"
contains 'kernel: route' 'default via fe80::5055:aff:fe00:202' "$(in_ns guest ip -6 route)"
check 'kernel: MTU of the advertisement' 1400 "$(in_ns guest cat /proc/sys/net/ipv6/conf/tap0/mtu)"
check 'kernel: ping' yes "$(pings "$G6")"
seen=$(guest rdisc6 -1 tap0)
contains 'rdisc6: DHCPv6 is there' 'Stateful address conf.    :          Yes' "$seen"
contains 'rdisc6: for the rest, too' 'Stateful other conf.      :          Yes' "$seen"
contains 'rdisc6: prefix' 'Prefix                   : fd73:6c75:6963:65::/64' "$seen"
contains 'rdisc6: MTU' 'MTU                      :         1400 bytes' "$seen"
contains 'rdisc6: name server' "Recursive DNS server     : $N6" "$seen"
contains 'rdisc6: search list' 'DNS search list          : lab.example corp.test' "$seen"
stop

# --- switched off -------------------------------------------------------------------------------------------

plain --no-dhcp
await '[ -n "$(slaac)" ]'
udhcpc -n -q -t 1 -T 1
contains 'no DHCP: no lease' 'no lease' "$(cat "$W/udhcpc.log")"
seen=$(guest rdisc6 -1 tap0)
contains 'no DHCP: none is announced' 'Stateful address conf.    :           No' "$seen"
lacks 'no DHCP: no search list' 'DNS search list' "$seen"
stop
check 'no DHCP: nobody answers' '' "$(counted dhcp_answered)"
