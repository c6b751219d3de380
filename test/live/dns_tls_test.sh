#!/bin/bash
# dns_tls_test.sh - names over TLS: nameservers that are asked so, with certificates good and bad; guests that ask so
#
#	guest ── sluice ── the host: nameservers with TLS on its loopback
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
cd "$W" || exit 1
case $here in /*) ;; *) here=$OLDPWD/$here ;; esac

{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj '/CN=root of the test' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout dns.key -out dns.csr -subj '/CN=a nameserver'
	openssl x509 -req -in dns.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out dns.pem -extfile \
		<(printf '%s\n' subjectAltName=DNS:dns.test,IP:127.0.0.1,IP:::1 extendedKeyUsage=serverAuth)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out self.pem -days 30 -subj '/CN=dns.test' \
		-addext subjectAltName=DNS:dns.test
} 2>openssl.err || { not_ok 'certificates' "$(cat openssl.err)"; exit; }

# nameserver ADDR PORT [CERT]: its words in dot.PORT.log
nameserver() { start "dot.$2.log" "$here/dot_server.py" "${3:-dns}.pem" "${3:-dns}.key" "$1" "$2" || exit; }
nameserver 127.0.0.1 853
first=$server
nameserver ::1 8853
second=$server
nameserver 127.0.0.1 8854 self
third=$server

asks() { guest dig @$N4 +short +time=6 +tries=1 "$@" 2>&1 | paste -sd ' '; }
status() { guest dig @$N4 +time=6 +tries=1 "$@" 2>&1 | sed -n 's/.*status: \([A-Z]*\).*/\1/p; s/^; EDE: /EDE /p' | paste -sd ' '; }
lines() { grep -c "$1" "dot.$2.log"; }

# --- nameservers ------------------------------------------------------------------------------------------

serve guest --nameserver 'tls://127.0.0.1#dns.test' --dns-route 'b.example=tls://[::1]:8853' --dns-route 'bad.example=tls://127.0.0.1#other.test' \
	--dns-route 'self.example=tls://127.0.0.1:8854#dns.test' --dns-route 'none.example=tls://127.0.0.1:8855#dns.test' \
	--tls-extra-roots root.pem || exit
check 'a name over TLS' 11.0.1.1 "$(asks a.example)"
for i in 1 2 3 4 5 6 7 8; do
	check "one connection for all: $i" 11.0.1.1 "$(asks "n$i.example")"
done
check 'by TCP of the guest too' 11.0.1.1 "$(asks +tcp tcp.example)"
check 'one connection was made' 1 "$(lines '^open' 853)"
contains 'the protocol is told' ' dot ' "$(grep '^open' dot.853.log)"
check 'questions are padded' 0 "$(grep '^asked' dot.853.log | grep -vc ' 128$')"
# It ends the connection in place of an answer: asked again, and the session is taken up again.
check 'a connection that ended' 11.0.2.1 "$(asks close.example)"
contains '... is taken up again' resumed "$(grep '^open 2' dot.853.log)"
check 'by suffix, over IPv6, for the address' 11.0.1.1 "$(asks www.b.example)"
contains 'for another name' 'SERVFAIL EDE 23 (Network Error): (the nameserver cannot be asked over TLS: the certificate of other.test is for: dns.test' \
	"$(status bad.example)"
contains 'its own certificate' 'SERVFAIL EDE 23' "$(status self.example)"
contains 'nobody there' 'SERVFAIL EDE 23 (Network Error): (the nameserver cannot be asked: Connection refused)' "$(status none.example)"
lacks 'none of these was asked' bad.example "$(cat dot.*.log)"
lacks '... nor that one' self.example "$(cat dot.*.log)"
contains 'silence is told in time' 'SERVFAIL EDE 22' "$(status silent.example)"
contains 'DNS over TLS of the guest is refused' "can't connect" "$(guest kdig @$N4 +tls +time=2 +retry=0 a.example 2>&1)"
stop

# As a person has it: dot in the options' words, in a file.
cat >sluice.yaml <<-'YAML'
	dns:
	  nameservers: ['tls://127.0.0.1#dns.test']
	tls:
	  extra_roots: [root.pem]
YAML
serve guest --config sluice.yaml || exit
contains 'from a file' 11.0. "$(asks a.example)"
stop
contains 'what is no nameserver is told' 'tls://127.0.0.1#a b' "$("$SLUICE" run --nameserver 'tls://127.0.0.1#a b' -- true 2>&1)"

# --- guests -----------------------------------------------------------------------------------------------

serve guest --intercept --nameserver 'tls://127.0.0.1#dns.test' --tls-extra-roots root.pem -r 'deny to *.evil.example' -r 'allow to @host' || exit
secure() { guest kdig +tls +time=5 +retry=0 "$@" 2>&1; }
for at in $N4 $N6; do
	contains "over TLS to $at" 11.0. "$(secure "@$at" +short a.example)"
	contains "several on a connection, $at" '11.0.' "$(secure "@$at" +keepopen +short a.example c.example)"
	contains "judged like any other, $at" "EDE: 15 (Blocked)" "$(secure "@$at" www.evil.example)"
done
contains 'the certificate is ours' 'sluice' "$(guest timeout 5 openssl s_client -connect $N4:853 -servername dns.any.test </dev/null 2>/dev/null | openssl x509 -noout -issuer)"
contains 'a resolver of its own, over TLS' 11.0. "$(secure @$G4 +tls-sni=dns.test +short a.example)"
contains '... whose name is another' 'SERVFAIL' "$(secure @$G4 +tls-sni=other.test d.example)"
contains '... is judged' 'EDE: 15 (Blocked)' "$(secure @$G4 +tls-sni=dns.test www.evil.example)"
contains 'one that is not allowed' "can't connect" "$(secure @10.9.9.9 a.example)"
check 'what is no TLS hears an alert' '15 03 03 00 02 02 32' \
	"$(guest timeout 5 bash -c "exec 3<>/dev/tcp/$N4/853; printf 'GET / HTTP/1.1\r\n\r\n' >&3; od -An -tx1 <&3" | xargs)"
stop
end "$first" "$second" "$third"
