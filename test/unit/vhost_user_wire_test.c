/*
 * vhost_user_wire_test.c - messages of vhost-user: structs to bytes and back, and what a header may not say
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "link/vhost_user_wire.h"

static size_t
emit(const struct vhost_user_message *m, uint8_t to[VHOST_USER_MESSAGE_MAX])
{
	struct wr w = wr_of(to, VHOST_USER_MESSAGE_MAX);

	vhost_user_emit(&w, m);
	assert_false(w.bad);
	return (size_t)(w.p - to);
}

static struct vhost_user_header
header(const uint8_t *from)
{
	struct rd r = rd_of(view_of(from, VHOST_USER_HLEN));
	struct vhost_user_header h;

	assert_true(vhost_user_parse_header(&r, &h));
	return h;
}

/* From a block of exactly that size, so that a byte too far is noticed. */
static bool
parse(const struct vhost_user_header *h, const uint8_t *from, size_t len, struct vhost_user_message *m)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (len)
		memcpy(exact, from, len);
	bool good = vhost_user_parse(h, view_of(exact, len), m);
	free(exact);
	return good;
}

static bool
allowed(uint32_t request, uint32_t flags, uint32_t size, const char *because)
{
	struct vhost_user_header h = {request, flags, size};
	char why[128] = "";
	bool good = vhost_user_judge_header(&h, why, sizeof(why));

	assert_true(good == (why[0] == '\0'));
	if (because && !strstr(why, because))
		fail_msg("'%s' does not say '%s'", why, because);
	return good;
}

/* One of each payload, and as many regions as there may be. */
static struct vhost_user_message
sample(uint32_t request)
{
	struct vhost_user_message m = {.request = request, .payload = vhost_user_request_payload(request)};

	switch (m.payload) {
	case VHOST_USER_NONE:
		break;
	case VHOST_USER_U64:
		m.u64 = 0x1122334455667788;
		break;
	case VHOST_USER_STATE:
		m.state = (struct vhost_user_state){0x01020304, 0x05060708};
		break;
	case VHOST_USER_ADDR:
		m.addr = (struct vhost_user_addr){1, 2, 3, UINT64_MAX, 5, 6};
		break;
	case VHOST_USER_MEMORY:
		m.memory.n = VHOST_USER_REGIONS;
		for (uint32_t i = 0; i < m.memory.n; i++)
			m.memory.region[i] = (struct vhost_user_region){i, 2 * i, UINT64_MAX - i, 4 * i};
		break;
	case VHOST_USER_REGION:
		m.region = (struct vhost_user_region){1, UINT64_MAX, 3, 4};
		break;
	case VHOST_USER_CONFIG:
		m.config = (struct vhost_user_config){7, VHOST_USER_CONFIG_MAX, 9, "bytes"};
		break;
	}
	return m;
}

static void
assert_same(const struct vhost_user_message *a, const struct vhost_user_message *b)
{
	uint8_t x[VHOST_USER_MESSAGE_MAX], y[VHOST_USER_MESSAGE_MAX];
	size_t n = emit(a, x);

	assert_int_equal(emit(b, y), n);
	assert_memory_equal(x, y, n);
	assert_int_equal(a->payload, b->payload);
}

static void
every_request_survives_a_round_trip(void **state)
{
	int served = 0;

	(void)state;
	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		uint8_t bytes[VHOST_USER_MESSAGE_MAX];
		struct vhost_user_message m = sample(request), back = {0};

		if (!vhost_user_request_served(request))
			continue;
		m.need_reply = request % 2;
		size_t n = emit(&m, bytes);
		struct vhost_user_header h = header(bytes);
		assert_int_equal(h.request, request);
		assert_int_equal(h.size, n - VHOST_USER_HLEN);
		assert_true(allowed(h.request, h.flags, h.size, NULL));
		assert_true(parse(&h, bytes + VHOST_USER_HLEN, h.size, &back));
		assert_same(&m, &back);
		served++;
	}
	assert_int_equal(served, 24);
}

/* As a peer sees it: QEMU's SET_VRING_NUM of queue 1 with 256 entries, which wants an answer. */
static void
the_bytes_are_the_protocols(void **state)
{
	const uint32_t words[] = {8, 1 | 1 << 3, 8, 1, 256};
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct vhost_user_message m = {.request = VHOST_USER_SET_VRING_NUM,
				       .need_reply = true,
				       .payload = VHOST_USER_STATE,
				       .state = {1, 256}};

	(void)state;
	assert_int_equal(emit(&m, bytes), sizeof(words));
	assert_memory_equal(bytes, words, sizeof(words));
	m = (struct vhost_user_message){
	    .request = VHOST_USER_GET_FEATURES, .reply = true, .payload = VHOST_USER_U64, .u64 = 5};
	const uint32_t reply[] = {1, 1 | 1 << 2, 8};
	assert_int_equal(emit(&m, bytes), sizeof(reply) + 8);
	assert_memory_equal(bytes, reply, sizeof(reply));
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
		uint8_t bytes[VHOST_USER_MESSAGE_MAX];
		struct vhost_user_message m = sample(request), back;
		size_t n = emit(&m, bytes);
		struct vhost_user_header h = header(bytes);

		if (!vhost_user_request_served(request))
			continue;
		for (size_t len = 0; len + VHOST_USER_HLEN < n; len++)
			assert_false(parse(&h, bytes + VHOST_USER_HLEN, len, &back));
		uint8_t longer[VHOST_USER_MESSAGE_MAX + 1] = {0};
		memcpy(longer, bytes, n);
		assert_false(parse(&h, longer + VHOST_USER_HLEN, n - VHOST_USER_HLEN + 1, &back));
	}
	for (size_t len = 0; len < VHOST_USER_HLEN; len++) {
		struct rd r = rd_of(view_of("twelve bytes", len));
		struct vhost_user_header h;

		assert_false(vhost_user_parse_header(&r, &h));
	}
}

static void
lengths_within_must_agree(void **state)
{
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct vhost_user_message m = sample(VHOST_USER_SET_MEM_TABLE), back;
	size_t n = emit(&m, bytes);
	struct vhost_user_header h = header(bytes);

	(void)state;
	for (uint32_t claimed = 0; claimed < 2 * VHOST_USER_REGIONS; claimed++) {
		memcpy(bytes + VHOST_USER_HLEN, &claimed, 4);
		assert_int_equal(parse(&h, bytes + VHOST_USER_HLEN, n - VHOST_USER_HLEN, &back),
				 claimed == VHOST_USER_REGIONS);
	}
	m = sample(VHOST_USER_GET_CONFIG);
	n = emit(&m, bytes);
	h = header(bytes);
	const uint32_t wrong[] = {0, VHOST_USER_CONFIG_MAX - 1, VHOST_USER_CONFIG_MAX + 1, UINT32_MAX};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(bytes + VHOST_USER_HLEN + 4, &wrong[i], 4);
		assert_false(parse(&h, bytes + VHOST_USER_HLEN, n - VHOST_USER_HLEN, &back));
	}
}

static void
headers_are_judged(void **state)
{
	(void)state;
	assert_true(allowed(VHOST_USER_GET_FEATURES, 1, 0, NULL));
	assert_true(allowed(VHOST_USER_GET_FEATURES, 1 | VHOST_USER_NEED_REPLY, 0, NULL));
	for (uint32_t version = 0; version < 4; version++)
		assert_int_equal(allowed(VHOST_USER_SET_OWNER, version, 0, version == 1 ? NULL : "version"),
				 version == 1);
	for (unsigned bit = 2; bit < 32; bit++)
		assert_int_equal(allowed(VHOST_USER_SET_OWNER, 1 | 1u << bit, 0, bit == 3 ? NULL : "flags"),
				 bit == 3);
	assert_false(allowed(0, 1, 0, "unknown"));
	assert_false(allowed(VHOST_USER_REQUESTS, 1, 0, "unknown"));
	assert_false(allowed(UINT32_MAX, 1, 0, "unknown"));
	assert_false(allowed(VHOST_USER_SET_LOG_BASE, 1, 16, "SET_LOG_BASE (6), which was not offered"));
	assert_false(allowed(31, 1, 24, "GET_INFLIGHT_FD"));
}

static void
only_the_right_size_is_read(void **state)
{
	(void)state;
	for (uint32_t request = 1; request < VHOST_USER_REQUESTS; request++) {
		if (!vhost_user_request_served(request))
			continue;
		uint32_t passed = 0;
		for (uint32_t size = 0; size < 3 * VHOST_USER_PAYLOAD_MAX; size++) {
			struct vhost_user_header h = {request, 1, size};
			char why[128];

			if (!vhost_user_judge_header(&h, why, sizeof(why)))
				continue;
			assert_true(size <= VHOST_USER_PAYLOAD_MAX);
			passed++;
		}
		switch (vhost_user_request_payload(request)) {
		case VHOST_USER_MEMORY:
			assert_int_equal(passed, VHOST_USER_REGIONS + 1);
			break;
		case VHOST_USER_CONFIG:
			assert_int_equal(passed, VHOST_USER_CONFIG_MAX + 1);
			break;
		case VHOST_USER_NONE:
		case VHOST_USER_U64:
		case VHOST_USER_STATE:
		case VHOST_USER_ADDR:
		case VHOST_USER_REGION:
			assert_int_equal(passed, 1);
			break;
		}
		assert_false(allowed(request, 1, UINT32_MAX, "bytes"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_request_survives_a_round_trip),
	    cmocka_unit_test(the_bytes_are_the_protocols),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(lengths_within_must_agree),
	    cmocka_unit_test(headers_are_judged),
	    cmocka_unit_test(only_the_right_size_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
