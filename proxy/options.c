/*
 * options.c - the options that describe a gateway, as text
 *
 * One table: what an option is called, whether it takes a value, which function takes it, and its lines of a
 * --help.  The sluice program and every other program that embeds a gateway offer the same ones from here.
 *
 * Pure: no file is opened and nothing is looked up.  What can be judged by looking at one option is judged
 * here; whether the addresses go together is for sluice_new() and sluice_guest_info().
 */
#include "sluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/option_values.h"
#include "proxy/resolver.h"

#define PUBLISH_MAX 256
#define HOSTNAME_MAX 63
#define DOMAIN_MAX 253    /* a name of 255 bytes on the wire */
#define FLOWS_MAX 1048576 /* more than Linux lets a process have descriptors (fs.nr_open) */

enum { GUEST, GATEWAY, DNS, ADDRESSES };

struct family_texts {
	char text[ADDRESSES][ADDR_TEXT + 4]; /* "": not given */
	bool off;
};

struct sluice_options {
	struct family_texts net[FAMILIES];
	uint32_t mtu; /* 0: not given, as all numbers here */
	uint8_t mac[6];

	struct option_publish published[PUBLISH_MAX];
	struct sluice_publish publish[PUBLISH_MAX]; /* the same, bind pointing there */
	size_t npublish;
	char server[RESOLVER_SERVERS][ADDR_TEXT + 8];
	const char *nameservers[RESOLVER_SERVERS];
	size_t nnameservers;
	bool udp_endpoint_independent;

	uint32_t max_tcp, max_udp;
	uint64_t memory;

	char hostname[HOSTNAME_MAX + 1];
	char domain[SLUICE_SEARCH_MAX][DOMAIN_MAX + 1];
	const char *search[SLUICE_SEARCH_MAX];
	size_t nsearch;
	bool no_dhcp;
};

/* --- takers ---------------------------------------------------------------------------------------- */

static bool
take_publish(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t n = o->npublish;

	if (n == PUBLISH_MAX)
		return wrong(su, "--publish %s: more than %d of them; join neighbouring ports in ranges",
			     value, PUBLISH_MAX);
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
	return take_once(su, o, "guest", value, &a, GUEST, (uint8_t)plen);
}

static bool
take_gateway(struct setup *su, struct sluice_options *o, const char *value)
{
	struct addr a;

	if (!option_address(value, &a))
		return wrong(su, "--gateway %s: not an address; write it as in 10.0.2.2 or fd00::2", value);
	return take_once(su, o, "gateway", value, &a, GATEWAY, 0);
}

static bool
take_dns(struct setup *su, struct sluice_options *o, const char *value)
{
	struct addr a;

	if (!option_address(value, &a))
		return wrong(su, "--dns %s: not an address; write it as in 10.0.2.3 or fd00::3", value);
	return take_once(su, o, "dns", value, &a, DNS, 0);
}

static bool
take_off(struct setup *su, struct sluice_options *o, enum family family)
{
	struct family_texts *fam = &o->net[family];

	for (size_t i = 0; i < ADDRESSES; i++)
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

	if (!option_endpoint(value) || strlen(value) >= sizeof(o->server[0]))
		return wrong(
		    su,
		    "--nameserver %s: not ADDR[:PORT]; write it as in 192.0.2.1, 192.0.2.1:5353 or [::1]:53",
		    value);
	if (n == RESOLVER_SERVERS)
		return wrong(su, "--nameserver %s: more than %u of them; give fewer", value,
			     RESOLVER_SERVERS);
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

	if (!option_number(value, 1, FLOWS_MAX, &n))
		return wrong(su, "--%s %s: give a number of flows from 1 to %d", name, value, FLOWS_MAX);
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
	if (!option_domain(value, HOSTNAME_MAX))
		return wrong(su, "--hostname %s: not a host name; give up to %d letters, digits, '-' and '.'",
			     value, HOSTNAME_MAX);
	snprintf(o->hostname, sizeof(o->hostname), "%s", value);
	return true;
}

static bool
take_search(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t n = o->nsearch;

	if (!option_domain(value, DOMAIN_MAX))
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
#define OPTIONS(X)                                                                                       \
	X("publish", 'p', "SPEC", take_publish,                                                          \
	  "  -p, --publish SPEC        a host port that leads to the guest: [BIND:]HOSTPORT[-END]\n"     \
	  "                            [:GUESTPORT][/udp]; BIND is 127.0.0.1 and ::1 unless given\n")    \
	X("mtu", 0, "N", take_mtu, "      --mtu N               the longest IP packet, 1280 to 65520\n") \
	X("guest", 0, "ADDR/PLEN", take_guest,                                                           \
	  "      --guest ADDR/PLEN     the guest's address, once per family\n"                           \
	  "                            (10.0.2.15/24, fd73:6c75:6963:65::15/64)\n")                      \
	X("gateway", 0, "ADDR", take_gateway,                                                            \
	  "      --gateway ADDR        the gateway's address, once per family; it is the host\n"         \
	  "                            (10.0.2.2, fd73:6c75:6963:65::2)\n")                              \
	X("dns", 0, "ADDR", take_dns,                                                                    \
	  "      --dns ADDR            where the guest asks names, once per family\n"                    \
	  "                            (10.0.2.3, fd73:6c75:6963:65::3)\n")                              \
	X("no-ipv4", 0, NULL, take_no_ipv4, "      --no-ipv4             the guest has no IPv4\n")       \
	X("no-ipv6", 0, NULL, take_no_ipv6, "      --no-ipv6             the guest has no IPv6\n")       \
	X("nameserver", 0, "ADDR[:PORT]", take_nameserver,                                               \
	  "      --nameserver ADDR[:PORT]\n"                                                             \
	  "                            where names are asked; may be given again (those of\n"            \
	  "                            /etc/resolv.conf)\n")                                             \
	X("mac", 0, "MAC", take_mac,                                                                     \
	  "      --mac MAC             the guest's Ethernet address (the one it has)\n")                 \
	X("hostname", 0, "NAME", take_hostname,                                                          \
	  "      --hostname NAME       the guest's name, told by DHCP (none)\n")                         \
	X("search", 0, "DOMAIN", take_search,                                                            \
	  "      --search DOMAIN       a domain names are searched in, told by DHCP and router\n"        \
	  "                            advertisements; may be given again (none)\n")                     \
	X("no-dhcp", 0, NULL, take_no_dhcp,                                                              \
	  "      --no-dhcp             no DHCP and no DHCPv6: the guest is configured otherwise\n")      \
	X("max-tcp", 0, "N", take_max_tcp, "      --max-tcp N           TCP flows at once (4096)\n")     \
	X("max-udp", 0, "N", take_max_udp, "      --max-udp N           UDP flows at once (1024)\n")     \
	X("memory", 0, "BYTES", take_memory,                                                             \
	  "      --memory BYTES        the most that flows may hold, with K, M or G (128M)\n")           \
	X("udp-endpoint-independent", 0, NULL, take_udp_endpoint_independent,                            \
	  "      --udp-endpoint-independent\n"                                                           \
	  "                            one host port per guest UDP port, so that STUN works\n")

struct option {
	const char *name;
	char letter;
	const char *value;
	bool (*take)(struct setup *su, struct sluice_options *o, const char *value);
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

/* --- life ------------------------------------------------------------------------------------------ */

struct sluice_options *
sluice_options_new(void)
{
	return calloc(1, sizeof(struct sluice_options));
}

void
sluice_options_free(struct sluice_options *o)
{
	free(o);
}

static void
apply_net(const struct family_texts *fam, struct sluice_net *net)
{
	const char **const to[ADDRESSES] = {
	    [GUEST] = &net->guest, [GATEWAY] = &net->gateway, [DNS] = &net->dns};

	net->off |= fam->off;
	for (size_t i = 0; i < ADDRESSES; i++)
		if (fam->text[i][0])
			*to[i] = fam->text[i];
}

/* What was not given is left as it is: the program's own defaults. */
void
sluice_options_apply(const struct sluice_options *o, struct sluice_config *cfg)
{
	static const uint8_t none[6];

	apply_net(&o->net[FAMILY_V4], &cfg->ipv4);
	apply_net(&o->net[FAMILY_V6], &cfg->ipv6);
	if (o->mtu)
		cfg->mtu = o->mtu;
	if (memcmp(o->mac, none, sizeof(none)) != 0)
		memcpy(cfg->guest_mac, o->mac, sizeof(cfg->guest_mac));
	if (o->npublish) {
		cfg->publish = o->publish;
		cfg->npublish = o->npublish;
	}
	if (o->nnameservers) {
		cfg->nameservers = o->nameservers;
		cfg->nnameservers = o->nnameservers;
	}
	if (o->max_tcp)
		cfg->max_tcp = o->max_tcp;
	if (o->max_udp)
		cfg->max_udp = o->max_udp;
	if (o->memory)
		cfg->memory = o->memory;
	cfg->udp_endpoint_independent |= o->udp_endpoint_independent;
	cfg->no_dhcp |= o->no_dhcp;
	if (o->hostname[0])
		cfg->hostname = o->hostname;
	if (o->nsearch) {
		cfg->search = o->search;
		cfg->nsearch = o->nsearch;
	}
}
