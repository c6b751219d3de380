/*
 * cert.c - one certificate, field after field (RFC 5280 4.1)
 */
#include "tls/cert.h"

#define OID(...) ((struct view){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})
#define RSA_EXPONENT_MAX 4u /* bytes: what a signature costs grows with it */
#define RSA_MIN 2048u

static void
blame(struct cert *c, enum verify_fault fault, const char *why)
{
	if (c->fault == VERIFY_GOOD) {
		c->fault = fault;
		c->why = why;
	}
}

/* --- how it is signed ------------------------------------------------------------------------------- */

/* RFC 4055, RFC 5758.  PSS tells its hash in parameters, which the library reads and holds against our list
 * (path.c). */
static void
judge_signature(struct cert *c, struct view algorithm)
{
	static const uint8_t pkcs1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};
	static const uint8_t ecdsa2[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03};
	static const uint8_t ecdsa_sha1[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01};
	struct rd r = rd_of(algorithm);
	struct view oid = der_take(&r, DER_OID);
	uint8_t last = oid.len ? oid.p[oid.len - 1] : 0;
	bool is_pkcs1 = oid.len == sizeof(pkcs1) + 1 && !memcmp(oid.p, pkcs1, sizeof(pkcs1));
	bool is_ecdsa = oid.len == sizeof(ecdsa2) + 1 && !memcmp(oid.p, ecdsa2, sizeof(ecdsa2));

	if ((is_pkcs1 && last >= 10 && last <= 13) || (is_ecdsa && last >= 2 && last <= 4))
		return;
	c->signed_fault = VERIFY_WEAK;
	if (is_pkcs1 && last == 5)
		c->signed_why = "is signed with SHA-1";
	else if (is_pkcs1 && last >= 2 && last <= 4)
		c->signed_why = "is signed with MD5 or older";
	else if (view_eq(oid, view_of(ecdsa_sha1, sizeof(ecdsa_sha1))))
		c->signed_why = "is signed with SHA-1";
	else if ((is_pkcs1 && last == 14) || (is_ecdsa && last == 1))
		c->signed_why = "is signed with SHA-224";
	else {
		c->signed_fault = VERIFY_BOUNDS;
		c->signed_why = "is signed in a way that is not known here";
	}
}

/* --- its key ---------------------------------------------------------------------------------------- */

/* A positive INTEGER without the zero that keeps it positive. */
static struct view
magnitude(struct rd *r)
{
	struct view v = der_take(r, DER_INTEGER);

	r->bad |= v.len < 1 || (v.len && v.p[0] & 0x80);
	if (!r->bad && v.p[0] == 0) {
		v.p++;
		v.len--;
		r->bad |= v.len && !(v.p[0] & 0x80); /* more zeros than it needs */
	}
	return r->bad ? view_of(NULL, 0) : v;
}

static unsigned
bits_of(struct view n)
{
	unsigned bits = n.len < 4096 ? (unsigned)n.len * 8 : 4096 * 8;

	for (unsigned top = 0x80; n.len && top > n.p[0]; top >>= 1)
		bits--;
	return bits;
}

static void
read_rsa(struct rd *r, struct cert *c, unsigned max_bits)
{
	struct rd bits = rd_of(der_take(r, DER_BITS));
	uint8_t unused = rd_u8(&bits);
	struct rd key = rd_of(der_take(&bits, DER_SEQUENCE));
	struct view n = magnitude(&key), e = magnitude(&key);

	r->bad |= bits.bad || key.bad || unused || rd_left(&bits) || rd_left(&key);
	c->key = KEY_RSA;
	c->rsa_bits = bits_of(n);
	if (r->bad)
		return;
	if (c->rsa_bits < RSA_MIN)
		blame(c, VERIFY_WEAK, "has an RSA key of less than 2048 bits");
	if (c->rsa_bits > max_bits)
		blame(c, VERIFY_BOUNDS, "has an RSA key of more bits than are used here");
	if (n.len == 0 || !(n.p[n.len - 1] & 1))
		blame(c, VERIFY_BOUNDS, "has an RSA key that is none");
	if (e.len == 0 || e.len > RSA_EXPONENT_MAX || !(e.p[e.len - 1] & 1) || (e.len == 1 && e.p[0] < 3))
		blame(c, VERIFY_BOUNDS, "has an RSA key whose exponent is even, 1 or above 2^32");
}

static void
read_key(struct rd *r, struct cert *c, unsigned max_bits)
{
	const struct view rsa = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
	const struct view ec = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
	const struct {
		struct view oid;
		enum cert_key key;
	} curve[] = {{OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07), KEY_P256},
		     {OID(0x2b, 0x81, 0x04, 0x00, 0x22), KEY_P384},
		     {OID(0x2b, 0x81, 0x04, 0x00, 0x23), KEY_P521}};
	struct rd info = rd_of(der_take(r, DER_SEQUENCE));
	struct rd algorithm = rd_of(der_take(&info, DER_SEQUENCE));
	struct view kind = der_take(&algorithm, DER_OID);

	if (view_eq(kind, rsa)) {
		read_rsa(&info, c, max_bits);
		r->bad |= info.bad;
		return;
	}
	if (!view_eq(kind, ec)) {
		blame(c, VERIFY_BOUNDS, "has a key of a kind that is not known here");
		return;
	}
	/* A curve has to be named: one that is spelled out is for an attacker to choose. */
	struct view named =
	    der_next_is(&algorithm, DER_OID) ? der_take(&algorithm, DER_OID) : view_of(NULL, 0);
	for (size_t i = 0; i < sizeof(curve) / sizeof(curve[0]); i++)
		if (view_eq(named, curve[i].oid))
			c->key = curve[i].key;
	if (c->key == KEY_OTHER)
		blame(c, VERIFY_BOUNDS, "has a key on another curve than P-256, P-384 and P-521");
	der_take(&info, DER_BITS);
	r->bad |= info.bad || algorithm.bad;
}

/* --- extensions ------------------------------------------------------------------------------------- */

/* The number below id-ce (2.5.29). */
enum {
	EXT_SUBJECT_ID = 14,
	EXT_KEY_USAGE = 15,
	EXT_ALT = 17,
	EXT_BASIC = 19,
	EXT_CONSTRAINTS = 30,
	EXT_POLICIES = 32,
	EXT_ISSUER_ID = 35,
	EXT_EXT_USAGE = 37,
};

static void
read_basic(struct rd *v, struct cert *c)
{
	struct rd r = rd_of(der_take(v, DER_SEQUENCE));

	c->is_ca = der_flag(&r);
	if (der_next_is(&r, DER_INTEGER)) {
		c->path_len = (int)(der_small(&r) & 0xffff);
		r.bad |= !c->is_ca; /* RFC 5280 4.2.1.9 */
	}
	v->bad |= r.bad || rd_left(&r);
}

static void
read_usage(struct rd *v, struct cert *c)
{
	struct rd r = rd_of(der_take(v, DER_BITS));
	uint8_t unused = rd_u8(&r);

	c->has_usage = true;
	c->usage = rd_left(&r) ? rd_u8(&r) : 0;
	v->bad |= r.bad || unused > 7;
}

/* The first byte of an empty sequence may be nowhere: it is there all the same. */
static struct view
there(struct view v)
{
	return v.p ? v : view_of("", 0);
}

/* False: it is none that we use. */
static bool
read_known(uint8_t which, struct rd *v, struct cert *c)
{
	struct rd id;

	switch (which) {
	case EXT_SUBJECT_ID:
		c->subject_id = there(der_take(v, DER_OCTETS));
		return true;
	case EXT_KEY_USAGE:
		read_usage(v, c);
		return true;
	case EXT_ALT:
		c->alt = there(der_take(v, DER_SEQUENCE));
		return true;
	case EXT_BASIC:
		read_basic(v, c);
		return true;
	case EXT_CONSTRAINTS:
		c->constraints = there(der_take(v, DER_SEQUENCE));
		return true;
	case EXT_ISSUER_ID:
		id = rd_of(der_take(v, DER_SEQUENCE));
		if (der_next_is(&id, DER_CONTEXT + 0))
			c->issuer_id = der_take(&id, DER_CONTEXT + 0);
		v->bad |= id.bad;
		return true;
	case EXT_EXT_USAGE:
		c->ext_usage = there(der_take(v, DER_SEQUENCE));
		return true;
	case EXT_POLICIES: /* any policy will do (RFC 5280 6.1.1 c) */
		rd_rest(v);
		return true;
	default:
		return false;
	}
}

static void
read_extension(struct rd *list, struct cert *c, uint64_t *seen)
{
	struct rd ext = rd_of(der_take(list, DER_SEQUENCE));
	struct view oid = der_take(&ext, DER_OID);
	bool critical = der_flag(&ext);
	struct rd v = rd_of(der_take(&ext, DER_OCTETS));
	bool standard = oid.len == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x1d && oid.p[2] < 64;
	uint8_t which = standard ? oid.p[2] : 0;

	list->bad |= ext.bad || rd_left(&ext);
	if (list->bad)
		return;
	/* RFC 5280 4.2: none twice.  Of those that are not used, any number may be there. */
	list->bad |= standard && *seen >> which & 1;
	*seen |= standard ? 1ull << which : 0;
	if (standard && read_known(which, &v, c))
		list->bad |= v.bad || rd_left(&v);
	else if (critical)
		blame(c, VERIFY_UNREADABLE, "has a critical extension that is not understood");
}

static void
read_extensions(struct rd *tbs, struct cert *c)
{
	uint64_t seen = 0;

	for (uint8_t unique_id = 1; unique_id <= 2; unique_id++)
		if (der_next_is(tbs, DER_CONTEXT + unique_id))
			der_take(tbs, DER_CONTEXT + unique_id);
	if (rd_left(tbs) == 0)
		return;
	struct rd outer = rd_of(der_take(tbs, DER_CONTEXT_SET + 3));
	struct rd list = rd_of(der_take(&outer, DER_SEQUENCE));
	while (rd_left(&list) && !list.bad)
		read_extension(&list, c, &seen);
	tbs->bad |= outer.bad || list.bad || rd_left(&outer) || !c->v3;
}

/* --- the whole -------------------------------------------------------------------------------------- */

static void
read_to_be_signed(struct rd *tbs, struct cert *c, struct view signed_with, unsigned max_bits)
{
	uint32_t version = 0;

	if (der_next_is(tbs, DER_CONTEXT_SET + 0)) {
		struct rd v = rd_of(der_take(tbs, DER_CONTEXT_SET + 0));

		version = der_small(&v);
		tbs->bad |= v.bad || rd_left(&v) || version > 2;
	}
	c->v3 = version == 2;
	der_take(tbs, DER_INTEGER); /* the serial number */
	/* RFC 5280 4.1.1.2: what is signed says how, too. */
	tbs->bad |= !view_eq(der_take(tbs, DER_SEQUENCE), signed_with);
	c->issuer = der_take(tbs, DER_SEQUENCE);
	struct rd dates = rd_of(der_take(tbs, DER_SEQUENCE));
	c->from = der_time(&dates);
	c->until = der_time(&dates);
	tbs->bad |= dates.bad || rd_left(&dates);
	c->subject = der_take(tbs, DER_SEQUENCE);
	read_key(tbs, c, max_bits);
	read_extensions(tbs, c);
}

bool
cert_read(struct view der, unsigned max_bits, struct cert *c)
{
	struct rd r = rd_of(der), all = rd_of(der_take(&r, DER_SEQUENCE));
	struct rd tbs = rd_of(der_take(&all, DER_SEQUENCE));
	struct view signed_with = der_take(&all, DER_SEQUENCE);

	memset(c, 0, sizeof(*c));
	c->der = der;
	c->path_len = -1;
	der_take(&all, DER_BITS);
	judge_signature(c, signed_with);
	if (!r.bad && !all.bad)
		read_to_be_signed(&tbs, c, signed_with, max_bits);
	if (r.bad || all.bad || tbs.bad || rd_left(&r) || rd_left(&all) || rd_left(&tbs)) {
		c->fault = VERIFY_UNREADABLE;
		c->why = "cannot be read";
	}
	return c->fault != VERIFY_UNREADABLE;
}

bool
cert_may_issue(const struct cert *issuer, const struct cert *c)
{
	return view_eq(issuer->subject, c->issuer) &&
	       (!issuer->subject_id.len || !c->issuer_id.len || view_eq(issuer->subject_id, c->issuer_id));
}

/* "Any usage" is not one that servers have: who means servers says so. */
bool
cert_is_for_servers(const struct cert *c)
{
	const struct view servers = OID(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01);
	struct rd r = rd_of(c->ext_usage);

	if (!c->ext_usage.p)
		return true;
	while (rd_left(&r) && !r.bad)
		if (view_eq(der_take(&r, DER_OID), servers))
			return true;
	return false;
}
