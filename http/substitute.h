/*
 * substitute.h - values put in where placeholders stood, and taken out of responses
 *
 * All of these write into buffers that are wiped when they are freed (struct clear).
 */
#ifndef HTTP_SUBSTITUTE_H
#define HTTP_SUBSTITUTE_H

#include "http/scan.h"

/* Bytes that may hold values: grows up to max, wiped whenever memory is given back.  All zero but max before. */
struct clear {
	uint8_t *p;
	size_t len, room, max;
	bool failed; /* it would not fit, or no memory: nothing more is added */
};
void clear_add(struct clear *c, const void *from, size_t n);
void clear_reserve(struct clear *c,
		   size_t n); /* room for n more at once; what cannot be had is told by clear_add() */
void clear_free(struct clear *c);

/* What was found on the way.  All zero before a request; it goes through all of its parts. */
struct substitution {
	uint64_t replaced; /* a bit for each secret that was put in */
	/* The leak that was not told yet, with the strictest action (terminate, block, log); of equal ones the first met. */
	bool leak;
	uint32_t leaked; /* its number in the set */
	enum secret_place place;
	enum scan_form form;
	/* All leaks, each where it was met first; and those that substitution_told() was called for. */
	uint64_t leaks, told;
	uint8_t first_place[SECRETS], first_form[SECRETS];
};
/* The leak was told, and the request may go on (SECRET_LOG): the next one, if any, takes its place.  A secret is told once. */
void substitution_told(const struct secret_plan *p, struct substitution *s);

/*
 * Where a placeholder may be put in, it is in these forms: as it is; in a query and a form body percent-encoded; in a JSON body
 * escaped; in Basic credentials as base64 of these bytes.  In any other form it is a leak there, too.  Of placeholders that overlap the
 * first is replaced.
 */

/* A header field's value (name in lower case): placeholders replaced as the plan allows; Authorization and Proxy-Authorization with Basic are
 * decoded, replaced, encoded anew.  Appended to out. */
void substitute_header(const struct secret_plan *p, struct view name, struct view value, struct clear *out,
		       struct substitution *s);
/* A request target: in the path nothing is put in, in the query as the plan allows (values percent-encoded there). */
void substitute_target(const struct secret_plan *p, struct view target, struct clear *out,
		       struct substitution *s);

/* What a body is written as, by its Content-Type: values are escaped as that needs. */
enum body_kind { BODY_PLAIN, BODY_JSON, BODY_FORM };
enum body_kind substitute_body_kind(struct view content_type);
/* A whole body. */
void substitute_body(const struct secret_plan *p, struct view body, enum body_kind kind, struct clear *out,
		     struct substitution *s);
/*
 * The same for a body that comes in pieces and is gathered: each is searched as it comes, so that none costs more than its own length.
 * `body` is always all of it so far.
 */
struct body_search {
	struct scan scan;
	enum body_kind kind;
	size_t
	    done; /* bytes that are in out, or were replaced; 0: nothing was put in, the body stays as it is */
	struct clear out; /* grows only once something is put in; with the end it is the new body */
};
void body_search_begin(struct body_search *b, const struct secret_plan *p, enum body_kind kind, size_t max);
void body_search_more(struct body_search *b, const struct secret_plan *p, struct view body,
		      struct substitution *s);
/* out.failed: it would be longer than max, or no memory. */
void body_search_end(struct body_search *b, struct view body);
/* Does the plan put anything into bodies?  Then they are gathered (SUBSTITUTE_BODY). */
bool substitute_wants_body(const struct secret_plan *p);

/*
 * Bytes in pieces that nothing is put into, searched: leaks only.  *scan: scan_begin() with the set's placeholders (substitute_watching()).
 * The piece may pass if s->leak is still false; what passed before a hit was complete has left (a placeholder's beginning), which
 * tells nobody anything.
 */
void substitute_watching(const struct secret_plan *p, struct scan *scan);
void substitute_watch(const struct secret_plan *p, struct scan *scan, enum secret_place place,
		      struct view bytes, struct substitution *s);

/*
 * Responses: values become placeholders.  In headers those of all secrets with redact_headers; in bodies those that the plan puts in, with
 * redact_body: nobody else was given them.  Of values that overlap the one that begins first, and then the longest; no byte of
 * another that overlaps it leaves, either.
 */
void redact_header(const struct secret_plan *p, struct view value, struct clear *out); /* a value, whole */
/* A body in pieces: what may leave is appended to out; up to one value's length is held back until `last`. */
struct redact {
	struct scan scan;
	struct clear held; /* bytes of the stream from `base` on */
	uint64_t base;
	uint64_t done;   /* bytes of the stream that have left, or were replaced */
	uint64_t which;  /* a bit for each secret that is looked for */
	bool found;      /* a value, not yet replaced */
	bool found_over; /* ... that begins in the one replaced last */
	uint32_t found_which, gone_which;
	uint64_t found_begin, found_end;
};
bool redact_wants_body(const struct secret_plan *p);
void redact_begin(struct redact *r, const struct secret_plan *p);
/* out->failed or r->held.failed: no memory; the body must not go on. */
void redact_body(struct redact *r, const struct secret_plan *p, struct view bytes, bool last,
		 struct clear *out);
void redact_end(struct redact *r);

#endif
