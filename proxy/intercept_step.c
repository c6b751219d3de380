/*
 * intercept_step.c - one step of a connection that is opened
 *
 * The server comes first: whom the guest would talk to, and in which protocol, is settled before the guest hears a word, so that it can be
 * told exactly that, or exactly what is wrong.  Each call takes one step of a handshake, looks at one chain, makes one
 * certificate, or moves as many records as one connection may in a turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"
#include "proxy/intercept_int.h"

#define HANDSHAKE_FAILURE 40u /* RFC 8446 6.2 */

static const char h1[] = "http/1.1", h2[] = "h2", h10[] = "http/1.0";

/* --- the server ---------------------------------------------------------------------------------------------------------- */

static const struct tls_host *
host_settings(const struct intercepted *c)
{
	return c->has_name ? tls_settings_host(c->passage.gw->settings->tls, &c->name) : NULL;
}

static bool
offers(const struct tls_alpn *a, const char *name)
{
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->name[i], name) == 0)
			return true;
	return false;
}

/* HTTP/2 can be spoken to a server that has HTTP/1.1 only, if that is asked for. */
static struct tls_alpn
offer_to_server(const struct intercepted *c)
{
	struct tls_alpn a = c->alpn;

	if (offers(&a, h2) && !offers(&a, h1) && a.n < TLS_ALPN_MAX)
		memcpy(a.name[a.n++], h1, sizeof(h1));
	return a;
}

static enum then
ask_server(struct intercepted *c, usec_t now)
{
	struct sluice *gw = c->passage.gw;
	const struct tls_settings *s = gw->settings->tls;
	const struct tls_host *host = host_settings(c);
	struct tls_io io = passage_io(&c->passage, SIDE_SERVER);
	struct tls_alpn alpn = offer_to_server(c);
	const struct endpoint at = tunnel_leads(&c->passage.tf->flow);

	if (bad_server_is(c, now))
		return fail_server(c, SLUICE_REASON_TLS, TLS_ALERT_INTERNAL,
				   "it was asked less than a minute ago and cost too much", now);
	if (s->only_13 && !c->tls13)
		return fail_server(c, SLUICE_REASON_TLS, TLS_ALERT_VERSION,
				   "the guest does not speak TLS 1.3, and nothing older is allowed", now);
	c->shown = host ? host->identity : NULL;
	c->trust = s->trust;
	c->passage.end[SIDE_SERVER].tls =
	    tls_client_new(c->x->tls, &io,
			   &(struct tls_client){.name = c->has_name ? &c->name : NULL,
						.addr = at.addr,
						.port = at.port,
						.alpn = alpn.n ? &alpn : NULL,
						.identity = c->shown,
						.trust = c->passage.tf->flow.tunnel ? ~c->trust : c->trust,
						.now = now});
	if (!c->passage.end[SIDE_SERVER].tls)
		return fail_both(c, SLUICE_REASON_FULL, "no memory for TLS");
	c->stage = STAGE_SERVER;
	c->steps = 0;
	c->until = now + HANDSHAKE_TIME;
	return THEN_AGAIN;
}

static enum then
server_failed(struct intercepted *c, usec_t now)
{
	const struct tls_end *e = c->passage.end[SIDE_SERVER].tls;
	const struct tcp_flow *tf = c->passage.tf;
	uint8_t alert = tls_end_peer_alert(e);
	char text[512];

	if (tls_end_was_costly(e))
		bad_server_add(c, now);
	if (tf->flow.fd < 0)
		return fail_both(c, SLUICE_REASON_HOST_RESET, NULL);
	if (alert == 0 && tf->host_eof)
		return fail_server(c, SLUICE_REASON_TLS, TLS_ALERT_INTERNAL,
				   "the server ended the connection in the handshake", now);
	snprintf(text, sizeof(text), "%s%s", tls_end_why(e),
		 tls_end_try_again(e)
		     ? "; the next connection to it will ask for another signature: try again"
		 : alert && tls_end_asked_certificate(e) && !c->shown
		     ? "; it asked for a certificate, and none is configured for it"
		     : "");
	return fail_server(c, SLUICE_REASON_TLS, alert ? alert : HANDSHAKE_FAILURE, text, now);
}

/* Work on the server's behalf that began then.  True: it was too much. */
static bool
costs_too_much(struct intercepted *c, usec_t began, usec_t now)
{
	struct sluice *gw = c->passage.gw;

	c->worked += gw->host->ops->work(gw->host) - began;
	if (c->worked < HANDSHAKE_WORK && c->steps < HANDSHAKE_STEPS)
		return false;
	bad_server_add(c, now);
	return true;
}

static enum then
too_costly(struct intercepted *c, usec_t now)
{
	return fail_server(c, SLUICE_REASON_TLS, TLS_ALERT_INTERNAL, "its handshake costs too much", now);
}

static enum then
step_server(struct intercepted *c, usec_t now)
{
	struct sluice *gw = c->passage.gw;
	usec_t began = gw->host->ops->work(gw->host);

	/* A guest that has nothing more to say will never finish its own. */
	if (c->passage.first_at == c->passage.nfirst && tcp_at_eof(&c->passage.tf->tcp))
		return last_words(c, now);

	enum tls_progress got = tls_end_step(c->passage.end[SIDE_SERVER].tls);
	c->steps += got == TLS_MORE;
	if (costs_too_much(c, began, now))
		return too_costly(c, now);
	switch (got) {
	case TLS_MORE:
		return THEN_AGAIN;
	case TLS_WAITS:
		return THEN_WAIT;
	case TLS_FAILED:
		return server_failed(c, now);
	case TLS_DONE:
		break;
	}
	c->stage = STAGE_VERIFY;
	return THEN_AGAIN;
}

/* --- its certificate -------------------------------------------------------------------------------------------------------- */

/* What a proxy leads to is known by its certificate alone. */
static bool
must_verify(const struct intercepted *c)
{
	const struct tls_host *host = host_settings(c);

	return !host || !host->no_verify || c->passage.tf->flow.tunnel;
}

static bool
verify(struct intercepted *c, struct verify_answer *out)
{
	const struct tls_host *host = host_settings(c);
	struct view cert[VERIFY_CERTS + 1];
	struct verify_question q = {
	    .roots = host && host->roots ? host->roots : tls_settings_roots(c->passage.gw->settings->tls),
	    .cert = cert,
	    .n = tls_end_peer_chain(c->passage.end[SIDE_SERVER].tls, cert, VERIFY_CERTS + 1),
	    .name = c->has_name ? &c->name : NULL,
	    .addr = tunnel_leads(&c->passage.tf->flow).addr,
	    .now = intercept_seconds(c->x),
	    .only_signature = !must_verify(c),
	};

	if (q.n > (int)VERIFY_CERTS + 1)
		q.n = VERIFY_CERTS + 1;
	return tls_verify(&q, out);
}

static enum then
step_verify(struct intercepted *c, usec_t now)
{
	struct sluice *gw = c->passage.gw;
	struct tls_end *e = c->passage.end[SIDE_SERVER].tls;
	usec_t began = gw->host->ops->work(gw->host);
	struct verify_answer a;

	c->verified = must_verify(c);
	if (gw->settings->tls->only_13 && strcmp(tls_end_version(e), "TLSv1.3") != 0)
		return fail_server(c, SLUICE_REASON_TLS, TLS_ALERT_VERSION,
				   "it speaks nothing newer than TLS 1.2, and that is not allowed", now);
	/* What is taken up again was looked at under the same settings. */
	if (tls_end_resumed(e) && c->trust == gw->settings->tls->trust) {
		gw->count[GW_TLS_RESUMED]++;
	} else if (!verify(c, &a)) {
		if (a.fault == VERIFY_BOUNDS || costs_too_much(c, began, now))
			bad_server_add(c, now);
		return fail_server(c, SLUICE_REASON_CERTIFICATE, a.alert, a.text, now);
	} else if (costs_too_much(c, began, now)) {
		return too_costly(c, now);
	} else if (c->trust == gw->settings->tls->trust) {
		tls_end_keep_session(e);
	}
	c->shown = NULL;
	c->stage = STAGE_LEAF;
	return THEN_AGAIN;
}

/* --- the guest ---------------------------------------------------------------------------------------------------------------- */

/* What the server chose; to a guest of HTTP/2 alone that, even of one that has only the older. */
static void
choose_protocol(struct intercepted *c)
{
	const char *chosen = tls_end_alpn(c->passage.end[SIDE_SERVER].tls);

	c->h1_server =
	    offers(&c->alpn, h2) && !offers(&c->alpn, h1) && (chosen[0] == '\0' || strcmp(chosen, h1) == 0);
	snprintf(c->protocol, sizeof(c->protocol), "%s", c->h1_server ? h2 : chosen);
}

static enum then
make_leaf(struct intercepted *c, usec_t now)
{
	struct tls_io io = passage_io(&c->passage, SIDE_CLIENT);

	const struct endpoint at = tunnel_leads(&c->passage.tf->flow);

	c->leaf = leaf_keep(c->x->leaves, c->has_name ? &c->name : NULL, &at.addr, intercept_seconds(c->x));
	if (!c->leaf)
		return fail_server(c, SLUICE_REASON_FULL, TLS_ALERT_INTERNAL,
				   "no certificate could be made for it", now);
	choose_protocol(c);
	c->passage.end[SIDE_CLIENT].tls = tls_server_new(c->x->tls, &io, c->leaf, c->protocol);
	if (!c->passage.end[SIDE_CLIENT].tls)
		return fail_both(c, SLUICE_REASON_FULL, "no memory for TLS");
	tls_end_feed(c->passage.end[SIDE_CLIENT].tls, view_of(c->passage.first, c->nhello));
	c->said = c->passage.tf->flow.to_guest;
	c->stage = STAGE_GUEST;
	c->steps = 0;
	c->until = now + HANDSHAKE_TIME;
	return THEN_AGAIN;
}

static enum then
step_guest(struct intercepted *c, usec_t now)
{
	struct sluice *gw = c->passage.gw;
	struct tls_end *guest = c->passage.end[SIDE_CLIENT].tls;
	enum tls_progress got = tls_end_step(guest);

	c->steps += got == TLS_MORE;
	if (got == TLS_FAILED || c->steps >= HANDSHAKE_STEPS)
		return fail_guest(c, now);
	if (got != TLS_DONE)
		return got == TLS_MORE ? THEN_AGAIN : THEN_WAIT;
	if (tls_end_resumed(guest))
		gw->count[GW_TLS_RESUMED]++;
	gw->count[GW_TLS_OPENED]++;
	place_leave(c);
	c->stage = STAGE_PROTOCOL;
	c->until = TIME_NEVER;
	return THEN_AGAIN;
}

/* --- what they speak ------------------------------------------------------------------------------------------------------------ */

static bool
more_time(void *ctx)
{
	const struct intercepted *c = ctx;
	struct sluice *gw = c->passage.gw;

	return gw->host->ops->work(gw->host) - c->began < FLOW_WORK;
}

static struct passage_budget
budget(struct intercepted *c)
{
	struct sluice *gw = c->passage.gw;

	c->began = gw->host->ops->work(gw->host);
	return (struct passage_budget){
	    .records = FLOW_RECORDS, .more = more_time, .ctx = c, .scratch = c->x->scratch};
}

static struct requests_of
requests_of(const struct intercepted *c, bool http)
{
	struct requests_of of = {.tls = !c->plain, .verified = c->verified, .http = http};

	if (c->has_name)
		of.sni = c->name;
	return of;
}

static struct exchange *
new_exchange(struct intercepted *c, enum exchange_kind kind, const struct secret_plan *plan)
{
	const struct exchange_env *env = requests_env(c->requests);

	switch (kind) {
	case EXCHANGE_H1:
		return exchange_h1(env, &(struct exchange_h1_options){
					    .tls = !c->plain, .tunnels = true, .http10_ok = c->plain});
	case EXCHANGE_H2:
		return exchange_h2(
		    env, &(struct exchange_h2_options){.tls = !c->plain, .h1_server = c->h1_server});
	case EXCHANGE_UNSURE:
	case EXCHANGE_OTHER:
		break;
	}
	return exchange_relay(env, plan->set ? plan : NULL);
}

static enum then
begin_passage(struct intercepted *c, enum exchange_kind kind, usec_t now)
{
	struct passage *p = &c->passage;
	struct requests_of of = requests_of(c, kind != EXCHANGE_OTHER);
	struct secret_plan plan = {.set = NULL};

	if (kind == EXCHANGE_OTHER && !requests_opaque(p->gw, p->tf, &of, &plan)) {
		if (p->end[SIDE_CLIENT].tls)
			tls_end_alert(p->end[SIDE_CLIENT].tls, TLS_ALERT_DENIED);
		p->fault = PASSAGE_TLS;
		return last_words(c, now);
	}
	c->requests = requests_new(p->gw, p->tf, &of);
	if (c->requests)
		p->exchange = new_exchange(c, kind, &plan);
	secret_set_drop(plan.set);
	if (!p->exchange)
		return fail_both(c, SLUICE_REASON_FULL, "no memory to read it");
	c->reads = kind != EXCHANGE_OTHER;
	p->tunnels = c->plain;
	c->stage = STAGE_PASSAGE;
	return THEN_AGAIN;
}

static enum then
step_protocol(struct intercepted *c, usec_t now, unsigned *records)
{
	struct passage_budget b = budget(c);
	bool http = c->plain || c->protocol[0] == '\0' || strcmp(c->protocol, h1) == 0 ||
		    strcmp(c->protocol, h10) == 0;
	enum exchange_kind kind = strcmp(c->protocol, h2) == 0 ? EXCHANGE_H2 : EXCHANGE_OTHER;

	if (http)
		kind = passage_first(&c->passage, &b);
	*records = FLOW_RECORDS - b.records;
	if (c->passage.fault)
		return fail_passage(c, now);
	if (kind == EXCHANGE_UNSURE)
		return b.records == 0 || passage_first_more(&c->passage) ? THEN_AGAIN : THEN_WAIT;
	return begin_passage(c, kind, now);
}

/* --- the passage ------------------------------------------------------------------------------------------------------------------ */

/* Both have said all; what the guest's connection needs yet is TCP's. */
static enum then
finish(struct intercepted *c, usec_t now)
{
	struct tcp_flow *tf = c->passage.tf;

	gw_close(c->passage.gw, &tf->flow.fd, false);
	tf->readable = tf->writable = false;
	c->stage = STAGE_END;
	c->until = now + LAST_WORDS;
	return THEN_AGAIN;
}

/* The guest's bytes that were not looked at, and the proxy's behind its answer. */
static struct view
rest_of(const struct passage *p, enum side side, uint8_t *to)
{
	size_t kept = p->nkept[side] - p->kept_at[side],
	       first = side == SIDE_CLIENT ? p->nfirst - p->first_at : 0;

	if (kept)
		memcpy(to, p->kept[side] + p->kept_at[side], kept);
	if (first)
		memcpy(to + kept, p->first + p->first_at, first);
	return view_of(to, kept + first);
}

/* The proxy has agreed to a CONNECT, and the guest has all of its answer: what follows is another connection. */
static enum then
lead_on(struct intercepted *c, usec_t now)
{
	struct passage *p = &c->passage;
	struct sluice *gw = p->gw;
	struct tcp_flow *tf = p->tf;
	const struct tunnel to = *requests_tunnel(c->requests);
	size_t most = p->nkept[SIDE_CLIENT] + p->nkept[SIDE_SERVER] + p->nfirst;
	uint8_t *bytes = malloc(most ? most : 1);

	if (!bytes)
		return fail_both(c, SLUICE_REASON_FULL, "no memory for a tunnel");
	struct view first = rest_of(p, SIDE_CLIENT, bytes);
	struct view more = rest_of(p, SIDE_SERVER, bytes + first.len);
	tcp_flow_give_back(gw, tf);
	if (!tunnel_begin(gw, tf, &to, first, more, now)) {
		tf->flow.reason = SLUICE_REASON_FULL;
		tf->flow.why = "no memory for a tunnel";
		tcp_flow_refuse(gw, tf, false);
	}
	explicit_bzero(bytes, most);
	free(bytes);
	return THEN_GONE;
}

static enum then
step_passage(struct intercepted *c, usec_t now, unsigned *records)
{
	struct passage *p = &c->passage;
	struct passage_budget b = budget(c);

	if (passage_deadline(p) <= now)
		p->exchange->ops->late(p->exchange, now);
	bool more = passage_pump(p, &b);
	*records = FLOW_RECORDS - b.records;
	c->heard |= p->heard;
	if (p->fault)
		return fail_passage(c, now);
	if (passage_done(p))
		return finish(c, now);
	if (passage_tunnel(p))
		return lead_on(c, now);
	return more ? THEN_AGAIN : THEN_WAIT;
}

/* What the guest still sends is nobody's: read, so that no reset overtakes what it has to hear. */
static void
throw_away(struct intercepted *c, usec_t now)
{
	struct tcp_flow *tf = c->passage.tf;
	size_t left = TURN_FLOW_BYTES;
	ssize_t n;

	while (left > 0 && (n = tcp_flow_read_guest(tf, c->x->scratch, PASSAGE_RECORD, now)) > 0)
		left -= (size_t)n < left ? (size_t)n : left;
}

static enum then
step_words(struct intercepted *c, usec_t now, unsigned *records)
{
	struct passage_budget b = budget(c);
	bool told = passage_tell(&c->passage, &b);

	*records = FLOW_RECORDS - b.records;
	throw_away(c, now);
	if (told)
		c->stage = STAGE_END;
	return !told && b.records == 0 ? THEN_AGAIN : THEN_WAIT;
}

enum then
intercept_step(struct intercepted *c, usec_t now, unsigned *records)
{
	switch ((enum stage)c->stage) {
	case STAGE_PLACE:
		return place_take(c) ? ask_server(c, now) : THEN_WAIT;
	case STAGE_SERVER:
		return step_server(c, now);
	case STAGE_VERIFY:
		return step_verify(c, now);
	case STAGE_LEAF:
		return make_leaf(c, now);
	case STAGE_GUEST:
		return step_guest(c, now);
	case STAGE_PROTOCOL:
		return step_protocol(c, now, records);
	case STAGE_PASSAGE:
		return step_passage(c, now, records);
	case STAGE_WORDS:
		return step_words(c, now, records);
	case STAGE_END:
		throw_away(c, now);
		break;
	}
	return THEN_WAIT;
}

enum then
intercept_late(struct intercepted *c, usec_t now)
{
	struct tcp_flow *tf = c->passage.tf;

	switch ((enum stage)c->stage) {
	case STAGE_PLACE:
		return fail_server(c, SLUICE_REASON_TIMED_OUT, TLS_ALERT_INTERNAL,
				   "too many handshakes were under way", now);
	case STAGE_SERVER:
	case STAGE_VERIFY:
	case STAGE_LEAF:
		/* It held a place all that time; but for one that only waits for its turn, which is no fault of the server's. */
		if (c->queue != QUEUE_TURN)
			bad_server_add(c, now);
		return fail_server(c, SLUICE_REASON_TIMED_OUT, TLS_ALERT_INTERNAL,
				   "the server's handshake took too long", now);
	case STAGE_GUEST:
		return fail_both(c, SLUICE_REASON_TIMED_OUT, "the guest's handshake took too long");
	case STAGE_PROTOCOL:
	case STAGE_PASSAGE:
		break;
	case STAGE_WORDS:
	case STAGE_END:
		/* A guest that still reads is not cut short: one that does not is TCP's to give up. */
		if (ring_len(&tf->tcp.snd) == 0)
			return fail_both(c, SLUICE_REASON_DONE, NULL);
		break;
	}
	c->until = now + LAST_WORDS;
	return THEN_WAIT;
}
