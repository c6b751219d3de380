/*
 * exchange_kit.h - an exchange between a client and a server of the test, who say what they are told to
 *
 * What is said is offered in pieces (cut: of random sizes), and what is to go out is fetched whenever there is some, so that a test reads as
 * a conversation.  Policy of the test: a path with "denied" in it is refused, with "hangup" too, and the connection with it.
 */
#ifndef TEST_UNIT_EXCHANGE_KIT_H
#define TEST_UNIT_EXCHANGE_KIT_H

#include <stdio.h>

#include "http/exchange.h"
#include "test/unit/wire_kit.h"

#define KIT_BUFFER (1u << 20)

struct kit_bytes {
	uint8_t *p;
	size_t len;
};

struct talk {
	struct exchange_env env;
	struct exchange *x;
	struct kit_bytes out[2]; /* of side: what has come there */
	struct kit_bytes in[2];  /* of side: what it has said and was not taken */
	uint64_t seed;           /* 0: nothing is cut */
	bool stopped[2];         /* of side: it reads nothing */
	struct secret_plan plan;
	bool log_leaks; /* they may pass */
	usec_t now;
	unsigned judged, leaks;
	bool upgrade;    /* of the latest request judged */
	char path[9000]; /* ... and its path */
	char told[4096]; /* "GET /path 200 sent got;" of each that is over; "!" before the status: ours */
};

static inline void
kit_append(struct kit_bytes *b, const void *p, size_t n)
{
	assert_true(b->len + n < KIT_BUFFER);
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

static inline void
kit_judge(void *ctx, const struct request *r, struct request_answer *out)
{
	struct talk *t = ctx;

	t->judged++;
	t->upgrade = r->upgrade;
	snprintf(t->path, sizeof(t->path), "%s", r->path);
	if (strstr(r->path, "denied") || strstr(r->path, "hangup")) {
		out->status = 403;
		out->close = strstr(r->path, "hangup") != NULL;
		snprintf(out->text, sizeof(out->text), "rule 1 denies it");
		snprintf(out->rule, sizeof(out->rule), "deny \"all\"");
	}
	out->plan = t->plan;
}

static inline bool
kit_leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	struct talk *t = ctx;

	(void)r;
	t->leaks++;
	if (t->log_leaks)
		return true;
	out->status = 403;
	snprintf(out->text, sizeof(out->text), "%s may not go there", l->secret->name);
	return false;
}

static inline void
kit_done(void *ctx, const struct request_record *r)
{
	struct talk *t = ctx;
	size_t at = strlen(t->told);

	snprintf(t->told + at, sizeof(t->told) - at, "%.*s %s %s%u %llu %llu;", (int)r->method.len,
		 (const char *)r->method.p, r->path, r->refused ? "!" : "", r->status,
		 (unsigned long long)r->sent, (unsigned long long)r->got);
	assert_true(r->ended >= r->began && r->began > 0);
	assert_true((r->status == 0) == (r->answered == 0));
}

static inline void
talk_begin(struct talk *t, const struct exchange_h1_options *o)
{
	*t = (struct talk){.now = 1000};
	t->env = (struct exchange_env){.ctx = t, .judge = kit_judge, .leaked = kit_leaked, .done = kit_done};
	for (int i = 0; i < 2; i++) {
		t->out[i].p = malloc(KIT_BUFFER);
		t->in[i].p = malloc(KIT_BUFFER);
		assert_true(t->out[i].p && t->in[i].p);
		t->out[i].p[0] = '\0';
	}
	t->x = o ? exchange_h1(&t->env, o) : NULL;
	assert_true(!o || t->x);
}

static inline void
talk_end(struct talk *t)
{
	if (t->x)
		t->x->ops->free(t->x);
	for (int i = 0; i < 2; i++) {
		free(t->out[i].p);
		free(t->in[i].p);
	}
}

static inline size_t
kit_piece(struct talk *t, size_t n)
{
	if (!t->seed || n == 0)
		return n;
	uint64_t r = kit_random(&t->seed);
	size_t most = r % 8 == 0 ? 1 : r % 8 < 6 ? 40 : 5000;
	size_t m = 1 + (size_t)(r >> 8) % most;
	return m < n ? m : n;
}

/* One offer, from exactly as many bytes as there are. */
static inline size_t
kit_offer(struct talk *t, enum side from)
{
	struct kit_bytes *b = &t->in[from];
	size_t n = kit_piece(t, b->len);

	if (n == 0)
		return 0;
	uint8_t *copy = malloc(n);
	assert_non_null(copy);
	memcpy(copy, b->p, n);
	size_t took = t->x->ops->take(t->x, from, view_of(copy, n), t->now);
	free(copy);
	assert_true(took <= n);
	memmove(b->p, b->p + took, b->len - took);
	b->len -= took;
	return took;
}

static inline size_t
kit_fetch(struct talk *t, enum side to)
{
	struct view v = t->x->ops->give(t->x, to, t->now);
	size_t n = kit_piece(t, v.len);

	if (t->stopped[to] || n == 0)
		return 0;
	kit_append(&t->out[to], v.p, n);
	t->x->ops->gave(t->x, to, n, t->now);
	return n;
}

static inline void
talk_pump(struct talk *t)
{
	size_t moved = 1;

	while (moved) {
		moved = 0;
		for (int i = 0; i < 2; i++) {
			moved += kit_offer(t, (enum side)i);
			moved += kit_fetch(t, SIDE_CLIENT) + kit_fetch(t, SIDE_SERVER);
		}
	}
}

static inline void
talk_say_bytes(struct talk *t, enum side from, const void *bytes, size_t n)
{
	kit_append(&t->in[from], bytes, n);
	talk_pump(t);
}

static inline void
talk_say(struct talk *t, enum side from, const char *text)
{
	talk_say_bytes(t, from, text, strlen(text));
}

/* That, and nothing else, has come there since the last look. */
static inline void
talk_hears(struct talk *t, enum side at, const char *text)
{
	assert_string_equal((const char *)t->out[at].p, text);
	t->out[at].len = 0;
	t->out[at].p[0] = '\0';
}

/* Said on this side, it comes to the other as it is, and nothing else does. */
static inline void
talk_passes(struct talk *t, enum side from, const char *text)
{
	talk_say(t, from, text);
	talk_hears(t, from == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT, text);
}

/* Something that begins with this (and has that in it). */
static inline void
talk_hears_like(struct talk *t, enum side at, const char *begin, const char *within)
{
	const char *got = (const char *)t->out[at].p;

	if (strncmp(got, begin, strlen(begin)) != 0 || !strstr(got, within))
		fail_msg("'%s' is not '%s...%s...'", got, begin, within);
	t->out[at].len = 0;
	t->out[at].p[0] = '\0';
}

static inline void
talk_stops(struct talk *t, enum side who, bool clean)
{
	t->x->ops->end(t->x, who, clean, t->now);
	talk_pump(t);
}

/* The content of a chunked body, by another hand; returns what stands behind the last chunk's size.  NULL: it is not whole. */
static inline const char *
kit_unchunked(const char *at, char *content, size_t size)
{
	content[0] = '\0';
	for (;;) {
		char *end;
		unsigned long n = strtoul(at, &end, 16);

		if (end == at || strncmp(end, "\r\n", 2) != 0)
			return NULL;
		at = end + 2;
		if (n == 0)
			return at;
		assert_true(strlen(content) + n < size);
		if (strlen(at) < n + 2)
			return NULL;
		strncat(content, at, n);
		assert_memory_equal(at + n, "\r\n", 2);
		at += n + 2;
	}
}

static inline bool
talk_ended(const struct talk *t, enum side to)
{
	return t->x->ops->ended(t->x, to);
}

static inline void
talk_told(struct talk *t, const char *text)
{
	assert_string_equal(t->told, text);
	t->told[0] = '\0';
}

#endif
