/*
 * tls_fault_test.c - memory that runs out under TLS: at every allocation, and nothing is left behind
 *
 * The Makefile links this program with --wrap and with the library's archive, so that the library's own allocations fail, too.  Two
 * whole connections are made, the second on the session of the first; each allocation in turn fails once.  Allowed are a failure that
 * says why, and success (what failed was not needed: a session that is not kept); never a crash, a leak or a connection that is half done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ALLOC_FREE
#include "test/unit/alloc_wrap_kit.h"
#include "test/unit/tls_end_kit.h"

static bool counting;
static long countdown; /* 1: the next one fails; 0: none */
static long live;      /* blocks taken and not given back, while counting */

static bool
alloc_fails(void)
{
	return counting && countdown > 0 && --countdown == 0;
}

static void *
alloc_taken(void *p)
{
	live += counting && p;
	return p;
}

static void
alloc_given(void *p)
{
	live -= counting && p;
}

/* --- a whole connection ------------------------------------------------------------------------------------------------------- */

static uint64_t luck = 1;
static struct kit_identity leaf;
static struct kit_pair pair;

/* True: a byte went each way. */
static bool
speak(struct tls_end *from, struct tls_end *to)
{
	char c = 0;

	if (tls_end_write(from, "x", 1) != 1 || tls_end_flush(from) != 0)
		return false;
	for (int i = 0; i < 8 && c == 0; i++) {
		ssize_t got = tls_end_read(to, &c, 1);

		if (got != 1 && got != -EAGAIN)
			return false;
	}
	return c == 'x';
}

static bool
connect_once(struct tls *t)
{
	struct tls_alpn offer = {.n = 1, .name = {"h2"}};
	struct name n;
	struct tls_client c = {.name = &n, .port = 443, .alpn = &offer};

	if (!name_parse("host.test", 9, &n))
		return false;
	memset(&pair, 0, sizeof(pair));
	struct tls_io ci = kit_io(&pair, CLIENT), si = kit_io(&pair, SERVER);
	struct tls_end *client = pair.end[CLIENT] = tls_client_new(t, &ci, &c);
	struct tls_end *server = pair.end[SERVER] = tls_server_new(t, &si, &leaf.id, "h2");
	bool good = client && server && kit_shake(&pair);
	if (good) {
		tls_end_keep_session(client);
		good = speak(client, server) && speak(server, client);
		good = good && tls_end_close(client) == 0;
	} else if (client && server) {
		/* One of them knows why. */
		if (!tls_end_why(client)[0] && !tls_end_why(server)[0])
			fail_msg("failed without a reason");
	}
	tls_end_free(client);
	tls_end_free(server);
	return good;
}

/* All there is, with the nth allocation failing; 0: none.  True: it all went well. */
static bool
all_of_it(long nth)
{
	live = 0;
	countdown = nth;
	counting = true;
	struct tls *t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	bool good = t && connect_once(t);
	good = good && connect_once(t);
	tls_free(t);
	counting = false;
	return good;
}

static void
memory_runs_out_anywhere(void **state)
{
	(void)state;
	long n = 1, failures = 0;

	assert_true(all_of_it(0)); /* what the library keeps for the whole process is made */
	assert_true(all_of_it(0));
	assert_int_equal(live, 0);
	for (;; n += 1 + n / 100) {
		bool good = all_of_it(n);

		if (live != 0)
			fail_msg("allocation %ld failed, and %ld blocks are left", n, live);
		if (countdown > 0) { /* there were fewer */
			assert_true(good);
			break;
		}
		failures += !good;
	}
	assert_true(failures > 3);
	assert_true(all_of_it(0));
}

static int
begin(void **state)
{
	struct tls *t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	int bad = !t || !kit_identity_make(&leaf, KIT_P256, 2, t);

	*state = NULL;
	tls_free(t);
	return bad;
}

static int
end(void **state)
{
	(void)state;
	kit_identity_free(&leaf);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_runs_out_anywhere),
	};

	return cmocka_run_group_tests_name("TLS without memory", tests, begin, end);
}
