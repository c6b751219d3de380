/*
 * exhaustion_guest.c - the guest beside the flood: its old connection, its new ones, its questions (see exhaustion.h)
 *
 * One thing at a time each, sent again when it goes unanswered.  What the gateway says is checked: bytes are those that were
 * asked for, in order.
 */
#include <stdio.h>

#include "test/sim/exhaustion.h"

#define TALK_PORT 999u
#define NAME_PORT 61000u
#define QUESTION 64u /* bytes */
#define RTO (200 * USEC_PER_MSEC)
#define SYN_RTO USEC_PER_SEC
#define PATIENCE USEC_PER_SEC /* with an answer about a name */
#define FRESH_FIRST 20000u
#define FRESH_PORTS 40000u

void
siege_took(struct siege_times *t, usec_t time, uint64_t turns)
{
	t->n++;
	t->sum += time;
	if (time > t->worst)
		t->worst = time;
	if (turns > t->worst_turns)
		t->worst_turns = turns;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

void
siege_segment(struct siege *s, const struct tuple *t, const struct tcp_hdr *h, const void *data, size_t len)
{
	uint8_t buf[FRAME_MAX];
	struct craft c = bed_craft(s->bed, &t->remote.addr);
	struct craft_tcp seg = {.hdr = *h, .data = view_of(data, len)};

	c.src = t->guest.addr;
	seg.hdr.sport = t->guest.port;
	seg.hdr.dport = t->remote.port;
	bed_push(s->bed, buf, craft_tcp(buf, &c, &seg));
}

void
siege_datagram(struct siege *s, uint16_t sport, const struct endpoint *to, const void *data, size_t len)
{
	uint8_t buf[FRAME_MAX];
	struct craft c = bed_craft(s->bed, &to->addr);

	bed_push(s->bed, buf, craft_udp(buf, &c, sport, to->port, view_of(data, len)));
}

size_t
siege_question(uint8_t *to, size_t size, uint16_t id, const char *name)
{
	struct wr w = wr_of(to, size);

	wr_bytes(&w, (const uint8_t[]){(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 12);
	while (*name) {
		size_t n = strcspn(name, ".");

		wr_u8(&w, (uint8_t)n);
		wr_bytes(&w, name, n);
		name += n + (name[n] == '.');
	}
	wr_bytes(&w, (const uint8_t[]){0, 0, 1, 0, 1}, 5); /* type A, class IN */
	return (size_t)(w.p - to);
}

void
siege_ask(struct siege *s, uint16_t sport, uint16_t id, const char *name)
{
	struct endpoint dns = {s->bed->gw->stack.cfg.net[FAMILY_V4].dns, 53};
	uint8_t q[512];

	siege_datagram(s, sport, &dns, q, siege_question(q, sizeof(q), id, name));
}

static bool
is_of(const struct bed_frame *f, const struct tuple *t)
{
	return f->is.kind == STRICT_TCP && f->is.tcp.dport == t->guest.port &&
	       f->is.tcp.sport == t->remote.port && addr_eq(&f->is.ip.src, &t->remote.addr);
}

/* --- the old connection ------------------------------------------------------------------------------------------- */

static void
talk_sends(struct siege *s, uint8_t flags, size_t len)
{
	struct siege_talk *k = &s->talk;
	uint8_t data[QUESTION];

	memset(data, (int)(k->asked & 0xff), sizeof(data));
	siege_segment(s, &k->t,
		      &(struct tcp_hdr){.seq = k->seq,
					.ack = k->ack,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      data, len);
}

bool
siege_talk_hears(struct siege *s, const struct bed_frame *f)
{
	struct siege_talk *k = &s->talk;

	if (!is_of(f, &k->t))
		return false;
	if (f->is.tcp.flags & TCP_RST) {
		siege_complain(s, "the old connection was reset");
	} else if (f->is.tcp.flags & TCP_SYN) {
		k->seq++;
		k->ack = f->is.tcp.seq + 1;
		k->open = true;
		talk_sends(s, TCP_ACK, 0);
	} else if (f->is.payload.len > 0) {
		if (f->is.tcp.seq == k->ack) {
			k->ack += (uint32_t)f->is.payload.len;
			k->got += (uint32_t)f->is.payload.len;
			for (size_t i = 0; i < f->is.payload.len; i++)
				if (f->is.payload.p[i] != (uint8_t)k->asked)
					siege_complain(
					    s, "the old connection has other bytes than it asked for");
		}
		if (k->waiting && k->got == QUESTION) {
			siege_took(&k->took, siege_now(s) - k->at, s->turns - k->turn);
			k->seq += QUESTION;
			k->waiting = false;
			k->at = siege_now(s) + k->pause;
			k->asked++;
		} else if (k->got > QUESTION) {
			siege_complain(s, "the old connection has more bytes than it asked for");
		}
		talk_sends(s, TCP_ACK, 0);
	} else if (f->is.tcp.seq == k->ack - 1) {
		talk_sends(s, TCP_ACK, 0); /* a keep-alive */
	}
	return true;
}

void
siege_talk_run(struct siege *s)
{
	struct siege_talk *k = &s->talk;

	if (k->open && !k->waiting && !k->mute && siege_now(s) >= k->at) {
		k->at = siege_now(s);
		k->again = k->at + RTO;
		k->turn = s->turns;
		k->got = 0;
		k->waiting = true;
		talk_sends(s, TCP_ACK | TCP_PSH, QUESTION);
	} else if (k->waiting && siege_now(s) >= k->again) {
		k->again += RTO;
		k->lost++;
		talk_sends(s, TCP_ACK | TCP_PSH, QUESTION);
	}
}

usec_t
siege_talk_next(const struct siege *s)
{
	const struct siege_talk *k = &s->talk;

	if (!k->open)
		return TIME_NEVER;
	return k->waiting ? k->again : k->mute ? TIME_NEVER : k->at;
}

/* --- new connections ---------------------------------------------------------------------------------------------- */

static void
fresh_sends(struct siege *s, uint8_t flags, size_t len)
{
	struct siege_fresh *k = &s->fresh;

	siege_segment(s, &k->t,
		      &(struct tcp_hdr){.seq = k->seq,
					.ack = flags & TCP_ACK ? k->ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      "\1 new connection", len); /* nothing that could become a request */
}

static void
fresh_over(struct siege *s)
{
	s->fresh.state = FRESH_NONE;
	/* Later: what it held goes to whoever is quick. */
	s->fresh.at = siege_now(s) + s->fresh.every;
}

static void
fresh_hears_data(struct siege *s, const struct bed_frame *f)
{
	struct siege_fresh *k = &s->fresh;
	uint32_t len = (uint32_t)f->is.payload.len;

	if (len > 0 && k->state == FRESH_ASKED && f->is.tcp.seq == k->ack) {
		siege_took(&k->answered, siege_now(s) - k->at, s->turns - k->turn);
		k->seq += 16;
		k->ack += len;
		k->state = FRESH_ENDING;
		k->again = siege_now(s) + RTO;
		fresh_sends(s, TCP_ACK | TCP_FIN, 0);
	} else if (f->is.tcp.flags & TCP_FIN && k->state == FRESH_ENDING && f->is.tcp.seq == k->ack) {
		k->seq++;
		k->ack++;
		fresh_sends(s, TCP_ACK, 0);
		fresh_over(s);
	}
}

static bool
name_hears(struct siege *s, const struct bed_frame *f)
{
	struct siege_fresh *k = &s->fresh;

	if (!k->names || f->is.kind != STRICT_UDP || f->is.udp.sport != 53 || f->is.udp.dport < NAME_PORT)
		return false;
	if (!k->asking || f->is.udp.dport != NAME_PORT + k->id % 1000 || f->is.payload.len < 12)
		return true;
	k->asking = false;
	k->ask_at = siege_now(s) + k->every;
	if ((f->is.payload.p[3] & 15) == 0)
		siege_took(&k->named, siege_now(s) - k->asked, 0);
	else
		k->servfail++;
	return true;
}

bool
siege_fresh_hears(struct siege *s, const struct bed_frame *f)
{
	struct siege_fresh *k = &s->fresh;

	if (name_hears(s, f))
		return true;
	if (k->state == FRESH_NONE || !is_of(f, &k->t))
		return false;
	if (f->is.tcp.flags & TCP_RST) {
		k->failed++;
		fresh_over(s);
	} else if (f->is.tcp.flags & TCP_SYN) {
		if (k->state != FRESH_SYN)
			return true;
		siege_took(&k->opened, siege_now(s) - k->at, s->turns - k->turn);
		k->seq++;
		k->ack = f->is.tcp.seq + 1;
		k->state = FRESH_ASKED;
		k->again = siege_now(s) + RTO;
		fresh_sends(s, TCP_ACK | TCP_PSH, 16);
	} else {
		fresh_hears_data(s, f);
	}
	return true;
}

static void
fresh_begins(struct siege *s)
{
	struct siege_fresh *k = &s->fresh;

	k->t.guest.port = (uint16_t)(FRESH_FIRST + (k->t.guest.port - FRESH_FIRST + 1) % FRESH_PORTS);
	k->seq = 77777u * k->t.guest.port;
	k->at = siege_now(s);
	k->turn = s->turns;
	k->again = k->at + SYN_RTO;
	k->state = FRESH_SYN;
	fresh_sends(s, TCP_SYN, 0);
}

static void
fresh_insists(struct siege *s)
{
	struct siege_fresh *k = &s->fresh;

	k->again += k->state == FRESH_SYN ? SYN_RTO : RTO;
	if (k->state == FRESH_SYN) {
		k->lost++;
		fresh_sends(s, TCP_SYN, 0);
	} else if (k->state == FRESH_ASKED) {
		fresh_sends(s, TCP_ACK | TCP_PSH, 16);
	} else {
		fresh_sends(s, TCP_ACK | TCP_FIN, 0);
	}
}

static void
names_run(struct siege *s)
{
	struct siege_fresh *k = &s->fresh;
	char name[32];

	if (k->asking && siege_now(s) >= k->asked + PATIENCE) {
		k->asking = false;
		k->unanswered++;
		k->ask_at = siege_now(s);
	}
	if (!k->names || k->asking || k->mute || siege_now(s) < k->ask_at)
		return;
	k->id++;
	k->asking = true;
	k->asked = siege_now(s);
	snprintf(name, sizeof(name), "fresh%u.example", k->id);
	siege_ask(s, (uint16_t)(NAME_PORT + k->id % 1000), k->id, name);
}

void
siege_fresh_run(struct siege *s)
{
	struct siege_fresh *k = &s->fresh;

	names_run(s);
	if (k->state == FRESH_NONE && !k->mute && siege_now(s) >= k->at)
		fresh_begins(s);
	else if (k->state != FRESH_NONE && siege_now(s) >= k->again)
		fresh_insists(s);
}

usec_t
siege_fresh_next(const struct siege *s)
{
	const struct siege_fresh *k = &s->fresh;
	usec_t t = TIME_NEVER;

	if (k->state != FRESH_NONE)
		t = k->again;
	else if (!k->mute)
		t = k->at;
	if (k->names && (k->asking || !k->mute))
		t = time_min(t, k->asking ? k->asked + PATIENCE : k->ask_at);
	return t;
}

void
siege_hush(struct siege *s)
{
	s->talk.mute = s->fresh.mute = true;
}

void
siege_guest_begin(struct siege *s)
{
	struct siege_talk *k = &s->talk;

	k->t = (struct tuple){{s->bed->guest[FAMILY_V4], TALK_PORT}, {addr_v4(0xc63364c8), 7}, IP_PROTO_TCP};
	k->pause = USEC_PER_MSEC;
	s->fresh.t =
	    (struct tuple){{s->bed->guest[FAMILY_V4], FRESH_FIRST}, {addr_v4(0xc63364c9), 7}, IP_PROTO_TCP};
	s->fresh.every = 10 * USEC_PER_MSEC;
	s->fresh.mute = true;
	/* Whatever becomes of other hosts, these two are there. */
	vhost_answer(s->bed->vhost, HOST_TCP, &(struct endpoint){.addr = k->t.remote.addr},
		     VHOST_ACCEPT_LATER);
	vhost_answer(s->bed->vhost, HOST_TCP, &(struct endpoint){.addr = s->fresh.t.remote.addr},
		     VHOST_ACCEPT_LATER);
	talk_sends(s, TCP_SYN, 0);
	siege_until(s, siege_now(s) + 10 * s->conf.rtt + USEC_PER_MSEC);
	if (!k->open)
		siege_complain(s, "the old connection did not open");
}
