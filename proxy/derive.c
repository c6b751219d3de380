/*
 * derive.c - addresses and MACs of a sandbox from its number
 *
 * The IPv4 pool is cut into /29 blocks, the smallest that leaves gateway, DNS and guest an address each between the
 * subnet's edges with room to spare; the IPv6 pool into /64s, which SLAAC wants (RFC 4862).  A number beyond the
 * last block begins again at the first one.
 */
#include <stdio.h>
#include <string.h>

#include "proxy/config.h"
#include "proxy/option_values.h"

#define BLOCK4 29u
#define BLOCK6 64u

/* IEEE 802c: the quadrant of the administrator (x2).  Guests and gateways differ in this byte, and none of either
 * has the default gateway's 52:55:0a:00:02:02. */
#define GUEST_MAC 0x12
#define GATEWAY_MAC 0x32

static const char default4[] = "100.96.0.0/11"; /* of the carriers' RFC 6598: seldom anybody's at home */
static const char default6[] = "fd73:6c75:6963::/48";

struct pool {
	struct addr base;
	uint64_t blocks;
};

/* --- the pool ------------------------------------------------------------------------------------------------ */

/* Addresses that no guest can have: a pool may not reach into them. */
static const char *const not_for_hosts[FAMILIES][4] = {
    [FAMILY_V4] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"},
    /* Unspecified, loopback, IPv4-mapped and what else is set aside; link-local; multicast. */
    [FAMILY_V6] = {"::/8", "fe80::/10", "ff00::/8"},
};

static bool
overlaps(const struct addr *base, unsigned plen, const char *net)
{
	struct addr other;
	unsigned other_plen;

	if (!option_prefix(net, &other, &other_plen))
		return false;
	return addr_in_net(base, &other, other_plen) || addr_in_net(&other, base, plen);
}

/* The bits of an address behind its prefix. */
static bool
has_host_bits(const struct addr *a, unsigned plen)
{
	unsigned from = addr_is_v4(a) ? 96 + plen : plen;

	for (unsigned bit = from; bit < 128; bit++)
		if (a->b[bit / 8] & 0x80u >> bit % 8)
			return true;
	return false;
}

static bool
read_pool(struct setup *su, const char *text, enum family fam, struct pool *pool)
{
	const unsigned block = fam == FAMILY_V4 ? BLOCK4 : BLOCK6;
	const int version = fam == FAMILY_V4 ? 4 : 6;
	unsigned plen;

	if (!option_prefix(text, &pool->base, &plen) || addr_family(&pool->base) != fam)
		return wrong(su, "IPv%d pool '%s' is not ADDR/PLEN: write it as in %s", version, text,
			     fam == FAMILY_V4 ? default4 : default6);
	if (plen > block)
		return wrong(
		    su, "IPv%d pool '%s' is smaller than one sandbox needs: give a /%u or a shorter prefix",
		    version, text, block);
	if (has_host_bits(&pool->base, plen))
		return wrong(su, "IPv%d pool '%s' has bits set behind its prefix: write its first address",
			     version, text);
	for (const char *const *net = not_for_hosts[fam]; *net; net++)
		if (overlaps(&pool->base, plen, *net))
			return wrong(
			    su, "IPv%d pool '%s' reaches into %s, which no guest can have: choose another",
			    version, text, *net);
	pool->blocks = (uint64_t)1 << (block - plen);
	return true;
}

/* --- what follows from a number ---------------------------------------------------------------------------------- */

static struct addr
address4(const struct pool *pool, uint64_t id, uint32_t host)
{
	return addr_v4(addr_to_v4(&pool->base) + (uint32_t)(id % pool->blocks) * (1u << (32 - BLOCK4)) +
		       host);
}

static struct addr
address6(const struct pool *pool, uint64_t id, uint8_t host)
{
	struct addr a = pool->base;
	uint64_t block = id % pool->blocks;

	for (int i = 7; i >= 0; i--, block >>= 8)
		a.b[i] |= (uint8_t)block;
	a.b[15] = host;
	return a;
}

static void
put_mac(uint8_t mac[6], uint8_t first, uint64_t id)
{
	mac[0] = first;
	for (int i = 5; i >= 1; i--, id >>= 8)
		mac[i] = (uint8_t)id;
}

static void
put_addr(char out[SLUICE_ADDR_TEXT], struct addr a)
{
	char text[ADDR_TEXT];

	snprintf(out, SLUICE_ADDR_TEXT, "%.*s", SLUICE_ADDR_TEXT - 1, addr_text(&a, text));
}

static void
put_prefix(char out[SLUICE_ADDR_TEXT + 4], struct addr a, unsigned plen)
{
	char text[ADDR_TEXT];

	snprintf(out, SLUICE_ADDR_TEXT + 4, "%.*s/%u", SLUICE_ADDR_TEXT - 1, addr_text(&a, text),
		 plen & 0x7f);
}

int
sluice_derive(const struct sluice_pool *given, uint64_t id, struct sluice_derived *out, char *err,
	      size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_pool texts = {0};
	struct pool v4, v6;

	if (errlen)
		err[0] = '\0';
	if (out->size < offsetof(struct sluice_derived, gateway_mac)) {
		wrong(&su, "struct sluice_derived has a size of %zu: set it to sizeof() before the call",
		      out->size);
		return -1;
	}
	if (given)
		memcpy(&texts, given, given->size < sizeof(texts) ? given->size : sizeof(texts));
	if (!read_pool(&su, texts.ipv4 ? texts.ipv4 : default4, FAMILY_V4, &v4) ||
	    !read_pool(&su, texts.ipv6 ? texts.ipv6 : default6, FAMILY_V6, &v6))
		return -1;

	struct sluice_derived d = {.wrapped = id >= v4.blocks || id >= v6.blocks};
	put_mac(d.guest_mac, GUEST_MAC, id);
	put_mac(d.gateway_mac, GATEWAY_MAC, id);
	put_addr(d.ipv4_gateway, address4(&v4, id, 1));
	put_addr(d.ipv4_dns, address4(&v4, id, 2));
	put_prefix(d.ipv4_guest, address4(&v4, id, 3), BLOCK4);
	put_addr(d.ipv6_gateway, address6(&v6, id, 0x02));
	put_addr(d.ipv6_dns, address6(&v6, id, 0x03));
	put_prefix(d.ipv6_guest, address6(&v6, id, 0x15), BLOCK6);
	d.size = out->size < sizeof(d) ? out->size : sizeof(d);
	memcpy(out, &d, d.size);
	return 0;
}

void
sluice_config_derived(struct sluice_config *cfg, const struct sluice_derived *d)
{
	memcpy(cfg->guest_mac, d->guest_mac, sizeof(cfg->guest_mac));
	memcpy(cfg->gateway_mac, d->gateway_mac, sizeof(cfg->gateway_mac));
	cfg->ipv4.guest = d->ipv4_guest;
	cfg->ipv4.gateway = d->ipv4_gateway;
	cfg->ipv4.dns = d->ipv4_dns;
	cfg->ipv6.guest = d->ipv6_guest;
	cfg->ipv6.gateway = d->ipv6_gateway;
	cfg->ipv6.dns = d->ipv6_dns;
}
