/*
 * record.h - application data of one end, sealed and opened by libcrypto, for end*.c alone
 *
 * Mbed TLS makes the connection; its ciphers use little of what processors have for them, and cost twenty times what libcrypto's do.
 * So, once a handshake is over, records of application data are sealed and opened here, in the library's own buffers and with its own
 * counters.  Whatever else a record is (an alert, a ticket, a handshake message, one whose tag is wrong) is left where it lies for
 * the library, which finds everything as if it had been alone: there is one truth about where a connection stands, and it is the library's.
 * Where libcrypto has not the cipher, or there is no memory, the library goes on sealing and opening.
 */
#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include <openssl/evp.h>

#include "tls/lib.h"

#define RECORD_HEAD 5u
#define RECORD_IV 12u

struct tls_end;

/* What libcrypto has, looked up once: that reads its configuration, which a program that is confined could not do later.  NULL: it lacks it. */
enum record_cipher { RECORD_AES_128, RECORD_AES_256, RECORD_CHACHA20, RECORD_CIPHERS };
struct record_ciphers {
	EVP_CIPHER *of[RECORD_CIPHERS];
};
void record_ciphers_find(struct record_ciphers *c);
void record_ciphers_free(struct record_ciphers *c);

/* One direction. */
struct record_way {
	EVP_CIPHER_CTX *cipher; /* NULL: the library's */
	uint8_t iv[RECORD_IV];
};

struct records {
	struct lib_keys keys; /* until the handshake is over */
	struct record_way in, out;
	bool
	    explicit_nonce; /* AES-GCM in TLS 1.2: 4 bytes of the IV are fixed, 8 come with the record (RFC 5288 3) */
	bool v13;           /* the type stands behind the text (RFC 8446 5.2) */
	uint8_t ahead[RECORD_HEAD]; /* of the record behind one that is the library's */
	uint8_t nahead;
};

/* Before the handshake: its keys will be heard of. */
void records_listen(struct tls_end *e);
/* The handshake is over. */
void records_begin(struct tls_end *e);
void records_end(struct records *r);

/* The text of the next record, of at most n bytes: its length; -EAGAIN: it is not all there; 0: the library is to read it. */
ssize_t records_read(struct tls_end *e, void *to, size_t n);
/* Bytes that were fetched before the library asked for them. */
size_t records_take_ahead(struct records *r, void *to, size_t n);
/* Nothing is unsent: n bytes, as many as a record may have, are sealed and lie where the library flushes from.  False: the library is to do
 * that. */
bool records_seal(struct tls_end *e, const void *from, size_t n);

#endif
