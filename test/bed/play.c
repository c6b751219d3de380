/*
 * play.c - what the verbs share: flows, streams of bytes, numbers; and which verb is which function
 */
#include "test/bed/play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool
play_fail(struct play *r, const char *fmt, ...)
{
	va_list ap;

	if (r->why[0])
		return false;
	int n =
	    snprintf(r->why, sizeof(r->why), "line %d: expected '%s', ", r->line->number, r->line->source);
	va_start(ap, fmt);
	vsnprintf(r->why + n, sizeof(r->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

int64_t
play_eval(const struct play *r, const struct script_value *v)
{
	const struct play_flow *f = &r->flow[r->line->flow];

	return v->k + v->m * (int64_t)r->M + v->e * (int32_t)(f->gw_edge - f->guest_isn);
}

/* Does a number satisfy what was written?  Differences of sequence numbers are signed 32 bits. */
bool
play_holds(const struct play *r, const struct script_value *want, int64_t got)
{
	int64_t v = play_eval(r, want);

	switch (want->match) {
	case MATCH_EQ:
		return got == v;
	case MATCH_LT:
		return got < v;
	case MATCH_LE:
		return got <= v;
	case MATCH_GT:
		return got > v;
	case MATCH_GE:
		return got >= v;
	case MATCH_NONE:
		return false;
	case MATCH_UNSAID:
	case MATCH_ANY:
		break;
	}
	return true;
}

/* --- streams ------------------------------------------------------------------------------------------ */

static uint8_t
pattern(size_t at, bool of_host)
{
	return (uint8_t)(33 + (at * 7 + at / 251 * 13 + at / 65536 + (of_host ? 40 : 0)) % 90);
}

/* The first to say a byte settles it: first-received wins (row T16). */
void
play_say(struct play_stream *st, size_t at, const uint8_t *from, size_t n)
{
	if (at + n > PLAY_STREAM_MAX)
		return;
	if (!st->byte) {
		st->byte = calloc(PLAY_STREAM_MAX, 1);
		st->said = calloc(PLAY_STREAM_MAX, 1);
	}
	if (!st->byte || !st->said)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!st->said[at + i]) {
			st->said[at + i] = true;
			st->byte[at + i] = from[i];
		}
	if (at + n > st->len)
		st->len = at + n;
}

bool
play_agrees(const struct play_stream *st, size_t at, const uint8_t *with, size_t n)
{
	if (n == 0)
		return true;
	if (at + n > st->len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (st->said[at + i] && st->byte[at + i] != with[i])
			return false;
	return true;
}

/* The bytes a line sends: its text, or n of the pattern from `at` on.  Into r->data. */
size_t
play_data(struct play *r, const struct script_value *n, const char *text, size_t at, bool of_host)
{
	int64_t len = n->match == MATCH_EQ ? play_eval(r, n) : 0;

	if (len < 0 || len > (int64_t)PLAY_DATA_MAX)
		len = 0;
	for (size_t i = 0; i < (size_t)len; i++)
		r->data[i] = text ? (uint8_t)text[i] : pattern((uint32_t)(at + i), of_host);
	return (size_t)len;
}

/* --- flows -------------------------------------------------------------------------------------------- */

struct play_flow *
play_flow_of(struct play *r)
{
	return &r->flow[r->line->flow];
}

/* The host socket of every flow, as long as it can be seen: a closed one is asked how it ended. */
void
play_note_sockets(struct play *r)
{
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		const struct tcp_flow *tf = bed_tcp(r->bed, &r->flow[i].tuple);

		if (tf && tf->flow.fd >= 0)
			r->flow[i].fd = tf->flow.fd;
	}
}

void
play_settle(struct play *r)
{
	bed_settle(r->bed);
	play_note_sockets(r);
}

struct addr
play_loopback(enum family fam)
{
	return fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
}

void
play_set_flows(struct play *r, uint32_t guest_isn)
{
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		struct play_flow *f = &r->flow[i];

		f->tuple = (struct tuple){
		    .guest = {r->bed->guest[r->fam], (uint16_t)(PLAY_GUEST_PORT + i)},
		    .remote = {r->s->to_gateway ? r->bed->gateway[r->fam] : bed_elsewhere(r->fam),
			       (uint16_t)(PLAY_REMOTE_PORT + i)},
		    .proto = IP_PROTO_TCP};
		f->guest_isn = f->guest_next = guest_isn;
		f->fd = -1;
	}
}

/* From now on this flow is one a client of the published port has opened. */
void
play_set_inbound(struct play *r, struct play_flow *f)
{
	f->inbound = true;
	f->tuple.guest.port = PLAY_REMOTE_PORT;
	f->tuple.remote =
	    (struct endpoint){r->bed->gateway[r->fam], (uint16_t)(PLAY_CLIENT_PORT + (f - r->flow))};
}

static bool (*const verbs[])(struct play *r) = {
    [DO_SEND] = play_send,
    [DO_SEND_MORE] = play_send,
    [DO_SEND_UDP] = play_send_udp,
    [DO_SEND_ICMP] = play_send_icmp,
    [DO_SEND_ECHO] = play_send_echo,
    [WANT_SEGMENT] = play_want_frame,
    [WANT_UDP] = play_want_frame,
    [WANT_ICMP] = play_want_frame,
    [WANT_ECHO] = play_want_frame,
    [WANT_NOTHING] = play_want_nothing,
    [WANT_ANYTHING] = play_want_anything,
    [HOST_SETTLES] = play_host_settles,
    [HOST_SENDS] = play_host_sends,
    [HOST_READS] = play_host_reads,
    [HOST_CLOSES] = play_host_ends,
    [HOST_RESETS] = play_host_ends,
    [HOST_BUFFERS] = play_host_ends,
    [HOST_SEES_EOF] = play_host_sees,
    [HOST_SEES_CLOSE] = play_host_sees,
    [HOST_SEES_RESET] = play_host_sees,
    [HOST_SEES_OPEN] = play_host_sees,
    [HOST_SOCKETS] = play_host_sockets,
    [HOST_SENDS_UDP] = play_host_udp,
    [HOST_READS_UDP] = play_host_udp,
    [HOST_REFUSES_UDP] = play_host_udp,
    [GUEST_OPENS] = play_guest_opens,
    [CLIENT_CONNECTS] = play_client_connects,
    [CLIENT_OPENS] = play_client_opens,
    [GATEWAY_STATE] = play_gateway_state,
    [GATEWAY_FLOWS] = play_gateway_flows,
};

bool
play_line(struct play *r)
{
	return verbs[r->line->verb](r);
}
