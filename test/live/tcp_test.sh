#!/bin/bash
# tcp_test.sh - Linux TCP through the gateway: bulk with checked content, both kinds of end, refusals, silence
. "$(dirname "$0")/lib.sh"

BYTES=20000000

# bulk NAME LISTEN_ADDR GUEST_WORDS HOST_WORDS: the host listens, the guest connects
bulk()
{
	local name=$1 addr=$2 gate=$G4
	[[ $addr != *:* ]] || gate=$G6
	# shellcheck disable=SC2086  # lists of words
	start host.log "$TOOLS/stream" listen "$addr" 5001 $4 || return
	# shellcheck disable=SC2086
	guest "$TOOLS/stream" connect $gate 5001 $3 >guest.log
	finish $?
	got_guest=$(tail -n 1 guest.log) got_host=$(tail -n 1 host.log)
}

# both_right NAME GUEST_SENT GUEST_RECEIVED
both_right()
{
	check "$1, guest" "sent $2 received $3 content right end eof" "$got_guest"
	check "$1, host" "sent $3 received $2 content right end eof" "$got_host"
}

for mtu in 1280 1500 65520; do
	serve guest --profile all --mtu $mtu || exit
	for addr in 127.0.0.1 ::1; do
		at="MTU $mtu, $addr"
		bulk "$at" $addr "send=$BYTES" "recv=$BYTES"
		both_right "bulk to the host, $at" $BYTES 0
		bulk "$at" $addr "recv=$BYTES" "send=$BYTES"
		both_right "bulk to the guest, $at" 0 $BYTES
		bulk "$at" $addr "send=$BYTES recv=$BYTES" "send=$BYTES recv=$BYTES"
		both_right "bulk both ways at once, $at" $BYTES $BYTES
	done
	stop
done

serve guest --profile all || exit
for addr in 127.0.0.1 ::1; do
	gate=$G4
	[ $addr = 127.0.0.1 ] || gate=$G6

	# --- half-close: one side ends, the other begins only then
	bulk '' $addr 'send=3000000 recv=3000001' 'recv=3000000 send=3000001 after=eof'
	both_right "guest ends first, $addr" 3000000 3000001
	bulk '' $addr 'send=3000001 recv=3000000 after=eof' 'recv=3000001 send=3000000'
	both_right "host ends first, $addr" 3000001 3000000
	bulk '' $addr '' ''
	both_right "not a byte, $addr" 0 0

	# --- refused, and the other family's loopback when only that listens
	check "refused, $addr" ECONNREFUSED "$(guest "$TOOLS/stream" dial $gate 9 | head -n 1)"
	other=::1
	[ $addr = 127.0.0.1 ] || other=127.0.0.1
	start host.log "$TOOLS/stream" listen $other 5001 recv=70000
	guest "$TOOLS/stream" connect $gate 5001 send=70000 >guest.log
	finish $?
	check "other family's loopback, $addr" 'sent 70000 received 0 content right end eof' "$(tail -n 1 guest.log)"

	# --- reset: it crosses, and a stream that was cut never looks complete.  The side that does not send
	# keeps its direction open, as a socket that has seen an end of file says EPIPE instead.
	bulk '' $addr 'send=20000000' 'recv=20000000 reset=100000 after=eof'
	contains "reset by the host while the guest sends, $addr" 'end ECONNRESET' "$got_guest"
	bulk '' $addr 'recv=20000000 after=eof' 'send=20000000 reset=8000000'
	contains "reset by the host while it sends, $addr" 'end ECONNRESET' "$got_guest"
	bulk '' $addr 'send=20000000 reset=1000000' 'recv=20000000 after=eof'
	contains "reset by the guest while it sends, $addr" 'end ECONNRESET' "$got_host"
	bulk '' $addr 'recv=20000000 reset=100000 after=eof' 'send=20000000'
	contains "reset by the guest while the host sends, $addr" 'end ECONNRESET' "$got_host"
	# The host may be gone before the guest's handshake is through: then it was refused.
	bulk '' $addr 'recv=1 after=eof' 'recv=1 after=eof reset=0'
	contains "reset before a byte, $addr" ECONNRE "$got_guest"

	# --- a reader that stops until the writer has felt it, then goes on
	rm -f go
	start host.log "$TOOLS/stream" listen $addr 5001 "recv=30000000" "stall=100000:$W/go"
	guest "$TOOLS/stream" connect $gate 5001 send=30000000 >guest.log &
	client=$!
	await 'grep -q blocked guest.log' && ok "a host that stops reading stops the guest, $addr" ||
		not_ok "a host that stops reading stops the guest, $addr" "$(cat guest.log host.log)"
	touch go
	wait "$client" "$server"
	got_guest=$(tail -n 1 guest.log) got_host=$(tail -n 1 host.log)
	both_right "and goes on, $addr" 30000000 0

	rm -f go
	start host.log "$TOOLS/stream" listen $addr 5001 "send=30000000" recv=30000000
	guest "$TOOLS/stream" connect $gate 5001 send=30000000 recv=30000000 "stall=100000:$W/go" >guest.log &
	client=$!
	await 'grep -q blocked host.log' && ok "a guest that stops reading stops the host, $addr" ||
		not_ok "a guest that stops reading stops the host, $addr" "$(cat guest.log host.log)"
	touch go
	wait "$client" "$server"
	got_guest=$(tail -n 1 guest.log) got_host=$(tail -n 1 host.log)
	both_right "and goes on, the other direction never stopped, $addr" 30000000 30000000
done

# --- unreachable, as the host's own routes say it
ip route add unreachable 198.51.100.0/24
ip route add prohibit 198.51.101.0/24
ip -6 route add unreachable 2001:db8:66::/48
ip -6 route add prohibit 2001:db8:67::/48
outcome() { guest "$TOOLS/stream" dial "$1" 80 | head -n 1; }
check 'unreachable host, IPv4' EHOSTUNREACH "$(outcome 198.51.100.1)"
check 'unreachable host, IPv6' EHOSTUNREACH "$(outcome 2001:db8:66::1)"
check 'no route, IPv4' ENETUNREACH "$(outcome 203.0.113.1)"
check 'no route, IPv6' ENETUNREACH "$(outcome 2001:db8:99::1)"
check 'prohibited, IPv4' EHOSTUNREACH "$(outcome 198.51.101.1)"
check 'prohibited, IPv6' EACCES "$(outcome 2001:db8:67::1)"
check "another address of the guest's subnet is where the host says" ENETUNREACH "$(outcome 10.0.2.77)"

# --- a black hole holds up nobody: neighbours that are known and do not answer
ip netns add hole
wire - hole0 hole hole1
address - hole0 192.0.2.1/24 2001:db8:2::1/64
ip -n hole link set hole1 up
ip neigh add 192.0.2.9 dev hole0 lladdr 02:00:00:00:00:09
ip neigh add 2001:db8:2::9 dev hole0 lladdr 02:00:00:00:00:09
for hole in 192.0.2.9 2001:db8:2::9; do
	start_in guest "hole.$hole.log" "$TOOLS/stream" dial $hole 80 40
	holes+=("$server")
done
start echo.log "$TOOLS/stream" echo 127.0.0.1 5007 ::1 5007
echo_server=$server
for gate in $G4 $G6; do
	check "80 dials into the dark hold up nobody, $gate" 'opened 50 echoed 50 wrong 0 failed 0' \
		"$(guest "$TOOLS/stream" many $gate 5007 50)"
done
check 'nor does a refusal wait' ECONNREFUSED "$(guest "$TOOLS/stream" dial $G4 9 | head -n 1)"
for hole in 192.0.2.9 2001:db8:2::9; do
	await "grep -q silent 'hole.$hole.log'"
	check "silence is silence, $hole" '40 silent' "$(grep -v ready "hole.$hole.log")"
done
end "${holes[@]}"

# --- many at once
for gate in $G4 $G6; do
	check "2,000 connections at once, $gate" 'opened 2000 echoed 2000 wrong 0 failed 0' \
		"$(guest "$TOOLS/stream" many $gate 5007 2000)"
done
end "$echo_server"
stop
