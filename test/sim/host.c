/*
 * host.c - the host's sockets: which of them are whose, datagrams, and the nameserver
 *
 * The nameserver knows every name "nK.sim.example"; how it answers depends on K (names_way()): at once, late, not at
 * all on one of its two addresses, with an answer to somebody else first, cut so that it is asked again over TCP.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/sim/inside.h"

struct reply {
	struct reply *next;
	usec_t at;
	int fd;
	bool stream;
	size_t len;
	uint8_t bytes[];
};

/* --- which sockets there are ------------------------------------------------------------------------------------- */

void
host_find(struct sim *s)
{
	struct vhost *v = s->bed->vhost;
	const struct host_socket_opts *o;
	struct endpoint peer;

	while ((o = vhost_opts(v, s->next_fd)) != NULL) {
		int fd = s->next_fd++;
		enum host_kind kind = (enum host_kind)vhost_kind(v, fd);

		if (o->listen_only)
			continue;
		if (kind == HOST_TCP && vhost_peer(v, fd, &peer) && peer.port != 53) {
			talk_found(s, fd, &peer);
			continue;
		}
		struct host_fd *h = calloc(1, sizeof(*h));
		if (!h)
			abort();
		*h = (struct host_fd){.next = s->fds, .fd = fd, .kind = kind};
		s->fds = h;
	}
}

/* --- datagrams -------------------------------------------------------------------------------------------------------- */

static void
dgram_came(struct sim *s, int fd, const struct endpoint *to, size_t len)
{
	struct dgram *d = dgram_of(s, s->big, len, UP);

	/* Where a client's flow had to make room its answer begins another, to the port the guest was shown. */
	if (!d || (d->to != to->port && !(d->inward && sim_has(s, SIM_CROWD)))) {
		sim_complain(s, "the host got a datagram that the guest has not sent");
		return;
	}
	if (d->inward && !(d->client.port == to->port && addr_eq(&d->client.addr, &to->addr)) &&
	    !sim_has(s, SIM_CROWD))
		sim_complain(s, "the guest's answer went to another client than asked");
	d->up++;
	s->res.dgrams_up++;
	s->res.cut += d->cut.n > 1;
	s->res.inside += d->inward;
	sim_say(s, "host   datagram %u", d->id);
	if (d->up > d->came)
		sim_complain(s, "the host got a datagram more often than it came");
	if (!d->allowed && !s->keep_flows)
		sim_complain(s, "a datagram to port %u, which the policy forbids, reached the host",
			     to->port);
	if (!(d->id & 1) && !d->inward) {
		luck_fill(s->big + DGRAM_HEAD, dgram_key(s, d->id, DOWN), 0, len - DGRAM_HEAD);
		if (vhost_send_dgram(s->bed->vhost, fd, NULL, s->big, len))
			d->echoed = true;
	}
}

static void
ping_came(struct sim *s, int fd, size_t len)
{
	struct ping *p = len >= ICMP_HLEN ? ping_of(s, (uint16_t)(s->big[6] << 8 | s->big[7]),
						    s->big + ICMP_HLEN, len - ICMP_HLEN)
					  : NULL;
	static const uint8_t reply[] = {[FAMILY_V4] = ICMP4_ECHO_REPLY, [FAMILY_V6] = ICMP6_ECHO_REPLY};

	if (!p) {
		sim_complain(s, "the host got an echo request that the guest has not sent");
		return;
	}
	s->res.pings++;
	if (++p->up > p->came)
		sim_complain(s, "the host got an echo request more often than it came");
	if (rules_decide(&s->policy, IP_PROTO_ICMP, 0) != PLAIN_ALLOW && !s->keep_flows)
		sim_complain(s, "an echo request, which the policy forbids, reached the host");
	s->big[0] = reply[p->fam];
	s->big[4] = 0x77; /* the kernel's own */
	vhost_send_dgram(s->bed->vhost, fd, NULL, s->big, len);
}

/* --- names ------------------------------------------------------------------------------------------------------------ */

enum names_way
names_way(unsigned n)
{
	enum names_way way = (enum names_way)(luck_mix(n) % NAMES_WAYS);

	return n >= NAMED_FIRST && way == NAMES_UNKNOWN ? NAMES_PLAIN : way;
}

struct addr
names_addr(unsigned n, enum family fam)
{
	if (n >= NAMED_FIRST)
		n &= ~1u;
	if (fam == FAMILY_V4)
		return addr_v4(0x5db80000u | (n & 0xffff));
	return (struct addr){{0x26, 0x06, 0x47, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

static void
later(struct sim *s, int fd, bool stream, usec_t after, const struct wr *w, const uint8_t *from)
{
	size_t len = (size_t)(w->p - from);
	struct reply *r = malloc(sizeof(*r) + len);

	if (!r)
		abort();
	*r = (struct reply){
	    .next = s->replies, .at = sim_now(s) + after, .fd = fd, .stream = stream, .len = len};
	memcpy(r->bytes, from, len);
	s->replies = r;
}

/* "nK" of the first label; UINT_MAX: none. */
static unsigned
number_of(const uint8_t *q, size_t len)
{
	unsigned n = 0;

	if (len < 20 || q[12] < 2 || q[12] > 8 || q[13] != 'n')
		return UINT32_MAX;
	for (unsigned i = 1; i < q[12]; i++)
		n = n * 10 + q[13 + i] - '0';
	return n;
}

/* The answer to a query of len bytes. */
static void
answer(struct wr *w, const uint8_t *q, size_t len, unsigned n, bool cut, bool other)
{
	size_t end = 12;

	while (end < len && q[end])
		end += q[end] + 1u;
	end += 5;
	if (end > len)
		return;
	enum family fam = q[end - 3] == 28 ? FAMILY_V6 : FAMILY_V4;
	bool known = names_way(n) != NAMES_UNKNOWN;
	struct addr a = names_addr(n, fam);

	wr_u16(w, (uint16_t)((q[0] << 8 | q[1]) ^ (other ? 0x5555 : 0)));
	wr_u16(w, (uint16_t)(0x8180 | (cut ? 0x0200 : 0) | (known ? 0 : 3)));
	wr_u16(w, 1);
	wr_u16(w, known && !cut);
	wr_u32(w, 0);
	wr_bytes(w, q + 12, end - 12);
	if (!known || cut)
		return;
	wr_u16(w, 0xc00c);
	wr_u16(w, fam == FAMILY_V4 ? 1 : 28);
	wr_u16(w, 1);
	wr_u32(w, 300);
	wr_u16(w, fam == FAMILY_V4 ? 4 : 16);
	wr_bytes(w, a.b + (fam == FAMILY_V4 ? 12 : 0), fam == FAMILY_V4 ? 4 : 16);
}

/* Of which family the address is that is asked for: behind the name. */
static enum family
fam_of(const uint8_t *q, size_t len)
{
	size_t end = 12;

	while (end < len && q[end])
		end += q[end] + 1u;
	return end + 2 < len && q[end + 2] == 28 ? FAMILY_V6 : FAMILY_V4;
}

static void
name_asked(struct sim *s, int fd, const struct endpoint *to, const uint8_t *q, size_t len)
{
	unsigned n = number_of(q, len);
	enum names_way way = names_way(n);
	bool second = to->addr.b[15] & 1;
	uint8_t out[600];
	struct wr w = wr_of(out, sizeof(out));

	if (n == UINT32_MAX) {
		sim_complain(s, "a nameserver was asked for what nobody asked for");
		return;
	}
	names_said(s, n, fam_of(q, len));
	sim_say(s, "names  n%u asked of %s", n, second ? "the second" : "the first");
	if (way == NAMES_SILENT && !second)
		return;
	if (way == NAMES_OTHER) {
		answer(&w, q, len, n, false, true);
		later(s, fd, false, 0, &w, out);
		w = wr_of(out, sizeof(out));
	}
	answer(&w, q, len, n, way == NAMES_CUT, false);
	later(s, fd, false, way == NAMES_LATE ? 700 * USEC_PER_MSEC : (usec_t)luck_size(&s->host_luck, 15),
	      &w, out);
}

static bool
name_asked_by_tcp(struct sim *s, struct host_fd *h)
{
	uint8_t q[600], out[600];
	struct wr w = wr_of(out, sizeof(out));

	/* The query comes whole: it is short, and the buffer empty. */
	if (vhost_recv_len(s->bed->vhost, h->fd) < 2)
		return false;
	size_t len = vhost_recv(s->bed->vhost, h->fd, q, sizeof(q));
	wr_u16(&w, 0);
	answer(&w, q + 2, len - 2, number_of(q + 2, len - 2), false, false);
	out[0] = (uint8_t)((w.p - out - 2) >> 8);
	out[1] = (uint8_t)(w.p - out - 2);
	later(s, h->fd, true, (usec_t)luck_size(&s->host_luck, 15), &w, out);
	return true;
}

static bool
say_replies(struct sim *s)
{
	bool did = false;

	for (struct reply **at = &s->replies, *r; (r = *at);) {
		if (r->at > sim_now(s)) {
			at = &r->next;
			continue;
		}
		if (r->stream)
			vhost_send(s->bed->vhost, r->fd, r->bytes, r->len);
		else
			vhost_send_dgram(s->bed->vhost, r->fd, NULL, r->bytes, r->len);
		*at = r->next;
		free(r);
		did = true;
	}
	return did;
}

/* --- all of them -------------------------------------------------------------------------------------------------------- */

static bool
act(struct sim *s, struct host_fd *h)
{
	struct vhost *v = s->bed->vhost;
	struct endpoint to = {.port = 0};
	bool did = false;
	size_t len;

	if (h->kind == HOST_TCP)
		return name_asked_by_tcp(s, h);
	while (vhost_recv_dgram(v, h->fd, s->big, sizeof(s->big), &len, &to)) {
		did = true;
		world_digest(s, s->big, len);
		if (h->kind == HOST_PING)
			ping_came(s, h->fd, len);
		else if (to.port == 53)
			name_asked(s, h->fd, &to, s->big, len);
		else
			dgram_came(s, h->fd, &to, len);
	}
	return did;
}

bool
host_act(struct sim *s)
{
	bool did = say_replies(s);

	for (struct host_fd **at = &s->fds, *h; (h = *at);) {
		did |= act(s, h);
		if (!vhost_closed(s->bed->vhost, h->fd)) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		free(h);
	}
	return did;
}

usec_t
host_next(const struct sim *s)
{
	usec_t t = TIME_NEVER;

	for (const struct reply *r = s->replies; r; r = r->next)
		t = time_min(t, r->at);
	return t;
}

void
host_free(struct sim *s)
{
	for (struct host_fd *h; (h = s->fds);) {
		s->fds = h->next;
		free(h);
	}
	for (struct reply *r; (r = s->replies);) {
		s->replies = r->next;
		free(r);
	}
}
