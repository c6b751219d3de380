/*
 * policy_kit.h - rules from text, and what was told of them
 */
#ifndef TEST_UNIT_POLICY_KIT_H
#define TEST_UNIT_POLICY_KIT_H

#include "test/unit/wire_kit.h"

#include <stdio.h>

#include "policy/rule.h"
#include "stack/ip_wire.h"

#define KIT_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* All that was told, a line each, "E " or "W " before it. */
struct told {
	char text[65536];
	size_t len;
};

static inline void
kit_told(void *ctx, const struct diag *d)
{
	struct told *t = ctx;
	int n =
	    snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s %s\n", d->error ? "E" : "W", d->text);

	if (n > 0 && t->len + (size_t)n < sizeof(t->text))
		t->len += (size_t)n;
}

/* Files a test makes up. */
struct kit_file {
	const char *path, *text;
};

static inline char *
kit_read(void *ctx, const char *path, size_t *len, const char **why)
{
	for (const struct kit_file *f = ctx; f && f->path; f++)
		if (strcmp(f->path, path) == 0) {
			char *copy = malloc(strlen(f->text) + 1);

			*len = strlen(f->text);
			if (copy)
				memcpy(copy, f->text, *len);
			return copy;
		}
	*why = "No such file or directory";
	return NULL;
}

struct kit_rules {
	struct rules rules;
	struct diag_sink sink;
	struct told told;
	bool good;
};

/* n rules of `file` (NULL: of the command line), from line 10 on, and profiles; freed by kit_free(). */
static inline struct kit_rules *
kit_rules_of(const char *const *text, size_t n, const char *file, const char *profiles,
	     const struct kit_file *files)
{
	struct kit_rules *k = calloc(1, sizeof(*k));
	struct rule_source *src = calloc(n + 1, sizeof(*src));

	assert_non_null(k);
	assert_non_null(src);
	for (size_t i = 0; i < n; i++)
		src[i] = (struct rule_source){text[i], {file, file ? (unsigned)i + 10 : 0, file ? 5 : 0}};
	k->sink = (struct diag_sink){.told = kit_told, .ctx = &k->told};
	k->good = rules_read(&k->rules, src, n, profiles, kit_read, (void *)(uintptr_t)files, &k->sink);
	assert_int_equal(k->good, k->sink.errors == 0);
	free(src);
	return k;
}

static inline void
kit_free(struct kit_rules *k)
{
	rules_free(&k->rules);
	free(k);
}

/* One rule of the command line without profiles. */
static inline struct kit_rules *
kit_rule(const char *text)
{
	return kit_rules_of(&text, 1, NULL, "none", NULL);
}

static inline struct name
kit_name(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

#endif
