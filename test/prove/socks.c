/* socks.c - proves: proxy/socks.c link/stream_wire.c stack/addr.c; options: -eva-slevel 100 -eva-min-loop-unroll 30 -inline-calls take,replied,method_chosen,bound_is,nonsense,fail,holds */
#include "proxy/socks.h"
#include "kit.h"
#include "link/stream_wire.h"

/* What is so between two calls; a message that is being sent has so many bytes. */
static bool
holds(const struct socks *s, size_t request)
{
	switch (s->step) {
	case SOCKS_GREETING:
		return s->sent < 3;
	case SOCKS_REQUEST:
		return s->sent < request && s->nin == 0;
	case SOCKS_METHOD:
		return s->nin < 2;
	case SOCKS_REPLY:
		return s->nin < 4;
	case SOCKS_BOUND:
		return s->skip >= 1 && s->skip <= SOCKS_IN_MAX;
	case SOCKS_DOMAIN:
	case SOCKS_DONE:
	case SOCKS_FAILED:
		return true;
	default:
		return false;
	}
}

/*
 * From each state there can be, each call that a caller who keeps to socks.h can make leads to such a state again, so that
 * all that can happen in any order is seen here.
 */
static struct socks
at(const struct addr *to, uint8_t step)
{
	struct endpoint target = {.addr = *to, .port = 1};
	struct socks s;

	socks_start(&s, &target);
	//@ check begins: s.step == SOCKS_GREETING && s.sent == 0;
	s.step = step;
	return s;
}

static void
kept(const struct socks *s, size_t request)
{
	bool kept = holds(s, request);
	//@ check kept: kept == 1;
}

/* What is sent goes in pieces of any size. */
static void
sends(const struct addr *to, uint8_t step, size_t message, size_t request)
{
	uint8_t out[SOCKS_OUT_MAX];

	for (uint8_t sent = 0; sent < message; sent++) {
		for (size_t some = 0; some <= message - sent; some++) {
			struct socks s = at(to, step);

			s.sent = sent;
			size_t n = socks_output(&s, out);
			//@ check left: n == message - sent;
			socks_sent(&s, some);
			kept(&s, request);
		}
	}
}

/* What comes is looked at byte by byte: one is as good as many. */
static void
awaits(const struct addr *to, uint8_t step, uint8_t message, size_t request)
{
	for (uint8_t had = 0; had < message; had++) {
		struct socks s = at(to, step);

		s.nin = had;
		any_bytes(s.in, sizeof(s.in));
		s.skip = Frama_C_unsigned_short_interval(1, SOCKS_IN_MAX);
		size_t n = socks_want(&s);
		//@ check wanted: 1 <= n <= SOCKS_IN_MAX;
		if (ANY_BOOL())
			socks_ended(&s);
		else
			socks_input(&s, view_of(INPUT_END - 1, 1));
		kept(&s, request);
	}
}

static void
conversation(const struct addr *to, size_t request)
{
	sends(to, SOCKS_GREETING, 3, request);
	sends(to, SOCKS_REQUEST, request, request);
	awaits(to, SOCKS_METHOD, 2, request);
	awaits(to, SOCKS_REPLY, 4, request);
	awaits(to, SOCKS_DOMAIN, 1, request);
	awaits(to, SOCKS_BOUND, 1, request);
}

static void
frames(void)
{
	struct rd r = any_reader();
	struct wr w = any_room(2 * STREAM_HLEN);
	struct view frame;
	uint32_t len;

	while (stream_parse(&r, &frame, &len) == STREAM_FRAME) {
		//@ check frame: STREAM_FRAME_MIN <= frame.len <= FRAME_MAX;
		stream_emit(&w, len);
	}
}

/* A length alone: what is waited for is no more than a frame can have, which is more than any input here. */
static void
announced(void)
{
	struct rd r = rd_of(view_of(INPUT_END - STREAM_HLEN, STREAM_HLEN));
	struct view frame;
	uint32_t len;

	if (stream_parse(&r, &frame, &len) == STREAM_PARTIAL) {
		//@ check announced: STREAM_FRAME_MIN <= len <= FRAME_MAX;
		;
	}
}

int
main(void)
{
	struct addr a = addr_v4(Frama_C_unsigned_int_interval(0, UINT32_MAX));

	conversation(&a, 10);
	any_bytes(&a, sizeof(a));
	a.b[0] = 0x20;
	conversation(&a, SOCKS_OUT_MAX);
	frames();
	announced();
	return 0;
}
