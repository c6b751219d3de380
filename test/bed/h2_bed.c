/*
 * h2_bed.c - an exchange between two peers of HTTP/2
 */
#include "test/bed/h2_peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what the exchange asks ---------------------------------------------------------------------------------------------- */

static void
env_judge(void *ctx, const struct request *r, struct request_answer *out)
{
	struct h2_bed *b = ctx;

	*out = (struct request_answer){.status = 0};
	b->judged++;
	if (b->judge)
		b->judge(b, r, out);
}

static bool
env_leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	struct h2_bed *b = ctx;
	size_t at = strlen(b->leaks);

	(void)r;
	snprintf(b->leaks + at, sizeof(b->leaks) - at, "%s %d %s\n", l->secret->name, (int)l->place, l->form);
	if (b->leaked)
		return b->leaked(b, l, out);
	out->status = 403;
	strcpy(out->text, "a secret is not for this host");
	return false;
}

static void
env_done(void *ctx, const struct request_record *r)
{
	struct h2_bed *b = ctx;
	size_t at = strlen(b->log);

	snprintf(b->log + at, sizeof(b->log) - at, "%.*s %.*s %s %u%s\n", (int)r->method.len,
		 (const char *)r->method.p, (int)r->authority.len, (const char *)r->authority.p, r->path,
		 r->status, r->refused ? " refused" : "");
	b->sent += r->sent;
	b->gotten += r->got;
	b->done++;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------------ */

static void
keep(struct h2_bed *b, enum side from, const void *bytes, size_t n)
{
	if (b->nkept[from] + n > b->kept_room[from]) {
		b->kept_room[from] = 2 * (b->nkept[from] + n);
		b->kept[from] = realloc(b->kept[from], b->kept_room[from]);
		assert(b->kept[from]);
	}
	memcpy(b->kept[from] + b->nkept[from], bytes, n);
	b->nkept[from] += n;
}

/* From an exact block, so that a sanitizer sees what is read too far. */
static bool
hand_over(struct h2_bed *b, enum side from)
{
	size_t n = b->piece && b->piece < b->nkept[from] ? b->piece : b->nkept[from], took;
	uint8_t *exact;

	if (n == 0)
		return false;
	exact = malloc(n);
	assert(exact);
	memcpy(exact, b->kept[from], n);
	took = b->x->ops->take(b->x, from, view_of(exact, n), b->now);
	free(exact);
	assert(took <= n);
	b->nkept[from] -= took;
	memmove(b->kept[from], b->kept[from] + took, b->nkept[from]);
	return took > 0;
}

static bool
from_peer(struct h2_bed *b, enum side from, struct h2_peer *p)
{
	const uint8_t *bytes;
	ssize_t n;

	/* Not more than a real connection would hold. */
	while (p && b->nkept[from] < 65536 && (n = nghttp2_session_mem_send(p->session, &bytes)) > 0)
		keep(b, from, bytes, (size_t)n);
	return hand_over(b, from);
}

static bool
to_peer(struct h2_bed *b, enum side to, struct h2_peer *p)
{
	struct view v = b->x->ops->give(b->x, to, b->now);

	if (v.len == 0)
		return false;
	if (b->piece && b->piece < v.len)
		v.len = b->piece;
	if (p) {
		ssize_t n = nghttp2_session_mem_recv(p->session, v.p, v.len);

		if (n < 0)
			p->broke = (int)n;
	} else if (b->nh1 + v.len < sizeof(b->h1)) {
		memcpy(b->h1 + b->nh1, v.p, v.len);
		b->nh1 += v.len;
	}
	b->x->ops->gave(b->x, to, v.len, b->now);
	return true;
}

void
h2_bed_run(struct h2_bed *b)
{
	bool more;

	do {
		more = from_peer(b, SIDE_CLIENT, b->client);
		more |= to_peer(b, SIDE_SERVER, b->server);
		more |= from_peer(b, SIDE_SERVER, b->server);
		more |= to_peer(b, SIDE_CLIENT, b->client);
	} while (more);
}

void
h2_bed_raw(struct h2_bed *b, enum side from, const void *bytes, size_t n)
{
	keep(b, from, bytes, n);
}

void
h2_bed_open(struct h2_bed *b, const struct h2_peer_options *client, const struct h2_peer_options *server)
{
	struct exchange_h2_options o = {.tls = true, .h1_server = server == NULL};

	b->env = (struct exchange_env){.ctx = b, .judge = env_judge, .leaked = env_leaked, .done = env_done};
	if (!b->now)
		b->now = 1000;
	if (!b->x)
		b->x = exchange_h2(&b->env, &o);
	assert(b->x);
	b->client = client ? h2_peer_new(client) : NULL;
	b->server = server ? h2_peer_new(server) : NULL;
}

void
h2_bed_close(struct h2_bed *b)
{
	if (b->x)
		b->x->ops->free(b->x);
	h2_peer_free(b->client);
	h2_peer_free(b->server);
	free(b->kept[0]);
	free(b->kept[1]);
}
