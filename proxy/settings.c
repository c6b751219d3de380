/*
 * settings.c - policy and names of a configuration, built whole or not at all
 */
#include "proxy/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/config.h"
#include "proxy/read_file.h"

#define DNS_TIMEOUT (4500 * USEC_PER_MSEC)
#define DNS_CACHE 4096u
#define LIST_MAX (256u << 20) /* bytes of one @file: list */

static const struct mark nowhere = {NULL, 0, 0};

/* --- diagnostics ------------------------------------------------------------------------------------------ */

static void
hand_on(void *ctx, const struct diag *d)
{
	const struct sluice_config *cfg = ctx;
	const struct sluice_diagnostic out = {
	    .size = sizeof(out),
	    .error = d->error,
	    .file = d->at.file ? d->at.file : "rule",
	    .line = d->at.line,
	    .column = d->at.column,
	    .word = d->word,
	    .text = d->text,
	};

	cfg->diagnostic(cfg->diagnostic_ctx, &out);
}

struct diag_sink
settings_sink(const struct sluice_config *cfg)
{
	return (struct diag_sink){.told = cfg->diagnostic ? hand_on : NULL, .ctx = (void *)(uintptr_t)cfg};
}

/* --- files ------------------------------------------------------------------------------------------------ */

static char *
read_list(void *ctx, const char *path, size_t *len, const char **why)
{
	(void)ctx;
	return read_file(path, LIST_MAX, "longer than 256 MiB", len, why);
}

/* --- policy ----------------------------------------------------------------------------------------------- */

static bool
read_rules(struct rules *to, const struct sluice_rule *rule, size_t n, const char *profiles,
	   struct diag_sink *d)
{
	struct rule_source *src = calloc(n ? n : 1, sizeof(*src));

	if (!src) {
		diag_error(d, &nowhere, NULL, "no memory for %zu rules", n);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		src[i] = (struct rule_source){rule[i].text, {rule[i].file, rule[i].line, rule[i].column}};

	bool good = rules_read(to, src, n, profiles, read_list, NULL, d);
	free(src);
	return good;
}

static bool
set_policy(struct settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	struct rules rules = {0}, floor = {0};
	bool floored = cfg->nfloor || cfg->floor_profiles;
	bool good = read_rules(&rules, cfg->rules, cfg->nrules, cfg->profiles ? cfg->profiles : "public", d);

	if (floored && !read_rules(&floor, cfg->floor, cfg->nfloor,
				   cfg->floor_profiles ? cfg->floor_profiles : "none", d))
		good = false;
	if (good) {
		s->policy = policy_build(&rules, floored ? &floor : NULL, d);
		if (!s->policy && !d->errors)
			diag_error(d, &nowhere, NULL, "no memory for the policy");
	}
	rules_free(&rules);
	rules_free(&floor);
	return s->policy != NULL;
}

/* --- names ------------------------------------------------------------------------------------------------ */

static bool
set_exemptions(struct settings *s, const struct sluice_config *cfg, struct diag_sink *d)
{
	bool good = (s->rebind_allow = nameset_new()) != NULL;

	for (size_t i = 0; good && i < cfg->nrebind_allow; i++) {
		const char *text = cfg->rebind_allow[i];
		bool suffix = strncmp(text, "*.", 2) == 0;
		struct name n;

		if (suffix)
			text += 2;
		if (!name_parse(text, strlen(text), &n))
			diag_error(d, &nowhere, cfg->rebind_allow[i],
				   "not a name that answers may lead inwards for; write NAME or *.SUFFIX");
		else
			good = nameset_add(s->rebind_allow, &n, suffix);
	}
	return good && nameset_seal(s->rebind_allow);
}

struct settings *
settings_new(const struct sluice_config *cfg, struct diag_sink *d)
{
	struct settings *s = calloc(1, sizeof(*s));
	bool good = s != NULL;

	if (good) {
		s->keep_flows = cfg->keep_flows;
		s->rebind_protection = !cfg->no_rebind_protection;
		s->dns_timeout = cfg->dns_timeout ? cfg->dns_timeout : DNS_TIMEOUT;
		s->dns_cache = cfg->dns_cache == UINT32_MAX ? 0 : cfg->dns_cache ? cfg->dns_cache : DNS_CACHE;
		s->status_page = !cfg->no_status_page;
		/* Each is tried, so that all that is wrong is told at once. */
		good = set_policy(s, cfg, d);
		good &= set_exemptions(s, cfg, d);
		s->servers = dns_servers_new(cfg->nameservers, cfg->nnameservers, cfg->dns_routes,
					     cfg->ndns_routes, d);
		bool opens = cfg->intercept || cfg->nsecrets ||
			     (s->policy && policy_has_requests(s->policy)) ||
			     (s->servers && dns_servers_any_tls(s->servers));
		s->tls = tls_settings_new(cfg, opens, d);
		s->local = dns_local_new(cfg->hosts, cfg->nhosts, d);
		good &= s->tls && s->servers && s->local && d->errors == 0;
	}
	if (!good && d->errors == 0)
		diag_error(d, &nowhere, NULL, "no memory for policy and names");
	if (good)
		return s;
	settings_free(s);
	return NULL;
}

struct settings *
settings_read(struct setup *su, const struct sluice_config *cfg)
{
	struct diag_sink d = settings_sink(cfg);
	struct settings *s = settings_new(cfg, &d);

	if (!s && d.errors > 1)
		wrong(su, "%s (and %u more)", d.first, d.errors - 1);
	else if (!s)
		wrong(su, "%s", d.first);
	return s;
}

void
settings_free(struct settings *s)
{
	if (!s)
		return;
	policy_free(s->policy);
	dns_servers_free(s->servers);
	dns_local_free(s->local);
	nameset_free(s->rebind_allow);
	tls_settings_free(s->tls);
	free(s);
}
