/*
 * cert_name.c - whom a certificate is for (RFC 9525), and whom its issuers may speak for (RFC 5280 4.2.1.10)
 */
#include "tls/cert.h"

/* --- subjectAltName --------------------------------------------------------------------------------- */

struct dns_id {
	bool wildcard; /* "*." in front of name */
	struct name name;
};

static bool
dns_id_read(struct view v, struct dns_id *out)
{
	out->wildcard = v.len > 2 && v.p[0] == '*' && v.p[1] == '.';
	if (out->wildcard) {
		v.p += 2;
		v.len -= 2;
	}
	/* RFC 5280 4.2.1.6: no dot at the end, which name_parse() would take. */
	return v.len && v.p[v.len - 1] != '.' && name_parse((const char *)v.p, v.len, &out->name);
}

/* RFC 9525 6.3.  A wildcard is the whole leftmost label, stands for exactly one, and never for all names
 * below a single one. */
static bool
dns_id_is(struct view v, const struct name *name)
{
	struct dns_id id;

	if (!dns_id_read(v, &id))
		return false;
	if (!id.wildcard)
		return name_eq(&id.name, name);
	return name_labels(&id.name) >= 2 && name_labels(name) == name_labels(&id.name) + 1 &&
	       name_is_under(name, &id.name);
}

static bool
ip_is(struct view v, const struct addr *a)
{
	return addr_is_v4(a) ? view_eq(v, view_of(a->b + 12, 4)) : view_eq(v, view_of(a->b, 16));
}

bool
cert_is_for(const struct cert *c, const struct name *name, const struct addr *addr)
{
	struct rd r = rd_of(c->alt);

	while (rd_left(&r) && !r.bad) {
		uint8_t tag;
		struct view v = der_any(&r, &tag, NULL);

		if (r.bad)
			return false;
		if (name ? tag == DER_CONTEXT + ALT_DNS && dns_id_is(v, name)
			 : tag == DER_CONTEXT + ALT_IP && ip_is(v, addr))
			return true;
	}
	return false;
}

/* --- nameConstraints -------------------------------------------------------------------------------- */

/* The name as it was asked for, or one of a certificate's. */
struct spoken {
	uint8_t type;     /* ALT_* */
	bool readable;    /* ALT_DNS: name is one */
	struct view v;    /* the others */
	struct name name; /* without a wildcard's "*." */
};

enum subtrees { NONE_OF_TYPE, HAS, HAS_NOT, UNREADABLE };

/* "example.com" and ".example.com" have all names at or below; "" has all. */
static enum subtrees
dns_subtree_has(struct view base, const struct spoken *s)
{
	struct name n;

	if (base.len && base.p[0] == '.') {
		base.p++;
		base.len--;
	}
	if (base.len == 0)
		return HAS;
	if (!name_parse((const char *)base.p, base.len, &n))
		return UNREADABLE;
	return s->readable && name_is_under(&s->name, &n) ? HAS : HAS_NOT;
}

/* An address and a mask. */
static enum subtrees
ip_subtree_has(struct view base, struct view v)
{
	if (base.len != 8 && base.len != 32)
		return UNREADABLE;
	if (base.len != 2 * v.len)
		return HAS_NOT;
	for (size_t i = 0; i < v.len; i++)
		if ((base.p[i] ^ v.p[i]) & base.p[v.len + i])
			return HAS_NOT;
	return HAS;
}

/* A name whose first sets are these, byte for byte. */
static enum subtrees
directory_subtree_has(struct view base, struct view v)
{
	struct rd r = rd_of(base);
	struct view sets = der_take(&r, DER_SEQUENCE);

	if (r.bad || rd_left(&r))
		return UNREADABLE;
	return sets.len <= v.len && view_eq(sets, view_of(v.p, sets.len)) ? HAS : HAS_NOT;
}

static enum subtrees
subtree_has(struct view base, const struct spoken *s)
{
	switch (s->type) {
	case ALT_DNS:
		return dns_subtree_has(base, s);
	case ALT_IP:
		return ip_subtree_has(base, s->v);
	case ALT_DIRECTORY:
		return directory_subtree_has(base, s->v);
	default:
		return HAS_NOT;
	}
}

static uint8_t
tag_of(uint8_t type)
{
	return (uint8_t)((type == ALT_DIRECTORY ? DER_CONTEXT_SET : DER_CONTEXT) + type);
}

static enum subtrees
subtrees_have(struct view list, const struct spoken *s, unsigned *left)
{
	struct rd r = rd_of(list);
	enum subtrees found = NONE_OF_TYPE;

	while (rd_left(&r)) {
		if (*left == 0)
			return UNREADABLE;
		--*left;
		struct rd tree = rd_of(der_take(&r, DER_SEQUENCE));
		uint8_t tag;
		struct view base = der_any(&tree, &tag, NULL);

		/* RFC 5280 4.2.1.10: minimum and maximum are not used. */
		if (r.bad || tree.bad || rd_left(&tree))
			return UNREADABLE;
		if ((tag & 0x1f) != s->type)
			continue;
		if (tag != tag_of(s->type))
			return UNREADABLE;
		enum subtrees one = subtree_has(base, s);
		if (one == UNREADABLE)
			return UNREADABLE;
		if (found != HAS)
			found = one;
	}
	return found;
}

/* Names of other types than the three are compared with nothing: where they are constrained, they are not
 * allowed. */
static bool
allows(const struct cert *ca, const struct spoken *s, unsigned *left)
{
	struct rd r = rd_of(ca->constraints);
	struct view permitted = {NULL, 0}, excluded = {NULL, 0};

	if (der_next_is(&r, DER_CONTEXT_SET + 0))
		permitted = der_take(&r, DER_CONTEXT_SET + 0);
	if (der_next_is(&r, DER_CONTEXT_SET + 1))
		excluded = der_take(&r, DER_CONTEXT_SET + 1);
	if (r.bad || rd_left(&r))
		return false;
	enum subtrees in = subtrees_have(permitted, s, left), out = subtrees_have(excluded, s, left);
	if (in == HAS_NOT || in == UNREADABLE || out == HAS || out == UNREADABLE)
		return false;
	/* Bytes that differ may still be the same name of a directory, and then it would be excluded; so too
	 * the other types. */
	return out == NONE_OF_TYPE || s->type == ALT_DNS || s->type == ALT_IP;
}

bool
cert_constraints_allow(const struct cert *ca, const struct cert *c, unsigned *left)
{
	struct spoken subject = {.type = ALT_DIRECTORY, .v = c->subject};
	struct rd r = rd_of(c->alt);

	if (!ca->constraints.p)
		return true;
	if (c->subject.len && !allows(ca, &subject, left))
		return false;
	while (rd_left(&r)) {
		uint8_t tag;
		struct spoken s = {.v = der_any(&r, &tag, NULL)};
		struct dns_id id;

		s.type = tag & 0x1f;
		s.readable = s.type == ALT_DNS && dns_id_read(s.v, &id);
		if (s.readable)
			s.name = id.name;
		if (s.type == ALT_DIRECTORY) {
			struct rd inner = rd_of(s.v);

			s.v = der_take(&inner, DER_SEQUENCE);
			r.bad |= inner.bad;
		}
		if (r.bad || !allows(ca, &s, left))
			return false;
	}
	return true;
}

bool
cert_constraints_allow_name(const struct cert *ca, const struct name *name, const struct addr *addr,
			    unsigned *left)
{
	struct spoken s = {.type = name ? ALT_DNS : ALT_IP, .readable = name != NULL};

	if (!ca->constraints.p)
		return true;
	if (name)
		s.name = *name;
	else
		s.v = addr_is_v4(addr) ? view_of(addr->b + 12, 4) : view_of(addr->b, 16);
	return allows(ca, &s, left);
}
