/*
 * tls_settings.c - what is configured about TLS, read whole
 */
#include "proxy/tls_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "proxy/read_file.h"
#include "stack/siphash.h"

#define TLS_PORT 443u
#define PEM_FILE (8u << 20) /* bytes of one file of certificates */
#define WHY 256

static const struct mark nowhere = {0};

const char *
tls_system_roots(void)
{
	/* Debian and its kin, Alpine, Arch; Fedora; SUSE; the BSDs' and old Alpine's. */
	static const char *const place[] = {
	    "/etc/ssl/certs/ca-certificates.crt",
	    "/etc/pki/tls/certs/ca-bundle.crt",
	    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	    "/etc/ssl/ca-bundle.pem",
	    "/etc/ssl/cert.pem",
	};

	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++)
		if (access(place[i], R_OK) == 0)
			return place[i];
	return NULL;
}

/* --- files ---------------------------------------------------------------------------------------------------- */

/* Malloc()ed, NUL-terminated, counted into s->trust; NULL and told. */
static char *
read_pem(struct tls_settings *s, const char *what, const char *path, struct diag_sink *d)
{
	const char *why;
	size_t len;
	char *text = read_file(path, PEM_FILE, "it is longer than 8 MiB", &len, &why), *whole;

	whole = text ? realloc(text, len + 1) : NULL;
	if (!whole) {
		diag_error(d, &nowhere, path, "%s: cannot be read: %s", what, text ? "no memory" : why);
		free(text);
		return NULL;
	}
	whole[len] = '\0';
	s->trust = s->trust * 31 + siphash((const uint8_t *)"sluice roots key", whole, len);
	return whole;
}

static struct view
view_of_text(const char *text)
{
	return view_of(text, text ? strlen(text) : 0);
}

/* NULL and told. */
static struct tls_roots *
read_roots(struct tls_settings *s, const char *what, const char *path, const char *more, struct diag_sink *d)
{
	char *pem = read_pem(s, what, path, d);
	const char *why = "";
	unsigned skipped = 0;

	if (!pem)
		return NULL;
	struct tls_roots *r = tls_roots_read(view_of_text(pem), view_of_text(more), &skipped, &why);
	if (!r)
		diag_error(d, &nowhere, path, "%s: %s", what, why);
	else if (skipped)
		diag_warn(d, &nowhere, path, "%s: %u of its certificates cannot be read and are left out",
			  what, skipped);
	free(pem);
	return r;
}

static bool
set_extra(struct tls_settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	for (size_t i = 0; i < cfg->ntls_extra_roots; i++) {
		char *pem = read_pem(s, "further roots (tls.extra_roots)", cfg->tls_extra_roots[i], d);
		size_t have = s->extra ? strlen(s->extra) : 0, len = pem ? strlen(pem) : 0;
		unsigned skipped;
		const char *why = "";

		if (!pem)
			continue;
		/* By itself first, so that what is wrong has a file's name. */
		struct tls_roots *alone = tls_roots_read(view_of(pem, len), view_of(NULL, 0), &skipped, &why);
		char *both = alone ? realloc(s->extra, have + len + 2) : NULL;
		if (!alone)
			diag_error(d, &nowhere, cfg->tls_extra_roots[i],
				   "further roots (tls.extra_roots): %s", why);
		if (both) {
			memcpy(both + have, pem, len);
			memcpy(both + have + len, "\n", 2);
			s->extra = both;
		}
		tls_roots_free(alone);
		free(pem);
		if (alone && !both)
			return false;
	}
	return true;
}

static bool
set_roots(struct tls_settings *s, const struct sluice_config *cfg, bool opens, struct diag_sink *d)
{
	if (!cfg->tls_roots) {
		if (opens && !tls_settings_roots(s))
			diag_warn(d, &nowhere, "tls.roots",
				  "this system has no certificates that could be trusted: no server will "
				  "verify; install ca-certificates, or name a file");
		return true;
	}
	s->roots_read = true;
	s->roots = read_roots(s, "roots (tls.roots)", cfg->tls_roots, s->extra, d);
	return s->roots != NULL;
}

const struct tls_roots *
tls_settings_roots(struct tls_settings *s)
{
	const char *path = tls_system_roots(), *why;
	size_t len = 0;

	if (s->roots_read)
		return s->roots;
	s->roots_read = true;
	char *pem = path ? read_file(path, PEM_FILE, "too long", &len, &why) : NULL;
	unsigned skipped;

	if (pem || s->extra)
		s->roots = tls_roots_read(view_of(pem, len), view_of_text(s->extra), &skipped, &why);
	free(pem);
	return s->roots;
}

/* --- ports, names ------------------------------------------------------------------------------------------------ */

static void
set_ports(struct tls_settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	if (cfg->nintercept_ports > TLS_PORTS)
		diag_error(d, &nowhere, "tls.ports", "more than %u ports; give fewer", TLS_PORTS);
	for (size_t i = 0; i < cfg->nintercept_ports && i < TLS_PORTS; i++) {
		if (cfg->intercept_ports[i] == 0)
			diag_error(d, &nowhere, "0", "not a port that can be intercepted; give 1 to 65535");
		s->port[s->nport++] = cfg->intercept_ports[i];
	}
	if (s->nport == 0)
		s->port[s->nport++] = TLS_PORT;
}

/* "NAME" or "*.SUFFIX". */
static bool
read_pattern(const char *text, struct name *out, bool *suffix)
{
	*suffix = strncmp(text, "*.", 2) == 0;
	if (*suffix)
		text += 2;
	return name_parse(text, strlen(text), out);
}

static bool
set_bypass(struct tls_settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	bool good = (s->bypass = nameset_new()) != NULL;

	for (size_t i = 0; good && i < cfg->nintercept_bypass; i++) {
		struct name n;
		bool suffix;

		if (!read_pattern(cfg->intercept_bypass[i], &n, &suffix))
			diag_error(d, &nowhere, cfg->intercept_bypass[i],
				   "not a name that is passed on unopened; write NAME or *.SUFFIX");
		else
			good = nameset_add(s->bypass, &n, suffix);
	}
	return good && nameset_seal(s->bypass);
}

/* --- hosts --------------------------------------------------------------------------------------------------------- */

static void
draw(void *ctx, void *to, size_t n)
{
	(void)ctx;
	for (size_t got = 0; got < n;) {
		ssize_t more = getrandom((char *)to + got, n - got, 0);
		if (more > 0)
			got += (size_t)more;
	}
}

/* Keys are read with blinding: it is for that alone. */
static struct tls_identity *
parse_identity(const char *cert, const char *key, char *why, size_t size)
{
	struct tls *t = tls_new(&(struct tls_random){.fill = draw}, &(struct tls_options){.resume_max = 1});
	struct tls_identity *id =
	    t ? tls_identity_read(t, view_of_text(cert), view_of_text(key), why, size) : NULL;

	if (!t)
		snprintf(why, size, "no memory");
	tls_free(t);
	return id;
}

static struct tls_identity *
read_identity(struct tls_settings *s, const struct sluice_tls_host *h, struct diag_sink *d)
{
	struct tls_identity *id = NULL;
	char why[WHY];
	char *cert = read_pem(s, "the certificate for a host", h->certificate, d);
	char *key = cert ? read_pem(s, "the key for a host", h->key, d) : NULL;

	if (key) {
		id = parse_identity(cert, key, why, sizeof(why));
		if (!id)
			diag_error(d, &nowhere, h->match, "its certificate %s with the key %s: %s",
				   h->certificate, h->key, why);
		explicit_bzero(key, strlen(key));
	}
	free(key);
	free(cert);
	return id;
}

static void
set_host(struct tls_settings *s, const struct sluice_tls_host *given, struct diag_sink *d)
{
	struct tls_host *h = &s->host[s->nhost];

	if (!given->match || !read_pattern(given->match, &h->name, &h->suffix)) {
		diag_error(d, &nowhere, given->match, "not a host of TLS; write NAME or *.SUFFIX");
		return;
	}
	s->nhost++;
	h->no_verify = given->no_verify;
	s->trust = s->trust * 31 +
		   siphash((const uint8_t *)"sluice hosts key", given->match, strlen(given->match)) +
		   given->no_verify;
	if (given->roots)
		h->roots = read_roots(s, "roots of a host", given->roots, NULL, d);
	if (!given->certificate != !given->key)
		diag_error(d, &nowhere, given->match, "a certificate and its key belong together; give both");
	else if (given->certificate)
		h->identity = read_identity(s, given, d);
}

static bool
set_hosts(struct tls_settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	if (cfg->ntls_hosts == 0)
		return true;
	if (cfg->ntls_hosts > TLS_HOSTS) {
		diag_error(d, &nowhere, "tls", "more than %u hosts with settings of their own; give fewer",
			   TLS_HOSTS);
		return false;
	}
	s->host = calloc(cfg->ntls_hosts, sizeof(*s->host));
	for (size_t i = 0; s->host && i < cfg->ntls_hosts; i++)
		set_host(s, &cfg->tls_hosts[i], d);
	return s->host != NULL;
}

const struct tls_host *
tls_settings_host(const struct tls_settings *s, const struct name *name)
{
	const struct tls_host *best = NULL;

	for (unsigned i = 0; i < s->nhost; i++) {
		const struct tls_host *h = &s->host[i];

		if (h->suffix ? !name_is_under(name, &h->name) : !name_eq(name, &h->name))
			continue;
		/* A name by itself is more than any suffix. */
		if (!best || !h->suffix || (best->suffix && h->name.len > best->name.len))
			best = h;
	}
	return best;
}

bool
tls_settings_has_port(const struct tls_settings *s, uint16_t port)
{
	for (unsigned i = 0; i < s->nport; i++)
		if (s->port[i] == port)
			return true;
	return false;
}

struct tls_settings *
tls_settings_new(const struct sluice_config *cfg, bool opens, struct diag_sink *d)
{
	struct tls_settings *s = calloc(1, sizeof(*s));
	unsigned before = d->errors;

	if (!s)
		return NULL;
	s->users = 1;
	s->all = cfg->intercept;
	s->only_13 = cfg->tls_only_13;
	s->request_log = cfg->request_log;
	if (s->only_13 && !tls_has_13())
		diag_error(d, &nowhere, "tls.min_version", "%s: TLS 1.3 alone cannot be had with it",
			   tls_library());
	set_ports(s, cfg, d);
	bool good = set_bypass(s, cfg, d);
	good = set_extra(s, cfg, d) && good;
	good = set_roots(s, cfg, opens, d) && good;
	good = set_hosts(s, cfg, d) && good;
	if (good && d->errors == before)
		return s;
	tls_settings_free(s);
	return NULL;
}

struct tls_settings *
tls_settings_keep(struct tls_settings *s)
{
	if (s)
		s->users++;
	return s;
}

void
tls_settings_free(struct tls_settings *s)
{
	if (!s || --s->users > 0)
		return;
	for (unsigned i = 0; i < s->nhost; i++) {
		tls_roots_free(s->host[i].roots);
		tls_identity_free(s->host[i].identity);
	}
	free(s->host);
	tls_roots_free(s->roots);
	nameset_free(s->bypass);
	free(s->extra);
	free(s);
}
