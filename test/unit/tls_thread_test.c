/*
 * tls_thread_test.c - gateways in several threads begin TLS at the same time, and none disturbs another
 *
 * What the library keeps for the whole process (PSA's keys and generator, tables of AES) is made by whoever comes first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "test/unit/tls_end_kit.h"

#define THREADS 4
#define TIMES 8

struct one {
	uint64_t luck;
	pthread_barrier_t *start;
	int good; /* connections made */
};

static bool
connect_once(struct tls *t, const struct kit_identity *leaf)
{
	struct kit_pair *p = calloc(1, sizeof(*p));
	struct tls_client c = {.addr = addr_v4(0x7f000001), .port = 443};
	char got = 0;

	if (!p)
		return false;
	struct tls_io ci = kit_io(p, CLIENT), si = kit_io(p, SERVER);
	p->end[CLIENT] = tls_client_new(t, &ci, &c);
	p->end[SERVER] = tls_server_new(t, &si, &leaf->id, NULL);
	bool good = p->end[CLIENT] && p->end[SERVER] && kit_shake(p) &&
		    tls_end_write(p->end[CLIENT], "x", 1) == 1 && tls_end_read(p->end[SERVER], &got, 1) == 1;
	kit_pair_free(p);
	return good && got == 'x';
}

/* A gateway's life: its own struct tls, its own leaf, a few connections. */
static void *
live(void *arg)
{
	struct one *me = arg;
	struct kit_identity leaf;

	(void)pthread_barrier_wait(me->start);
	struct tls *t = tls_new(&(struct tls_random){kit_fill, &me->luck}, NULL);
	if (!t)
		return NULL;
	bool made = kit_identity_make(&leaf, KIT_P256, 1, t);
	for (int i = 0; i < TIMES && made; i++)
		me->good += connect_once(t, &leaf);
	kit_identity_free(&leaf);
	tls_free(t);
	return NULL;
}

static void
several_begin_at_once(void **state)
{
	(void)state;
	pthread_barrier_t start;
	pthread_t thread[THREADS];
	struct one one[THREADS];

	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++) {
		one[i] = (struct one){.luck = (uint64_t)i + 1, .start = &start};
		assert_int_equal(pthread_create(&thread[i], NULL, live, &one[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(one[i].good, TIMES);
	assert_int_equal(pthread_barrier_destroy(&start), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(several_begin_at_once),
	};

	return cmocka_run_group_tests_name("TLS in threads", tests, NULL, NULL);
}
