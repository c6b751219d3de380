/*
 * h2_down.c - requests of HTTP/2 for a server that speaks HTTP/1.1, one after the other
 */
#include "http/h2.h"

static bool
down_request(struct h2_exchange *x, struct h2_stream *s)
{
	h2_refuse_with(x, s, 502, "the server speaks HTTP/1.1 only");
	return true;
}

static void
down_stream(struct h2_exchange *x, struct h2_stream *s)
{
	(void)x, (void)s;
}

static void
down_reset(struct h2_exchange *x, struct h2_stream *s, uint32_t code)
{
	(void)x, (void)s, (void)code;
}

static void
down_credit(struct h2_exchange *x, struct h2_stream *s, size_t n, size_t all)
{
	(void)x, (void)s, (void)n, (void)all;
}

static size_t
down_take(struct h2_exchange *x, struct view bytes)
{
	(void)x;
	return bytes.len;
}

static void
down_end(struct h2_exchange *x, bool clean)
{
	(void)x, (void)clean;
}

static bool
down_fill(struct h2_exchange *x)
{
	(void)x;
	return false;
}

static bool
down_over(const struct h2_exchange *x)
{
	return x->closed;
}

static void
down_close(struct h2_exchange *x)
{
	(void)x;
}

bool
h2_down_open(struct h2_exchange *x)
{
	(void)x;
	return true;
}

const struct h2_up h2_down = {
    .request = down_request,
    .more = down_stream,
    .reset = down_reset,
    .credit = down_credit,
    .take = down_take,
    .end = down_end,
    .fill = down_fill,
    .over = down_over,
    .close = down_close,
};
