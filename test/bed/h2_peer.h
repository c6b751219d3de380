/*
 * h2_peer.h - a client or a server of HTTP/2 in memory, and a bed in which an exchange stands between two of them
 *
 * Bodies are counted and summed; their first bytes are kept.  A body to be sent is a text, or so many bytes of a pattern.
 */
#ifndef TEST_BED_H2_PEER_H
#define TEST_BED_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "http/exchange.h"

#define H2_PEER_STREAMS 600u
#define H2_PEER_HEAD 4096u
#define H2_PEER_BODY 2048u

/* A stream as this peer sees it. */
struct h2_seen {
	int32_t id;
	char head
	    [H2_PEER_HEAD]; /* "name: value\n" for each field of the last head; the request's or the response's */
	char interim[512];           /* those of 1xx, one after the other */
	char trailers[H2_PEER_HEAD]; /* */
	char body[H2_PEER_BODY + 1]; /* its first bytes */
	uint64_t got, sum;           /* bytes, and their sum (h2_peer_sum()) */
	bool begun, ended;           /* the head came; all came */
	bool never;                  /* a field came that may not be indexed */
	int32_t closed;              /* -1: not yet; else RST_STREAM's code, 0 for a proper end */
	/* What this peer sends. */
	const char *text;      /* NULL: the pattern */
	uint64_t to_send, out; /* so many bytes there are, so many went */
	bool holds;            /* more may be added: h2_peer_more() */
	const char *trailer;   /* "name: value" or NULL */
};

struct h2_peer {
	nghttp2_session *session;
	bool server, mute; /* mute: a server that answers nothing by itself */
	bool lazy;         /* gives no windows back (h2_peer_read()) */
	struct h2_seen seen[H2_PEER_STREAMS];
	uint32_t n;
	uint32_t resets; /* RST_STREAM that came */
	int32_t goaway;  /* its code; -1: none came */
	int32_t goaway_last;
	uint32_t settings; /* SETTINGS that came (not ACKs) */
	int broke;         /* what the library said of bytes that came; 0: all is well */
	/* A request's head is there.  NULL: 200 and the path as a body. */
	void (*on_request)(struct h2_peer *p, struct h2_seen *s);
	void *ctx;
};

struct h2_peer_options {
	bool server;
	uint32_t window;  /* of a stream, 0: 65535 */
	uint32_t streams; /* most at once; 0: any */
	bool connect;     /* extended CONNECT (RFC 8441) */
	bool unchecked;   /* what it sends and gets need not be HTTP */
};

struct h2_peer *h2_peer_new(const struct h2_peer_options *o);
void h2_peer_free(struct h2_peer *p);
/* fields: "name: value\n" each; pseudo-fields first, with their colon.  body: NULL: the pattern, len bytes; end: nothing follows. */
struct h2_seen *h2_peer_request(struct h2_peer *p, const char *fields, const char *body, uint64_t len);
void h2_peer_respond(struct h2_peer *p, struct h2_seen *s, const char *fields, const char *body,
		     uint64_t len);
/* One that is left open: its first bytes are text. */
struct h2_seen *h2_peer_open(struct h2_peer *p, const char *fields, const char *text);
void h2_peer_more(struct h2_peer *p, struct h2_seen *s, const char *text, bool last);
struct h2_seen *h2_peer_find(struct h2_peer *p, int32_t id);
uint64_t h2_peer_sum(uint64_t len); /* of a pattern */

/* --- the bed --------------------------------------------------------------------------------------------------------- */

struct h2_bed {
	struct exchange *x;
	struct h2_peer *client, *server; /* server NULL: its bytes are kept in h1 */
	struct exchange_env env;
	usec_t now;
	size_t piece; /* bytes that are handed over at once; 0: all */
	/* Read by the env of the bed. */
	void (*judge)(struct h2_bed *b, const struct request *r, struct request_answer *out);
	bool (*leaked)(struct h2_bed *b, const struct request_leak *l, struct request_answer *out);
	char log
	    [16384]; /* "METHOD authority path status\n" for each request that is over; "refused" after it */
	char leaks[1024];
	uint64_t sent, gotten; /* of the records */
	uint32_t judged, done;
	/* Bytes the peers did not hand over yet. */
	uint8_t *kept[2];
	size_t nkept[2], kept_room[2];
	char h1[65536];
	size_t nh1;
	void *ctx;
};

void h2_bed_open(struct h2_bed *b, const struct h2_peer_options *client,
		 const struct h2_peer_options *server);
void h2_bed_close(struct h2_bed *b);
/* Bytes, until nobody has any more. */
void h2_bed_run(struct h2_bed *b);
/* Bytes that no library would send. */
void h2_bed_raw(struct h2_bed *b, enum side from, const void *bytes, size_t n);

#endif
