/*
 * response.h - one HTTP/1 response head (RFC 9112), read strictly, and how long its body is
 *
 * As strict as the reader of requests (head.h), and for the same reason: a response that two readers see end at different bytes
 * is how one server answers for another.  Pure; what is found does not depend on how the bytes were cut.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/head.h"

/* What it answers. */
struct http_asked {
	bool head, connect, upgrade;
};

enum http_framing {
	HTTP_FRAMED_NONE, /* no body, whatever the fields say */
	HTTP_FRAMED_LENGTH,
	HTTP_FRAMED_CHUNKED,
	HTTP_FRAMED_CLOSE,  /* until the connection ends */
	HTTP_FRAMED_TUNNEL, /* 101, or 2xx to CONNECT: bytes of another protocol follow */
};

struct http_response {
	size_t len; /* bytes of the head, the empty line included */
	uint8_t minor;
	uint16_t status;    /* 100 to 999 */
	struct view reason; /* may be empty */
	enum http_framing framed;
	uint64_t length; /* HTTP_FRAMED_LENGTH: at least 1 */
	bool close;      /* the server's last response */
	bool encoded;    /* Content-Encoding, and not identity */
	const char *why; /* HTTP_BAD: static */
};

/* All zero before, then asked with all bytes so far, each time, which may have moved; never HTTP_NOT. */
struct http_response_reader {
	uint32_t at, line;
	uint16_t seen;
	uint16_t status;
	uint8_t minor;
	uint32_t reason; /* length */
	uint64_t length;
	const char *why;
};
enum http_reading http_response_read(struct http_response_reader *r, struct view bytes,
				     const struct http_asked *asked, struct http_response *out);

#endif
