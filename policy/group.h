/*
 * group.h - which group an address is of
 *
 * Groups are disjoint and tested in the order of the enum, but for what is no group's: an address that carries an
 * IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) is of the group of that one.  The table is
 * that of RFC 6890 and its registries; docs/policy.md shows it.
 */
#ifndef POLICY_GROUP_H
#define POLICY_GROUP_H

#include "stack/addr.h"

enum group {
	GROUP_NONE, /* unspecified, documentation, benchmark, reserved: only an explicit address matches */
	GROUP_HOST, /* the gateway's addresses, which are the host's loopback; and, after METADATA, the
			   * host's own addresses */
	GROUP_METADATA,   /* where clouds tell instances their secrets */
	GROUP_LOOPBACK,   /* 127.0.0.0/8, ::1 */
	GROUP_PRIVATE,    /* RFC 1918, 6598, 4193 */
	GROUP_LINK_LOCAL, /* 169.254.0.0/16, fe80::/10 */
	GROUP_MULTICAST,
	GROUP_PUBLIC, /* everything else */
	GROUPS,
};

/* What the gateway is told about where it stands; the policy itself knows no address. */
struct surroundings {
	struct addr gateway[FAMILIES], dns[FAMILIES]; /* unspecified: that family is off */
	const struct addr *own;                       /* of the host's interfaces, loopback's left out */
	size_t nown;
};

/* The address that counts: a itself, or the IPv4 address it carries. */
struct addr addr_inside(const struct addr *a);

/*
 * An ISATAP address in public space is of the group of the IPv4 address it carries, but goes wherever its prefix leads: an allow by net or
 * by any group but @public must not match it, or the guest could choose the prefix.
 */
bool addr_is_isatap(const struct addr *a);

/* where NULL: nothing is known, so nothing is GROUP_HOST. */
enum group group_of(const struct addr *a, const struct surroundings *where);

/* The group all of a network is of, whatever the surroundings; GROUPS: it is of several. */
enum group group_of_net(const struct addr *net, unsigned plen);

/* Is every address of a network judged by the IPv4 address inside?  (All that is known to be so by its prefix.) */
bool net_carries_v4(const struct addr *net, unsigned plen);
/* ... or some of them? */
bool net_may_carry_v4(const struct addr *net, unsigned plen);

/* Special in an answer of the DNS: not GROUP_PUBLIC, whatever the surroundings (D9, P5). */
bool addr_is_special(const struct addr *a);

const char *group_name(enum group g); /* "public"; "none" */
/* "public", "link-local" ... without the '@'; also "link_local", "meta".  GROUPS: it is none. */
enum group group_named(const char *name, size_t len);

#endif
