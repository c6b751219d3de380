/*
 * option_files.c - which files options name
 *
 * A program that confines itself has to know them before: what a reload reads must stay readable.  Lists stand inside of rules, so
 * the rules are read, with a reader of files that notes their names and finds all of them empty.
 */
#include <stdlib.h>

#include "proxy/options.h"

struct telling {
	void (*told)(void *ctx, const char *path);
	void *ctx;
};

static void
tell(const struct telling *t, const char *path)
{
	if (path)
		t->told(t->ctx, path);
}

static void
tell_all(const struct telling *t, const struct option_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		tell(t, texts->text[i]);
}

static char *
note_list(void *ctx, const char *path, size_t *len, const char **why)
{
	tell(ctx, path);
	*len = 0;
	*why = "no memory";
	return calloc(1, 1);
}

static void
tell_lists(struct telling *t, const struct option_rules *from)
{
	struct diag_sink nobody = {0};
	struct rules rules = {0};

	for (size_t i = 0; i < from->n; i++) {
		const struct sluice_rule *r = &from->rule[i];
		const struct rule_source src = {r->text, {r->file, r->line, r->column}};

		rules_read(&rules, &src, 1, "none", note_list, t, &nobody);
	}
	rules_free(&rules);
}

void
sluice_options_files(const struct sluice_options *o, void (*told)(void *ctx, const char *path), void *ctx)
{
	struct telling t = {told, ctx};

	tell_all(&t, &o->files);
	tell_lists(&t, &o->policy);
	tell_lists(&t, &o->floor);
	tell(&t, o->tls_roots);
	tell_all(&t, &o->extra_roots);
	for (size_t i = 0; i < o->ntls_host; i++) {
		tell(&t, o->tls_host[i].roots);
		tell(&t, o->tls_host[i].certificate);
		tell(&t, o->tls_host[i].key);
	}
}
