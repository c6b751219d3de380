/*
 * options_apply.c - what options have said becomes a config; and the life of the struct that holds them
 */
#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"

/* Rules of two sources in one array: kept until the options go, as a config points at it. */
struct applied {
	struct applied *next;
	struct sluice_rule rule[];
};

/* The options, and what apply() makes of them beside them: one block, so that there is one thing that can fail. */
struct whole {
	struct sluice_options o;
	struct applied *applied;
};

struct sluice_options *
sluice_options_new(void)
{
	struct whole *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->o.applied = &w->applied;
	return &w->o;
}

static void
rules_done(struct option_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		union {
			const char *in;
			char *out;
		} text = {r->rule[i].text}; /* ours, though a config shows it as const */
		free(text.out);
	}
	free(r->rule);
}

void
sluice_options_free(struct sluice_options *o)
{
	if (!o)
		return;
	for (struct applied *a = *o->applied, *next; a; a = next) {
		next = a->next;
		free(a);
	}
	rules_done(&o->policy);
	rules_done(&o->floor);
	option_texts_free(&o->routes);
	option_texts_free(&o->hosts);
	option_texts_free(&o->rebind_allow);
	option_texts_free(&o->files);
	option_texts_free(&o->bypass);
	option_texts_free(&o->extra_roots);
	option_texts_free(&o->tls_text);
	option_secrets_free(o->secrets);
	free(o->ca);
	free(o->tls_roots);
	free(o->events);
	free(o);
}

const char *
sluice_options_events(const struct sluice_options *o)
{
	return o->events;
}

int
sluice_options_level(const struct sluice_options *o)
{
	return o->level - 1;
}

/* --- apply ------------------------------------------------------------------------------------------------- */

/* A family that was switched off before is on again for who gives it an address, and the other way round. */
static void
apply_net(const struct family_texts *fam, struct sluice_net *net)
{
	const char **const to[OPTION_ADDRESSES] = {
	    [OPTION_GUEST] = &net->guest, [OPTION_GATEWAY] = &net->gateway, [OPTION_DNS] = &net->dns};

	if (fam->off)
		*net = (struct sluice_net){.off = true};
	for (size_t i = 0; i < OPTION_ADDRESSES; i++)
		if (fam->text[i][0]) {
			*to[i] = fam->text[i];
			net->off = false;
		}
}

static void
apply_limits(const struct sluice_options *o, struct sluice_config *cfg)
{
	const struct {
		uint32_t given, *to;
	} row[] = {
	    {o->max_tcp, &cfg->max_tcp},
	    {o->max_udp, &cfg->max_udp},
	    {o->max_ping, &cfg->max_ping},
	    {o->max_ring, &cfg->max_ring},
	    {o->max_files, &cfg->max_files},
	    {o->max_flow_rate, &cfg->max_flow_rate},
	    {o->max_fragmented, &cfg->max_fragmented},
	    {o->fragment_memory, &cfg->fragment_memory},
	    {o->max_batch, &cfg->max_batch},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].given)
			*row[i].to = row[i].given;
	if (o->memory)
		cfg->memory = o->memory;
}

/*
 * Rules before those that are there already.  Where there is no memory for both, nothing may pass: a policy that is
 * cut short could allow what was denied.
 */
static void
apply_rules(const struct sluice_options *o, struct sluice_config *cfg)
{
	static const struct sluice_rule closed[] = {
	    {.text = "deny egress to @any \"no memory for the rules\""},
	    {.text = "deny ingress from @any \"no memory for the rules\""},
	};
	const struct option_rules *r = &o->policy;

	if (r->profiles[0])
		cfg->profiles = r->profiles;
	if (r->n == 0)
		return;
	if (cfg->nrules == 0) {
		cfg->rules = r->rule;
		cfg->nrules = r->n;
		return;
	}
	size_t n = r->n + cfg->nrules;
	struct applied *a = malloc(sizeof(*a) + n * sizeof(a->rule[0]));
	if (!a) {
		cfg->rules = closed;
		cfg->nrules = sizeof(closed) / sizeof(closed[0]);
		return;
	}
	memcpy(a->rule, r->rule, r->n * sizeof(a->rule[0]));
	memcpy(a->rule + r->n, cfg->rules, cfg->nrules * sizeof(a->rule[0]));
	a->next = *o->applied;
	*o->applied = a;
	cfg->rules = a->rule;
	cfg->nrules = n;
}

static void
apply_floor(const struct sluice_options *o, struct sluice_config *cfg)
{
	if (!o->floor.given)
		return;
	cfg->floor = o->floor.rule;
	cfg->nfloor = o->floor.n;
	cfg->floor_profiles = o->floor.profiles[0] ? o->floor.profiles : "none";
}

static void
apply_texts(const struct option_texts *t, const char *const **to, size_t *n)
{
	if (t->n == 0)
		return;
	*to = (const char *const *)t->text;
	*n = t->n;
}

static void
apply_names(const struct sluice_options *o, struct sluice_config *cfg)
{
	if (o->nnameservers) {
		cfg->nameservers = o->nameservers;
		cfg->nnameservers = o->nnameservers;
	}
	apply_texts(&o->routes, &cfg->dns_routes, &cfg->ndns_routes);
	apply_texts(&o->hosts, &cfg->hosts, &cfg->nhosts);
	apply_texts(&o->rebind_allow, &cfg->rebind_allow, &cfg->nrebind_allow);
	cfg->no_rebind_protection |= o->no_rebind_protection;
	if (o->dns_timeout)
		cfg->dns_timeout = o->dns_timeout;
	if (o->dns_cache)
		cfg->dns_cache = o->dns_cache;
	cfg->no_status_page |= o->no_status_page;
}

static void
apply_tls(const struct sluice_options *o, struct sluice_config *cfg)
{
	cfg->intercept |= o->intercept;
	cfg->tls_only_13 |= o->only_13;
	cfg->request_log |= o->request_log;
	if (o->nintercept_port) {
		cfg->intercept_ports = o->intercept_port;
		cfg->nintercept_ports = o->nintercept_port;
	}
	if (o->intercept_max)
		cfg->intercept_max = o->intercept_max;
	apply_texts(&o->bypass, &cfg->intercept_bypass, &cfg->nintercept_bypass);
	apply_texts(&o->extra_roots, &cfg->tls_extra_roots, &cfg->ntls_extra_roots);
	if (o->ca)
		cfg->ca_dir = o->ca;
	if (o->tls_roots)
		cfg->tls_roots = o->tls_roots;
	if (o->secrets && o->secrets->n) {
		cfg->secrets = o->secrets->secret;
		cfg->nsecrets = o->secrets->n;
	}
	if (o->ntls_host) {
		cfg->tls_hosts = o->tls_host;
		cfg->ntls_hosts = o->ntls_host;
	}
}

/* What was not given is left as it is: the program's own defaults, or what another source said. */
void
sluice_options_apply(const struct sluice_options *o, struct sluice_config *cfg)
{
	static const uint8_t none[6];

	apply_net(&o->net[FAMILY_V4], &cfg->ipv4);
	apply_net(&o->net[FAMILY_V6], &cfg->ipv6);
	if (o->mtu)
		cfg->mtu = o->mtu;
	if (memcmp(o->mac, none, sizeof(none)) != 0)
		memcpy(cfg->guest_mac, o->mac, sizeof(cfg->guest_mac));
	if (o->npublish) {
		cfg->publish = o->publish;
		cfg->npublish = o->npublish;
	}
	apply_limits(o, cfg);
	cfg->udp_endpoint_independent |= o->udp_endpoint_independent;
	cfg->no_dhcp |= o->no_dhcp;
	if (o->hostname[0])
		cfg->hostname = o->hostname;
	if (o->nsearch) {
		cfg->search = o->search;
		cfg->nsearch = o->nsearch;
	}
	apply_rules(o, cfg);
	apply_floor(o, cfg);
	cfg->keep_flows |= o->keep_flows;
	apply_names(o, cfg);
	apply_tls(o, cfg);
}
