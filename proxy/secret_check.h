/*
 * secret_check.h - what a secret may be
 */
#ifndef PROXY_SECRET_CHECK_H
#define PROXY_SECRET_CHECK_H

#include "proxy/config.h"

#define SECRET_NAME 64u
#define SECRET_HOSTS 1024u /* of one secret, and as many pass_hosts */
#define SECRET_REDACT_MIN \
	8u /* bytes of a value that is looked for in responses: shorter ones are in any text */
#define SECRET_REDACT_MAX 8192u

/* The caller's struct as one of this library's size: what it does not have is zero. */
bool secret_given(struct setup *su, const struct sluice_secret *s, struct sluice_secret *whole);
/* But for what needs the other secrets.  The value is in no sentence. */
bool secret_valid(struct setup *su, const struct sluice_secret *s);

#endif
