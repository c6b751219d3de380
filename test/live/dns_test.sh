#!/bin/bash
# dns_test.sh - names asked of the gateway by real clients: UDP and TCP, both families, glibc, musl and Python; a
# resolv.conf that changes, names by suffix, names that are refused, and nameservers that are hostile
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
cd "$W" || exit 1
case $here in /*) ;; *) here=$OLDPWD/$here ;; esac

# The host's /etc for this script alone.
cp -a /etc etc && mount --bind etc /etc || exit

# nameserver ADDR PORT ANSWER: dnsmasq that knows one name
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
asks() { guest dig +short +time=6 +tries=1 "$@" 2>&1 | head -n 1; }
# Its status, and the Extended Error if there is one.
status() { guest dig +time=6 +tries=1 "$@" 2>&1 | sed -n 's/.*status: \([A-Z]*\).*/\1/p; s/^; EDE: /EDE /p' | paste -sd ' '; }

nameserver 127.0.0.1 53 11.0.1.1
nameserver ::1 53 11.0.1.2
nameserver 127.0.0.1 5353 11.0.1.3
resolv_conf 127.0.0.1
# A gateway that confines itself keeps to the folders there are when it starts.
mkdir -p /run/systemd/resolve

# --- the gateway's DNS address ----------------------------------------------------------------------------

serve guest || exit
for at in $N4 $N6; do
	check "UDP, $at" 11.0.1.1 "$(asks @$at a.example)"
	check "TCP, $at" 11.0.1.1 "$(asks @$at +tcp a.example)"
	check "an answer that needs TCP, $at" 12 "$(guest dig @$at long.example TXT +short +bufsize=512 | head -n 1 | wc -w)"
	check "an answer in fragments, $at" 12 "$(guest dig @$at long.example TXT +short +bufsize=4096 +ignore | head -n 1 | wc -w)"
	check "other ports of it are closed, $at" ECONNREFUSED "$(guest "$TOOLS/stream" dial $at 81 | head -n 1)"
	check "one connection, several questions, $at" '11.0.1.1 11.0.1.1 11.0.1.1' \
		"$(guest kdig @$at +tcp +keepopen +short a.example a.example a.example 2>&1 | paste -sd ' ')"
done
check 'the host goes by a name' "$G4" "$(asks @$N4 host.sluice.internal)"
contains 'a zone transfer is not for guests' 'Transfer failed' "$(guest dig @$N4 +tcp example AXFR)"
resolv_conf ::1
for proto in +notcp +tcp; do
	# A file is looked at once a second at most.
	await '[ "$(asks @$N4 $proto a.example)" = 11.0.1.2 ]'
	check "a resolv.conf that was replaced is followed, $proto" 11.0.1.2 "$(asks @$N4 $proto a.example)"
done
# The first server refuses, the second answers.
printf 'nameserver 127.0.0.9\nnameserver 127.0.0.1\n' >/etc/resolv.conf
for proto in +notcp +tcp; do
	await '[ "$(asks @$N4 $proto a.example)" = 11.0.1.1 ]'
	check "the next one where the first refuses, $proto" 11.0.1.1 "$(asks @$N4 $proto a.example)"
done
# systemd-resolved's stub, which is not there.
echo 'nameserver ::1' >/run/systemd/resolve/resolv.conf
resolv_conf 127.0.0.53
await '[ "$(asks @$N4 a.example)" = 11.0.1.2 ]'
check "whom the stub would ask" 11.0.1.2 "$(asks @$N4 a.example)"
resolv_conf 127.0.0.1
contains 'a resolver that is not allowed, UDP' 'unreachable' "$(guest dig @10.9.9.9 a.example +time=2 +tries=1)"
contains 'a resolver that is not allowed, TCP' 'refused' "$(guest dig @10.9.9.9 +tcp a.example +time=2 +tries=1)"
stop

serve guest --nameserver 127.0.0.1:5353 --dns-route 'b.example=127.0.0.1' --dns-route 'a.b.example=[::1]' --host 'db.internal=10.9.8.7' \
	-r 'deny to *.evil.example' -r 'allow to @host' || exit
check '--nameserver with a port, UDP' 11.0.1.3 "$(asks @$N4 a.example)"
check '--nameserver with a port, TCP' 11.0.1.3 "$(asks @$N6 +tcp a.example)"
check 'a static host' 10.9.8.7 "$(asks @$N4 db.internal)"
contains 'a refused name' 'NXDOMAIN EDE 15 (Blocked): (' "$(status @$N4 www.evil.example)"
contains '... says by which rule' "deny to *.evil.example" "$(status @$N4 www.evil.example)"
contains '... over TCP too' 'NXDOMAIN EDE 15 (Blocked)' "$(status @$N6 +tcp www.evil.example)"
check "the host's own nameserver is a destination" 11.0.1.1 "$(asks @$G4 a.example)"
check "... by TCP too" 11.0.1.1 "$(asks @$G4 +tcp a.example)"
contains '... and no way around' 'NXDOMAIN EDE 15' "$(status @$G4 www.evil.example)"
stop

# --- resolvers of programs --------------------------------------------------------------------------------

hostile() { start "hostile.$1.log" "$here/dns_hostile.py" "$1" "$2"; }
hostile 127.0.0.2 53 || exit
one=$server
hostile 127.0.0.3 53 || exit
two=$server
if command -v musl-gcc >/dev/null; then
	musl-gcc -static -O1 -o resolve.musl "$here/resolve.c" || not_ok 'musl' 'resolve.c does not compile'
else
	echo 'skip musl - there is no musl-gcc'
fi
python='import socket, sys
try: print(*sorted({a[4][0] for a in socket.getaddrinfo(sys.argv[1], 80)}))
except socket.gaierror as e: print("no such name" if e.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else "no answer")'
runs() { soon "$SLUICE" run -q --nameserver 127.0.0.2 --nameserver 127.0.0.3 -r 'deny to *.evil.example' "$@" 2>&1; }
for libc in glibc musl python; do
	case $libc in
	glibc) program=("$TOOLS/resolve") ;;
	musl) program=("$W/resolve.musl") ;;
	python) program=(python3 -c "$python") ;;
	esac
	[ $libc != musl ] || [ -x resolve.musl ] || continue
	check "$libc: both families" '11.0.0.1 2001:4860::1' "$(runs "${program[@]}" ok.example)"
	check "$libc: a refused name is none, at once" 'no such name' "$(runs "${program[@]}" www.evil.example)"
	check "$libc: a name that leads inwards is none" 'no such name' "$(runs "${program[@]}" rebind.example)"
	check "$libc: what leads outwards is left" '11.0.0.1' "$(runs "${program[@]}" half.example)"
	check "$libc: an answer by TCP" '11.0.0.1 2001:4860::1' "$(runs "${program[@]}" cut.example)"
	check "$libc: a crowd of addresses" '11.0' "$(runs "${program[@]}" many.example | cut -c 1-4)"
	check "$libc: an error, in time" 'no answer' "$(runs "${program[@]}" silent.example)"
done
check 'getent' '11.0.0.1' "$(runs getent ahostsv4 ok.example | awk 'NR == 1 { print $1 }')"

# --- hostile nameservers ----------------------------------------------------------------------------------

serve guest --nameserver 127.0.0.2 --nameserver 127.0.0.3 || exit
memory() { awk '/VmHWM/ { print $2 }' "/proc/$gateway/status"; }
before=$(memory)
for how in ok wrongid wrongname cut slow alias; do
	check "$how" 11.0.0.1 "$(asks @$N4 $how.example | sed 's/^a0000\.$/11.0.0.1/')"
done
for how in servfail loop garbage trailing bomb chain deep liar close crowd; do
	contains "$how" 'SERVFAIL EDE' "$(status @$N4 $how.example)"
done
contains 'silence' 'SERVFAIL EDE 22 (No Reachable Authority)' "$(status @$N4 silent.example)"
contains 'refused' 'REFUSED EDE 22' "$(status @$N4 refused.example)"
check 'nx' 'NXDOMAIN' "$(status @$N4 nx.example)"
contains 'rebind' 'NOERROR EDE 15 (Blocked): (' "$(status @$N4 rebind.example)"
check 'half' 11.0.0.1 "$(guest dig @$N4 half.example +short | paste -sd ' ')"
check 'a stray record is not passed on' 1 "$(guest dig @$N4 poison.example +noall +answer | wc -l)"
lacks 'a wrong answer is never believed' 11.6.6.6 "$(for n in wrongid wrongname liar loop poison; do asks @$N4 $n.example; asks @$N4 +tcp $n.example; done)"
check 'both were asked' 2 "$(cat hostile.127.0.0.2.log hostile.127.0.0.3.log | grep -c '^udp servfail.example')"
check 'many by TCP' 400 "$(guest dig @$N4 +tcp many.example +short | wc -l)"
check 'out of order' 'ok.y.example 0 slow.y.example 0 end' "$(guest "$here/dns_ask.py" $N4 slow.y.example ok.y.example)"
# Sixty at once, most of them bombs.
for ((i = 0; i < 60; i++)); do
	guest dig @$N4 "bomb.n$i.example" TXT +time=8 +tries=1 >/dev/null 2>&1 &
	jobs[i]=$!
done
wait "${jobs[@]}"
grew=$(($(memory) - before))
if [ "$grew" -lt 40000 ]; then ok 'bombs cost no memory'; else not_ok 'bombs cost no memory' "$grew kB"; fi
check 'it still answers' 11.0.0.1 "$(asks @$N4 ok.after.example)"
stop
end "$one" "$two"
