/*
 * h2.h - the parts of an exchange whose client speaks HTTP/2
 *
 *             HTTP/2 session (h2_client.c)                      HTTP/2 session (h2_server.c)
 *     client ◄──────────────► streams: judged, bodies   ◄──────────────►  server
 *                             searched or rewritten            or, one by one,
 *                             (h2_request.c, h2_response.c)    HTTP/1.1 (h2_down.c)
 *
 * A stream of the client's is one stream (request) of the server's.  Each direction of a stream has a queue, filled as
 * DATA comes and emptied as the other session makes frames; a window is given back for what was taken out of it, so no queue is longer
 * than the window that was told:
 *
 *     towards       of a stream          of the connection
 *     server        64 KiB, then 256     1 MiB         (wider once more than half of the first was sent on)
 *     client        256 KiB              1 MiB
 *
 * While a stream waits for its turn (the server's limit, a server that speaks HTTP/1.1, a body that is gathered whole), the connection's
 * window is given back at once, so that those that wait cannot starve those that are served: 64 KiB wait for each of them.
 *
 * All memory comes from one heap, which wipes what it gets back, knows all that is out, and can be told to fail.  The library is not
 * whole after an allocation failed (a stream of 1.52 keeps a pointer to the DATA item that submit_data has freed), so its sessions are
 * not entered any more then, not even to delete them: the heap gives everything back.
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include <nghttp2/nghttp2.h>

#include "http/exchange_int.h"

#define H2_STREAMS 100u       /* of the client, at once */
#define H2_STREAMS_KEPT 256u  /* known at once: also those whose end the server was not told yet */
#define H2_FIELDS 1024u       /* of one head or trailer ... */
#define H2_FIELD_BYTES 65536u /* ... and their bytes, as RFC 9113 6.5.2 counts them */
#define H2_METHOD_MAX 32u
#define H2_HEADS_WAIT (64u << 10)    /* bytes of heads that wait to go out, before no more is taken */
#define H2_HEADS_REFUSE (256u << 10) /* ... before a stream that begins is refused */
#define H2_ITEMS_WAIT 256u           /* frames that wait to go out */
#define H2_WINDOW_FIRST 65535        /* of a stream, towards the server: HTTP/2's own */
#define H2_WINDOW_CLIENT (256 << 10)
#define H2_WINDOW_SERVER (256 << 10)
#define H2_CONNECTION_CLIENT (1 << 20)
#define H2_CONNECTION_SERVER (1 << 20)
#define H2_FRAME 16640u /* the longest frame we send: 16384 and what is around it, with room */
#define H2_PREFACE_TIME (10 * USEC_PER_SEC)
#define H2_HEAD_TIME (30 * USEC_PER_SEC)

/* --- memory (h2_heap.c) ----------------------------------------------------------------------------------------- */

struct h2_heap {
	void *(*get)(void *ctx, size_t n); /* NULL: malloc() */
	void *ctx;
	struct h2_block *blocks; /* all that are out */
	size_t held, most;       /* their bytes now, and at most */
	bool failed;             /* there was no memory once */
};
void *h2_get(struct h2_heap *h, size_t n);     /* all zero; NULL: no memory */
void h2_put(struct h2_heap *h, void *p);       /* wiped; NULL is fine */
void h2_heap_clear(struct h2_heap *h);         /* all of it */
nghttp2_mem h2_heap_mem(struct h2_heap *heap); /* the same for the library */

/* Bytes that wait, in pieces; all zero is empty. */
struct h2_piece;
struct h2_queue {
	struct h2_piece *first, *last;
	size_t len;
};
bool h2_queue_add(struct h2_heap *h, struct h2_queue *q,
		  struct view bytes); /* false: no memory; part of it is in */
size_t h2_queue_take(struct h2_heap *h, struct h2_queue *q, uint8_t *to, size_t n);
void h2_queue_clear(struct h2_heap *h, struct h2_queue *q);

/* --- fields (h2_fields.c) --------------------------------------------------------------------------------------- */

struct h2_field {
	uint32_t at, name, value; /* in text: the name begins at `at`, the value follows it */
	bool never;               /* not to be put in a table of HPACK's, here or further on */
};
struct h2_fields {
	struct h2_field *field;
	uint32_t n, room;
	uint8_t *text;
	uint32_t used, text_room;
	uint32_t size; /* as RFC 9113 6.5.2 counts */
	bool over;     /* H2_FIELDS or H2_FIELD_BYTES: nothing more was added */
};
/* False: no memory.  Beyond the bounds it is true, and `over` set. */
bool h2_fields_add(struct h2_heap *h, struct h2_fields *f, struct view name, struct view value, bool never);
void h2_fields_clear(struct h2_heap *h, struct h2_fields *f);
struct view h2_fields_name(const struct h2_fields *f, uint32_t i);
struct view h2_fields_value(const struct h2_fields *f, uint32_t i);
/* The first of that name (lower case); false: there is none. */
bool h2_fields_find(const struct h2_fields *f, const char *name, struct view *value);
bool h2_is(struct view v, const char *text); /* byte by byte */
struct view h2_text(const char *text);
/* For the library: borrows from f; to be given back with h2_put().  NULL: no memory. */
nghttp2_nv *h2_fields_nva(struct h2_heap *h, const struct h2_fields *f);

/* --- streams ------------------------------------------------------------------------------------------------------ */

struct h2_exchange;

/* One direction of a stream. */
struct h2_flow {
	struct h2_queue queue;
	size_t owed;             /* of the sender's window for the stream: given back as the queue empties */
	size_t owed_all;         /* ... and for its connection; less, while the stream waited */
	bool ended;              /* nothing more will be added */
	bool sent;               /* ... and all of it has left */
	bool asleep;             /* the session that sends waits to be told of more */
	bool trailers;           /* `fields` are to follow */
	struct h2_fields fields; /* a head that waits (a request's), then the trailers */
};

struct h2_stream {
	struct h2_stream *next, *prev;
	struct h2_exchange *x;
	int32_t id;          /* the client's */
	int32_t up;          /* the server's; 0: none */
	bool open[2];        /* at that side */
	bool judged;         /* request and answer are there */
	bool refused;        /* the response is our own */
	bool begun;          /* the response's head (not 1xx) went to the client */
	bool gathers;        /* the body is waited for as a whole */
	bool waits;          /* the server has not seen it: what comes must not hold up those that it has */
	bool tunnel;         /* extended CONNECT */
	bool head;           /* HEAD: a response has no body */
	enum body_kind kind; /* of the request's body */
	bool redacts;        /* the response's body */
	bool widened;        /* its window */
	bool went;           /* some of the request left for the server */
	struct h2_flow flow[2];  /* towards that side */
	struct request request;  /* its views and path point into text */
	uint8_t *text;           /* */
	struct secret_plan plan; /* its set is kept */
	struct scan scan;        /* of the request's body */
	struct redact redact;    /* of the response's */
	struct clear body;       /* gathered */
	struct body_search put;  /* of it */
	/* For a server that speaks HTTP/1.1: */
	struct h2_queue head_out; /* the head, later the trailer, as they go out */
	size_t heads;             /* bytes of the head, counted in x->end[].heads while they wait */
	bool chunked;
	struct substitution found;
	struct request_record record;
};

/* --- the exchange --------------------------------------------------------------------------------------------------- */

/* So many at once, so many a second. */
struct h2_bucket {
	usec_t at;
	uint32_t used;
};

struct h2_end {
	nghttp2_session *session; /* NULL: HTTP/1.1 */
	uint8_t *out;             /* frames on their way, NULL: none; 2 * H2_FRAME */
	uint32_t at, len;
	size_t heads;          /* bytes of heads that wait to go out there */
	struct h2_fields in;   /* the head or trailers that are being read */
	usec_t head_since;     /* 0: none is */
	struct h2_bucket idle; /* frames that say nothing */
	struct h2_bucket resets;
	bool settings; /* its SETTINGS came */
	bool gone;     /* it will say no more */
};

/* Whoever speaks to the server. */
struct h2_up {
	/* flow[SIDE_SERVER].fields is the head; the body comes with more(). `false`: no memory. */
	bool (*request)(struct h2_exchange *x, struct h2_stream *s);
	void (*more)(struct h2_exchange *x, struct h2_stream *s);
	void (*reset)(struct h2_exchange *x, struct h2_stream *s, uint32_t code);
	/* Of the response have left: n bytes of its window, all of the connection's. */
	void (*credit)(struct h2_exchange *x, struct h2_stream *s, size_t n, size_t all);
	size_t (*take)(struct h2_exchange *x, struct view bytes);
	void (*end)(struct h2_exchange *x, bool clean);
	/* Bytes for the server into `out`; true: there were some. */
	bool (*fill)(struct h2_exchange *x);
	bool (*over)(const struct h2_exchange *x); /* nothing more will be sent */
	void (*close)(struct h2_exchange *x);      /* there will be no more streams */
};

struct h2_down;

struct h2_exchange {
	struct exchange x;
	struct h2_heap heap;
	struct exchange_h2_options o;
	const struct h2_up *up;
	struct h2_down *down; /* h1_server */
	struct h2_end end[2];
	struct h2_stream *first, *last;
	uint32_t nstreams;
	struct h2_stream *gatherer; /* whose gathered body may be longer than its window */
	size_t gathered;            /* bytes of bodies that are gathered, and of what is made of them */
	size_t bodies;              /* ... of those that were, and wait to leave */
	usec_t now, began;
	bool leaving;    /* streams that are open are the last */
	usec_t leave_by; /* the server is gone: what it said must be fetched until then */
	bool closed;     /* there are none left */
	/* A session is beyond help; dealt with when nothing of the library's is on the call stack. */
	const char *broken[2];
	uint32_t code; /* what GOAWAY says of it */
};

/* heap: get and ctx are taken from it; NULL: malloc(). */
struct exchange *h2_new(const struct exchange_env *env, const struct exchange_h2_options *o,
			const struct h2_heap *heap);
const struct h2_heap *h2_heap_of(const struct exchange *x);

/* h2.c */
struct h2_stream *h2_stream_new(struct h2_exchange *x, int32_t id); /* NULL: no memory */
/* It has ended at that side; with the last of both it is told and freed. */
void h2_stream_closed(struct h2_exchange *x, struct h2_stream *s, enum side at);
void h2_fail(struct h2_exchange *x, enum side whose, uint32_t code,
	     const char *why); /* the first one counts */
/* The exchange is over.  What a callback of the library's returns then. */
int h2_no_memory(struct h2_exchange *x);
/* No more streams: they are told, and those that are open are the last. */
void h2_leave(struct h2_exchange *x);
bool h2_bucket_take(struct h2_bucket *b, uint32_t most, uint32_t a_second,
		    usec_t now); /* false: it is empty */

/* h2_flow.c */
/* n bytes of flow[to] have left, or will never. */
void h2_flow_left(struct h2_exchange *x, struct h2_stream *s, enum side to, size_t n);
void h2_flow_drop(struct h2_exchange *x, struct h2_stream *s, enum side to);
/* Bytes came for it. */
void h2_flow_owe(struct h2_exchange *x, struct h2_stream *s, enum side to, size_t n);
bool h2_flow_add(struct h2_exchange *x, struct h2_stream *s, enum side to, struct view bytes);

/* h2_session.c: what both sessions share.  Their user_data is the exchange, a stream's the stream. */
bool h2_session_open(struct h2_exchange *x, enum side at, const nghttp2_settings_entry *settings, size_t n,
		     int32_t window);
bool h2_session_fill(struct h2_exchange *x, enum side to);
size_t h2_session_take(struct h2_exchange *x, enum side from, struct view bytes);
bool h2_session_over(const struct h2_exchange *x, enum side at);
ssize_t h2_session_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t n, uint32_t *flags,
			nghttp2_data_source *source, void *ctx);
/* What the library said of what it was told: of a session that is not gone only memory can fail. */
void h2_session_submitted(struct h2_exchange *x, int rv);
/* Nothing is said any more of a stream that is closed at that side, or to a side that is gone. */
void h2_session_more(struct h2_exchange *x, struct h2_stream *s, enum side to);
void h2_session_reset(struct h2_exchange *x, struct h2_stream *s, enum side at, uint32_t code);
/* Of what came from there have left: n bytes of the stream's window, all of the connection's. */
void h2_session_credit(struct h2_exchange *x, struct h2_stream *s, enum side from, size_t n, size_t all);

/* h2_client.c */
bool h2_client_open(struct h2_exchange *x);
void h2_client_callbacks(nghttp2_session_callbacks *cb);
/* A frame of a stream's has left for the client: 0, or what a callback returns. */
int h2_client_sent(struct h2_exchange *x, struct h2_stream *s, const nghttp2_frame *frame);
/* The server has extended CONNECT. */
void h2_client_websockets(struct h2_exchange *x);
bool h2_client_head(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool interim,
		    bool end);
/* Its body is a long one, and the server reads it. */
void h2_client_widen(struct h2_exchange *x, struct h2_stream *s);
void h2_client_leave(struct h2_exchange *x);

/* h2_server.c, h2_down.c */
extern const struct h2_up h2_server, h2_down;
bool h2_server_open(struct h2_exchange *x);
void h2_server_callbacks(nghttp2_session_callbacks *cb);
/* A frame of a stream's has left for the server. */
void h2_server_sent(struct h2_stream *s, const nghttp2_frame *frame);
bool h2_down_open(struct h2_exchange *x);
void h2_down_free(struct h2_exchange *x);

/* h2_request.c.  False: no memory. */
bool h2_request_head(struct h2_exchange *x, struct h2_stream *s, struct h2_fields *f, bool end);
bool h2_request_data(struct h2_exchange *x, struct h2_stream *s, struct view bytes);
bool h2_request_end(struct h2_exchange *x, struct h2_stream *s, struct h2_fields *trailers);
bool h2_request_submit(struct h2_exchange *x, struct h2_stream *s);
/* A body that was gathered is given back. */
void h2_gathered_free(struct h2_exchange *x, struct h2_stream *s);
/* Its body is no longer here, or never will be: the next one's turn. */
void h2_gather_done(struct h2_exchange *x, struct h2_stream *s);

/* h2_fit.c: what becomes of fields between the two sides, into out.  False: no memory.  (A refusal: s->refused.) */
bool h2_fit_request(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in);
bool h2_fit_trailers(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in);
bool h2_fit_response(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in,
		     struct h2_fields *out, bool trailers);
/* Tells the leaks that were found; refuses the request, if that is what they come to. */
void h2_leaks(struct h2_exchange *x, struct h2_stream *s);

/* h2_response.c: what the server says */
bool h2_response_head(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *f, bool end);
bool h2_response_data(struct h2_exchange *x, struct h2_stream *s, struct view bytes);
bool h2_response_end(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *trailers);
/* The server's stream is over before its time.  code: of RST_STREAM; why: a sentence instead (502 where that still can be said). */
void h2_response_lost(struct h2_exchange *x, struct h2_stream *s, uint32_t code, const char *why);

/* h2_refuse.c: our own responses */
void h2_refuse(struct h2_exchange *x, struct h2_stream *s, const struct request_answer *a);
void h2_refuse_with(struct h2_exchange *x, struct h2_stream *s, uint16_t status, const char *text);

#endif
