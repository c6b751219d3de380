/*
 * config.c - reading what the embedder said about the guest's network
 *
 * Text becomes values here, or a sentence that names the text and what was expected of it.
 */
#include "proxy/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
wrong(struct setup *su, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(su->err, su->errlen, fmt, ap);
	va_end(ap);
	return false;
}

/* --- the guest's network ---------------------------------------------------------------------------------- */

static const struct sluice_net default_net[FAMILIES] = {
    [FAMILY_V4] = {.guest = "10.0.2.15/24", .gateway = "10.0.2.2", .dns = "10.0.2.3"},
    [FAMILY_V6] = {.guest = "fd73:6c75:6963:65::15/64",
		   .gateway = "fd73:6c75:6963:65::2",
		   .dns = "fd73:6c75:6963:65::3"},
};

static bool
usable(const struct addr *a)
{
	return !addr_is_unspecified(a) && !addr_is_loopback(a) && !addr_is_multicast(a) &&
	       !addr_is_reserved(a);
}

static bool
parse_host_addr(struct setup *su, const char *what, const char *text, enum family fam, struct addr *out)
{
	if (!addr_parse(text, out) || addr_family(out) != fam || !usable(out))
		return wrong(su, "%s '%s' is not an %s address a host can have", what, text,
			     fam == FAMILY_V4 ? "IPv4" : "IPv6");
	return true;
}

static bool
parse_guest(struct setup *su, const char *text, enum family fam, struct stack_net *net)
{
	char addr[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	unsigned max = fam == FAMILY_V4 ? 32 : 128;
	char *end = NULL;

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return wrong(su, "guest address '%s' has no prefix length: write ADDR/PLEN, as in %s", text,
			     default_net[fam].guest);
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';

	unsigned long plen = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end || plen > max || plen == 0)
		return wrong(su, "prefix length in '%s' is not a number from 1 to %u", text, max);
	net->plen = (uint8_t)plen;
	return parse_host_addr(su, "guest address", addr, fam, &net->guest);
}

static bool
apart(struct setup *su, const struct stack_net *net)
{
	char text[ADDR_TEXT];
	const struct addr *same = NULL;

	if (addr_eq(&net->guest, &net->gateway) || addr_eq(&net->gateway, &net->dns))
		same = &net->gateway;
	else if (addr_eq(&net->guest, &net->dns))
		same = &net->dns;
	if (same)
		return wrong(su, "guest, gateway and DNS need addresses of their own: %s is used twice",
			     addr_text(same, text));
	return true;
}

static bool
parse_net(struct setup *su, const struct sluice_net *in, enum family fam, struct stack_net *net)
{
	const struct sluice_net *d = &default_net[fam];
	const char *guest = in->guest ? in->guest : d->guest;
	const char *gateway = in->gateway ? in->gateway : d->gateway;
	const char *dns = in->dns ? in->dns : d->dns;
	char text[ADDR_TEXT];

	net->on = !in->off;
	if (!net->on)
		return true;
	if (!parse_guest(su, guest, fam, net) ||
	    !parse_host_addr(su, "gateway address", gateway, fam, &net->gateway) ||
	    !parse_host_addr(su, "DNS address", dns, fam, &net->dns) || !apart(su, net))
		return false;
	if (!addr_in_net(&net->gateway, &net->guest, net->plen))
		return wrong(
		    su,
		    "gateway %s is outside the guest's subnet %s: give --gateway and --guest of one subnet",
		    addr_text(&net->gateway, text), guest);
	return true;
}

static struct mac
mac_of(const uint8_t b[6])
{
	struct mac m;

	memcpy(m.b, b, sizeof(m.b));
	return m;
}

bool
config_stack(struct setup *su, const struct sluice_config *cfg, struct stack_config *out)
{
	static const uint8_t gateway_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};

	out->guest_mac = mac_of(cfg->guest_mac);
	out->mac = mac_of(cfg->gateway_mac);
	if (mac_is_zero(out->mac))
		out->mac = mac_of(gateway_mac);
	if (mac_is_group(out->mac) || mac_is_group(out->guest_mac))
		return wrong(
		    su,
		    "a MAC address of a host cannot be a group address (lowest bit of its first byte set)");
	if (mac_eq(out->mac, out->guest_mac))
		return wrong(su, "guest and gateway cannot have the same MAC address");
	if (cfg->ipv4.off && cfg->ipv6.off)
		return wrong(su, "both IPv4 and IPv6 are off: nothing is left to carry");
	return parse_net(su, &cfg->ipv4, FAMILY_V4, &out->net[FAMILY_V4]) &&
	       parse_net(su, &cfg->ipv6, FAMILY_V6, &out->net[FAMILY_V6]);
}

/* --- nameservers ------------------------------------------------------------------------------------------ */

/* "ADDR", "ADDR:PORT" or "[ADDR]:PORT". */
static bool
parse_server(struct setup *su, const char *text, struct endpoint *out)
{
	char addr[ADDR_TEXT];
	const char *from = text, *end = text + strlen(text), *port = NULL;

	if (*text == '[') {
		from = text + 1;
		end = strchr(from, ']');
		if (end && end[1] == ':')
			port = end + 2;
		else if (end && end[1])
			end = NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		end = strchr(text, ':');
		port = end + 1;
	}
	if (!end || (size_t)(end - from) >= sizeof(addr))
		return wrong(su, "nameserver '%s' is not ADDR, ADDR:PORT or [ADDR]:PORT", text);
	memcpy(addr, from, (size_t)(end - from));
	addr[end - from] = '\0';
	if (!addr_parse(addr, &out->addr) || addr_is_unspecified(&out->addr) || addr_is_multicast(&out->addr))
		return wrong(su, "nameserver '%s' is not the address of a host", text);

	char *rest = NULL;
	unsigned long n = port ? strtoul(port, &rest, 10) : 53;
	if (port && (*port < '0' || *port > '9' || *rest || n == 0 || n > 65535))
		return wrong(su, "port of nameserver '%s' is not a number from 1 to 65535", text);
	out->port = (uint16_t)n;
	return true;
}

bool
config_nameservers(struct setup *su, const struct sluice_config *cfg, struct resolver *r)
{
	r->from_file = cfg->nnameservers == 0;
	if (cfg->nnameservers > RESOLVER_SERVERS)
		return wrong(su, "%zu nameservers are too many: at most %u", cfg->nnameservers,
			     RESOLVER_SERVERS);
	for (size_t i = 0; i < cfg->nnameservers; i++)
		if (!parse_server(su, cfg->nameservers[i], &r->server[r->n++]))
			return false;
	return true;
}
