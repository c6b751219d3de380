/*
 * secrets.h - the secrets of a gateway: kept in locked memory, changed from any thread, taken by the gateway's as they are
 */
#ifndef PROXY_SECRETS_H
#define PROXY_SECRETS_H

#include "http/secret.h"
#include "link/host.h"
#include "sluice.h"

struct secret_store;

/* host: for placeholders drawn by chance; borrowed.  Secrets of cfg are added.  NULL and a sentence. */
struct secret_store *secret_store_new(const struct sluice_config *cfg, struct host *host, char *err,
				      size_t errlen);
void secret_store_free(struct secret_store *s); /* sets that are still kept live on */

/* Any thread.  As the functions of sluice.h. */
int secret_store_set(struct secret_store *s, const struct sluice_secret *given, char *err, size_t errlen);
int secret_store_remove(struct secret_store *s, const char *name);
int secret_store_placeholder(struct secret_store *s, const char *name, char *buf, size_t size);

/* The present set, kept for the caller (secret_set_drop()); NULL: there are no secrets.  Any thread; takes a lock for a moment. */
struct secret_set *secret_store_take(struct secret_store *s);
/* Are there any now?  One atomic read. */
bool secret_store_any(const struct secret_store *s);

/* What is wrong with it, before anything is done: NULL: nothing.  For sluice_check() and the configuration. */
const char *secret_check(const struct sluice_secret *s, char *buf, size_t size);

#endif
