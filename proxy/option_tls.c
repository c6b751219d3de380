/*
 * option_tls.c - the options about TLS and requests
 *
 * Files are named here and read when the gateway is built, as rules are: all that is wrong is told at once then.
 */
#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"

#define NOT_A_NAME "not a name; write one as in api.example, or *.bank.example for all of them"

static bool
flag(bool *to)
{
	*to = true;
	return true;
}

bool
option_intercept(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	return flag(&o->intercept);
}

bool
option_request_log(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	return flag(&o->request_log);
}

bool
option_intercept_port(struct setup *su, struct sluice_options *o, const char *value)
{
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");
		char text[8] = "";
		uint64_t port;

		if (len < sizeof(text))
			memcpy(text, p, len);
		if (!option_number(text, 1, 65535, &port))
			return wrong(su, "--intercept-port %s: '%.*s' is not a port; give 1 to 65535", value,
				     (int)len, p);
		if (o->nintercept_port == OPTION_PORTS)
			return wrong(su, "--intercept-port %s: more than %u ports; give fewer", value,
				     OPTION_PORTS);
		o->intercept_port[o->nintercept_port++] = (uint16_t)port;
		p += len;
		if (*p == '\0')
			return true;
	}
}

bool
option_intercept_max(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	if (!option_number(value, 1, 65536, &n))
		return wrong(su, "--max-intercepted %s: give a number of connections from 1 to 65536", value);
	o->intercept_max = (uint32_t)n;
	return true;
}

bool
option_tls_bypass(struct setup *su, struct sluice_options *o, const char *value)
{
	if (!option_is_pattern(value))
		return wrong(su, "--tls-bypass %s: %s", value, NOT_A_NAME);
	if (o->bypass.n == OPTION_REBIND)
		return wrong(su, "--tls-bypass %s: too many of them; give fewer", value);
	return option_add_text(&o->bypass, value) ||
	       wrong(su, "--tls-bypass %s: no memory to keep it", value);
}

bool
option_tls_min(struct setup *su, struct sluice_options *o, const char *value)
{
	if (strcmp(value, "1.2") != 0 && strcmp(value, "1.3") != 0)
		return wrong(su, "--tls-min %s: give 1.2 or 1.3", value);
	o->only_13 = value[2] == '3';
	return true;
}

/* --- files ---------------------------------------------------------------------------------------------------- */

static bool
one_path(struct setup *su, char **to, const char *name, const char *value)
{
	char *copy;

	if (*value == '\0')
		return wrong(su, "--%s %s: the name is empty; give one", name, value);
	copy = option_copy(value, strlen(value));
	if (!copy)
		return wrong(su, "--%s %s: no memory to keep it", name, value);
	free(*to);
	*to = copy;
	return true;
}

bool
option_ca(struct setup *su, struct sluice_options *o, const char *value)
{
	return one_path(su, &o->ca, "ca", value);
}

bool
option_tls_roots(struct setup *su, struct sluice_options *o, const char *value)
{
	return one_path(su, &o->tls_roots, "tls-roots", value);
}

bool
option_tls_extra_roots(struct setup *su, struct sluice_options *o, const char *value)
{
	if (*value == '\0')
		return wrong(su, "--tls-extra-roots: the file's name is empty; give one");
	return option_add_text(&o->extra_roots, value) ||
	       wrong(su, "--tls-extra-roots %s: no memory to keep it", value);
}

/* --- hosts ------------------------------------------------------------------------------------------------------ */

/* The first len bytes, kept with the options; NULL: no memory. */
static const char *
keep(struct sluice_options *o, const char *text, size_t len)
{
	char *copy = option_copy(text, len);
	bool kept = copy && option_add_text(&o->tls_text, copy);

	free(copy);
	return kept ? o->tls_text.text[o->tls_text.n - 1] : NULL;
}

/* The entry for the pattern of len bytes, a new one if there is none; NULL: said. */
static struct sluice_tls_host *
host_of(struct setup *su, struct sluice_options *o, const char *name, const char *value, size_t len)
{
	char *match = option_copy(value, len);
	struct sluice_tls_host *h = NULL;

	if (!match || !option_is_pattern(match))
		wrong(su, "--%s %s: %s", name, value, match ? NOT_A_NAME : "no memory to keep it");
	for (size_t i = 0; match && !h && i < o->ntls_host; i++)
		if (strcmp(o->tls_host[i].match, match) == 0)
			h = &o->tls_host[i];
	if (match && !h && option_is_pattern(match)) {
		const char *kept = o->ntls_host < OPTION_TLS_HOSTS ? keep(o, match, len) : NULL;

		if (!kept)
			wrong(su, "--%s %s: %s", name, value,
			      o->ntls_host < OPTION_TLS_HOSTS ? "no memory to keep it"
							      : "more than 256 hosts; give fewer");
		else
			h = &o->tls_host[o->ntls_host++];
		if (h)
			*h = (struct sluice_tls_host){.size = sizeof(*h), .match = kept};
	}
	free(match);
	return h;
}

bool
option_tls_no_verify(struct setup *su, struct sluice_options *o, const char *value)
{
	struct sluice_tls_host *h = host_of(su, o, "tls-no-verify", value, strlen(value));

	return h && flag(&h->no_verify);
}

bool
option_tls_host_roots(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t len = strcspn(value, "=");

	if (value[len] == '\0' || value[len + 1] == '\0')
		return wrong(su, "--tls-host-roots %s: write NAME=FILE", value);
	struct sluice_tls_host *h = host_of(su, o, "tls-host-roots", value, len);
	if (h)
		h->roots = keep(o, value + len + 1, strlen(value + len + 1));
	return h && (h->roots || wrong(su, "--tls-host-roots %s: no memory to keep it", value));
}

bool
option_tls_certificate(struct setup *su, struct sluice_options *o, const char *value)
{
	size_t len = strcspn(value, "=");
	const char *cert = value[len] ? value + len + 1 : "", *key = strchr(cert, ',');

	if (!key || key == cert || key[1] == '\0' || strchr(key + 1, ','))
		return wrong(su, "--tls-certificate %s: write NAME=CERT,KEY, two PEM files", value);
	struct sluice_tls_host *h = host_of(su, o, "tls-certificate", value, len);
	if (!h)
		return false;
	h->certificate = keep(o, cert, (size_t)(key - cert));
	h->key = keep(o, key + 1, strlen(key + 1));
	return (h->certificate && h->key) || wrong(su, "--tls-certificate %s: no memory to keep it", value);
}
