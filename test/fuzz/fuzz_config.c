/*
 * fuzz_config.c - any bytes as a configuration file: options that hang together, or errors with their places
 *
 * The first byte says whether files that the configuration names are there: bit 0, with the rest of the input as their
 * text too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/config_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
	unsigned told, errors;
};

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static char *
read_same(void *ctx, const char *path, size_t *len, const char **why)
{
	const struct input *in = ctx;
	char *text = in->data[0] & 1 ? malloc(in->size) : NULL;

	require(path[0] != '\0');
	*why = "not there";
	*len = in->size - 1;
	if (text)
		memcpy(text, in->data + 1, in->size - 1);
	return text;
}

static void
listen(void *ctx, const struct diag *d)
{
	struct input *in = ctx;

	in->told++;
	in->errors += d->error;
	require(d->at.file && d->text[0] && strlen(d->text) < DIAG_TEXT);
}

static void
check_rules(const struct sluice_rule *r, size_t n)
{
	require(n <= OPTION_RULES);
	for (size_t i = 0; i < n; i++)
		require(r[i].text[0] && r[i].file && r[i].line > 0 && strlen(r[i].text) <= OPTION_RULE_TEXT);
}

static void
check_config(const struct sluice_config *cfg)
{
	require(cfg->mtu == 0 || (cfg->mtu >= 1280 && cfg->mtu <= 65520));
	require(!(cfg->ipv4.off && cfg->ipv6.off));
	require(cfg->npublish <= OPTION_PUBLISH && cfg->nnameservers <= DNS_SERVERS);
	require(cfg->ndns_routes <= DNS_ROUTES && cfg->nhosts <= OPTION_HOSTS);
	require(cfg->nrebind_allow <= OPTION_REBIND && cfg->nsearch <= SLUICE_SEARCH_MAX);
	require(cfg->dns_timeout == 0 || (cfg->dns_timeout >= 100000 && cfg->dns_timeout <= 30000000));
	require(cfg->max_batch <= 64 && cfg->max_fragmented <= 64);
	check_rules(cfg->rules, cfg->nrules);
	check_rules(cfg->floor, cfg->nfloor);
	for (size_t i = 0; i < cfg->nhosts; i++)
		require(strchr(cfg->hosts[i], '=') != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size, 0, 0};
	struct diag_sink d = {.told = listen, .ctx = &in};
	struct sluice_options *o;
	struct sluice_config cfg;

	if (size == 0 || !(o = sluice_options_new()))
		return 0;
	bool good = config_read(o, "a/b.yaml", (const char *)data + 1, size - 1, read_same, &in, &d);
	require(good == (d.errors == 0) && in.told == d.errors + d.warnings && in.errors == d.errors);
	sluice_config_init(&cfg);
	sluice_options_apply(o, &cfg);
	check_config(&cfg);
	sluice_options_free(o);
	return 0;
}
