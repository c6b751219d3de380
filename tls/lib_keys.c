/*
 * lib_keys.c - a connection's keys, as each version of the library tells them
 *
 *     2.28              the key block
 *     3.6, TLS 1.2      the master secret, of which the key block is made again
 *     3.6, TLS 1.3      the secrets of each direction's application traffic
 */
#include "tls/lib.h"

#if MBEDTLS_VERSION_NUMBER >= 0x03000000

static void
hear_12(struct lib_keys *keys, const unsigned char *secret, size_t n, const unsigned char client[32],
	const unsigned char server[32], mbedtls_tls_prf_types prf)
{
	unsigned char both[64];

	memcpy(both, server, 32); /* RFC 5246 6.3 */
	memcpy(both + 32, client, 32);
	keys->have = mbedtls_ssl_tls_prf(prf, secret, n, "key expansion", both, sizeof(both), keys->bytes,
					 sizeof(keys->bytes)) == 0;
}

static void
hear(void *ctx, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t n,
     const unsigned char client[32], const unsigned char server[32], mbedtls_tls_prf_types prf)
{
	struct lib_keys *keys = ctx;

	if (type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET)
		hear_12(keys, secret, n, client, server, prf);
#if LIB_HAS_13
	bool theirs = type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET;
	if ((!theirs && type != MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET) ||
	    n > LIB_SECRET)
		return;
	memcpy(keys->bytes + (theirs ? LIB_SECRET : 0), secret, n);
	keys->have = keys->secret == n; /* both */
	keys->secret = (uint8_t)n;
#endif
}

void
lib_hear_keys(mbedtls_ssl_config *conf, mbedtls_ssl_context *s, struct lib_keys *keys)
{
	(void)conf;
	mbedtls_ssl_set_export_keys_cb(s, hear, keys);
}

#elif defined(MBEDTLS_SSL_EXPORT_KEYS)

static int
hear(void *ctx, const unsigned char *master, const unsigned char *block, size_t mac, size_t key, size_t iv)
{
	struct lib_keys *keys = ctx;
	size_t n = 2 * (mac + key + iv);

	(void)master;
	keys->have = mac == 0 && n <= sizeof(keys->bytes);
	if (keys->have)
		memcpy(keys->bytes, block, n);
	return 0;
}

void
lib_hear_keys(mbedtls_ssl_config *conf, mbedtls_ssl_context *s, struct lib_keys *keys)
{
	(void)s;
	mbedtls_ssl_conf_export_keys_cb(conf, hear, keys);
}

#else

void
lib_hear_keys(mbedtls_ssl_config *conf, mbedtls_ssl_context *s, struct lib_keys *keys)
{
	(void)conf, (void)s, (void)keys; /* it keeps them for itself, and seals and opens itself */
}

#endif

bool
lib_expand_label(const struct lib_keys *keys, bool server, bool sha384, const char *label, uint8_t *to,
		 size_t n)
{
	const mbedtls_md_info_t *md =
	    mbedtls_md_info_from_type(sha384 ? MBEDTLS_MD_SHA384 : MBEDTLS_MD_SHA256);
	uint8_t info[32], hash[MBEDTLS_MD_MAX_SIZE];
	struct wr w = wr_of(info, sizeof(info));
	size_t len = strlen(label);

	/* RFC 8446 7.1: length, label, context; and, as RFC 5869 2.3 has it, the number of the only block. */
	wr_u16(&w, (uint16_t)n);
	wr_u8(&w, (uint8_t)(6 + len));
	wr_bytes(&w, "tls13 ", 6);
	wr_bytes(&w, label, len);
	wr_u8(&w, 0);
	wr_u8(&w, 1);
	bool good = md && !w.bad && n <= mbedtls_md_get_size(md) && n <= 32 &&
		    keys->secret == mbedtls_md_get_size(md) &&
		    mbedtls_md_hmac(md, keys->bytes + (server ? LIB_SECRET : 0), keys->secret, info,
				    (size_t)(w.p - info), hash) == 0;
	if (good)
		memcpy(to, hash, n);
	mbedtls_platform_zeroize(hash, sizeof(hash));
	return good;
}
