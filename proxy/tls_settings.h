/*
 * tls_settings.h - what is configured about TLS, read whole in any thread: a part of struct settings
 */
#ifndef PROXY_TLS_SETTINGS_H
#define PROXY_TLS_SETTINGS_H

#include "policy/diag.h"
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
	unsigned users;
	bool all; /* open all TLS to `port` */
	bool only_13;
	bool request_log;
	uint16_t port[TLS_PORTS];
	unsigned nport;
	struct nameset *bypass;  /* sealed */
	struct tls_roots *roots; /* tls_settings_roots() */
	bool roots_read;         /* it was tried */
	char *extra;             /* PEM of further ones, NUL-terminated; NULL: none */
	struct tls_host *host;
	unsigned nhost;
	uint64_t trust; /* differs between settings that trust differently: sessions are kept apart by it */
};

/* NULL: something was wrong and told to d, or no memory.  Reads the files that cfg names, and the system's roots if they will be
 * needed: it opens connections from the start. */
struct tls_settings *tls_settings_new(const struct sluice_config *cfg, bool opens, struct diag_sink *d);
/* Connections that are being opened keep those they began with: roots and identities are theirs until then.  In the
 * gateway's thread only; free is the first user's drop.  NULL is fine. */
struct tls_settings *tls_settings_keep(struct tls_settings *s);
void tls_settings_free(struct tls_settings *s);

/* The common roots.  Those of the system are read when they are first asked for (4 ms): NULL: none can be read, nothing verifies.
 * In the gateway's thread only. */
const struct tls_roots *tls_settings_roots(struct tls_settings *s);

bool tls_settings_has_port(const struct tls_settings *s, uint16_t port);
/* The entry that is for this name: the longest; NULL: none. */
const struct tls_host *tls_settings_host(const struct tls_settings *s, const struct name *name);

/* Where certificates of the system are; NULL: nowhere. */
const char *tls_system_roots(void);

#endif
