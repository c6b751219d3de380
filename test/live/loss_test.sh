#!/bin/bash
# loss_test.sh - 1 % and 5 % of the packets are lost: everything arrives, once and in order
#
# Two places to lose them.  In the guest's own input and output hooks, where a dropped packet may be a whole
# 64 KiB segment; and on a bridge between the guest and the tap, where single frames disappear without either
# end being told.
. "$(dirname "$0")/lib.sh"

# Both directions at once, over one family.
transfer() # transfer NAME GATEWAY LISTEN BYTES
{
	start host.log "$TOOLS/stream" listen "$3" 5001 "send=$4" "recv=$4" || return
	guest "$TOOLS/stream" connect "$2" 5001 "send=$4" "recv=$4" >guest.log
	finish $?
	check "$1, guest" "sent $4 received $4 content right end eof" "$(tail -n 1 guest.log)"
	check "$1, host" "sent $4 received $4 content right end eof" "$(tail -n 1 host.log)"
}

both_families() # both_families NAME BYTES
{
	transfer "$1, IPv4" $G4 127.0.0.1 "$2"
	transfer "$1, IPv6" $G6 ::1 "$2"
}

dropped() { in_ns "$1" nft list ruleset | sed -n 's/.*packets \([0-9]*\) .*/\1/p' | awk '{ n += $1 } END { print n + 0 }'; }

# some_dropped NAME NETNS: the hooks did their work, or the test shows nothing
some_dropped() { if [ "$(dropped "$2")" -gt 0 ]; then ok "$1: packets were lost"; else not_ok "$1: packets were lost" 'none were'; fi; }

lossy_guest() # lossy_guest PERCENT
{
	in_ns guest nft -f - <<-END
		flush ruleset
		table inet lossy {
			chain in { type filter hook input priority 0; iifname tap0 meta l4proto tcp numgen random mod 100 < $1 counter drop; }
			chain out { type filter hook output priority 0; oifname tap0 meta l4proto tcp numgen random mod 100 < $1 counter drop; }
		}
	END
}

serve guest -r 'allow to @host' || exit
lossy_guest 1
both_families '1 % in the guest' 4000000
some_dropped '1 % in the guest' guest
lossy_guest 5
both_families '5 % in the guest' 1000000
some_dropped '5 % in the guest' guest
stop
ip netns delete guest

mac_of() { ip -n "$1" -o link show "$2" | sed 's/.*link.ether \([^ ]*\).*/\1/'; }

# guest ── eth0 ── port0 ┐ bridge ┌ tap0 ── sluice: the guest is not the tap's own kernel, as with a VM
ip netns add guest
ip netns add wire
wire guest eth0 wire port0
in_ns wire sh -c 'ip link add bridge type bridge; ip link set bridge up; ip link set port0 up master bridge'
gateway wire "$SLUICE" serve tap:tap0@/run/netns/wire --mac "$(mac_of guest eth0)" -r 'allow to @host' || exit
ip -n wire link set tap0 master bridge
# Frames of the wire's own size, as a lossy wire sees them.
for end in 'guest eth0' 'wire port0'; do
	# shellcheck disable=SC2086  # two words
	set -- $end
	in_ns "$1" ethtool -K "$2" tso off gso off gro off tx off >/dev/null 2>&1
done
in_ns guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra; ip link set lo up'
address guest eth0 $A4/24 $A6/64
ip -n guest route add default via $G4
ip -n guest -6 route add default via $G6

lossy_wire() # lossy_wire PERCENT
{
	in_ns wire nft -f - <<-END
		flush ruleset
		table bridge lossy {
			chain forward { type filter hook forward priority 0; meta protocol { ip, ip6 } meta l4proto tcp numgen random mod 100 < $1 counter drop; }
		}
	END
}

both_families 'a bridge' 4000000
lossy_wire 1
both_families '1 % on the wire' 4000000
some_dropped '1 % on the wire' wire
lossy_wire 5
both_families '5 % on the wire' 1000000
some_dropped '5 % on the wire' wire
stop
