/*
 * end.c - one end of a TLS connection: its handshake, its bytes, its close
 *
 * The library is driven without waiting, and three of its habits are hidden here:
 *
 *     a write that is not out has to be repeated with the same bytes     once sealed, they are taken; flush() pushes what was sealed
 *     an alert is forgotten while anything else is not out               so that is flushed first, and close() says -EAGAIN until then
 *     "wants to read" may mean "look again"                              so reading goes on until tls_io has no more, within CALL_MAX
 *
 * Between two steps of a handshake the server's key is looked at: what would cost too much to use is refused before it is used.
 */
#include <errno.h>
#include <stdio.h>

#include "tls/end.h"

#define RSA_MIN 1024u /* shorter ones cost nothing; verify.h refuses them with a better reason */
#define RSA_MAX 4096u

enum { CERTIFICATE_REQUEST = 13 };

/* A call begins. */
static void
begin_call(struct tls_end *e)
{
	e->taken = 0;
	e->starved = false;
	e->more = false;
	e->stuck = false;
}

/* --- the handshake ----------------------------------------------------------------------------------------------------------- */

/* RFC 5246 7.4.2, RFC 8446 4.4.2: the Certificate is read, and what is signed with its key comes next. */
static bool
is_bearable(struct tls_end *e)
{
	const mbedtls_x509_crt *c = lib_ssl_peer_chain(&e->ssl);
	const char *beyond = c ? lib_key_beyond(&c->pk, RSA_MIN, RSA_MAX) : NULL;
	char why[WHY_TEXT];

	if (!beyond)
		return true;
	(void)snprintf(why, sizeof(why), "the server's certificate has %s", beyond);
	(void)end_too_costly(e, TLS_ALERT_BAD_CERTIFICATE, why);
	return false;
}

/* What the step out of that state has told.  It may be out of it and have something to send. */
static bool
note_step(struct tls_end *e, int state)
{
	if (lib_ssl_state(&e->ssl) == state)
		return true;
	if (state == MBEDTLS_SSL_SERVER_CERTIFICATE) {
		e->shown = true;
		return e->server || is_bearable(e);
	}
	if (state == MBEDTLS_SSL_CERTIFICATE_REQUEST && !e->server)
		e->asked = lib_ssl_message(&e->ssl)[0] == CERTIFICATE_REQUEST;
	return true;
}

enum tls_progress
tls_end_step(struct tls_end *e)
{
	int state = lib_ssl_state(&e->ssl);

	if (e->error)
		return TLS_FAILED;
	if (e->over)
		return TLS_DONE;
	begin_call(e);
	int rc = mbedtls_ssl_handshake_step(&e->ssl);
	if (rc != 0 && rc != MBEDTLS_ERR_SSL_WANT_READ && rc != MBEDTLS_ERR_SSL_WANT_WRITE) {
		end_fail_step(e, state, rc);
		return TLS_FAILED;
	}
	if (!note_step(e, state))
		return TLS_FAILED;
	e->over = rc == 0 && lib_ssl_over(&e->ssl);
	if (e->over) {
		e->idle = 0;
		records_begin(e);
		return TLS_DONE;
	}
	if (e->idle > IDLE_MAX) {
		(void)end_too_costly(e, TLS_ALERT_INTERNAL, "a handshake that is too long");
		return TLS_FAILED;
	}
	return rc == 0 || (rc == MBEDTLS_ERR_SSL_WANT_READ && !e->starved) ? TLS_MORE : TLS_WAITS;
}

/* --- bytes ----------------------------------------------------------------------------------------------------------------- */

/* What reading said, when it was no bytes: 0: look again; or what the caller is told. */
static int
read_on(struct tls_end *e, int rc, unsigned *tickets)
{
	if (rc == 0) {
		/* The library says so for an empty record, too. */
		if (!e->ended)
			return 0;
		/* Whoever only ends its own direction so may be answered still. */
		(void)snprintf(e->why, sizeof(e->why), "the connection ended without close_notify");
		return -EPIPE;
	}
	if (lib_is_ticket(rc)) {
		end_keep(e);
		e->more = ++*tickets >= TICKETS_A_CALL;
		return e->more ? -EAGAIN : 0;
	}
	/* It wants to write: what it answered (no renegotiation) is not out, though it was read all the same; or a ticket of TLS 1.3 came,
	 * which it does not look at before all that was sealed is out. */
	if (rc == MBEDTLS_ERR_SSL_WANT_WRITE && !lib_ssl_over(&e->ssl)) {
		e->stuck = true;
		return -EAGAIN;
	}
	if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE)
		return e->starved || e->more ? -EAGAIN : 0;
	return end_fail(e, rc);
}

ssize_t
tls_end_read(struct tls_end *e, void *to, size_t n)
{
	unsigned tickets = 0;
	int told = 0;

	if (e->peer_closed)
		return 0;
	if (e->error)
		return e->error;
	begin_call(e);
	for (unsigned looks = 0; told == 0; looks++) {
		if (looks == LOOKS_A_CALL) {
			e->more = true;
			told = -EAGAIN;
			break;
		}
		ssize_t opened = records_read(e, to, n);

		if (opened == -EAGAIN) {
			told = -EAGAIN;
			break;
		}
		int rc = opened > 0 ? (int)opened : mbedtls_ssl_read(&e->ssl, to, n);
		if (rc > 0) {
			e->idle = 0;
			return rc;
		}
		if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
			e->peer_closed = true;
			return 0;
		}
		told = read_on(e, rc, &tickets);
	}
	if (told == -EAGAIN && e->idle > IDLE_MAX)
		return end_too_costly(e, TLS_ALERT_INTERNAL, "the peer sends nothing but empty records");
	return told;
}

int
tls_end_flush(struct tls_end *e)
{
	if (e->error && e->error != -EPROTO)
		return e->error;
	if (lib_ssl_unsent(&e->ssl) == 0)
		return 0;
	int rc = mbedtls_ssl_flush_output(&e->ssl);
	if (rc == MBEDTLS_ERR_SSL_WANT_WRITE)
		return -EAGAIN;
	return rc == 0 ? 0 : end_fail(e, rc);
}

/* As much as one record holds. */
static size_t
fit(const struct tls_end *e, size_t n)
{
	int max = mbedtls_ssl_get_max_out_record_payload(&e->ssl);

	return max > 0 && n > (size_t)max ? (size_t)max : n;
}

ssize_t
tls_end_write(struct tls_end *e, const void *from, size_t n)
{
	int rc = tls_end_flush(e);

	if (rc < 0)
		return rc;
	if (e->error)
		return e->error;
	if (e->closed)
		return -EPIPE;
	n = fit(e, n);
	if (records_seal(e, from, n)) {
		rc = tls_end_flush(e);
		return rc == 0 || rc == -EAGAIN ? (ssize_t)n : rc;
	}
	do {
		rc = mbedtls_ssl_write(&e->ssl, from, n);
		if (lib_is_ticket(rc))
			end_keep(e);
	} while (lib_is_ticket(rc));
	if (rc == MBEDTLS_ERR_SSL_WANT_WRITE && lib_ssl_unsent(&e->ssl) > 0)
		return (ssize_t)n; /* sealed: only flush() is left to do */
	if (rc == MBEDTLS_ERR_SSL_WANT_WRITE || rc == MBEDTLS_ERR_SSL_WANT_READ)
		return -EAGAIN;
	return rc >= 0 ? rc : end_fail(e, rc);
}

bool
tls_end_has_readable(const struct tls_end *e)
{
	if (e->error || e->peer_closed || !e->over)
		return false;
	if (e->stuck)
		return lib_ssl_unsent(&e->ssl) == 0;
	return e->more || mbedtls_ssl_check_pending(&e->ssl);
}

int
tls_end_close(struct tls_end *e)
{
	int rc = tls_end_flush(e);

	if (rc < 0 || e->error || e->closed)
		return rc < 0 ? rc : e->error;
	e->closed = true;
	rc = mbedtls_ssl_close_notify(&e->ssl);
	if (rc == MBEDTLS_ERR_SSL_WANT_WRITE)
		return -EAGAIN;
	return rc == 0 ? 0 : end_fail(e, rc);
}

/* --- what is to be known of it ---------------------------------------------------------------------------------------------- */

const char *
tls_end_alpn(const struct tls_end *e)
{
	const char *chosen = mbedtls_ssl_get_alpn_protocol(&e->ssl);

	return chosen ? chosen : "";
}

const char *
tls_end_version(const struct tls_end *e)
{
	return mbedtls_ssl_get_version(&e->ssl);
}

bool
tls_end_resumed(const struct tls_end *e)
{
	return e->over && !e->shown && (e->server || e->offered);
}

const char *
tls_end_why(const struct tls_end *e)
{
	return e->why;
}

bool
tls_end_try_again(const struct tls_end *e)
{
	return e->try_again;
}

bool
tls_end_was_costly(const struct tls_end *e)
{
	return e->costly;
}

uint8_t
tls_end_peer_alert(const struct tls_end *e)
{
	return e->peer_alert;
}

bool
tls_end_asked_certificate(const struct tls_end *e)
{
	return e->asked;
}

int
tls_end_peer_chain(const struct tls_end *e, struct view *cert, int max)
{
	int n = 0;

	if (e->server || !e->shown)
		return 0;
	for (const mbedtls_x509_crt *c = lib_ssl_peer_chain(&e->ssl); c && c->raw.p; c = c->next, n++) {
		if (n < max)
			cert[n] = view_of(c->raw.p, c->raw.len);
	}
	return n;
}

/* --- sessions ---------------------------------------------------------------------------------------------------------------- */

void
end_keep(struct tls_end *e)
{
	uint8_t session[RESUME_BYTES];
	size_t n = 0;

	if (!e->keep)
		return;
	if (mbedtls_ssl_session_save(lib_ssl_session(&e->ssl), session, sizeof(session), &n) == 0)
		resume_keep(e->tls->resume, &e->key, view_of(session, n), e->verified);
	mbedtls_platform_zeroize(session, sizeof(session));
}

void
tls_end_keep_session(struct tls_end *e)
{
	if (e->server || !e->over || e->error)
		return;
	lib_ssl_drop_peer_chain(&e->ssl);
	e->keep = e->keyed && !e->only_12; /* what is known of it is in the session's place */
	/* In TLS 1.3 a session is one when its ticket comes (RFC 8446 4.6.1). */
	if (!lib_ssl_is_13(&e->ssl))
		end_keep(e);
}
