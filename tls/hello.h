/*
 * hello.h - the name in a ClientHello, read without TLS (RFC 8446 4.1.2, RFC 6066 3)
 *
 * Fed in pieces of any size; handshake fragments over several records are put together, up to HELLO_MAX.  It reads
 * what policy needs and judges nothing: cipher suites, keys and versions are between client and server.
 *
 *     what comes                                          is
 *     a first byte that is not 22: SSLv2, SSH, anything    HELLO_NOT
 *     another version than 3.x on a record or in the hello: DTLS   HELLO_BAD
 *     an empty record, one beyond 2^14, another type among them    HELLO_BAD (RFC 8446 5.1)
 *     another message, or one behind the hello in its record       HELLO_BAD
 *     lengths that do not add up, an extension twice      HELLO_BAD
 *     no extensions, or no server_name                     HELLO_DONE without a name
 *     one host_name: letters, digits, '-', '_', any case, a dot at the end   HELLO_DONE with it
 *     an IP address as host_name                           HELLO_DONE without a name: RFC 6066 permits none there, and a
 *                                                          server has nothing to choose by
 *     any other server_name: two, none, another type, NUL, > 253 bytes   HELLO_BAD
 */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "policy/name.h"

#define HELLO_MAX 16384u /* bytes of the handshake message, its head included */

enum hello_reading {
	HELLO_MORE,
	HELLO_DONE,
	HELLO_NOT, /* these bytes begin no TLS connection */
	HELLO_BAD, /* they do, and break the protocol; `why` says how */
};

struct hello {
	bool has_name; /* one host_name that is a name */
	struct name name;
	bool ech;   /* encrypted_client_hello (0xfe0d) or its forerunner: perhaps GREASE, nobody can tell */
	bool tls13; /* supported_versions has it */
	struct view alpn; /* the extension's list; empty: none */
	const char *why;  /* HELLO_BAD: static */
};

struct hello_reader; /* holds up to HELLO_MAX bytes, as they come */

struct hello_reader *hello_reader_new(void); /* NULL: no memory */
void hello_reader_free(struct hello_reader *r);
/*
 * The next bytes of the connection.  What is found is found at the first byte that settles it, however they are cut,
 * and stays.  out is valid (its views until the reader is freed) on HELLO_DONE.  Memory that runs out is HELLO_BAD.
 */
enum hello_reading hello_read(struct hello_reader *r, struct view bytes, struct hello *out);

/* After HELLO_DONE: the whole handshake message, its head included, valid until the reader is freed; and how many bytes of
 * the connection, record heads included, it came in (those fed beyond are others').  Older libraries read no hello in several
 * records, so it is given to them in one. */
struct view hello_whole(const struct hello_reader *r);
size_t hello_taken(const struct hello_reader *r);

#endif
