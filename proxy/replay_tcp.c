/*
 * replay_tcp.c - sessions: one for each tuple, begun anew by each new initial sequence number
 */
#include "proxy/replay_tcp.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/replay_dns.h"
#include "stack/siphash.h"

/* Bytes of the far end that came before those they follow: views into the capture. */
struct piece {
	struct piece *next;
	uint32_t seq;
	struct view bytes;
};

struct replay_session {
	struct replay_session *next;
	struct tuple tuple;
	uint32_t guest_iss; /* of the SYN seen last */
	uint16_t guest_mss;
	bool far_known;   /* far_iss is */
	bool far_heard;   /* ... from the far end itself */
	bool ours_known;  /* our_iss is */
	uint32_t far_iss; /* captured */
	uint32_t far_max; /* one past the last number the far end was seen to use */
	uint32_t our_iss;
	uint32_t next_seq;    /* of the far end's stream: all before is in the socket */
	struct piece *pieces; /* sorted, all beyond next_seq */
	bool fin;
	uint32_t fin_at;
	struct replay_dns dns; /* the far end is a nameserver */
};

/* --- the table -------------------------------------------------------------------------------------------- */

static uint32_t
bucket_of(const struct tuple *t)
{
	static const uint8_t key[SIPHASH_KEY] = "capture";
	uint8_t id[36];

	memcpy(id, t->guest.addr.b, 16);
	memcpy(id + 16, t->remote.addr.b, 16);
	id[32] = (uint8_t)(t->guest.port >> 8);
	id[33] = (uint8_t)t->guest.port;
	id[34] = (uint8_t)(t->remote.port >> 8);
	id[35] = (uint8_t)t->remote.port;
	return (uint32_t)siphash(key, id, sizeof(id)) % REPLAY_BUCKETS;
}

static struct replay_session *
find(const struct replay_tcp *t, const struct tuple *tuple)
{
	struct replay_session *s = t->bucket[bucket_of(tuple)];

	while (s && !tuple_eq(&s->tuple, tuple))
		s = s->next;
	return s;
}

static struct replay_session *
find_or_new(struct replay_tcp *t, const struct tuple *tuple)
{
	struct replay_session *s = find(t, tuple), **at = &t->bucket[bucket_of(tuple)];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s) {
		t->failed = true;
		return NULL;
	}
	s->tuple = *tuple;
	s->next = *at;
	*at = s;
	return s;
}

static void
drop_pieces(struct replay_session *s)
{
	while (s->pieces) {
		struct piece *p = s->pieces;

		s->pieces = p->next;
		free(p);
	}
}

void
replay_tcp_free(struct replay_tcp *t)
{
	for (unsigned i = 0; i < REPLAY_BUCKETS; i++) {
		while (t->bucket[i]) {
			struct replay_session *s = t->bucket[i];

			t->bucket[i] = s->next;
			drop_pieces(s);
			replay_dns_free(&s->dns);
			free(s);
		}
	}
}

static struct tuple
tuple_from_guest(const struct replay_packet *p)
{
	return (struct tuple){{p->ip.src, p->tcp.sport}, {p->ip.dst, p->tcp.dport}, IP_PROTO_TCP};
}

static struct tuple
tuple_from_far(const struct replay_packet *p)
{
	return (struct tuple){{p->ip.dst, p->tcp.dport}, {p->ip.src, p->tcp.sport}, IP_PROTO_TCP};
}

static struct tcp_flow *
flow_of(const struct replay_tcp *t, const struct tuple *tuple)
{
	struct flow *f = flow_find(&t->gw->flows, tuple);

	return f && f->kind == FLOW_TCP ? (struct tcp_flow *)(void *)f : NULL;
}

/* --- the guest's segments ----------------------------------------------------------------------------------- */

/* Our number for what the guest acknowledges. */
static uint32_t
our_ack(const struct replay_session *s, const struct tcp_flow *tf, uint32_t ack)
{
	uint32_t ours = ack - s->far_iss + s->our_iss;
	bool was_sent = !s->far_heard || seq_le(ack, s->far_max);

	/* Bytes that the captured far end had sent, and ours not yet, cannot be acknowledged yet: another
	 * congestion window, or a capture without the far end's frames. */
	if (tf && was_sent && seq_lt(tf->tcp.snd_max, ours))
		return tf->tcp.snd_max;
	return ours;
}

static void
guest_syn(struct replay_session *s, const struct tcp_hdr *h)
{
	/* Ports used again.  Where the far end shows itself, its own SYN is what begins a session. */
	if (!s->far_heard && s->guest_iss != h->seq)
		s->far_known = s->ours_known = false;
	s->guest_iss = h->seq;
	s->guest_mss = h->mss;
}

void
replay_tcp_guest(struct replay_tcp *t, uint8_t *frame, const struct replay_packet *p, bool unfinished)
{
	struct tuple tuple = tuple_from_guest(p);
	const struct tcp_hdr *h = &p->tcp;
	struct replay_session *s = h->flags & TCP_SYN ? find_or_new(t, &tuple) : find(t, &tuple);
	struct tcp_flow *tf = flow_of(t, &tuple);

	if (!s)
		return;
	if (h->flags & TCP_SYN)
		guest_syn(s, h);
	if (!(h->flags & TCP_ACK))
		return;
	/* Nobody showed us the far end's SYN: the guest's answer to it says its number. */
	if (!s->far_known && !(h->flags & TCP_RST)) {
		s->far_iss = h->ack - 1;
		s->far_known = true;
	}
	if (tf && tf->tcp.state != TCP_LISTEN) {
		s->our_iss = tf->tcp.iss;
		s->ours_known = true;
	}
	if (s->far_known && s->ours_known)
		replay_shift(frame, p, our_ack(s, tf, h->ack), s->our_iss - s->far_iss, unfinished);
}

uint16_t
replay_tcp_mss(const struct replay_tcp *t, const struct replay_packet *p)
{
	struct tuple tuple = tuple_from_guest(p);
	const struct replay_session *s = find(t, &tuple);

	return s ? s->guest_mss : 0;
}

/* --- the far end's ---------------------------------------------------------------------------------------------- */

static void
begin(struct replay_session *s, uint32_t iss)
{
	drop_pieces(s);
	replay_dns_free(&s->dns);
	s->far_known = s->far_heard = true;
	s->ours_known = s->fin = false;
	s->far_iss = iss;
	s->far_max = s->next_seq = iss + 1;
}

/* The listener whose port leads to this port of the guest. */
static const struct listener *
listener_of(const struct sluice *gw, const struct endpoint *guest)
{
	for (size_t i = 0; i < gw->nlistener; i++) {
		const struct listener *l = &gw->listener[i];

		if (!l->udp && l->guest_port == guest->port &&
		    addr_family(&l->at.addr) == addr_family(&guest->addr))
			return l;
	}
	return NULL;
}

static void
settle(struct replay_tcp *t, struct tcp_flow *tf, int error)
{
	vhost_settle(t->vhost, tf->flow.fd, error);
	/* What the capture shows was taken and given by somebody: no limit of a buffer's shall hold it up. */
	if (error == 0)
		vhost_buffers(t->vhost, tf->flow.fd, SIZE_MAX / 2, SIZE_MAX / 2);
}

static void
far_syn(struct replay_tcp *t, struct replay_session *s, const struct tcp_hdr *h)
{
	struct tcp_flow *tf = flow_of(t, &s->tuple);
	const struct listener *l;

	/* The same SYN, sent again. */
	if (s->far_heard && s->far_iss == h->seq)
		return;
	begin(s, h->seq);
	if (h->flags & TCP_ACK) {
		if (tf && tf->dialing)
			settle(t, tf, 0);
		return;
	}
	l = listener_of(t->gw, &s->tuple.guest);
	if (l)
		vhost_client(t->vhost, &l->at, &s->tuple.remote);
}

static void
far_reset(struct replay_tcp *t, struct replay_session *s)
{
	struct tcp_flow *tf = flow_of(t, &s->tuple);

	if (!tf)
		return;
	if (tf->dialing) {
		vhost_default(t->vhost, VHOST_REFUSE);
		settle(t, tf, ECONNREFUSED);
	} else if (tf->flow.fd >= 0) {
		vhost_reset(t->vhost, tf->flow.fd);
	}
}

/* Keep what is beyond a gap, in order. */
static void
keep(struct replay_tcp *t, struct replay_session *s, uint32_t seq, struct view bytes)
{
	struct piece **at = &s->pieces, *p = malloc(sizeof(*p));

	if (!p) {
		t->failed = true;
		return;
	}
	while (*at && seq_lt((*at)->seq, seq))
		at = &(*at)->next;
	*p = (struct piece){*at, seq, bytes};
	*at = p;
}

/* The bytes from seq on, of which some may be in the socket already. */
static void
hand_over(struct replay_tcp *t, struct replay_session *s, int fd, uint32_t seq, struct view bytes)
{
	uint32_t old = s->next_seq - seq;

	if (old >= bytes.len)
		return;
	bytes = view_of(bytes.p + old, bytes.len - old);
	if (fd >= 0)
		vhost_send(t->vhost, fd, bytes.p, bytes.len);
	else if (s->tuple.remote.port == DNS_PORT)
		t->failed |= !replay_dns_stream(&s->dns, t->gw, t->vhost, bytes);
	s->next_seq += (uint32_t)bytes.len;
}

static void
far_stream(struct replay_tcp *t, struct replay_session *s, uint32_t seq, struct view bytes)
{
	const struct tcp_flow *tf = flow_of(t, &s->tuple);
	int fd = tf ? tf->flow.fd : -1;

	if (bytes.len && seq_lt(s->next_seq, seq))
		keep(t, s, seq, bytes);
	else
		hand_over(t, s, fd, seq, bytes);
	while (s->pieces && seq_le(s->pieces->seq, s->next_seq)) {
		struct piece *p = s->pieces;

		s->pieces = p->next;
		hand_over(t, s, fd, p->seq, p->bytes);
		free(p);
	}
	if (s->fin && s->next_seq == s->fin_at && fd >= 0)
		vhost_send_eof(t->vhost, fd);
}

void
replay_tcp_far(struct replay_tcp *t, const struct replay_packet *p)
{
	struct tuple tuple = tuple_from_far(p);
	const struct tcp_hdr *h = &p->tcp;
	struct replay_session *s = h->flags & TCP_SYN ? find_or_new(t, &tuple) : find(t, &tuple);
	uint32_t seq = h->seq + (h->flags & TCP_SYN ? 1 : 0);

	if (!s)
		return;
	if (h->flags & TCP_RST) {
		far_reset(t, s);
		return;
	}
	if (h->flags & TCP_SYN)
		far_syn(t, s, h);
	/* A capture that began in the middle: there is no flow to speak to. */
	if (!s->far_heard)
		return;
	if (h->flags & TCP_FIN) {
		s->fin = true;
		s->fin_at = seq + (uint32_t)p->data.len;
	}
	uint32_t end = seq + (uint32_t)p->data.len + (h->flags & TCP_FIN ? 1 : 0);
	if (seq_lt(s->far_max, end))
		s->far_max = end;
	far_stream(t, s, seq, p->data);
}

void
replay_tcp_unreachable(struct replay_tcp *t, const struct tuple *flow, int error, enum vhost_answer answer)
{
	struct tcp_flow *tf = flow_of(t, flow);

	if (!tf || !tf->dialing)
		return;
	vhost_default(t->vhost, answer);
	settle(t, tf, error);
}
