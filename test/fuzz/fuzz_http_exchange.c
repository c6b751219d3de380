/*
 * fuzz_http_exchange.c - both sides of an exchange of HTTP/1, hostile, with policy and secrets between them
 *
 * The input: four bytes of options, then turns: one byte that says who speaks and how it is cut, one or two bytes of length, and
 * what is said.  After each turn everything is fetched.  Whatever happens: what the server gets is a list of requests that can be
 * read (by the reader of requests, but in another order of calls), each was judged and let pass, and each that was judged is
 * told of once; bounds hold; after the end nothing is said.
 */
#include <stdlib.h>

#include "http/exchange.h"
#include "http/head.h"
#include "test/fuzz/wire_kit.h"

#define PLACEHOLDER "PLACEHOLDER-7f3a91"
#define VALUE "se"
#define HEARD 65536u

struct world {
	struct exchange_env env;
	struct exchange *x;
	struct secret_set *set;
	struct secret_plan plan;
	uint8_t options[4];
	unsigned judged, told, passed, leaks;
	struct {
		uint8_t *p;
		size_t len;
	} in[2], heard; /* what waits to be taken; what the server got */
	bool over, tunnel;
	usec_t now;
};

/* --- policy ------------------------------------------------------------------------------------------------------------ */

static unsigned
sum(struct view v)
{
	unsigned n = 7;

	for (size_t i = 0; i < v.len; i++)
		n = n * 31 + v.p[i];
	return n;
}

static void
judge(void *ctx, const struct request *r, struct request_answer *out)
{
	struct world *w = ctx;
	unsigned n = sum(r->target) + w->options[1];

	must(r->method.len > 0 && r->path && (r->connect || r->path[0] == '/' || r->path[0] == '*'));
	must(strlen(r->path) <= REQUEST_PATH && !strstr(r->path, "/../") && !strstr(r->path, "//"));
	must(out->status == 0 && out->plan.set == NULL);
	w->judged++;
	if (n % 5 == 0) {
		out->status = n % 2 ? 403 : 421;
		out->close = n % 3 == 0;
		memcpy(out->text, "no", 3);
		return;
	}
	w->passed++;
	out->plan = w->plan;
	if (n % 3 == 0)
		out->plan.put = 0;
}

static bool
leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	struct world *w = ctx;

	must(r && l->secret == &w->set->secret[0] && l->form && l->form[0]);
	w->leaks++;
	if (w->options[2] & 1)
		return true;
	out->status = 403;
	return false;
}

static void
done(void *ctx, const struct request_record *r)
{
	struct world *w = ctx;

	must(r->began <= r->ended && r->began > 0 && r->path);
	must(r->status != 0 || !r->refused);
	w->told++;
}

static struct secret_set *
make_set(unsigned places)
{
	static char name[] = "T";
	struct secret_set *s = calloc(1, sizeof(*s));

	must(s);
	s->n = 1;
	s->secret[0] = (struct secret){.name = name,
				       .placeholder = view_of(PLACEHOLDER, sizeof(PLACEHOLDER) - 1),
				       .value = view_of(VALUE, sizeof(VALUE) - 1),
				       .any_host = true,
				       .places = places,
				       .redact_headers = places & SECRET_BASIC,
				       .redact_body = places & SECRET_PATH};
	must(secret_set_seal(s));
	return s;
}

/* --- the two sides -------------------------------------------------------------------------------------------------------- */

static size_t
fetch(struct world *w, enum side to, size_t most)
{
	struct view v = w->x->ops->give(w->x, to, w->now);
	size_t n = v.len < most ? v.len : most;

	must(v.len <= EXCHANGE_WAITS + 400000 || to == SIDE_SERVER);
	must(v.len == 0 || !w->x->ops->ended(w->x, to));
	must(n == 0 || to == SIDE_CLIENT || !w->x->failed);
	if (n == 0)
		return 0;
	if (to == SIDE_SERVER && w->heard.len + n <= HEARD) {
		memcpy(w->heard.p + w->heard.len, v.p, n);
		w->heard.len += n;
	} else if (to == SIDE_SERVER) {
		w->over = true;
	}
	w->x->ops->gave(w->x, to, n, w->now);
	return n;
}

static size_t
offer(struct world *w, enum side from, size_t most)
{
	size_t n = w->in[from].len < most ? w->in[from].len : most;

	if (n == 0)
		return 0;
	uint8_t *copy = calloc(1, n);
	must(copy);
	memcpy(copy, w->in[from].p, n);
	size_t took = w->x->ops->take(w->x, from, view_of(copy, n), w->now);
	free(copy);
	must(took <= n && (!w->x->failed || took == n));
	memmove(w->in[from].p, w->in[from].p + took, w->in[from].len - took);
	w->in[from].len -= took;
	return took;
}

static void
pump(struct world *w, size_t piece)
{
	size_t moved = 1;

	while (moved) {
		moved = 0;
		for (int i = 0; i < 2; i++) {
			moved += offer(w, (enum side)i, piece);
			moved += fetch(w, SIDE_CLIENT, piece) + fetch(w, SIDE_SERVER, piece);
		}
		w->tunnel |= exchange_h1_tunnel(w->x);
	}
}

static void
turn(struct world *w, struct rd *r)
{
	uint8_t what = rd_u8(r);
	size_t piece = what & 8 ? 1 : what & 16 ? 13 : 70000;
	enum side side = what & 1 ? SIDE_SERVER : SIDE_CLIENT;

	w->now += 1 + (what >> 5) * 100000;
	if ((what & 6) == 6) {
		w->x->ops->late(w->x, w->now);
	} else if ((what & 6) == 4) {
		/* Only what was taken comes before an end. */
		if (w->in[side].len == 0)
			w->x->ops->end(w->x, side, what & 64, w->now);
	} else {
		size_t n = what & 2 ? rd_u16(r) : rd_u8(r);

		n = n < rd_left(r) ? n : rd_left(r);
		struct view said = rd_take(r, n);
		if (said.len)
			memcpy(w->in[side].p + w->in[side].len, said.p, said.len);
		w->in[side].len += said.len;
	}
	pump(w, piece);
}

/* --- what the server got ------------------------------------------------------------------------------------------------------ */

static void
check_heard(const struct world *w)
{
	unsigned whole = 0;

	for (size_t at = 0; at < w->heard.len;) {
		struct view rest = view_of(w->heard.p + at, w->heard.len - at);
		struct http_chunks c = {.left = 0};
		struct http_head h;
		bool ended = true;
		enum http_reading got = http_head_read(rest, &h);

		/* The last may be unfinished: its fetch was in pieces when all ended. */
		if (got == HTTP_MORE)
			break;
		must(got == HTTP_DONE);
		must(++whole <= w->passed);
		at += h.len;
		rest = view_of(w->heard.p + at, w->heard.len - at);
		if (h.body == HTTP_BODY_LENGTH) {
			at += h.length < rest.len ? (size_t)h.length : rest.len;
		} else if (h.body == HTTP_BODY_CHUNKED) {
			ptrdiff_t n = http_chunks_read(&c, rest, &ended);

			must(n >= 0);
			at += (size_t)n;
		} else if (h.body == HTTP_BODY_TUNNEL) {
			break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now = 1};
	struct rd r = rd_of(view_of(data, size));

	rd_copy(&r, w.options, sizeof(w.options));
	if (r.bad)
		return 0;
	const struct exchange_h1_options o = {.tunnels = w.options[0] & 1,
					      .http10_ok = w.options[0] & 2,
					      .head_time = w.options[0] & 4 ? 300000 : 0};
	w.env = (struct exchange_env){.ctx = &w, .judge = judge, .leaked = leaked, .done = done};
	if (w.options[0] & 8) {
		w.set = make_set(w.options[3]);
		w.plan = (struct secret_plan){.set = w.set, .put = w.options[0] & 16 ? 1 : 0};
	}
	w.x = exchange_h1(&w.env, &o);
	w.heard.p = malloc(HEARD);
	w.in[0].p = malloc(size + 1);
	w.in[1].p = malloc(size + 1);
	must(w.x && w.heard.p && w.in[0].p && w.in[1].p);
	while (rd_left(&r))
		turn(&w, &r);
	w.x->ops->free(w.x);
	must(w.told >= w.judged);
	if (!w.over && !w.tunnel)
		check_heard(&w);
	if (w.set) {
		must(w.set->users == 1);
		secret_set_drop(w.set);
		free(w.set);
	}
	free(w.heard.p);
	free(w.in[0].p);
	free(w.in[1].p);
	return 0;
}
