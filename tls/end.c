/*
 * end.c - one end of a TLS connection
 */
#include <errno.h>

#include "tls/context.h"
#include "tls/identity.h"

struct tls_end *
tls_server_new(struct tls *t, const struct tls_io *io, const struct tls_identity *identity, const char *alpn)
{
	(void)t, (void)io, (void)identity, (void)alpn;
	return NULL;
}

struct tls_end *
tls_client_new(struct tls *t, const struct tls_io *io, const struct tls_client *c)
{
	(void)t, (void)io, (void)c;
	return NULL;
}

void
tls_end_free(struct tls_end *e)
{
	(void)e;
}

enum tls_progress
tls_end_step(struct tls_end *e)
{
	(void)e;
	return TLS_FAILED;
}

ssize_t
tls_end_read(struct tls_end *e, void *to, size_t n)
{
	(void)e, (void)to, (void)n;
	return -EPROTO;
}

ssize_t
tls_end_write(struct tls_end *e, const void *from, size_t n)
{
	(void)e, (void)from, (void)n;
	return -EPROTO;
}

int
tls_end_flush(struct tls_end *e)
{
	(void)e;
	return -EPROTO;
}

bool
tls_end_has_readable(const struct tls_end *e)
{
	(void)e;
	return false;
}

int
tls_end_close(struct tls_end *e)
{
	(void)e;
	return -EPROTO;
}

void
tls_end_alert(struct tls_end *e, uint8_t alert)
{
	(void)e, (void)alert;
}

const char *
tls_end_alpn(const struct tls_end *e)
{
	(void)e;
	return "";
}

const char *
tls_end_version(const struct tls_end *e)
{
	(void)e;
	return "";
}

bool
tls_end_resumed(const struct tls_end *e)
{
	(void)e;
	return false;
}

const char *
tls_end_why(const struct tls_end *e)
{
	(void)e;
	return "";
}

uint8_t
tls_end_peer_alert(const struct tls_end *e)
{
	(void)e;
	return 0;
}

bool
tls_end_asked_certificate(const struct tls_end *e)
{
	(void)e;
	return false;
}

int
tls_end_peer_chain(const struct tls_end *e, struct view *cert, int max)
{
	(void)e, (void)cert, (void)max;
	return 0;
}

void
tls_end_keep_session(struct tls_end *e)
{
	(void)e;
}
