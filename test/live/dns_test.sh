#!/bin/bash
# dns_test.sh - names asked of the gateway's DNS address: UDP and TCP, both families, a resolv.conf that changes
. "$(dirname "$0")/lib.sh"

# The host's /etc for this script alone.
cp -a /etc etc && mount --bind etc /etc || exit

# dnsmasq ADDR PORT ANSWER: a name server that knows one name
nameserver()
{
	dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --log-facility=- \
		--bind-interfaces --listen-address="$1" --port="$2" --address="/a.example/$3" \
		--txt-record=long.example"$(printf ',%0200d' 1 2 3 4 5 6 7 8 9 10 11 12)" >"dns.$1.$2.log" 2>&1 &
	await "dig @$1 -p $2 a.example +short +time=1 +tries=1 | grep -q $3" || not_ok "dnsmasq on $1" "$(cat "dns.$1.$2.log")"
}
# Under another name and then moved, as those who write it do.
resolv_conf() { echo "nameserver $1" >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf; }
# The answer, for the guest.
asks() { guest dig +short +time=5 +tries=2 "$@" 2>&1 | head -n 1; }

nameserver 127.0.0.1 53 192.0.2.1
nameserver ::1 53 192.0.2.2
nameserver 127.0.0.1 5353 192.0.2.3
resolv_conf 127.0.0.1
serve guest || exit
for at in $N4 $N6; do
	check "UDP, $at" 192.0.2.1 "$(asks @$at a.example)"
	check "TCP, $at" 192.0.2.1 "$(asks @$at +tcp a.example)"
	check "an answer that needs TCP, $at" 12 "$(guest dig @$at long.example TXT +short +bufsize=512 | head -n 1 | wc -w)"
	check "other ports of it are closed, $at" ECONNREFUSED "$(guest "$TOOLS/stream" dial $at 80 | head -n 1)"
done
resolv_conf ::1
for proto in +notcp +tcp; do
	# A file is looked at once a second at most.
	await '[ "$(asks @$N4 $proto a.example)" = 192.0.2.2 ]'
	check "a resolv.conf that was replaced is followed, $proto" 192.0.2.2 "$(asks @$N4 $proto a.example)"
done
# The first server refuses, the second answers: a resolver asks again.
printf 'nameserver 127.0.0.9\nnameserver 127.0.0.1\n' >/etc/resolv.conf
for proto in +notcp +tcp; do
	await '[ "$(asks @$N4 $proto a.example)" = 192.0.2.1 ]'
	check "the next one where the first refuses, $proto" 192.0.2.1 "$(asks @$N4 $proto a.example)"
done
stop
serve guest --nameserver 127.0.0.1:5353 || exit
check '--nameserver with a port, UDP' 192.0.2.3 "$(asks @$N4 a.example)"
check '--nameserver with a port, TCP' 192.0.2.3 "$(asks @$N6 +tcp a.example)"
stop
resolv_conf 127.0.0.1
check "a command's own resolver" '192.0.2.1' "$(soon "$SLUICE" run getent ahostsv4 a.example | awk 'NR == 1 { print $1 }')"
