/*
 * guest.c - the guest but for its TCP: what a frame is for, neighbours, datagrams, echoes, names
 */
#include <stdio.h>
#include <stdlib.h>

#include "stack/arp_wire.h"
#include "stack/eth_wire.h"
#include "stack/ndp_wire.h"
#include "test/bed/naive_dns.h"
#include "test/sim/inside.h"

#define ASK_PORT 20000u
#define ASK_AGAIN (5 * USEC_PER_SEC)
#define ASK_TRIES 40u
#define DGRAM_MAGIC 0x64677261u

/* --- datagrams ---------------------------------------------------------------------------------------------------------- */

uint64_t
dgram_key(const struct sim *s, uint32_t id, enum way way)
{
	return luck_mix(s->set.seed * 8 + 4 + way) ^ (uint64_t)id << 32;
}

struct dgram *
dgram_of(struct sim *s, const uint8_t *p, size_t len, enum way way)
{
	struct rd r = rd_of(view_of(p, len));
	uint32_t magic = rd_u32(&r), id = rd_u32(&r);
	struct dgram *d = s->dgrams;

	if (r.bad || magic != DGRAM_MAGIC)
		return NULL;
	while (d && d->id != id)
		d = d->next;
	return d && d->len == len && luck_is(r.p, dgram_key(s, id, way), 0, rd_left(&r)) ? d : NULL;
}

void
sim_datagram(struct sim *s, enum family fam, uint16_t from_port, uint16_t to_port, size_t len)
{
	struct dgram *d = calloc(1, sizeof(*d));
	struct addr to = bed_elsewhere(fam);
	struct craft c = bed_craft(s->bed, &to);
	struct wr w = wr_of(s->big, sizeof(s->big));

	if (!d)
		abort();
	len = len < DGRAM_HEAD ? DGRAM_HEAD : len;
	*d = (struct dgram){.next = s->dgrams,
			    .id = s->ndgram++,
			    .fam = fam,
			    .from = from_port,
			    .to = to_port,
			    .len = (uint16_t)len};
	s->dgrams = d;
	wr_u32(&w, DGRAM_MAGIC);
	wr_u32(&w, d->id);
	luck_fill(w.p, dgram_key(s, d->id, UP), 0, len - DGRAM_HEAD);
	size_t n = craft_udp(s->buf, &c, from_port, to_port, view_of(s->big, len));
	sim_say(s, "guest  datagram %u to %u, %zu bytes", d->id, to_port, len);
	cut_send(s, n, d, NULL, &d->cut);
}

/* The gateway's socket at a published port. */
static int
outside_fd(const struct sim *s, enum family fam)
{
	struct endpoint at;

	for (const struct host_fd *h = s->fds; h; h = h->next)
		if (h->kind == HOST_UDP && vhost_local(s->bed->vhost, h->fd, &at) && at.port == OUTSIDE_UDP &&
		    addr_family(&at.addr) == fam)
			return h->fd;
	return -1;
}

void
sim_datagram_in(struct sim *s, enum family fam, unsigned client, size_t len)
{
	struct dgram *d = calloc(1, sizeof(*d));
	struct wr w = wr_of(s->big, sizeof(s->big));

	if (!d)
		abort();
	host_find(s);
	int fd = outside_fd(s, fam);
	if (fd < 0) {
		sim_complain(s, "nobody has the published port of UDP");
		free(d);
		return;
	}
	len = len < DGRAM_HEAD ? DGRAM_HEAD : len;
	*d = (struct dgram){.next = s->dgrams,
			    .id = s->ndgram++,
			    .fam = fam,
			    .from = INNER_UDP,
			    .to = (uint16_t)(UDP_CLIENT + client),
			    .len = (uint16_t)len,
			    .inward = true};
	s->dgrams = d;
	wr_u32(&w, DGRAM_MAGIC);
	wr_u32(&w, d->id);
	luck_fill(w.p, dgram_key(s, d->id, DOWN), 0, len - DGRAM_HEAD);
	/* Two clients may have one port. */
	d->client = (struct endpoint){
	    fam == FAMILY_V4 ? addr_v4(0x7f000001 + (d->id & 2)) : (struct addr){{[15] = 1}}, d->to};
	d->echoed = vhost_send_dgram(s->bed->vhost, fd, &d->client, s->big, len);
	sim_say(s, "client datagram %u, %zu bytes", d->id, len);
}

/* What a client asked is answered to where it came from. */
static void
answer_dgram(struct sim *s, struct dgram *d, const struct strict *f)
{
	struct craft c = bed_craft(s->bed, &f->ip.src);
	struct wr w = wr_of(s->big, sizeof(s->big));

	s->res.outside++;
	if (d->id & 1 || d->down > 1)
		return;
	wr_u32(&w, DGRAM_MAGIC);
	wr_u32(&w, d->id);
	luck_fill(w.p, dgram_key(s, d->id, UP), 0, d->len - DGRAM_HEAD);
	cut_send(s, craft_udp(s->buf, &c, d->from, f->udp.sport, view_of(s->big, d->len)), d, NULL, &d->cut);
}

static void
hear_dgram(struct sim *s, const struct strict *f, struct view v)
{
	struct dgram *d = dgram_of(s, v.p, v.len, DOWN);

	/* A client whose own port is taken by a flow of the guest's is shown with another. */
	if (!d || !d->echoed || f->udp.dport != d->from || (f->udp.sport != d->to && !d->inward)) {
		sim_complain(s, "the guest got a datagram that the host has not sent");
		return;
	}
	d->down++;
	s->res.dgrams_down++;
	if (d->inward)
		answer_dgram(s, d, f);
}

/* A long frame is several, each but the last of one size. */
static void
hear_dgrams(struct sim *s, const struct bed_frame *f)
{
	size_t len = f->is.payload.len, piece = f->off.gso_size ? f->off.gso_size : len;

	s->res.gso += f->off.gso_size > 0;
	for (size_t at = 0; at < len; at += piece)
		hear_dgram(s, &f->is, view_of(f->is.payload.p + at, len - at < piece ? len - at : piece));
}

/* --- echoes ------------------------------------------------------------------------------------------------------------------ */

struct ping *
ping_of(struct sim *s, uint16_t seq, const uint8_t *body, size_t len)
{
	struct ping *p = s->pings;

	while (p && p->seq != seq)
		p = p->next;
	return p && p->len == len && luck_is(body, dgram_key(s, p->seq, UP) + 1, 0, len) ? p : NULL;
}

void
sim_ping(struct sim *s, enum family fam, size_t len)
{
	struct ping *p = calloc(1, sizeof(*p));
	struct addr to = bed_elsewhere(fam);
	struct craft c = bed_craft(s->bed, &to);

	if (!p)
		abort();
	*p = (struct ping){.next = s->pings, .fam = fam, .seq = s->nping++, .len = (uint16_t)len};
	p->id = (uint16_t)(77 + p->seq % 3);
	s->pings = p;
	luck_fill(s->big, dgram_key(s, p->seq, UP) + 1, 0, len);
	struct icmp h = {.type = fam == FAMILY_V4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			 .rest = (uint32_t)p->id << 16 | p->seq};
	sim_say(s, "guest  echo request %u, %zu bytes", p->seq, len);
	cut_send(s, craft_icmp(s->buf, &c, &h, view_of(s->big, len)), NULL, p, &p->cut);
}

static void
hear_pong(struct sim *s, const struct strict *f)
{
	struct ping *p = ping_of(s, (uint16_t)f->icmp.rest, f->payload.p, f->payload.len);

	if (!p || !p->up || f->icmp.rest >> 16 != p->id) {
		sim_complain(s, "the guest got an echo reply that the host has not sent");
		return;
	}
	p->down++;
	s->res.pongs++;
}

/* --- names ------------------------------------------------------------------------------------------------------------------------ */

size_t
question_write(uint8_t to[QUESTION_MAX], unsigned name, enum family fam, uint16_t id)
{
	static const uint8_t head[12] = {[2] = 1, [5] = 1};
	int n = snprintf((char *)to + 13, 16, "n%u", name);

	memcpy(to, head, sizeof(head));
	to[0] = (uint8_t)(id >> 8);
	to[1] = (uint8_t)id;
	to[12] = (uint8_t)n;
	uint8_t *at = to + 13 + n;
	memcpy(at, "\3sim\7example", 13); /* and its end */
	at[13] = 0;
	at[14] = fam == FAMILY_V4 ? 1 : 28;
	at[15] = 0;
	at[16] = 1;
	return (size_t)(at + 17 - to);
}

void
answer_judge(struct sim *s, unsigned name, enum family fam, uint16_t id, struct view v)
{
	struct naive_dns *m = malloc(sizeof(*m));
	const struct naive_record *r;
	struct addr want = names_addr(name, fam);
	size_t skip = fam == FAMILY_V4 ? 12 : 0;
	uint8_t query[QUESTION_MAX];

	if (!m)
		abort();
	question_write(query, name, fam, id);
	if (!naive_dns_read(v.p, v.len, m) || m->id != id || !(m->flags & 0x8000) ||
	    memcmp(v.p + 12, query + 12, query[12] + 1u) != 0) {
		sim_complain(s, "what answers the question for n%u is no answer to it", name);
	} else {
		unsigned rcode = m->flags & 15;
		bool refused = name >= NAMED_FIRST ? !names_may_ask(&s->policy, name) : s->policy.none,
		     known = names_way(name) != NAMES_UNKNOWN,
		     failed = rcode == 2 && (s->set.lenient || s->stalled_names);

		r = naive_dns_find(m, 1, fam == FAMILY_V4 ? 1 : 28);
		if (rcode == 0 && (!r || memcmp(v.p + r->at, want.b + skip, 16 - skip) != 0))
			sim_complain(s, "n%u leads to another address than its nameserver said", name);
		if (!s->was_reloaded && !failed && rcode != (refused || !known ? 3u : 0u))
			sim_complain(s, "the answer for n%u is %u", name, rcode);
		if (rcode == 0 && (!known || (refused && !s->was_reloaded)))
			sim_complain(s, "n%u has an address, and should have none", name);
	}
	free(m);
}

static void
ask(struct sim *s, struct question *q)
{
	struct craft c = bed_craft(s->bed, &s->dns[q->fam]);
	uint8_t msg[QUESTION_MAX];
	size_t len = question_write(msg, q->name, q->fam, q->id);

	q->tries++;
	q->again_at = sim_now(s) + ASK_AGAIN;
	sim_say(s, "guest  asks for n%u, try %u", q->name, q->tries);
	wire_up(s, wire_new(s->buf, craft_udp(s->buf, &c, q->port, 53, view_of(msg, len)), NULL));
}

void
sim_ask(struct sim *s, enum family fam, unsigned n, bool tcp)
{
	s->res.asked++;
	if (tcp) {
		s->res.asked_tcp++;
		script_ask(s, fam, n);
		return;
	}
	struct question *q = calloc(1, sizeof(*q));
	if (!q)
		abort();
	*q = (struct question){
	    .next = s->questions, .fam = fam, .name = n, .id = (uint16_t)luck_next(&s->guest_luck)};
	q->port = (uint16_t)(ASK_PORT + s->nquestion++ % 20000);
	s->questions = q;
	ask(s, q);
}

void
guest_ask_and_talk(struct sim *s, const struct sim_talk_conf *c)
{
	struct sim_talk_conf *then = malloc(sizeof(*then));

	if (!then)
		abort();
	*then = *c;
	sim_ask(s, c->fam, c->name, false);
	s->questions->then = then;
}

static void
hear_answer(struct sim *s, const struct strict *f)
{
	for (struct question *q = s->questions; q; q = q->next) {
		if (q->port != f->udp.dport)
			continue;
		answer_judge(s, q->name, q->fam, q->id, f->payload);
		s->res.answered += !q->answered;
		q->answered = true;
		q->again_at = TIME_NEVER;
		if (q->then && f->payload.len > 3)
			names_answered(s, q, f->payload.p[3] & 15);
		return;
	}
	sim_complain(s, "an answer to nobody's question");
}

/* --- neighbours ------------------------------------------------------------------------------------------------------------------ */

void
guest_greet(struct sim *s)
{
	struct wr w = wr_of(s->buf, sizeof(s->buf));
	static const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	eth_emit(&w, &(struct eth){.dst = everybody, .src = s->bed->wire.guest, .type = ETHERTYPE_ARP});
	arp_emit(&w, &(struct arp){.op = ARP_REQUEST,
				   .sender_mac = s->bed->wire.guest,
				   .sender_ip = s->bed->guest[FAMILY_V4],
				   .target_ip = s->bed->gateway[FAMILY_V4]});
	wire_up(s, wire_new(s->buf, (size_t)(w.p - s->buf), NULL));
}

static void
hear_arp(struct sim *s, const struct arp *a)
{
	struct wr w = wr_of(s->buf, sizeof(s->buf));

	if (a->op == ARP_REPLY) {
		s->neighbour |= mac_eq(a->sender_mac, s->bed->wire.gateway);
		return;
	}
	if (!addr_eq(&a->target_ip, &s->bed->guest[FAMILY_V4]))
		return;
	eth_emit(&w, &(struct eth){.dst = a->sender_mac, .src = s->bed->wire.guest, .type = ETHERTYPE_ARP});
	arp_emit(&w, &(struct arp){.op = ARP_REPLY,
				   .sender_mac = s->bed->wire.guest,
				   .sender_ip = a->target_ip,
				   .target_mac = a->sender_mac,
				   .target_ip = a->sender_ip});
	wire_up(s, wire_new(s->buf, (size_t)(w.p - s->buf), NULL));
}

/* Somebody looks for the guest: it is here. */
static void
hear_ndp(struct sim *s, const struct strict *f)
{
	struct craft c = bed_craft(s->bed, &f->ip.src);
	uint8_t body[24];
	struct wr w = wr_of(body, sizeof(body));

	if (f->icmp.type == ICMP6_RA && sim_has(s, SIM_LEASE))
		lease_hear_router(s, view_of(f->payload.p - 4, f->payload.len + 4));
	if (f->icmp.type != ICMP6_NS || f->payload.len < 16 ||
	    memcmp(f->payload.p, s->bed->guest[FAMILY_V6].b, 16) != 0)
		return;
	wr_bytes(&w, f->payload.p, 16);
	wr_u16(&w, 0x0201);
	wr_bytes(&w, s->bed->wire.guest.b, 6);
	c.ttl = 255;
	wire_up(s, wire_new(s->buf,
			    craft_icmp(s->buf, &c, &(struct icmp){.type = ICMP6_NA, .rest = 0x60000000},
				       view_of(body, sizeof(body))),
			    NULL));
}

/* --- all frames -------------------------------------------------------------------------------------------------------------------- */

/* An error about something the guest sent: it quotes that. */
static void
hear_error(struct sim *s, const struct strict *f)
{
	bool v4 = addr_is_v4(&f->ip.src);
	size_t at = v4 ? IP4_HLEN : IP6_HLEN;
	const uint8_t *p = f->payload.p;

	/* Where all pieces come, and have their places, none is waited for in vain. */
	if (f->icmp.type == (v4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED) && sim_is_plain(s) &&
	    !sim_has(s, SIM_CROWD))
		sim_complain(s, "the guest is told that pieces are missing, and all have come");

	if (f->payload.len < at + 8)
		return;
	uint8_t proto = p[v4 ? 9 : 6];
	uint16_t from = (uint16_t)(p[at] << 8 | p[at + 1]), to = (uint16_t)(p[at + 2] << 8 | p[at + 3]);
	struct talk *t = proto == IP_PROTO_TCP ? talk_from_port(s, from) : NULL;

	if (!t || t->pub.tuple.remote.port != to || t->tcp.state != GUEST_SYN_SENT)
		return;
	s->res.unreachable++;
	talk_broke(s, t, "unreachable");
	t->tcp.state = GUEST_DEAD;
}

void
guest_hear(struct sim *s, const struct bed_frame *frame, struct talk *t)
{
	const struct strict *f = &frame->is;

	switch (f->kind) {
	case STRICT_ARP:
		hear_arp(s, &f->arp);
		break;
	case STRICT_NDP:
		hear_ndp(s, f);
		break;
	case STRICT_TCP:
		if (t)
			gtcp_hear(s, t, f);
		else
			gtcp_stray(s, f);
		break;
	case STRICT_UDP:
		if (f->udp.sport == 67)
			lease_hear4(s, f->payload);
		else if (f->udp.sport == 547)
			lease_hear6(s, f->payload);
		else if (f->udp.sport == 53)
			hear_answer(s, f);
		else if (f->udp.sport >= UDP_PORT)
			hear_dgrams(s, frame);
		break;
	case STRICT_ICMP:
		if (f->icmp.type == ICMP4_ECHO_REPLY || f->icmp.type == ICMP6_ECHO_REPLY)
			hear_pong(s, f);
		else
			hear_error(s, f);
		break;
	case STRICT_FRAGMENT:
		cut_hear(s, f);
		break;
	}
}

void
guest_came(struct sim *s, const struct parcel *p)
{
	if (p->talk)
		look_came(s, p);
	if (p->dgram) {
		p->dgram->came = cut_came(p->cut, p->piece);
		p->dgram->allowed |=
		    p->dgram->inward || rules_decide(&s->policy, IP_PROTO_UDP, p->dgram->to) == PLAIN_ALLOW;
	}
	if (p->ping)
		p->ping->came = cut_came(p->cut, p->piece);
}

void
guest_act(struct sim *s)
{
	lease_act(s);
	for (struct question *q = s->questions; q; q = q->next) {
		if (q->again_at > sim_now(s))
			continue;
		if (q->tries < ASK_TRIES) {
			ask(s, q);
			continue;
		}
		q->again_at = TIME_NEVER;
		if (!s->set.lenient)
			sim_complain(s, "nobody answers the question for n%u", q->name);
	}
	for (struct talk *t = s->live; t; t = t->next) {
		talk_guest_program(s, t);
		gtcp_act(s, t);
	}
}

usec_t
guest_next(const struct sim *s)
{
	usec_t at = lease_next(s);

	for (const struct question *q = s->questions; q; q = q->next)
		at = time_min(at, q->again_at);
	for (const struct talk *t = s->live; t; t = t->next)
		at = time_min(at, talk_next(s, t));
	return at;
}

static void
free_list(void *first)
{
	struct any {
		struct any *next;
	};

	for (struct any *a = first, *next; a; a = next) {
		next = a->next;
		free(a);
	}
}

void
guest_free(struct sim *s)
{
	cut_free(s);
	free_list(s->dgrams);
	free_list(s->pings);
	for (struct question *q = s->questions; q; q = q->next)
		free(q->then);
	free_list(s->questions);
}
