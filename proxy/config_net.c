/*
 * config_net.c - one family of the guest's network: what was given, what follows from it, what is wrong with it
 *
 * A gateway and DNS address that were not given are taken from the guest's prefix: host numbers 2 and 3, or the
 * next that are free.  So --guest alone moves the whole network.
 */
#include "proxy/config_net.h"

#include <string.h>

#include "proxy/option_values.h"

static const char *const default_guest[FAMILIES] = {
    [FAMILY_V4] = "10.0.2.15/24",
    [FAMILY_V6] = "fd73:6c75:6963:65::15/64",
};

/* Whether an interface can have it, and a gateway reach the rest of the world from it. */
static bool
is_unicast(const struct addr *a)
{
	if (addr_is_unspecified(a) || addr_is_loopback(a) || addr_is_multicast(a) || addr_is_reserved(a))
		return false;
	return addr_is_v4(a) || !addr_is_link_local(a);
}

/* The first and last address of an IPv4 subnet are not a host's (RFC 1122 3.2.1.3); of /31, RFC 3021, they are. */
static bool
is_edge(const struct addr *a, unsigned plen)
{
	if (!addr_is_v4(a) || plen > 30)
		return false;
	uint32_t mask = UINT32_MAX >> plen, host = addr_to_v4(a) & mask;
	return host == 0 || host == mask;
}

/* The prefix with `host` as its last byte; false when the host part is too small for it. */
static bool
nth_address(const struct stack_net *net, uint8_t host, struct addr *out)
{
	/* IPv4 lies in the last 32 of 128 bits. */
	unsigned from = addr_is_v4(&net->guest) ? 96u + net->plen : net->plen, room = 128 - from;

	/* All ones is the broadcast address of an IPv4 subnet; leave it out for both. */
	if (room < 2 || (room < 8 && host >= (1u << room) - 1))
		return false;
	struct addr a = net->guest;
	for (unsigned bit = from; bit < 128; bit++)
		a.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	a.b[15] |= host;
	*out = a;
	return true;
}

/* The first address from host number 2 up that nobody has; three are taken at most, so few are tried. */
static bool
free_address(const struct stack_net *net, const struct addr *taken, struct addr *out)
{
	for (uint8_t host = 2; host < 6; host++)
		if (nth_address(net, host, out) && !addr_eq(out, &net->guest) &&
		    (!taken || !addr_eq(out, taken)))
			return true;
	return false;
}

static bool
parse_own(const char *text, enum family fam, struct addr *out)
{
	return option_address(text, out) && addr_family(out) == fam;
}

/* The gateway's own address `what`, given or derived, into *out. */
static bool
decide_own(struct setup *su, const char *what, const char *given, const struct stack_net *net,
	   const struct addr *taken, struct addr *out)
{
	char guest[ADDR_TEXT];

	addr_text(&net->guest, guest);
	if (!given) {
		if (free_address(net, taken, out))
			return true;
		return wrong(su,
			     "--guest %s/%u: no room in this prefix for the %s address; give a shorter "
			     "prefix or --%s",
			     guest, net->plen, what, what);
	}
	if (!parse_own(given, addr_family(&net->guest), out))
		return wrong(su, "--%s %s: not an IPv%d address; write it as in %s", what, given,
			     addr_is_v4(&net->guest) ? 4 : 6,
			     addr_is_v4(&net->guest) ? "10.0.2.2" : "fd00::2");
	/* Names may be asked anywhere, as all roads lead through the gateway; the gateway must be next door. */
	bool inside = addr_in_net(out, &net->guest, net->plen);
	if (!inside && out == &net->gateway)
		return wrong(su,
			     "--%s %s: not in the guest's subnet %s/%u; choose an address inside it or give "
			     "--guest",
			     what, given, guest, net->plen);
	if (!is_unicast(out) || (inside && is_edge(out, net->plen)))
		return wrong(su, "--%s %s: not an address a host can have; choose another", what, given);
	if (taken && addr_eq(out, taken))
		return wrong(su, "--%s %s: this is the gateway's address already; choose another", what,
			     given);
	if (addr_eq(out, &net->guest))
		return wrong(su, "--%s %s: this is the guest's own address; choose another", what, given);
	return true;
}

bool
config_net(struct setup *su, const struct sluice_net *in, enum family fam, struct stack_net *net)
{
	const char *guest = in->guest ? in->guest : default_guest[fam];
	unsigned plen;
	struct addr dns;

	net->on = !in->off;
	if (!net->on)
		return true;
	if (!option_prefix(guest, &net->guest, &plen) || addr_family(&net->guest) != fam)
		return wrong(su, "--guest %s: not ADDR/PLEN; write it as in %s", guest, default_guest[fam]);
	net->plen = (uint8_t)plen;
	if (!is_unicast(&net->guest) || is_edge(&net->guest, plen))
		return wrong(su, "--guest %s: not an address a host can have; write one as in %s", guest,
			     default_guest[fam]);

	bool dns_first = !in->gateway && in->dns && parse_own(in->dns, fam, &dns);
	return decide_own(su, "gateway", in->gateway, net, dns_first ? &dns : NULL, &net->gateway) &&
	       decide_own(su, "dns", in->dns, net, &net->gateway, &net->dns);
}
