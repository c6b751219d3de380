/*
 * trust.c - what the guest must trust, and secrets, for whoever embeds the gateway
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "proxy/ca_files.h"
#include "proxy/config.h"
#include "proxy/gateway.h"
#include "proxy/read_file.h"

#define ROOTS_FILE (8u << 20)

bool
gw_opens_tls(const struct sluice *gw, const struct settings *s)
{
	return s->tls->all || policy_has_requests(s->policy) || secret_store_any(gw->secrets);
}

static int
copy_text(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text);

	if (len >= size)
		return -ENOSPC;
	memcpy(buf, text, len + 1);
	return (int)len;
}

int
sluice_ca_certificate(struct sluice *s, char *buf, size_t size)
{
	return atomic_load(&s->opens_tls) ? copy_text(interception_ca(s->intercept), buf, size) : -ENOENT;
}

char *
sluice_ca_bundle(struct sluice *s)
{
	const char *ca = interception_ca(s->intercept), *path = tls_system_roots(), *why;
	size_t len = 0, mine = strlen(ca);
	char *roots = path ? read_file(path, ROOTS_FILE, "", &len, &why) : NULL;
	char *both = malloc(mine + 1 + len + 1);

	if (both) {
		memcpy(both, ca, mine);
		both[mine] = '\n';
		if (roots)
			memcpy(both + mine + 1, roots, len);
		both[mine + 1 + len] = '\0';
	}
	free(roots);
	return both;
}

const char *const *
sluice_ca_variables(bool adds)
{
	static const char *const adding[] = {"NODE_EXTRA_CA_CERTS", "DENO_CERT", NULL};
	static const char *const replacing[] = {
	    "SSL_CERT_FILE",
	    "CURL_CA_BUNDLE",
	    "REQUESTS_CA_BUNDLE",
	    "PIP_CERT",
	    "GIT_SSL_CAINFO",
	    "CARGO_HTTP_CAINFO",
	    "AWS_CA_BUNDLE",
	    "NIX_SSL_CERT_FILE",
	    "npm_config_cafile",
	    "PERL_LWP_SSL_CA_FILE",
	    "BUNDLE_SSL_CA_CERT",
	    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	    NULL,
	};

	return adds ? adding : replacing;
}

const char *
sluice_tls_library(void)
{
	return tls_library();
}

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

int
sluice_ca_make(const char *dir, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct tls *t = tls_new(&(struct tls_random){.fill = draw}, &(struct tls_options){.resume_max = 1});
	bool made;

	if (!t) {
		wrong(&su, "cannot make a CA: no memory");
		return -1;
	}
	made = ca_files_make(t, dir, (uint64_t)time(NULL), err, errlen);
	tls_free(t);
	return made ? 0 : -1;
}

static void
tell(const struct tls_ca *ca, struct sluice_ca *out)
{
	struct ca_facts facts;
	size_t at = 0;

	ca_facts(ca, &facts);
	snprintf(out->subject, sizeof(out->subject), "%s", facts.subject);
	out->from = facts.from;
	out->until = facts.until;
	for (size_t i = 0; i < sizeof(facts.sha256); i++)
		at += (size_t)snprintf(out->sha256 + at, sizeof(out->sha256) - at, "%s%02X", i ? ":" : "",
				       facts.sha256[i]);
}

int
sluice_ca_read(const char *dir, struct sluice_ca *out, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct tls *t = tls_new(&(struct tls_random){.fill = draw}, &(struct tls_options){.resume_max = 1});
	struct tls_ca *ca = NULL;

	if (!t)
		wrong(&su, "cannot read the CA in %s: no memory", dir);
	else if (out->size != sizeof(*out))
		wrong(&su, "struct sluice_ca of %zu bytes is not of this library (%zu)", out->size,
		      sizeof(*out));
	else
		ca = ca_files_read(t, dir, (uint64_t)time(NULL), out->pem, err, errlen);
	if (ca)
		tell(ca, out);
	ca_free(ca);
	tls_free(t);
	return ca ? 0 : -1;
}

/* --- secrets -------------------------------------------------------------------------------------------------- */

int
sluice_secret_set(struct sluice *s, const struct sluice_secret *secret, char *err, size_t errlen)
{
	int done = secret_store_set(s->secrets, secret, err, errlen);

	if (done == 0)
		atomic_store(&s->opens_tls, true);
	return done;
}

int
sluice_secret_remove(struct sluice *s, const char *name)
{
	return secret_store_remove(s->secrets, name);
}

int
sluice_secret_placeholder(struct sluice *s, const char *name, char *buf, size_t size)
{
	return secret_store_placeholder(s->secrets, name, buf, size);
}
