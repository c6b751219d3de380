/*
 * option_secret.h - the secrets that options and configuration files name
 */
#ifndef PROXY_OPTION_SECRET_H
#define PROXY_OPTION_SECRET_H

#include "proxy/locked.h"
#include "proxy/secret_option.h"

#define OPTION_SECRETS 64u

/* Made with the first secret.  `secret` is what a config points at; values are there once they were read. */
struct option_secrets {
	size_t n;
	struct secret_option option[OPTION_SECRETS];
	struct locked value[OPTION_SECRETS];
	struct sluice_secret secret[OPTION_SECRETS];
};

void option_secrets_free(struct option_secrets *s); /* wiped first; NULL is fine */

#endif
