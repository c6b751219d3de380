/*
 * ask.c - sluice check and sluice explain: what a configuration says, without starting anything
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diagnose.h"
#include "cli/setup.h"
#include "cli/verbs.h"

/* --- check ------------------------------------------------------------------------------------------------- */

struct findings {
	bool json;
	json_t *list; /* of them, with json; NULL: there was no memory */
	unsigned errors, warnings;
};

static void
find(void *ctx, const struct sluice_diagnostic *d)
{
	struct findings *all = ctx;
	struct failure printable;

	*(d->error ? &all->errors : &all->warnings) += 1;
	failed(&printable, "%s", d->text);
	if (!all->json) {
		printf("%s%s\n", d->error ? "" : "warning: ", printable.text);
		return;
	}
	/* What is not UTF-8 cannot be said in JSON: the sentence then says it alone, in what is left of it. */
	json_t *one = json_pack("{s:b, s:s, s:i, s:i}", "error", d->error, "file", d->file ? d->file : "",
				"line", (int)d->line, "column", (int)d->column);
	if (!one)
		one = json_pack("{s:b}", "error", d->error);
	json_object_set_new(one, "word", json_string(d->word ? d->word : ""));
	if (json_object_set_new(one, "text", json_string(printable.text)) < 0)
		json_object_set_new(one, "text", json_string("it has bytes that are not UTF-8"));
	json_array_append_new(all->list, one);
}

/* The file, then the whole: errors that have no place in a file are told last. */
static void
find_all(struct options *o, struct findings *all)
{
	struct failure f = {.text = ""};
	unsigned before;
	int r = options_load(o, find, all, &f);

	if (r == 0) {
		before = all->errors;
		o->config.diagnostic = find;
		o->config.diagnostic_ctx = all;
		r = sluice_check(&o->config, f.text, sizeof(f.text));
	} else {
		before = 0;
	}
	if (r < 0 && all->errors == before)
		find(all, &(struct sluice_diagnostic){.size = sizeof(struct sluice_diagnostic),
						      .error = true,
						      .file = o->config_file,
						      .text = f.text});
}

static const char *
plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

static int
print_json(const struct options *o, const struct findings *all)
{
	json_t *whole =
	    json_pack("{s:i, s:b, s:i, s:i, s:i, s:i, s:O}", "v", 1, "ok", all->errors == 0, "errors",
		      (int)all->errors, "warnings", (int)all->warnings, "rules", (int)o->config.nrules,
		      "floor", (int)o->config.nfloor, "diagnostics", all->list);
	char *text = NULL;

	if (whole && o->config_file)
		json_object_set_new(whole, "file", json_string(o->config_file));
	text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
	json_decref(whole);
	if (text)
		puts(text);
	free(text);
	return text ? STATUS_OK : STATUS_CANNOT;
}

int
verb_check(struct options *o, const struct log *log)
{
	struct findings all = {.json = o->json};

	if (o->json)
		all.list = json_array();
	find_all(o, &all);
	if (o->json) {
		if (print_json(o, &all) != STATUS_OK)
			log_say(log, SLUICE_LOG_ERROR, "check: no memory for the answer; free some");
	} else {
		printf("%s: %u error%s, %u warning%s", o->config_file ? o->config_file : "the command line",
		       all.errors, plural(all.errors), all.warnings, plural(all.warnings));
		if (all.errors == 0)
			printf("; %zu rule%s%s", o->config.nrules, plural((unsigned)o->config.nrules),
			       o->config.floor_profiles || o->config.nfloor ? " above a floor" : "");
		putchar('\n');
	}
	json_decref(all.list);
	return fflush(stdout) == 0 && !ferror(stdout) && all.errors == 0 ? STATUS_OK : STATUS_CANNOT;
}

/* --- explain ----------------------------------------------------------------------------------------------- */

static void
print(void *ctx, const char *text)
{
	(void)ctx;
	fputs(text, stdout);
}

int
verb_explain(const struct options *o, const struct log *log)
{
	const struct log errors_only = {SLUICE_LOG_ERROR};
	struct diagnoses told = {.log = &errors_only};
	struct sluice_config cfg = o->config;
	struct failure why = {.text = ""}, f = {.text = ""};

	cfg.diagnostic = diagnose_hook;
	cfg.diagnostic_ctx = &told;
	int r = sluice_explain(&cfg, &o->question, o->json, print, NULL, why.text, sizeof(why.text));
	if (r < 0) {
		diagnosed(&told, why.text, &f);
		if (f.text[0])
			log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
	}
	if (fflush(stdout) != 0 || ferror(stdout) || r < 0)
		return STATUS_CANNOT;
	return r == 1 ? STATUS_OK : STATUS_REFUSED;
}
