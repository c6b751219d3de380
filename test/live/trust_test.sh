#!/bin/bash
# trust_test.sh - what a command trusts and is given: the CA, its variables, placeholders; and sluice ca
#
#	sluice run ── curl, python, sh        the host's loopback: tls_world.py
LIVE=$(dirname "$(realpath "$0")")
# shellcheck source=test/live/lib.sh
. "$LIVE/lib.sh"
LIST=/etc/ssl/certs/ca-certificates.crt
sh "$LIVE/certs.sh" certs site.test "$G4" "$G6" || { not_ok "certificates" "see above"; exit; }
mkdir -p certs/www
echo good >certs/kind
echo "a page" >certs/www/page
start world.log python3 "$LIVE/tls_world.py" "$W/certs" || exit

# --- sluice ca
soon "$SLUICE" ca make ca >out
check 'a CA is made' '0 600' "$? $(stat -c %a ca/ca.key)"
contains 'and shown' 'sha256 ' "$(cat out)"
soon "$SLUICE" ca make ca >again
check 'once' "$(cat out)" "$(cat again)"
soon "$SLUICE" ca show ca --json >out
check 'as JSON' "$(openssl x509 -in ca/ca.pem -noout -fingerprint -sha256 | cut -d= -f2)" \
	"$(python3 -c "import json; print(json.load(open('out'))['sha256'])")"
soon "$SLUICE" ca export ca >out
check 'its certificate' "$(cat ca/ca.pem)" "$(cat out)"
soon "$SLUICE" ca bundle ca >out
check 'with all that the host trusts' $((1 + $(grep -c BEGIN $LIST))) "$(grep -c BEGIN out)"
soon "$SLUICE" ca show nowhere 2>err
check 'none' 1 $?
contains 'and how to get one' 'sluice ca make' "$(cat err)"
chmod 644 ca/ca.key
soon "$SLUICE" run -q --intercept --ca ca true 2>err
check 'a key that others can read' 1 $?
contains 'is named' 'ca/ca.key can be read by others (mode 0644)' "$(cat err)"
chmod 600 ca/ca.key

# --- a command
ours=$(md5sum <$LIST)
run() { soon "$SLUICE" run -q -r 'allow to @host' --host "site.test=$G4" --host "evil.test=$G4" --tls-roots certs/roots.pem "$@"; }
check 'without, what is trusted is the host'"'"'s' "$ours" "$(run -- sh -c "md5sum <$LIST")"
run --intercept -- sh -c 'curl -sS https://site.test/page' >out 2>err
check 'curl trusts the CA' 'a page' "$(cat out err)"
run --intercept -- env -i sh -c 'curl -sS https://site.test/page' >out 2>err
check 'also without its variables' 'a page' "$(cat out err)"
run --intercept -- python3 -c 'import urllib.request; print(urllib.request.urlopen("https://site.test/page").read().decode(), end="")' >out 2>err
check 'python' 'a page' "$(cat out err)"
run --intercept -- sh -c 'for v in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO; do eval "grep -c BEGIN \$$v"; done' >out
check 'the variables name a list that has it' "$(printf '%s\n' {1..5} | sed "s/.*/$((1 + $(grep -c BEGIN $LIST)))/")" "$(cat out)"
run --intercept -- sh -c "echo >>$LIST; echo" >out 2>&1
check 'and the host'"'"'s is as it was' "$ours" "$(md5sum <$LIST)"
run --intercept --ca ca -- sh -c "grep -A 3 BEGIN $LIST | head -n 4" >out
check 'a CA of a directory' "$(head -n 4 ca/ca.pem)" "$(cat out)"
one=$(run --intercept -- sh -c "head -n 5 $LIST"); two=$(run --intercept -- sh -c "head -n 5 $LIST")
[ -n "$one" ] && [ "$one" != "$two" ] && ok 'each gateway has a CA of its own' || not_ok 'each gateway has a CA of its own' "$one"

# --- placeholders
export THE_VALUE=value-of-the-secret-4711
run --secret 'API=env:THE_VALUE@site.test' -- sh -c 'echo $API; env' >out
case $(head -n 1 out) in SLUICE_API_????????????????????????????????) ok 'a placeholder that nobody can guess' ;; *) not_ok 'a placeholder' "$(head -n 1 out)" ;; esac
lacks 'the value is nowhere in its environment' 4711 "$(cat out)"
run --secret 'API=env:THE_VALUE@site.test;placeholder=THIS-IS-IT' -- sh -c 'cat /proc/*/environ /proc/*/cmdline' 2>/dev/null | tr '\0' '\n' >out
contains 'one that was chosen' 'API=THIS-IS-IT' "$(cat out)"
lacks 'nor in any process it sees' 4711 "$(cat out)"
run --secret 'API=env:THE_VALUE@site.test' -- sh -c 'curl -sS -H "X-Key: $API" https://site.test/headers' >out 2>err
contains 'the host that may have it has it' "$THE_VALUE" "$(cat out err)"
printf '%s\n' "$THE_VALUE" >value && chmod 600 value
run --secret "API=file:$W/value@site.test" -- sh -c 'curl -sS -H "X-Key: $API" https://site.test/headers' >out 2>err
contains 'from a file' "$THE_VALUE" "$(cat out err)"
run --secret "API=command:cat $W/value@site.test" -- sh -c 'curl -sS -u "me:$API" https://site.test/headers' >out 2>err
contains 'from a command, into Basic' "$(printf 'me:%s' "$THE_VALUE" | base64)" "$(cat out err)"
run --intercept --events events --secret "API=file:$W/value@other.test" -- sh -c 'echo "$API" >placeholder; curl -sS -H "X-Key: $API" https://site.test/headers' >out 2>err
contains 'another host is refused' 'the placeholder of API' "$(cat out err)"
contains 'and told of' '"event":"secret"' "$(cat events)"
lacks 'without the value' 4711 "$(cat events)"
soon "$SLUICE" run -q --secret 'API=env:NOT_SET@site.test' true 2>err
check 'a source that has none' 1 $?
contains 'is named' NOT_SET "$(cat err)"
soon "$SLUICE" run -q --secret 'API=sk-4711@site.test' true 2>err
check 'a value on the command line is refused' 2 $?
lacks 'and not repeated' sk-4711 "$(cat err)"
printf 'secrets:\n  API: sk-4711@site.test\n' >c.yaml
soon "$SLUICE" check -c c.yaml >out 2>&1
contains 'nor from a file' "c.yaml:2:" "$(cat out)"
lacks 'which is not repeated either' sk-4711 "$(cat out)"
