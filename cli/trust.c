/*
 * trust.c - a command trusts the gateway's CA and is given placeholders
 *
 * The list of certificates that the command's system trusts is covered by one that has our CA as well, in the command's own
 * mount namespace, and the variables that programs with lists of their own look at name it.
 */
#include "cli/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/channel.h"

#define PLACEHOLDER_MAX 1025
#define ENVIRONMENT_MAX (1u << 20)

/* Where systems keep it: Debian, Alpine, Arch; Fedora; SUSE; others. */
static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

const char *
trust_list(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static int
send_bytes(int channel, enum channel_kind kind, const char *bytes, size_t len)
{
	int fd = memfd_create("sluice", MFD_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	for (size_t at = 0; !error && at < len;) {
		ssize_t n = write(fd, bytes + at, len - at);

		if (n < 0)
			error = -errno;
		else
			at += (size_t)n;
	}
	if (!error)
		error = channel_send(channel, &(struct channel_message){.kind = kind, .fd = fd});
	close(fd);
	return error;
}

static int
send_trust(int channel, struct sluice *s)
{
	char pem[4096];

	if (sluice_ca_certificate(s, pem, sizeof(pem)) < 0)
		return 0;
	char *bundle = sluice_ca_bundle(s);
	int error = bundle ? send_bytes(channel, CHANNEL_TRUST, bundle, strlen(bundle)) : -ENOMEM;
	free(bundle);
	return error;
}

/* Each secret's placeholder, in the variable of its name. */
static int
send_placeholders(int channel, struct sluice *s, const struct sluice_config *cfg)
{
	char placeholder[PLACEHOLDER_MAX], *text = NULL;
	size_t len = 0;
	FILE *to = cfg->nsecrets ? open_memstream(&text, &len) : NULL;
	int error = 0;

	if (!to)
		return cfg->nsecrets ? -ENOMEM : 0;
	for (size_t i = 0; i < cfg->nsecrets; i++)
		if (sluice_secret_placeholder(s, cfg->secrets[i].name, placeholder, sizeof(placeholder)) > 0)
			fprintf(to, "%s=%s%c", cfg->secrets[i].name, placeholder, '\0');
	if (fclose(to) != 0)
		error = -ENOMEM;
	if (!error)
		error = send_bytes(channel, CHANNEL_ENVIRONMENT, text, len);
	free(text);
	return error;
}

int
trust_send(int channel, struct sluice *s, const struct options *o, struct failure *f)
{
	int error = send_trust(channel, s);

	if (!error)
		error = send_placeholders(channel, s, &o->config);
	return error ? failed(f, "cannot tell the command what to trust: %s", strerror(-error)) : 0;
}

/* --- the helper ----------------------------------------------------------------------------------- */

static void
set_variables(const char *path)
{
	for (int adds = 0; adds < 2; adds++)
		for (const char *const *v = sluice_ca_variables(adds); *v; v++)
			setenv(*v, path, 1);
}

static void
take_trust(int fd, struct guest_mounts *mounts, const struct log *log)
{
	struct failure f = {
	    .text = "there is no list of trusted certificates to cover (install ca-certificates): "
		    "the command will not trust connections that are opened"};
	const char *path = trust_list();

	if (path && guest_trust(mounts, path, fd, &f) == 0)
		set_variables(path);
	else
		log_say(log, SLUICE_LOG_WARNING, "%s", f.text);
}

static void
take_environment(int fd)
{
	struct stat st;
	char *text =
	    fstat(fd, &st) == 0 && st.st_size <= ENVIRONMENT_MAX ? malloc((size_t)st.st_size + 1) : NULL;
	ssize_t len = text ? pread(fd, text, (size_t)st.st_size, 0) : 0;

	for (char *p = text; p && p < text + len; p += strlen(p) + 1) {
		char *value = strchr(p, '=');

		text[len] = '\0';
		if (!value)
			break;
		*value = '\0';
		setenv(p, value + 1, 1);
		p = value + 1;
	}
	free(text);
}

void
trust_take(const struct channel_message *m, struct guest_mounts *mounts, const struct log *log)
{
	if (m->fd < 0)
		return;
	if (m->kind == CHANNEL_TRUST)
		take_trust(m->fd, mounts, log);
	else
		take_environment(m->fd);
	close(m->fd);
}
