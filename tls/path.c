/*
 * path.c - ways from a server's certificate to a root (RFC 5280 6, RFC 4158)
 *
 * A way is built by names and key identifiers first, which costs nothing, from the server's certificate
 * upwards: a root that could be the issuer ends it, any other certificate that was shown and could be the
 * issuer continues it.  What is wrong with an issuer (dates, usage, path length, key) ends the attempt and is
 * noted; the next candidate may do better: an expired root does not hide a valid one.  Only a whole way costs
 * signatures, the root's first: who was issued nothing by a root gets no further than that one,
 * and the sum of all is bounded.  Each signature is the library's to check, and so it checks the
 * issuer's CA flag and usage again.
 */
#include <stdlib.h>

#include "tls/path.h"

#define WHO_SHOWN 96 /* of whom was asked for: what is wrong has to fit behind it */

/* --- notes ------------------------------------------------------------------------------------------ */

/* Of two ways that fail, the one that came further is told of. */
static int
gravity(enum verify_fault f)
{
	switch (f) {
	case VERIFY_MEMORY:
		return 9;
	case VERIFY_SIGNATURE:
		return 8;
	case VERIFY_CONSTRAINTS:
		return 7;
	case VERIFY_USAGE:
		return 6;
	case VERIFY_WEAK:
	case VERIFY_BOUNDS:
	case VERIFY_UNREADABLE:
		return 5;
	case VERIFY_EXPIRED:
	case VERIFY_NOT_YET:
		return 4;
	default:
		return f == VERIFY_GOOD ? 0 : 1;
	}
}

void
path_note(struct search *s, enum verify_fault fault, const struct cert *c, const char *why)
{
	struct text t = {s->out->text, sizeof(s->out->text)};
	char who[NAME_TEXT > ADDR_TEXT ? NAME_TEXT : ADDR_TEXT];

	if (gravity(fault) <= gravity(s->out->fault))
		return;
	s->out->fault = fault;
	if (s->q->name)
		name_text(s->q->name, who);
	else
		addr_text(&s->q->addr, who);
	text_add(&t, "the certificate of %.*s", WHO_SHOWN, who);
	if (c && c != &s->shown[0].cert) {
		text_add(&t, " has an issuer, ");
		text_add_name(&t, c->subject);
		text_add(&t, ", that");
	}
	text_add(&t, " %s", why);
}

bool
path_check_dates(struct search *s, const struct cert *c)
{
	char why[64], day[DER_DAY];
	struct text t = {why, sizeof(why)};
	bool early = s->q->now < c->from;

	if (!early && s->q->now <= c->until)
		return true;
	der_day_text(early ? c->from : c->until, day);
	text_add(&t, early ? "is valid from %s on" : "was valid until %s", day);
	path_note(s, early ? VERIFY_NOT_YET : VERIFY_EXPIRED, c, why);
	return false;
}

/* --- the library ------------------------------------------------------------------------------------ */

/* It knows no name constraints: critical ones are taken for ours, all else that it does not know is not. */
static int
own_extension(void *ctx, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid, int critical,
	      const unsigned char *p, const unsigned char *end)
{
	static const uint8_t name_constraints[] = {0x55, 0x1d, 0x1e}, policies[] = {0x55, 0x1d, 0x20};
	struct view v = view_of(oid->p, oid->len);

	(void)ctx, (void)crt, (void)critical, (void)p, (void)end;
	return view_eq(v, view_of(name_constraints, 3)) || view_eq(v, view_of(policies, 3))
		   ? 0
		   : MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
}

int
path_parse(mbedtls_x509_crt *crt, struct view der, bool copy)
{
	mbedtls_x509_crt_init(crt);
	return mbedtls_x509_crt_parse_der_with_ext_cb(crt, der.p, der.len, copy, own_extension, NULL);
}

bool
path_is_no_memory(int rc)
{
	int low = -(-rc & 0x7f); /* a result is the sum of a part's and a lower part's */

	return rc == MBEDTLS_ERR_X509_ALLOC_FAILED || rc == MBEDTLS_ERR_PK_ALLOC_FAILED ||
	       low == MBEDTLS_ERR_ASN1_ALLOC_FAILED || low == MBEDTLS_ERR_MPI_ALLOC_FAILED;
}

static mbedtls_x509_crt *
parsed(struct search *s, struct shown *c)
{
	if (c->parsed)
		return &c->crt;
	int rc = path_parse(&c->crt, c->cert.der, false);
	if (rc == 0) {
		c->parsed = true;
		return &c->crt;
	}
	mbedtls_x509_crt_free(&c->crt);
	if (path_is_no_memory(rc)) {
		path_note(s, VERIFY_MEMORY, &c->cert, "was not looked at: no memory");
		s->over = true;
	} else {
		path_note(s, VERIFY_UNREADABLE, &c->cert, "cannot be read");
	}
	return NULL;
}

static unsigned
work_of(const struct cert *issuer)
{
	static const uint8_t work[] = {
	    [KEY_OTHER] = 1, [KEY_RSA] = 1, [KEY_P256] = 2, [KEY_P384] = 3, [KEY_P521] = 5};

	return issuer->key == KEY_RSA && issuer->rsa_bits > RSA_MAX ? 3 : work[issuer->key];
}

/* The library takes issuer for its one root, and finds out whether it has signed child. */
static bool
library_says(mbedtls_x509_crt *child, mbedtls_x509_crt *issuer)
{
	static const mbedtls_x509_crt_profile strict = {
	    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
			   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
	    .allowed_pks =
		0xfffffff, /* those of keys were looked at, and of signatures there are no others */
	    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
			      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1) |
			      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP521R1),
	    .rsa_min_bitlen = 2048,
	};
	uint32_t flags = 0;
	int rc = mbedtls_x509_crt_verify_with_profile(child, issuer, NULL, &strict, NULL, &flags, NULL, NULL);

	/* Its clock is not asked: dates are ours. */
	flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	return flags == 0 && (rc == 0 || rc == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED);
}

static bool
signed_by(struct search *s, int child)
{
	const struct cert *c = s->way[child], *issuer = s->way[child + 1];

	for (unsigned i = 0; i < s->tries; i++)
		if (s->tried[i].child == c && s->tried[i].issuer == issuer)
			return s->tried[i].good;
	s->work += work_of(issuer);
	if (s->work > VERIFY_WORK || s->tries == PATH_TRIES) {
		path_note(s, VERIFY_BOUNDS, s->way[0],
			  "has signatures that cost more to check than is done for one");
		s->over = true;
		return false;
	}
	bool good = library_says(s->crt[child], s->crt[child + 1]);
	s->tried[s->tries++] = (struct tried){c, issuer, good};
	if (!good)
		path_note(s, VERIFY_SIGNATURE, c, "has a wrong signature");
	return good;
}

/* --- a way ------------------------------------------------------------------------------------------ */

/* What an issuer must be, whoever it is for; between: issuers below it that are not their own (RFC 5280 6.1.4
 * k to n). */
static bool
may_be_issuer(struct search *s, const struct cert *c, bool is_root, int between)
{
	/* A root of the first version has no flag to say so; that it is trusted does. */
	bool is_ca = c->is_ca || (is_root && !c->v3 && cert_is_self_issued(c));

	if (c->fault != VERIFY_GOOD)
		path_note(s, c->fault, c, c->why);
	else if (!is_root && c->signed_fault != VERIFY_GOOD)
		path_note(s, c->signed_fault, c, c->signed_why);
	else if (!is_ca)
		path_note(s, VERIFY_USAGE, c, "is not an authority's");
	else if (c->has_usage && !(c->usage & USE_CERT_SIGN))
		path_note(s, VERIFY_USAGE, c, "may not sign certificates");
	else if (!s->q->only_signature && !cert_is_for_servers(c))
		path_note(s, VERIFY_USAGE, c, "may not issue certificates for servers");
	else if (c->path_len >= 0 && between > c->path_len)
		path_note(s, VERIFY_USAGE, c, "allows fewer issuers below it");
	else
		return s->q->only_signature || path_check_dates(s, c);
	return false;
}

static int
between(const struct search *s, int depth)
{
	int n = 0;

	for (int i = 1; i < depth; i++)
		n += !cert_is_self_issued(s->way[i]);
	return n;
}

/* RFC 5280 6.1.3 b, c: self-issued ones but the last are exempt, so that an authority may renew its own key.
 */
static bool
constraints_allow(struct search *s, int top)
{
	for (int ca = 1; ca <= top; ca++) {
		const struct cert *c = s->way[ca];
		bool fine = cert_constraints_allow_name(c, s->q->name, &s->q->addr, &s->names);

		for (int i = 0; i < ca && fine; i++)
			fine = (i > 0 && cert_is_self_issued(s->way[i])) ||
			       cert_constraints_allow(c, s->way[i], &s->names);
		if (!fine) {
			path_note(s, VERIFY_CONSTRAINTS, c,
				  s->names ? "may not speak for such names"
					   : "limits names in too many ways");
			return false;
		}
	}
	return true;
}

/* way[0..top] is whole: from the root down, so that who was not issued by it learns that first. */
static bool
all_signed(struct search *s, int top)
{
	for (int i = top - 1; i >= 0; i--)
		if (!signed_by(s, i))
			return false;
	return true;
}

static bool
ends_in_root(struct search *s, int depth)
{
	const struct tls_roots *roots = s->q->roots;

	for (uint32_t i = 0; i < roots->n && !s->over; i++) {
		const struct root *r = &roots->root[i];

		if (!cert_may_issue(&r->cert, s->way[depth - 1]) || ++s->steps > PATH_STEPS)
			continue;
		s->way[depth] = &r->cert;
		s->crt[depth] = r->crt;
		if (may_be_issuer(s, &r->cert, true, between(s, depth)) && all_signed(s, depth) &&
		    constraints_allow(s, depth))
			return true;
	}
	return false;
}

/* way[0..depth-1] stands.  Recursion is as deep as a chain is long. */
static bool
goes_on(struct search *s, int depth)
{
	if (ends_in_root(s, depth))
		return true;
	for (int i = 1; i < s->n && !s->over; i++) {
		struct shown *c = &s->shown[i];

		if (c->used || !cert_may_issue(&c->cert, s->way[depth - 1]) || ++s->steps > PATH_STEPS)
			continue;
		if (!may_be_issuer(s, &c->cert, false, between(s, depth)) || !parsed(s, c))
			continue;
		s->way[depth] = &c->cert;
		s->crt[depth] = &c->crt;
		c->used = true;
		if (goes_on(s, depth + 1))
			return true;
		c->used = false;
	}
	return false;
}

/* Nothing but "who is that" was met. */
static void
note_unknown(struct search *s)
{
	const struct cert *leaf = &s->shown[0].cert;
	char why[192];
	struct text t = {why, sizeof(why)};
	struct view issuer = leaf->issuer;

	if (cert_is_self_issued(leaf)) {
		path_note(s, VERIFY_SELF_SIGNED, leaf, "is signed by itself");
		return;
	}
	/* The last one on the way that was shown, as far as one goes by names. */
	for (int round = 0; round < s->n; round++)
		for (int i = 1; i < s->n; i++)
			if (view_eq(s->shown[i].cert.subject, issuer) &&
			    s->shown[i].cert.fault != VERIFY_UNREADABLE)
				issuer = s->shown[i].cert.issuer;
	text_add(&t, "leads to no root that is trusted: ");
	text_add_name(&t, issuer);
	text_add(&t, " is not known");
	path_note(s, VERIFY_UNKNOWN_CA, leaf, why);
}

/* A certificate that is trusted itself needs no issuer. */
static bool
is_root(const struct search *s)
{
	for (uint32_t i = 0; i < s->q->roots->n; i++)
		if (view_eq(s->q->roots->root[i].cert.der, s->shown[0].cert.der))
			return true;
	return false;
}

bool
path_find(struct search *s)
{
	struct shown *leaf = &s->shown[0];

	if (is_root(s))
		return true;
	if (leaf->cert.signed_fault != VERIFY_GOOD) {
		path_note(s, leaf->cert.signed_fault, &leaf->cert, leaf->cert.signed_why);
		return false;
	}
	if (!parsed(s, leaf))
		return false;
	s->way[0] = &leaf->cert;
	s->crt[0] = &leaf->crt;
	if (goes_on(s, 1))
		return true;
	if (s->steps > PATH_STEPS)
		path_note(s, VERIFY_BOUNDS, &leaf->cert, "has more ways to a root than are tried");
	if (s->out->fault == VERIFY_GOOD)
		note_unknown(s);
	return false;
}

/* --- without a root --------------------------------------------------------------------------------- */

bool
path_check_shown(struct search *s)
{
	s->way[0] = &s->shown[0].cert;
	if (!parsed(s, &s->shown[0]))
		return false;
	s->crt[0] = &s->shown[0].crt;
	for (int depth = 1; depth < s->n; depth++) {
		struct shown *issuer = NULL;

		for (int i = 1; i < s->n && !issuer; i++)
			if (!s->shown[i].used && cert_may_issue(&s->shown[i].cert, s->way[depth - 1]))
				issuer = &s->shown[i];
		if (!issuer || cert_is_self_issued(s->way[depth - 1]))
			return true;
		if (s->way[depth - 1]->signed_fault != VERIFY_GOOD) {
			path_note(s, s->way[depth - 1]->signed_fault, s->way[depth - 1],
				  s->way[depth - 1]->signed_why);
			return false;
		}
		issuer->used = true;
		/* Its own signature may be of any kind until somebody is shown who has made it. */
		if (!may_be_issuer(s, &issuer->cert, true, between(s, depth)) || !parsed(s, issuer))
			return false;
		s->way[depth] = &issuer->cert;
		s->crt[depth] = &issuer->crt;
		if (!signed_by(s, depth - 1))
			return false;
	}
	return true;
}
