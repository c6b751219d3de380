/*
 * dns_sockets.c - the datagram sockets on which nameservers are asked, and those that wait for the next question
 *
 * Opening, arming and closing a socket costs more than asking on it.  One that brought its answer is therefore not closed:
 * it gives up its connection and its port, and is connected again for another question.  From outside that is a new
 * socket: the kernel draws the port anew (RFC 5452 9.2), the port of the last question is closed as soon as it is
 * answered, and only the server that is asked is heard.
 *
 * What came for the last question and was not read must not pass for something that came to the new port.  It lies in
 * the socket before it is connected again, so the socket is looked into first; one that holds anything, a datagram or
 * an error, is closed.  Only sockets that brought nothing but one answer are kept at all.
 *
 * There are DNS_SOCKETS places.  Who finds none opens a socket and closes it.  Spare ones are closed DNS_SPARE_TIME after
 * the last answer, when the guest leaves, and when descriptors run short.
 */
#include "proxy/dns_int.h"

#include <errno.h>

/* --- places ----------------------------------------------------------------------------------------------- */

static struct dns_socket *
new_place(struct dns_service *d)
{
	struct dns_socket *s = d->free_socket;

	if (s)
		d->free_socket = s->next;
	else if (d->nsocket < DNS_SOCKETS)
		s = &d->socket[d->nsocket++];
	return s;
}

static void
close_socket(struct sluice *gw, struct dns_socket *s)
{
	gw_close(gw, &s->fd, false);
	s->next = gw->dns->free_socket;
	gw->dns->free_socket = s;
}

/* --- spare ones ------------------------------------------------------------------------------------------- */

bool
dns_sockets_close(struct sluice *gw)
{
	struct dns_service *d = gw->dns;
	bool any = false;

	for (int fam = 0; fam < FAMILIES; fam++) {
		while (d->spare[fam]) {
			struct dns_socket *s = d->spare[fam];

			d->spare[fam] = s->next;
			close_socket(gw, s);
			any = true;
		}
	}
	d->spare_until = TIME_NEVER;
	return any;
}

/* Nothing finds its way to a spare socket: what is not in it now will not be.  (But what another processor was just
 * handing over when the port was given up: one datagram, for which the id of the next question is as hard to guess.) */
static bool
is_empty(struct sluice *gw, int fd)
{
	uint8_t byte;

	return gw->host->ops->recv(gw->host, fd, &byte, sizeof(byte)) == -EAGAIN;
}

static struct dns_socket *
take_spare(struct sluice *gw, enum family fam)
{
	struct dns_socket *s;

	while ((s = gw->dns->spare[fam])) {
		gw->dns->spare[fam] = s->next;
		if (is_empty(gw, s->fd))
			return s;
		close_socket(gw, s);
	}
	return NULL;
}

/* --- for one attempt -------------------------------------------------------------------------------------- */

/* 0 or -errno; the place is free again then. */
static int
open_socket(struct sluice *gw, struct dns_socket *s, enum family fam)
{
	uint64_t token = TOKEN_DNS_SOCKET + (uint64_t)(s - gw->dns->socket);

	s->fd = gw_socket(gw, HOST_UDP, fam, &(struct host_socket_opts){0});
	int rc = s->fd < 0 ? s->fd : gw->host->ops->arm_read(gw->host, s->fd, token);
	if (rc < 0)
		close_socket(gw, s);
	return rc;
}

bool
dns_socket_lend(struct sluice *gw, struct dns_pending *p, struct dns_try *t, const struct endpoint *to,
		int *error)
{
	enum family fam = addr_family(&to->addr);
	struct dns_socket *s = take_spare(gw, fam);

	*error = 0;
	if (!s) {
		s = new_place(gw->dns);
		if (!s)
			return false;
		*error = open_socket(gw, s, fam);
		if (*error)
			return true;
	}
	*error = gw->host->ops->connect(gw->host, s->fd, to);
	if (*error) {
		close_socket(gw, s);
		return true;
	}
	s->fam = fam;
	s->pending = p;
	s->attempt = t;
	t->socket = s;
	t->fd = s->fd;
	return true;
}

void
dns_socket_back(struct sluice *gw, struct dns_try *t)
{
	struct dns_service *d = gw->dns;
	struct dns_socket *s = t->socket;

	t->socket = NULL;
	t->fd = -1;
	s->attempt = NULL;
	if (!t->answered || t->strays > 0 || gw->host->ops->disconnect(gw->host, s->fd) < 0) {
		close_socket(gw, s);
		return;
	}
	s->next = d->spare[s->fam];
	d->spare[s->fam] = s;
	d->spare_until = gw->now + DNS_SPARE_TIME;
}

struct dns_try *
dns_socket_attempt(const struct sluice *gw, uint64_t token, struct dns_pending **p)
{
	uint64_t n = token - TOKEN_DNS_SOCKET;

	if (n >= gw->dns->nsocket || !gw->dns->socket[n].attempt)
		return NULL;
	*p = gw->dns->socket[n].pending;
	return gw->dns->socket[n].attempt;
}
