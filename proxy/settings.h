/*
 * settings.h - what sluice_reload() replaces: policy and names, built whole in any thread, then swapped
 */
#ifndef PROXY_SETTINGS_H
#define PROXY_SETTINGS_H

#include "dns/local.h"
#include "dns/servers.h"
#include "policy/policy.h"
#include "proxy/tls_settings.h"
#include "sluice.h"

struct settings {
	struct policy *policy;
	bool keep_flows;
	struct dns_servers *servers;
	struct dns_local *local;
	struct nameset *rebind_allow; /* sealed */
	bool rebind_protection;
	usec_t dns_timeout;
	uint32_t dns_cache; /* entries; 0: none */
	bool status_page;
	struct tls_settings *tls;
};

/* NULL: something was wrong and told to d, or no memory (*err: a sentence).  Reads the files that rules name. */
struct settings *settings_new(const struct sluice_config *cfg, struct diag_sink *d);
void settings_free(struct settings *s);

/* The same with what was wrong as a sentence. */
struct setup;
struct settings *settings_read(struct setup *su, const struct sluice_config *cfg);

/* A sink that hands what it is told to cfg->diagnostic. */
struct diag_sink settings_sink(const struct sluice_config *cfg);

#endif
