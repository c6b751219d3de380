/*
 * hello.h - the name in a ClientHello, read without TLS (RFC 8446 4.1.2, RFC 6066 3)
 *
 * Fed in pieces of any size; handshake fragments over several records are put together, up to HELLO_MAX.  It reads
 * what policy needs and judges nothing.  Bytes are kept as they came, so that they can be passed on.
 */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "policy/name.h"

#define HELLO_MAX 16384u /* bytes of the handshake message */

enum hello_reading {
	HELLO_MORE,
	HELLO_DONE,
	HELLO_NOT, /* these bytes begin no TLS connection */
	HELLO_BAD, /* they do, and break the protocol; `why` says how */
};

struct hello {
	bool has_name; /* one host_name that is a name */
	struct name name;
	bool ech;         /* encrypted_client_hello (0xfe0d): perhaps GREASE, nobody can tell */
	bool tls13;       /* supported_versions has it */
	struct view alpn; /* the extension's list; empty: none */
	const char *why;  /* HELLO_BAD: static */
};

struct hello_reader; /* holds up to HELLO_MAX bytes */

struct hello_reader *hello_reader_new(void); /* NULL: no memory */
void hello_reader_free(struct hello_reader *r);
/* The next bytes of the connection.  out is valid (its views until the reader is freed) on HELLO_DONE. */
enum hello_reading hello_read(struct hello_reader *r, struct view bytes, struct hello *out);

#endif
