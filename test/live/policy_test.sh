#!/bin/bash
# policy_test.sh - what policy allows and refuses, to real clients and to those that evade
#
#	guest ── sluice ── the host: 9.9.9.1 ── world: 9.9.9.2, and every other address there is
#
# All of "the world" is one namespace with addresses that are public, private and special, so that whatever leaves the
# gateway arrives, and is seen: a refusal must be told to the guest, be an event with its reason, and have reached nobody.
LIVE=$(dirname "$(realpath "$0")")
. "$(dirname "$0")/lib.sh"
WORLD=$LIVE/world.py EVADE=$LIVE/evade.py

cp -a /etc etc && mount --bind etc /etc || exit
echo "nameserver $N4" >/etc/resolv.conf # the guest's: the gateway is told its nameserver

# --- the world ------------------------------------------------------------------------------------------

W4=11.0.0.10 O4=11.0.0.20 Q4=11.0.0.30 H4=11.0.0.53        # the web, others, QUIC, a hostile name server
W6=2a0e:b107::10 O6=2a0e:b107::20
P4=10.77.0.1 P6=fd00:77::1 M4=169.254.169.254              # private; where clouds tell secrets
special=("$P4" "$P6" $M4 168.63.129.16 192.0.2.1 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1 64:ff9b:1::a4d:1)
ip netns add world
wire - out world in
address - out 9.9.9.1/24 2a0e:b107:9::1/64
address world in 9.9.9.2/24 2a0e:b107:9::2/64
ip -n world link set lo up
for a in $W4 $O4 $Q4 $H4 11.0.0.5 "${special[@]}" $W6 $O6; do
	case $a in *:*) ip -n world addr add "$a/128" dev lo nodad ;; *) ip -n world addr add "$a/32" dev lo ;; esac
done
ip route add default via 9.9.9.2
ip -6 route add default via 2a0e:b107:9::2
start_in world world.log "$WORLD" $W4 $O4 $Q4 $W6 $O6 "${special[@]}" || exit

# A name server we trust, and one that a guest may choose.
names() # names NETNS ADDR PORT RECORDS...
{
	at "$1" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --log-facility=- \
		--bind-interfaces --listen-address="$2" --port="$3" --local=// "${@:4}" >"names.$2.log" 2>&1 &
	await "at $1 dig @$2 -p $3 ready.example +short +time=1 +tries=1 | grep -q ." || not_ok "dnsmasq on $2" "$(cat "names.$2.log")"
}
names world 11.0.0.5 53 --address=/ready.example/11.9.9.9 --address=/www.allowed.example/$W4 --address=/six.allowed.example/$W6 \
	--address=/web.example/$W4 --address=/git.example/$W4 --address=/other.example/$O4 --address=/shared.example/$W4 \
	--address=/bad.example/$W4 --address=/cdn.bad.example/$W4 --cname=alias.example,bad.example --cname=www.alias.example,www.allowed.example \
	--address=/rebind.example/$P4 --address=/rebind.example/$P6 --address=/meta.example/$M4 --address=/home.example/127.0.0.1 \
	--address=/mapped.example/::ffff:a4d:1 --address=/nat64.example/64:ff9b::a9fe:a9fe --address=/sixto4.example/2002:a9fe:a9fe::1 \
	--host-record=mixed.example,$W4 --host-record=mixed.example,$P4 --address=/lan.example/$P4 --address=/quic.example/$Q4
names world $H4 53 --address=/ready.example/11.9.9.9 --address=/www.allowed.example/$O4 --address=/bad.example/$O4

# --- what was seen --------------------------------------------------------------------------------------

evade() { guest "$EVADE" "$@" 2>&1; }
asks() { guest dig +time=4 +tries=1 "$@" 2>&1; }
answers() { asks +short "$@" | sort | tr '\n' ' '; }
# From here on: what comes next is looked for behind this place of the world's log and of the events.
mark() { world_at=$(wc -l <world.log) events_at=$(wc -l <events); }
arrived() { tail -n +$((world_at + 1)) world.log; }
# told NAME PART...: an event since the mark has all of these
told()
{
	local name=$1 part found
	shift
	for ((i = 0; i < 50; i++)); do
		found=$(tail -n +$((events_at + 1)) events)
		for part; do found=$(grep -F -e "$part" <<<"$found"); done
		[ -z "$found" ] || { ok "$name: the event"; return; }
		sleep 0.04
	done
	not_ok "$name: the event" "no $* in $(tail -n +$((events_at + 1)) events)"
}
nobody_saw() { check "$1: nobody there noticed" '' "$(arrived | grep -E ' open$|^udp')"; }
# refused NAME OUTCOME REASON REMOTE EVADE...: at once, with this event, and nothing has left
refused()
{
	local name=$1 outcome=$2 reason=$3 remote=$4
	shift 4
	mark
	check "$name" "$outcome" "$(evade "$@")"
	told "$name" "\"reason\":\"$reason\"" "\"remote\":\"$remote\"" '"verdict":"d'
	nobody_saw "$name"
}
# unsaid NAME REASON PART EVADE...: the connection is made and ended with an alert; not a byte of the guest's has passed
unsaid()
{
	local name=$1 reason=$2 part=$3
	shift 3
	mark
	check "$name" "${ALERT:-TLS TLSV1_ALERT_ACCESS_DENIED}" "$(evade "$@")"
	told "$name" "\"reason\":\"$reason\"" "$part" '"verdict":"deny"'
	check "$name: no byte reached the server" '' "$(arrived | grep -E 'bytes|request')"
}

gate() # gate OPTIONS...: a gateway whose events begin anew
{
	: >events
	serve guest --mtu 1500 --nameserver 11.0.0.5 --events "$W/events" "$@"
}
page() { guest curl -sS -m 5 "$@" 2>&1; }

# === a policy of names, nothing else allowed ============================================================

cat >policy <<END
deny to bad.example, cdn.bad.example "we do not go there"
allow to @dns
allow tcp/443 to *.allowed.example
allow tcp/80 to web.example
allow tcp/22,2222 to git.example
drop tcp/81 udp/9 to $O4
allow tcp/443 udp/443,9 to quic.example
END
gate --policy "$W/policy" --profile none || exit

# --- without a name nobody gets anywhere, allowed or not
refused 'an address nobody asked for' ECONNREFUSED no-evidence $W4:443 tcp $W4 443
refused 'and over IPv6' ECONNREFUSED no-evidence "[$W6]:443" tcp $W6 443
refused 'with an allowed SNI' ECONNREFUSED no-evidence $W4:443 tls $W4 443 www.allowed.example
refused 'a port that no name is allowed' ECONNREFUSED rule $W4:8080 tcp $W4 8080
refused 'a datagram' EHOSTUNREACH rule $O4:7 udp $O4 7
refused 'a datagram, IPv6' EACCES rule "[$O6]:7" udp $O6 7
WAIT=1.5 refused 'drop: TCP' silent rule $O4:81 tcp $O4 81
told 'drop: the verdict' '"verdict":"drop"' '"rule":6' '"file":"' '"line":6'
WAIT=1.5 refused 'drop: UDP' silent rule $O4:9 udp $O4 9
mark
contains 'ping is refused, not lost' 'Packet filtered' "$(guest ping -n -c 1 -W 3 $W4 2>&1)"
told 'ping' '"reason":"rule"' '"protocol":"icmp"'

# --- DNS: a refused name does not leave, and says which rule it was
mark
said=$(asks bad.example)
contains 'a refused name: NXDOMAIN' 'status: NXDOMAIN' "$said"
contains 'a refused name: Blocked' 'EDE: 15 (Blocked)' "$said"
contains 'a refused name: the text has the rule' 'bad.example' "$(grep EDE <<<"$said")"
told 'a refused name' '"event":"name-refused"' '"reason":"rule"' '"name":"bad.example"' '"name_from":"query"' '"rule":1' '"line":1'
contains 'a refused name, TCP' 'status: NXDOMAIN' "$(asks +tcp cdn.bad.example)"
contains 'a refused name, upper case and a dot' 'status: NXDOMAIN' "$(asks BAD.Example.)"
check 'a refused name, in fragments' NXDOMAIN "$(evade dns $N4 bad.example fragments)"
check 'a name, in fragments' "NOERROR $W4" "$(evade dns $N4 www.allowed.example fragments)"
contains 'a CNAME to a refused name' 'status: NXDOMAIN' "$(asks alias.example)"
check 'the next name over is another' "$W4 " "$(answers notbad.example)$(answers shared.example)"

# --- a name server the guest chose
refused 'a resolver that the guest chose, UDP' EHOSTUNREACH rule $H4:53 udp $H4 53
refused 'a resolver that the guest chose, TCP' ECONNREFUSED rule $H4:53 tcp $H4 53

# --- TLS: what is asked for must be allowed, and must lead where it leads
mark
check 'curl over IPv4' "$W4 host=www.allowed.example sni=www.allowed.example" "$(page -k https://www.allowed.example/)"
told 'curl over IPv4, at first' '"event":"opened"' "\"remote\":\"$W4:443\"" '"name":"www.allowed.example","name_from":"evidence","verdict":"peek"'
told 'curl over IPv4, in the end' '"event":"closed"' "\"remote\":\"$W4:443\"" '"name_from":"sni","verdict":"allow","rule":3' '"line":3'
check 'curl over IPv6' "$W6 host=six.allowed.example sni=six.allowed.example" "$(page -k -6 https://six.allowed.example/)"
check 'a CNAME in front' "$W4 host=www.allowed.example sni=www.allowed.example" \
	"$(asks www.alias.example >/dev/null; evade tls $W4 443 www.allowed.example)"
contains 'openssl' 'CN = world' "$(guest openssl s_client -connect $W4:443 -servername www.allowed.example -brief </dev/null 2>&1)"
check 'python' 200 "$(guest python3 -c '
import ssl, urllib.request
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
print(urllib.request.urlopen("https://www.allowed.example/", context=c).status)' 2>&1)"
answers shared.example >/dev/null
answers other.example >/dev/null
refused 'an allowed SNI, to an address it does not lead to' ECONNREFUSED no-evidence $O4:443 tls $O4 443 www.allowed.example
unsaid 'another SNI, to the address of an allowed name' name '"name":"shared.example","name_from":"sni"' tls $W4 443 shared.example
unsaid 'a refused SNI there' rule '"name":"bad.example","name_from":"sni"' tls $W4 443 bad.example
unsaid 'a refused SNI byte by byte' rule '"name":"bad.example"' tls $W4 443 bad.example segments=1
unsaid 'a refused SNI in records of 5 bytes' rule '"name":"bad.example"' tls $W4 443 bad.example records=5
unsaid 'a refused SNI in records of 1 byte, byte by byte' rule '"name":"bad.example"' tls $W4 443 bad.example records=1 segments=1
unsaid 'a ClientHello with ECH' ech "\"remote\":\"$W4:443\"" tls $W4 443 www.allowed.example ech
ALERT=15030300020232 unsaid 'a broken ClientHello' bad-query "\"remote\":\"$W4:443\"" raw $W4 443 160301000a01000006030300000000
for how in segments=1 records=5 'records=1 segments=7'; do
	# shellcheck disable=SC2086  # two words
	check "an allowed SNI, $how" "$W4 host=www.allowed.example sni=www.allowed.example" "$(evade tls $W4 443 www.allowed.example $how)"
done
check 'no SNI: what was resolved decides' "$W4 host=www.allowed.example sni=None" "$(evade tls $W4 443 - host=www.allowed.example)"
refused 'QUIC to a name that is allowed TCP alone' EHOSTUNREACH no-evidence $W4:443 udp $W4 443
answers quic.example >/dev/null
check 'datagrams to an allowed name' answer "$(evade udp $Q4 9)"
refused 'QUIC where an allowed name decides' EHOSTUNREACH quic $Q4:443 udp $Q4 443
check 'and TCP there instead' "$Q4 host=quic.example sni=quic.example" "$(page -k https://quic.example/)"

# --- HTTP: every request of a connection
answers web.example >/dev/null
check 'curl, HTTP' "$W4 host=web.example sni=None" "$(page http://web.example/)"
mark
said=$(evade http $W4 80 shared.example)
contains 'another Host: 403' '403 ' "$said"
contains 'another Host: its name is said' shared.example "$said"
told 'another Host' '"reason":"name"' '"name":"shared.example","name_from":"host"'
check 'another Host: no byte reached the server' '' "$(arrived | grep -E 'bytes|request')"
mark
said=$(evade http $W4 80 web.example web.example shared.example)
contains 'the third request of a connection is to another' "200 $W4 host=web.example sni=None | 200 $W4 host=web.example sni=None | 403 " "$said"
told 'the third request' '"event":"request-refused"' '"reason":"name"' '"name":"shared.example"'
check 'the third request did not arrive' '2' "$(arrived | grep -c request)"
for hosts in 'bad.example' 'web.example,bad.example' 'bad.example,web.example'; do
	mark
	contains "Host of $hosts" '40' "$(evade http $W4 80 "$hosts" segments=3 | cut -c 1-2)"
	check "Host of $hosts did not arrive" '' "$(arrived | grep -E 'bytes|request')"
done

# --- protocols in which the server speaks first
answers git.example >/dev/null
check 'a server that speaks first is heard before the guest speaks' '220 the server speaks first; echo HELLO there' "$(evade banner $W4 2222)"

# --- git over ssh
mkdir -m 755 /run/sshd
mkdir -m 700 keys
ssh-keygen -q -t ed25519 -N '' -f keys/host
ssh-keygen -q -t ed25519 -N '' -f keys/user
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
printf '%s\n' 'Port 22' "ListenAddress $W4" "ListenAddress $O4" "HostKey $W/keys/host" "AuthorizedKeysFile $W/keys/user.pub" \
	'PermitRootLogin prohibit-password' 'StrictModes no' 'UsePAM no' 'PidFile none' >sshd_config
in_ns world "$(command -v sshd)" -D -e -f "$W/sshd_config" 2>sshd.log &
await "grep -q 'listening on $O4' sshd.log"
git_quiet() { git -c user.name=t -c user.email=t@example -c init.defaultBranch=main "$@" >git.log 2>&1 || not_ok "git $1" "$(cat git.log)"; }
git_quiet init work
echo words >work/words
(cd work && git_quiet add . && git_quiet commit -m words)
git_quiet clone --bare work work.git
export GIT_SSH_COMMAND="ssh -q -F none -i $W/keys/user -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
guest git clone -q "ssh://root@git.example$W/work.git" cloned >git.log 2>&1 || not_ok 'git over ssh' "$(cat git.log)"
check 'git over ssh, by an allowed name' words "$(cat cloned/words 2>&1)"
guest git clone -q "ssh://root@other.example$W/work.git" other >git.log 2>&1
check 'git over ssh, by another name' 128 $?

# --- the guest reads what it was refused
said=$(page http://gateway.sluice.internal/)
contains 'the status page: what' "tcp $O4:443" "$said"
contains 'the status page: the rule' 'deny to bad.example' "$said"
contains 'the status page: where' 'policy:1' "$said"
check 'the status page for programs' 'no-evidence' "$(page -H 'Accept: application/json' http://gateway.sluice.internal/ | python3 -c '
import json, sys
print(next(r["reason"] for r in json.load(sys.stdin)["refusals"] if r["what"] == "tcp '$O4':443"))' 2>&1)"
check 'the status page by address, IPv6' 200 "$(page -o /dev/null -w '%{http_code}' "http://[$N6]/")"
stop

# === the default: the internet, and nothing near ========================================================

gate --no-status-page || exit
check 'the default: the internet' "200 $W4 host=- sni=None" "$(evade http $W4 80 -  | sed 's/host=None/host=-/')"
check 'the default: the internet, IPv6' open "$(evade tcp $W6 443)"
check 'the default: datagrams' answer "$(evade udp $O4 7)"
refused 'the metadata service' ECONNREFUSED rule $M4:80 tcp $M4 80
refused "another cloud's" ECONNREFUSED rule 168.63.129.16:80 tcp 168.63.129.16 80
refused 'a private address' ECONNREFUSED rule $P4:80 tcp $P4 80
refused 'a private address, IPv6' ECONNREFUSED rule "[$P6]:80" tcp $P6 80
refused 'a private address, datagrams' EHOSTUNREACH rule $P4:7 udp $P4 7
refused 'documentation space' ECONNREFUSED rule 192.0.2.1:80 tcp 192.0.2.1 80
refused 'NAT64 around the metadata service' ECONNREFUSED rule '[64:ff9b::a9fe:a9fe]:80' tcp 64:ff9b::a9fe:a9fe 80
refused 'local NAT64 around a private address' ECONNREFUSED rule '[64:ff9b:1::a4d:1]:80' tcp 64:ff9b:1::a4d:1 80
refused '6to4 around the metadata service' ECONNREFUSED rule '[2002:a9fe:a9fe::1]:80' tcp 2002:a9fe:a9fe::1 80
refused 'a mapped address is the address in it' ECONNREFUSED rule $P4:80 tcp ::ffff:$P4 80

# the host: by the gateway's address, and by its own
for a in $G4 9.9.9.1; do
	refused "the host at $a" ECONNREFUSED rule "$a:22" tcp $a 22
done
refused 'the host at its own address, IPv6' ECONNREFUSED rule '[2a0e:b107:9::1]:22' tcp 2a0e:b107:9::1 22
check 'the remedy is said once' 1 "$(grep -c "allow to @host" guest.err)"
# Addresses it gets while all this runs.
ip addr add 9.9.8.1/32 dev lo
await '[ "$(evade tcp 9.9.8.1 80)" = ECONNREFUSED ] && grep -qF 9.9.8.1:80 events'
told 'an address the host has only now' '"reason":"rule"' '"remote":"9.9.8.1:80"'

# other ways to resolve names
refused 'DNS over TLS' ECONNREFUSED name-service $W4:853 tcp $W4 853
refused 'DNS over QUIC' EHOSTUNREACH name-service $W4:853 udp $W4 853
refused 'mDNS' EHOSTUNREACH name-service $W4:5353 udp $W4 5353
refused 'LLMNR' EHOSTUNREACH name-service $W4:5355 udp $W4 5355
refused 'NetBIOS' EHOSTUNREACH name-service $W4:137 udp $W4 137
check 'QUIC where no name decides' answer "$(evade udp $W4 443)"

# answers that lead inwards
for name in rebind meta home mapped nat64 sixto4; do
	mark
	check "rebinding, $name" '' "$(answers $name.example A)$(answers $name.example AAAA)"
	told "rebinding, $name" '"event":"name-refused"' '"reason":"rebind"' "\"name\":\"$name.example\""
done
contains 'rebinding: no error but a reason' 'status: NOERROR' "$(asks rebind.example)"
contains 'rebinding: the reason' 'EDE' "$(asks rebind.example)"
check 'rebinding: what is public stays' "$W4 " "$(answers mixed.example)"
check '--no-status-page' ECONNREFUSED "$(evade tcp $N4 80)"
stop

# === a resolver that the guest may choose proves nothing ================================================

gate -r 'deny to bad.example' -r "allow udp/53 tcp/53 to $H4" -r 'allow tcp/443 to *.allowed.example' -r 'allow to @dns' --profile none || exit
check 'the chosen resolver answers' "$O4 " "$(answers @$H4 www.allowed.example)"
refused 'what it says is no evidence' ECONNREFUSED no-evidence $O4:443 tls $O4 443 www.allowed.example
contains 'a query to it is judged by name as well' 'status: NXDOMAIN' "$(asks @$H4 bad.example)"
contains 'over TCP too' 'status: NXDOMAIN' "$(asks +tcp @$H4 bad.example)"
stop

# === what rules open ====================================================================================

gate -r 'allow to @host, 10.77.0.0/24, @metadata' -r "allow tcp/853 udp/5353 to $W4" -r 'deny udp/443 to quic.example' || exit
python3 -c 'import socket
s = socket.create_server(("9.9.9.1", 7001)); s2 = socket.create_server(("127.0.0.1", 7001))
print("ready", flush=True)
while True: s.accept()' >host.log &
await 'grep -q ready host.log'
check 'a rule for @host: its own address' open "$(evade tcp 9.9.9.1 7001)"
check "a rule for @host: the gateway's" open "$(evade tcp $G4 7001)"
check 'a rule for a network' open "$(evade tcp $P4 80)"
check 'a rule for @metadata' open "$(evade tcp $M4 80)"
check 'a rule that names the port: DNS over TLS' open "$(evade tcp $W4 853)"
check 'a rule that names the port: mDNS' answer "$(evade udp $W4 5353)"
refused 'QUIC where a refused name decides' EHOSTUNREACH quic $O4:443 udp $O4 443
check 'an address that a rule allows may be answered' "$P4 " "$(answers lan.example)"
check 'one that none does may not' '' "$(answers home.example)"
stop

# === the floor ==========================================================================================

echo 'deny tcp/25 to @any' >floor
echo 'allow to @public, @dns' >>floor
gate --profile all --floor "$W/floor" || exit
check 'the floor and the rules: allowed' open "$(evade tcp $W4 80)"
refused 'the floor: not allowed there' ECONNREFUSED rule $P4:80 tcp $P4 80
told 'the floor' '"floor":true'
refused 'the floor: denied there' ECONNREFUSED rule $W4:25 tcp $W4 25
told 'the floor, by its rule' '"floor":true' '"rule":1' '"file":"' '"line":1'
stop

# === ingress ============================================================================================

gate -r 'deny ingress tcp/9001 from 9.9.9.2' -r 'drop ingress tcp/9002 from 9.9.9.2' -p 9.9.9.1:9001 -p 9.9.9.1:9002 -p 9.9.9.1:9003 || exit
start_in guest inside.log "$TOOLS/stream" echo 0.0.0.0 9001 0.0.0.0 9002 0.0.0.0 9003
inside=$server
client() { in_ns world timeout 20 python3 -c '
import socket, sys
try:
    s = socket.create_connection(("9.9.9.1", int(sys.argv[1])), 5)
    s.settimeout(float(sys.argv[2])); s.sendall(b"ask"); print(s.recv(10).decode() or "end")
except OSError as e: print(type(e).__name__)' "$1" "${2:-8}"; }
mark
check 'ingress: a client that is denied' ConnectionResetError "$(client 9001)"
told 'ingress: a client that is denied' '"event":"refused"' '"reason":"rule"' '"published":true' '"target":"9.9.9.2:' '"rule":1'
mark
contains 'ingress: one that is dropped gets nothing' Error "$(client 9002 2)"
told 'ingress: one that is dropped' '"published":true' '"verdict":"drop"'
check 'ingress: what no rule is about' ask "$(client 9003)"
end "$inside"
stop

# === reload =============================================================================================

cat >sluice.yaml <<END
policy:
  rules:
    - allow tcp to $W4
    - allow tcp to $O4
  profiles: none
END
gate -c "$W/sluice.yaml" || exit
held() # held ADDR: a connection that lasts until it is ended; what ended it goes to held.ADDR
{
	guest python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 5)
print("open", flush=True)
s.settimeout(50)
try: s.recv(1)
except OSError as e: print(type(e).__name__, flush=True)' "$1" >"held.$1" 2>&1 &
	await "grep -q open 'held.$1'"
}
held $W4
held $O4
mark
sed -i "s/allow tcp to $O4/deny tcp to $O4/" sluice.yaml
kill -HUP "$gateway"
await "grep -qF reloaded <(tail -n +$((events_at + 1)) events)"
told 'reload' '"event":"reloaded"'
await "grep -q Connection held.$O4"
check 'reload: a flow that is no longer allowed ends' ConnectionResetError "$(tail -n 1 held.$O4)"
told 'reload: that flow' '"event":"closed"' '"reason":"reload"' "\"remote\":\"$O4:80\""
check 'reload: the others live on' open "$(tail -n 1 held.$W4)"
refused 'reload: a new one' ECONNREFUSED rule $O4:80 tcp $O4 80
mark
echo '    - alow to nowhere' >>sluice.yaml
kill -HUP "$gateway"
await "grep -q sluice.yaml guest.err"
contains 'a file that is wrong: it is said' 'sluice.yaml' "$(cat guest.err)"
check 'a file that is wrong changes nothing' 'open ECONNREFUSED' "$(evade tcp $W4 443) $(evade tcp $O4 443)"
check 'nor ends anything' open "$(tail -n 1 held.$W4)"
stop

# === a flood of refusals ================================================================================

gate -q --stats=json || exit
guest python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b"x", ("10.9.9.9", 1 + i))'
await '[ "$(evade tcp 10.9.9.9 80)" = ECONNREFUSED ]'
stop
check 'a flood: the lines and the counts are all there was' right "$(python3 -c '
import json
lines = [json.loads(l) for l in open("events")]
told = sum(e["event"] == "refused" for e in lines)
left = sum(e["count"] for e in lines if e["event"] == "suppressed")
all = next(json.loads(l) for l in open("guest.err") if l.startswith("{"))["counters"]["refused by policy"]
print("right" if 100 <= told < 1000 and left and told + left == all else (told, left, all))')"
