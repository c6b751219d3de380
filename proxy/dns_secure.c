/*
 * dns_secure.c - TLS of a guest's connection that asks for names (RFC 7858), ended here
 *
 *     HELLO       the ClientHello is read; the name it tells must be one that the guest may connect to, as for any connection that is
 *                 opened (not where it leads to the gateway's own DNS address, which answers to every name)
 *     LEAF        a certificate for that name, or the address
 *     HANDSHAKE   one step a turn, within what interception's budget leaves
 *     OPEN        bytes in the clear, for dns_tcp.c
 *
 * There is no server behind it: what is asked is judged, and then asked as any question is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/dns_int.h"
#include "proxy/refused_page.h"
#include "tls/hello.h"

#define STEPS_MAX 1000u /* of a handshake, which takes about 30 */
#define READS 16u       /* a turn */
#define PIECE 4096u

enum stage { STAGE_HELLO, STAGE_LEAF, STAGE_HANDSHAKE, STAGE_OPEN };

struct dns_secure {
	struct sluice *gw;
	struct tcp_flow *tf;
	uint8_t stage, denied;
	bool ended, broken; /* the guest said that it is done; the connection is of no use */
	bool dot;           /* it offers that protocol */
	unsigned steps, reads;
	struct hello_reader *hello; /* until the handshake is over */
	struct name name;           /* told; len 0: none */
	const struct tls_identity *leaf;
	struct tls_end *end;
	size_t nread;          /* of the guest's, for the hello */
	size_t nrest, rest_at; /* bytes behind the hello that were read with it */
	size_t at, n;          /* in the clear, not taken yet */
	uint8_t rest[PIECE];
	uint8_t clear[PIECE];
};

struct dns_secure *
dns_secure_new(struct sluice *gw, struct tcp_flow *tf)
{
	if (!intercept_hold(gw))
		return NULL;

	struct dns_secure *s = calloc(1, sizeof(*s));
	if (!s) {
		intercept_let_go(gw);
		return NULL;
	}
	s->gw = gw;
	s->tf = tf;
	s->hello = hello_reader_new();
	if (s->hello)
		return s;
	dns_secure_free(s);
	return NULL;
}

void
dns_secure_free(struct dns_secure *s)
{
	if (!s)
		return;
	tls_end_free(s->end);
	hello_reader_free(s->hello);
	if (s->leaf)
		leaf_drop(intercept_leaves(s->gw), s->leaf);
	intercept_let_go(s->gw);
	free(s);
}

const struct name *
dns_secure_name(const struct dns_secure *s)
{
	return &s->name;
}

/* --- the guest's bytes ------------------------------------------------------------------------------------------ */

static ssize_t
from_guest(void *ctx, void *to, size_t n)
{
	struct dns_secure *s = ctx;
	size_t left = s->nrest - s->rest_at;

	if (left == 0)
		return tcp_flow_read_guest(s->tf, to, n, s->gw->now);
	n = n < left ? n : left;
	memcpy(to, s->rest + s->rest_at, n);
	s->rest_at += n;
	return (ssize_t)n;
}

static ssize_t
to_guest(void *ctx, const void *from, size_t n)
{
	struct dns_secure *s = ctx;

	return tcp_flow_write_guest(s->gw, s->tf, from, n, s->gw->now);
}

/* --- whom it wants ------------------------------------------------------------------------------------------------ */

static enum dns_secure_is
refuse(struct dns_secure *s, enum sluice_reason reason, const char *why, uint8_t alert, usec_t now)
{
	struct tcp_flow *tf = s->tf;
	struct judgment j = {.verdict = VERDICT_DENY, .reason = reason, .name_from = ""};

	tf->flow.why = why;
	judge_ends(s->gw, &tf->flow, &j);
	/* s goes with its connection. */
	if (!refused_with_alert(s->gw, tf, alert, now))
		tcp_abort(&tf->tcp, true);
	return DNS_SECURE_GONE;
}

/* The name that was told counts as on any connection that is opened. */
static bool
is_allowed(struct dns_secure *s, struct judgment *j)
{
	const struct name *told = s->name.len ? &s->name : NULL;
	const struct flow *f = &s->tf->flow;

	if (dial_is_dns(s->gw, &f->tuple.remote.addr))
		return true;
	judge_told(s->gw, f, told, told ? "sni" : "", j);
	if (j->verdict == VERDICT_PEEK)
		judge_request(s->gw, f, told, told ? "sni" : "", NULL, j);
	return !judge_refuses(j) && judge_keep(&s->tf->flow, j);
}

static enum dns_secure_is
judge_hello(struct dns_secure *s, const struct hello *h, usec_t now)
{
	struct judgment j = {.verdict = VERDICT_ALLOW};
	struct tls_alpn offered;

	if (h->has_name)
		s->name = h->name;
	tls_alpn_read(h->alpn, &offered);
	for (unsigned i = 0; i < offered.n; i++)
		s->dot |= strcmp(offered.name[i], "dot") == 0;
	if (!is_allowed(s, &j)) {
		if (!judge_refuses(&j))
			return refuse(s, SLUICE_REASON_FULL, "no memory to judge it", TLS_ALERT_INTERNAL,
				      now);
		judge_ends(s->gw, &s->tf->flow, &j);
		if (j.verdict == VERDICT_DROP || !refused_with_alert(s->gw, s->tf, TLS_ALERT_DENIED, now))
			tcp_abort(&s->tf->tcp, j.verdict != VERDICT_DROP);
		return DNS_SECURE_GONE;
	}
	s->stage = STAGE_LEAF;
	return DNS_SECURE_MORE;
}

static enum dns_secure_is
read_hello(struct dns_secure *s, usec_t now)
{
	struct hello h;
	ssize_t n;

	while ((n = tcp_flow_read_guest(s->tf, s->rest, sizeof(s->rest), now)) > 0) {
		s->nread += (size_t)n;
		switch (hello_read(s->hello, view_of(s->rest, (size_t)n), &h)) {
		case HELLO_MORE:
			continue;
		case HELLO_DONE:
			/* What came behind it is the end of this piece. */
			s->rest_at = (size_t)n - (s->nread - hello_taken(s->hello));
			s->nrest = (size_t)n;
			return judge_hello(s, &h, now);
		case HELLO_NOT:
			return refuse(s, SLUICE_REASON_BAD_QUERY, "it is no TLS", TLS_ALERT_DECODE, now);
		case HELLO_BAD:
			return refuse(s, SLUICE_REASON_BAD_QUERY, h.why, TLS_ALERT_DECODE, now);
		}
	}
	if (n == -EAGAIN)
		return DNS_SECURE_WAITS;
	return refuse(s, SLUICE_REASON_BAD_QUERY, "it ended before it began", TLS_ALERT_DECODE, now);
}

/* --- the handshake -------------------------------------------------------------------------------------------------- */

static enum dns_secure_is
make_leaf(struct dns_secure *s, usec_t now)
{
	struct leaf_cache *leaves = intercept_leaves(s->gw);
	const struct tls_io io = {from_guest, to_guest, s};
	uint64_t seconds = (uint64_t)(s->gw->host->ops->wall(s->gw->host) / USEC_PER_SEC);

	if (leaves)
		s->leaf =
		    leaf_keep(leaves, s->name.len ? &s->name : NULL, &s->tf->flow.tuple.remote.addr, seconds);
	if (s->leaf)
		s->end = tls_server_new(intercept_tls(s->gw), &io, s->leaf, s->dot ? "dot" : NULL);
	if (!s->end)
		return refuse(s, SLUICE_REASON_FULL, "no certificate could be made for it",
			      TLS_ALERT_INTERNAL, now);
	tls_end_feed(s->end, hello_whole(s->hello));
	s->stage = STAGE_HANDSHAKE;
	return DNS_SECURE_MORE;
}

static enum dns_secure_is
shake_hands(struct dns_secure *s)
{
	enum tls_progress got = tls_end_step(s->end);

	if (got == TLS_WAITS)
		return DNS_SECURE_WAITS;
	if (got == TLS_MORE && ++s->steps < STEPS_MAX)
		return DNS_SECURE_MORE;
	if (got != TLS_DONE) {
		/* What it was told is on its way: the alert that says why. */
		s->tf->flow.reason = SLUICE_REASON_TLS;
		s->broken = true;
		return DNS_SECURE_BROKEN;
	}
	hello_reader_free(s->hello);
	s->hello = NULL;
	s->gw->count[GW_TLS_OPENED]++;
	s->gw->count[GW_TLS_RESUMED] += tls_end_resumed(s->end);
	s->stage = STAGE_OPEN;
	return DNS_SECURE_OPEN;
}

enum dns_secure_is
dns_secure_step(struct dns_secure *s, usec_t now)
{
	struct sluice *gw = s->gw;
	enum dns_secure_is is = DNS_SECURE_OPEN;

	s->reads = 0;
	if (s->broken)
		return DNS_SECURE_BROKEN;
	if (s->stage == STAGE_HELLO)
		return read_hello(s, now);
	if (!intercept_turn_left(gw, &s->denied))
		return DNS_SECURE_MORE;
	usec_t began = gw->host->ops->work(gw->host);
	if (s->stage == STAGE_LEAF)
		is = make_leaf(s, now);
	else if (s->stage == STAGE_HANDSHAKE)
		is = shake_hands(s);
	intercept_turn_took(gw, gw->host->ops->work(gw->host) - began, s->stage == STAGE_OPEN);
	return is;
}

/* --- in the clear ----------------------------------------------------------------------------------------------------- */

struct view
dns_secure_peek(struct dns_secure *s)
{
	if (s->at == s->n && !s->ended && !s->broken && s->reads < READS) {
		ssize_t n = tls_end_read(s->end, s->clear, sizeof(s->clear));

		s->reads++;
		s->at = s->n = 0;
		if (n > 0)
			s->n = (size_t)n;
		else if (n == 0 || n == -EPIPE)
			s->ended = true;
		else if (n != -EAGAIN)
			s->broken = true;
	}
	return view_of(s->clear + s->at, s->n - s->at);
}

void
dns_secure_take(struct dns_secure *s, size_t n)
{
	s->at += n;
}

bool
dns_secure_at_eof(const struct dns_secure *s)
{
	return s->ended && s->at == s->n;
}

bool
dns_secure_has_more(const struct dns_secure *s)
{
	return s->reads >= READS && tls_end_has_readable(s->end);
}

size_t
dns_secure_put(struct dns_secure *s, const uint8_t *from, size_t len)
{
	size_t done = 0;

	while (done < len && !s->broken) {
		ssize_t n = tls_end_write(s->end, from + done, len - done);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			s->broken = true;
		else
			done += (size_t)n;
	}
	return done;
}

bool
dns_secure_flush(struct dns_secure *s)
{
	int r = s->stage == STAGE_OPEN ? tls_end_flush(s->end) : 0;

	s->broken |= r < 0 && r != -EAGAIN;
	return r == 0;
}

void
dns_secure_shut(struct dns_secure *s)
{
	if (s->stage == STAGE_OPEN)
		tls_end_close(s->end);
}
