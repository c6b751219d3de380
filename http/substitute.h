/*
 * substitute.h - values put in where placeholders stood, and taken out of responses
 *
 * All of these write into buffers that are wiped when they are freed (struct clear).
 */
#ifndef HTTP_SUBSTITUTE_H
#define HTTP_SUBSTITUTE_H

#include "http/scan.h"

/* Bytes that may hold values: grows up to max, wiped before it is given back. */
struct clear {
	uint8_t *p;
	size_t len, room, max;
	bool failed; /* it would not fit, or no memory: nothing more is added */
};
void clear_add(struct clear *c, const void *from, size_t n);
void clear_free(struct clear *c);

/* What was found on the way: the first leak, if any. */
struct substitution {
	uint64_t replaced; /* a bit for each secret that was put in */
	bool leak;
	uint32_t leaked; /* its number in the set */
	enum secret_place place;
	enum scan_form form;
};

/* A header field's value (name in lower case): placeholders replaced as the plan allows; Authorization and Proxy-Authorization with Basic are
 * decoded, replaced, encoded anew.  Appended to out. */
void substitute_header(const struct secret_plan *p, struct view name, struct view value, struct clear *out,
		       struct substitution *s);
/* A request target: in the path nothing is put in, in the query as the plan allows (values percent-encoded there). */
void substitute_target(const struct secret_plan *p, struct view target, struct clear *out,
		       struct substitution *s);
/* A whole body. json: values are escaped as JSON strings need it where the content type says JSON. */
void substitute_body(const struct secret_plan *p, struct view body, bool json, struct clear *out,
		     struct substitution *s);
/* Does the plan put anything into bodies?  Then they are gathered (SUBSTITUTE_BODY). */
bool substitute_wants_body(const struct secret_plan *p);

/*
 * A body in pieces that nothing is put into, searched: leaks only.  The piece may pass if s->leak is still false; what passed before
 * a hit was complete has left (a placeholder's beginning), which tells nobody anything.
 */
void substitute_watch(const struct secret_plan *p, struct scan *scan, enum secret_place place,
		      struct view bytes, struct substitution *s);

/* Responses: the values of the set become placeholders.  A header value, whole. */
void redact_header(const struct secret_plan *p, struct view value, struct clear *out);
/* A body in pieces: what may leave is appended to out; up to one value's length is held back until flush. */
struct redact {
	struct scan scan;
	struct clear held;
};
bool redact_wants_body(const struct secret_plan *p);
void redact_begin(struct redact *r, const struct secret_plan *p);
void redact_body(struct redact *r, const struct secret_plan *p, struct view bytes, bool last,
		 struct clear *out);
void redact_end(struct redact *r);

#endif
