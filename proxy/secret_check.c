#include "proxy/secret_check.h"

#include <stdio.h>

#include "http/secret.h"
#include "proxy/option_values.h"
#include "proxy/secrets.h"

#define PLACES (SLUICE_SECRET_HEADERS | SLUICE_SECRET_BASIC | SLUICE_SECRET_QUERY | SLUICE_SECRET_BODY)

bool
secret_given(struct setup *su, const struct sluice_secret *s, struct sluice_secret *whole)
{
	*whole = (struct sluice_secret){.size = sizeof(*whole)};
	if (!s)
		return wrong(su, "no secret was given");
	/* Without these there is no secret. */
	if (s->size < offsetof(struct sluice_secret, where))
		return wrong(su, "struct sluice_secret has a size of %zu: set it to sizeof() before the call",
			     s->size);
	memcpy(whole, s, s->size < sizeof(*whole) ? s->size : sizeof(*whole));
	return true;
}

static bool
name_is_fine(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	for (size_t i = 0; i < n; i++)
		if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z') ||
		      (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
			return false;
	return n > 0 && n <= SECRET_NAME;
}

static bool
value_is_fine(struct setup *su, const struct sluice_secret *s)
{
	const uint8_t *p = s->value;

	if (!p || s->value_len == 0)
		return wrong(su, "secret \"%s\" has no value", s->name);
	if (s->value_len > SECRET_VALUE_MAX)
		return wrong(su, "the value of secret \"%s\" has %zu bytes: at most %u", s->name,
			     s->value_len, SECRET_VALUE_MAX);
	for (size_t i = 0; i < s->value_len; i++)
		if (p[i] == '\0' || p[i] == '\r' || p[i] == '\n')
			return wrong(
			    su,
			    "the value of secret \"%s\" has a NUL or a line's end (its byte %zu): no "
			    "header can carry it; leave it out",
			    s->name, i + 1);
	if (s->no_redact && !s->redact_body)
		return true;
	if (s->value_len < SECRET_REDACT_MIN)
		return wrong(su,
			     "the value of secret \"%s\" has fewer than %u bytes, which may stand in any "
			     "response: turn redaction off for it, or take a longer one",
			     s->name, SECRET_REDACT_MIN);
	if (s->value_len > SECRET_REDACT_MAX)
		return wrong(
		    su,
		    "the value of secret \"%s\" has %zu bytes: at most %u are looked for in responses; "
		    "turn redaction off for it",
		    s->name, s->value_len, SECRET_REDACT_MAX);
	return true;
}

static bool
placeholder_is_fine(struct setup *su, const struct sluice_secret *s)
{
	size_t n = s->placeholder ? strlen(s->placeholder) : SECRET_PLACEHOLDER_MIN;

	if (n < SECRET_PLACEHOLDER_MIN || n > SECRET_PLACEHOLDER_MAX)
		return wrong(
		    su, "the placeholder of secret \"%s\" has %zu bytes: %u to %u, or none for one by chance",
		    s->name, n, SECRET_PLACEHOLDER_MIN, SECRET_PLACEHOLDER_MAX);
	for (size_t i = 0; s->placeholder && i < n; i++) {
		char c = s->placeholder[i];

		if (c <= ' ' || c > '~' || strchr("\"'`\\%", c))
			return wrong(
			    su,
			    "the placeholder of secret \"%s\" has a byte that encodings change (its byte "
			    "%zu): printable ASCII without blanks, quotes, '\\' and '%%'",
			    s->name, i + 1);
	}
	if (s->placeholder && memmem(s->value, s->value_len, s->placeholder, n))
		return wrong(
		    su, "the value of secret \"%s\" has its own placeholder in it: give the value itself",
		    s->name);
	return true;
}

static bool
hosts_are_fine(struct setup *su, const struct sluice_secret *s)
{
	if (s->nhosts == 0 || !s->hosts)
		return wrong(su, "secret \"%s\" has no host it may go to: at least one NAME, *.SUFFIX or *",
			     s->name);
	if (s->nhosts > SECRET_HOSTS || s->npass_hosts > SECRET_HOSTS)
		return wrong(su, "secret \"%s\" has %zu hosts: at most %u", s->name,
			     s->nhosts > SECRET_HOSTS ? s->nhosts : s->npass_hosts, SECRET_HOSTS);
	for (size_t i = 0; i < s->nhosts; i++)
		if (!s->hosts[i] || (strcmp(s->hosts[i], "*") != 0 && !option_is_pattern(s->hosts[i])))
			return wrong(su, "secret \"%s\": \"%s\" is no host: NAME, *.SUFFIX or *", s->name,
				     s->hosts[i] ? s->hosts[i] : "");
	for (size_t i = 0; s->pass_hosts && i < s->npass_hosts; i++)
		if (!s->pass_hosts[i] || !option_is_pattern(s->pass_hosts[i]))
			return wrong(
			    su,
			    "secret \"%s\": \"%s\" is no host its placeholder passes to: NAME or *.SUFFIX; "
			    "for all of them its action is to be pass",
			    s->name, s->pass_hosts[i] ? s->pass_hosts[i] : "");
	return true;
}

bool
secret_valid(struct setup *su, const struct sluice_secret *s)
{
	if (!name_is_fine(s->name))
		return wrong(su, "\"%.80s\" is no name of a secret: 1 to %u of letters, digits and '_'",
			     s->name ? s->name : "", SECRET_NAME);
	if (s->where & ~PLACES)
		return wrong(su, "secret \"%s\": %#x is nowhere a secret may be put in", s->name, s->where);
	if ((unsigned)s->action > SLUICE_SECRET_PASS)
		return wrong(su, "secret \"%s\": %d is no action", s->name, (int)s->action);
	return value_is_fine(su, s) && placeholder_is_fine(su, s) && hosts_are_fine(su, s);
}

const char *
secret_check(const struct sluice_secret *s, char *buf, size_t size)
{
	struct setup su = {buf, size};
	struct sluice_secret whole;

	return secret_given(&su, s, &whole) && secret_valid(&su, &whole) ? NULL : buf;
}
