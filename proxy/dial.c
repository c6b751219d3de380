/*
 * dial.c - where a guest's destination really is, what the connect hook makes of that, and the sockets that go there
 *
 * A hook's answer that is of no use (a text that is no address, a bind address of the wrong family, a proxy for a
 * datagram) refuses the flow: an embedder that asked for a way out would not be served by another one.
 */
#include <errno.h>
#include <string.h>

#include "proxy/endpoint.h"
#include "proxy/gateway.h"
#include "proxy/option_values.h"

#define ROOM_TRIES 64u /* flows looked at for a descriptor that can be given up */

static struct addr
loopback(enum family fam)
{
	return fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
}

bool
dial_is_dns(const struct sluice *gw, const struct addr *a)
{
	return addr_eq(a, &gw->stack.cfg.net[addr_family(a)].dns);
}

bool
dial_target(const struct sluice *gw, const struct endpoint *remote, unsigned attempt, struct endpoint *out)
{
	if (dial_is_dns(gw, &remote->addr))
		return false;

	if (stack_is_ours(&gw->stack, &remote->addr)) {
		enum family fam = addr_family(&remote->addr);

		*out = (struct endpoint){loopback(attempt == 0 ? fam : !fam), remote->port};
		return attempt < FAMILIES;
	}
	*out = *remote;
	return attempt == 0;
}

/* --- the connect hook ----------------------------------------------------------------------------------- */

/* The flow is refused, and the log says which part of the hook's answer was wrong. */
static int
of_no_use(struct sluice *gw, struct flow *f, const char *what, const char *text, const char *why)
{
	gw_log_paced(gw, GW_HOOK_BAD, "connect hook: %s '%.64s' %s; the flow is refused", what, text, why);
	f->why = "the connect hook's answer is of no use";
	return -EACCES;
}

static int
read_endpoint(struct sluice *gw, struct flow *f, const char *what, const char *text, struct endpoint *out)
{
	/* An echo request goes to no port. */
	uint16_t port = f->kind == FLOW_PING ? 1 : 0;
	struct endpoint e;

	if (endpoint_parse(text, port, &e) != ENDPOINT_OK)
		return of_no_use(gw, f, what, text, "is not ADDR:PORT or [ADDR]:PORT");
	if (addr_is_unspecified(&e.addr) || addr_is_multicast(&e.addr) || addr_is_broadcast(&e.addr))
		return of_no_use(gw, f, what, text, "is not the address of a host");
	if (f->kind == FLOW_PING) {
		e.port = 0;
		if (addr_family(&e.addr) != addr_family(&f->tuple.guest.addr))
			return of_no_use(gw, f, what, text, "is not of the ping's family");
	}
	*out = e;
	return 0;
}

static int
take_target(struct sluice *gw, struct flow *f, const struct sluice_route *how, struct route *r)
{
	int rc = 0;

	if ((how->target || how->socks5) && is_mapping(f))
		return of_no_use(gw, f, how->target ? "target" : "socks5",
				 how->target ? how->target : how->socks5,
				 "cannot be had by an endpoint-independent mapping");
	if (how->target) {
		rc = read_endpoint(gw, f, "target", how->target, &r->to);
		f->target = r->to;
	}
	if (rc == 0 && how->socks5) {
		if (f->kind != FLOW_TCP)
			return of_no_use(gw, f, "socks5", how->socks5, "cannot carry datagrams or pings");
		r->proxied = true;
		rc = read_endpoint(gw, f, "socks5", how->socks5, &r->to);
	}
	return rc;
}

static int
take_way_out(struct sluice *gw, struct flow *f, const struct sluice_route *how, struct route *r)
{
	struct host_socket_opts *o = &r->opts;

	o->mark = how->mark;
	if (how->device) {
		size_t len = strlen(how->device);

		if (len == 0 || len >= sizeof(o->device))
			return of_no_use(gw, f, "device", how->device, "is not the name of an interface");
		memcpy(o->device, how->device, len + 1);
	}
	if (how->bind) {
		o->bound = true;
		if (!option_address(how->bind, &o->source))
			return of_no_use(gw, f, "bind", how->bind, "is not an address");
		if (addr_family(&o->source) != addr_family(&r->to.addr))
			return of_no_use(gw, f, "bind", how->bind,
					 "is not of the family that is connected to");
	}
	return 0;
}

/* 0 or -errno. */
static int
ask_hook(struct sluice *gw, struct flow *f, const struct endpoint *remote, struct route *r)
{
	char guest[ENDPOINT_TEXT], far[ENDPOINT_TEXT], target[ENDPOINT_TEXT];
	const struct sluice_connect c = {
	    .size = sizeof(c),
	    .protocol = f->tuple.proto,
	    .guest = endpoint_text(&f->tuple.guest, guest),
	    .remote = endpoint_text(remote, far),
	    .target = endpoint_text(&r->to, target),
	};
	struct sluice_route how = {.size = sizeof(how)};
	int rc = gw->connect(gw->hook_ctx, &c, &how);

	if (rc < 0)
		return of_no_use(gw, f, "returned", "a negative number", "");
	if (rc == 0)
		rc = take_target(gw, f, &how, r);
	if (rc == 0)
		rc = take_way_out(gw, f, &how, r);
	return rc < 0 ? rc : -rc;
}

void
dial_route_to(struct sluice *gw, struct flow *f, const struct endpoint *remote, struct route *r)
{
	r->to = r->aim;
	r->proxied = false;
	f->reason = SLUICE_REASON_NONE;
	f->why = NULL;
	if (!is_mapping(f))
		f->target = r->to;
	r->error = gw->connect ? ask_hook(gw, f, remote, r) : 0;
	if (r->error)
		f->reason = SLUICE_REASON_HOOK;
}

bool
dial_route(struct sluice *gw, struct flow *f, const struct endpoint *remote, unsigned attempt,
	   struct route *r)
{
	bool found = f->kind == FLOW_PING ? attempt == 0 : dial_target(gw, remote, attempt, &r->aim);

	if (!found)
		return false;
	if (f->kind == FLOW_PING)
		r->aim = *remote;
	dial_route_to(gw, f, remote, r);
	return true;
}

/* --- sockets -------------------------------------------------------------------------------------------- */

/* The way out that the hook asked for cannot be had: that is its word, not the host's. */
static int
no_way_out(struct sluice *gw, struct flow *f, const struct route *r, int error)
{
	const struct host_socket_opts *o = &r->opts;
	bool asked = o->mark || o->device[0] || o->bound;
	bool no_address = o->bound && error == EADDRNOTAVAIL;
	char text[ADDR_TEXT];

	if (!asked || (trouble_of(error) == TROUBLE_FULL && !no_address))
		return -error;
	gw_log_paced(gw, GW_HOOK_BAD,
		     "connect hook: no socket with mark %u, device '%s', bind '%s': "
		     "%s; the flow is refused",
		     o->mark, o->device, o->bound ? addr_text(&o->source, text) : "", strerror(error));
	f->reason = SLUICE_REASON_HOOK;
	f->why = "the way out the connect hook asked for cannot be had";
	return no_address ? -EHOSTUNREACH : -error;
}

int
dial_open(struct sluice *gw, struct flow *f, const struct route *r)
{
	return dial_open_as(gw, f, r, flow_token(&gw->flows, f));
}

int
dial_open_as(struct sluice *gw, struct flow *f, const struct route *r, uint64_t token)
{
	static const enum host_kind kind[FLOW_KINDS] = {HOST_TCP, HOST_UDP, HOST_PING};
	const struct host_ops *host = gw->host->ops;

	gw_close(gw, &f->fd, false);
	int fd = gw_socket(gw, kind[f->kind], addr_family(&r->to.addr), &r->opts);
	if (fd < 0)
		return no_way_out(gw, f, r, -fd);
	f->fd = fd;

	int rc = is_mapping(f) ? 0 : host->connect(gw->host, fd, &r->to);
	if (rc == 0 || rc == -EINPROGRESS) {
		int armed = host->arm(gw->host, fd, token);

		if (armed < 0)
			return armed;
	}
	return rc;
}

/* The oldest of a kind that may go and has a descriptor: those the gateway itself answers have none.  Looked for among the oldest
 * alone, as a guest decides how many of those there are. */
static struct flow *
oldest_with_file(const struct sluice *gw, enum flow_kind kind)
{
	struct flow *f = flow_oldest(&gw->flows, kind);

	for (unsigned i = 0; f && f->fd < 0; f = f->age_next)
		if (++i == ROOM_TRIES)
			return NULL;
	return f;
}

/* The kind of flow that has the most of those that may go (half-open connections, or any flow of datagrams or echoes) gives one:
 * so a flood takes its descriptors from itself.  False: there is none. */
static bool
flow_makes_room(struct sluice *gw)
{
	static const struct {
		enum gateway_count count;
		const char *what;
	} told[FLOW_KINDS] = {
	    [FLOW_TCP] = {GW_TCP_EVICTED, "no descriptor left: a half-open connection made room"},
	    [FLOW_UDP] = {GW_UDP_EVICTED, "no descriptor left: the UDP flow quiet longest made room"},
	    [FLOW_PING] = {GW_PING_EVICTED, "no descriptor left: the ping flow quiet longest made room"},
	};
	struct flow *victim = NULL;
	uint32_t most = 0;

	for (int k = 0; k < FLOW_KINDS; k++) {
		struct flow *f = oldest_with_file(gw, (enum flow_kind)k);

		if (f && gw->flows.kind[k].aged > most) {
			most = gw->flows.kind[k].aged;
			victim = f;
		}
	}
	if (!victim)
		return false;
	gw_limit(gw, told[victim->kind].count, told[victim->kind].what, 0);
	gw_end(gw, victim, SLUICE_REASON_FULL);
	return true;
}

bool
gw_files_left(struct sluice *gw)
{
	return gw->files < gw->max_files || dns_make_room(gw);
}

bool
gw_make_room(struct sluice *gw)
{
	return gw_files_left(gw) || flow_makes_room(gw);
}

int
gw_socket(struct sluice *gw, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	if (!gw_make_room(gw))
		return -EMFILE;

	int fd = gw->host->ops->socket(gw->host, kind, fam, o);
	if (fd >= 0)
		gw->files++;
	return fd;
}

void
gw_close(struct sluice *gw, int *fd, bool reset)
{
	if (*fd < 0)
		return;
	gw->host->ops->close(gw->host, *fd, reset);
	*fd = -1;
	gw->files--;
}
