/*
 * exhaustion_servers.c - the far ends of a siege that speak TLS: their authority, certificates and sockets (see exhaustion.h)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/sim/exhaustion.h"
#include "tls/ca.h"
#include "tls/leaf.h"
#include "tls/tls.h"

void
siege_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "siege over TLS: %s\n", what);
	abort();
}

void
siege_draw(void *state, void *to, size_t n)
{
	uint64_t *x = state;
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(*x >> 56);
	}
}

void
siege_servers_make(struct siege_servers *v, uint64_t now)
{
	char pem[CA_PEM], key[CA_PEM], why[256] = "no memory";

	v->drawn = 12345;
	v->tls = tls_new(&(struct tls_random){siege_draw, &v->drawn}, NULL);
	siege_must(v->tls && ca_make(v->tls, "far", now, pem, key), why);
	v->ca = ca_read(v->tls, view_of(pem, strlen(pem)), view_of(key, strlen(key)), now, why, sizeof(why));
	v->leaves = v->ca ? leaf_cache_new(v->tls, v->ca, 4) : NULL;
	siege_must(v->leaves != NULL, why);
	snprintf(v->roots, sizeof(v->roots), "/tmp/sluice-roots-XXXXXX");
	int fd = mkstemp(v->roots);
	siege_must(fd >= 0 && write(fd, pem, strlen(pem)) == (ssize_t)strlen(pem), "no file for its roots");
	close(fd);
}

void
siege_servers_free(struct siege_servers *v)
{
	leaf_cache_free(v->leaves);
	ca_free(v->ca);
	tls_free(v->tls);
	unlink(v->roots);
}

struct tls_end *
siege_server_new(struct siege_servers *v, const char *name, const struct tls_io *io, uint64_t now)
{
	struct name n;

	siege_must(name_parse(name, strlen(name), &n), "its name");
	const struct tls_identity *i = leaf_keep(v->leaves, &n, NULL, now);
	siege_must(i != NULL, "no certificate");
	struct tls_end *e = tls_server_new(v->tls, io, i, "");
	/* It stays where it is: there are fewer names here than places. */
	leaf_drop(v->leaves, i);
	siege_must(e != NULL, "no memory");
	return e;
}

ssize_t
siege_server_recv(const struct siege *s, int fd, void *to, size_t n)
{
	size_t got = vhost_recv(s->bed->vhost, fd, to, n);

	return got ? (ssize_t)got : vhost_got_eof(s->bed->vhost, fd) ? 0 : -EAGAIN;
}

ssize_t
siege_server_send(const struct siege *s, int fd, const void *from, size_t n)
{
	size_t put = vhost_send(s->bed->vhost, fd, from, n);

	return put ? (ssize_t)put : -EAGAIN;
}
