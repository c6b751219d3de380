/*
 * lib_reason.c - the library's failures in words for people
 *
 * Both versions use numbers from one space, and give some of them different meanings: each has its own list behind the common one.
 */
#include "tls/lib.h"

struct reason {
	int rc;
	const char *text;
};

static const struct reason common[] = {
    {MBEDTLS_ERR_SSL_INVALID_MAC, "a record was changed on its way, or sealed with another key"},
    {MBEDTLS_ERR_SSL_INVALID_RECORD, "the bytes are no TLS record"},
    {MBEDTLS_ERR_SSL_CONN_EOF, "the connection ended in the middle of the handshake"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, "a message came that does not belong there"},
    {MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, "no certificate was shown"},
    {MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE, "the peer wants what this library does not have"},
    {MBEDTLS_ERR_SSL_BAD_INPUT_DATA, "a message that breaks the protocol"},
    {MBEDTLS_ERR_SSL_PK_TYPE_MISMATCH, "the key is of another kind than the cipher suite asks for"},
    {MBEDTLS_ERR_SSL_INTERNAL_ERROR, "the library failed"},
    {MBEDTLS_ERR_SSL_COUNTER_WRAPPING, "more was sent than one key is good for"},
    {MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL, "a message that is too long"},
    {MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED, "nothing in our certificate fits what the peer takes"},
    {MBEDTLS_ERR_ECP_BAD_INPUT_DATA, "a point that is on no curve of ours"},
    {MBEDTLS_ERR_ECP_INVALID_KEY, "a point that is not on its curve"},
    {MBEDTLS_ERR_ECP_VERIFY_FAILED, "the signature of the handshake is wrong"},
    {MBEDTLS_ERR_RSA_VERIFY_FAILED, "the signature of the handshake is wrong"},
    {MBEDTLS_ERR_RSA_INVALID_PADDING, "the signature of the handshake is wrong"},
};

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
static const struct reason own[] = {
    {MBEDTLS_ERR_SSL_DECODE_ERROR, "a message whose lengths do not add up"},
    {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, "an extension that was not offered"},
    {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, "no protocol (ALPN) in common"},
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "no version of TLS in common"},
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "no cipher suite, group or signature in common"},
    {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, "a message that says what it may not"},
    {MBEDTLS_ERR_SSL_BAD_CERTIFICATE, "a certificate that cannot be read"},
};
#else
static const struct reason own[] = {
    {MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN, "no cipher suite in common"},
    {MBEDTLS_ERR_SSL_NO_USABLE_CIPHERSUITE, "no cipher suite in common that our certificate fits"},
    {MBEDTLS_ERR_SSL_UNKNOWN_CIPHER, "a cipher suite that was not offered"},
    {MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION, "no version of TLS in common"},
    {MBEDTLS_ERR_SSL_BAD_HS_CLIENT_HELLO,
     "a ClientHello that breaks the protocol, or offers nothing we take"},
    {MBEDTLS_ERR_SSL_BAD_HS_SERVER_HELLO, "a ServerHello that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE, "a certificate that cannot be read"},
    {MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE_REQUEST, "a CertificateRequest that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_SERVER_KEY_EXCHANGE,
     "a key exchange that breaks the protocol, or a wrong signature"},
    {MBEDTLS_ERR_SSL_BAD_HS_SERVER_HELLO_DONE, "a ServerHelloDone that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_CLIENT_KEY_EXCHANGE, "a key exchange that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_CLIENT_KEY_EXCHANGE_RP, "a key exchange that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_CHANGE_CIPHER_SPEC, "a ChangeCipherSpec that breaks the protocol"},
    {MBEDTLS_ERR_SSL_BAD_HS_FINISHED, "the handshake was changed on its way"},
    {MBEDTLS_ERR_SSL_BAD_HS_NEW_SESSION_TICKET, "a ticket that breaks the protocol"},
};
#endif

static const char *
look_up(const struct reason *r, size_t n, int rc)
{
	for (size_t i = 0; i < n; i++) {
		if (r[i].rc == rc)
			return r[i].text;
	}
	return NULL;
}

const char *
lib_reason(int rc)
{
	const char *text = look_up(common, sizeof(common) / sizeof(common[0]), rc);

	return text ? text : look_up(own, sizeof(own) / sizeof(own[0]), rc);
}

bool
lib_is_no_memory(int rc)
{
	/* Wrapped errors of lower layers keep theirs in the low bits. */
	return rc == MBEDTLS_ERR_SSL_ALLOC_FAILED || rc == MBEDTLS_ERR_MPI_ALLOC_FAILED ||
	       rc == MBEDTLS_ERR_ECP_ALLOC_FAILED || rc == MBEDTLS_ERR_X509_ALLOC_FAILED ||
	       rc == MBEDTLS_ERR_PK_ALLOC_FAILED || rc == MBEDTLS_ERR_MD_ALLOC_FAILED;
}
