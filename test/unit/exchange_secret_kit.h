/*
 * exchange_secret_kit.h - an exchange of HTTP/1 (exchange_kit.h) whose requests may have one secret
 */
#ifndef TEST_UNIT_EXCHANGE_SECRET_KIT_H
#define TEST_UNIT_EXCHANGE_SECRET_KIT_H

#include "test/unit/exchange_kit.h"

#define P "PLACEHOLDER-7f3a91"

static const struct exchange_h1_options usual = {.tls = true};

/* Its placeholder is P, and its value goes to these places; the value's bytes are the caller's. */
static inline struct secret_set *
one_secret(unsigned places, struct view value)
{
	struct secret_set *s = calloc(1, sizeof(*s));
	static char name[] = "TOKEN";

	assert_non_null(s);
	s->n = 1;
	s->secret[0] = (struct secret){.name = name,
				       .placeholder = view_of(P, sizeof(P) - 1),
				       .value = value,
				       .any_host = true,
				       .places = places,
				       .redact_headers = true};
	assert_true(secret_set_seal(s));
	return s;
}

static inline void
begin(struct talk *t, struct secret_set *s)
{
	talk_begin(t, &usual);
	t->plan = (struct secret_plan){.set = s, .put = 1};
}

static inline void
end(struct talk *t, struct secret_set *s)
{
	talk_end(t);
	secret_set_drop(s);
	free(s);
}

#endif
