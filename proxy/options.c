/*
 * options.c - the options that describe a gateway, as text
 *
 * One table: what an option is called, whether it takes a value, which function takes it, and its lines of a
 * --help.  The sluice program and every other program that embeds a gateway offer the same ones from here.
 *
 * What can be judged by looking at one option is judged here; whether the addresses go together is for sluice_new()
 * and sluice_guest_info(), and what rules say for sluice_check().  Nothing is looked up, and no file opened but those
 * of --policy and --floor.
 */
#include "sluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"

/* --- takers ---------------------------------------------------------------------------------------- */

static bool
take_publish(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t n = o->npublish;

	if (n == OPTION_PUBLISH)
		return wrong(su, "--publish %s: more than %u of them; join neighbouring ports in ranges",
			     value, OPTION_PUBLISH);
	struct option_publish *p = &o->published[n];
	if (!option_publish(su, value, p))
		return false;
	o->publish[n] = (struct sluice_publish){
	    .bind = p->bind[0] ? p->bind : NULL,
	    .host_first = p->host_first,
	    .host_last = p->host_last,
	    .guest_first = p->guest_first,
	    .udp = p->udp,
	};
	o->npublish++;
	return true;
}

static bool
take_mtu(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	if (!option_number(value, 1280, 65520, &n))
		return wrong(su, "--mtu %s: give a number from 1280 to 65520", value);
	o->mtu = (uint32_t)n;
	return true;
}

static int
version_of(const struct sluice_options *o, const struct family_texts *fam)
{
	return fam == &o->net[FAMILY_V4] ? 4 : 6;
}

/* An address option that exists once per family.  What is kept is its canonical text, whose length is known. */
static bool
take_once(struct setup *su, struct sluice_options *o, const char *what, const char *value,
	  const struct addr *a, size_t slot, uint8_t plen)
{
	struct family_texts *fam = &o->net[addr_family(a)];
	char *text = fam->text[slot];
	int version = version_of(o, fam);

	if (text[0])
		return wrong(su, "--%s %s: the IPv%d one is already %s; give one per family", what, value,
			     version, text);
	/* An address of a family that was switched off is a contradiction, not a detail to ignore. */
	if (fam->off)
		return wrong(su, "--no-ipv%d: %s was given as well; leave one of them out", version, value);
	addr_text(a, text);
	if (plen)
		snprintf(text + strlen(text), 5, "/%u", plen);
	return true;
}

static bool
take_guest(struct setup *su, struct sluice_options *o, const char *value)
{
	struct addr a;
	unsigned plen;

	if (!option_prefix(value, &a, &plen))
		return wrong(su, "--guest %s: not ADDR/PLEN; write it as in 10.0.2.15/24 or fd00::15/64",
			     value);
	return take_once(su, o, "guest", value, &a, OPTION_GUEST, (uint8_t)plen);
}

static bool
take_gateway(struct setup *su, struct sluice_options *o, const char *value)
{
	struct addr a;

	if (!option_address(value, &a))
		return wrong(su, "--gateway %s: not an address; write it as in 10.0.2.2 or fd00::2", value);
	return take_once(su, o, "gateway", value, &a, OPTION_GATEWAY, 0);
}

static bool
take_dns(struct setup *su, struct sluice_options *o, const char *value)
{
	struct addr a;

	if (!option_address(value, &a))
		return wrong(su, "--dns %s: not an address; write it as in 10.0.2.3 or fd00::3", value);
	return take_once(su, o, "dns", value, &a, OPTION_DNS, 0);
}

static bool
take_off(struct setup *su, struct sluice_options *o, enum family family)
{
	struct family_texts *fam = &o->net[family];

	for (size_t i = 0; i < OPTION_ADDRESSES; i++)
		if (fam->text[i][0])
			return wrong(su, "--no-ipv%d: %s was given as well; leave one of them out",
				     version_of(o, fam), fam->text[i]);
	fam->off = true;
	if (o->net[FAMILY_V4].off && o->net[FAMILY_V6].off)
		return wrong(su,
			     "--no-ipv4 and --no-ipv6 together leave the guest no network; give one of them");
	return true;
}

static bool
take_no_ipv4(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)value;
	return take_off(su, o, FAMILY_V4);
}

static bool
take_no_ipv6(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)value;
	return take_off(su, o, FAMILY_V6);
}

static bool
take_nameserver(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t n = o->nnameservers;

	if (!option_nameserver(value) || strlen(value) >= sizeof(o->server[0]))
		return wrong(su,
			     "--nameserver %s: not ADDR[:PORT]; write it as in 192.0.2.1, 192.0.2.1:5353, "
			     "[::1]:53 or tls://192.0.2.1#dns.example",
			     value);
	if (n == DNS_SERVERS)
		return wrong(su, "--nameserver %s: more than %u of them; give fewer", value, DNS_SERVERS);
	snprintf(o->server[n], sizeof(o->server[n]), "%s", value);
	o->nameservers[n] = o->server[n];
	o->nnameservers++;
	return true;
}

static bool
take_mac(struct setup *su, struct sluice_options *o, const char *value)
{
	if (!option_mac(value, o->mac))
		return wrong(
		    su,
		    "--mac %s: not a station's address; write it as in 52:54:00:12:34:56 (first byte even)",
		    value);
	return true;
}

static bool
take_flows(struct setup *su, const char *name, const char *value, uint32_t *out)
{
	uint64_t n;

	if (!option_number(value, 1, OPTION_FLOWS, &n))
		return wrong(su, "--%s %s: give a number of flows from 1 to %u", name, value, OPTION_FLOWS);
	*out = (uint32_t)n;
	return true;
}

static bool
take_max_tcp(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_flows(su, "max-tcp", value, &o->max_tcp);
}

static bool
take_max_udp(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_flows(su, "max-udp", value, &o->max_udp);
}

static bool
take_max_flow_rate(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_flows(su, "max-flow-rate", value, &o->max_flow_rate);
}

static bool
take_memory(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	/* Under two megabytes hardly a flow has room; above a tebibyte it is a slip of the finger. */
	if (!option_size(value, &n) || n < 2 << 20 || n > UINT64_C(1) << 40)
		return wrong(su, "--memory %s: give bytes from 2M to 1024G, as in 134217728 or 128M", value);
	o->memory = n;
	return true;
}

static bool
take_udp_endpoint_independent(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	o->udp_endpoint_independent = true;
	return true;
}

static bool
take_hostname(struct setup *su, struct sluice_options *o, const char *value)
{
	if (!option_domain(value, OPTION_HOSTNAME))
		return wrong(su, "--hostname %s: not a host name; give up to %u letters, digits, '-' and '.'",
			     value, OPTION_HOSTNAME);
	snprintf(o->hostname, sizeof(o->hostname), "%s", value);
	return true;
}

static bool
take_search(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t n = o->nsearch;

	if (!option_domain(value, OPTION_DOMAIN))
		return wrong(su,
			     "--search %s: not a domain; write one as in lab.example, and give --search "
			     "again for the next",
			     value);
	if (n == SLUICE_SEARCH_MAX)
		return wrong(su, "--search %s: more than %d of them; give fewer", value, SLUICE_SEARCH_MAX);
	snprintf(o->domain[n], sizeof(o->domain[n]), "%s", value);
	o->search[n] = o->domain[n];
	o->nsearch++;
	return true;
}

static bool
take_no_dhcp(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	o->no_dhcp = true;
	return true;
}

/* --- the table ------------------------------------------------------------------------------------- */

/* NAME, LETTER or 0, VALUE or NULL if it takes none, TAKER, the lines of a --help (from column 28 on). */
#define OPTIONS(X)                                                                                        \
	X("publish", 'p', "SPEC", take_publish,                                                           \
	  "  -p, --publish SPEC        a host port that leads to the guest: [BIND:]HOSTPORT[-END]\n"      \
	  "                            [:GUESTPORT][/udp]; BIND is 127.0.0.1 and ::1 unless given\n")     \
	X("mtu", 0, "N", take_mtu, "      --mtu N               the longest IP packet, 1280 to 65520\n")  \
	X("guest", 0, "ADDR/PLEN", take_guest,                                                            \
	  "      --guest ADDR/PLEN     the guest's address, once per family\n"                            \
	  "                            (10.0.2.15/24, fd73:6c75:6963:65::15/64)\n")                       \
	X("gateway", 0, "ADDR", take_gateway,                                                             \
	  "      --gateway ADDR        the gateway's address, once per family; it is the host\n"          \
	  "                            (10.0.2.2, fd73:6c75:6963:65::2)\n")                               \
	X("dns", 0, "ADDR", take_dns,                                                                     \
	  "      --dns ADDR            where the guest asks names, once per family\n"                     \
	  "                            (10.0.2.3, fd73:6c75:6963:65::3)\n")                               \
	X("no-ipv4", 0, NULL, take_no_ipv4, "      --no-ipv4             the guest has no IPv4\n")        \
	X("no-ipv6", 0, NULL, take_no_ipv6, "      --no-ipv6             the guest has no IPv6\n")        \
	X("nameserver", 0, "ADDR[:PORT]", take_nameserver,                                                \
	  "      --nameserver ADDR[:PORT]\n"                                                              \
	  "                            where names are asked; may be given again (those of\n"             \
	  "                            /etc/resolv.conf); tls://ADDR#NAME: over TLS\n")                   \
	X("mac", 0, "MAC", take_mac,                                                                      \
	  "      --mac MAC             the guest's Ethernet address (the one it has)\n")                  \
	X("hostname", 0, "NAME", take_hostname,                                                           \
	  "      --hostname NAME       the guest's name, told by DHCP (none)\n")                          \
	X("search", 0, "DOMAIN", take_search,                                                             \
	  "      --search DOMAIN       a domain names are searched in, told by DHCP and router\n"         \
	  "                            advertisements; may be given again (none)\n")                      \
	X("no-dhcp", 0, NULL, take_no_dhcp,                                                               \
	  "      --no-dhcp             no DHCP and no DHCPv6: the guest is configured otherwise\n")       \
	X("max-tcp", 0, "N", take_max_tcp, "      --max-tcp N           TCP flows at once (4096)\n")      \
	X("max-udp", 0, "N", take_max_udp, "      --max-udp N           UDP flows at once (1024)\n")      \
	X("max-flow-rate", 0, "N", take_max_flow_rate,                                                    \
	  "      --max-flow-rate N     flows that the guest may begin a second (no limit)\n")             \
	X("memory", 0, "BYTES", take_memory,                                                              \
	  "      --memory BYTES        the most that flows may hold, with K, M or G (128M)\n")            \
	X("udp-endpoint-independent", 0, NULL, take_udp_endpoint_independent,                             \
	  "      --udp-endpoint-independent\n"                                                            \
	  "                            one host port per guest UDP port, so that STUN works\n")           \
	X("rule", 'r', "RULE", option_rule,                                                               \
	  "  -r, --rule RULE           what the guest may reach, as in 'allow to @host' (which is\n"      \
	  "                            closed otherwise) or 'deny tcp/25 to @any'; may be given\n"        \
	  "                            again, and the first that matches decides\n")                      \
	X("profile", 0, "LIST", option_profile,                                                           \
	  "      --profile LIST        rules behind those of -r: public, private, host, none or all,\n"   \
	  "                            or several with commas between them (public: the internet\n"       \
	  "                            and the name service, nothing else)\n")                            \
	X("policy", 0, "FILE", option_policy,                                                             \
	  "      --policy FILE         rules, one a line; FILE.json: a policy of microsandbox\n")         \
	X("floor", 0, "FILE", option_floor,                                                               \
	  "      --floor FILE          the same, of whoever runs the machine: what it does not allow\n"   \
	  "                            too is refused, whatever other rules say\n")                       \
	X("keep-flows", 0, NULL, option_keep_flows,                                                       \
	  "      --keep-flows          a reload ends no flow, also where the new policy refuses it\n")    \
	X("dns-route", 0, "SUFFIX=ADDR[:PORT]", option_dns_route,                                         \
	  "      --dns-route SUFFIX=ADDR[:PORT][,...]\n"                                                  \
	  "                            names at and below SUFFIX are asked there alone\n")                \
	X("host", 0, "NAME=ADDR", option_host,                                                            \
	  "      --host NAME=ADDR[,ADDR...]\n"                                                            \
	  "                            a name the gateway answers itself\n")                              \
	X("no-rebind-protection", 0, NULL, option_no_rebind,                                              \
	  "      --no-rebind-protection\n"                                                                \
	  "                            names may lead to private and special addresses\n")                \
	X("rebind-allow", 0, "NAME", option_rebind_allow,                                                 \
	  "      --rebind-allow NAME   this name may; *.SUFFIX: and all below\n")                         \
	X("dns-timeout", 0, "TIME", option_dns_timeout,                                                   \
	  "      --dns-timeout TIME    until a query that nobody answers fails (4500ms)\n")               \
	X("dns-cache", 0, "N", option_dns_cache,                                                          \
	  "      --dns-cache N         answers kept; off: none (4096)\n")                                 \
	X("no-status-page", 0, NULL, option_no_status_page,                                               \
	  "      --no-status-page      http://gateway.sluice.internal/ does not answer\n")                \
	X("intercept", 0, NULL, option_intercept,                                                         \
	  "      --intercept           TLS to port 443 is opened, judged and sealed again, towards\n"     \
	  "                            servers whose certificates verify\n")                              \
	X("intercept-port", 0, "PORT", option_intercept_port,                                             \
	  "      --intercept-port PORT[,PORT...]\n"                                                       \
	  "                            to these ports instead\n")                                         \
	X("tls-bypass", 0, "NAME", option_tls_bypass,                                                     \
	  "      --tls-bypass NAME     connections to this name are passed on unopened; *.SUFFIX: and\n"  \
	  "                            all below\n")                                                      \
	X("ca", 0, "DIR", option_ca,                                                                      \
	  "      --ca DIR              the CA the guest trusts: ca.pem and ca.key, made if missing\n"     \
	  "                            (one of this gateway's own, that ends with it)\n")                 \
	X("tls-roots", 0, "FILE", option_tls_roots,                                                       \
	  "      --tls-roots FILE      certificates that servers' must lead to (the system's)\n")         \
	X("tls-extra-roots", 0, "FILE", option_tls_extra_roots,                                           \
	  "      --tls-extra-roots FILE\n"                                                                \
	  "                            and these; may be given again\n")                                  \
	X("tls-host-roots", 0, "NAME=FILE", option_tls_host_roots,                                        \
	  "      --tls-host-roots NAME=FILE\n"                                                            \
	  "                            servers of this name (*.SUFFIX) must lead to these alone\n")       \
	X("tls-no-verify", 0, "NAME", option_tls_no_verify,                                               \
	  "      --tls-no-verify NAME  neither issuer, dates nor names of this server are looked at\n")   \
	X("tls-certificate", 0, "NAME=CERT,KEY", option_tls_certificate,                                  \
	  "      --tls-certificate NAME=CERT,KEY\n"                                                       \
	  "                            what is shown to a server that asks who we are: PEM files\n")      \
	X("tls-min", 0, "VERSION", option_tls_min,                                                        \
	  "      --tls-min VERSION     1.2 or 1.3, both sides (1.2)\n")                                   \
	X("max-intercepted", 0, "N", option_intercept_max,                                                \
	  "      --max-intercepted N   connections open at once (256)\n")                                 \
	X("request-log", 0, NULL, option_request_log,                                                     \
	  "      --request-log         an event for each request that is read (--events)\n")              \
	X("secret", 0, "NAME=SOURCE@HOST", option_secret,                                                 \
	  "      --secret NAME=SOURCE@HOST[,HOST...][;in=headers,basic,query,body]\n"                     \
	  "                            the guest has a placeholder in the variable NAME; on the way to\n" \
	  "                            HOST it becomes the value; SOURCE is env:VARIABLE, file:PATH or\n" \
	  "                            command:COMMAND (docs/secrets.md)\n")

struct option {
	const char *name;
	char letter;
	const char *value;
	option_taker *take;
};

#define ROW(name, letter, value, take, help) {name, letter, value, take},
static const struct option table[] = {OPTIONS(ROW)};

#define LINES(name, letter, value, take, help) help
const char *
sluice_options_help(void)
{
	return OPTIONS(LINES);
}

/* --- taking one ------------------------------------------------------------------------------------ */

static const struct option *
find(const char *name, size_t len, char letter)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (letter ? table[i].letter == letter
			   : strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* What is quoted in a sentence came from outside: control characters could play with the reader's terminal. */
static int
refused(const struct setup *su)
{
	for (char *c = su->errlen ? su->err : NULL; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return -1;
}

bool
option_take_named(struct setup *su, struct sluice_options *o, const char *name, const char *value)
{
	const struct option *op = find(name, strlen(name), 0);

	return op ? op->take(su, o, value) : wrong(su, "--%s: no such option", name);
}

int
sluice_options_take(struct sluice_options *o, const char *arg, const char *next, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	const struct option *op;
	const char *joined = NULL;

	if (arg[0] != '-' || arg[1] == '\0')
		return 0;
	if (arg[1] == '-') {
		size_t len = strcspn(arg + 2, "=");
		op = find(arg + 2, len, 0);
		joined = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
	} else {
		op = find(NULL, 0, arg[1]);
		joined = arg[2] ? arg + 2 : NULL;
	}
	if (!op)
		return 0;
	if (!op->value && joined) {
		wrong(&su, "--%s=%s: this option takes no value; leave it out", op->name, joined);
		return refused(&su);
	}
	const char *value = joined ? joined : next;
	if (op->value && !value) {
		wrong(&su, "--%s: needs a value; write --%s %s", op->name, op->name, op->value);
		return refused(&su);
	}
	if (!op->take(&su, o, value))
		return refused(&su);
	return op->value && !joined ? 2 : 1;
}
