/*
 * addr.c - what an address is, and its text
 *
 * Text is written and read by hand: the canonical form of RFC 5952 comes out, and the strict forms of
 * RFC 4291 2.2 and the four plain decimal octets go in.  Octets with leading zeros are refused, because
 * some read them as octal and a policy must not depend on who reads it.
 */
#include "stack/addr.h"

#include <assert.h>

#define GROUPS 8u /* 16-bit pieces of an IPv6 address */

static uint8_t
first_octet(const struct addr *v4)
{
	return v4->b[12];
}

static bool
all_zero(const uint8_t *b, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= b[i];
	return any == 0;
}

bool
addr_is_unspecified(const struct addr *a)
{
	return addr_is_v4(a) ? addr_to_v4(a) == 0 : all_zero(a->b, sizeof(a->b));
}

bool
addr_is_loopback(const struct addr *a)
{
	return addr_is_v4(a) ? first_octet(a) == 127 : all_zero(a->b, 15) && a->b[15] == 1;
}

bool
addr_is_multicast(const struct addr *a)
{
	return addr_is_v4(a) ? first_octet(a) >> 4 == 0xe : a->b[0] == 0xff;
}

bool
addr_is_broadcast(const struct addr *a)
{
	return addr_is_v4(a) && addr_to_v4(a) == 0xffffffff;
}

bool
addr_is_link_local(const struct addr *a)
{
	return addr_is_v4(a) ? addr_to_v4(a) >> 16 == 0xa9fe : a->b[0] == 0xfe && a->b[1] >> 6 == 2;
}

bool
addr_is_reserved(const struct addr *a)
{
	return addr_is_v4(a) && (first_octet(a) == 0 || first_octet(a) >= 240);
}

bool
addr_in_net(const struct addr *a, const struct addr *net, unsigned plen)
{
	/* An IPv4 address is not inside ::/0: the mapping is ours, not the network's. */
	if (addr_is_v4(a) != addr_is_v4(net))
		return false;
	assert(plen <= (addr_is_v4(net) ? 32 : 128));

	unsigned bits = addr_is_v4(net) ? 96 + plen : plen;
	unsigned whole = bits / 8, part = bits % 8;

	if (memcmp(a->b, net->b, whole) != 0)
		return false;
	return part == 0 || (a->b[whole] ^ net->b[whole]) >> (8 - part) == 0;
}

struct addr
addr_link_local_of(struct mac m)
{
	/* The universal/local bit is inverted, and ff:fe stands between the halves. */
	return (struct addr){
	    {0xfe, 0x80, [8] = m.b[0] ^ 0x02, m.b[1], m.b[2], 0xff, 0xfe, m.b[3], m.b[4], m.b[5]}};
}

struct addr
addr_solicited_node(const struct addr *a)
{
	return (struct addr){{0xff, 0x02, [11] = 0x01, 0xff, a->b[13], a->b[14], a->b[15]}};
}

/* Text out */

static char *
put_decimal(char *p, unsigned octet)
{
	if (octet >= 100)
		*p++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*p++ = (char)('0' + octet / 10 % 10);
	*p++ = (char)('0' + octet % 10);
	return p;
}

static char *
put_hex(char *p, unsigned group)
{
	bool begun = false;

	for (unsigned shift = 16; shift > 0;) {
		shift -= 4;
		unsigned digit = group >> shift & 0xf;

		begun |= digit != 0 || shift == 0;
		if (begun)
			*p++ = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	return p;
}

static unsigned
group(const struct addr *a, unsigned i)
{
	return (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
}

struct run {
	unsigned from, len;
};

/* The groups that become "::": the longest run of zeros, the first of equals, never one alone (5952 4.2). */
static struct run
longest_zeros(const struct addr *a)
{
	struct run best = {.from = GROUPS, .len = 1};

	for (unsigned i = 0; i < GROUPS; i++) {
		unsigned n = 0;

		while (i + n < GROUPS && group(a, i + n) == 0)
			n++;
		if (n > best.len)
			best = (struct run){.from = i, .len = n};
	}
	return best;
}

static char *
put_v4(char *p, const struct addr *a)
{
	for (unsigned i = 12; i < 16; i++) {
		if (i > 12)
			*p++ = '.';
		p = put_decimal(p, a->b[i]);
	}
	return p;
}

static char *
put_v6(char *p, const struct addr *a)
{
	struct run gap = longest_zeros(a);
	unsigned i = 0;

	while (i < GROUPS) {
		if (i == gap.from) {
			*p++ = ':';
			*p++ = ':';
			i += gap.len;
			continue;
		}
		if (i > 0 && i != gap.from + gap.len)
			*p++ = ':';
		p = put_hex(p, group(a, i));
		i++;
	}
	return p;
}

char *
addr_text(const struct addr *a, char *buf)
{
	char *end = addr_is_v4(a) ? put_v4(buf, a) : put_v6(buf, a);

	*end = '\0';
	return buf;
}

/* Text in */

static bool
get_octet(const char **s, uint8_t *out)
{
	const char *p = *s;
	unsigned v = 0, digits = 0;

	for (; *p >= '0' && *p <= '9' && digits < 3; p++, digits++)
		v = v * 10 + (unsigned)(*p - '0');
	if (digits == 0 || v > 255 || (digits > 1 && **s == '0'))
		return false;
	*s = p;
	*out = (uint8_t)v;
	return true;
}

/* Four octets, and the string ends. */
static bool
get_v4(const char *s, uint8_t b[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0 && *s++ != '.')
			return false;
		if (!get_octet(&s, &b[i]))
			return false;
	}
	return *s == '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hex digits. */
static bool
get_group(const char **s, uint8_t b[2])
{
	unsigned v = 0, digits = 0;

	for (; hex_digit(**s) >= 0 && digits < 4; (*s)++, digits++)
		v = v << 4 | (unsigned)hex_digit(**s);
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
	return digits > 0;
}

/* An IPv6 address on its way in: n bytes so far, and where in them "::" stood. */
struct v6_text {
	uint8_t b[16];
	size_t n, gap;
};

#define NO_GAP 17u /* beyond any place it may have */

/* A colon, or the gap: false unless something may follow or the text ends in "::". */
static bool
get_colons(const char **s, struct v6_text *t)
{
	if (*(*s)++ != ':')
		return false;
	if (**s != ':')
		return **s != '\0';
	(*s)++;
	if (t->gap != NO_GAP)
		return false;
	t->gap = t->n;
	return true;
}

/* Groups, "::" at most once, and an IPv4 tail in place of the last two groups. */
static bool
get_v6(const char *s, struct v6_text *t)
{
	if (s[0] == ':' && (s[1] != ':' || !get_colons(&s, t)))
		return false;
	while (*s && t->n < sizeof(t->b)) {
		if (t->n <= 12 && get_v4(s, t->b + t->n)) {
			t->n += 4;
			return true;
		}
		if (!get_group(&s, t->b + t->n))
			return false;
		t->n += 2;
		if (*s && !get_colons(&s, t))
			return false;
	}
	return *s == '\0';
}

bool
addr_parse(const char *text, struct addr *out)
{
	struct v6_text t = {.gap = NO_GAP};
	uint8_t v4[4];

	if (get_v4(text, v4)) {
		*out = addr_v4((uint32_t)v4[0] << 24 | (uint32_t)v4[1] << 16 | (uint32_t)v4[2] << 8 | v4[3]);
		return true;
	}
	if (!get_v6(text, &t))
		return false;
	/* Without a gap all groups are there; with one it stands for at least one of them. */
	if (t.gap == NO_GAP ? t.n != 16 : t.n > 14)
		return false;

	struct addr a = {{0}};
	size_t before = t.gap == NO_GAP ? t.n : t.gap, after = t.n - before;

	memcpy(a.b, t.b, before);
	memcpy(a.b + sizeof(a.b) - after, t.b + before, after);
	*out = a;
	return true;
}
