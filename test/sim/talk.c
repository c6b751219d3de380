/*
 * talk.c - conversations: the two programs that have one, and the host's sockets they come to
 *
 * Each has a port of its own at its server (or client), so that a socket of the virtual host tells which it is.
 */
#include <errno.h>
#include <stdlib.h>

#include "test/sim/inside.h"

/* --- which is it -------------------------------------------------------------------------------------------- */

struct talk *
talk_at_port(struct sim *s, uint16_t port)
{
	unsigned n = port >= CLIENT_PORT ? port - CLIENT_PORT : port - SERVER_PORT;

	if (port >= TLS_PORT && port < TLS_PORT + TLS_SERVERS)
		return s->tls_at[port - TLS_PORT];
	if (port < SERVER_PORT || n >= s->ntalk || s->talk[n]->script ||
	    s->talk[n]->pub.conf.published != (port >= CLIENT_PORT))
		return NULL;
	return s->talk[n];
}

struct talk *
talk_from_port(struct sim *s, uint16_t port)
{
	unsigned n = port - GUEST_PORT;

	return port >= GUEST_PORT && n < s->ntalk && !s->talk[n]->pub.conf.published ? s->talk[n] : NULL;
}

struct talk *
talk_of(struct sim *s, const struct addr *remote, uint16_t remote_port, uint16_t guest_port)
{
	struct talk *t =
	    remote_port < CLIENT_PORT ? talk_from_port(s, guest_port) : talk_at_port(s, remote_port);

	if (!t || !addr_eq(remote, &t->pub.tuple.remote.addr) || t->pub.tuple.guest.port != guest_port ||
	    t->pub.tuple.remote.port != remote_port)
		return NULL;
	return t;
}

bool
talk_may_end(const struct sim *s, const struct talk *t)
{
	return tls_may_end(s, t) || names_may_end(s, t);
}

/* By the policy in force; of what has no name yet, maybe. */
bool
talk_may_reach(struct sim *s, struct talk *t)
{
	if (t->named)
		return names_may_reach(s, t);
	return rules_decide(&s->policy, IP_PROTO_TCP, t->pub.tuple.remote.port) == PLAIN_ALLOW;
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

/* May it end otherwise than complete? */
static bool
is_disturbed(const struct sim *s, const struct sim_talk_conf *c)
{
	return s->set.lenient || c->guest.ends == SIM_RESETS || c->host.ends == SIM_RESETS ||
	       c->guest_refuses || c->answer == VHOST_REFUSE || c->answer == VHOST_UNREACH_HOST ||
	       c->answer == VHOST_UNREACH_NET || c->answer == VHOST_SILENT || c->answer_error;
}

static void
name_it(struct sim *s, struct talk *t)
{
	const struct sim_talk_conf *c = &t->pub.conf;
	unsigned n = t->pub.number;
	struct tuple *tuple = &t->pub.tuple;

	*tuple = (struct tuple){.proto = IP_PROTO_TCP};
	tuple->guest = (struct endpoint){s->bed->guest[c->fam], (uint16_t)(GUEST_PORT + n)};
	tuple->remote.port = (uint16_t)(SERVER_PORT + n);
	tuple->remote.addr = c->to_self ? s->bed->gateway[c->fam] : bed_elsewhere(c->fam);
	if (c->published) {
		tuple->guest.port = (uint16_t)(INNER_PORT + n % PUBLISHED);
		tuple->remote = (struct endpoint){s->bed->gateway[c->fam], (uint16_t)(CLIENT_PORT + n)};
	}
}

static struct addr
loopback(enum family fam)
{
	return fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
}

static void
answer_for(struct sim *s, const struct talk *t)
{
	const struct sim_talk_conf *c = &t->pub.conf;
	struct endpoint at = t->pub.tuple.remote;

	/* Another may have had a port of TLS before. */
	if (c->answer == VHOST_ACCEPT && !t->sealed)
		return;
	if (!c->to_self) {
		vhost_answer(s->bed->vhost, HOST_TCP, &at, c->answer);
		return;
	}
	for (enum family f = FAMILY_V4; f < FAMILIES; f++) {
		at.addr = loopback(f);
		vhost_answer(s->bed->vhost, HOST_TCP, &at, c->answer);
	}
}

/* A client at the published port: the host's half is there first. */
static void
client_comes(struct sim *s, struct talk *t)
{
	enum family fam = t->pub.conf.fam;
	struct endpoint at = {loopback(fam), (uint16_t)(PUBLISHED_PORT + t->pub.number % PUBLISHED)};

	t->client = (struct endpoint){loopback(fam), t->pub.tuple.remote.port};
	if (!vhost_client(s->bed->vhost, &at, &t->client)) {
		if (!t->disturbed)
			sim_complain(s, "nobody listens at a published port");
		talk_broke(s, t, "the client found nobody");
	}
	s->res.published++;
}

/* All but its first segment, or client. */
struct sim_talk *
sim_talk_begin(struct sim *s, const struct sim_talk_conf *conf)
{
	struct talk *t = calloc(1, sizeof(*t));

	if (!t || s->ntalk >= 25000)
		abort();
	if ((s->ntalk & (s->ntalk - 1)) == 0) {
		struct talk **more = realloc(s->talk, (s->ntalk ? 2 * s->ntalk : 1) * sizeof(*more));

		if (!more)
			abort();
		s->talk = more;
	}
	s->talk[s->ntalk] = t;
	t->pub = (struct sim_talk){.conf = *conf, .number = s->ntalk++, .begun = sim_now(s)};
	t->fd = -1;
	t->settle_at = TIME_NEVER;
	t->key[UP] = luck_mix(s->set.seed * 2 + 1) ^ (uint64_t)t->pub.number << 40;
	t->key[DOWN] = luck_mix(s->set.seed * 2 + 2) ^ (uint64_t)t->pub.number << 40;
	t->disturbed = is_disturbed(s, conf);
	name_it(s, t);
	*s->last_talk = &t->pub;
	s->last_talk = &t->pub.next;
	t->next = s->live;
	s->live = t;
	s->res.talks++;
	s->res.v6 += conf->fam == FAMILY_V6;
	return &t->pub;
}

struct sim_talk *
sim_talk(struct sim *s, const struct sim_talk_conf *conf)
{
	struct talk *t = (struct talk *)(void *)sim_talk_begin(s, conf);

	if (conf->tls && !tls_talk(s, t))
		t->pub.conf.tls = SIM_CLEAR;
	if (conf->name)
		names_begin_talk(s, t);
	else if (!conf->published && !talk_may_reach(s, t))
		t->forbidden = t->disturbed = true;
	s->res.refused_by_policy += t->forbidden;
	sim_say(s, "begins %u: %s%s%s%s up %llu down %llu answer %d%s", t->pub.number,
		conf->fam == FAMILY_V4 ? "v4" : "v6", conf->published ? " published" : "",
		conf->to_self ? " loopback" : "",
		t->named                  ? " by name"
		: !t->sealed              ? ""
		: conf->tls == SIM_OPENED ? " TLS"
					  : " sealed TLS",
		(unsigned long long)conf->up, (unsigned long long)conf->down, conf->answer,
		t->forbidden ? " forbidden" : "");
	answer_for(s, t);
	gtcp_start(s, t);
	if (conf->published)
		client_comes(s, t);
	return &t->pub;
}

struct sim_talk *
sim_talks(struct sim *s)
{
	return s->talks;
}

/* --- ending ----------------------------------------------------------------------------------------------------- */

bool
talk_has_place(const struct talk *t)
{
	/* A half-open one may go in the very turn that its last ACK comes in. */
	return t->pub.opened && t->fd >= 0 && (!t->sealed || tls_is_shaken(t)) &&
	       (t->eye.ack > 1 || t->eye.max > 1);
}

void
talk_broke(struct sim *s, struct talk *t, const char *why)
{
	if (t->pub.broken || t->pub.complete)
		return;
	sim_say(s, "broken %u: %s", t->pub.number, why);
	if (!t->disturbed && talk_may_end(s, t)) {
		t->disturbed = true;
	}
	if (!t->disturbed && sim_has(s, SIM_CROWD) && !talk_has_place(t)) {
		s->res.crowded_out++;
		t->disturbed = true;
	}
	if (!t->disturbed)
		sim_complain(s, "conversation %u, which nobody disturbed, is broken: %s", t->pub.number, why);
	t->pub.broken = true;
	t->pub.ended = sim_now(s);
	if (s->set.lenient)
		s->res.early++;
	else
		s->res.broken++;
}

void
sim_talk_abort(struct sim *s, struct sim_talk *talk)
{
	struct talk *t = (struct talk *)(void *)talk;

	if (talk->over || talk->complete)
		return;
	t->disturbed = true;
	talk_broke(s, t, "given up by the guest");
	gtcp_reset(s, t);
	s->res.guest_resets++;
}

static bool
is_complete(const struct talk *t)
{
	const struct guest_tcp *g = &t->tcp;

	return g->state == GUEST_OPEN && g->shut && g->una == gtcp_end(g) && t->prog[UP].eof &&
	       t->prog[DOWN].shut && t->prog[DOWN].eof && t->pub.up == t->pub.conf.up &&
	       t->pub.down == t->pub.conf.down;
}

/* Nobody has anything left to do, and the gateway knows. */
void
talk_check_over(struct sim *s, struct talk *t)
{
	if (!t->pub.complete && !t->pub.broken && is_complete(t)) {
		sim_say(s, "whole  %u", t->pub.number);
		t->pub.complete = true;
		t->pub.ended = sim_now(s);
		if (t->script)
			script_judge(s, t);
		s->res.complete++;
		s->res.named_whole += t->named != NULL;
		s->res.tls_opened += t->sealed && t->pub.conf.tls == SIM_OPENED;
		s->res.tls_passed += t->sealed && t->pub.conf.tls == SIM_SEALED;
	}
	bool host_done = t->host == HOST_NONE || t->host == HOST_DEAD;
	const struct guest_tcp *g = &t->tcp;
	bool ended = g->shut && g->una == gtcp_end(g) && g->eof;
	bool guest_done = (t->pub.broken && ended) || t->tcp.state == GUEST_DEAD || t->pub.complete ||
			  (t->pub.broken && t->tcp.state == GUEST_NONE);
	if (host_done && guest_done && !t->under_way && !bed_tcp(s->bed, &t->pub.tuple))
		t->pub.over = true;
}

/* --- what is said ----------------------------------------------------------------------------------------------- */

/* No first byte is one that a text begins with: where the gateway reads requests it waits to see what a word may become. */
static uint8_t
no_text(uint8_t b)
{
	return b | 0x80;
}

/* Bytes of the head in front of a body. */
static size_t
head_of(const struct talk *t, enum way way, char head[TLS_HEAD])
{
	if (t->sealed)
		return tls_head(t, way, head);
	if (!t->named || way != UP)
		return 0;
	memcpy(head, t->named->head, TLS_HEAD);
	return t->named->nhead;
}

void
talk_fill(const struct talk *t, enum way way, uint8_t *to, uint64_t at, size_t n)
{
	char head[TLS_HEAD];
	size_t len = head_of(t, way, head);

	luck_fill(to, t->key[way], at, n);
	if (at == 0 && n > 0)
		to[0] = no_text(to[0]);
	for (size_t i = 0; i < n && at + i < len; i++)
		to[i] = (uint8_t)head[at + i];
}

bool
talk_is(const struct talk *t, enum way way, const uint8_t *p, uint64_t at, size_t n)
{
	uint8_t want[512];
	size_t first = n < sizeof(want) ? n : sizeof(want);

	talk_fill(t, way, want, at, first);
	return n == 0 ||
	       (memcmp(p, want, first) == 0 && luck_is(p + first, t->key[way], at + first, n - first));
}

/* --- the guest's program -------------------------------------------------------------------------------------------- */

/* How many of n it takes or gives now. */
uint64_t
prog_portion(uint64_t n, uint32_t size)
{
	return size && n > size ? size : n;
}

static bool
wants_reset(const struct sim_end *e, const struct program *p)
{
	return e->ends == SIM_RESETS && p->read + p->wrote >= e->reset_at;
}

void
prog_took(struct sim *s, struct program *p, const struct sim_end *e, uint64_t n)
{
	usec_t now = sim_now(s);

	p->read += n;
	p->read_at = now + e->read_gap;
	if (e->stall_for && !p->stalled && p->read >= e->stall_at) {
		p->stalled = true;
		p->read_at = now + e->stall_for;
	}
}

/* What it may write now; heard: all that the other will have said. */
uint64_t
prog_to_write(const struct program *p, const struct sim_end *e, uint64_t total, uint64_t heard)
{
	uint64_t until = e->echoes && p->read < heard && p->read < total ? p->read : total;

	return until > p->wrote ? prog_portion(until - p->wrote, e->write_size) : 0;
}

static void
guest_resets(struct sim *s, struct talk *t)
{
	s->res.guest_resets++;
	talk_broke(s, t, "reset by the guest");
	gtcp_reset(s, t);
}

void
talk_guest_program(struct sim *s, struct talk *t)
{
	const struct sim_end *e = &t->pub.conf.guest;
	struct program *p = &t->prog[UP];
	struct guest_tcp *g = &t->tcp;
	usec_t now = sim_now(s);

	if (g->state != GUEST_OPEN)
		return;
	if (t->sealed) {
		tls_act(s, t, UP, false);
		if (wants_reset(e, p))
			guest_resets(s, t);
		return;
	}
	uint64_t waits = g->rcv - 1 - (g->eof ? 1 : 0) - g->read, n;
	while (waits > 0 && p->read_at <= now) {
		n = prog_portion(waits, e->read_size);
		g->read += n;
		waits -= n;
		t->pub.down += n;
		t->pub.moved = now;
		s->res.bytes_down += n;
		prog_took(s, p, e, n);
	}
	if (waits == 0 && g->eof)
		p->eof = true;
	while (p->write_at <= now && (n = prog_to_write(p, e, t->pub.conf.up, t->pub.conf.down)) > 0) {
		p->wrote += n;
		g->written += n;
		p->write_at = now + e->write_gap;
	}
	if (wants_reset(e, p)) {
		guest_resets(s, t);
		return;
	}
	bool all = p->wrote == t->pub.conf.up && e->ends != SIM_RESETS;
	if (all && !g->shut && (e->ends == SIM_ENDS_FIRST || p->eof)) {
		g->shut = p->shut = true;
		s->res.half_closed += !p->eof;
	}
}

/* --- the host's ---------------------------------------------------------------------------------------------------------- */

/* The gateway closed its socket: so much of its life remains as is in it. */
static void
host_closed(struct sim *s, struct talk *t)
{
	struct program *p = &t->prog[DOWN];
	bool whole = p->eof && (p->shut || (t->sealed && tls_may_end(s, t)));

	p->shut |= whole;
	if (t->host == HOST_DIALLED) {
		/* The guest may ask again: another socket. */
		t->host = HOST_NONE;
		t->fd = -1;
		return;
	}
	t->host = HOST_DEAD;
	if (!whole)
		talk_broke(s, t, "the gateway closed the host's socket");
	/* The guest may not know, and never will if nothing comes from it. */
}

/* A new socket of the host's that is, or will be, connected to this one's server. */
void
talk_found(struct sim *s, int fd, const struct endpoint *peer)
{
	struct talk *t = talk_at_port(s, peer->port);
	const struct sim_talk_conf *c;

	if (!t)
		return;
	c = &t->pub.conf;
	t->dials++;
	if (!c->published && !s->keep_flows && !talk_may_reach(s, t))
		sim_complain(s, "a connection to port %u, which the policy forbids, reached the host",
			     peer->port);
	/* The guest's SYN came again after the gateway had let go of the first connection, maybe in the same turn. */
	if ((t->host == HOST_OPEN || t->host == HOST_DIALLED) && t->tcp.state == GUEST_SYN_SENT &&
	    vhost_closed(s->bed->vhost, t->fd))
		host_closed(s, t);
	if (t->host == HOST_DEAD && t->tcp.state == GUEST_SYN_SENT) {
		t->host = HOST_NONE;
		t->prog[DOWN] = (struct program){.wrote = 0};
		if (t->sealed)
			tls_again(t);
	}
	if (vhost_closed(s->bed->vhost, fd) && t->host == HOST_NONE && c->published)
		talk_broke(s, t, "the client was sent away");
	if (vhost_closed(s->bed->vhost, fd))
		return;
	if (t->host != HOST_NONE) {
		/* A SYN that was late begins what nobody waits for any more: its dial is given up. */
		bool over = t->host == HOST_DEAD || vhost_closed(s->bed->vhost, t->fd);

		if (over && (c->answer == VHOST_ACCEPT_LATER || c->answer == VHOST_SILENT))
			vhost_settle(s->bed->vhost, fd, ETIMEDOUT);
		return;
	}
	sim_say(s, "host   %u: socket %d", t->pub.number, fd);
	t->fd = fd;
	if (c->host.buffer)
		vhost_buffers(s->bed->vhost, fd, c->host.buffer, c->host.buffer);
	t->host = HOST_OPEN;
	if (c->published || c->answer == VHOST_ACCEPT)
		return;
	t->host = HOST_DIALLED;
	if (c->answer == VHOST_ACCEPT_LATER || c->answer_error)
		t->settle_at = sim_now(s) + c->answer_after;
}

static bool
host_reads(struct sim *s, struct talk *t, bool closed)
{
	const struct sim_end *e = &t->pub.conf.host;
	struct program *p = &t->prog[DOWN];
	struct vhost *v = s->bed->vhost;
	usec_t now = sim_now(s);
	bool did = false;

	while (p->read_at <= now || closed) {
		size_t n =
		    vhost_recv(v, t->fd, s->big,
			       e->read_size && e->read_size < sizeof(s->big) ? e->read_size : sizeof(s->big));

		if (n == 0)
			break;
		if (!talk_is(t, UP, s->big, p->read, n))
			sim_complain(s,
				     "conversation %u: the host got other bytes than the guest sent, from "
				     "byte %llu on",
				     t->pub.number, (unsigned long long)p->read);
		if (!runs_have(&t->eye.came, 1, 1 + p->read + n))
			sim_complain(s,
				     "conversation %u: the host got bytes that have not come to the gateway",
				     t->pub.number);
		world_digest(s, &n, sizeof(n));
		t->pub.up += n;
		t->pub.moved = now;
		s->res.bytes_up += n;
		prog_took(s, p, e, n);
		did = true;
	}
	if (!p->eof && vhost_got_eof(v, t->fd) && vhost_recv_len(v, t->fd) == 0 &&
	    vhost_closed(v, t->fd) != 2) {
		p->eof = did = true;
		if (!t->eye.fin_came || p->read != t->eye.fin_at - 1)
			sim_complain(
			    s,
			    "conversation %u: the host was told of an end that the guest did not make there",
			    t->pub.number);
	}
	return did;
}

static bool
host_writes(struct sim *s, struct talk *t)
{
	const struct sim_end *e = &t->pub.conf.host;
	struct program *p = &t->prog[DOWN];
	struct vhost *v = s->bed->vhost;
	usec_t now = sim_now(s);
	uint64_t n;
	bool did = false;

	while (p->write_at <= now && (n = prog_to_write(p, e, t->pub.conf.down, t->pub.conf.up)) > 0) {
		size_t len = n < 16384 ? (size_t)n : 16384;

		talk_fill(t, DOWN, s->big, p->wrote, len);
		size_t put = vhost_send(v, t->fd, s->big, len);
		if (put == 0)
			break;
		p->wrote += put;
		p->write_at = now + e->write_gap;
		did = true;
		if (put < len)
			break;
	}
	bool all = p->wrote == t->pub.conf.down && e->ends != SIM_RESETS;
	if (all && !p->shut && (e->ends == SIM_ENDS_FIRST || p->eof)) {
		vhost_send_eof(v, t->fd);
		p->shut = did = true;
		s->res.half_closed += !p->eof;
	}
	return did;
}

static bool
settle(struct sim *s, struct talk *t)
{
	int error = t->pub.conf.answer_error;

	if (t->settle_at > sim_now(s))
		return false;
	t->settle_at = TIME_NEVER;
	sim_say(s, "host   %u: answers, error %d", t->pub.number, error);
	vhost_settle(s->bed->vhost, t->fd, error);
	t->host = error ? HOST_NONE : HOST_OPEN;
	return true;
}

bool
talk_host_act(struct sim *s, struct talk *t)
{
	struct vhost *v = s->bed->vhost;
	bool did = false;

	if (t->host != HOST_DIALLED && t->host != HOST_OPEN)
		return false;
	if (vhost_closed(v, t->fd)) {
		if (t->host == HOST_OPEN && t->sealed)
			tls_act(s, t, DOWN, true);
		else if (t->host == HOST_OPEN)
			host_reads(s, t, true);
		host_closed(s, t);
		return true;
	}
	if (t->host == HOST_DIALLED)
		return settle(s, t);
	did |= t->sealed ? tls_act(s, t, DOWN, false) : host_reads(s, t, false);
	if (t->host == HOST_DEAD)
		return true;
	if (wants_reset(&t->pub.conf.host, &t->prog[DOWN])) {
		s->res.host_resets++;
		vhost_reset(v, t->fd);
		t->host = HOST_DEAD;
		talk_broke(s, t, "reset by the host");
		return true;
	}
	return (!t->sealed && host_writes(s, t)) | did;
}

/* --- time --------------------------------------------------------------------------------------------------------------------- */

usec_t
talk_next(const struct sim *s, const struct talk *t)
{
	const struct sim_talk_conf *c = &t->pub.conf;
	usec_t at = gtcp_next(s, t), now = sim_now(s);
	const struct guest_tcp *g = &t->tcp;

	if (g->state == GUEST_OPEN) {
		const struct program *p = &t->prog[UP];

		if (p->read_at > now && (t->sealed ? !p->eof : g->rcv - 1 - (g->eof ? 1 : 0) > g->read))
			at = time_min(at, p->read_at);
		if (p->write_at > now && prog_to_write(p, &c->guest, c->up, c->down))
			at = time_min(at, p->write_at);
	}
	if (t->host == HOST_DIALLED)
		at = time_min(at, t->settle_at);
	if (t->host == HOST_OPEN) {
		const struct program *p = &t->prog[DOWN];

		if (p->read_at > now && (vhost_recv_len(s->bed->vhost, t->fd) || !p->eof))
			at = time_min(at, p->read_at);
		if (p->write_at > now && prog_to_write(p, &c->host, c->down, c->up))
			at = time_min(at, p->write_at);
	}
	return at;
}
