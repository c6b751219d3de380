/*
 * option_secret.c - the secrets that options and configuration files name
 *
 * Where a value comes from is kept; the value itself is read when a gateway is about to be made, by
 * sluice_options_secrets(), so that looking at a configuration (check, explain) asks for none.
 */
#include "proxy/option_secret.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"
#include "proxy/secret_source.h"
#include "proxy/settings.h"

#define WHY 512

bool
option_secret(struct setup *su, struct sluice_options *o, const char *value)
{
	struct secret_option read = {.text = NULL};
	char why[WHY];
	/* What stands behind the name may be a value that should not be there: it is not said again. */
	int name = (int)strcspn(value, "=");

	if (!o->secrets)
		o->secrets = calloc(1, sizeof(*o->secrets));
	if (!o->secrets)
		return wrong(su, "--secret: no memory to keep it");
	if (!secret_option_parse(value, &read, why, sizeof(why)))
		return wrong(su, "--secret %.*s: %s", name, value, why);

	struct option_secrets *s = o->secrets;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->secret[i].name, read.secret.name) == 0) {
			wrong(su, "--secret %.*s: there is a secret of this name already", name, value);
			secret_option_free(&read);
			return false;
		}
	if (s->n == OPTION_SECRETS) {
		secret_option_free(&read);
		return wrong(su, "--secret %.*s: more than %u secrets; give fewer", name, value,
			     OPTION_SECRETS);
	}
	s->option[s->n] = read;
	s->secret[s->n] = read.secret;
	s->n++;
	return true;
}

void
option_secrets_free(struct option_secrets *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		locked_close(&s->value[i]);
		secret_option_free(&s->option[i]);
	}
	free(s);
}

void
sluice_options_forget(struct sluice_options *o)
{
	for (size_t i = 0; o->secrets && i < o->secrets->n; i++) {
		locked_close(&o->secrets->value[i]);
		o->secrets->secret[i].value = NULL;
		o->secrets->secret[i].value_len = 0;
	}
}

int
sluice_options_secrets(struct sluice_options *o,
		       void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d), void *diagnostic_ctx,
		       char *err, size_t errlen)
{
	const struct sluice_config cfg = {.diagnostic = diagnostic, .diagnostic_ctx = diagnostic_ctx};
	struct diag_sink d = settings_sink(&cfg);
	struct setup su = {err, errlen};

	for (size_t i = 0; o->secrets && i < o->secrets->n; i++) {
		struct option_secrets *s = o->secrets;
		char why[WHY] = "", warning[WHY] = "";

		if (s->secret[i].value)
			continue;
		if (!secret_source_read(&(struct setup){why, sizeof(why)}, s->secret[i].name,
					s->option[i].source, &s->value[i], warning, sizeof(warning)))
			diag_error(&d, &(struct mark){0}, s->secret[i].name, "%s", why);
		else if (warning[0])
			diag_warn(&d, &(struct mark){0}, s->secret[i].name, "%s", warning);
		s->secret[i].value = s->value[i].p;
		s->secret[i].value_len = s->value[i].used;
	}
	if (d.errors == 0)
		return 0;
	sluice_options_forget(o);
	wrong(&su, d.errors > 1 ? "%s (and %u more)" : "%s", d.first, d.errors - 1);
	return -1;
}
