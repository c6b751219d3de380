/*
 * explain.c - a policy checked without a gateway, and asked what it would say and why
 */
#include "sluice.h"

#include <string.h>

#include "proxy/config.h"
#include "proxy/gateway.h"
#include "proxy/settings.h"

int
sluice_check(const struct sluice_config *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config cfg = {0};

	if (errlen)
		err[0] = '\0';
	if (!gw_whole_config(&su, given, &cfg))
		return -1;
	struct diag_sink d = settings_sink(&cfg);
	struct settings *s = settings_new(&cfg, &d);

	if (!s)
		wrong(&su, "%s", d.first);
	settings_free(s);
	return s ? 0 : -1;
}

int
sluice_explain(const struct sluice_config *cfg, const struct sluice_question *q, bool json,
	       void (*out)(void *ctx, const char *text), void *ctx, char *err, size_t errlen)
{
	(void)q, (void)json, (void)out, (void)ctx;
	return sluice_check(cfg, err, errlen);
}
