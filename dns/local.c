/*
 * local.c - names the gateway answers itself
 *
 * In this order: its own two, the static hosts, localhost, zones that are special to everybody, the reverse zones of
 * private addresses (RFC 6303), and last the question for everything (RFC 8482).  The tables are text, so that they
 * can be read; they are parsed once.
 */
#include "dns/local.h"

#include <stdlib.h>

static const struct zone {
	const char *text;
	enum dns_local_is is;
	bool always; /* also where the operator has servers for it */
} zones[] = {
    {"sluice.internal", LOCAL_NXDOMAIN, true},         /* what there is of it was found before */
    {"invalid", LOCAL_NXDOMAIN, false},                /* RFC 6761 6.4 */
    {"onion", LOCAL_NXDOMAIN, true},                   /* RFC 7686 section 2 */
    {"local", LOCAL_NXDOMAIN, false},                  /* RFC 6762: of mDNS, which ends at the gateway */
    {"alt", LOCAL_NXDOMAIN, true},                     /* RFC 9476 */
    {"resolver.arpa", LOCAL_NODATA, true},             /* RFC 9462 6.4: nobody is led past this resolver */
    {"ipv4only.arpa", LOCAL_NODATA, false},            /* RFC 7050: the gateway is no NAT64 */
    {"use-application-dns.net", LOCAL_NXDOMAIN, true}, /* asks browsers not to go past this resolver ... */
    {"mask.icloud.com", LOCAL_NXDOMAIN, true},         /* ... and those of Apple */
    {"mask-h2.icloud.com", LOCAL_NXDOMAIN, true},
};

/* RFC 6303 section 4, RFC 7793: their reverse zones mean something else in every network. */
static const struct net {
	const char *text;
	unsigned plen;
} nets[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},     {"100.64.0.0", 10},      {"127.0.0.0", 8},
    {"169.254.0.0", 16},  {"172.16.0.0", 12},  {"192.0.2.0", 24},       {"192.168.0.0", 16},
    {"198.51.100.0", 24}, {"203.0.113.0", 24}, {"255.255.255.255", 32}, {"::", 128},
    {"::1", 128},         {"fd00::", 8},       {"fe80::", 10},          {"2001:db8::", 32},
};

#define ZONES (sizeof(zones) / sizeof(zones[0]))
#define NETS (sizeof(nets) / sizeof(nets[0]))

struct host {
	struct name name;
	unsigned n;
	struct addr addr[DNS_LOCAL_ADDRS];
};

struct dns_local {
	struct name zone[ZONES], host_name, gateway_name, localhost, in_addr, ip6;
	struct addr net[NETS], loopback[FAMILIES];
	size_t nhost;
	struct host host[]; /* sorted */
};

/* --- static hosts --- */

/* A host begins with its name, so a name alone can be looked for. */
static int
by_name(const void *a, const void *b)
{
	/* As names: one that stands alone is aligned as a name is, which is less. */
	const struct name *x = a, *y = b;

	return x->len != y->len ? (int)x->len - (int)y->len : memcmp(x->wire, y->wire, x->len);
}

static bool
read_addr(const char *text, size_t len, struct addr *out)
{
	char one[ADDR_TEXT];

	if (len == 0 || len >= sizeof(one))
		return false;
	memcpy(one, text, len);
	one[len] = '\0';
	return addr_parse(one, out);
}

/* What is wrong is told. */
static bool
read_host(const char *text, struct host *h, struct diag_sink *d)
{
	const struct mark nowhere = {.file = NULL};
	const char *is = strchr(text, '=');

	if (!is || !name_parse(text, (size_t)(is - text), &h->name)) {
		diag_error(d, &nowhere, text, "a static host is NAME=ADDRESS[,ADDRESS...]");
		return false;
	}
	for (const char *at = is + 1;; at++) {
		size_t len = strcspn(at, ",");

		if (h->n == DNS_LOCAL_ADDRS) {
			diag_error(d, &nowhere, text, "a static host has at most %u addresses",
				   DNS_LOCAL_ADDRS);
			return false;
		}
		if (!read_addr(at, len, &h->addr[h->n++])) {
			diag_error(d, &nowhere, text, "'%.*s' is no address of a static host", (int)len, at);
			return false;
		}
		at += len;
		if (!*at)
			return true;
	}
}

static bool
read_hosts(struct dns_local *l, const char *const *hosts, size_t n, struct diag_sink *d)
{
	const struct mark nowhere = {.file = NULL};
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		struct host *h = &l->host[l->nhost];

		if (!read_host(hosts[i], h, d)) {
			memset(h, 0, sizeof(*h));
			ok = false;
		} else if (name_eq(&h->name, &l->host_name) || name_eq(&h->name, &l->gateway_name)) {
			diag_error(d, &nowhere, hosts[i], "this name is the gateway's own");
			ok = false;
		} else {
			l->nhost++;
		}
	}
	qsort(l->host, l->nhost, sizeof(l->host[0]), by_name);
	for (size_t i = 1; i < l->nhost; i++) {
		char text[NAME_TEXT];

		if (!name_eq(&l->host[i - 1].name, &l->host[i].name))
			continue;
		diag_error(d, &nowhere, name_text(&l->host[i].name, text),
			   "this static host is there twice: write its addresses in one place");
		ok = false;
	}
	return ok;
}

static struct name
name_of(const char *text)
{
	struct name n = {.len = 0};

	name_parse(text, strlen(text), &n);
	return n;
}

static void
read_tables(struct dns_local *l)
{
	for (size_t i = 0; i < ZONES; i++)
		l->zone[i] = name_of(zones[i].text);
	for (size_t i = 0; i < NETS; i++)
		addr_parse(nets[i].text, &l->net[i]);
	l->host_name = name_of(DNS_HOST_NAME);
	l->gateway_name = name_of(DNS_GATEWAY_NAME);
	l->localhost = name_of("localhost");
	l->in_addr = name_of("in-addr.arpa");
	l->ip6 = name_of("ip6.arpa");
	addr_parse("127.0.0.1", &l->loopback[FAMILY_V4]);
	addr_parse("::1", &l->loopback[FAMILY_V6]);
}

struct dns_local *
dns_local_new(const char *const *hosts, size_t n, struct diag_sink *d)
{
	const struct mark nowhere = {.file = NULL};

	if (n > DNS_LOCAL_HOSTS) {
		diag_error(d, &nowhere, NULL, "there are %zu static hosts, and at most %u are taken", n,
			   DNS_LOCAL_HOSTS);
		return NULL;
	}
	struct dns_local *l = calloc(1, sizeof(*l) + (n + 1) * sizeof(l->host[0]));
	if (!l)
		return NULL;
	read_tables(l);
	if (!read_hosts(l, hosts, n, d)) {
		dns_local_free(l);
		return NULL;
	}
	return l;
}

void
dns_local_free(struct dns_local *l)
{
	free(l);
}

/* --- reverse names --- */

/* A label's value: decimal to 255, or one hexadecimal digit; 256: it is none. */
static unsigned
digits(const uint8_t *label, bool hex)
{
	unsigned v = 0;

	if (label[0] > (hex ? 1 : 3))
		return 256;
	for (unsigned i = 1; i <= label[0]; i++) {
		uint8_t c = label[i];

		if (c >= '0' && c <= '9')
			v = v * (hex ? 16 : 10) + (unsigned)(c - '0');
		else if (hex && c >= 'a' && c <= 'f')
			v = v * 16 + 10u + (unsigned)(c - 'a');
		else
			return 256;
	}
	return v;
}

/* The network whose reverse zone holds n, which is below root: its labels from the right, as long as they are digits. */
static unsigned
reverse_net(const struct name *n, const struct name *root, bool hex, struct addr *net)
{
	uint8_t at[NAME_MAX_WIRE / 2 + 1];
	unsigned labels = 0, bits = 0, first = hex ? 0 : 96, each = hex ? 4 : 8;

	for (unsigned i = 0; i + root->len < n->len; i += n->wire[i] + 1u)
		at[labels++] = (uint8_t)i;
	*net = addr_v4(0);
	if (hex)
		memset(net, 0, sizeof(*net));
	while (labels && first + bits < 128) {
		unsigned v = digits(n->wire + at[--labels], hex), bit = first + bits;

		if (v > 255)
			break;
		net->b[bit / 8] |= (uint8_t)(bit % 8 || !hex ? v : v << 4);
		bits += each;
	}
	return bits;
}

static bool
is_private_reverse(const struct dns_local *l, const struct name *n)
{
	bool hex = name_is_under(n, &l->ip6);
	struct addr net;

	if (!hex && !name_is_under(n, &l->in_addr))
		return false;
	unsigned plen = reverse_net(n, hex ? &l->ip6 : &l->in_addr, hex, &net);
	for (size_t i = 0; i < NETS; i++)
		if (addr_is_v4(&l->net[i]) == !hex && plen >= nets[i].plen &&
		    addr_in_net(&net, &l->net[i], nets[i].plen))
			return true;
	return false;
}

/* --- what becomes of a question --- */

/* Those of n that are of the type asked for, and exist. */
static enum dns_local_is
tell(const struct dns_query *q, const struct addr *a, unsigned n, struct addr out[DNS_LOCAL_ADDRS],
     unsigned *told)
{
	for (unsigned i = 0; i < n; i++)
		if (!addr_is_unspecified(&a[i]) && q->type == (addr_is_v4(&a[i]) ? DNS_A : DNS_AAAA))
			out[(*told)++] = a[i];
	return LOCAL_ADDRS;
}

static enum dns_local_is
find_zone(const struct dns_local *l, const struct name *n, bool routed)
{
	for (size_t i = 0; i < ZONES; i++)
		if ((zones[i].always || !routed) && name_is_under(n, &l->zone[i]))
			return zones[i].is;
	return !routed && is_private_reverse(l, n) ? LOCAL_NXDOMAIN : LOCAL_NOT;
}

bool
dns_local_is_own(const struct dns_local *l, const struct name *n)
{
	return name_eq(n, &l->host_name) || name_eq(n, &l->gateway_name);
}

enum dns_local_is
dns_local_find(const struct dns_local *l, const struct surroundings *where, const struct dns_query *q,
	       bool routed, struct addr out[DNS_LOCAL_ADDRS], unsigned *n)
{
	const struct host *h = bsearch(&q->name, l->host, l->nhost, sizeof(l->host[0]), by_name);

	*n = 0;
	if (name_eq(&q->name, &l->host_name))
		return tell(q, where->gateway, FAMILIES, out, n);
	if (name_eq(&q->name, &l->gateway_name))
		return tell(q, where->dns, FAMILIES, out, n);
	if (h)
		return tell(q, h->addr, h->n, out, n);
	if (name_is_under(&q->name, &l->localhost)) /* RFC 6761 6.3 */
		return tell(q, l->loopback, FAMILIES, out, n);
	enum dns_local_is is = find_zone(l, &q->name, routed);
	return is == LOCAL_NOT && q->type == DNS_ANY ? LOCAL_ADDRS : is;
}
