/*
 * request.h - a request as policy sees it, whatever version of HTTP it came in, and the answer to it
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "http/secret.h"
#include "policy/name.h"
#include "stack/addr.h"
#include "stack/time.h"
#include "stack/wire.h"

#define REQUEST_TEXT 512
#define REQUEST_PATH 8192u /* bytes of a path that rules and the log see; a longer one is refused (414) */

/* All views and texts are valid during the call they are passed to. */
struct request {
	uint8_t version; /* 10, 11, 20 */
	bool connect, upgrade;
	struct view method;
	struct view target; /* as it was sent: HTTP/2's :path */
	const char *
	    path; /* normalised (request_path()), without the query; NUL-terminated; "*" of OPTIONS; "": CONNECT */
	struct view authority; /* Host, :authority, or what stands in the target; empty: none (HTTP/1.0) */
	struct name name;      /* the authority, read: len 0: it is no name */
	struct addr addr;      /* unspecified: it is no address */
	uint16_t port;         /* 0: none was written */
	struct view accept;
	uint32_t stream; /* HTTP/2 */
};

/* May it pass? */
struct request_answer {
	uint16_t status;         /* 0: it passes; else a response of our own with it: 403, 421, 400 ... */
	bool close;              /* ... and the connection ends after it (HTTP/1), as a goaway (HTTP/2) */
	char text[REQUEST_TEXT]; /* what the guest reads: one sentence, no newline */
	char rule[REQUEST_TEXT]; /* the rule's text; "": none */
	struct secret_plan
	    plan; /* of secrets, for this request alone; kept (secret_set_keep()) by the exchange until the request is over */
};

/* What a request came to; for the log.  Method, authority and path are those it was judged by. */
struct request_record {
	struct view method, authority;
	const char *path;
	uint8_t version;
	uint16_t status; /* of the response; 0: there was none */
	bool refused;    /* the response is our own */
	uint64_t sent,
	    got; /* bytes of the two contents (of a tunnel: all), as the server got and sent them */
	usec_t began, answered,
	    ended; /* of the request's first byte, the response's head, the last of either; 0: never */
};

/* A misdirected placeholder, or one where it may not be replaced. */
struct request_leak {
	const struct secret *secret;
	enum secret_place place;
	const char *form; /* "raw", "percent", "json", "base64"; static */
};

/* What an exchange asks of whoever made it.  Called in the middle of take(), give() or late(); may not call the exchange. */
struct exchange_env {
	void *ctx;
	void (*judge)(void *ctx, const struct request *r, struct request_answer *out);
	/* *out is filled in with 403 and a text where the answer is not "go on".  Once a request and secret.  True: go on.
	 * r NULL: bytes that are no request (exchange_relay()). */
	bool (*leaked)(void *ctx, const struct request *r, const struct request_leak *l,
		       struct request_answer *out);
	void (*done)(void *ctx, const struct request_record *r);
	/* So many bytes more (less) of bodies that are gathered, to put secrets into: false: there is no room for more, and nothing has
	 * changed.  NULL: each exchange has its own bounds alone. */
	bool (*room)(void *ctx, ptrdiff_t more);
};

/*
 * The path of a target as rules see it, into to (NUL-terminated, size > 0): percent-decoded once, "." and ".." resolved (RFC 3986 5.2.4),
 * doubled slashes made one, the query and fragment left out, and of an absolute target (RFC 9112 3.2.2) scheme and authority.  False: it
 * cannot be: it climbs out of the root, it is too long, a broken or NUL escape, control characters; or servers read it differently: a
 * backslash, dots with parameters ("..;x"), ".." behind a doubled or an escaped slash.  Else an escaped slash ("/@scope%2fname") is one.
 */
bool request_path(struct view target, char *to, size_t size);

/*
 * Our own response, HTTP/1: head and body, to be sent as it is.  JSON where accept prefers application/json, else text:
 *
 *     HTTP/1.1 403 Forbidden ... sluice refused this: POST api.example/x: rule 3 denies it
 *     {"refused":true,"status":403,"text":"...","rule":"..."}
 *
 * Returns its length, at most size; close: with "Connection: close"; no_body: to a HEAD.
 */
size_t request_refusal(const struct request_answer *a, struct view accept, bool close, bool no_body, char *to,
		       size_t size);
/* The body alone and its type, for HTTP/2. */
size_t request_refusal_body(const struct request_answer *a, struct view accept, const char **type, char *to,
			    size_t size);
#define REQUEST_REFUSAL_MAX 4096u

#endif
