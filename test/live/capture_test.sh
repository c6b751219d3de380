#!/bin/bash
# capture_test.sh - --pcap: a capture that others can read while it grows, and that is whole in the end
. "$(dirname "$0")/lib.sh"

serve guest -r 'allow to @host' --pcap "$W/guest.pcapng" || exit
guest ping -n -c 2 -i 0.1 $G4 >/dev/null 2>&1
frames() { tcpdump -n -r "$W/guest.pcapng" "$@" 2>tcpdump.err | wc -l; }
await '[ "$(frames icmp)" = 4 ]'
check 'a capture that grows: tcpdump' 4 "$(frames icmp)"
lacks 'a capture that grows: nothing is cut off' truncated "$(cat tcpdump.err)"
guest ping -n -c 3 -i 0.1 $G6 >/dev/null 2>&1
await '[ "$(frames icmp6 and ip6[40] == 129)" = 3 ]'
check 'and has what came since' 3 "$(frames icmp6 and ip6[40] == 129)"
if command -v tshark >/dev/null; then
	check 'a capture that grows: tshark' 5 "$(tshark -r guest.pcapng -Y 'icmp.type == 0 || icmpv6.type == 129' 2>/dev/null | wc -l)"
fi
start echo.log "$TOOLS/stream" echo 127.0.0.1 5007
guest "$TOOLS/stream" many $G4 5007 100 >/dev/null
stop
end "$server"
frames >/dev/null
lacks 'a capture that ended: tcpdump' truncated "$(cat tcpdump.err)"
check 'a capture that ended has both ends of each connection' '100 100' \
	"$(frames 'tcp[13] = 2') $(frames 'tcp[13] = 18')"

