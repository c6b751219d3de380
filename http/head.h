/*
 * head.h - one HTTP/1 request head (RFC 9112), read strictly, and how long its body is
 *
 * Disagreement about framing is the attack (H1, H2), so what can be read in two ways is refused: bare LF, folds,
 * blanks before a colon, several or no Host, several lengths, a length with a coding, unknown codings.  Pure:
 * bytes in, views into the same bytes out.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "policy/name.h"
#include "stack/addr.h"

#define HTTP_HEAD_MAX 65536u

enum http_reading {
	HTTP_MORE, /* what is there begins a request; more is needed */
	HTTP_DONE,
	HTTP_NOT,  /* these bytes begin no HTTP/1 request */
	HTTP_BAD,  /* a request that breaks the protocol; `why` says how */
	HTTP_LONG, /* longer than HTTP_HEAD_MAX */
};

enum http_body {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_TUNNEL /* CONNECT, Upgrade: bytes of
	* another protocol may follow */
};

struct http_head {
	size_t len; /* bytes of the head, the empty line included */
	struct view method, target, accept;
	struct view
	    authority; /* Host's value, or the absolute target's authority (they must agree); empty in 1.0 */
	uint8_t minor; /* HTTP/1.minor */
	/* The authority, read: a name or an address; port 0: none is written. */
	struct name name; /* len 0: it is not a name */
	struct addr addr; /* unspecified: it is not an address */
	uint16_t port;
	enum http_body body;
	uint64_t length; /* HTTP_BODY_LENGTH */
	bool close;      /* the client says that this is its last request */
	bool expects;    /* Expect: 100-continue */
	const char *why; /* HTTP_BAD: static */
};

/* bytes begin where a request should (empty lines before it are HTTP_BAD). */
enum http_reading http_head_read(struct view bytes, struct http_head *out);

/* A chunked body, byte runs at a time: how far the bytes are part of it. */
struct http_chunks {
	uint8_t step;
	uint64_t left;
	uint32_t line; /* bytes of the present line, bounded */
};
/* Bytes taken, at most bytes.len; *done: the body ends with them.  -1: it breaks the protocol. */
ptrdiff_t http_chunks_read(struct http_chunks *c, struct view bytes, bool *done);

#endif
