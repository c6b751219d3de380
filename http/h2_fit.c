/*
 * h2_fit.c - fields on their way from one side to the other: secrets put in and taken out, hop-by-hop ones left behind
 */
#include "http/h2.h"

void
h2_leaks(struct h2_exchange *x, struct h2_stream *s)
{
	struct request_answer answer;

	while (s->found.leak && !s->refused) {
		struct request_leak leak = {.secret = &s->plan.set->secret[s->found.leaked],
					    .place = s->found.place,
					    .form = scan_form_name(s->found.form)};

		answer = (struct request_answer){.status = 0};
		if (x->x.env->leaked(x->x.env->ctx, &s->request, &leak, &answer))
			substitution_told(&s->plan, &s->found);
		else
			h2_refuse(x, s, &answer);
	}
}

static bool
add_plain(struct h2_exchange *x, struct h2_fields *to, const char *name, struct view value)
{
	return h2_fields_add(&x->heap, to, h2_text(name), value, false);
}

/* What substitution made of a value.  Where it changed nothing may index it. */
static bool
add_clear(struct h2_exchange *x, struct h2_fields *to, struct view name, struct view was, struct clear *now,
	  bool never)
{
	bool same = now->len == was.len && (was.len == 0 || memcmp(now->p, was.p, was.len) == 0), ok;

	if (now->failed)
		to->over = true;
	ok = h2_fields_add(&x->heap, to, name, view_of(now->p, now->len), never || !same);
	clear_free(now);
	return ok;
}

static bool
add_request_field(struct h2_exchange *x, struct h2_stream *s, struct h2_fields *to, struct view name,
		  struct view value, bool never)
{
	struct clear out = {.max = H2_FIELD_BYTES};

	if (!s->plan.set)
		return h2_fields_add(&x->heap, to, name, value, never);
	substitute_header(&s->plan, name, value, &out, &s->found);
	return add_clear(x, to, name, value, &out, never);
}

/* Nothing can be put in there; only looked for. */
static void
watch(struct h2_stream *s, struct view bytes)
{
	struct scan scan;

	substitute_watching(&s->plan, &scan);
	substitute_watch(&s->plan, &scan, SECRET_HEADER, bytes, &s->found);
}

static bool
add_pseudo(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in, struct h2_fields *to)
{
	struct request *r = &s->request;
	struct clear target = {.max = H2_FIELD_BYTES};
	struct view method, protocol;
	bool ok;

	h2_fields_find(in, ":method", &method);
	ok = add_plain(x, to, ":method", method) &&
	     add_plain(x, to, ":scheme", h2_text(x->o.tls ? "https" : "http")) &&
	     add_plain(x, to, ":authority", r->authority);
	if (!ok)
		return false;
	if (s->plan.set) {
		watch(s, method);
		watch(s, r->authority);
		substitute_target(&s->plan, r->target, &target, &s->found);
		ok = add_clear(x, to, h2_text(":path"), r->target, &target, false);
	} else {
		ok = add_plain(x, to, ":path", r->target);
	}
	if (ok && s->tunnel && h2_fields_find(in, ":protocol", &protocol))
		ok = add_plain(x, to, ":protocol", protocol);
	return ok;
}

/* Fields that are ours to write, or to leave out. */
static bool
left_out(const struct h2_stream *s, struct view name)
{
	if (name.p[0] == ':' || h2_is(name, "host"))
		return true;
	if (h2_is(name, "content-length") || h2_is(name, "expect"))
		return s->gathers;
	return h2_is(name, "accept-encoding") && s->redacts;
}

/* A value that was put in could end a field, and begin another. */
static bool
has_line_end(const struct h2_fields *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct view v = h2_fields_value(f, i);

		for (size_t k = 0; k < v.len; k++) {
			if (v.p[k] == '\r' || v.p[k] == '\n' || v.p[k] == '\0')
				return true;
		}
	}
	return false;
}

bool
h2_fit_request(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in)
{
	struct h2_fields *to = &s->flow[SIDE_SERVER].fields;

	/* What is to be searched must come as it is (RFC 9110 12.5.3). */
	s->redacts = s->plan.set && !s->tunnel && redact_wants_body(&s->plan);
	if (!add_pseudo(x, s, in, to))
		return false;
	for (uint32_t i = 0; i < in->n; i++) {
		struct view name = h2_fields_name(in, i);

		if (!left_out(s, name) &&
		    !add_request_field(x, s, to, name, h2_fields_value(in, i), in->field[i].never))
			return false;
	}
	if (s->redacts) {
		if (!add_plain(x, to, "accept-encoding", h2_text("identity")))
			return false;
		redact_begin(&s->redact, &s->plan);
	}
	h2_leaks(x, s);
	if (s->plan.set && !s->refused && has_line_end(to))
		h2_refuse_with(x, s, 400, "a secret with a line's end in it cannot stand in a header field");
	if (to->over && !s->refused)
		h2_refuse_with(x, s, 431, "with its secrets the request's header fields are too large");
	return true;
}

/* RFC 9110 6.5.1: not what frames, routes, authenticates or says how to read the content; HTTP/1.1 is where it would be believed. */
static bool
may_trail(struct view name)
{
	static const char *const never[] = {
	    "authorization",
	    "connection",
	    "content-encoding",
	    "content-length",
	    "content-range",
	    "content-type",
	    "cookie",
	    "expect",
	    "host",
	    "keep-alive",
	    "proxy-authorization",
	    "proxy-connection",
	    "set-cookie",
	    "te",
	    "trailer",
	    "transfer-encoding",
	    "upgrade",
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		if (h2_is(name, never[i]))
			return false;
	}
	return name.p[0] != ':';
}

bool
h2_fit_trailers(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in)
{
	struct h2_flow *f = &s->flow[SIDE_SERVER];

	/* RFC 9110 6.5.1: who reads them does not depend on them. */
	if (in->over)
		return true;
	for (uint32_t i = 0; i < in->n; i++) {
		struct view name = h2_fields_name(in, i);

		if (may_trail(name) &&
		    !add_request_field(x, s, &f->fields, name, h2_fields_value(in, i), in->field[i].never))
			return false;
	}
	f->trailers = f->fields.n > 0;
	h2_leaks(x, s);
	return true;
}

bool
h2_fit_response(struct h2_exchange *x, struct h2_stream *s, const struct h2_fields *in, struct h2_fields *out,
		bool trailers)
{
	bool redacts = s->plan.set && s->plan.set->values;

	for (uint32_t i = 0; i < in->n; i++) {
		struct view name = h2_fields_name(in, i), value = h2_fields_value(in, i);
		struct clear redacted = {.max = 2 * H2_FIELD_BYTES};
		bool ok;

		/* A body that is changed is as long as it is. */
		if (s->redacts && !s->head && h2_is(name, "content-length"))
			continue;
		if (trailers && !may_trail(name))
			continue;
		if (!redacts || name.p[0] == ':') {
			ok = h2_fields_add(&x->heap, out, name, value, in->field[i].never);
		} else {
			redact_header(&s->plan, value, &redacted);
			ok = add_clear(x, out, name, value, &redacted, in->field[i].never);
		}
		if (!ok)
			return false;
	}
	return true;
}
