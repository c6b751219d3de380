/*
 * lib.c - the longer functions of lib.h
 */
#include "tls/lib.h"

#include <mbedtls/platform.h>

#include "tls/context.h"

/* An odd exponent below 2^32: more is never needed, and each of its bits costs as much as a byte of a usual one. */
static bool
exponent_is_small(const mbedtls_rsa_context *rsa)
{
	mbedtls_mpi e;

	mbedtls_mpi_init(&e);
	bool small = mbedtls_rsa_export(rsa, NULL, NULL, NULL, NULL, &e) == 0 &&
		     mbedtls_mpi_bitlen(&e) <= 32 && mbedtls_mpi_bitlen(&e) >= 2 &&
		     mbedtls_mpi_get_bit(&e, 0) == 1;
	mbedtls_mpi_free(&e);
	return small;
}

const char *
lib_key_beyond(const mbedtls_pk_context *pk, unsigned min, unsigned max)
{
	if (mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA)) {
		size_t bits = mbedtls_pk_get_bitlen(pk);

		if (bits < min)
			return "an RSA key that is too short";
		if (bits > max)
			return "an RSA key that is too long";
		return exponent_is_small(mbedtls_pk_rsa(*pk)) ? NULL : "an RSA key with a huge exponent";
	}
	switch (lib_key_curve(pk)) {
	case MBEDTLS_ECP_DP_SECP256R1:
	case MBEDTLS_ECP_DP_SECP384R1:
	case MBEDTLS_ECP_DP_SECP521R1:
		return NULL;
	case MBEDTLS_ECP_DP_NONE:
		return "a key of an unknown kind";
	default:
		return "a key on an unusual curve";
	}
}

bool
lib_is_pss_refused(const mbedtls_ssl_context *s, int state, int rc)
{
#if LIB_HAS_13
	/* RFC 8422 5.4: the message's head, a named curve, a point, and then the signature's algorithm: 0x0804 to 0x0806 for RSA-PSS.  The
	 * library has read that far, within a buffer that holds far more. */
	const unsigned char *m = lib_ssl_message(s);

	return state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE && rc == MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER &&
	       !lib_ssl_is_13(s) && m[0] == 12 && m[8 + m[7]] == 8;
#else
	(void)s, (void)state, (void)rc;
	return false;
#endif
}

void
lib_ssl_drop_peer_chain(mbedtls_ssl_context *s)
{
	mbedtls_ssl_session *session = lib_ssl_session(s);

	if (!session || !session->MBEDTLS_PRIVATE(peer_cert))
		return;
	mbedtls_x509_crt_free(session->MBEDTLS_PRIVATE(peer_cert));
	mbedtls_free(session->MBEDTLS_PRIVATE(peer_cert));
	session->MBEDTLS_PRIVATE(peer_cert) = NULL;
}

int
lib_random(void *tls, unsigned char *to, size_t n)
{
	tls_fill(tls, to, n);
	return 0;
}

bool
lib_start(void)
{
#if LIB_HAS_13
	return psa_crypto_init() == PSA_SUCCESS;
#else
	return true;
#endif
}
