#include "proxy/secret_option.h"

#include <stdlib.h>

#include "proxy/secret_check.h"
#include "proxy/secret_source.h"

struct word {
	const char *text;
	unsigned value;
};

static const struct word places[] = {{"headers", SLUICE_SECRET_HEADERS},
				     {"basic", SLUICE_SECRET_BASIC},
				     {"query", SLUICE_SECRET_QUERY},
				     {"body", SLUICE_SECRET_BODY},
				     {NULL, 0}};
static const struct word actions[] = {{"block", SLUICE_SECRET_BLOCK},
				      {"log", SLUICE_SECRET_LOG},
				      {"terminate", SLUICE_SECRET_TERMINATE},
				      {"pass", SLUICE_SECRET_PASS},
				      {NULL, 0}};
enum { REDACT_NONE = 1, REDACT_HEADERS = 2, REDACT_BODY = 4 };
static const struct word redactions[] = {
    {"none", REDACT_NONE}, {"headers", REDACT_HEADERS}, {"body", REDACT_BODY}, {NULL, 0}};

static bool
look_up(const struct word *words, const char *text, unsigned *value)
{
	for (; words->text; words++)
		if (strcmp(words->text, text) == 0) {
			*value = words->value;
			return true;
		}
	return false;
}

/* Words with commas between them, each a bit; in place. */
static bool
read_bits(const struct word *words, char *list, unsigned *bits)
{
	*bits = 0;
	for (char *at = list, *next; at; at = next) {
		unsigned bit;

		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		if (!look_up(words, at, &bit))
			return false;
		*bits |= bit;
	}
	return true;
}

static bool
read_hosts(struct setup *su, char *list, const char ***to, size_t *n)
{
	size_t room = 1;

	for (const char *c = list; *c; c++)
		room += *c == ',';
	*to = calloc(room, sizeof(**to));
	if (!*to)
		return wrong(su, "no memory for a secret");
	for (char *at = list, *next; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		(*to)[(*n)++] = at;
	}
	return true;
}

static bool
read_redact(struct setup *su, struct sluice_secret *s, char *value)
{
	unsigned bits;

	if (!read_bits(redactions, value, &bits) || (bits & REDACT_NONE && bits != REDACT_NONE))
		return wrong(su, "secret \"%s\": redact is headers, body, both with a comma, or none",
			     s->name);
	s->no_redact = !(bits & REDACT_HEADERS);
	s->redact_body = bits & REDACT_BODY;
	return true;
}

/* KEY=VALUE, or KEY alone. */
static bool
read_part(struct setup *su, struct secret_option *o, char *part)
{
	struct sluice_secret *s = &o->secret;
	char *value = strchr(part, '=');
	unsigned word = 0;

	if (value)
		*value++ = '\0';
	if (strcmp(part, "plain") == 0 && !value) {
		s->plain = true;
		return true;
	}
	if (!value || *value == '\0')
		return wrong(
		    su, "secret \"%s\": \"%s\" is none of in=, leak=, pass=, placeholder=, redact=, plain",
		    s->name, part);
	if (strcmp(part, "in") == 0)
		return read_bits(places, value, &s->where) ||
		       wrong(su, "secret \"%s\": in is of headers, basic, query, body, with commas", s->name);
	if (strcmp(part, "leak") == 0) {
		if (!look_up(actions, value, &word))
			return wrong(su, "secret \"%s\": leak is block, log, terminate or pass", s->name);
		s->action = (enum sluice_secret_action)word;
		return true;
	}
	if (strcmp(part, "pass") == 0 && !o->pass_hosts) {
		bool good = read_hosts(su, value, &o->pass_hosts, &s->npass_hosts);

		s->pass_hosts = o->pass_hosts;
		return good;
	}
	if (strcmp(part, "placeholder") == 0) {
		s->placeholder = value;
		return true;
	}
	if (strcmp(part, "redact") == 0)
		return read_redact(su, s, value);
	return wrong(su, "secret \"%s\": \"%s\" is none of in=, leak=, pass=, placeholder=, redact=, plain",
		     s->name, part);
}

static bool
read_parts(struct setup *su, struct secret_option *o, char *hosts)
{
	char *part = strchr(hosts, ';');

	if (part)
		*part++ = '\0';
	if (!read_hosts(su, hosts, &o->hosts, &o->secret.nhosts))
		return false;
	o->secret.hosts = o->hosts;
	for (char *next; part; part = next) {
		next = strchr(part, ';');
		if (next)
			*next++ = '\0';
		if (!read_part(su, o, part))
			return false;
	}
	return true;
}

static bool
read_option(struct setup *su, struct secret_option *o)
{
	char *source = strchr(o->text, '='), *hosts = strrchr(o->text, '@');

	if (!source || !hosts || hosts < source)
		return wrong(
		    su,
		    "a secret is NAME=SOURCE@HOST, SOURCE one of env:VARIABLE, file:PATH, command:COMMAND");
	*source++ = '\0';
	*hosts++ = '\0';
	o->secret.name = o->text;
	o->source = source;
	if (!read_parts(su, o, hosts))
		return false;
	/* All but the value is judged now: one that is fine stands in for it. */
	struct sluice_secret probe = o->secret;
	probe.value = "any value";
	probe.value_len = sizeof("any value") - 1;
	return secret_valid(su, &probe) && secret_source_check(su, o->secret.name, o->source);
}

bool
secret_option_parse(const char *text, struct secret_option *out, char *why, size_t size)
{
	struct setup su = {why, size};

	*out = (struct secret_option){.secret = {.size = sizeof(struct sluice_secret)}};
	out->text = strdup(text);
	if (!out->text) {
		wrong(&su, "no memory for a secret");
		return false;
	}
	if (read_option(&su, out))
		return true;
	secret_option_free(out);
	return false;
}

void
secret_option_free(struct secret_option *o)
{
	free(o->text);
	free(o->hosts);
	free(o->pass_hosts);
	*o = (struct secret_option){.text = NULL};
}
