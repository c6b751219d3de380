/*
 * socks.c - SOCKS 5, the client's half: every byte a proxy sends is looked at, none beyond its reply
 *
 * Strict: a version other than 5, a method that was not offered, a reserved byte that is not zero, an unknown type
 * of address end it.  A failure is told from the reply's first bytes: some proxies close before the rest.
 */
#include "proxy/socks.h"

#include <errno.h>

#define VERSION 5u
#define NO_AUTHENTICATION 0u
#define CONNECT 1u

enum { TYPE_IPV4 = 1, TYPE_DOMAIN = 3, TYPE_IPV6 = 4 };

#define METHOD_LEN 2u
#define REPLY_LEN 4u
#define PORT_LEN 2u

/* RFC 1928 section 6, REP. */
static const struct {
	int error;
	const char *why;
} replies[] = {
    [1] = {EHOSTUNREACH, "the proxy failed"},
    [2] = {EACCES, "the proxy's rules forbid it"},
    [3] = {ENETUNREACH, "network unreachable from the proxy"},
    [4] = {EHOSTUNREACH, "host unreachable from the proxy"},
    [5] = {ECONNREFUSED, "refused beyond the proxy"},
    [6] = {ETIMEDOUT, "timed out beyond the proxy"},
    [7] = {EACCES, "the proxy does not know CONNECT"},
    [8] = {ENETUNREACH, "the proxy does not know this family of addresses"},
};

static void
fail(struct socks *s, int error, const char *why)
{
	s->step = SOCKS_FAILED;
	s->error = error;
	s->why = why;
}

static void
nonsense(struct socks *s)
{
	fail(s, EHOSTUNREACH, "the proxy does not speak SOCKS 5");
}

void
socks_start(struct socks *s, const struct endpoint *target)
{
	*s = (struct socks){.target = *target, .step = SOCKS_GREETING};
}

/* --- out --------------------------------------------------------------------------------------------------- */

static void
emit_request(struct wr *w, const struct endpoint *to)
{
	wr_u8(w, VERSION);
	wr_u8(w, CONNECT);
	wr_u8(w, 0);
	if (addr_is_v4(&to->addr)) {
		wr_u8(w, TYPE_IPV4);
		wr_u32(w, addr_to_v4(&to->addr));
	} else {
		wr_u8(w, TYPE_IPV6);
		wr_bytes(w, to->addr.b, sizeof(to->addr.b));
	}
	wr_u16(w, to->port);
}

static void
emit_greeting(struct wr *w)
{
	wr_u8(w, VERSION);
	wr_u8(w, 1);
	wr_u8(w, NO_AUTHENTICATION);
}

size_t
socks_output(const struct socks *s, uint8_t out[SOCKS_OUT_MAX])
{
	uint8_t whole[SOCKS_OUT_MAX];
	struct wr w = wr_of(whole, sizeof(whole));

	if (s->step == SOCKS_GREETING)
		emit_greeting(&w);
	else if (s->step == SOCKS_REQUEST)
		emit_request(&w, &s->target);
	else
		return 0;

	size_t left = (size_t)(w.p - whole) - s->sent;
	if (left)
		memcpy(out, whole + s->sent, left);
	return left;
}

void
socks_sent(struct socks *s, size_t n)
{
	uint8_t rest[SOCKS_OUT_MAX];

	s->sent = (uint8_t)(s->sent + n);
	if (socks_output(s, rest) > 0)
		return;
	s->step = s->step == SOCKS_GREETING ? SOCKS_METHOD : SOCKS_REPLY;
	s->sent = s->nin = 0;
}

/* --- in ---------------------------------------------------------------------------------------------------- */

size_t
socks_want(const struct socks *s)
{
	switch (s->step) {
	case SOCKS_METHOD:
		return METHOD_LEN - s->nin;
	case SOCKS_REPLY:
		return REPLY_LEN - s->nin;
	case SOCKS_DOMAIN:
		return 1;
	case SOCKS_BOUND:
		return s->skip;
	default:
		return 0;
	}
}

static void
method_chosen(struct socks *s)
{
	if (s->in[0] != VERSION)
		nonsense(s);
	else if (s->in[1] == 0xff)
		fail(s, EACCES, "the proxy wants authentication");
	else if (s->in[1] != NO_AUTHENTICATION)
		nonsense(s);
	else
		s->step = SOCKS_REQUEST;
	s->nin = 0;
}

static void
bound_is(struct socks *s, uint16_t address_len)
{
	s->step = SOCKS_BOUND;
	s->skip = (uint16_t)(address_len + PORT_LEN);
}

static void
replied(struct socks *s)
{
	uint8_t version = s->in[0], reply = s->in[1], reserved = s->in[2], type = s->in[3];

	if (version != VERSION || reserved != 0)
		nonsense(s);
	else if (reply != 0 && reply < sizeof(replies) / sizeof(replies[0]))
		fail(s, replies[reply].error, replies[reply].why);
	else if (reply != 0)
		fail(s, EHOSTUNREACH, "the proxy failed in a way nobody knows");
	else if (type == TYPE_IPV4)
		bound_is(s, 4);
	else if (type == TYPE_IPV6)
		bound_is(s, 16);
	else if (type == TYPE_DOMAIN)
		s->step = SOCKS_DOMAIN;
	else
		nonsense(s);
}

/* One byte, which was wanted. */
static void
take(struct socks *s, uint8_t byte)
{
	switch (s->step) {
	case SOCKS_METHOD:
		s->in[s->nin++] = byte;
		if (s->nin == METHOD_LEN)
			method_chosen(s);
		break;
	case SOCKS_REPLY:
		s->in[s->nin++] = byte;
		if (s->nin == REPLY_LEN)
			replied(s);
		break;
	case SOCKS_DOMAIN:
		bound_is(s, byte);
		break;
	case SOCKS_BOUND:
		if (--s->skip == 0)
			s->step = SOCKS_DONE;
		break;
	default:
		break;
	}
}

void
socks_input(struct socks *s, struct view v)
{
	struct rd r = rd_of(v);

	while (rd_left(&r) > 0)
		take(s, rd_u8(&r));
}

void
socks_ended(struct socks *s)
{
	if (s->step != SOCKS_FAILED)
		fail(s, EHOSTUNREACH, "the proxy closed the connection before it answered");
}
