/*
 * lib_conf.c - what is offered and taken, in the words of each version of the library
 *
 * Suites with an authenticated cipher and ephemeral elliptic curves alone: DHE lets a server choose numbers that cost us seconds, a
 * RSA key exchange has no forward secrecy, and CBC is what servers have that nobody maintains (they can be let through unopened).
 * First comes what this processor is fastest with: AES-GCM where it has AES of its own, else ChaCha20 (docs/tls.md has figures).  P-256
 * first: its key costs half of X25519's; what is left out (X448, Brainpool, secp256k1) costs up to a hundred times as much, and no
 * public server needs it.
 */
#include "tls/lib.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#if LIB_HAS_13
#define AES_13 MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
#define AES256_13 MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
#define CHACHA_13 MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#else
#define AES_13
#define AES256_13
#define CHACHA_13
#endif

#define AES_12 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
#define AES256_12 \
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
#define CHACHA_12                                              \
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
	    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,

/* By whether the processor has AES. */
static const int suites[2][10] = {
    {CHACHA_13 AES_13 AES256_13 CHACHA_12 AES_12 AES256_12 0},
    {AES_13 CHACHA_13 AES256_13 AES_12 CHACHA_12 AES256_12 0},
};
static const int fastest[2][8] = {
    {CHACHA_13 CHACHA_12 AES_12 AES256_12 0},
    {AES_13 AES_12 CHACHA_12 AES256_12 0},
};

static bool
has_aes(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & (1u << 3)) != 0; /* HWCAP_AES */
#else
	return false;
#endif
}

uint16_t
lib_fastest_13(void)
{
	return has_aes() ? 0x1301 : 0x1303; /* TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 */
}

#if MBEDTLS_VERSION_NUMBER >= 0x03000000

static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
				  MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
				  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

/* RSA-PSS last: this library offers it for TLS 1.3, which signs with nothing else of RSA's, and then refuses it in TLS 1.2 (though RFC 8446
 * 4.2.3 has it taken there, too); a server that goes by our order never gets that far. */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,    MBEDTLS_TLS1_3_SIG_NONE};

static const uint16_t signatures_12[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
					 MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
					 MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512,
					 MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
					 MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
					 MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
					 MBEDTLS_TLS1_3_SIG_NONE};

void
lib_conf_only_12(mbedtls_ssl_config *conf)
{
	mbedtls_ssl_conf_sig_algs(conf, signatures_12);
	mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
}

static void
conf_groups(mbedtls_ssl_config *conf)
{
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_sig_algs(conf, signatures);
}

static void
conf_versions(mbedtls_ssl_config *conf, bool only_13)
{
	mbedtls_ssl_conf_min_tls_version(conf,
					 only_13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(conf, LIB_HAS_13 ? MBEDTLS_SSL_VERSION_TLS1_3
							  : MBEDTLS_SSL_VERSION_TLS1_2);
#if LIB_HAS_13
	/* A session is taken up with a fresh key of its own (RFC 8446 2.2: psk_dhe_ke): forward secrecy is kept. */
	mbedtls_ssl_conf_tls13_key_exchange_modes(conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
	    conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
}

#else

void
lib_conf_only_12(mbedtls_ssl_config *conf)
{
	(void)conf; /* it has no other, and never offers RSA-PSS */
}

static const mbedtls_ecp_group_id groups[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
					      MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1,
					      MBEDTLS_ECP_DP_NONE};
static const int hashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512, MBEDTLS_MD_NONE};

static void
conf_groups(mbedtls_ssl_config *conf)
{
	mbedtls_ssl_conf_curves(conf, groups);
	mbedtls_ssl_conf_sig_hashes(conf, hashes);
}

static void
conf_versions(mbedtls_ssl_config *conf, bool only_13)
{
	(void)only_13; /* tls_new() has refused it */
	mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
}

#endif

void
lib_conf(mbedtls_ssl_config *conf, bool only_13)
{
	mbedtls_ssl_conf_ciphersuites(conf, suites[has_aes()]);
	conf_groups(conf);
	conf_versions(conf, only_13);
}

void
lib_conf_fastest_13(mbedtls_ssl_config *conf)
{
	mbedtls_ssl_conf_ciphersuites(conf, fastest[has_aes()]);
}
