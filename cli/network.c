/*
 * network.c - defaults that follow --guest, and the checks that make a wrong network a sentence at once
 */
#include "cli/network.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_GUEST4 "10.0.2.15/24"
#define DEFAULT_GUEST6 "fd73:6c75:6963:65::15/64"

/* Whether an interface can have it, and a gateway reach the rest of the world from it. */
static bool
is_unicast(const struct address *a)
{
	static const uint8_t loopback[16] = {[15] = 1}, zero[16], mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *b = a->bytes;

	if (!a->v6)
		return b[0] != 0 && b[0] != 127 && b[0] < 224;
	if (memcmp(b, loopback, 16) == 0 || memcmp(b, zero, 16) == 0 || memcmp(b, mapped, 12) == 0)
		return false;
	return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80); /* multicast, link-local */
}

/* The first and last address of an IPv4 subnet are not a host's (RFC 1122 3.2.1.3); of /31, RFC 3021, they are. */
static bool
is_edge(const struct address *a, unsigned plen)
{
	if (a->v6 || plen > 30)
		return false;
	uint32_t host = 0;
	for (unsigned bit = plen; bit < 32; bit++)
		host = host << 1 | (a->bytes[bit / 8] >> (7 - bit % 8) & 1);
	return host == 0 || host == UINT32_MAX >> plen;
}

/* The prefix with `host` as its last byte; false when the host part is too small for it. */
static bool
nth_address(const struct family *fam, uint8_t host, struct address *out)
{
	unsigned bits = value_address_bits(&fam->guest), room = bits - fam->plen;

	/* All ones is the broadcast address of an IPv4 subnet; leave it out for both. */
	if (room < 2 || (room < 8 && host >= (1u << room) - 1))
		return false;
	struct address a = fam->guest;
	for (unsigned bit = fam->plen; bit < bits; bit++)
		a.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	a.bytes[bits / 8 - 1] |= host;
	*out = a;
	return true;
}

/* The first address from host number 2 up that nobody has; three are taken at most, so few are tried. */
static bool
free_address(const struct family *fam, const struct address *taken, struct address *out)
{
	for (uint8_t host = 2; host < 6; host++)
		if (nth_address(fam, host, out) && !value_address_equal(out, &fam->guest) &&
		    (!taken || !value_address_equal(out, taken)))
			return true;
	return false;
}

/* The gateway's own address `what`, given or derived, into *out. */
static int
decide_own(const char *what, const char *given, const struct family *fam, const struct address *taken,
	   struct address *out, struct failure *f)
{
	if (!given) {
		if (free_address(fam, taken, out))
			return 0;
		return failed(
		    f, "--guest %s: no room in this prefix for the %s address; give a shorter prefix or --%s",
		    fam->guest_text, what, what);
	}
	if (!value_address(given, out))
		return failed(f, "--%s %s: not an address; write it as in 10.0.2.2 or fd00::2", what, given);
	/* Names may be asked anywhere, as all roads lead through the gateway; the gateway must be next door. */
	bool inside = value_in_prefix(out, &fam->guest, fam->plen);
	if (!inside && out == &fam->gateway)
		return failed(
		    f, "--%s %s: not in the guest's subnet %s; choose an address inside it or give --guest",
		    what, given, fam->guest_text);
	if (!is_unicast(out) || (inside && is_edge(out, fam->plen)))
		return failed(f, "--%s %s: not an address a host can have; choose another", what, given);
	if (taken && value_address_equal(out, taken))
		return failed(f, "--%s %s: this is the gateway's address already; choose another", what,
			      given);
	if (value_address_equal(out, &fam->guest))
		return failed(f, "--%s %s: this is the guest's own address; choose another", what, given);
	return 0;
}

static int
decide(const struct sluice_net *in, const char *default_guest, struct family *fam, struct failure *f)
{
	const char *guest = in->guest ? in->guest : default_guest;

	fam->on = !in->off;
	if (in->off)
		return 0;
	if (!value_prefix(guest, &fam->guest, &fam->plen))
		return failed(f, "--guest %s: not ADDR/PLEN; write it as in %s", guest, default_guest);
	if (!is_unicast(&fam->guest) || is_edge(&fam->guest, fam->plen))
		return failed(f, "--guest %s: not an address a host can have; write one as in %s", guest,
			      default_guest);
	char text[VALUE_ADDRESS_TEXT];
	value_address_text(&fam->guest, text);
	snprintf(fam->guest_text, sizeof(fam->guest_text), "%s/%u", text, fam->plen);

	struct address given_dns;
	bool dns_first = !in->gateway && in->dns && value_address(in->dns, &given_dns);
	if (decide_own("gateway", in->gateway, fam, dns_first ? &given_dns : NULL, &fam->gateway, f) < 0 ||
	    decide_own("dns", in->dns, fam, &fam->gateway, &fam->dns, f) < 0)
		return -1;
	value_address_text(&fam->gateway, fam->gateway_text);
	value_address_text(&fam->dns, fam->dns_text);
	return 0;
}

int
network_decide(const struct sluice_net *v4, const struct sluice_net *v6, struct network *net,
	       struct failure *f)
{
	memset(net, 0, sizeof(*net));
	if (v4->off && v6->off)
		return failed(
		    f, "--no-ipv4 and --no-ipv6 together leave the guest no network; give one of them");
	if (decide(v4, DEFAULT_GUEST4, &net->v4, f) < 0)
		return -1;
	return decide(v6, DEFAULT_GUEST6, &net->v6, f);
}

struct sluice_net
network_for_library(const struct family *fam)
{
	if (!fam->on)
		return (struct sluice_net){.off = true};
	return (struct sluice_net){
	    .guest = fam->guest_text,
	    .gateway = fam->gateway_text,
	    .dns = fam->dns_text,
	};
}
