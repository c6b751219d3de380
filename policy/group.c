/*
 * group.c - the table of special addresses, and the address inside of an address
 *
 * IPv4 and IPv6 have their own rows, tested from the first to the last; what no IPv4 row holds is public, and of
 * IPv6 only 2000::/3 is, because that is all IANA has ever given out (RFC 4291 2.4 and its registry).  The rows are
 * those of the IANA special-purpose registries (RFC 6890, RFC 8190), taken whole: the few addresses in 192.0.0.0/24
 * and 2001::/23 that could be reached are anycast services of an access network, nothing a guest needs by group.
 */
#include "policy/group.h"

#define V4(a, b, c, d)                                \
	{                                             \
		{                                     \
			[10] = 0xff, 0xff, a, b, c, d \
		}                                     \
	}
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	struct addr net;
	uint8_t plen;
	enum group group;
};

/* Addresses that answer with credentials or keys, or that rule the instance, of the clouds a gateway may run in. */
static const struct addr metadata[] = {
    V4(169, 254, 169, 254),                        /* AWS, GCP, Azure, Oracle, OpenStack and most others */
    V4(169, 254, 169, 253),                        /* AWS: resolver */
    V4(169, 254, 169, 123),                        /* AWS: time */
    V4(169, 254, 170, 2),                          /* AWS ECS: task credentials */
    V4(169, 254, 170, 23),                         /* AWS EKS: pod identity */
    V4(169, 254, 0, 23),                           /* Tencent */
    V4(169, 254, 42, 42),                          /* Scaleway */
    V4(168, 63, 129, 16),                          /* Azure: wire server */
    V4(100, 100, 100, 200),                        /* Alibaba */
    V4(192, 0, 0, 192),                            /* Oracle */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}}, /* fd00:ec2::254, AWS */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x53}}, /* fd00:ec2::253, AWS: resolver */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x01, 0x23}}, /* fd00:ec2::123, AWS: time */
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x00, 0x23}}, /* fd00:ec2::23, AWS EKS */
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}}, /* fd20:ce::254, GCP */
    {{0xfd, 0x00, 0x00, 0x42, [15] = 0x42}},       /* fd00:42::42, Scaleway */
    {{0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}}, /* fd00:c1::a9fe:a9fe, Oracle */
    {{0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe}},             /* fe80::a9fe:a9fe, OpenStack */
};

static const struct row rows_v4[] = {
    {V4(0, 0, 0, 0), 8, GROUP_NONE},            /* "this network" (RFC 791) */
    {V4(127, 0, 0, 0), 8, GROUP_LOOPBACK},      /* RFC 1122 3.2.1.3 */
    {V4(10, 0, 0, 0), 8, GROUP_PRIVATE},        /* RFC 1918 */
    {V4(172, 16, 0, 0), 12, GROUP_PRIVATE},     /* RFC 1918 */
    {V4(192, 168, 0, 0), 16, GROUP_PRIVATE},    /* RFC 1918 */
    {V4(100, 64, 0, 0), 10, GROUP_PRIVATE},     /* shared (RFC 6598) */
    {V4(169, 254, 0, 0), 16, GROUP_LINK_LOCAL}, /* RFC 3927 */
    {V4(224, 0, 0, 0), 4, GROUP_MULTICAST},     /* RFC 5771 */
    {V4(192, 0, 0, 0), 24, GROUP_NONE},         /* IETF protocol assignments (RFC 6890) */
    {V4(192, 0, 2, 0), 24, GROUP_NONE},         /* documentation (RFC 5737) */
    {V4(192, 88, 99, 0), 24, GROUP_NONE},       /* 6to4 relays, gone (RFC 7526) */
    {V4(198, 18, 0, 0), 15, GROUP_NONE},        /* benchmarks (RFC 2544) */
    {V4(198, 51, 100, 0), 24, GROUP_NONE},      /* documentation (RFC 5737) */
    {V4(203, 0, 113, 0), 24, GROUP_NONE},       /* documentation (RFC 5737) */
    {V4(240, 0, 0, 0), 4, GROUP_NONE},          /* reserved, broadcast (RFC 1112, 8190) */
    {V4(0, 0, 0, 0), 0, GROUP_PUBLIC},
};

static const struct row rows_v6[] = {
    {{{[15] = 1}}, 128, GROUP_LOOPBACK},          /* ::1 (RFC 4291) */
    {{{0xfc}}, 7, GROUP_PRIVATE},                 /* fc00::/7, unique local (RFC 4193) */
    {{{0xfe, 0x80}}, 10, GROUP_LINK_LOCAL},       /* fe80::/10 (RFC 4291) */
    {{{0xff}}, 8, GROUP_MULTICAST},               /* ff00::/8 (RFC 4291) */
    {{{0x20, 0x01}}, 23, GROUP_NONE},             /* 2001::/23, IETF (RFC 2928); ORCHID, benchmarks */
    {{{0x20, 0x01, 0x0d, 0xb8}}, 32, GROUP_NONE}, /* 2001:db8::/32, documentation (RFC 3849) */
    {{{0x3f, 0xff}}, 20, GROUP_NONE},             /* 3fff::/20, documentation (RFC 9637) */
    {{{0x20}}, 3, GROUP_PUBLIC},                  /* 2000::/3, global unicast */
    {{{0}},
     0,
     GROUP_NONE}, /* ::, 100::/64 (RFC 6666), 5f00::/16 (RFC 9602), fec0::/10 (RFC 3879), reserved */
};

static enum group
group_by_rows(const struct addr *a, const struct row *row, size_t n)
{
	size_t i = 0;

	while (i + 1 < n && !addr_in_net(a, &row[i].net, row[i].plen))
		i++;
	return row[i].group;
}

static enum group
group_by_table(const struct addr *a)
{
	return addr_is_v4(a) ? group_by_rows(a, rows_v4, COUNT(rows_v4))
			     : group_by_rows(a, rows_v6, COUNT(rows_v6));
}

static struct addr
v4_at(const uint8_t *b)
{
	struct addr a = V4(b[0], b[1], b[2], b[3]);

	return a;
}

static bool
begins(const struct addr *a, const struct addr *prefix, unsigned bytes)
{
	return memcmp(a->b, prefix->b, bytes) == 0;
}

/*
 * 64:ff9b:1::/48 leaves the operator the choice of where in it the IPv4 address stands (RFC 8215, RFC 6052 2.2).
 * It is read as the /96 that practically all use.  What may also be one of the shorter forms, which end in three zero
 * bytes, could be either: 0.0.0.0 stands for it, which is of no group.
 */
static struct addr
inside_local_nat64(const struct addr *a)
{
	bool short_form = (a->b[13] | a->b[14] | a->b[15]) == 0;

	return short_form ? addr_v4(0) : v4_at(a->b + 12);
}

bool
addr_is_isatap(const struct addr *a)
{
	/* RFC 5214 6.1: the interface identifier is [00 or 02] 00 5e fe and the IPv4 address. */
	return (a->b[8] & 0xfd) == 0 && a->b[9] == 0 && a->b[10] == 0x5e && a->b[11] == 0xfe &&
	       group_by_table(a) == GROUP_PUBLIC;
}

struct addr
addr_inside(const struct addr *a)
{
	static const struct addr compatible = {{0}}, translated = {{[8] = 0xff, 0xff}};
	static const struct addr nat64 = {{0x00, 0x64, 0xff, 0x9b}},
				 local_nat64 = {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}};
	static const struct addr sixtofour = {{0x20, 0x02}}, teredo = {{0x20, 0x01}};

	if (addr_is_v4(a))
		return *a;
	if (begins(a, &compatible, 12)) /* RFC 4291 2.5.5.1; but :: and ::1 are themselves */
		return (a->b[12] | a->b[13] | a->b[14]) == 0 && a->b[15] <= 1 ? *a : v4_at(a->b + 12);
	if (begins(a, &translated, 12)) /* ::ffff:0:a.b.c.d, RFC 2765 2.1 */
		return v4_at(a->b + 12);
	if (begins(a, &nat64, 12)) /* RFC 6052 2.1 */
		return v4_at(a->b + 12);
	if (begins(a, &local_nat64, 6))
		return inside_local_nat64(a);
	if (begins(a, &sixtofour, 2)) /* RFC 3056 2 */
		return v4_at(a->b + 2);
	if (begins(a, &teredo, 4)) { /* RFC 4380 4: the client's address, inverted */
		const uint8_t client[4] = {(uint8_t)~a->b[12], (uint8_t)~a->b[13], (uint8_t)~a->b[14],
					   (uint8_t)~a->b[15]};

		return v4_at(client);
	}
	return addr_is_isatap(a) ? v4_at(a->b + 12) : *a;
}

static bool
is_one_of(const struct addr *a, const struct addr *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addr_eq(a, &list[i]))
			return true;
	return false;
}

/* Each question is asked of both forms: the host may well have a 6to4 address of its own. */
enum group
group_of(const struct addr *a, const struct surroundings *where)
{
	const struct addr in = addr_inside(a);

	if (addr_is_unspecified(a) || addr_is_unspecified(&in))
		return GROUP_NONE;
	if (where && (is_one_of(a, where->gateway, FAMILIES) || is_one_of(&in, where->gateway, FAMILIES)))
		return GROUP_HOST;
	if (is_one_of(a, metadata, COUNT(metadata)) || is_one_of(&in, metadata, COUNT(metadata)))
		return GROUP_METADATA;
	if (where && (is_one_of(a, where->own, where->nown) || is_one_of(&in, where->own, where->nown)))
		return GROUP_HOST;
	return group_by_table(&in);
}

/* Space whose addresses carry an IPv4 address, known by its prefix; ::/96 and ISATAP are not among it. */
static const struct {
	struct addr net;
	uint8_t plen;
} carriers[] = {
    {{{[8] = 0xff, 0xff}}, 96},                   /* ::ffff:0:a.b.c.d */
    {{{0x00, 0x64, 0xff, 0x9b}}, 96},             /* NAT64 */
    {{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}}, 48}, /* NAT64, local use */
    {{{0x20, 0x02}}, 16},                         /* 6to4 */
    {{{0x20, 0x01}}, 32},                         /* Teredo */
};

bool
net_carries_v4(const struct addr *net, unsigned plen)
{
	struct addr inside = addr_inside(net);

	if (addr_is_v4(net))
		return false;
	for (size_t i = 0; i < COUNT(carriers); i++)
		if (plen >= carriers[i].plen && addr_in_net(net, &carriers[i].net, carriers[i].plen))
			return true;
	/* Part of ::/96 without ::1, or of ISATAP: what is above 96 bits must be known for that. */
	return plen >= 96 && addr_is_v4(&inside);
}

bool
net_may_carry_v4(const struct addr *net, unsigned plen)
{
	static const struct addr zero = {{0}};

	for (size_t i = 0; i < COUNT(carriers); i++)
		if (addr_in_net(&carriers[i].net, net, plen))
			return true;
	return net_carries_v4(net, plen) || (addr_in_net(&zero, net, plen) && plen < 128);
}

enum group
group_of_net(const struct addr *net, unsigned plen)
{
	bool v4 = addr_is_v4(net);
	const struct row *row = v4 ? rows_v4 : rows_v6;

	if (plen == (v4 ? 32 : 128))
		return group_of(net, NULL);
	for (size_t i = 0; i < COUNT(metadata); i++)
		if (addr_in_net(&metadata[i], net, plen))
			return GROUPS;
	if (net_may_carry_v4(net, plen))
		return GROUPS;
	for (;; row++) {
		if (plen >= row->plen && addr_in_net(net, &row->net, row->plen))
			return row->group;
		if (addr_in_net(&row->net, net, plen))
			return GROUPS;
	}
}

bool
addr_is_special(const struct addr *a)
{
	return group_of(a, NULL) != GROUP_PUBLIC;
}

static const char *const names[GROUPS] = {
    [GROUP_NONE] = "none",           [GROUP_HOST] = "host",       [GROUP_METADATA] = "metadata",
    [GROUP_LOOPBACK] = "loopback",   [GROUP_PRIVATE] = "private", [GROUP_LINK_LOCAL] = "link-local",
    [GROUP_MULTICAST] = "multicast", [GROUP_PUBLIC] = "public",
};

const char *
group_name(enum group g)
{
	return g < GROUPS ? names[g] : "none";
}

static bool
is_word(const char *word, size_t len, const char *is)
{
	return strlen(is) == len && memcmp(word, is, len) == 0;
}

enum group
group_named(const char *name, size_t len)
{
	if (is_word(name, len, "link_local"))
		return GROUP_LINK_LOCAL;
	if (is_word(name, len, "meta"))
		return GROUP_METADATA;
	for (unsigned g = GROUP_NONE + 1; g < GROUPS; g++)
		if (is_word(name, len, names[g]))
			return (enum group)g;
	return GROUPS;
}
