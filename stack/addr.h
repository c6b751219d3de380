/*
 * addr.h - link-layer and network addresses as values
 *
 * One type holds both families: an IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that
 * everything above the IP header has one code path.  A mapped address never appears on the wire: the
 * IPv6 parser refuses it.
 */
#ifndef STACK_ADDR_H
#define STACK_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "stack/wire.h"

struct mac {
	uint8_t b[6];
};

struct addr {
	uint8_t b[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

enum family { FAMILY_V4, FAMILY_V6, FAMILIES };

/* An address and a port; the port is in host order. */
struct endpoint {
	struct addr addr;
	uint16_t port;
};

/* What names a flow: the guest's end, the other end, and the protocol (IPPROTO_*: 6, 17, 1, 58). */
struct tuple {
	struct endpoint guest;
	struct endpoint remote; /* echo flows: ports are the identifier and 0 */
	uint8_t proto;
};

#define ADDR_TEXT 48 /* longest text of an address, with its terminating NUL */

static inline bool
mac_eq(struct mac a, struct mac b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* The group bit: multicast or broadcast. */
static inline bool
mac_is_group(struct mac m)
{
	return m.b[0] & 1;
}

static inline bool
mac_is_zero(struct mac m)
{
	return mac_eq(m, (struct mac){{0}});
}

static inline bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline struct addr
addr_v4(uint32_t host_order)
{
	return (struct addr){{[10] = 0xff,
			      [11] = 0xff,
			      (uint8_t)(host_order >> 24),
			      (uint8_t)(host_order >> 16),
			      (uint8_t)(host_order >> 8),
			      (uint8_t)host_order}};
}

static inline bool
addr_is_v4(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline enum family
addr_family(const struct addr *a)
{
	return addr_is_v4(a) ? FAMILY_V4 : FAMILY_V6;
}

/* The IPv4 address in host order; only for addr_is_v4(). */
static inline uint32_t
addr_to_v4(const struct addr *a)
{
	return (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 | a->b[15];
}

static inline bool
tuple_eq(const struct tuple *a, const struct tuple *b)
{
	return a->guest.port == b->guest.port && a->remote.port == b->remote.port && a->proto == b->proto &&
	       addr_eq(&a->guest.addr, &b->guest.addr) && addr_eq(&a->remote.addr, &b->remote.addr);
}

bool addr_is_unspecified(const struct addr *a); /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *a);    /* 127.0.0.0/8 or ::1 */
bool addr_is_multicast(const struct addr *a);   /* 224.0.0.0/4 or ff00::/8 */
bool addr_is_broadcast(const struct addr *a);   /* 255.255.255.255 */
bool addr_is_link_local(const struct addr *a);  /* 169.254.0.0/16 or fe80::/10 */
bool addr_is_reserved(const struct addr *a);    /* 0.0.0.0/8 or 240.0.0.0/4 (broadcast included) */

/* Is a inside net/plen?  plen counts in the family of net: 0..32 or 0..128. */
bool addr_in_net(const struct addr *a, const struct addr *net, unsigned plen);

/* Text of an address (RFC 5952), into at least ADDR_TEXT bytes; returns buf. */
char *addr_text(const struct addr *a, char *buf);

/* Reads an address of either family; the whole string must be one.  False: not an address. */
bool addr_parse(const char *text, struct addr *out);

/* fe80::/64 with the modified EUI-64 of a MAC (RFC 4291 appendix A). */
struct addr addr_link_local_of(struct mac m);

/* ff02::1:ffXX:XXXX for an IPv6 address (RFC 4291 2.7.1). */
struct addr addr_solicited_node(const struct addr *a);

#endif
