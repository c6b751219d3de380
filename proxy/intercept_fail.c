/*
 * intercept_fail.c - what becomes of a connection that cannot be opened, or not go on
 *
 *     what failed                                     the guest hears                    the embedder
 *     the server's handshake                          the server's alert, or 40          TLS_FAILED, TLS
 *     it ended the connection in it                   80 internal_error                  TLS_FAILED, TLS
 *     it reset it                                     RST                                the flow's end: HOST_RESET
 *     its certificate                                 42 to 48, as verify.c says         TLS_FAILED, CERTIFICATE
 *     it was too slow, or there was no place in time  80                                 TLS_FAILED, TIMED_OUT
 *     it cost too much, or did so lately              80                                 TLS_FAILED, TLS
 *     the guest does not take our certificate         nothing more                       TLS_FAILED, GUEST_TRUST
 *     the guest's handshake otherwise                 the library's alert, FIN           TLS_FAILED, TLS
 *     the guest was too slow                          RST                                the flow's end: TIMED_OUT
 *     later: the server breaks off                    FIN without close_notify           -
 *     later: the server resets, breaks TLS            RST; its alert, FIN                HOST_RESET; TLS_FAILED, TLS
 *     memory                                          RST                                FULL
 *
 * Before a ServerHello of ours alerts go in the clear.  The host's connection is always reset: what it had may not look whole.
 */
#include <stdio.h>

#include "proxy/gateway.h"
#include "proxy/intercept_int.h"
#include "proxy/refused_page.h"

#define FLIGHT 100u /* more bytes than that were our ServerHello and what follows, fewer an alert */
#define DETAIL 384

static void
tell(struct intercepted *c, enum sluice_reason reason, const char *detail)
{
	struct sluice *gw = c->passage.gw;

	event_tls_failed(gw, &c->passage.tf->flow, reason, c->has_name ? &c->name : NULL, detail);
}

/* The host's connection is over. */
static void
leave_host(struct intercepted *c)
{
	struct tcp_flow *tf = c->passage.tf;

	gw_close(c->passage.gw, &tf->flow.fd, true);
	tf->readable = tf->writable = false;
	place_leave(c);
}

static void
because(struct intercepted *c, enum sluice_reason reason, const char *why)
{
	struct flow *f = &c->passage.tf->flow;

	if (f->reason == SLUICE_REASON_NONE)
		f->reason = (uint8_t)reason;
	if (!f->why)
		f->why = why;
}

enum then
fail_both(struct intercepted *c, enum sluice_reason reason, const char *why)
{
	because(c, reason, why);
	leave_host(c);
	tcp_abort(&c->passage.tf->tcp, true);
	c->stage = STAGE_END;
	c->until = TIME_NEVER;
	return THEN_WAIT;
}

enum then
fail_server(struct intercepted *c, enum sluice_reason reason, uint8_t alert, const char *detail, usec_t now)
{
	struct sluice *gw = c->passage.gw;

	gw->count[GW_TLS_BAD_SERVER]++;
	tell(c, reason, detail);
	because(c, reason, NULL);
	if (refused_with_alert(gw, c->passage.tf, alert, now))
		return THEN_GONE;
	return fail_both(c, SLUICE_REASON_FULL, NULL);
}

enum then
last_words(struct intercepted *c, usec_t now)
{
	leave_host(c);
	c->stage = STAGE_WORDS;
	c->until = now + LAST_WORDS;
	return THEN_AGAIN;
}

void
tell_untrusted(struct intercepted *c, const char *detail)
{
	char text[DETAIL], where[INTERCEPT_TEXT];
	uint32_t times = untrusting_add(c);

	c->passage.gw->count[GW_TLS_UNTRUSTED]++;
	snprintf(text, sizeof(text), "%s (%s, %u time%s)", detail, intercept_text(c, where), times,
		 times == 1 ? "" : "s");
	tell(c, SLUICE_REASON_GUEST_TRUST, text);
}

/* Alerts that say what is wrong with a certificate (RFC 8446 6.2). */
static bool
is_about_certificates(uint8_t alert)
{
	return (alert >= TLS_ALERT_BAD_CERTIFICATE && alert <= TLS_ALERT_DENIED) ||
	       alert == TLS_ALERT_UNRECOGNIZED_NAME || alert == TLS_ALERT_CERTIFICATE_REQUIRED;
}

enum then
fail_guest(struct intercepted *c, usec_t now)
{
	const struct tls_end *guest = c->passage.end[SIDE_CLIENT].tls;
	struct tcp_flow *tf = c->passage.tf;
	uint8_t alert = tls_end_peer_alert(guest);
	bool had = tf->flow.to_guest - c->said > FLIGHT;

	/* An alert that TLS 1.3 encrypts may not be readable to us; a close is one of the ways to say it, too. */
	if (had && (alert == 0 || is_about_certificates(alert))) {
		tell_untrusted(c, tls_end_why(guest));
		because(c, SLUICE_REASON_GUEST_TRUST, NULL);
	} else {
		tell(c, SLUICE_REASON_TLS, tls_end_why(guest));
		because(c, SLUICE_REASON_TLS, "the guest's handshake failed");
	}
	c->passage.fault = PASSAGE_TLS;
	c->passage.by = SIDE_CLIENT;
	return last_words(c, now);
}

static enum then
fail_tls(struct intercepted *c, usec_t now)
{
	struct passage *p = &c->passage;
	const struct tls_end *end = p->end[p->by].tls;
	uint8_t alert = tls_end_peer_alert(end);

	if (p->by == SIDE_SERVER) {
		/* With TLS 1.3 a server says only now that it wants a certificate. */
		p->gw->count[GW_TLS_BAD_SERVER]++;
		tell(c, SLUICE_REASON_TLS, tls_end_why(end));
		because(c, SLUICE_REASON_TLS, NULL);
		tls_end_alert(p->end[SIDE_CLIENT].tls, alert ? alert : TLS_ALERT_INTERNAL);
	} else if (is_about_certificates(alert) && !c->heard) {
		tell_untrusted(c, tls_end_why(end));
		because(c, SLUICE_REASON_GUEST_TRUST, NULL);
	} else {
		because(c, SLUICE_REASON_GUEST_RESET, "the guest broke its TLS off");
	}
	return last_words(c, now);
}

enum then
fail_passage(struct intercepted *c, usec_t now)
{
	const struct passage *p = &c->passage;

	switch ((enum passage_fault)p->fault) {
	case PASSAGE_GOOD:
		break;
	case PASSAGE_TLS:
		return fail_tls(c, now);
	case PASSAGE_EXCHANGE:
		because(c, p->by == SIDE_SERVER ? SLUICE_REASON_HOST_RESET : SLUICE_REASON_BAD_QUERY,
			p->exchange->failed);
		return last_words(c, now);
	case PASSAGE_BROKEN:
		return fail_both(
		    c, p->by == SIDE_SERVER ? SLUICE_REASON_HOST_RESET : SLUICE_REASON_GUEST_RESET, NULL);
	case PASSAGE_MEMORY:
		return fail_both(c, SLUICE_REASON_FULL, "no memory to go on");
	}
	return THEN_WAIT;
}
