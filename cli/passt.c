/*
 * passt.c - passt's options in a table, and what becomes of each
 */
#include "cli/passt.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define SPECS 64

/* What has to wait for the rest of the arguments. */
struct place {
	struct options *o;
	const char *socket, *fd;
	bool vhost_user, foreground;
	const char *address[2]; /* IPv4, IPv6 */
	const char *netmask, *hostname, *fqdn, *host_loopback;
	struct {
		const char *name, *text;
		bool udp;
	} ports[SPECS];
	size_t nports;
	const struct passt_option *op; /* the one at hand */
};

struct passt_option {
	const char *name;
	char letter;
	bool value;
	/* NULL: `about` decides */
	int (*take)(struct place *p, const char *value, struct failure *f);
	/* Without take: NULL: it asks for what is so anyway; else why it is refused, or UNUSED. */
	const char *about;
};

static const char unused[] = "accepted, with a warning";

/* --- takers ---------------------------------------------------------------------------------------- */

static int
take_debug(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->verbose = 2;
	return 0;
}

static int
take_quiet(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->quiet = true;
	return 0;
}

static int
take_foreground(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->foreground = true;
	return 0;
}

static int
take_one_off(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->one_off = true;
	return 0;
}

static int
take_vhost_user(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->vhost_user = true;
	return 0;
}

static int
take_no_sandbox(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->no_sandbox = true;
	return 0;
}

static int
take_help(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->help = true;
	return 0;
}

static int
take_version(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->version = true;
	return 0;
}

static int
take_capabilities(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->capabilities = true;
	return 0;
}

static int
take_text(struct place *p, const char **slot, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--%s: its value is empty; give one", p->op->name);
	*slot = value;
	return 0;
}

static int
take_pid(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->o->pid_file, value, f);
}

static int
take_pcap(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->o->pcap, value, f);
}

static int
take_log_file(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->o->log_file, value, f);
}

static int
take_socket(struct place *p, const char *value, struct failure *f)
{
	p->socket = value;
	return value_path("--socket", value, f);
}

static int
take_fd(struct place *p, const char *value, struct failure *f)
{
	uint64_t n;

	if (!value_number(value, 0, INT_MAX, &n))
		return failed(f, "--fd %s: not the number of a descriptor; write it as in --fd 3", value);
	p->fd = value;
	return 0;
}

static int
take_mtu(struct place *p, const char *value, struct failure *f)
{
	/* "A zero value disables assignment": what a guest has that is told nothing. */
	return options_give(p->o, "--mtu", strcmp(value, "0") == 0 ? "1500" : value, f);
}

static int
take_address(struct place *p, const char *value, struct failure *f)
{
	const char **slot = &p->address[strchr(value, ':') != NULL];

	if (*slot)
		return failed(f, "--address %s: there is %s already; give one per family", value, *slot);
	return take_text(p, slot, value, f);
}

static int
take_netmask(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->netmask, value, f);
}

static int
take_gateway(struct place *p, const char *value, struct failure *f)
{
	return options_give(p->o, "--gateway", value, f);
}

/* Guests ask the gateway's name service, which asks these. */
static int
take_dns(struct place *p, const char *value, struct failure *f)
{
	if (strcmp(value, "none") == 0) {
		if (p->o->nunused < OPTIONS_UNUSED_MAX)
			p->o->unused[p->o->nunused++] = "--dns none";
		return 0;
	}
	return options_give(p->o, "--nameserver", value, f);
}

static int
take_dns_forward(struct place *p, const char *value, struct failure *f)
{
	return options_give(p->o, "--dns", value, f);
}

/* Blanks between domains.  The list is copied by the library, so a buffer of ours will do. */
static int
take_search(struct place *p, const char *value, struct failure *f)
{
	if (strcmp(value, "none") == 0 || *value == '\0')
		return 0;
	for (const char *at = value; *at;) {
		char domain[256];
		size_t len = strcspn(at, " \t");
		if (len >= sizeof(domain))
			return failed(f, "--search %s: a domain has at most 253 bytes; give a shorter one",
				      value);
		memcpy(domain, at, len);
		domain[len] = '\0';
		if (len > 0 && options_give(p->o, "--search", domain, f) < 0)
			return -1;
		at += len + strspn(at + len, " \t");
	}
	return 0;
}

static int
take_hostname(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->hostname, value, f);
}

static int
take_fqdn(struct place *p, const char *value, struct failure *f)
{
	return take_text(p, &p->fqdn, value, f);
}

static int
take_no_dhcp(struct place *p, const char *value, struct failure *f)
{
	(void)value;
	return options_give(p->o, "--no-dhcp", NULL, f);
}

static int
take_ipv4_only(struct place *p, const char *value, struct failure *f)
{
	(void)value;
	return options_give(p->o, "--no-ipv6", NULL, f);
}

static int
take_ipv6_only(struct place *p, const char *value, struct failure *f)
{
	(void)value;
	return options_give(p->o, "--no-ipv4", NULL, f);
}

static int
take_ports(struct place *p, const char *value, struct failure *f)
{
	if (p->nports == SPECS)
		return failed(f, "--%s %s: more than %d of them; join them with commas", p->op->name, value,
			      SPECS);
	p->ports[p->nports].name = p->op->letter == 'u' ? "--udp-ports" : "--tcp-ports";
	p->ports[p->nports].text = value;
	p->ports[p->nports++].udp = p->op->letter == 'u';
	return 0;
}

static int
take_outbound(struct place *p, const char *value, struct failure *f)
{
	bool v6 = strchr(value, ':') != NULL;
	uint8_t bytes[16];

	if (inet_pton(v6 ? AF_INET6 : AF_INET, value, bytes) != 1)
		return failed(f, "--outbound %s: not an address; write it as in 192.0.2.1 or fd00::1", value);
	*(v6 ? &p->o->way.bind6 : &p->o->way.bind4) = value;
	return 0;
}

static int
take_device(const struct place *p, const char **slot, const char *value, struct failure *f)
{
	if (*value == '\0' || strlen(value) >= IFNAMSIZ)
		return failed(f, "--%s %s: an interface name has 1 to 15 characters, as in eth0", p->op->name,
			      value);
	*slot = value;
	return 0;
}

static int
take_outbound_if4(struct place *p, const char *value, struct failure *f)
{
	return take_device(p, &p->o->way.device4, value, f);
}

static int
take_outbound_if6(struct place *p, const char *value, struct failure *f)
{
	return take_device(p, &p->o->way.device6, value, f);
}

static int
take_no_host(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->way.no_host = true;
	return 0;
}

static int
take_host_loopback(struct place *p, const char *value, struct failure *f)
{
	if (strcmp(value, "none") == 0)
		return take_no_host(p, value, f);
	return take_text(p, &p->host_loopback, value, f);
}

static int
take_no_tcp(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->way.no_tcp = true;
	return 0;
}

static int
take_no_udp(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->way.no_udp = true;
	return 0;
}

static int
take_no_icmp(struct place *p, const char *value, struct failure *f)
{
	(void)value, (void)f;
	p->o->way.no_ping = true;
	return 0;
}

/* --- the table ------------------------------------------------------------------------------------- */

static const struct passt_option table[] = {
    /* the process */
    {"foreground", 'f', false, take_foreground, NULL},
    {"quiet", 'q', false, take_quiet, NULL},
    {"debug", 'd', false, take_debug, NULL},
    {"trace", 0, false, take_debug, NULL},
    {"stderr", 'e', false, NULL, NULL},
    {"log-file", 'l', true, take_log_file, NULL},
    {"log-size", 0, true, NULL, unused},
    {"pid", 'P', true, take_pid, NULL},
    {"pcap", 'p', true, take_pcap, NULL},
    {"help", 'h', false, take_help, NULL},
    {"version", 0, false, take_version, NULL},
    {"print-capabilities", 0, false, take_capabilities, NULL},
    /* sluice's own, in its place too */
    {"no-sandbox", 0, false, take_no_sandbox, NULL},
    {"runas", 0, true, NULL,
     "sluice stays the user it was started as; start it as that one (setpriv --reuid)"},
    /* the link */
    {"socket", 's', true, take_socket, NULL},
    {"socket-path", 0, true, take_socket, NULL},
    {"fd", 'F', true, take_fd, NULL},
    {"vhost-user", 0, false, take_vhost_user, NULL},
    {"one-off", '1', false, take_one_off, NULL},
    {"repair-path", 0, true, NULL, unused},
    {"migrate-exit", 0, false, NULL, unused},
    {"migrate-no-linger", 0, false, NULL, unused},
    /* what the guest is told */
    {"mtu", 'm', true, take_mtu, NULL},
    {"address", 'a', true, take_address, NULL},
    {"netmask", 'n', true, take_netmask, NULL},
    {"gateway", 'g', true, take_gateway, NULL},
    {"mac-addr", 'M', true, NULL, unused},
    {"dns", 'D', true, take_dns, NULL},
    {"dns-host", 0, true, take_dns, NULL},
    {"dns-forward", 0, true, take_dns_forward, NULL},
    {"search", 'S', true, take_search, NULL},
    {"hostname", 'H', true, take_hostname, NULL},
    {"fqdn", 0, true, take_fqdn, NULL},
    {"no-dhcp", 0, false, take_no_dhcp, NULL},
    {"no-dhcpv6", 0, false, NULL, unused},
    {"no-ra", 0, false, NULL, unused},
    {"no-ndp", 0, false, NULL, unused},
    {"no-dhcp-dns", 0, false, NULL, unused},
    {"no-dhcp-search", 0, false, NULL, unused},
    {"ipv4-only", '4', false, take_ipv4_only, NULL},
    {"ipv6-only", '6', false, take_ipv6_only, NULL},
    /* towards the host */
    {"tcp-ports", 't', true, take_ports, NULL},
    {"udp-ports", 'u', true, take_ports, NULL},
    {"outbound", 'o', true, take_outbound, NULL},
    {"outbound-if4", 0, true, take_outbound_if4, NULL},
    {"outbound-if6", 0, true, take_outbound_if6, NULL},
    {"interface", 'i', true, NULL, unused},
    {"no-map-gw", 0, false, take_no_host, NULL},
    {"map-host-loopback", 0, true, take_host_loopback, NULL},
    {"map-guest-addr", 0, true, NULL, unused},
    {"freebind", 0, false, NULL, unused},
    {"no-tcp", 0, false, take_no_tcp, NULL},
    {"no-udp", 0, false, take_no_udp, NULL},
    {"no-icmp", 0, false, take_no_icmp, NULL},
};

#define NOPTIONS (sizeof(table) / sizeof(table[0]))

static const struct passt_option *
find(const char *name, size_t len, char letter)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		if (letter ? table[i].letter == letter
			   : strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

bool
passt_is_meant(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "passt") == 0)
		return true;
	if (argc < 2 || argv[1][0] != '-')
		return false;
	/* What sluice itself takes without a verb. */
	const char *arg = argv[1];
	if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0 || strcmp(arg, "--version") == 0)
		return false;
	if (arg[1] == '-')
		return find(arg + 2, strcspn(arg + 2, "="), 0) != NULL;
	return arg[1] != '\0' && find(NULL, 0, arg[1]) != NULL;
}

/* --- the walk, as getopt_long(3) does it ------------------------------------------------------------ */

static int
take(struct place *p, const struct passt_option *op, const char *value, struct failure *f)
{
	p->op = op;
	if (op->take)
		return op->take(p, value, f);
	if (op->about && op->about != unused)
		return failed(f, "--%s%s%s: %s", op->name, value ? " " : "", value ? value : "", op->about);
	/* "none" asks for nothing. */
	if (op->about && p->o->nunused < OPTIONS_UNUSED_MAX && (!value || strcmp(value, "none") != 0))
		p->o->unused[p->o->nunused++] = op->name;
	return 0;
}

struct words {
	int argc, at;
	char **argv;
};

static int
take_with_value(struct place *p, struct words *w, const struct passt_option *op, const char *joined,
		struct failure *f)
{
	const char *value = joined;

	if (!op->value && joined)
		return failed(f, "--%s=%s: this option takes no value; leave it out", op->name, joined);
	if (op->value && !joined) {
		if (w->at == w->argc)
			return failed(f, "--%s: needs a value; write --%s VALUE", op->name, op->name);
		value = w->argv[w->at++];
	}
	return take(p, op, value, f);
}

static int
no_such_option(const char *arg, struct failure *f)
{
	return failed(f, "%s: not an option of passt that sluice knows; man sluice lists them", arg);
}

static int
take_long(struct place *p, struct words *w, const char *arg, struct failure *f)
{
	size_t len = strcspn(arg + 2, "=");
	const struct passt_option *op = find(arg + 2, len, 0);

	if (!op)
		return no_such_option(arg, f);
	return take_with_value(p, w, op, arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL, f);
}

static int
take_letters(struct place *p, struct words *w, const char *arg, struct failure *f)
{
	for (const char *c = arg + 1; *c; c++) {
		const struct passt_option *op = find(NULL, 0, *c);
		if (!op)
			return no_such_option(arg, f);
		bool rest = op->value && c[1] != '\0';
		if (take_with_value(p, w, op, rest ? c + 1 : NULL, f) < 0)
			return -1;
		if (rest)
			break;
	}
	return 0;
}

static int
walk(struct place *p, struct words *w, struct failure *f)
{
	while (w->at < w->argc) {
		const char *arg = w->argv[w->at++];
		int r = arg[0] != '-' || arg[1] == '\0' ? failed(f,
								 "%s: passt's place has options only; for a "
								 "verb of sluice's, write it first",
								 arg)
			: arg[1] == '-'                 ? take_long(p, w, arg, f)
							: take_letters(p, w, arg, f);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* --- what follows from all of it --------------------------------------------------------------------- */

/* "24", "255.255.255.0"; 0: neither. */
static unsigned
mask_bits(const char *text)
{
	uint64_t n;
	uint32_t mask = 0;
	unsigned bits = 0;

	if (value_number(text, 1, 32, &n))
		return (unsigned)n;
	for (int i = 0; i < 4; i++) {
		size_t used = value_digits(text, &n);
		if (used == 0 || n > 255 || text[used] != (i < 3 ? '.' : '\0'))
			return 0;
		mask = mask << 8 | (uint32_t)n;
		text += used + 1;
	}
	while (bits < 32 && mask & 0x80000000u >> bits)
		bits++;
	return bits < 32 && mask << bits ? 0 : bits;
}

/* Without a mask: that of the address's class (RFC 4632 3.1 has what came before it). */
static unsigned
class_bits(const char *address)
{
	uint64_t n = 0;

	value_digits(address, &n);
	return n < 128 ? 8 : n < 192 ? 16 : 24;
}

static int
decide_address(struct place *p, struct failure *f)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const char *address = p->address[v6];
		char text[128];
		unsigned bits = v6 ? 64 : 0;
		if (!address)
			continue;
		if (!v6 && p->netmask && !(bits = mask_bits(p->netmask)))
			return failed(f, "--netmask %s: not a mask; write it as in 24 or 255.255.255.0",
				      p->netmask);
		if (!bits)
			bits = class_bits(address);
		int n = strchr(address, '/') ? snprintf(text, sizeof(text), "%s", address)
					     : snprintf(text, sizeof(text), "%s/%u", address, bits);
		if (n >= (int)sizeof(text))
			return failed(f, "--address %s: too long; write it as in 10.0.2.15", address);
		if (options_give(p->o, "--guest", text, f) < 0)
			return -1;
	}
	return 0;
}

static int
decide_link(struct place *p, struct failure *f)
{
	struct value_link *l = &p->o->link;
	uint64_t n;

	if (p->fd && p->socket)
		return failed(f, "--fd %s and --socket %s: one guest has one link; give one of them", p->fd,
			      p->socket);
	if (!p->fd && !p->socket)
		return failed(f,
			      "in passt's place, neither --fd N nor --socket PATH was given; give one (or, "
			      "for sluice itself, a command first: sluice --help)");
	*l = (struct value_link){.text = p->fd ? "--fd" : p->socket, .fd = -1, .path = p->socket};
	if (p->fd && value_number(p->fd, 0, INT_MAX, &n))
		l->fd = (int)n;
	l->kind = p->fd ? (p->vhost_user ? LINK_VHOST_USER_FD : LINK_FD)
			: (p->vhost_user ? LINK_VHOST_USER : LINK_QEMU);
	return 0;
}

static int
decide_host_loopback(const struct place *p, struct failure *f)
{
	const struct sluice_guest *g = &p->o->guest;
	const char *at = p->host_loopback;

	if (!at || (g->ipv4.on && strcmp(at, g->ipv4.gateway) == 0) ||
	    (g->ipv6.on && strcmp(at, g->ipv6.gateway) == 0))
		return 0;
	return failed(f,
		      "--map-host-loopback %s: sluice's host is at the gateway's address; give the same with "
		      "--gateway",
		      at);
}

static int
decide(struct place *p, struct failure *f)
{
	struct options *o = p->o;

	/* Who meant passt meant what passt does: everything is reached, names lead anywhere. */
	if (options_give(o, "--profile", "all", f) < 0 ||
	    options_give(o, "--no-rebind-protection", NULL, f) < 0)
		return -1;
	o->background = !p->foreground;
	o->way.guest = &o->guest;
	if (o->quiet && o->verbose)
		o->quiet = false; /* who asks for both wants to see something */
	if (decide_link(p, f) < 0 || decide_address(p, f) < 0)
		return -1;
	const char *name = p->hostname ? p->hostname : p->fqdn;
	if (name && options_give(o, "--hostname", name, f) < 0)
		return -1;
	/* Which families there are is known now. */
	if (options_decide(o, f) < 0 || decide_host_loopback(p, f) < 0)
		return -1;
	const struct passt_families on = {o->guest.ipv4.on, o->guest.ipv6.on};
	for (size_t i = 0; i < p->nports; i++)
		if (passt_ports(o, p->ports[i].name, p->ports[i].text, p->ports[i].udp, on, f) < 0)
			return -1;
	return options_decide(o, f);
}

int
passt_parse(struct options *o, int argc, char **argv, struct failure *f)
{
	struct place p = {.o = o};
	struct words w = {.argc = argc, .at = 1, .argv = argv};

	o->verb = VERB_SERVE;
	o->passt = true;
	if (walk(&p, &w, f) < 0)
		return -1;
	return o->help || o->version || o->capabilities ? 0 : decide(&p, f);
}

/* --- help ------------------------------------------------------------------------------------------ */

void
passt_help(FILE *to)
{
	fputs("usage: passt [OPTION]...\n\nsluice in passt's place.  What becomes of each option is in the "
	      "manual (man sluice):\n\n",
	      to);
	for (size_t i = 0; i < NOPTIONS; i++) {
		const struct passt_option *op = &table[i];
		char letter[5] = "    ";
		if (op->letter)
			snprintf(letter, sizeof(letter), "-%c, ", op->letter);
		fprintf(to, "  %s--%s%s%s\n", letter, op->name, op->value ? " VALUE" : "",
			op->about == unused ? "  (no effect)"
			: op->about         ? "  (refused)"
					    : "");
	}
}
