/*
 * publish.c - host ports that lead to the guest
 *
 * The guest sees a client come from the gateway's address.  A TCP client is accepted by the host's kernel
 * and then shown the guest's own answer: a refused guest port resets the client.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"

#define BACKLOG 1024
/* A turn takes 64 frames, and a client makes the guest send some three. */
#define ACCEPT_BATCH 16u
#define ACCEPT_RETRY (100 * USEC_PER_MSEC) /* no descriptor to be had at all */
#define NAME_TRIES 64u
#define UDP_RCVBUF (4 << 20)

static bool
fail(char *err, size_t errlen, const struct endpoint *at, bool udp, int error)
{
	char text[ADDR_TEXT];
	const char *remedy = "";

	if (error == EADDRINUSE)
		remedy = "; another program has it: choose another host port";
	else if (error == EACCES || error == EPERM)
		remedy = "; ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE: "
			 "choose a higher one";
	else if (error == EADDRNOTAVAIL)
		remedy = "; the host has no such address";
	snprintf(err, errlen, "cannot publish %s port %u on %s: %s%s", udp ? "UDP" : "TCP", at->port,
		 addr_text(&at->addr, text), strerror(error), remedy);
	return false;
}

static bool
listen_at(struct sluice *gw, const struct endpoint *at, uint16_t guest_port, bool udp, char *err,
	  size_t errlen)
{
	const struct host_ops *host = gw->host->ops;
	struct host_socket_opts o = {.listen_only = !udp, .udp_gro = udp, .rcvbuf = udp ? UDP_RCVBUF : 0};
	struct listener *l = &gw->listener[gw->nlistener];

	*l = (struct listener){.at = *at, .guest_port = guest_port, .udp = udp};
	l->fd = gw_socket(gw, udp ? HOST_UDP : HOST_TCP, addr_family(&at->addr), &o);

	int r = l->fd < 0 ? l->fd : host->bind(gw->host, l->fd, at);
	if (r == 0 && !udp)
		r = host->listen(gw->host, l->fd, BACKLOG);
	if (r == 0)
		r = (udp ? host->arm_level : host->arm)(gw->host, l->fd, TOKEN_LISTENER + gw->nlistener);
	if (r < 0) {
		gw_close(gw, &l->fd, false);
		return fail(err, errlen, at, udp, -r);
	}
	gw->nlistener++;
	return true;
}

static bool
family_on(const struct sluice *gw, enum family fam)
{
	return gw->stack.cfg.net[fam].on;
}

/* Has the host this family's loopback at all?  Asked only after a bind failed. */
static bool
lacks_family(struct sluice *gw, enum family fam)
{
	struct endpoint any = {fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}}, 0};
	int fd = gw_socket(gw, HOST_UDP, fam, &(struct host_socket_opts){0});

	if (fd < 0)
		return fd == -EAFNOSUPPORT;

	bool lacks = gw->host->ops->bind(gw->host, fd, &any) == -EADDRNOTAVAIL;
	gw_close(gw, &fd, false);
	return lacks;
}

/* One host port: where bind says, or on the loopback of each family the guest has. */
static bool
open_port(struct sluice *gw, const struct sluice_publish *p, uint16_t port, uint16_t guest_port, char *err,
	  size_t errlen)
{
	struct endpoint at = {.port = port};

	if (p->bind) {
		if (!addr_parse(p->bind, &at.addr)) {
			snprintf(err, errlen, "cannot publish on '%s': not an IPv4 or IPv6 address", p->bind);
			return false;
		}
		if (!family_on(gw, addr_family(&at.addr))) {
			snprintf(err, errlen, "cannot publish on %s: the guest has no %s", p->bind,
				 addr_is_v4(&at.addr) ? "IPv4" : "IPv6");
			return false;
		}
		return listen_at(gw, &at, guest_port, p->udp, err, errlen);
	}
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		at.addr = fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
		if (family_on(gw, fam) && !listen_at(gw, &at, guest_port, p->udp, err, errlen)) {
			/* A host without IPv6 has no ::1 to publish on; that is not the operator's mistake. */
			if (fam == FAMILY_V6 && family_on(gw, FAMILY_V4) && lacks_family(gw, fam))
				continue;
			return false;
		}
	}
	return true;
}

bool
publish_open(struct sluice *gw, const struct sluice_publish *p, size_t n, char *err, size_t errlen)
{
	size_t ports = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i].host_first == 0 || p[i].host_last < p[i].host_first ||
		    (p[i].guest_first && p[i].guest_first + (p[i].host_last - p[i].host_first) > 65535)) {
			snprintf(err, errlen, "cannot publish ports %u-%u: not a range within 1..65535",
				 p[i].host_first, p[i].host_last);
			return false;
		}
		ports += (size_t)(p[i].host_last - p[i].host_first + 1);
	}
	gw->listener = calloc(ports * FAMILIES + 1, sizeof(*gw->listener));
	if (!gw->listener) {
		snprintf(err, errlen, "no memory for %zu published ports", ports);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		uint16_t guest = p[i].guest_first ? p[i].guest_first : p[i].host_first;

		for (uint32_t port = p[i].host_first; port <= p[i].host_last; port++)
			if (!open_port(gw, &p[i], (uint16_t)port, (uint16_t)(guest + port - p[i].host_first),
				       err, errlen))
				return false;
	}
	return true;
}

void
publish_close(struct sluice *gw)
{
	for (size_t i = 0; i < gw->nlistener; i++)
		gw_close(gw, &gw->listener[i].fd, false);
	free(gw->listener);
	gw->listener = NULL;
	gw->nlistener = 0;
}

bool
publish_name(struct sluice *gw, struct tuple *t, const struct endpoint *client, usec_t now)
{
	t->remote = (struct endpoint){gw->stack.cfg.net[addr_family(&t->guest.addr)].gateway, client->port};
	for (unsigned i = 0; i < NAME_TRIES; i++) {
		if (!flow_find(&gw->flows, t) && !timewait_find(&gw->timewait, t, now))
			return true;
		t->remote.port = (uint16_t)(32768 + (client->port * 31u + i * 977u) % 28000);
	}
	return false;
}

void
publish_lost(struct sluice *gw, const struct listener *l, const struct endpoint *client, usec_t now)
{
	enum family fam = addr_family(&l->at.addr);
	struct tuple t = {.guest = {stack_guest_addr(&gw->stack, fam, now), l->guest_port},
			  .remote = {gw->stack.cfg.net[fam].gateway, client->port},
			  .proto = l->udp ? IP_PROTO_UDP : IP_PROTO_TCP};

	event_unplaced(gw, &t, client, SLUICE_REASON_FULL);
}

/* No descriptor for the next client: the spare one is given up to see whether there is one.  At our own limit a flow that may go
 * then makes room; else the client is turned away.  0 when that was done, -EAGAIN when there was no client, else why not even that
 * could be done. */
static int
take_with_spare(struct sluice *gw, struct listener *l, int error, usec_t now)
{
	const struct host_ops *host = gw->host->ops;
	struct endpoint client;

	gw_close(gw, &gw->spare_fd, false);
	int fd = host->accept(gw->host, l->fd, &client);
	int outcome = fd < 0 ? fd : 0;
	gw->files += fd >= 0;
	if (fd >= 0 && gw->files >= gw->max_files && gw_make_room(gw)) {
		tcp_flow_publish(gw, l, fd, &client, now);
	} else if (fd != -EAGAIN) {
		gw_limit(gw, GW_PUBLISH_FULL, "a client of a published port was turned away", error);
		if (fd >= 0)
			publish_lost(gw, l, &client, now);
		gw_close(gw, &fd, true);
	}
	gw->spare_fd = gw_socket(gw, HOST_UDP, FAMILY_V4, &(struct host_socket_opts){0});
	return outcome;
}

/* TCP listeners are edge-triggered: who did not take all clients says when to look again. */
static void
look_again(struct sluice *gw, struct listener *l, usec_t when)
{
	l->waiting = true;
	gw->accept_at = time_min(gw->accept_at, when);
}

static void
take_clients(struct sluice *gw, struct listener *l, usec_t now)
{
	l->waiting = false;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct endpoint client;
		int fd = gw_files_left(gw) ? gw->host->ops->accept(gw->host, l->fd, &client) : -EMFILE;

		if (fd >= 0) {
			gw->files++;
			tcp_flow_publish(gw, l, fd, &client, now);
			continue;
		}
		if (fd == -ECONNABORTED || fd == -EPROTO)
			continue; /* that client is gone already; the next one may not be */
		if (fd != -EAGAIN)
			fd = take_with_spare(gw, l, -fd, now);
		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			look_again(gw, l, now + ACCEPT_RETRY);
			return;
		}
	}
	look_again(gw, l, now);
}

void
publish_retry(struct sluice *gw, usec_t now)
{
	if (now < gw->accept_at)
		return;
	gw->accept_at = TIME_NEVER;
	for (size_t i = 0; i < gw->nlistener; i++)
		if (gw->listener[i].waiting)
			take_clients(gw, &gw->listener[i], now);
}

void
publish_event(struct sluice *gw, uint64_t token, usec_t now)
{
	struct listener *l = &gw->listener[token - TOKEN_LISTENER];

	if (l->udp)
		udp_publish(gw, l, now);
	else
		take_clients(gw, l, now);
}
