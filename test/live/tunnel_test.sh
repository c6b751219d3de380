#!/bin/bash
# tunnel_test.sh - CONNECT through a proxy of the guest's, to curl: what is opened, what passes, what is refused
#
#	guest ── sluice ── the host: a proxy, and web servers it leads to, on its loopback
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
cd "$W" || exit 1
case $here in /*) ;; *) here=$OLDPWD/$here ;; esac

{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj '/CN=root of the test' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -out web.csr -subj '/CN=a web server'
	openssl x509 -req -in web.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out web.pem -extfile \
		<(printf '%s\n' subjectAltName=DNS:good.test,DNS:auth.test extendedKeyUsage=serverAuth)
} 2>openssl.err || { not_ok 'certificates' "$(cat openssl.err)"; exit; }
start web.log "$here/requests.py" web.pem web.key 127.0.0.1 || exit
web=$server
start proxy.log "$here/connect_proxy.py" 127.0.0.1 3128 {good,bad,auth,evil,other}.test=127.0.0.1 || exit
proxy=$server

mark() { at=$(wc -l <proxy.log); }
arrived() { tail -n +$((at + 1)) proxy.log | grep -v '^failed' | paste -sd ' '; }
asks() { guest curl -sS -m 20 --cacert ca.pem -x "http://$G4:3128" "$@" 2>&1; }
# refused NAME PART CURL-OPTIONS: with 403, and the proxy was never asked
refused()
{
	local name=$1
	shift
	mark
	contains "$name" 'CONNECT tunnel failed, response 403' "$(asks "$@")"
	check "$name: the proxy was not asked" '' "$(arrived)"
}

serve guest --profile none --intercept --tls-extra-roots root.pem -r 'deny to evil.test' -r 'allow to good.test, bad.test, auth.test, no.test' \
	-r 'allow https GET other.test/yes/**' -r 'allow to @host' --ca "$W/ca" || exit
cp ca/ca.pem ca.pem
mark
check 'a name that is opened' 'GET good.test /a 0' "$(asks https://good.test/a)"
check '... through the proxy' 'connect good.test:443' "$(arrived)"
contains 'it is our certificate the guest sees' sluice "$(asks -v https://good.test/a | grep 'issuer:')"
contains 'a certificate for others' 'alert' "$(asks https://bad.test/a)"
refused 'a name that is denied' https://evil.test/a
refused 'a name of which only some requests are allowed, on another port' https://other.test:8443/yes/x
refused 'a name nobody allows' https://nobody.test/a
refused 'by name alone, where nothing is opened' https://good.test:8443/a
refused 'by name alone, in the clear' -p http://good.test:8080/a
refused 'an address nobody allows' https://192.0.2.1/a
contains "the proxy's own refusal" 'response 403' "$(asks https://no.test/a)"
check "the proxy's credentials" 'GET auth.test /a 0' "$(asks --proxy-anyauth --proxy-user a:b https://auth.test/a)"
check 'what is no tunnel passes as it is' 'http://good.test:8080/x' "$(asks http://good.test:8080/x)"
stop

serve guest --profile none --intercept --tls-extra-roots root.pem -r 'allow https GET good.test/yes/**' -r 'allow to @host' --ca "$W/ca" || exit
check 'a request that is allowed' 'GET good.test /yes/x 0' "$(asks https://good.test/yes/x)"
contains 'one that is not' '403 ' "$(asks -w '%{http_code} ' https://good.test/no)"
check 'many at once' 20 "$(for i in {1..20}; do asks "https://good.test/yes/$i" & done | grep -c '^GET good.test /yes/')"
stop

# Allowed as they are: nothing needs to be opened, and other ports pass.
serve guest --profile all -r 'deny to evil.test' || exit
check 'not opened' 'GET good.test:8443 /a 0' "$(asks --cacert root.pem https://good.test:8443/a)"
refused 'denied all the same' --cacert root.pem https://evil.test:8443/a
stop
end "$web" "$proxy"
