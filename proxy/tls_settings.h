/*
 * tls_settings.h - what is configured about TLS, read whole in any thread: a part of struct settings
 */
#ifndef PROXY_TLS_SETTINGS_H
#define PROXY_TLS_SETTINGS_H

#include "policy/sets.h"
#include "sluice.h"
#include "tls/leaf.h"
#include "tls/verify.h"

#define TLS_PORTS 32u
#define TLS_HOSTS 256u

/* How servers at and below (suffix) or at this name are met. */
struct tls_host {
	struct name name;
	bool suffix;
	bool no_verify;
	struct tls_roots *roots;       /* NULL: the common ones */
	struct tls_identity *identity; /* NULL: none is shown */
};

struct tls_settings {
	bool all; /* open all TLS to `port` */
	bool only_13;
	bool request_log;
	uint16_t port[TLS_PORTS];
	unsigned nport;
	struct nameset *bypass;  /* sealed */
	struct tls_roots *roots; /* NULL: none could be read; nothing verifies */
	struct tls_host *host;
	unsigned nhost;
	uint64_t trust; /* differs between settings that trust differently: sessions are kept apart by it */
};

struct setup;
/* NULL: something was wrong, and told.  Reads the files that cfg names. */
struct tls_settings *tls_settings_new(struct setup *su, const struct sluice_config *cfg);
void tls_settings_free(struct tls_settings *s);

bool tls_settings_has_port(const struct tls_settings *s, uint16_t port);
/* The entry that is for this name: the longest; NULL: none. */
const struct tls_host *tls_settings_host(const struct tls_settings *s, const struct name *name);

/* Where certificates of the system are; NULL: nowhere. */
const char *tls_system_roots(void);

#endif
