#!/bin/sh
# certs.sh - servers' certificates, good and bad, and what is to be thought of each
#
#	certs.sh DIR [HOST [IP4 [IP6]]]		site.test, 192.0.2.7, 2001:db8::7
#
# Makes in DIR, with openssl alone and within a second or two:
#
#	roots.pem	what is trusted
#	KIND.pem	what a server shows: its own certificate first, then what it adds
#	KIND.key	its key
#	list		a line for each: KIND, the name or address asked for, the verdict of sluice (verify_fault_name()), that of
#			`openssl verify -x509_strict -auth_level 2 -purpose sslserver` ("good" or "bad"), why the two differ; then
#			"unread", if Mbed TLS ends the handshake before there is anything to judge (it reads no critical name
#			constraints): such a server cannot be opened, whatever the verdict
#
# Good ones are good from 2020 to 2049, so that tests may fix what time it is.
set -eu
mkdir -p "$1" && cd "$1"
HOST=${2:-site.test} IP4=${3:-192.0.2.7} IP6=${4:-2001:db8::7}
export LC_ALL=C
FROM=20200101000000Z UNTIL=20491231235959Z
rm -f list
: >db
mkdir -p new

cat >ca.conf <<-CONF
	[ca]
	default_ca = any
	[any]
	database = db
	new_certs_dir = new
	rand_serial = yes
	unique_subject = no
	policy = policy
	email_in_dn = no
	copy_extensions = none
	[policy]
	commonName = optional
	organizationName = optional
	[req]
	distinguished_name = dn
	[dn]
CONF

EC='-algorithm EC -pkeyopt ec_paramgen_curve'
key() { openssl genpkey -quiet "$@" 2>/dev/null || openssl genpkey "$@" 2>/dev/null; } # -quiet is of 3.1
# shellcheck disable=SC2086  # options
{
	for k in root other inter leaf; do key $EC:P-256 -out $k.k; done
	key $EC:P-384 -out p384.k
	key $EC:P-521 -out p521.k
	key $EC:secp224r1 -out p224.k
	key $EC:brainpoolP256r1 -out brainpool.k
	key -algorithm ED25519 -out ed25519.k
	key -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.k
	key -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa1024.k
	key -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:18446744073709551629 -out giant.k
}

# cert NAME KEY SUBJECT ISSUER EXTENSIONS [OPTION...]: NAME.c, signed by ISSUER.c and its key (itself: a root)
cert()
{
	name=$1 subject=$3 issuer=$4
	printf '%s\n' "$5" | tr '|' '\n' >ext
	cp "$2.k" "$name.key"
	shift 5
	openssl req -new -config ca.conf -key "$name.key" -subj "$subject" -out csr 2>/dev/null
	if [ "$issuer" = "$name" ]; then set -- "$@" -selfsign; else set -- "$@" -cert "$issuer.c"; fi
	openssl ca -batch -notext -config ca.conf -extfile ext -startdate $FROM -enddate $UNTIL -md sha256 \
		-keyfile "$issuer.key" -in csr -out "$name.c" "$@" 2>log || { cat log >&2; exit 1; }
}

IDS='subjectKeyIdentifier=hash|authorityKeyIdentifier=keyid'
CA="basicConstraints=critical,CA:TRUE|keyUsage=critical,keyCertSign,cRLSign|$IDS"
LEAF="basicConstraints=critical,CA:FALSE|keyUsage=critical,digitalSignature|extendedKeyUsage=serverAuth|$IDS"

# shows KIND HOST VERDICT OPENSSL WHY CERT...: the chain of a kind and its line
shows()
{
	printf '%s %s %s %s %s\n' "$1" "$2" "$3" "$4" "$5" >>list
	out=$1.pem
	[ -e "$1.key" ] || cp "$6.key" "$1.key"
	shift 5
	for c in "$@"; do cat "$c.c"; done >"$out"
}

# leaf KIND HOST VERDICT OPENSSL WHY SAN [KEY [EXTENSIONS [OPTION...]]]: of the intermediate, with that
leaf()
{
	kind=$1 asked=$2 verdict=$3 oracle=$4 why=$5 san=$6 k=${7:-leaf} x=${8:-$LEAF}
	shift 6
	[ $# -eq 0 ] || shift
	[ $# -eq 0 ] || shift
	cert "$kind" "$k" /CN=a-server inter "$x${san:+|subjectAltName=$san}" "$@"
	shows "$kind" "$asked" "$verdict" "$oracle" "$why" "$kind" inter
}

cert root root '/O=Tests/CN=Test Root' root "$CA"
cert other other '/O=Tests/CN=Unknown Root' other "$CA"
cert inter inter '/O=Tests/CN=Test Intermediate' root "$CA"
cp root.c roots.pem

leaf good "$HOST" good good - "DNS:$HOST"
leaf good_ip4 "$IP4" good good - "IP:$IP4"
leaf good_ip6 "$IP6" good good - "IP:$IP6"
leaf good_upper_case "$HOST" good good - "DNS:$(echo "$HOST" | tr '[:lower:]' '[:upper:]')"
leaf good_many_names "$HOST" good good - "DNS:a.test,DNS:b.test,IP:192.0.2.99,email:a@b.test,URI:http://a.test,DNS:$HOST"
leaf good_no_usage "$HOST" good good - "DNS:$HOST" leaf "basicConstraints=CA:FALSE|$IDS"
leaf good_rsa "$HOST" good good - "DNS:$HOST" rsa
leaf good_p384 "$HOST" good good - "DNS:$HOST" p384
leaf good_p521 "$HOST" good good - "DNS:$HOST" p521
leaf good_sha512 "$HOST" good good - "DNS:$HOST" leaf "$LEAF" -md sha512
leaf good_wildcard "www.$HOST" good good - "DNS:*.$HOST"
leaf wildcard_deep "a.www.$HOST" wrong-name bad - "DNS:*.$HOST"
leaf wildcard_itself "$HOST" wrong-name bad - "DNS:*.$HOST"
leaf wildcard_middle "www.a.$HOST" wrong-name bad - "DNS:www.*.$HOST"
leaf wildcard_part "www.$HOST" wrong-name good 'a-wildcard-is-a-whole-label' "DNS:w*.$HOST"
leaf wildcard_top "a.test" wrong-name bad - "DNS:*.test"
leaf wrong_host "$HOST" wrong-name bad - "DNS:elsewhere.test,DNS:other.test"
leaf wrong_ip "$IP4" wrong-name bad - "IP:192.0.2.200"
leaf ip_as_dns "$IP4" wrong-name bad - "DNS:$IP4"
leaf suffix_only "$HOST" wrong-name bad - "DNS:evil$HOST,DNS:$HOST.evil.test"
leaf nul_in_name "$HOST" wrong-name bad - "" leaf \
	"$LEAF|2.5.29.17=ASN1:SEQUENCE:names|[names]|n=IMP:2,FORMAT:HEX,OCT:$(printf %s "$HOST" | od -An -tx1 | tr -d ' \n')002e6576696c2e74657374"
cert cn_only leaf "/CN=$HOST" inter "$LEAF"
shows cn_only "$HOST" wrong-name good 'the-common-name-is-never-a-name' cn_only inter
cert ip_in_cn leaf "/CN=$IP4" inter "$LEAF"
shows ip_in_cn "$IP4" wrong-name bad - ip_in_cn inter
leaf expired "$HOST" expired bad - "DNS:$HOST" leaf "$LEAF" -startdate 20190101000000Z -enddate 20200101000000Z
leaf not_yet "$HOST" not-yet bad - "DNS:$HOST" leaf "$LEAF" -startdate 20480101000000Z
leaf client_only "$HOST" wrong-usage bad - "DNS:$HOST" leaf \
	"basicConstraints=critical,CA:FALSE|keyUsage=critical,digitalSignature|extendedKeyUsage=clientAuth|$IDS"
leaf any_usage "$HOST" wrong-usage bad - "DNS:$HOST" leaf "basicConstraints=critical,CA:FALSE|extendedKeyUsage=2.5.29.37.0|$IDS"
leaf key_agreement "$HOST" wrong-usage good 'only-keys-that-sign-are-used-here' "DNS:$HOST" leaf \
	"basicConstraints=critical,CA:FALSE|keyUsage=critical,keyAgreement|$IDS"
leaf sha1 "$HOST" weak bad - "DNS:$HOST" leaf "$LEAF" -md sha1
cert inter_rsa rsa '/O=Tests/CN=RSA Intermediate' root "$CA"
cert md5 leaf /CN=a-server inter_rsa "$LEAF|subjectAltName=DNS:$HOST" -md md5
shows md5 "$HOST" weak bad - md5 inter_rsa
cert good_by_rsa leaf /CN=a-server inter_rsa "$LEAF|subjectAltName=DNS:$HOST"
shows good_by_rsa "$HOST" good good - good_by_rsa inter_rsa
cert good_pss leaf /CN=a-server inter_rsa "$LEAF|subjectAltName=DNS:$HOST" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
shows good_pss "$HOST" good good - good_pss inter_rsa
leaf sha224 "$HOST" weak good 'SHA-224-is-in-no-use' "DNS:$HOST" leaf "$LEAF" -md sha224
leaf rsa1024 "$HOST" weak bad - "DNS:$HOST" rsa1024
leaf p224 "$HOST" beyond-bounds good 'three-curves-are-taken' "DNS:$HOST" p224
leaf brainpool "$HOST" beyond-bounds good 'three-curves-are-taken' "DNS:$HOST" brainpool
leaf ed25519 "$HOST" beyond-bounds good 'the-library-cannot' "DNS:$HOST" ed25519
leaf giant_exponent "$HOST" beyond-bounds good 'the-bound-of-exponents-is-for-the-cost' "DNS:$HOST" giant
leaf critical_unknown "$HOST" unreadable bad - "DNS:$HOST" leaf "$LEAF|1.3.6.1.4.1.55555.1=critical,ASN1:NULL"
leaf unknown_extension "$HOST" good good - "DNS:$HOST" leaf "$LEAF|1.3.6.1.4.1.55555.1=ASN1:NULL"

# Others' ways to a root, and none.
cert self_signed leaf "/CN=$HOST" self_signed "$LEAF|subjectAltName=DNS:$HOST"
shows self_signed "$HOST" self-signed bad - self_signed
cert trusted_self other "/O=Tests/CN=Trusted Itself" trusted_self "basicConstraints=critical,CA:TRUE|subjectKeyIdentifier=hash|subjectAltName=DNS:$HOST"
cat trusted_self.c >>roots.pem
shows trusted_self "$HOST" good good - trusted_self
cert unknown_ca leaf /CN=a-server other "$LEAF|subjectAltName=DNS:$HOST"
shows unknown_ca "$HOST" unknown-ca bad - unknown_ca
shows unknown_ca_shown "$HOST" unknown-ca bad - unknown_ca other
shows no_intermediate "$HOST" unknown-ca bad - good
shows with_root "$HOST" good good - good inter root
shows unordered "$HOST" good good - good root other inter
shows twice "$HOST" good good - good inter inter inter
shows leaf_last "$HOST" wrong-name bad - inter good
cert by_leaf leaf /CN=a-server good "$LEAF|subjectAltName=DNS:$HOST"
shows by_leaf "$HOST" wrong-usage bad - by_leaf good inter
cert no_sign inter '/O=Tests/CN=No Signing' root "basicConstraints=critical,CA:TRUE|keyUsage=critical,cRLSign|$IDS"
cert by_no_sign leaf /CN=a-server no_sign "$LEAF|subjectAltName=DNS:$HOST"
shows by_no_sign "$HOST" wrong-usage bad - by_no_sign no_sign
cert client_ca inter '/O=Tests/CN=Clients Alone' root "$CA|extendedKeyUsage=clientAuth"
cert by_client_ca leaf /CN=a-server client_ca "$LEAF|subjectAltName=DNS:$HOST"
shows by_client_ca "$HOST" wrong-usage bad - by_client_ca client_ca
cert old inter '/O=Tests/CN=Expired Intermediate' root "$CA" -startdate 20190101000000Z -enddate 20200101000000Z
cert by_old leaf /CN=a-server old "$LEAF|subjectAltName=DNS:$HOST"
shows by_old "$HOST" expired bad - by_old old
cert sha1_ca inter '/O=Tests/CN=SHA-1 Intermediate' root "$CA" -md sha1
cert by_sha1_ca leaf /CN=a-server sha1_ca "$LEAF|subjectAltName=DNS:$HOST"
shows by_sha1_ca "$HOST" weak bad - by_sha1_ca sha1_ca
cert short inter '/O=Tests/CN=Path Zero' root "basicConstraints=critical,CA:TRUE,pathlen:0|keyUsage=critical,keyCertSign|$IDS"
cert below other '/O=Tests/CN=Below' short "$CA"
cert pathlen leaf /CN=a-server below "$LEAF|subjectAltName=DNS:$HOST"
shows pathlen "$HOST" wrong-usage bad - pathlen below short
cert good_pathlen leaf /CN=a-server short "$LEAF|subjectAltName=DNS:$HOST"
shows good_pathlen "$HOST" good good - good_pathlen short

# An old root that ran out has signed a newer one, which is trusted too: the way that is open counts.
cert old_root p384 '/O=Tests/CN=Old Root' old_root "$CA" -startdate 20100101000000Z -enddate 20200101000000Z
cert new_root rsa '/O=Tests/CN=New Root' new_root "$CA"
cp new_root.key new_root.k
cert crossed new_root '/O=Tests/CN=New Root' old_root "$CA"
cert below_new inter '/O=Tests/CN=Below New' new_root "$CA"
cert cross leaf /CN=a-server below_new "$LEAF|subjectAltName=DNS:$HOST"
cat old_root.c new_root.c >>roots.pem
shows cross "$HOST" good good - cross below_new crossed
cert by_old_root leaf /CN=a-server old_root "$LEAF|subjectAltName=DNS:$HOST"
shows by_old_root "$HOST" expired bad - by_old_root

# Name constraints, critical or not.
inside="permitted;DNS:$HOST,permitted;IP:192.0.2.0/255.255.255.0,excluded;DNS:not.$HOST"
cert within inter '/O=Tests/CN=Within' root "$CA|nameConstraints=$inside"
cert within_critical inter '/O=Tests/CN=Within, Critical' root "$CA|nameConstraints=critical,$inside"
# constrained KIND HOST VERDICT OPENSSL WHY SAN [CA]
constrained()
{
	ca=${7:-within}
	cert "$1" leaf /CN=a-server "$ca" "$LEAF|subjectAltName=$6"
	shows "$1" "$2" "$3" "$4" "$5" "$1" "$ca"
}
constrained constrained_in "$HOST" good good - "DNS:$HOST"
constrained constrained_below "a.$HOST" good good - "DNS:a.$HOST"
constrained constrained_ip "192.0.2.77" good good - "IP:192.0.2.77"
constrained constrained_out "elsewhere.test" outside-constraints bad - "DNS:elsewhere.test"
constrained constrained_part "evil$HOST" outside-constraints bad - "DNS:evil$HOST"
constrained constrained_excluded "not.$HOST" outside-constraints bad - "DNS:not.$HOST"
constrained constrained_ip_out "198.51.100.7" outside-constraints bad - "IP:198.51.100.7"
constrained constrained_wildcard "not.$HOST" outside-constraints good 'what-was-asked-for-is-excluded' "DNS:*.$HOST"
constrained critical_in "$HOST" good good '- unread' "DNS:$HOST" within_critical
constrained critical_out "elsewhere.test" outside-constraints bad '- unread' "DNS:elsewhere.test" within_critical

# A signature whose last byte is another.
openssl x509 -in good.c -outform DER -out der
last=$(tail -c 1 der | od -An -tu1)
size=$(wc -c <der)
{ head -c $((size - 1)) der; printf '%b' "\\0$(printf %o $(((last + 1) % 256)))"; } >der2
openssl x509 -inform DER -in der2 -out broken_signature.c
cp good.key broken_signature.key
shows broken_signature "$HOST" wrong-signature bad - broken_signature inter

rm -rf new db* ./*.k csr ext log der der2 ca.conf ./*.old
