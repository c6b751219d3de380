/*
 * fuzz_http2_exchange.c - a client and a server that say anything, in any order, on both sides of an exchange of HTTP/2
 *
 * The input: one byte of settings (1: the server speaks HTTP/1.1; 2: there is a secret; 4: both sides begin properly; 8: what is to be
 * sent is taken away a little at a time), then steps: a byte that says who (0 the client, 1 the server, 2 time passes, 3 one side
 * ends), a byte of length, and so many bytes.
 *
 * What holds whatever they say: memory is bounded, requests that were judged are told when they are over and their secrets given
 * back, and what failed takes everything and does nothing.
 */
#include "http/h2.h"

#include "test/fuzz/wire_kit.h"

#define HELD_MAX (24u << 20)

struct fuzzed {
	struct exchange *x;
	struct secret_set *set;
	usec_t now;
	uint32_t judged, done;
	bool little;
	bool ended[2];
};

static const char placeholder[] = "PLACEHOLDER", value[] = "v4lue-x9";

static void
judge(void *ctx, const struct request *r, struct request_answer *out)
{
	struct fuzzed *f = ctx;

	must(r->version == 20 && r->path && r->method.len <= 32);
	must(r->path[0] == '/' || r->path[0] == '*');
	must(r->name.len || !addr_is_unspecified(&r->addr));
	*out = (struct request_answer){.status = 0};
	f->judged++;
	if (strstr(r->path, "no")) {
		out->status = 403;
		out->close = strstr(r->path, "non") != NULL;
		strcpy(out->text, "no");
	}
	out->plan = (struct secret_plan){.set = f->set, .put = strstr(r->path, "put") != NULL};
}

static bool
leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	(void)ctx, (void)l;
	out->status = 403;
	return strstr(r->path, "log") != NULL;
}

static void
done(void *ctx, const struct request_record *r)
{
	struct fuzzed *f = ctx;

	must(r->path && r->began <= f->now && r->ended <= f->now);
	must(!r->refused || r->status >= 400);
	f->done++;
}

/* Everything that is there, or a few bytes of it. */
static void
drain(struct fuzzed *f)
{
	bool more = true;

	for (int turns = 0; more && turns < (f->little ? 3 : 10000); turns++) {
		more = false;
		for (int to = 0; to < 2; to++) {
			struct view v = f->x->ops->give(f->x, (enum side)to, f->now);
			size_t n = f->little && v.len > 50 ? 50 : v.len;

			if (n == 0)
				continue;
			f->x->ops->gave(f->x, (enum side)to, n, f->now);
			more = true;
		}
	}
}

static void
say(struct fuzzed *f, enum side from, struct view bytes)
{
	for (int tries = 0; bytes.len && tries < 100; tries++) {
		size_t n = f->x->ops->take(f->x, from, bytes, f->now);

		must(n <= bytes.len);
		must(!f->x->failed || n == bytes.len);
		bytes = view_of(bytes.p + n, bytes.len - n);
		drain(f);
		must(h2_heap_of(f->x)->held < HELD_MAX);
	}
}

static void
begin(struct fuzzed *f, bool h1)
{
	static const uint8_t settings[9] = {[3] = NGHTTP2_SETTINGS},
			     ack[9] = {[3] = NGHTTP2_SETTINGS, [4] = 1};

	say(f, SIDE_CLIENT, view_of(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN));
	say(f, SIDE_CLIENT, view_of(settings, sizeof(settings)));
	say(f, SIDE_CLIENT, view_of(ack, sizeof(ack)));
	if (h1)
		return;
	say(f, SIDE_SERVER, view_of(settings, sizeof(settings)));
	say(f, SIDE_SERVER, view_of(ack, sizeof(ack)));
}

static void
step(struct fuzzed *f, uint8_t who, struct view bytes)
{
	enum side side = bytes.len & 1 ? SIDE_SERVER : SIDE_CLIENT;

	switch (who & 3) {
	case 0:
	case 1:
		if (!f->ended[who & 3])
			say(f, (enum side)(who & 3), bytes);
		break;
	case 2:
		f->now += (usec_t)bytes.len * USEC_PER_SEC / 8;
		if (f->x->ops->deadline(f->x) <= f->now)
			f->x->ops->late(f->x, f->now);
		break;
	default:
		if (!f->ended[side])
			f->x->ops->end(f->x, side, who & 4, f->now);
		f->ended[side] = true;
		break;
	}
	drain(f);
}

static struct secret_set *
make_set(struct secret_set *s)
{
	static char name[] = "TOKEN";

	*s = (struct secret_set){.n = 1};
	s->secret[0] = (struct secret){.name = name,
				       .placeholder = view_of(placeholder, sizeof(placeholder) - 1),
				       .value = view_of(value, sizeof(value) - 1),
				       .any_host = true,
				       .places = SECRET_HEADER | SECRET_QUERY | SECRET_BODY | SECRET_BASIC,
				       .redact_headers = true,
				       .redact_body = true};
	return secret_set_seal(s) ? s : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct secret_set set;
	struct rd r = rd_of(view_of(data, size));
	struct fuzzed f = {.now = USEC_PER_SEC};
	struct exchange_env env = {.ctx = &f, .judge = judge, .leaked = leaked, .done = done};
	uint8_t how = rd_u8(&r);
	struct exchange_h2_options o = {.tls = true, .h1_server = how & 1};

	f.set = how & 2 ? make_set(&set) : NULL;
	f.little = how & 8;
	f.x = exchange_h2(&env, &o);
	must(f.x != NULL);
	if (how & 4)
		begin(&f, o.h1_server);
	while (rd_left(&r)) {
		uint8_t who = rd_u8(&r), len = rd_u8(&r);

		step(&f, who, rd_take(&r, len < rd_left(&r) ? len : rd_left(&r)));
	}
	f.x->ops->free(f.x);
	/* Requests that are broken in themselves are refused unasked, and told, too. */
	must(f.done >= f.judged);
	if (f.set) {
		must(atomic_load(&set.users) == 1);
		secret_set_drop(&set);
	}
	return 0;
}
