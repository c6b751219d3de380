/*
 * secret_kit.h - sets of secrets for tests, written in a line each
 */
#ifndef TEST_UNIT_SECRET_KIT_H
#define TEST_UNIT_SECRET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/substitute.h"

/* The set's texts are the caller's, static; it is freed with secret_set_drop(). */
static void
kit_wipe(void *ctx, struct secret_set *s)
{
	(void)ctx;
	for (uint32_t i = 0; i < s->n; i++) {
		nameset_free(s->secret[i].hosts);
		nameset_free(s->secret[i].pass_hosts);
	}
	free(s);
}

static inline struct secret_set *
kit_set(void)
{
	struct secret_set *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->wipe = kit_wipe;
	return s;
}

static inline struct view
kit_view(const char *text)
{
	return view_of(text, strlen(text));
}

/* host NULL: any. */
static inline struct secret *
kit_add(struct secret_set *s, const char *placeholder, const char *value, const char *host, unsigned places)
{
	struct secret *one = &s->secret[s->n++];
	struct name name;

	*one = (struct secret){.placeholder = kit_view(placeholder),
			       .value = kit_view(value),
			       .any_host = !host,
			       .places = places};
	if (host) {
		bool suffix = strncmp(host, "*.", 2) == 0;

		one->hosts = nameset_new();
		assert_non_null(one->hosts);
		host += suffix ? 2 : 0;
		assert_true(name_parse(host, strlen(host), &name) && nameset_add(one->hosts, &name, suffix));
		assert_true(nameset_seal(one->hosts));
	}
	return one;
}

static inline struct secret_plan
kit_plan(struct secret_set *s, const char *host)
{
	struct secret_plan p;
	struct name name;

	assert_true(!host || name_parse(host, strlen(host), &name));
	secret_plan_for(&p, s, host ? &name : NULL, true, true);
	return p;
}

static inline void
assert_clear(const struct clear *c, const char *text)
{
	assert_false(c->failed);
	assert_int_equal(c->len, strlen(text));
	assert_memory_equal(c->p ? (const char *)c->p : "", text, c->len);
}

#endif
