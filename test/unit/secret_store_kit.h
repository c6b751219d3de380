/*
 * secret_store_kit.h - a store of secrets without a gateway
 */
#ifndef TEST_UNIT_SECRET_STORE_KIT_H
#define TEST_UNIT_SECRET_STORE_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/substitute.h"
#include "proxy/secrets.h"

/* Chance that repeats itself. */
static void
kit_chance(struct host *h, void *to, size_t n)
{
	(void)h;
	memset(to, 0x5a, n);
}

static const struct host_ops kit_ops = {.random = kit_chance};
static struct host kit_host = {.ops = &kit_ops};

static const char *const kit_hosts[] = {"api.test", "*.more.test"};

static inline struct sluice_secret
kit_secret(const char *name, const char *value)
{
	return (struct sluice_secret){.size = sizeof(struct sluice_secret),
				      .name = name,
				      .value = value,
				      .value_len = strlen(value),
				      .hosts = kit_hosts,
				      .nhosts = 2};
}

static inline struct secret_store *
kit_store(void)
{
	struct sluice_config cfg;
	char err[256];

	sluice_config_init(&cfg);
	struct secret_store *s = secret_store_new(&cfg, &kit_host, err, sizeof(err));
	assert_non_null(s);
	return s;
}

#endif
