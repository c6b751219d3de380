#!/bin/bash
# request_test.sh - rules about requests, to real clients: what passes, what is refused and how, and who is told
#
#	guest ── sluice ── the host: 9.9.9.1 ── world: 11.0.0.10, one web server of many names
#
# The server writes down what it was asked, so what was refused is known not to have reached it.
LIVE=$(dirname "$(realpath "$0")")
. "$(dirname "$0")/lib.sh"

cp -a /etc etc && mount --bind etc /etc || exit
echo "nameserver $N4" >/etc/resolv.conf # the guest's

# --- the world ------------------------------------------------------------------------------------------

W4=11.0.0.10
ip netns add world
wire - out world in
address - out 9.9.9.1/24
address world in 9.9.9.2/24
ip -n world link set lo up
ip -n world addr add $W4/32 dev lo
ip route add default via 9.9.9.2
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj '/CN=root of the test' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -out web.csr -subj '/CN=web of the test'
	openssl x509 -req -in web.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out web.pem -extfile <(printf '%s\n' \
		subjectAltName=DNS:api.test,DNS:b.test,DNS:*.b.test,DNS:c.test,DNS:closed.test,IP:$W4 extendedKeyUsage=serverAuth)
} 2>openssl.err || { not_ok 'certificates' "$(cat openssl.err)"; exit; }
start_in world web.log "$LIVE/requests.py" web.pem web.key $W4 || exit

# --- what was seen --------------------------------------------------------------------------------------

mark() { web_at=$(wc -l <web.log) events_at=$(wc -l <events); }
arrived() { tail -n +$((web_at + 1)) web.log | tr '\n' ';'; }
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
asks() { guest curl -sS --path-as-is -m 20 "$@" 2>&1; } # CURL-OPTIONS...: what it says
status() { guest curl -s --path-as-is -o /dev/null -w '%{http_code}' -m 20 "$@"; }
# refused NAME STATUS PART CURL-OPTIONS...: with this in the text; nothing of it has reached the server
refused()
{
	local name=$1 status=$2 part=$3 said
	shift 3
	mark
	said=$(asks -w '\n%{http_code}' "$@")
	check "$name: the status" "$status" "${said##*$'\n'}"
	contains "$name: the text" "$part" "$said"
	check "$name: nothing arrived" '' "$(arrived)"
}
# passes NAME LINE CURL-OPTIONS...
passes() { local name=$1 line=$2; shift 2; mark; check "$name" "$line" "$(asks "$@")"; check "$name: arrived once" "$line;" "$(arrived)"; }

gate() # gate OPTIONS...
{
	: >events
	serve guest --nameserver 9.9.9.2 --events "$W/events" --ca "$W/ca" --tls-roots "$W/root.pem" --profile none \
		--host api.test=$W4 --host b.test=$W4 --host x.b.test=$W4 --host c.test=$W4 --host closed.test=$W4 "$@" || return
	export CURL_CA_BUNDLE=$W/ca/ca.pem
}

# === methods and paths over TLS =========================================================================

cat >policy <<END
deny https POST,PUT *.b.test/admin/** "administration is for people"
allow https GET,HEAD api.test/repos/**, api.test/user
allow https *.b.test
drop https c.test/silent
allow https/443,9443 c.test
allow http/80,8080 GET,POST b.test/open/*
allow https closed.test
END
gate --policy "$W/policy" --request-log --tls-bypass closed.test || exit

passes 'a method and a path that are allowed' 'GET api.test /repos/x/y?q=1 0' 'https://api.test/repos/x/y?q=1'
told 'the log of requests' '"event":"request"' '"method":"GET"' '"path":"/repos/x/y"' '"status":200' '"name":"api.test"' '"verdict":"allow"'
lacks 'the log has no query' 'q=1' "$(cat events)"
check 'HEAD' 200 "$(status -I https://api.test/user)"
refused 'another method' 403 "POST https://api.test/repos/x ($W4:443): no rule allows it" -d body https://api.test/repos/x
told 'another method' '"event":"request-refused"' '"reason":"rule"' '"method":"POST"' '"path":"/repos/x"' '"name":"api.test"' '"verdict":"deny"'
refused 'another path' 403 'no rule allows it' https://api.test/users
refused 'a path that climbs' 403 'no rule allows it' https://api.test/repos/../users
refused 'a path that climbs in disguise' 403 'no rule allows it' https://api.test/repos/%2e%2e/users
refused 'a path without a normal form' 400 '' https://api.test/repos/../../../x

refused 'a rule that denies' 403 'policy:1 "deny https POST,PUT *.b.test/admin/**' -d body https://x.b.test/admin/users
told 'a rule that denies' '"rule":1' '"line":1' '"path":"/admin/users"'
refused 'with a doubled slash' 403 'policy:1' -d body https://x.b.test//admin//users
refused 'with an escape' 403 'policy:1' -d body https://b.test/%61dmin
passes 'the same path, another method' 'GET x.b.test /admin/users 0' https://x.b.test/admin/users
passes 'the same method, another path' 'POST b.test /a 4' -d body https://b.test/a

# --- the two forms of a refusal, and what comes after one
mark
said=$(asks -H 'Accept: application/json' -X DELETE https://api.test/repos/x)
contains 'a refusal as JSON' '"refused":true' "$said"
contains 'a refusal as JSON: why' 'no rule allows it' "$said"
said=$(asks -w ' %{http_code} %{num_connects}\n' -d body https://api.test/repos/x --next -sS -m 20 -w '%{http_code} %{num_connects}\n' https://api.test/repos/x)
contains 'after a refusal the connection goes on' '403 1' "$said"
contains 'after a refusal the next request passes' '200 0' "$said"
refused 'drop closes' 403 'policy:4' https://c.test/silent

# --- whose request it is
refused 'a request for another host than TLS was told' 421 'it is for another host than TLS was told' -H 'Host: b.test' https://c.test/
told 'another host' '"reason":"misdirected"' '"name":"b.test"'
refused 'no host at all' 400 'no Host' -H 'Host:' https://c.test/
told 'no host at all' '"event":"closed"' '"reason":"bad-query"' '"text":"no Host"'
passes 'its own host with a port' 'GET c.test:443 / 0' -H 'Host: c.test:443' https://c.test/
check 'an address as the host: what led there decides' 200 "$(status https://$W4/)"

# --- what is not read
check 'a bypassed host that only requests are allowed to' 000 "$(status --cacert "$W/root.pem" https://closed.test/)"
told 'a bypassed host' '"reason":"no-request"' '"name":"closed.test"'
mark
said=$(printf 'hello\n' | guest openssl s_client -connect c.test:9443 -servername c.test -CAfile "$W/ca/ca.pem" -quiet -no_ign_eof 2>&1)
lacks 'TLS that is no HTTP' HELLO "$said"
check 'TLS that is no HTTP: nothing arrived' '' "$(arrived)"

mark
check 'a line of text to the port of https' '' "$(guest bash -c "exec 3<>/dev/tcp/c.test/443 && echo hello >&3 && timeout 5 cat <&3" 2>/dev/null)"
# The address is b.test's as well, and nobody can tell that it is not what rule 1 denies.
told 'a line of text' '"reason":"rule"' '"remote":"11.0.0.10:443"' '"rule":1'
check 'a line of text: nothing arrived' '' "$(arrived)"
refused 'HTTP in the clear to the port of https' 403 'no rule allows it' http://c.test:443/

# --- in the clear
passes 'http' 'GET b.test /open/x 0' http://b.test/open/x
passes 'http, another port' 'POST b.test:8080 /open/y 4' -d body http://b.test:8080/open/y
refused 'http, another path' 403 'no rule allows it' http://b.test/other
refused 'http, another method' 403 'no rule allows it' -X DELETE http://b.test/open/x
refused 'http, another host on the same connection' 403 '' -H 'Host: c.test' http://b.test/open/x

# --- what the guest and people can ask
page=$(asks http://gateway.sluice.internal/)
contains "the guest's list: the request" 'POST https://x.b.test/admin/users' "$page"
contains "the guest's list: the rule" 'rule: deny https POST,PUT *.b.test/admin/**' "$page"
contains "the guest's list: a remedy" "'allow https GET api.test/users'" "$page"
stop

# === another policy for connections there are ===========================================================

cat >twice.py <<'END'
import http.client, ssl, sys
c = http.client.HTTPSConnection("c.test", context=ssl.create_default_context(cafile=sys.argv[1]), timeout=20)
for path in "/a", "/b":
    c.request("GET", path)
    r = c.getresponse()
    print(r.status, r.read().decode().strip(), flush=True)
    if path == "/a":
        sys.stdin.readline()
END
printf '%s\n' 'allow https GET c.test' >policy
gate --policy "$W/policy" || exit
mark
mkfifo go
guest python3 twice.py "$W/ca/ca.pem" <go >twice.log 2>&1 &
twice=$!
exec 8>go
await 'grep -q 200 twice.log'
printf '%s\n' 'allow https GET c.test/a' >policy
kill -HUP "$gateway"
await "grep -q '\"event\":\"reloaded\"' events"
echo >&8
wait $twice
exec 8>&-
check 'before a reload' '200 GET c.test /a 0' "$(sed -n 1p twice.log)"
contains 'after it, on the same connection' '403 sluice refused this: GET https://c.test/b' "$(sed -n 2p twice.log)"
check 'after it: nothing arrived' 'GET c.test /a 0;' "$(arrived)"
stop

# === HTTP/2, on a port that only its rule names ==========================================================

mkdir -p docs/ok && echo 'said over HTTP/2' | tee docs/ok/a >docs/secret
in_ns world timeout -k 5 170 nghttpd -a $W4 --htdocs=docs 7443 web.key web.pem >h2.log 2>&1 &
h2=$!
await "in_ns world ss -Hltn 'sport = :7443' | grep -q ." || not_ok 'nghttpd starts' "$(cat h2.log)"
printf '%s\n' 'allow https/7443,8443 GET c.test/ok/*' >policy
gate --policy "$W/policy" --request-log || exit
passes 'another port' 'GET c.test:8443 /ok/x 0' https://c.test:8443/ok/x
refused 'another port, another path' 403 'no rule allows it' https://c.test:8443/x
mark
check 'HTTP/2: what is allowed' 'said over HTTP/2 2' "$(asks -w '%{http_version}' https://c.test:7443/ok/a | tr '\n' ' ')"
told 'HTTP/2: the log of requests' '"event":"request"' '"path":"/ok/a"' '"status":200' '"name":"c.test"'
refused 'HTTP/2: another path' 403 'GET https://c.test:7443/secret' https://c.test:7443/secret
refused 'HTTP/2: another host' 421 'for another host' -H 'Host: b.test' https://c.test:7443/ok/a
said=$(asks -H 'Accept: application/json' https://c.test:7443/secret)
contains 'HTTP/2: JSON' '"status":403' "$said"
end $h2
stop

# === HTTP/3 and everything else that is not for reading =================================================

printf '%s\n' 'deny https POST @any/admin' 'allow to @any' >policy
gate --policy "$W/policy" || exit
refused 'a deny for every host' 403 'policy:1' -d body https://c.test/admin
passes 'what it does not say' 'POST c.test /x 4' -d body https://c.test/x
mark
guest bash -c "echo hello >/dev/udp/$W4/443" 2>/dev/null
told 'QUIC is refused' '"protocol":"udp"' '"remote":"11.0.0.10:443"' '"verdict":"deny"'
stop
