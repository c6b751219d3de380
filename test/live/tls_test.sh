#!/bin/bash
# tls_test.sh - TLS that is opened, between real clients and real servers
#
#	guest: curl, wget, git, python, openssl, node ── sluice ── the host's loopback: tls_world.py, openssl, node
#
# The guest trusts the gateway's CA and nothing else, the gateway the tests' root and nothing else: so whatever works was opened.
LIVE=$(dirname "$(realpath "$0")")
# shellcheck source=test/live/lib.sh
. "$LIVE/lib.sh"
MIB=${TLS_MIB:-1024}
case ${BUILD:-} in *asan* | *cov*) MIB=${TLS_MIB:-64} ;; esac

cp -a /etc etc && mount --bind etc /etc || exit
printf '%s site.test\n%s other.test\n' "$G4" "$G4" >>/etc/hosts
printf 'nameserver %s\n' "$N4" >/etc/resolv.conf
sh "$LIVE/certs.sh" certs site.test "$G4" "$G6" || { not_ok "certificates" "see above"; exit; }
mkdir -p certs/www
echo good >certs/kind
echo "a page" >certs/www/page
git init -q certs/www/src 2>/dev/null && (cd certs/www/src && git config user.email a@b.test && git config user.name a && echo text >file &&
	git add file && git commit -q -m one && git update-server-info)
start world.log python3 "$LIVE/tls_world.py" "$W/certs" || exit
world=$server

PORTS=443,444,445,446,447,448,449,450,451,452
with() # with OPTIONS...: a gateway that opens
{
	serve guest -r 'allow to @host' --intercept-port $PORTS --intercept --ca "$W/ca" --tls-roots certs/roots.pem --events events "$@" || exit
}
with
export CURL_CA_BUNDLE=$W/ca/ca.pem SSL_CERT_FILE=$W/ca/ca.pem GIT_SSL_CAINFO=$W/ca/ca.pem NODE_EXTRA_CA_CERTS=$W/ca/ca.pem
# What the gateway can; the guest's clients can all.
LIBRARY=$("$SLUICE" --version 2>&1 | grep -i 'mbed tls' || guest openssl s_client -connect site.test:443 -tls1_3 </dev/null 2>&1 | grep -o 'TLSv1.3' | head -1)
case $LIBRARY in *1.3*) HAS13=1 ;; *) HAS13= ;; esac

get() { guest curl -sS --max-time 30 "$@" 2>&1; }
told() # told NAME PART...: an event has all of these
{
	local name=$1 part found i
	shift
	for ((i = 0; i < 50; i++)); do
		found=$(cat events)
		for part; do found=$(grep -F -e "$part" <<<"$found"); done
		[ -z "$found" ] || { ok "$name: the event"; return; }
		sleep 0.04
	done
	not_ok "$name: the event" "no $* in $(tail -n 5 events)"
}

# --- clients ----------------------------------------------------------------------------------------------

check "curl" "a page" "$(get https://site.test/page)"
contains "the leaf is the gateway's" "sluice" "$(guest openssl s_client -connect site.test:443 -servername site.test </dev/null 2>&1 | grep issuer)"
check "curl, a second request of a connection" "a pagea page" "$(get https://site.test/page https://site.test/page | tr -d '\n')"
check "curl, IPv6" "a page" "$(get --resolve "site.test:443:[$G6]" https://site.test/page)"
echo good_ip4 >certs/kind
check "curl, an address, no SNI" "a page" "$(get "https://$G4/page")"
echo good_ip6 >certs/kind
check "curl, an IPv6 address" "a page" "$(get "https://[$G6]/page")"
echo good >certs/kind
check "wget" "a page" "$(guest wget -q --ca-certificate="$W/ca/ca.pem" -O - https://site.test/page 2>&1)"
check "python" "a page" "$(guest python3 -c 'import urllib.request; print(urllib.request.urlopen("https://site.test/page").read().decode(), end="")' 2>&1)"
check "git over https" "text" "$(guest git clone -q https://site.test/src/.git clone 2>&1 && cat clone/file)"
check "TLS 1.2 alone, of the guest" "a page" "$(get --tls-max 1.2 https://site.test/page)"
check "TLS 1.2 alone, of the server" "a page" "$(get https://site.test:444/page)"
if [ "$HAS13" ]; then
	check "TLS 1.3 alone, of the server" "a page" "$(get https://site.test:445/page)"
	check "TLS 1.3 alone, of the guest" "a page" "$(get --tlsv1.3 https://site.test/page)"
	check "a group that has to be asked for" "a page" "$(get --tlsv1.3 --curves P-521:X25519 https://site.test/page)"
else
	echo "skip TLS 1.3 - this library has none"
	contains "TLS 1.3 alone, of the server: refused" "alert" "$(get https://site.test:445/page)"
fi
if command -v node >/dev/null; then
	check "WebSocket, node" "echoed 3" "$(guest node "$LIVE/tls_client.js" ws https://site.test/echo)"
	start h2.log node "$LIVE/tls_client.js" h2server 450 certs/good.pem certs/good.key
	check "HTTP/2, forty streams and one that speaks both ways, node" "streams 41 h2" "$(guest node "$LIVE/tls_client.js" h2 https://site.test:450)"
	check "HTTP/2, curl" "2 5000" "$(get --http2 -o /dev/null -w '%{http_version} %{size_download}' https://site.test:450/bytes/5000)"
else
	echo "skip node - it is not here"
fi
check "a server that has no HTTP/2" "1.1" "$(get --http2 -o /dev/null -w '%{http_version}' https://site.test/page)"

# --- much -----------------------------------------------------------------------------------------------------

BYTES=$((MIB << 20))
wanted=$(python3 -c '
import hashlib, sys
b, h, n = hashlib.sha256(b"sluice").digest() * 2048, hashlib.sha256(), int(sys.argv[1])
while n > 0: h.update(b[:n]); n -= len(b)
print(h.hexdigest())' $BYTES)
# The limit of a minute is for what is small.
check "$MIB MiB down" "$wanted" "$(in_ns guest timeout 170 curl -sS https://site.test/bytes/$BYTES 2>&1 | sha256sum | cut -d' ' -f1)"
python3 -c '
import hashlib, sys
b, n = hashlib.sha256(b"sluice").digest() * 2048, int(sys.argv[1])
while n > 0: sys.stdout.buffer.write(b[:n]); n -= len(b)' $BYTES >much
check "$MIB MiB up, by length" "$BYTES $wanted" "$(in_ns guest timeout 170 curl -sS -T much https://site.test/up 2>&1)"
CHUNKED=$((MIB < 64 ? BYTES : 67108864))
check "much up, in chunks" $CHUNKED "$(head -c $CHUNKED much | in_ns guest timeout 170 curl -sS -T - https://site.test/up 2>&1 | cut -d' ' -f1)"
rm -f much
# Nothing that start() starts lives for ever.
end "$world"
start world.log python3 "$LIVE/tls_world.py" "$W/certs" || exit

# --- protocols, oddities -----------------------------------------------------------------------------------------

check "no HTTP inside: the server greets first" "220 hello
one" "$( (sleep 1; printf 'one\n'; sleep 1) | guest openssl s_client -quiet -connect site.test:448 -servername site.test 2>/dev/null | tr -d '\r')"
out=$(guest curl -sS -o part https://site.test:447/bytes/100000 2>&1)
check "an answer cut short is no whole one: an error" 1 "$([ -n "$out" ] && echo 1)"
short=$(stat -c %s part 2>/dev/null || echo 0)
check "an answer cut short: no more than there was" "at most 50000" "$([ "$short" -le 50000 ] && echo at most 50000 || echo "$short")"
check "a hello in records of a few bytes" "a page" "$(guest python3 - 2>&1 <<'PY'
import socket, ssl
# The hello is taken from a memory BIO and sent in records of 40 bytes, each in a segment of its own.
c = ssl.create_default_context()
i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
t = c.wrap_bio(i, o, server_hostname="site.test")
s = socket.create_connection(("site.test", 443))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
try: t.do_handshake()
except ssl.SSLWantReadError: pass
hello = o.read()
body = hello[5:]
for at in range(0, len(body), 40):
    part = body[at:at + 40]
    s.sendall(hello[:3] + len(part).to_bytes(2, "big") + part)
def step(f):
    while True:
        try: r = f()
        except ssl.SSLWantReadError: r = None
        if o.pending: s.sendall(o.read())
        if r is not None: return r
        d = s.recv(65536)
        if not d: raise SystemExit("closed")
        i.write(d)
step(lambda: t.do_handshake() or True)
t.write(b"GET /page HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
got = b""
while b"a page\n" not in got: got += step(lambda: t.read(65536))
print("a page")
PY
)"
contains "a renegotiation the guest wants is refused" "error" "$( (echo R; sleep 2) | guest openssl s_client -tls1_2 -connect site.test:443 -servername site.test 2>&1 | grep -i -e 'renegotiation' -e error | tr '[:upper:]' '[:lower:]')"
start ssh.log python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 451)); print("ready", flush=True)
for _ in range(2):
    c, _ = s.accept(); c.sendall(b"SSH-2.0-server\r\n"); print(c.recv(100), flush=True); c.close()'
check "SSH on such a port, at once" "SSH-2.0-server" "$(guest timeout 3 python3 -c '
import socket
s = socket.create_connection(("site.test", 451)); print(s.recv(100).decode().strip()); s.sendall(b"SSH-2.0-client\r\n")')"
check "TLS that is resumed, both sides" "Reused" "$(guest sh -c 'openssl s_client -tls1_2 -sess_out s.pem -connect site.test:449 -servername site.test </dev/null >/dev/null 2>&1
	openssl s_client -tls1_2 -sess_in s.pem -connect site.test:449 -servername site.test </dev/null 2>/dev/null' | grep -o '^Reused')"
get https://site.test:449/whoami >/dev/null
contains "the server's session is taken up again" "True" "$(get https://site.test:449/whoami)"

# --- servers' certificates ---------------------------------------------------------------------------------------

while read -r kind host verdict _ _ unread; do
	case $host in *:*) at="[$host]" ;; *) at=$host ;; esac
	# An address is what is connected to.
	case $host in *[!0-9.]* | "$G4") ;; *) continue ;; esac
	echo "$kind" >certs/kind
	: >events
	out=$(get --resolve "$host:443:$G4" "https://$at/page")
	if [ "$verdict" = good ] && [ ! "$unread" ]; then
		check "a server that shows $kind" "a page" "$out"
	else
		lacks "a server that shows $kind" "a page" "$out"
		told "a server that shows $kind" '"event":"tls-failed"'
	fi
	# The other keys that are beyond the bounds are none that the library would work with.
	if [ "$kind" = giant_exponent ]; then
		echo good >certs/kind
		lacks "what cost too much is not asked again at once" "a page" "$(get https://site.test/page)"
		# Nothing the next kinds are to suffer for: another gateway remembers nothing.
		stop "$gateway"
		with
	fi
done < <(grep -v -e '^good_ip6' certs/list)
echo good >certs/kind

# --- who we are, and whom we pass --------------------------------------------------------------------------------

lacks "a server that wants a certificate of ours, which we have not" "a page" "$(get https://site.test:446/page)"
told "a server that wants a certificate of ours" '"event":"tls-failed"'
: >events
out=$(guest env -u CURL_CA_BUNDLE -u SSL_CERT_FILE curl -sS --capath /nonexistent --cacert certs/other.c https://site.test/page 2>&1)
contains "a guest that does not trust us" "certificate" "$out"
told "a guest that does not trust us" '"event":"tls-failed"' '"reason":"guest-trust"' 'site.test'
stop "$gateway"
with --tls-bypass other.test --tls-certificate "site.test=certs/client_only.pem,certs/client_only.key" --tls-no-verify 'site.test'
contains "a certificate of ours" "a-server" "$(get https://site.test:446/whoami)"
echo expired >certs/kind
check "a name that is not verified" "a page" "$(get https://site.test/page)"
echo good >certs/kind
contains "a name that is passed" "Test Intermediate" "$(guest openssl s_client -connect other.test:443 -servername other.test </dev/null 2>&1 | grep issuer)"
stop "$gateway"
