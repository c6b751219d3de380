/*
 * socks_test.c - SOCKS 5, the client's half: exact bytes out, every reply, every way to cut it, all that is wrong
 */
#include "test/unit/wire_kit.h"

#include <errno.h>

#include "proxy/socks.h"

static const uint8_t greeting[] = {5, 1, 0};

static void
wrote(struct socks *s, const uint8_t *want, size_t n)
{
	uint8_t out[SOCKS_OUT_MAX];

	assert_int_equal(socks_output(s, out), n);
	assert_memory_equal(out, want, n);
	socks_sent(s, n);
	assert_int_equal(socks_output(s, out), 0);
}

/* Byte by byte, or as much as is wanted at once. */
static void
reads(struct socks *s, const uint8_t *bytes, size_t n, bool singly)
{
	size_t at = 0;

	while (at < n && socks_want(s) > 0) {
		size_t want = socks_want(s), take = singly || want > n - at ? 1 : want;

		assert_true(want <= SOCKS_IN_MAX);
		socks_input(s, view_of(bytes + at, take));
		at += take;
	}
	assert_int_equal(at, n);
}

static struct socks
asked(const char *addr)
{
	struct endpoint to = {kit_addr(addr), 443};
	struct socks s;
	uint8_t out[SOCKS_OUT_MAX];

	socks_start(&s, &to);
	wrote(&s, greeting, sizeof(greeting));
	reads(&s, (const uint8_t[]){5, 0}, 2, false);
	socks_sent(&s, socks_output(&s, out));
	return s;
}

static void
the_bytes_of_rfc_1928(void **state)
{
	static const uint8_t v4[] = {5, 1, 0, 1, 192, 0, 2, 1, 1, 0xbb};
	static const uint8_t v6[] = {5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0,
				     0, 0, 0, 0, 0,    0, 0,   0,    9, 1, 0xbb};
	struct socks s;

	(void)state;
	socks_start(&s, &(struct endpoint){kit_addr("192.0.2.1"), 443});
	assert_int_equal(socks_want(&s), 0);
	wrote(&s, greeting, sizeof(greeting));
	assert_int_equal(socks_want(&s), 2);
	reads(&s, (const uint8_t[]){5, 0}, 2, false);
	wrote(&s, v4, sizeof(v4));
	assert_int_equal(socks_want(&s), 4);

	socks_start(&s, &(struct endpoint){kit_addr("2001:db8::9"), 443});
	wrote(&s, greeting, sizeof(greeting));
	reads(&s, (const uint8_t[]){5, 0}, 2, true);
	wrote(&s, v6, sizeof(v6));
}

static void
a_socket_takes_a_byte_at_a_time(void **state)
{
	uint8_t out[SOCKS_OUT_MAX], all[64];
	size_t n = 0;
	struct socks s;

	(void)state;
	socks_start(&s, &(struct endpoint){kit_addr("192.0.2.1"), 443});
	while (socks_output(&s, out) > 0) {
		all[n++] = out[0];
		socks_sent(&s, 1);
	}
	assert_int_equal(n, 3);
	assert_memory_equal(all, greeting, 3);
	reads(&s, (const uint8_t[]){5, 0}, 2, false);
	for (n = 0; socks_output(&s, out) > 0; n++) {
		all[n] = out[0];
		socks_sent(&s, 1);
	}
	assert_int_equal(n, 10);
	assert_int_equal(all[9], 0xbb);
	assert_int_equal(s.step, SOCKS_REPLY);
}

/* Whatever address the proxy says it uses; and not a byte more is wanted than the reply has. */
static void
each_type_of_bound_address(void **state)
{
	static const struct {
		uint8_t head[5];
		size_t nhead, rest;
	} reply[] = {
	    {{5, 0, 0, 1}, 4, 6},      {{5, 0, 0, 4}, 4, 18},       {{5, 0, 0, 3, 0}, 5, 2},
	    {{5, 0, 0, 3, 11}, 5, 13}, {{5, 0, 0, 3, 255}, 5, 257},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reply) / sizeof(reply[0]); i++) {
		for (int singly = 0; singly < 2; singly++) {
			uint8_t bytes[300] = {0};
			struct socks s = asked("192.0.2.1");
			size_t n = reply[i].nhead + reply[i].rest;

			memcpy(bytes, reply[i].head, reply[i].nhead);
			reads(&s, bytes, n - 1, singly);
			assert_int_equal(s.step, SOCKS_BOUND);
			assert_int_equal(socks_want(&s), 1);
			reads(&s, bytes + n - 1, 1, singly);
			assert_int_equal(s.step, SOCKS_DONE);
			assert_int_equal(socks_want(&s), 0);
		}
	}
}

static void
each_reply_that_is_a_no(void **state)
{
	static const int want[] = {[1] = EHOSTUNREACH, [2] = EACCES,    [3] = ENETUNREACH, [4] = EHOSTUNREACH,
				   [5] = ECONNREFUSED, [6] = ETIMEDOUT, [7] = EACCES,      [8] = ENETUNREACH};

	(void)state;
	for (unsigned rep = 1; rep < 256; rep++) {
		struct socks s = asked("192.0.2.1");

		/* The type of an address that is not there does not matter. */
		reads(&s, (const uint8_t[]){5, (uint8_t)rep, 0, (uint8_t)rep}, 4, false);
		assert_int_equal(s.step, SOCKS_FAILED);
		assert_int_equal(s.error, rep < 9 ? want[rep] : EHOSTUNREACH);
		assert_true(strlen(s.why) > 5);
		assert_int_equal(socks_want(&s), 0);
	}
}

static void
nonsense(void **state)
{
	static const uint8_t method[][2] = {{4, 0}, {0, 0}, {5, 1}, {5, 2}, {'H', 'T'}};
	static const uint8_t reply[][4] = {{4, 0, 0, 1}, {5, 0, 1, 1}, {5, 0, 0, 0}, {5, 0, 0, 2},
					   {5, 0, 0, 5}, {0, 0, 0, 1}, {5, 2, 7, 1}};
	struct socks s;
	uint8_t out[SOCKS_OUT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(method) / sizeof(method[0]); i++) {
		socks_start(&s, &(struct endpoint){kit_addr("192.0.2.1"), 443});
		socks_sent(&s, socks_output(&s, out));
		reads(&s, method[i], 2, false);
		assert_int_equal(s.step, SOCKS_FAILED);
		assert_int_equal(s.error, EHOSTUNREACH);
	}
	for (size_t i = 0; i < sizeof(reply) / sizeof(reply[0]); i++) {
		s = asked("192.0.2.1");
		reads(&s, reply[i], 4, true);
		assert_int_equal(s.step, SOCKS_FAILED);
		assert_int_equal(s.error, EHOSTUNREACH);
	}
	/* No acceptable method: it wants to know who we are. */
	socks_start(&s, &(struct endpoint){kit_addr("192.0.2.1"), 443});
	socks_sent(&s, socks_output(&s, out));
	reads(&s, (const uint8_t[]){5, 0xff}, 2, false);
	assert_int_equal(s.error, EACCES);
}

static void
it_closes_too_early(void **state)
{
	static const uint8_t reply[] = {5, 0, 0, 1, 1, 2, 3, 4, 5, 6};

	(void)state;
	for (size_t n = 0; n < sizeof(reply); n++) {
		struct socks s = asked("192.0.2.1");

		reads(&s, reply, n, true);
		socks_ended(&s);
		assert_int_equal(s.step, SOCKS_FAILED);
		assert_int_equal(s.error, EHOSTUNREACH);
	}
	/* What it said before it closed stands. */
	struct socks s = asked("192.0.2.1");
	reads(&s, (const uint8_t[]){5, 5, 0, 1}, 4, true);
	socks_ended(&s);
	assert_int_equal(s.error, ECONNREFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_bytes_of_rfc_1928),
	    cmocka_unit_test(a_socket_takes_a_byte_at_a_time),
	    cmocka_unit_test(each_type_of_bound_address),
	    cmocka_unit_test(each_reply_that_is_a_no),
	    cmocka_unit_test(nonsense),
	    cmocka_unit_test(it_closes_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
