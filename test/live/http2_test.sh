#!/bin/bash
# http2_test.sh - HTTP/2 that is opened, between real clients and real servers
#
#	guest: curl, nghttp, h2load, node ── sluice ── the host's loopback: node with HTTP/2 (443) and HTTP/1.1 (444), nghttpd (445)
LIVE=$(dirname "$(realpath "$0")")
. "$(dirname "$0")/lib.sh"

for c in node nghttpd nghttp h2load; do
	command -v $c >/dev/null || { echo "skip http2 - there is no $c here"; exit 0; }
done
MIB=100
case ${BUILD:-} in *asan* | *cov*) MIB=20 ;; esac

cp -a /etc etc && mount --bind etc /etc || exit
printf 'nameserver %s\n' $N4 >/etc/resolv.conf # the guest's
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj '/CN=root of the test' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -out web.csr -subj '/CN=site.test'
	openssl x509 -req -in web.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out web.pem \
		-extfile <(printf '%s\n' subjectAltName=DNS:site.test extendedKeyUsage=serverAuth)
} 2>openssl.err || { not_ok 'certificates' "$(cat openssl.err)"; exit; }
start world.log node "$LIVE/http2_world.js" web.pem web.key || exit
mkdir -p www && head -c 100000 /dev/urandom >www/file
timeout -k 5 170 nghttpd -d www --echo-upload -a 127.0.0.1 445 web.key web.pem >nghttpd.log 2>&1 &

printf 'the-value' >token
serve guest --host site.test=$G4 -r 'deny https * site.test/denied/**' -r 'allow to @host' --intercept-port 443,444,445 --intercept --ca "$W/ca" \
	--tls-roots root.pem --events events --request-log \
	--secret "TOKEN=file:$W/token@site.test;placeholder=PLACEHOLDER-1234" \
	--secret "OTHER=file:$W/token@other.test;placeholder=PLACEHOLDER-5678" || exit
export CURL_CA_BUNDLE=$W/ca/ca.pem SSL_CERT_FILE=$W/ca/ca.pem NODE_EXTRA_CA_CERTS=$W/ca/ca.pem
get() { guest curl -sS --http2 --max-time 50 "$@" 2>&1; }

# --- curl
check 'the version' '2 200' "$(get -o /dev/null -w '%{http_version} %{http_code}' https://site.test/fields)"
head -c $((MIB << 20)) /dev/urandom >big
sum=$(sha256sum <big | sed 's/ .*//')
check "$MIB MiB up" "$((MIB << 20)) $sum" "$(get -T big https://site.test/up)"
check "$MIB MiB down" "$((MIB << 20))" "$(get -o /dev/null -w '%{size_download}' https://site.test/many/$((MIB << 20)))"
check 'down, its content' "$(head -c 3000000 /dev/zero | tr '\0' x | sed 's/xxxxxx/sluice/g' | sha256sum)" \
	"$(get https://site.test/many/3000000 | sha256sum)"
cp www/file file
check 'nghttpd: there and back' "$(sha256sum <file)" "$(get -T file https://site.test:445/echo | sha256sum)"

# --- node: streams of all kinds on one connection
seen=$(guest node "$LIVE/http2_client.js" https://site.test 2>&1)
for line in 'trailer after all' 'chat ONETWOTHREE' 'socket ONETWOTHREE' 'passed 90' 'refused 10'; do
	contains "node: $line" "$line" "$seen"
done

# --- many requests
for port in 443 445; do
	contains "h2load: port $port" '2000 succeeded, 0 failed' \
		"$(guest h2load -n 2000 -c 5 -m 50 https://site.test:$port/file 2>&1 | grep requests:)"
done

# --- a client of HTTP/2 alone, a server of HTTP/1.1 alone
contains 'nghttp, HTTP/1.1 behind' '1.1 POST /x?q=1 100000' "$(guest nghttp -d www/file 'https://site.test:444/x?q=1' 2>&1)"
contains 'h2load, HTTP/1.1 behind' '500 succeeded, 0 failed' \
	"$(guest h2load -n 500 -c 5 -m 20 https://site.test:444/y 2>&1 | grep requests:)"

# --- secrets
seen=$(get -i -H 'x-key: PLACEHOLDER-1234' https://site.test/fields)
contains 'a value is put in' '"x-key":"the-value"' "$seen"
contains 'and taken out of the response' 'x-echo: PLACEHOLDER-1234' "$seen"
seen=$(get -H 'x-key: PLACEHOLDER-5678' https://site.test/fields -w '%{http_code}' -d body)
contains 'a misdirected placeholder' 403 "$seen"
contains 'and which' OTHER "$seen"
stop
lacks 'no value is told' the-value "$(cat events)"
contains 'requests are told' '"method":"PUT"' "$(cat events)"
