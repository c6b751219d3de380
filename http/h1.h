/*
 * h1.h - the parts of exchange_h1()
 *
 * One request is under way at a time: the next is read when the response to the one before is complete, so a response cannot be
 * taken for another request's.  (Clients that pipeline wait in their own connection.)  Each side has a small machine:
 *
 *     client   HEAD ─► LENGTH | CHUNKED ─► WAIT ─► HEAD ...      WAIT ─► TUNNEL      any ─► OVER
 *     server   NONE ─► HEAD ─► LENGTH | CHUNKED | CLOSE ─► DONE ─► NONE ...   HEAD ─► TUNNEL   any ─► OVER
 *
 *     h1.c            the exchange's calls, and how a request, or all, comes to an end
 *     h1_request.c    what the client says
 *     h1_response.c   what the server says
 *     h1_head.c       heads written anew: secrets put in and taken out, fields left out and added
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "http/exchange_int.h"
#include "http/response.h"
#include "http/waiting.h"

#define H1_HEAD_OUT (2 * HTTP_HEAD_MAX) /* bytes of a head with the secrets in it */
#define H1_DROP 65536u /* bytes of a refused request's body that are read so that the next may come */

enum h1_in { IN_HEAD, IN_LENGTH, IN_CHUNKED, IN_WAIT, IN_TUNNEL, IN_OVER };
enum h1_out { OUT_NONE, OUT_HEAD, OUT_LENGTH, OUT_CHUNKED, OUT_CLOSE, OUT_DONE, OUT_TUNNEL, OUT_OVER };
/* What becomes of a request's body. */
enum h1_body { BODY_PASSED, BODY_GATHERED, BODY_DROPPED };
/* How a response's body is written. */
enum h1_written {
	WRITTEN_AS_IS,    /* by length; until close; chunk for chunk */
	WRITTEN_CHUNKED,  /* in chunks of our own */
	WRITTEN_UNFRAMED, /* chunks are taken apart: it ends with the connection */
};

/* The request under way. */
struct h1_request {
	bool judged;        /* it is one: done() is owed */
	struct http_head h; /* views into h1.head, as those of r */
	struct request r;
	struct secret_plan plan; /* its set is kept */
	struct substitution found;
	struct request_record record;
	char *path;
};

struct h1 {
	struct exchange base;
	struct exchange_h1_options o;
	struct waiting to[2];  /* of side: what waits to be sent there */
	struct clear whole;    /* ... to the server, after that: a body with secrets in it */
	size_t whole_at;       /* of it, sent */
	bool end[2];           /* of side: it says no more */
	bool closing;          /* this request is the last */
	bool served;           /* a request has been answered, by the server or by us */
	usec_t last;           /* when the latest bytes came */
	struct h1_request now; /* all zero: none */

	enum h1_in in;
	struct http_reader reader;
	struct waiting head; /* of the request: kept until it is over */
	usec_t since;        /* its first byte */
	enum { H1_EMPTY_NONE, H1_EMPTY_MAY, H1_EMPTY_CR } empty_line; /* may come before a request */
	enum h1_body body;
	uint64_t left; /* IN_LENGTH: of the body */
	uint32_t dropped;
	bool expecting; /* Expect: nothing of the body has come */
	struct http_chunks chunks;
	struct waiting trailer;
	struct waiting gathered;
	struct body_search put; /* of it */
	struct clear pending;   /* head of a request whose body is gathered, without its length */
	struct scan scan;

	enum h1_out out;
	struct http_response_reader answer_reader;
	struct waiting answer; /* the head so far; then its trailer */
	struct http_response rh;
	enum h1_written written;
	bool cut_off; /* when the response is complete the rest of the request is not waited for */
	bool redacting;
	struct redact redact;
	uint64_t rest; /* OUT_LENGTH: of the body */
	struct http_chunks rchunks;
};

/* --- h1.c --- */
/* Send that there; false: no memory, it has failed. */
bool h1_send(struct h1 *h, enum side to, const void *bytes, size_t n);
/* The line before a chunk of that size, which is not zero. */
void h1_send_chunk_size(struct h1 *h, enum side to, uint64_t size);
/* How much more may wait there. */
size_t h1_room(const struct h1 *h, enum side to);
/* Bytes of a body that is gathered, and of what is made of it. */
size_t h1_gathered(const struct h1 *h);
/* The end, at once: what waits for the server is not sent. */
void h1_fail(struct h1 *h, const char *why, bool by_server, usec_t now);
/* The same, and if the client had nothing of a response yet, one of ours: why (static) is its text, and if more is set, that is told. */
void h1_fail_with(struct h1 *h, uint16_t status, const char *why, const char *more, bool by_server,
		  usec_t now);
/* Our own response to the request under way; what becomes of the connection follows from the request. */
void h1_refuse(struct h1 *h, const struct request_answer *a, usec_t now);
/* ... when part of it has gone to the server: both connections break. */
void h1_refuse_late(struct h1 *h, const struct request_answer *a, const char *why, usec_t now);
/* Both halves of the request are complete. */
void h1_request_over(struct h1 *h, usec_t now);
/* No more will be read from either side; what waits is sent. */
void h1_over(struct h1 *h, usec_t now);

/* --- h1_request.c --- */
size_t h1_client_step(struct h1 *h, struct view bytes, usec_t now);

/* --- h1_response.c --- */
size_t h1_server_step(struct h1 *h, struct view bytes, usec_t now);
/* A body that ends with the connection has ended. */
void h1_close_ends_body(struct h1 *h, bool clean, usec_t now);

/* --- h1_head.c --- */
/*
 * The request's head as the server gets it, into out; without the empty line (and the length) if the body is gathered.  False: *a
 * is the answer.
 */
bool h1_write_request(struct h1 *h, struct clear *out, struct request_answer *a);
/* The response's; false: no memory, or too long. */
bool h1_write_response(struct h1 *h, struct view head, struct clear *out);
/* Trailer fields that may be passed on; request: else of a response.  False: *a is the answer (request), or no memory. */
bool h1_write_trailer(struct h1 *h, bool request, struct view trailer, struct clear *out,
		      struct request_answer *a);
/* Is there an Upgrade that may pass? */
bool h1_keeps_upgrade(const struct h1 *h);
/* The value of the request's first field of this name (lower case); empty: none. */
struct view h1_field(const struct h1 *h, const char *name);

#endif
