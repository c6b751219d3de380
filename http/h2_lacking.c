/*
 * h2_lacking.c - stands in for what substitute.h promises, until that is there
 */
#include "http/substitute.h"

#include <stdlib.h>

#define WEAK __attribute__((weak))

WEAK void
clear_add(struct clear *c, const void *from, size_t n)
{
	uint8_t *p = c->failed || n > c->max - c->len ? NULL : realloc(c->p, c->len + n + 1);

	if (!p) {
		c->failed = true;
		return;
	}
	if (n)
		memcpy(p + c->len, from, n);
	c->p = p;
	c->len += n;
}

WEAK void
clear_free(struct clear *c)
{
	free(c->p);
	*c = (struct clear){.max = c->max};
}

WEAK void
substitution_told(const struct secret_plan *p, struct substitution *s)
{
	(void)p;
	s->leak = false;
}

WEAK void
substitute_header(const struct secret_plan *p, struct view name, struct view value, struct clear *out,
		  struct substitution *s)
{
	(void)p, (void)name, (void)s;
	clear_add(out, value.p, value.len);
}

WEAK void
substitute_target(const struct secret_plan *p, struct view target, struct clear *out, struct substitution *s)
{
	(void)p, (void)s;
	clear_add(out, target.p, target.len);
}

WEAK enum body_kind
substitute_body_kind(struct view content_type)
{
	(void)content_type;
	return BODY_PLAIN;
}

WEAK void
substitute_body(const struct secret_plan *p, struct view body, enum body_kind kind, struct clear *out,
		struct substitution *s)
{
	(void)p, (void)kind, (void)s;
	clear_add(out, body.p, body.len);
}

WEAK bool
substitute_wants_body(const struct secret_plan *p)
{
	(void)p;
	return false;
}

WEAK void
substitute_watching(const struct secret_plan *p, struct scan *scan)
{
	(void)p, (void)scan;
}

WEAK void
substitute_watch(const struct secret_plan *p, struct scan *scan, enum secret_place place, struct view bytes,
		 struct substitution *s)
{
	(void)p, (void)scan, (void)place, (void)bytes, (void)s;
}

WEAK void
redact_header(const struct secret_plan *p, struct view value, struct clear *out)
{
	(void)p;
	clear_add(out, value.p, value.len);
}

WEAK bool
redact_wants_body(const struct secret_plan *p)
{
	(void)p;
	return false;
}

WEAK void
redact_begin(struct redact *r, const struct secret_plan *p)
{
	(void)r, (void)p;
}

WEAK void
redact_body(struct redact *r, const struct secret_plan *p, struct view bytes, bool last, struct clear *out)
{
	(void)r, (void)p, (void)last;
	clear_add(out, bytes.p, bytes.len);
}

WEAK void
redact_end(struct redact *r)
{
	(void)r;
}
