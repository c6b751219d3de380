/*
 * end_fail.c - how an end fails: the alert that goes out, the one that came in, and why, in words
 */
#include <errno.h>
#include <stdio.h>

#include "tls/end.h"

enum { RECORD_ALERT = 21, LEVEL_FATAL = 2, KEY_UPDATE = 24 };

/* RFC 8446 6; what is not here is told by its number. */
static const struct {
	uint8_t alert;
	const char *name;
} names[] = {
    {10, "unexpected message"},
    {20, "bad record MAC"},
    {22, "record overflow"},
    {40, "handshake failure"},
    {42, "bad certificate"},
    {43, "unsupported certificate"},
    {44, "certificate revoked"},
    {45, "certificate expired"},
    {46, "certificate unknown"},
    {47, "illegal parameter"},
    {48, "unknown ca"},
    {49, "access denied"},
    {50, "decode error"},
    {51, "decrypt error"},
    {70, "protocol version"},
    {71, "insufficient security"},
    {80, "internal error"},
    {86, "inappropriate fallback"},
    {90, "user canceled"},
    {109, "missing extension"},
    {110, "unsupported extension"},
    {112, "unrecognized name"},
    {113, "bad certificate status response"},
    {115, "unknown PSK identity"},
    {116, "certificate required"},
    {120, "no application protocol"},
};

static void
say_alert(struct tls_end *e, uint8_t alert)
{
	e->peer_alert = alert;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].alert == alert) {
			(void)snprintf(e->why, sizeof(e->why), "the peer said: %s (%u)", names[i].name,
				       alert);
			return;
		}
	}
	(void)snprintf(e->why, sizeof(e->why), "the peer said: alert %u", alert);
}

/*
 * Clients that refuse a certificate in TLS 1.3 may say so in the clear, since they have not begun to seal: to the library that is a
 * record with a wrong tag.  As believable as any alert before the handshake's end.
 */
static bool
is_alert_in_clear(const struct tls_end *e)
{
	struct rd r = rd_of(view_of(lib_ssl_record(&e->ssl), 7));

	if (e->over || rd_u8(&r) != RECORD_ALERT)
		return false;
	rd_u16(&r);
	return rd_u16(&r) == 2 && rd_u8(&r) == LEVEL_FATAL;
}

static void
say_why(struct tls_end *e, int rc)
{
	const char *text = lib_reason(rc);

	if (rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		say_alert(e, lib_ssl_message(&e->ssl)[1]);
	else if (rc == MBEDTLS_ERR_SSL_INVALID_MAC && is_alert_in_clear(e))
		say_alert(e, lib_ssl_record(&e->ssl)[6]);
	else if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		(void)snprintf(e->why, sizeof(e->why), "the peer closed in the middle of the handshake");
	else if (rc == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE && e->over && lib_ssl_is_13(&e->ssl) &&
		 lib_ssl_message(&e->ssl)[0] == KEY_UPDATE)
		(void)snprintf(e->why, sizeof(e->why),
			       "the peer wants new keys (KeyUpdate), which Mbed TLS cannot");
	else if (lib_is_no_memory(rc))
		(void)snprintf(e->why, sizeof(e->why), "no memory");
	else if (text)
		(void)snprintf(e->why, sizeof(e->why), "%s", text);
	else
		(void)snprintf(e->why, sizeof(e->why), "the TLS library failed (-0x%04x)", (unsigned)-rc);
}

/* The server does not know the session any more in a way that ends the connection: the next one is to begin anew. */
static void
forget_session(struct tls_end *e)
{
	if (e->offered && !e->over)
		resume_drop(e->tls->resume, &e->key);
}

int
end_fail(struct tls_end *e, int rc)
{
	if (e->error && e->why[0])
		return e->error;
	if (e->error) {
		(void)snprintf(e->why, sizeof(e->why), "the connection broke");
	} else {
		e->error = -EPROTO;
		say_why(e, rc);
	}
	forget_session(e);
	if (lib_is_no_memory(rc))
		tls_end_alert(e, TLS_ALERT_INTERNAL);
	return e->error;
}

void
end_fail_step(struct tls_end *e, int state, int rc)
{
	if (!e->server && !e->error && lib_is_pss_refused(&e->ssl, state, rc)) {
		(void)snprintf(e->why, sizeof(e->why),
			       "the server signs with RSA-PSS in TLS 1.2, which this Mbed TLS refuses");
		e->error = -EPROTO;
		if (e->keyed && !e->only_12 && !e->tls->only_13) {
			resume_note_only_12(e->tls->resume, &e->key, e->verified);
			e->try_again = true;
		}
		return;
	}
	(void)end_fail(e, rc);
}

int
end_too_costly(struct tls_end *e, uint8_t alert, const char *why)
{
	(void)snprintf(e->why, sizeof(e->why), "%s", why);
	tls_end_alert(e, alert);
	e->error = -EPROTO;
	e->costly = true;
	forget_session(e);
	return e->error;
}

/* A server that has read nothing yet: 2.28 does not know what version to write.  Seven bytes go out at once, or not at all. */
static bool
is_new_server(const struct tls_end *e)
{
	return e->server && lib_ssl_state(&e->ssl) <= MBEDTLS_SSL_CLIENT_HELLO;
}

void
tls_end_alert(struct tls_end *e, uint8_t alert)
{
	const uint8_t clear[] = {RECORD_ALERT, 3, 3, 0, 2, LEVEL_FATAL, alert}; /* RFC 8446 5.1, 6 */

	/* What was written before goes first: with anything in its way, the library would forget the alert. */
	if (is_new_server(e) && !e->error)
		(void)e->io.send(e->io.ctx, clear, sizeof(clear));
	else if (tls_end_flush(e) == 0)
		(void)mbedtls_ssl_send_alert_message(&e->ssl, LEVEL_FATAL, alert);
	if (!e->error) {
		e->error = -EPROTO;
		if (!e->why[0])
			(void)snprintf(e->why, sizeof(e->why), "given up");
	}
}
