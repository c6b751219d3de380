/*
 * end_new.c - a new end, and what is fed to it
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/end.h"

/* --- the library's bytes -------------------------------------------------------------------------------------------------- */

int
end_bio_send(void *end, const unsigned char *from, size_t n)
{
	struct tls_end *e = end;
	ssize_t got = e->io.send(e->io.ctx, from, n);

	if (got == -EAGAIN || got == 0)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	if (got < 0) {
		e->error = (int)got;
		return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	}
	return (int)got;
}

/* The hello that was read already, as one record. */
static size_t
take_fed(struct tls_end *e, unsigned char *to, size_t n)
{
	size_t head = sizeof(e->head) - e->headed;

	if (head > 0) {
		head = head < n ? head : n;
		memcpy(to, e->head + e->headed, head);
		e->headed = (uint8_t)(e->headed + head);
		return head;
	}
	n = n < e->hello.len ? n : e->hello.len;
	memcpy(to, e->hello.p, n);
	e->hello = view_of(e->hello.p + n, e->hello.len - n);
	return n;
}

int
end_bio_recv(void *end, unsigned char *to, size_t n)
{
	struct tls_end *e = end;

	if (e->hello.len > 0)
		return (int)take_fed(e, to, n);
	if (e->records.nahead > 0)
		return (int)records_take_ahead(&e->records, to, n);
	if (e->taken + n > CALL_MAX) {
		e->more = true;
		return MBEDTLS_ERR_SSL_WANT_READ;
	}
	ssize_t got = e->io.recv(e->io.ctx, to, n);
	if (got == -EAGAIN) {
		e->starved = true;
		return MBEDTLS_ERR_SSL_WANT_READ;
	}
	if (got < 0) {
		e->error = (int)got;
		return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	}
	e->ended = got == 0;
	e->taken += (uint32_t)got;
	e->idle += (uint32_t)got;
	return (int)got;
}

/* --- making ------------------------------------------------------------------------------------------------------------------ */

static struct tls_end *
begin(struct tls *t, const struct tls_io *io, bool server)
{
	struct tls_end *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->tls = t;
	e->io = *io;
	e->server = server;
	e->headed = sizeof(e->head);
	mbedtls_ssl_init(&e->ssl);
	mbedtls_ssl_config_init(&e->conf);
	if (mbedtls_ssl_config_defaults(&e->conf, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
					MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
		tls_end_free(e);
		return NULL;
	}
	lib_conf(&e->conf, t->only_13);
	mbedtls_ssl_conf_rng(&e->conf, lib_random, t);
	/* The chain is looked at by verify.h, once it is known what may be believed of it. */
	mbedtls_ssl_conf_authmode(&e->conf, MBEDTLS_SSL_VERIFY_NONE);
	return e;
}

/* The configuration is whole: the library's buffers are made. */
static bool
set_up(struct tls_end *e, const struct tls_identity *identity)
{
	if (identity && mbedtls_ssl_conf_own_cert(&e->conf, identity->chain, identity->key) != 0)
		return false;
	for (unsigned i = 0; i < e->alpn.n; i++)
		e->list[i] = e->alpn.name[i];
	if (e->alpn.n > 0 && mbedtls_ssl_conf_alpn_protocols(&e->conf, e->list) != 0)
		return false;
	records_listen(e);
	if (mbedtls_ssl_setup(&e->ssl, &e->conf) != 0)
		return false;
	records_listen(e);
	mbedtls_ssl_set_bio(&e->ssl, e, end_bio_send, end_bio_recv, NULL);
	return true;
}

struct tls_end *
tls_server_new(struct tls *t, const struct tls_io *io, const struct tls_identity *identity, const char *alpn)
{
	struct tls_end *e = begin(t, io, true);

	if (!e)
		return NULL;
	if (alpn && *alpn && strlen(alpn) < sizeof(e->alpn.name[0]))
		(void)snprintf(e->alpn.name[e->alpn.n++], sizeof(e->alpn.name[0]), "%s", alpn);
	mbedtls_ssl_conf_session_tickets_cb(&e->conf, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
					    &t->tickets);
	if (set_up(e, identity))
		return e;
	tls_end_free(e);
	return NULL;
}

/* SNI: a name alone (RFC 6066 3).  Without the call, 3.6 would refuse to go on. */
static bool
set_name(struct tls_end *e, const struct name *name)
{
	char text[NAME_TEXT];

	return mbedtls_ssl_set_hostname(&e->ssl, name ? name_text(name, text) : NULL) == 0;
}

/* A session of this host that is kept.  One that the library cannot use is as if there were none. */
static void
take_up(struct tls_end *e, struct view kept, usec_t verified)
{
	mbedtls_ssl_session session;

	mbedtls_ssl_session_init(&session);
	if (mbedtls_ssl_session_load(&session, kept.p, kept.len) == 0 &&
	    mbedtls_ssl_set_session(&e->ssl, &session) == 0) {
		e->offered = true;
		e->verified = verified;
	}
	mbedtls_ssl_session_free(&session);
}

struct tls_end *
tls_client_new(struct tls *t, const struct tls_io *io, const struct tls_client *c)
{
	struct tls_end *e = begin(t, io, false);
	struct view kept = view_of(NULL, 0);
	usec_t verified = 0;

	if (!e)
		return NULL;
	if (c->alpn)
		e->alpn = *c->alpn;
	e->verified = c->now;
	e->keyed = resume_key(c, &e->key);
	if (e->keyed)
		kept = resume_find(t->resume, &e->key, c->now, &verified);
	e->only_12 = resume_is_only_12(kept);
	if (e->only_12)
		lib_conf_only_12(&e->conf);
	if (!set_up(e, c->identity) || !set_name(e, c->name)) {
		tls_end_free(e);
		return NULL;
	}
	if (kept.len > 0 && !e->only_12)
		take_up(e, kept, verified);
	return e;
}

void
tls_end_free(struct tls_end *e)
{
	if (!e)
		return;
	records_end(&e->records);
	mbedtls_ssl_free(&e->ssl);
	mbedtls_ssl_config_free(&e->conf);
	free(e);
}

/* --- the ClientHello that was read already ----------------------------------------------------------------------------------- */

/* Is that suite among those it offers?  It is whole: hello.c has read it. */
static bool
offers(struct view hello, uint16_t suite)
{
	struct rd r = rd_of(hello);

	rd_take(&r, 4 + 2 + 32);
	rd_take(&r, rd_u8(&r));
	struct rd suites = rd_of(rd_take(&r, rd_u16(&r)));
	while (rd_left(&suites) >= 2) {
		if (rd_u16(&suites) == suite)
			return true;
	}
	return false;
}

void
tls_end_feed(struct tls_end *e, struct view hello)
{
	struct wr w = wr_of(e->head, sizeof(e->head));

	wr_u8(&w, 22); /* RFC 8446 5.1: a handshake record */
	wr_u16(&w, 0x0301);
	wr_u16(&w, (uint16_t)hello.len);
	e->headed = 0;
	e->hello = hello;
	if (offers(hello, lib_fastest_13()))
		lib_conf_fastest_13(&e->conf);
}
