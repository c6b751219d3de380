/*
 * tls_pair_kit.h - pairs of TLS ends for cmocka: made, shaken, and bytes carried between them
 *
 * Each test runs with every version of TLS the library has; `version` is the one at hand.
 */
#ifndef TEST_UNIT_TLS_PAIR_KIT_H
#define TEST_UNIT_TLS_PAIR_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/tls_end_kit.h"
#include "tls/end.h"

static uint64_t luck;
static struct tls *tls;
static struct kit_identity leaf;
static int version;

static inline struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static inline struct tls_alpn
alpn_of(const char *a, const char *b)
{
	struct tls_alpn list = {.n = (uint8_t)(b ? 2 : a ? 1 : 0)};

	if (a)
		(void)snprintf(list.name[0], sizeof(list.name[0]), "%s", a);
	if (b)
		(void)snprintf(list.name[1], sizeof(list.name[1]), "%s", b);
	return list;
}

/* As set up anew, with what was changed in its configuration. */
static inline void
again(struct tls_end *e)
{
	assert_int_equal(mbedtls_ssl_session_reset(&e->ssl), 0);
}

static inline void
only_version(struct tls_end *e)
{
#if LIB_HAS_13
	if (version == 12)
		mbedtls_ssl_conf_max_tls_version(&e->conf, MBEDTLS_SSL_VERSION_TLS1_2);
	else
		mbedtls_ssl_conf_min_tls_version(&e->conf, MBEDTLS_SSL_VERSION_TLS1_3);
	if (e->server)
		again(e);
#else
	(void)e;
#endif
}

static inline struct kit_pair *
pair_with(const struct tls_client *c, const struct kit_identity *k, const char *alpn)
{
	struct kit_pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	struct tls_io ci = kit_io(p, CLIENT), si = kit_io(p, SERVER);
	p->end[CLIENT] = tls_client_new(tls, &ci, c);
	p->end[SERVER] = tls_server_new(tls, &si, &k->id, alpn);
	assert_non_null(p->end[CLIENT]);
	assert_non_null(p->end[SERVER]);
	only_version(p->end[SERVER]);
	return p;
}

static inline struct kit_pair *
pair_of(const struct tls_alpn *offer, const char *alpn)
{
	struct name n = name_of("host.test");
	struct tls_client c = {.name = &n, .port = 443, .alpn = offer};

	return pair_with(&c, &leaf, alpn);
}

static inline struct kit_pair *
shaken(void)
{
	struct kit_pair *p = pair_of(NULL, NULL);

	assert_true(kit_shake(p));
	return p;
}

/* All of it, flushing and reading as long as it takes. */
static inline void
carry(struct kit_pair *p, int from, const uint8_t *b, size_t n)
{
	uint8_t *got = malloc(n ? n : 1);
	size_t sent = 0, had = 0;

	assert_non_null(got);
	for (unsigned turns = 0; had < n; turns++) {
		assert_true(turns < 4000000);
		ssize_t w =
		    sent < n ? tls_end_write(p->end[from], b + sent, n - sent) : tls_end_flush(p->end[from]);
		assert_true(w >= 0 || w == -EAGAIN);
		if (w > 0)
			sent += (size_t)w;
		ssize_t r = tls_end_read(p->end[!from], got + had, n - had);
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			had += (size_t)r;
	}
	assert_memory_equal(got, b, n);
	free(got);
}

/* The message of an end that waits for nothing. */
static inline ssize_t
read_all(struct tls_end *e, void *to, size_t n)
{
	ssize_t got;
	int turns = 0;

	do
		got = tls_end_read(e, to, n);
	while (got == -EAGAIN && (tls_end_has_readable(e) || turns++ < 8));
	return got;
}

/* Before each test: no session is known. */
static inline int
forget_all(void **state)
{
	tls_free(tls);
	tls = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	*state = NULL;
	return !tls;
}

static inline int
begin_group(void **state)
{
	luck = 1;
	tls = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	*state = NULL;
	return !tls || !kit_identity_make(&leaf, KIT_P256, 1, tls);
}

static inline int
end_group(void **state)
{
	(void)state;
	kit_identity_free(&leaf);
	tls_free(tls);
	return 0;
}

#endif
