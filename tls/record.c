/*
 * record.c - records of application data: RFC 5246 6.2.3.3 with RFC 5288 and RFC 7905, RFC 8446 5.2
 *
 *     TLS 1.2, AES-GCM    head | 8 bytes of nonce | text         | tag    nonce: 4 fixed bytes, those 8
 *     TLS 1.2, ChaCha20   head | text             | tag                   nonce: the IV, exclusive or the counter
 *     TLS 1.3             head | text, type, zeros | tag                  the same
 *
 * What is authenticated beside the text is the head in TLS 1.3, and counter, type, version and the text's length in 1.2.
 */
#include "tls/record.h"

#include <errno.h>

#include "tls/end.h"

#define TAG 16u
#define NONCE_EXPLICIT 8u
#define COUNTER 8u
#define AAD_12 13u
#define APPLICATION_DATA 23u

enum { VERSION = 0x0303 }; /* on every record of both (RFC 8446 5.1) */

/* --- keys -------------------------------------------------------------------------------------------------------------------- */

struct suite {
	uint16_t id;
	uint8_t cipher; /* enum record_cipher */
	uint8_t key;    /* bytes */
	bool sha384;    /* TLS 1.3: what its keys are derived with */
};

static const struct suite suites[] = {
    {0x1301, RECORD_AES_128, 16, false},  {0x1302, RECORD_AES_256, 32, true},
    {0x1303, RECORD_CHACHA20, 32, false}, {0xc02b, RECORD_AES_128, 16, false},
    {0xc02f, RECORD_AES_128, 16, false},  {0xc02c, RECORD_AES_256, 32, true},
    {0xc030, RECORD_AES_256, 32, true},   {0xcca9, RECORD_CHACHA20, 32, false},
    {0xcca8, RECORD_CHACHA20, 32, false},
};

void
record_ciphers_find(struct record_ciphers *c)
{
	static const char *const names[RECORD_CIPHERS] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

	for (int i = 0; i < RECORD_CIPHERS; i++)
		c->of[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
}

void
record_ciphers_free(struct record_ciphers *c)
{
	for (int i = 0; i < RECORD_CIPHERS; i++)
		EVP_CIPHER_free(c->of[i]);
}

static const struct suite *
find_suite(int id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

/* Key and IV of the side that writes. */
struct written {
	uint8_t key[32], iv[RECORD_IV];
};

/* RFC 8446 7.3. */
static bool
derive_13(const struct lib_keys *k, bool server, const struct suite *s, struct written *w)
{
	return lib_expand_label(k, server, s->sha384, "key", w->key, s->key) &&
	       lib_expand_label(k, server, s->sha384, "iv", w->iv, RECORD_IV);
}

/* RFC 5246 6.3: both keys, and both IVs, of which AES-GCM has 4 bytes. */
static void
cut_12(const struct lib_keys *k, bool server, const struct suite *s, size_t iv, struct written *w)
{
	memcpy(w->key, k->bytes + server * s->key, s->key);
	memcpy(w->iv, k->bytes + 2u * s->key + server * iv, iv);
}

static bool
begin_way(struct record_way *way, const EVP_CIPHER *cipher, const struct written *w, bool seals)
{
	EVP_CIPHER_CTX *c = cipher ? EVP_CIPHER_CTX_new() : NULL;

	if (!c || EVP_CipherInit_ex2(c, cipher, w->key, NULL, seals, NULL) != 1) {
		EVP_CIPHER_CTX_free(c);
		return false;
	}
	way->cipher = c;
	memcpy(way->iv, w->iv, RECORD_IV);
	return true;
}

void
records_listen(struct tls_end *e)
{
	lib_hear_keys(&e->conf, &e->ssl, &e->records.keys);
}

void
records_begin(struct tls_end *e)
{
	struct records *r = &e->records;
	const struct suite *s = find_suite(lib_ssl_suite(&e->ssl));
	struct written w[2] = {0};
	bool good = s && r->keys.have;

	r->v13 = lib_ssl_is_13(&e->ssl);
	r->explicit_nonce = s && !r->v13 && s->cipher != RECORD_CHACHA20;
	for (int server = 0; good && server < 2; server++) {
		if (r->v13)
			good = derive_13(&r->keys, server, s, &w[server]);
		else
			cut_12(&r->keys, server, s, r->explicit_nonce ? 4 : RECORD_IV, &w[server]);
	}
	const EVP_CIPHER *cipher = good ? e->tls->ciphers.of[s->cipher] : NULL;
	if (begin_way(&r->in, cipher, &w[!e->server], false) &&
	    !begin_way(&r->out, cipher, &w[e->server], true)) {
		EVP_CIPHER_CTX_free(r->in.cipher);
		r->in.cipher = NULL;
	}
	mbedtls_platform_zeroize(w, sizeof(w));
	mbedtls_platform_zeroize(&r->keys, sizeof(r->keys));
}

void
records_end(struct records *r)
{
	EVP_CIPHER_CTX_free(r->in.cipher);
	EVP_CIPHER_CTX_free(r->out.cipher);
	mbedtls_platform_zeroize(r, sizeof(*r));
}

/* --- one record -------------------------------------------------------------------------------------------------------------- */

/* RFC 8446 5.3, RFC 7905 2; RFC 5288 3: whoever seals takes the counter as the rest. */
static void
make_nonce(const struct records *r, const struct record_way *way, const uint8_t rest[COUNTER],
	   uint8_t nonce[RECORD_IV])
{
	memcpy(nonce, way->iv, RECORD_IV);
	for (unsigned i = 0; i < COUNTER; i++)
		nonce[RECORD_IV - COUNTER + i] =
		    r->explicit_nonce ? rest[i] : nonce[RECORD_IV - COUNTER + i] ^ rest[i];
}

/* False: it would come round, which the library refuses. */
static bool
may_count(const uint8_t counter[COUNTER])
{
	for (unsigned i = 0; i < COUNTER; i++)
		if (counter[i] != 0xff)
			return true;
	return false;
}

static void
count_on(uint8_t counter[COUNTER])
{
	unsigned i = COUNTER;

	do
		counter[i - 1] = (uint8_t)(counter[i - 1] + 1u);
	while (counter[--i] == 0 && i > 0);
}

static void
write_head(uint8_t *to, size_t len)
{
	struct wr w = wr_of(to, RECORD_HEAD);

	wr_u8(&w, APPLICATION_DATA);
	wr_u16(&w, VERSION);
	wr_u16(&w, (uint16_t)len);
}

/* What is authenticated beside the text, into aad; its length. */
static int
make_aad(const struct records *r, const uint8_t counter[COUNTER], const uint8_t head[RECORD_HEAD],
	 size_t text, uint8_t aad[AAD_12])
{
	if (r->v13) {
		memcpy(aad, head, RECORD_HEAD);
		return (int)RECORD_HEAD;
	}
	memcpy(aad, counter, COUNTER);
	write_head(aad + COUNTER, text);
	return (int)AAD_12;
}

/* A record begins: its nonce, and what is authenticated beside. */
static bool
begin_record(EVP_CIPHER_CTX *c, const uint8_t nonce[RECORD_IV], const uint8_t *aad, int naad)
{
	int n;

	return EVP_CipherInit_ex2(c, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(c, NULL, &n, aad, naad) == 1;
}

bool
records_seal(struct tls_end *e, const void *from, size_t n)
{
	struct records *r = &e->records;
	struct lib_out out = lib_ssl_out(&e->ssl);
	uint8_t nonce[RECORD_IV], aad[AAD_12], type = APPLICATION_DATA;
	EVP_CIPHER_CTX *c = r->out.cipher;

	if (!c || n == 0 || !may_count(out.counter))
		return false;
	uint8_t *text = out.head + RECORD_HEAD + (r->explicit_nonce ? NONCE_EXPLICIT : 0);
	size_t sealed = n + r->v13;
	size_t len = (size_t)(text - out.head) - RECORD_HEAD + sealed + TAG;
	int got = 0, rest = 0, last = 0;

	make_nonce(r, &r->out, out.counter, nonce);
	write_head(out.head, len);
	if (r->explicit_nonce)
		memcpy(out.head + RECORD_HEAD, out.counter, NONCE_EXPLICIT);
	int naad = make_aad(r, out.counter, out.head, n, aad);
	if (!begin_record(c, nonce, aad, naad) || EVP_CipherUpdate(c, text, &got, from, (int)n) != 1 ||
	    (r->v13 && EVP_CipherUpdate(c, text + got, &rest, &type, 1) != 1) ||
	    EVP_CipherFinal_ex(c, text + got + rest, &last) != 1 || (size_t)(got + rest + last) != sealed ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, (int)TAG, text + sealed) != 1)
		return false;
	count_on(out.counter);
	lib_ssl_sealed(&e->ssl, RECORD_HEAD + len);
	return true;
}

/* The text of a whole record; -1: it is not what its tag says. */
static ssize_t
open_text(const struct records *r, struct view record, const uint8_t counter[COUNTER], uint8_t *to)
{
	const uint8_t *text = record.p + RECORD_HEAD + (r->explicit_nonce ? NONCE_EXPLICIT : 0);
	size_t n = (size_t)(record.p + record.len - text) - TAG;
	uint8_t nonce[RECORD_IV], aad[AAD_12], tag[TAG];
	EVP_CIPHER_CTX *c = r->in.cipher;
	int got = 0, last = 0;

	make_nonce(r, &r->in, r->explicit_nonce ? record.p + RECORD_HEAD : counter, nonce);
	int naad = make_aad(r, counter, record.p, n, aad);
	memcpy(tag, text + n, TAG);
	if (begin_record(c, nonce, aad, naad) && EVP_CipherUpdate(c, to, &got, text, (int)n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)TAG, tag) == 1 &&
	    EVP_CipherFinal_ex(c, to + got, &last) == 1 && (size_t)(got + last) == n)
		return (ssize_t)n;
	return -1;
}

/* RFC 8446 5.4: zeros behind the type.  0: it is no application data, or has none. */
static size_t
strip(const uint8_t *text, size_t n)
{
	while (n > 0 && text[n - 1] == 0)
		n--;
	return n > 0 && text[n - 1] == APPLICATION_DATA ? n - 1 : 0;
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

/* Until that much of the record lies in the library's buffer.  1: it does; 0: what there is instead the library should hear. */
static int
fetch(struct tls_end *e, const struct lib_in *in, size_t need, size_t want)
{
	while (*in->left < need) {
		int rc = end_bio_recv(e, in->head + *in->left, want - *in->left);

		if (rc == MBEDTLS_ERR_SSL_WANT_READ)
			return -EAGAIN;
		if (rc <= 0)
			return 0;
		*in->left += (size_t)rc;
	}
	return 1;
}

/* Bytes of a record that are not text: the tag, and a nonce. */
static size_t
beside(const struct records *r)
{
	return TAG + (r->explicit_nonce ? NONCE_EXPLICIT : 0);
}

/* Bytes that a record with that head has; 0: the library is to judge it. */
static size_t
whole(const struct records *r, const uint8_t head[RECORD_HEAD], size_t room)
{
	struct rd rd = rd_of(view_of(head, RECORD_HEAD));
	size_t more = beside(r);
	uint8_t type = rd_u8(&rd);
	uint16_t version = rd_u16(&rd), len = rd_u16(&rd);

	if (type != APPLICATION_DATA || version != VERSION || len <= more ||
	    len > LIB_TEXT_MAX + more + r->v13 || len - more > room)
		return 0;
	return RECORD_HEAD + len;
}

/* The record is the library's: it knows nothing of what lies behind. */
static void
leave(struct records *r, const struct lib_in *in, size_t record)
{
	r->nahead = (uint8_t)(*in->left - record);
	memcpy(r->ahead, in->head + record, r->nahead);
	*in->left = record;
}

size_t
records_take_ahead(struct records *r, void *to, size_t n)
{
	n = n < r->nahead ? n : r->nahead;
	memcpy(to, r->ahead, n);
	r->nahead = (uint8_t)(r->nahead - n);
	memmove(r->ahead, r->ahead + n, r->nahead);
	return n;
}

ssize_t
records_read(struct tls_end *e, void *to, size_t n)
{
	struct records *r = &e->records;
	struct lib_in in = lib_ssl_in(&e->ssl);
	uint8_t *text = to;

	if (!r->in.cipher || !lib_ssl_between_records(&e->ssl) || r->nahead > 0)
		return 0;
	int rc = fetch(e, &in, RECORD_HEAD, RECORD_HEAD);
	size_t record = rc == 1 ? whole(r, in.head, n) : 0;
	if (record == 0 || !may_count(in.counter))
		return rc < 0 ? rc : 0;
	/* The next head comes along: one call for both. */
	rc = fetch(e, &in, record, record + RECORD_HEAD);
	if (rc != 1)
		return rc;
	ssize_t got = open_text(r, view_of(in.head, record), in.counter, text);
	size_t bytes = got > 0 && r->v13 ? strip(text, (size_t)got) : got > 0 ? (size_t)got : 0;
	if (bytes == 0 || bytes > LIB_TEXT_MAX) {
		mbedtls_platform_zeroize(to, record - RECORD_HEAD - beside(r));
		leave(r, &in, record);
		return 0;
	}
	count_on(in.counter);
	lib_ssl_opened(&e->ssl);
	memmove(in.head, in.head + record, *in.left - record);
	*in.left -= record;
	return (ssize_t)bytes;
}
