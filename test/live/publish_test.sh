#!/bin/bash
# publish_test.sh - ports of the host that lead to the guest: TCP and UDP, both families, ranges, limits
. "$(dirname "$0")/lib.sh"

ip netns add far
wire - near far end
address - near 192.0.2.1/24 2001:db8:1::1/64
address far end 192.0.2.2/24 2001:db8:1::2/64

serve guest -p 8001:9001 -p 8010-8013:9010 -p 8002:9002/udp -p 192.0.2.1:8003:9001 -p '[2001:db8:1::1]:8003:9001' || exit
start_in guest tcp.log "$TOOLS/stream" echo 0.0.0.0 9001 :: 9001 0.0.0.0 9010 :: 9013 || exit
echo_server=$server
start_in guest udp.log "$TOOLS/dgram" name 0.0.0.0 9002 :: 9002 || exit
name_server=$server

for host in 127.0.0.1 ::1; do
	check "TCP, $host" 'opened 50 echoed 50 wrong 0 failed 0' "$(stream many $host 8001 50)"
done
check 'first of a range' 'opened 5 echoed 5 wrong 0 failed 0' "$(stream many 127.0.0.1 8010 5)"
check 'last of a range' 'opened 5 echoed 5 wrong 0 failed 0' "$(stream many ::1 8013 5)"
check 'a bind address, IPv4' 'opened 5 echoed 5 wrong 0 failed 0' "$(soon nsenter --net=/run/netns/far "$TOOLS/stream" many 192.0.2.1 8003 5)"
check 'a bind address, IPv6' 'opened 5 echoed 5 wrong 0 failed 0' \
	"$(soon nsenter --net=/run/netns/far "$TOOLS/stream" many 2001:db8:1::1 8003 5)"
check 'the loopback alone without one' ECONNREFUSED "$(soon nsenter --net=/run/netns/far "$TOOLS/stream" dial 192.0.2.1 8001 | head -n 1)"
contains 'UDP, IPv4: the guest sees the gateway' "$G4 " "$(dgram names 127.0.0.1 8002)"
contains 'UDP, IPv6: the guest sees the gateway' "$G6 " "$(dgram names ::1 8002)"

# --- content, both ends of file, a refused port
for host in 127.0.0.1 ::1; do
	start_in guest guest.log "$TOOLS/stream" listen "$(sed 's/.*:.*/::/; t; s/.*/0.0.0.0/' <<<$host)" 9011 \
		send=5000000 recv=5000001
	stream connect $host 8011 send=5000001 recv=5000000 >host.log
	finish $?
	check "both ways at once, $host" 'sent 5000001 received 5000000 content right end eof' "$(tail -n 1 host.log)"
	check "both ways at once in the guest, $host" 'sent 5000000 received 5000001 content right end eof' \
		"$(tail -n 1 guest.log)"
	contains "a refused port of the guest resets the host's client, $host" ECONNRESET \
		"$(stream connect $host 8012 recv=1 after=eof)"
done
stop
end "$echo_server" "$name_server"

# --- a port that cannot be had stops the start
start taken.log "$TOOLS/stream" echo 127.0.0.1 8020
taken=$server
for what in 8020 8019-8021 127.0.0.1:8020; do
	timeout 20 "$SLUICE" serve tap:tap0@/run/netns/guest --configure -p $what >out 2>err
	check "-p $what: taken, the start ends" 1 $?
	contains "-p $what: the sentence names the port" 'port 8020 on 127.0.0.1' "$(cat err)"
	check "-p $what: one sentence" 1 "$(wc -l <err)"
done
timeout 20 "$SLUICE" serve tap:tap0@/run/netns/guest --configure -p 203.0.113.9:8021 >out 2>err
check 'an address the host does not have' 1 $?
contains 'is named' 203.0.113.9 "$(cat err)"
check 'nothing of it is left in the guest' lo "$(in_ns guest ip -br link | awk '{ print $1 }')"
end "$taken"

# --- more clients than the table, or than descriptors: some are turned away, and the listener lives
serve guest -p 8030:9030 --max-tcp 50 -q || exit
start_in guest tcp.log "$TOOLS/stream" echo 0.0.0.0 9030
guest_server=$server
crowd() # crowd WHAT
{
	local many next='opened 20 echoed 20 wrong 0 failed 0'
	many=$(stream many 127.0.0.1 8030 150)
	if [[ $many == *' wrong 0 failed '* && $many != *' failed 0'* ]]; then ok "more clients than $1"; else
		not_ok "more clients than $1" "$many"; fi
	# The next client may come before the last ones are gone: it is turned away, and asks again.
	await '[ "$(stream many 127.0.0.1 8030 20)" = "$next" ]'
	check "more clients than $1: the listener survives" "$next" "$(stream many 127.0.0.1 8030 20)"
}
crowd flows
stop
serve guest -r 'allow to @host' -p 8030:9030 -q || exit
start echo.log "$TOOLS/stream" echo 127.0.0.1 5007
host_server=$server
prlimit --pid "$gateway" --nofile=60
crowd descriptors
start_in guest dials.log "$TOOLS/stream" dial $G4 5007 150
await 'grep -q silent dials.log'
check 'more dials than descriptors: some are silent, none is refused' '0 1' \
	"$(grep -c ECONN dials.log) $(grep -c '^[1-9][0-9]* silent' dials.log)"
end "$server"
await '[ "$(guest "$TOOLS/stream" many $G4 5007 20)" = "opened 20 echoed 20 wrong 0 failed 0" ]' &&
	ok 'more dials than descriptors: the next are served' || not_ok 'more dials than descriptors: the next are served' ''
stop
end "$guest_server" "$host_server"
