/*
 * tls_end_kit.h - two ends back to back over memory, cut as one likes, and certificates made on the spot
 *
 * Randomness is a counter run through a multiplier: the same test is the same connection (but for what PSA draws itself).
 */
#ifndef TEST_UNIT_TLS_END_KIT_H
#define TEST_UNIT_TLS_END_KIT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/context.h"
#include "tls/identity.h"
#include "tls/tls.h"

/* --- randomness -------------------------------------------------------------------------------------------------------- */

static inline void
kit_fill(void *ctx, void *to, size_t n)
{
	uint64_t *x = ctx;
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(*x >> 56);
	}
}

/* --- memory between two ends ----------------------------------------------------------------------------------------------- */

#define KIT_ROOM (1u << 18)

/* One direction. */
struct kit_way {
	uint8_t b[KIT_ROOM];
	size_t at, len; /* read up to, written up to */
	size_t room;    /* it holds that much unread; 0: KIT_ROOM */
	size_t cut;     /* a call moves that much at most; 0: all */
	bool lazy;      /* every other call says EAGAIN */
	bool lazied[2]; /* reading, writing */
	bool ended;     /* end of file behind what is there */
	int error;      /* told instead of bytes: -errno */
	size_t total;
};

struct kit_io {
	struct kit_way *in, *out;
};

static inline ssize_t
kit_recv(void *ctx, void *to, size_t n)
{
	struct kit_way *w = ((struct kit_io *)ctx)->in;
	size_t have = w->len - w->at;

	if (w->error)
		return w->error;
	if (w->lazy && (w->lazied[0] = !w->lazied[0]))
		return -EAGAIN;
	if (have == 0)
		return w->ended ? 0 : -EAGAIN;
	n = n < have ? n : have;
	if (w->cut && n > w->cut)
		n = w->cut;
	memcpy(to, w->b + w->at, n);
	w->at += n;
	return (ssize_t)n;
}

static inline ssize_t
kit_send(void *ctx, const void *from, size_t n)
{
	struct kit_way *w = ((struct kit_io *)ctx)->out;
	size_t room = w->room ? w->room : sizeof(w->b);

	if (w->error)
		return w->error;
	if (w->lazy && (w->lazied[1] = !w->lazied[1]))
		return -EAGAIN;
	if (w->at > 0) {
		memmove(w->b, w->b + w->at, w->len - w->at);
		w->len -= w->at;
		w->at = 0;
	}
	room = room > w->len ? room - w->len : 0;
	n = n < room ? n : room;
	if (w->cut && n > w->cut)
		n = w->cut;
	if (n == 0)
		return -EAGAIN;
	memcpy(w->b + w->len, from, n);
	w->len += n;
	w->total += n;
	return (ssize_t)n;
}

/* --- certificates -------------------------------------------------------------------------------------------------------------- */

/* What a test certificate has. */
enum kit_key { KIT_P256, KIT_P384, KIT_RSA, KIT_RSA_HUGE, KIT_RSA_EXPONENT, KIT_BRAINPOOL };

/* A public RSA key that nobody has the other half of. */
static inline bool
kit_rsa(mbedtls_pk_context *pk, size_t bytes, size_t exponent)
{
	uint8_t n[1024], e[512] = {0x5b};

	memset(n, 0xa5, sizeof(n));
	n[bytes - 1] |= 1;
	e[exponent - 1] = 3;
	return mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) == 0 &&
	       mbedtls_rsa_import_raw(mbedtls_pk_rsa(*pk), n, bytes, NULL, 0, NULL, 0, NULL, 0, e,
				      exponent) == 0 &&
	       mbedtls_rsa_complete(mbedtls_pk_rsa(*pk)) == 0;
}

static inline bool
kit_ec(mbedtls_pk_context *pk, mbedtls_ecp_group_id curve, struct tls *t)
{
	return mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0 &&
	       mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*pk), lib_random, t) == 0;
}

static inline bool
kit_key(mbedtls_pk_context *pk, enum kit_key kind, struct tls *t)
{
	switch (kind) {
	case KIT_P256:
		return kit_ec(pk, MBEDTLS_ECP_DP_SECP256R1, t);
	case KIT_P384:
		return kit_ec(pk, MBEDTLS_ECP_DP_SECP384R1, t);
	case KIT_BRAINPOOL:
		return kit_ec(pk, MBEDTLS_ECP_DP_BP512R1, t);
	case KIT_RSA:
		return mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) == 0 &&
		       mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), lib_random, t, 2048, 65537) == 0;
	case KIT_RSA_HUGE:
		return kit_rsa(pk, 1024, 1);
	case KIT_RSA_EXPONENT:
		return kit_rsa(pk, 256, 255);
	}
	return false;
}

/* An identity whose certificate has a key of that kind, signed with a P-256 key of nobody's.  Where no other half exists, what it
 * signs with is another key of the same kind. */
struct kit_identity {
	struct tls_identity id;
	mbedtls_x509_crt chain;
	mbedtls_pk_context shown, key, issuer;
};

static inline void
kit_identity_free(struct kit_identity *k)
{
	mbedtls_x509_crt_free(&k->chain);
	mbedtls_pk_free(&k->shown);
	mbedtls_pk_free(&k->key);
	mbedtls_pk_free(&k->issuer);
}

/* Another certificate for the chain. */
static inline bool
kit_certificate(struct kit_identity *k, mbedtls_pk_context *of, struct tls *t)
{
	uint8_t der[4096], serial[] = {1};
	mbedtls_x509write_cert w;

	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, of);
	mbedtls_x509write_crt_set_issuer_key(&w, &k->issuer);
	bool good = mbedtls_x509write_crt_set_subject_name(&w, "CN=host.test") == 0 &&
		    mbedtls_x509write_crt_set_issuer_name(&w, "CN=nobody") == 0 &&
		    mbedtls_x509write_crt_set_validity(&w, "20200101000000", "20490101000000") == 0 &&
		    lib_crt_set_serial(&w, serial, sizeof(serial)) == 0;
	int n = good ? mbedtls_x509write_crt_der(&w, der, sizeof(der), lib_random, t) : -1;
	mbedtls_x509write_crt_free(&w);
	return n > 0 && mbedtls_x509_crt_parse_der(&k->chain, der + sizeof(der) - (size_t)n, (size_t)n) == 0;
}

/* n certificates, all alike but for the first, which is the one with the key. */
static inline bool
kit_identity_make(struct kit_identity *k, enum kit_key kind, int n, struct tls *t)
{
	bool fake = kind == KIT_RSA_HUGE || kind == KIT_RSA_EXPONENT;

	mbedtls_x509_crt_init(&k->chain);
	mbedtls_pk_init(&k->shown);
	mbedtls_pk_init(&k->key);
	mbedtls_pk_init(&k->issuer);
	k->id = (struct tls_identity){&k->chain, fake ? &k->key : &k->shown};
	bool good = kit_key(&k->shown, kind, t) && kit_key(&k->issuer, KIT_P256, t) &&
		    (!fake || kit_key(&k->key, KIT_RSA, t));
	for (int i = 0; good && i < n; i++)
		good = kit_certificate(k, i == 0 ? &k->shown : &k->issuer, t);
	return good;
}

/* --- a pair of ends --------------------------------------------------------------------------------------------------------------- */

enum { CLIENT, SERVER };

struct kit_pair {
	struct kit_way way[2]; /* from CLIENT, from SERVER */
	struct kit_io io[2];
	struct tls_end *end[2];
};

static inline struct tls_io
kit_io(struct kit_pair *p, int side)
{
	p->io[side] = (struct kit_io){.in = &p->way[!side], .out = &p->way[side]};
	return (struct tls_io){.recv = kit_recv, .send = kit_send, .ctx = &p->io[side]};
}

/* Both handshakes, a step each in turn.  True: both are done; false: one failed, or both wait for ever. */
static inline bool
kit_shake(struct kit_pair *p)
{
	enum tls_progress got[2] = {TLS_MORE, TLS_MORE};
	int quiet = 0;

	while ((got[0] != TLS_DONE || got[1] != TLS_DONE) && quiet < 16) {
		size_t before = p->way[0].total + p->way[1].total;

		for (int side = 0; side < 2; side++) {
			got[side] = tls_end_step(p->end[side]);
			if (got[side] == TLS_FAILED)
				return false;
		}
		bool idle = got[0] != TLS_MORE && got[1] != TLS_MORE &&
			    before == p->way[0].total + p->way[1].total && p->way[0].at == p->way[0].len &&
			    p->way[1].at == p->way[1].len;
		quiet = idle ? quiet + 1 : 0;
	}
	return got[0] == TLS_DONE && got[1] == TLS_DONE;
}

static inline void
kit_pair_free(struct kit_pair *p)
{
	tls_end_free(p->end[0]);
	tls_end_free(p->end[1]);
	free(p);
}

#endif
