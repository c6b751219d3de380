/*
 * head.h - one HTTP/1 request head (RFC 9112), read strictly, and how long its body is
 *
 * Disagreement about framing is the attack (H1, H2), so what can be read in two ways is refused: bare LF, folds,
 * blanks before a colon, several or no Host, several lengths, a length with a coding, unknown codings.  Pure:
 * bytes in, views into the same bytes out.  What is found does not depend on how the bytes were cut: it is
 * found at the first byte that settles it.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "policy/name.h"
#include "stack/addr.h"

#define HTTP_HEAD_MAX 65536u
#define HTTP_METHOD_MAX 32u

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
	HTTP_BODY_TUNNEL, /* CONNECT, Upgrade: bytes of another protocol may follow, if the server says so */
};

struct http_head {
	size_t len; /* bytes of the head, the empty line included */
	struct view method, target, accept;
	/* Host's value, or the absolute (CONNECT's) target's authority (they must agree); empty in 1.0, or where
	 * Host is. */
	struct view authority;
	uint8_t minor; /* HTTP/1.minor */
	/* The authority, read: a name or an address; port 0: none is written. */
	struct name name; /* len 0: it is not a name */
	struct addr addr; /* unspecified: it is not an address */
	uint16_t port;
	enum http_body body;
	uint64_t length; /* HTTP_BODY_LENGTH: at least 1 */
	bool close;      /* the client says that this is its last request */
	bool expects;    /* Expect: 100-continue, of a client that knows it (1.1) */
	bool upgrade;    /* Upgrade, of a client that knows it (1.1) */
	const char *why; /* HTTP_BAD: static */
};

/*
 * Bytes begin where a request should (empty lines before it are HTTP_BAD).  Not HTTP is what has a first line that neither
 * ends in "HTTP/..." nor is HTTP/0.9's; HTTP/2's preface is not HTTP/1.
 */
enum http_reading http_head_read(struct view bytes, struct http_head *out);

/* The same for bytes that come piecemeal: all zero before, then asked with all bytes so far, each time, which may have
 * moved.  Each byte is looked at once (and each line a second time, when it is whole). */
struct http_reader {
	uint32_t at;   /* looked at so far */
	uint32_t line; /* where the present line begins */
	uint8_t step;
	uint8_t minor;
	uint16_t seen;           /* which fields there were */
	uint32_t method, target; /* lengths; the target begins after the method and a space */
	uint32_t host, host_len; /* Host's value */
	uint32_t accept, accept_len;
	uint64_t length;
	const char *why;
};
enum http_reading http_reader_read(struct http_reader *r, struct view bytes, struct http_head *out);

/* A field line without its CRLF: NULL, or what is wrong with it (static).  The value is trimmed. */
const char *http_field_read(struct view line, struct view *name, struct view *value);
/* Content-Length's value: NULL, or what is wrong with it (static). */
const char *http_length_read(struct view value, uint64_t *length);
/* The fields of a head that was read: what stands behind its first line, and one after the other (of a trailer, too). */
struct view http_fields_of(struct view head);
bool http_fields_next(struct view *rest, struct view *name, struct view *value);

/* A chunked body, byte runs at a time: how far the bytes are part of it.  All zero before. */
struct http_chunks {
	uint8_t step;
	uint64_t left; /* of the present chunk */
	uint32_t line; /* bytes of the present line, or of the whole trailer: bounded */
};
/* Bytes taken, at most bytes.len; *done: the body ends with them.  -1: it breaks the protocol. */
ptrdiff_t http_chunks_read(struct http_chunks *c, struct view bytes, bool *done);

/* The same, and what these bytes are: a size line's end, data of a chunk, trailer lines. */
struct http_chunk {
	enum { HTTP_CHUNK_NONE, HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_TRAILER } what;
	uint64_t size;     /* SIZE: of the chunk that begins; 0: the last one */
	struct view bytes; /* DATA, TRAILER: the empty line that ends it included */
	bool last;         /* of the chunk; of the body */
};
/* One run: bytes taken (0: all is taken, or the body is over); -1: it breaks the protocol. */
ptrdiff_t http_chunks_next(struct http_chunks *c, struct view bytes, struct http_chunk *out);

#endif
