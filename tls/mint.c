/*
 * mint.c - a certificate, written from the inside out
 *
 * Elements with elements in them are put together in a buffer of their own, whose length is known then.
 * Everything fits: the one field that others choose, the issuer's name, has been held against its bound.
 */
#include "tls/mint.h"

#define SERIAL 16u
#define SIGNATURE_MAX MBEDTLS_PK_SIGNATURE_MAX_SIZE

static const uint8_t ecdsa_sha256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t rsa_sha256[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
				     0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00}; /* NULL behind it: RFC 4055 5 */

struct piece {
	struct wr w;
	uint8_t b[MINT_MAX];
};

static void
piece_begin(struct piece *p)
{
	p->w = wr_of(p->b, sizeof(p->b));
}

/* What was gathered becomes one element of the outer one. */
static void
piece_end(struct piece *p, struct wr *outer, uint8_t tag)
{
	der_put(outer, tag, view_of(p->b, (size_t)(p->w.p - p->b)));
	outer->bad |= p->w.bad;
}

/* --- names ------------------------------------------------------------------------------------------ */

static void
put_attribute(struct wr *w, uint8_t type, struct view value)
{
	const uint8_t oid[] = {0x55, 0x04, type};
	uint8_t pair[128], set[128];
	struct wr p = wr_of(pair, sizeof(pair)), s = wr_of(set, sizeof(set));

	der_put(&p, DER_OID, view_of(oid, sizeof(oid)));
	der_put(&p, 0x0c, value); /* UTF8String */
	der_put(&s, DER_SEQUENCE, view_of(pair, (size_t)(p.p - pair)));
	der_put(w, DER_SET, view_of(set, (size_t)(s.p - set)));
	w->bad |= p.bad || s.bad;
}

void
mint_name(struct wr *w, struct view common)
{
	put_attribute(w, 10, view_of("sluice", 6));
	if (common.len)
		put_attribute(w, 3, common);
}

/* --- fields ----------------------------------------------------------------------------------------- */

/* RFC 5280 4.1.2.5: two digits of the year until 2049. */
static void
put_time(struct wr *w, uint64_t at)
{
	char text[DER_TIME];

	der_time_text(at, text);
	size_t skip = strncmp(text, "2050", 4) < 0 ? 2 : 0;
	der_put(w, skip ? DER_UTC_TIME : DER_GENERAL_TIME, view_of(text + skip, DER_TIME - 1 - skip));
}

/* SubjectPublicKeyInfo, which the library writes to the end of a buffer. */
static int
key_info(mbedtls_pk_context *key, uint8_t *room, size_t size, struct view *out)
{
	int n = mbedtls_pk_write_pubkey_der(key, room, size);

	if (n < 0)
		return n;
	*out = view_of(room + size - (size_t)n, (size_t)n);
	return 0;
}

int
mint_id(mbedtls_pk_context *key, uint8_t out[MINT_ID])
{
	uint8_t room[1200], hash[32];
	struct view info;
	int rc = key_info(key, room, sizeof(room), &info);

	if (rc)
		return rc;
	struct rd r = rd_of(info), in = rd_of(der_take(&r, DER_SEQUENCE));
	der_take(&in, DER_SEQUENCE);
	struct view bits = der_take(&in, DER_BITS);
	/* RFC 7093 2 (1): the leftmost 160 bits of SHA-256 of what follows the count of unused bits. */
	rc = mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), bits.len ? bits.p + 1 : bits.p,
			bits.len ? bits.len - 1 : 0, hash);
	memcpy(out, hash, MINT_ID);
	return rc;
}

/* --- extensions ------------------------------------------------------------------------------------- */

/* value: DER of the extension's own type. */
static void
put_extension(struct wr *w, uint8_t which, bool critical, const struct wr *value, const uint8_t *start)
{
	const uint8_t oid[] = {0x55, 0x1d, which}, yes = 0xff;
	uint8_t body[512];
	struct wr b = wr_of(body, sizeof(body));

	der_put(&b, DER_OID, view_of(oid, sizeof(oid)));
	if (critical)
		der_put(&b, DER_BOOLEAN, view_of(&yes, 1));
	der_put(&b, DER_OCTETS, view_of(start, (size_t)(value->p - start)));
	der_put(w, DER_SEQUENCE, view_of(body, (size_t)(b.p - body)));
	w->bad |= b.bad || value->bad;
}

static void
put_element(struct wr *w, uint8_t which, bool critical, uint8_t tag, struct view content)
{
	uint8_t value[400];
	struct wr v = wr_of(value, sizeof(value));

	der_put(&v, tag, content);
	put_extension(w, which, critical, &v, value);
}

static void
put_extensions(struct wr *w, const struct mint *m, const uint8_t id[MINT_ID])
{
	static const uint8_t ca[] = {0x01, 0x01, 0xff, 0x02, 0x01, 0x00}; /* TRUE, path length 0 */
	static const uint8_t ca_usage[] = {0x01, 0x86};   /* digitalSignature, keyCertSign, cRLSign */
	static const uint8_t leaf_usage[] = {0x07, 0x80}; /* digitalSignature */
	static const uint8_t servers[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
	uint8_t key_id[64];
	struct wr k = wr_of(key_id, sizeof(key_id));

	put_element(w, 19, true, DER_SEQUENCE, view_of(ca, m->is_ca ? sizeof(ca) : 0));
	put_element(w, 15, true, DER_BITS, view_of(m->is_ca ? ca_usage : leaf_usage, 2));
	put_element(w, 14, false, DER_OCTETS, view_of(id, MINT_ID));
	if (m->issuer_id.len) {
		der_put(&k, DER_CONTEXT + 0, m->issuer_id);
		put_element(w, 35, false, DER_SEQUENCE, view_of(key_id, (size_t)(k.p - key_id)));
		w->bad |= k.bad;
	}
	if (m->is_ca)
		return;
	put_element(w, 37, false, DER_SEQUENCE, view_of(servers, sizeof(servers)));
	put_element(w, 17, false, DER_SEQUENCE, m->alt);
}

/* --- the whole -------------------------------------------------------------------------------------- */

static struct view
algorithm_of(const struct mint *m)
{
	return mbedtls_pk_can_do(m->issuer_key, MBEDTLS_PK_RSA) ? view_of(rsa_sha256, sizeof(rsa_sha256))
								: view_of(ecdsa_sha256, sizeof(ecdsa_sha256));
}

static int
put_to_be_signed(struct wr *w, const struct mint *m)
{
	static const uint8_t v3[] = {0x02, 0x01, 0x02};
	uint8_t serial[SERIAL], id[MINT_ID], room[1200], times[64];
	struct piece list, outer;
	struct view info;
	int rc = lib_random(m->t, serial, sizeof(serial));

	rc = rc ? rc : mint_id(m->key, id);
	rc = rc ? rc : key_info(m->key, room, sizeof(room), &info);
	if (rc)
		return rc;
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and as long as it looks */
	der_put(w, DER_CONTEXT_SET + 0, view_of(v3, sizeof(v3)));
	der_put(w, DER_INTEGER, view_of(serial, sizeof(serial)));
	der_put(w, DER_SEQUENCE, algorithm_of(m));
	der_put(w, DER_SEQUENCE, m->issuer);
	struct wr t = wr_of(times, sizeof(times));
	put_time(&t, m->from);
	put_time(&t, m->until);
	der_put(w, DER_SEQUENCE, view_of(times, (size_t)(t.p - times)));
	der_put(w, DER_SEQUENCE, m->subject);
	wr_bytes(w, info.p, info.len);
	piece_begin(&list);
	put_extensions(&list.w, m, id);
	piece_begin(&outer);
	piece_end(&list, &outer.w, DER_SEQUENCE);
	piece_end(&outer, w, DER_CONTEXT_SET + 3);
	return 0;
}

int
mint(const struct mint *m, uint8_t *out, size_t *len)
{
	uint8_t hash[32], signature[SIGNATURE_MAX + 1];
	struct piece inner, all;
	size_t n = 0;

	piece_begin(&inner);
	piece_begin(&all);
	int rc = put_to_be_signed(&inner.w, m);
	if (rc)
		return rc;
	piece_end(&inner, &all.w, DER_SEQUENCE);
	rc = mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), all.b, (size_t)(all.w.p - all.b), hash);
	signature[0] = 0; /* unused bits */
	rc = rc ? rc : lib_sign(m->issuer_key, hash, signature + 1, &n, m->t);
	if (rc)
		return rc;
	der_put(&all.w, DER_SEQUENCE, algorithm_of(m));
	der_put(&all.w, DER_BITS, view_of(signature, n + 1));
	struct wr whole = wr_of(out, MINT_MAX);
	piece_end(&all, &whole, DER_SEQUENCE);
	*len = (size_t)(whole.p - out);
	return whole.bad ? MBEDTLS_ERR_X509_BUFFER_TOO_SMALL : 0;
}
