/*
 * http2_secret_kit.h - a bed of two peers of HTTP/2 (http2_kit.h) whose requests may have one secret
 */
#ifndef TEST_UNIT_HTTP2_SECRET_KIT_H
#define TEST_UNIT_HTTP2_SECRET_KIT_H

#include "test/unit/http2_kit.h"

#define P "PLACEHOLDER-7f3a91"

struct scene {
	struct h2_bed b;
	struct secret_set set;
	bool put;   /* it may go to where the request goes, at the places it is for */
	bool go_on; /* leaks are only told of */
};

static inline void
judge(struct h2_bed *b, const struct request *r, struct request_answer *out)
{
	struct scene *c = b->ctx;

	(void)r;
	out->plan = (struct secret_plan){.set = &c->set, .put = c->put};
}

static inline bool
leaked(struct h2_bed *b, const struct request_leak *l, struct request_answer *out)
{
	struct scene *c = b->ctx;

	(void)l;
	out->status = 403;
	strcpy(out->text, "TOKEN is not for a.example");
	return c->go_on;
}

/* The texts are the caller's until close_scene(); s NULL: the server speaks HTTP/1.1, by hand. */
static inline struct scene *
open_scene(unsigned places, const char *placeholder, const char *value, const struct h2_peer_options *s)
{
	static char name[] = "TOKEN";
	struct scene *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->put = true;
	c->set.n = 1;
	c->set.secret[0] = (struct secret){.name = name,
					   .placeholder = view_of(placeholder, strlen(placeholder)),
					   .value = view_of(value, strlen(value)),
					   .any_host = true,
					   .places = places,
					   .redact_headers = true,
					   .redact_body = true};
	assert_true(secret_set_seal(&c->set));
	c->b.ctx = c;
	c->b.judge = judge;
	c->b.leaked = leaked;
	h2_bed_open(&c->b, &client, s);
	return c;
}

static inline void
close_scene(struct scene *c)
{
	h2_bed_close(&c->b);
	/* Every stream has given the set back. */
	assert_int_equal(atomic_load(&c->set.users), 1);
	secret_set_drop(&c->set);
	free(c);
}

#endif
