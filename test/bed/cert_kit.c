/*
 * cert_kit.c - certificates byte by byte
 */
#include <stdlib.h>

#include "test/bed/cert_kit.h"

struct part {
	uint8_t b[CERT_KIT_MAX];
	struct wr w;
};

static struct part *
part_new(void)
{
	struct part *p = malloc(sizeof(*p));

	if (!p)
		abort();
	p->w = wr_of(p->b, sizeof(p->b));
	return p;
}

static void
part_end(struct part *p, struct wr *outer, uint8_t tag)
{
	if (p->w.bad)
		abort();
	der_put(outer, tag, view_of(p->b, (size_t)(p->w.p - p->b)));
	free(p);
}

static void
must(bool truth)
{
	if (!truth)
		abort();
}

void
cert_kit_ec(struct tls *t, mbedtls_ecp_group_id curve, mbedtls_pk_context *key)
{
	mbedtls_pk_init(key);
	must(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0);
	must(mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*key), lib_random, t) == 0);
}

void
cert_kit_rsa(struct tls *t, unsigned bits, uint32_t exponent, mbedtls_pk_context *key)
{
	uint8_t n[1024], e[4];
	struct wr w = wr_of(e, sizeof(e));

	wr_u32(&w, exponent);
	must(bits / 8 <= sizeof(n) && lib_random(t, n, bits / 8) == 0);
	n[0] |= 0x80;
	n[bits / 8 - 1] |= 1;
	mbedtls_pk_init(key);
	must(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) == 0);
	must(mbedtls_rsa_import_raw(mbedtls_pk_rsa(*key), n, bits / 8, NULL, 0, NULL, 0, NULL, 0, e, 4) == 0);
	must(mbedtls_rsa_complete(mbedtls_pk_rsa(*key)) == 0);
}

static void
put_name(struct wr *w, const char *common)
{
	static const uint8_t oid[] = {0x55, 0x04, 0x03};
	struct part *name = part_new(), *set = part_new(), *pair = part_new();

	der_put(&pair->w, DER_OID, view_of(oid, sizeof(oid)));
	der_put(&pair->w, 0x0c, view_of(common, strlen(common)));
	part_end(pair, &set->w, DER_SEQUENCE);
	part_end(set, &name->w, DER_SET);
	part_end(name, w, DER_SEQUENCE);
}

static void
put_time(struct wr *w, uint64_t at)
{
	char text[DER_TIME];

	der_time_text(at, text);
	der_put(w, DER_GENERAL_TIME, view_of(text, DER_TIME - 1));
}

void
cert_kit_extension(struct wr *w, uint8_t which, bool critical, struct view value)
{
	const uint8_t known[] = {0x55, 0x1d, which}, other[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x01},
		      yes = 0xff;
	struct part *p = part_new();

	der_put(&p->w, DER_OID, which ? view_of(known, sizeof(known)) : view_of(other, sizeof(other)));
	if (critical)
		der_put(&p->w, DER_BOOLEAN, view_of(&yes, 1));
	der_put(&p->w, DER_OCTETS, value);
	part_end(p, w, DER_SEQUENCE);
}

static void
put_extensions(struct wr *w, const struct cert_kit *c)
{
	struct part *outer = part_new(), *list = part_new();
	uint8_t basic[16];
	struct wr b = wr_of(basic, sizeof(basic));

	if (c->is_ca) {
		const uint8_t yes = 0xff, limit = (uint8_t)(c->limit - 1);
		struct part *value = part_new();

		der_put(&value->w, DER_BOOLEAN, view_of(&yes, 1));
		if (c->limit)
			der_put(&value->w, DER_INTEGER, view_of(&limit, 1));
		part_end(value, &b, DER_SEQUENCE);
		cert_kit_extension(&list->w, 19, true, view_of(basic, (size_t)(b.p - basic)));
	}
	if (c->alt.len) {
		struct part *value = part_new();

		der_put(&value->w, DER_SEQUENCE, c->alt);
		cert_kit_extension(&list->w, 17, false, view_of(value->b, (size_t)(value->w.p - value->b)));
		free(value);
	}
	for (unsigned i = 0; i < (c->times ? c->times : 1); i++)
		wr_bytes(&list->w, c->more.p, c->more.len);
	part_end(list, &outer->w, DER_SEQUENCE);
	part_end(outer, w, DER_CONTEXT_SET + 3);
}

static void
put_algorithm(struct wr *w, mbedtls_pk_context *by)
{
	static const uint8_t ecdsa[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
	static const uint8_t rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
				      0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};

	if (mbedtls_pk_can_do(by, MBEDTLS_PK_RSA))
		der_put(w, DER_SEQUENCE, view_of(rsa, sizeof(rsa)));
	else
		der_put(w, DER_SEQUENCE, view_of(ecdsa, sizeof(ecdsa)));
}

static void
put_to_be_signed(struct tls *t, struct wr *w, const struct cert_kit *c, mbedtls_pk_context *by)
{
	static const uint8_t v3[] = {0x02, 0x01, 0x02};
	uint8_t serial[8], info[1400];
	struct part *dates = part_new();
	bool ever = !c->from && !c->until;

	must(lib_random(t, serial, sizeof(serial)) == 0);
	serial[0] = 0x40;
	if (!c->no_v3)
		der_put(w, DER_CONTEXT_SET + 0, view_of(v3, sizeof(v3)));
	der_put(w, DER_INTEGER, view_of(serial, sizeof(serial)));
	put_algorithm(w, by);
	put_name(w, c->issuer);
	put_time(&dates->w, ever ? 1577836800 : c->from);
	put_time(&dates->w, ever ? 2524607999 : c->until);
	part_end(dates, w, DER_SEQUENCE);
	put_name(w, c->subject);
	int n = mbedtls_pk_write_pubkey_der(c->key, info, sizeof(info));
	must(n > 0);
	wr_bytes(w, info + sizeof(info) - n, (size_t)n);
	if (!c->no_v3)
		put_extensions(w, c);
}

/* Two numbers of the size of the curve's, or one of the modulus', which were made by nobody. */
static size_t
sign_by_nobody(mbedtls_pk_context *looks, uint8_t *out)
{
	size_t len = mbedtls_pk_get_len(looks);
	uint8_t number[128], both[300];
	struct wr w = wr_of(both, sizeof(both)), all = wr_of(out, 1024);

	if (mbedtls_pk_can_do(looks, MBEDTLS_PK_RSA)) {
		memset(out, 0x55, len);
		return len;
	}
	len = (mbedtls_pk_get_bitlen(looks) - 1) / 8; /* below the order */
	memset(number, 0x55, len);
	der_put(&w, DER_INTEGER, view_of(number, len));
	der_put(&w, DER_INTEGER, view_of(number, len));
	der_put(&all, DER_SEQUENCE, view_of(both, (size_t)(w.p - both)));
	return (size_t)(all.p - out);
}

struct view
cert_kit_make(struct tls *t, const struct cert_kit *c, uint8_t *out)
{
	mbedtls_pk_context *by = c->issuer_key ? c->issuer_key : c->looks;
	struct part *inner = part_new(), *all = part_new();
	uint8_t hash[32], signature[1025] = {0};
	struct wr whole = wr_of(out, CERT_KIT_MAX);
	size_t n = 0;

	put_to_be_signed(t, &inner->w, c, by);
	part_end(inner, &all->w, DER_SEQUENCE);
	must(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), all->b, (size_t)(all->w.p - all->b),
			hash) == 0);
	if (c->issuer_key)
		must(lib_sign(by, hash, signature + 1, &n, t) == 0);
	else
		n = sign_by_nobody(by, signature + 1);
	put_algorithm(&all->w, by);
	der_put(&all->w, DER_BITS, view_of(signature, n + 1));
	part_end(all, &whole, DER_SEQUENCE);
	must(!whole.bad);
	return view_of(out, (size_t)(whole.p - out));
}
