/*
 * http2_attack_test.c - peers of HTTP/2 that do not behave: floods, heads without end, what is not asked for
 */
#include "test/unit/http2_kit.h"

/* --- who does not behave ---------------------------------------------------------------------------------------------------------- */

/* What was said to the client last: GOAWAY's code; -1: it was none. */
static int
last_goaway(const struct h2_bed *b)
{
	const uint8_t *p = (const uint8_t *)b->h1;
	int code = -1;

	for (size_t at = 0; at + 9 <= b->nh1;) {
		size_t n = (size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2];

		if (p[at + 3] == NGHTTP2_GOAWAY && at + 9 + n <= b->nh1)
			code = p[at + 16];
		at += 9 + n;
	}
	return code;
}

static void
rapid_resets_end_it(void **state)
{
	struct h2_bed *b = raw_client();

	(void)state;
	b->server->mute = true;
	for (uint32_t i = 0; i < 2000; i++) {
		frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 2 * i + 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
		frame(b, SIDE_CLIENT, NGHTTP2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\x8", 4);
	}
	h2_bed_run(b);
	assert_int_equal(last_goaway(b), NGHTTP2_ENHANCE_YOUR_CALM);
	assert_string_equal(b->x->failed, "too many HTTP/2 streams begun and given up");
	assert_false(b->x->by_server);
	assert_true(b->judged < 600);
	close_bed(b);
}

/* At a pace that a busy client may have, it goes on. */
static void
some_resets_are_fine(void **state)
{
	struct h2_bed *b = raw_client();

	(void)state;
	b->server->mute = true;
	for (uint32_t i = 0; i < 3000; i++) {
		frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 2 * i + 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
		frame(b, SIDE_CLIENT, NGHTTP2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\x8", 4);
		h2_bed_run(b);
		b->now += USEC_PER_SEC / 25;
		b->nh1 = 0;
	}
	assert_null(b->x->failed);
	assert_int_equal(b->done, 3000);
	close_bed(b);
}

static void
floods_end_it(void **state)
{
	static const struct {
		uint8_t type;
		const char *payload;
		size_t n;
		uint32_t id;
	} flood[] = {
	    {NGHTTP2_PING, "12345678", 8, 0},
	    {NGHTTP2_SETTINGS, NULL, 0, 0},
	    {NGHTTP2_DATA, NULL, 0, 1},
	    {NGHTTP2_PRIORITY, "\0\0\0\0\x10", 5, 77},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flood) / sizeof(*flood); i++) {
		struct h2_bed *b = raw_client();

		b->server->mute = true;
		frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 4, 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
		for (int n = 0; n < 5000; n++)
			frame(b, SIDE_CLIENT, flood[i].type, 0, flood[i].id, flood[i].payload, flood[i].n);
		h2_bed_run(b);
		if (last_goaway(b) != NGHTTP2_ENHANCE_YOUR_CALM)
			print_error("flood %zu: %s, %zu bytes\n", i, b->x->failed, b->nh1);
		assert_int_equal(last_goaway(b), NGHTTP2_ENHANCE_YOUR_CALM);
		assert_non_null(b->x->failed);
		assert_false(b->x->by_server);
		assert_true(b->x->ops->ended(b->x, SIDE_CLIENT));
		assert_int_equal(b->done, 0);
		b->x->ops->free(b->x);
		b->x = NULL;
		assert_int_equal(b->done, 1);
		close_bed(b);
	}
}

/* The gateway does not pile up answers for somebody who does not read them. */
static void
answers_nobody_reads_are_few(void **state)
{
	struct h2_bed *b = raw_client();
	struct view v;
	size_t took = 0;

	(void)state;
	for (int n = 0; n < 5000; n++)
		frame(b, SIDE_CLIENT, NGHTTP2_PING, 0, 0, "12345678", 8);
	v = view_of(b->kept[SIDE_CLIENT], b->nkept[SIDE_CLIENT]);
	while (took < v.len) {
		size_t n = b->x->ops->take(b->x, SIDE_CLIENT, view_of(v.p + took, v.len - took), b->now);

		if (n == 0)
			break;
		took += n;
	}
	assert_non_null(b->x->failed);
	assert_true(h2_heap_of(b->x)->most < 200000);
	close_bed(b);
}

static void
continuations_without_end(void **state)
{
	struct h2_bed *b = raw_client();

	(void)state;
	frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 1, 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
	for (int i = 0; i < 1000; i++)
		frame(b, SIDE_CLIENT, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
	h2_bed_run(b);
	assert_string_equal(b->x->failed, "an HTTP/2 head in too many frames");
	assert_int_equal(last_goaway(b), NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(b->server->n, 0);
	close_bed(b);
}

/* One small frame, and a head of many megabytes: a table's entry again and again. */
static void
heads_that_unfold(void **state)
{
	struct h2_bed *b = raw_client();
	char payload[16000];
	size_t n = sizeof(SMALL_HEAD) - 1;

	(void)state;
	memcpy(payload, SMALL_HEAD, n);
	payload[n++] = 0x40; /* literal, indexed: "x: yyy..." */
	payload[n++] = 1;
	payload[n++] = 'x';
	payload[n++] = 0x7f;
	payload[n++] = (char)(0x80 | ((3900 - 127) & 0x7f));
	payload[n++] = (char)((3900 - 127) >> 7);
	memset(payload + n, 'y', 3900);
	n += 3900;
	memset(payload + n, 0xbe, sizeof(payload) - n); /* the newest entry of the table */
	for (uint32_t i = 0; i < 50; i++)
		frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 2 * i + 1, payload, sizeof(payload));
	h2_bed_run(b);
	assert_null(b->x->failed);
	assert_int_equal(b->server->n, 0);
	assert_true(h2_heap_of(b->x)->most < 500000);
	close_bed(b);
}

static void
no_preface_in_time(void **state)
{
	struct h2_bed *b = open_bed(NULL, &server);

	(void)state;
	h2_bed_raw(b, SIDE_CLIENT, NGHTTP2_CLIENT_MAGIC, 10);
	h2_bed_run(b);
	assert_int_equal(b->x->ops->deadline(b->x), 1000 + 10 * USEC_PER_SEC);
	b->now += 10 * USEC_PER_SEC;
	b->x->ops->late(b->x, b->now);
	assert_string_equal(b->x->failed, "HTTP/2 was not begun in time");
	close_bed(b);
}

static void
not_a_preface(void **state)
{
	struct h2_bed *b = open_bed(NULL, &server);

	(void)state;
	h2_bed_raw(b, SIDE_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	h2_bed_run(b);
	assert_string_equal(b->x->failed, "the client does not begin as HTTP/2 does");
	close_bed(b);
}

static void
a_head_that_does_not_end(void **state)
{
	struct h2_bed *b = raw_client();

	(void)state;
	frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 1, 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
	h2_bed_run(b);
	assert_int_equal(b->x->ops->deadline(b->x), 1000 + 30 * USEC_PER_SEC);
	b->now += 31 * USEC_PER_SEC;
	b->x->ops->late(b->x, b->now);
	assert_string_equal(b->x->failed, "a head did not come in time");
	close_bed(b);
}

static void
priorities_are_ignored(void **state)
{
	struct h2_bed *b = raw_client();

	(void)state;
	frame(b, SIDE_CLIENT, NGHTTP2_PRIORITY, 0, 3, "\0\0\0\x1\x10", 5);
	frame(b, SIDE_CLIENT, NGHTTP2_HEADERS, 5, 1, SMALL_HEAD, sizeof(SMALL_HEAD) - 1);
	frame(b, SIDE_CLIENT, NGHTTP2_PRIORITY, 0, 1, "\x80\0\0\x7\xff", 5);
	h2_bed_run(b);
	assert_null(b->x->failed);
	assert_int_equal(b->server->n, 1);
	assert_string_equal(b->log, "GET a / 200\n");
	close_bed(b);
}

static void
push_is_refused(void **state)
{
	struct h2_bed *b = open_bed(&client, NULL);
	struct h2_seen *s;

	(void)state;
	/* The server's bytes are written by hand. */
	b->x->ops->free(b->x);
	b->x = exchange_h2(&b->env, &(struct exchange_h2_options){.tls = true});
	assert_non_null(b->x);
	s = h2_peer_request(b->client, GET("/"), NULL, 0);
	h2_bed_run(b);
	assert_int_equal(
	    nghttp2_session_get_remote_settings(b->client->session, NGHTTP2_SETTINGS_ENABLE_PUSH), 1);
	frame(b, SIDE_SERVER, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
	frame(b, SIDE_SERVER, NGHTTP2_SETTINGS, 1, 0, NULL, 0);
	frame(b, SIDE_SERVER, NGHTTP2_PUSH_PROMISE, 4, 1, "\0\0\0\x2\x82\x87\x84", 7);
	h2_bed_run(b);
	assert_non_null(strstr(s->head, ":status: 502\n"));
	assert_string_equal(b->x->failed, "the server broke HTTP/2");
	assert_true(b->x->by_server);
	close_bed(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rapid_resets_end_it),
	    cmocka_unit_test(some_resets_are_fine),
	    cmocka_unit_test(floods_end_it),
	    cmocka_unit_test(answers_nobody_reads_are_few),
	    cmocka_unit_test(continuations_without_end),
	    cmocka_unit_test(heads_that_unfold),
	    cmocka_unit_test(no_preface_in_time),
	    cmocka_unit_test(not_a_preface),
	    cmocka_unit_test(a_head_that_does_not_end),
	    cmocka_unit_test(priorities_are_ignored),
	    cmocka_unit_test(push_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
