/*
 * rule_file.c - files of rules: one a line, or a policy as microsandbox writes it (JSON)
 *
 * Either way each rule becomes a text of our grammar with its place in the file, so that there is one way in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "proxy/options.h"
#include "proxy/read_file.h"

/* --- files ------------------------------------------------------------------------------------------------- */

char *
option_read_file(void *ctx, const char *path, size_t *len, const char **why)
{
	(void)ctx;
	return read_file(path, OPTION_FILE, "longer than 4 MiB", len, why);
}

char *
option_beside(const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');
	size_t folder = path[0] != '/' && slash ? (size_t)(slash - from) + 1 : 0;
	char *out = malloc(folder + strlen(path) + 1);

	if (!out)
		return NULL;
	memcpy(out, from, folder);
	memcpy(out + folder, path, strlen(path) + 1);
	return out;
}

/* --- lines ------------------------------------------------------------------------------------------------- */

/* Up to a '#' that begins a comment: at the beginning, or behind a blank and outside of quotes. */
static size_t
without_comment(const char *line, size_t len)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '"')
			quoted = !quoted;
		if (line[i] == '#' && !quoted && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
			return i;
	}
	return len;
}

static void
add_line(struct option_rules *to, const char *line, size_t len, struct mark at, struct diag_sink *d)
{
	len = without_comment(line, len);
	while (len > 0 && strchr(" \t\r", line[0])) {
		line++;
		len--;
		at.column++;
	}
	while (len > 0 && strchr(" \t\r", line[len - 1]))
		len--;
	if (len == 0)
		return;
	const char *why = option_add_rule(to, line, len, &at);
	if (why)
		diag_error(d, &at, NULL, "the rule %s", why);
}

static void
add_lines(struct option_rules *to, const char *file, const char *text, size_t len, struct diag_sink *d)
{
	struct mark at = {file, 1, 1};

	for (size_t i = 0; i < len; at.line++) {
		const char *end = memchr(text + i, '\n', len - i);
		size_t n = end ? (size_t)(end - text) - i : len - i;
		add_line(to, text + i, n, at, d);
		i += n + 1;
	}
}

/* --- microsandbox ------------------------------------------------------------------------------------------ */

static void
add_direction(struct option_rules *to, const char *file, const struct rule *r, bool ingress,
	      struct diag_sink *d)
{
	const struct mark at = {file, r->at.line, r->at.column};
	struct rule way = *r;

	way.egress = !ingress;
	way.ingress = ingress;
	char *one = rule_print(&way);
	const char *why = one ? option_add_rule(to, one, strlen(one), &at) : "cannot be kept: no memory";

	if (why)
		diag_error(d, &at, NULL, "the rule %s", why);
	free(one);
}

/* A rule of theirs may be about both directions: two of ours, whose order among themselves does not matter. */
static void
add_msb(struct option_rules *to, const char *file, const char *text, size_t len, struct diag_sink *d)
{
	struct rules rules = {0};

	if (rules_read_msb(&rules, text, len, file, d))
		for (uint32_t i = 0; i < rules.n; i++) {
			if (rules.rule[i].egress)
				add_direction(to, file, &rules.rule[i], false, d);
			if (rules.rule[i].ingress)
				add_direction(to, file, &rules.rule[i], true, d);
		}
	rules_free(&rules);
}

/* --- either ------------------------------------------------------------------------------------------------ */

bool
option_rule_file(struct sluice_options *o, struct option_rules *to, const char *path, const struct mark *at,
		 file_reader *read, void *read_ctx, struct diag_sink *d)
{
	unsigned before = d->errors;
	const char *why = "no memory", *end = strrchr(path, '.');
	size_t len = 0;
	char *text = option_add_text(&o->files, path) ? read(read_ctx, path, &len, &why) : NULL;

	if (!text) {
		diag_error(d, at ? at : &(struct mark){path, 0, 0}, at ? path : NULL,
			   "cannot be read: %s; name a file of rules", why);
		return false;
	}
	/* An empty floor is a floor too: it allows nothing. */
	to->given = true;
	const char *file = o->files.text[o->files.n - 1];
	if (end && strcmp(end, ".json") == 0)
		add_msb(to, file, text, len, d);
	else
		add_lines(to, file, text, len, d);
	free(text);
	return d->errors == before;
}
