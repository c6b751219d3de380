/*
 * icmp.c - ICMP and ICMPv6: echo, and errors both ways (RFC 792, RFC 4443)
 *
 * Errors to the guest are a table of types and codes, behind a token bucket.  Errors from the guest are
 * read as far as the quoted ports and sequence number and handed up: only the owner of a flow can say
 * whether they are about it (RFC 5927 4.1).  Everything else a host may send is not for a gateway that
 * terminates: redirects, quenches, masks, timestamps, group membership.
 */
#include <assert.h>

#include "stack/internal.h"

#define QUOTE_V4_MAX 576u  /* RFC 1812 4.3.2.3 */
#define PMTU_V4_MIN 576u   /* less than that is no link's MTU but an attack (RFC 5927 7.2) */
#define MTU_FIELD_MIN 68u  /* RFC 791 3.1: every link takes this much */
#define AT_IP6_NEXT 6u     /* next header byte of the fixed header */
#define TOKENS_PER_ERROR 4 /* on average: see tokens_take() */
#define TOKENS_MAX (200u * TOKENS_PER_ERROR)
#define USEC_PER_TOKEN (USEC_PER_MSEC / TOKENS_PER_ERROR)

/* Type and code by error and family; the codes are RFC 792's, RFC 1812 5.2.7.1's and RFC 4443's. */
static const struct {
	uint8_t type, code;
} error_table[ICMP_ERRORS][FAMILIES] = {
    [ICMP_ERR_PORT] = {{ICMP4_UNREACHABLE, 3}, {ICMP6_UNREACHABLE, 4}},
    [ICMP_ERR_HOST] = {{ICMP4_UNREACHABLE, 1}, {ICMP6_UNREACHABLE, 3}},
    [ICMP_ERR_NET] = {{ICMP4_UNREACHABLE, 0}, {ICMP6_UNREACHABLE, 0}},
    [ICMP_ERR_PROTO] = {{ICMP4_UNREACHABLE, 2}, {ICMP6_PARAM_PROBLEM, 1}},
    [ICMP_ERR_PROHIBITED] = {{ICMP4_UNREACHABLE, 13}, {ICMP6_UNREACHABLE, 1}},
    [ICMP_ERR_TOO_BIG] = {{ICMP4_UNREACHABLE, 4}, {ICMP6_TOO_BIG, 0}},
    [ICMP_ERR_TTL] = {{ICMP4_TIME_EXCEEDED, 0}, {ICMP6_TIME_EXCEEDED, 0}},
    [ICMP_ERR_REASSEMBLY] = {{ICMP4_TIME_EXCEEDED, 1}, {ICMP6_TIME_EXCEEDED, 1}},
    [ICMP_ERR_PARAM] = {{ICMP4_PARAM_PROBLEM, 0}, {ICMP6_PARAM_PROBLEM, 0}},
};

void
stack_icmp_type(enum icmp_error err, enum family fam, uint8_t *type, uint8_t *code)
{
	*type = error_table[err][fam].type;
	*code = error_table[err][fam].code;
}

/* --- errors to the guest --------------------------------------------------------------------------- */

/*
 * 1,000 errors a second, 200 at once.  What one costs varies unpredictably around TOKENS_PER_ERROR, so
 * that the limit cannot be used to count what others cause (CVE-2020-25705).
 */
static bool
tokens_take(struct stack *st, usec_t now)
{
	usec_t earned = (now - st->icmp_tokens_at) / USEC_PER_TOKEN;

	st->icmp_tokens_at += earned * USEC_PER_TOKEN;
	st->icmp_tokens = (uint32_t)time_min(st->icmp_tokens + earned, TOKENS_MAX);
	if (st->icmp_tokens < TOKENS_PER_ERROR + 1)
		return false;
	st->icmp_tokens -= TOKENS_PER_ERROR - 1 + (next_id(st, 8) & 1) * 2;
	return true;
}

/* Is it, or may it be, an error itself?  RFC 1122 3.2.2, RFC 4443 2.4(e). */
static bool
is_icmp_error(const struct ip *about, struct view quote)
{
	struct rd r = rd_of(quote);

	rd_take(&r, about->hlen);
	uint8_t type = rd_u8(&r);

	/* A later piece does not say which type it is of. */
	if (about->frag_off > 0)
		r.bad = true;
	if (about->proto == IP_PROTO_ICMP && addr_is_v4(&about->src))
		return r.bad || (type != ICMP4_ECHO_REQUEST && type != ICMP4_ECHO_REPLY);
	if (about->proto == IP_PROTO_ICMPV6 && !addr_is_v4(&about->src))
		return r.bad || type < ICMP6_ECHO_REQUEST || type == ICMP6_REDIRECT;
	return false;
}

/* RFC 4443 2.4(e.3): two errors are for the senders of multicasts too. */
static bool
may_answer_group(enum icmp_error err, uint32_t arg, const struct ip *about)
{
	return !addr_is_v4(&about->src) &&
	       (err == ICMP_ERR_TOO_BIG || (err == ICMP_ERR_PARAM && arg >> 24 == 2));
}

static bool
may_complain(const struct stack *st, enum icmp_error err, uint32_t arg, const struct ip *about,
	     struct view quote)
{
	if (!stack_is_guest(st, &about->src))
		return false;
	/* RFC 8200 4.5 wants a parameter problem about a later piece too. */
	if (about->frag_off > 0 && err != ICMP_ERR_PARAM)
		return false;
	if (addr_is_broadcast(&about->dst) || is_subnet_edge(st, &about->dst))
		return false;
	if (addr_is_multicast(&about->dst) && !may_answer_group(err, arg, about))
		return false;
	return !is_icmp_error(about, quote);
}

/* The four bytes after the checksum. */
static uint32_t
error_rest(enum icmp_error err, uint32_t arg, bool v4)
{
	switch (err) {
	case ICMP_ERR_TOO_BIG:
		if (!v4)
			return arg < IP6_MIN_MTU ? IP6_MIN_MTU : arg;
		return arg < MTU_FIELD_MIN ? MTU_FIELD_MIN : arg > UINT16_MAX ? UINT16_MAX : arg;
	case ICMP_ERR_PROTO:
		return v4 ? 0 : arg ? arg : AT_IP6_NEXT;
	case ICMP_ERR_PARAM:
		return v4 ? arg << 24 : arg & 0xffffff;
	default:
		return 0;
	}
}

static void
send_error(struct stack *st, enum icmp_error err, uint32_t arg, const struct addr *from,
	   const struct ip *about, struct view quote, usec_t now)
{
	bool v4 = addr_is_v4(&about->src);
	enum family fam = v4 ? FAMILY_V4 : FAMILY_V6;
	size_t room = (v4 ? QUOTE_V4_MAX - IP4_HLEN : IP6_MIN_MTU - IP6_HLEN) - ICMP_HLEN;

	if (!may_complain(st, err, arg, about, quote))
		return;
	if (!tokens_take(st, now)) {
		st->count[COUNT_ICMP_LIMITED]++;
		return;
	}
	if (!from || addr_family(from) != fam)
		from = &st->cfg.net[fam].gateway;

	struct ip ip = {
	    .src = *from,
	    .dst = about->src,
	    .proto = v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
	    .ttl = TTL_DEFAULT,
	};
	struct transport t = {.hlen = ICMP_HLEN, .csum_at = 2, .pay = &quote, .npay = 1};
	struct wr w = wr_of(t.hdr, sizeof(t.hdr));
	struct icmp h = {.rest = error_rest(err, arg, v4)};

	stack_icmp_type(err, fam, &h.type, &h.code);
	if (err == ICMP_ERR_PARAM && !v4)
		h.code = (uint8_t)(arg >> 24);
	icmp_emit(&w, &h);
	quote.len = min_size(quote.len, room);
	t.len = (uint32_t)quote.len;
	ip_output(st, NULL, &ip, &t);
	output_now(st);
}

void
icmp_send_error(struct stack *st, enum icmp_error err, uint32_t arg, const struct ip *about,
		struct view quote, usec_t now)
{
	send_error(st, err, arg, NULL, about, quote, now);
}

/* Reads the header of a packet of which only the start is there. */
static bool
parse_quote(struct view quote, struct ip *out)
{
	struct rd r = rd_of(quote);
	struct ip_problem why;

	if (rd_u8(&r) >> 4 == 4)
		return ip4_parse(quote, SIZE_MAX, out) == IP_OK;
	return ip6_parse(quote, SIZE_MAX, out, &why) == IP_OK;
}

void
stack_send_error(struct stack *st, enum icmp_error err, uint32_t arg, const struct addr *from,
		 struct view quote, usec_t now)
{
	struct ip about;

	if (parse_quote(quote, &about))
		send_error(st, err, arg, from, &about, quote, now);
}

/* The first 8 bytes of the transport, as far as a flow remembers them; returns the packet's payload. */
static uint32_t
rebuild_transport(struct wr *w, const struct tuple *flow, uint32_t seq)
{
	uint32_t udp_len = UDP_HLEN + (uint32_t)min_size(seq, UINT16_MAX - IP4_HLEN - UDP_HLEN);
	bool v4 = addr_is_v4(&flow->guest.addr);

	switch (flow->proto) {
	case IP_PROTO_TCP:
		wr_u16(w, flow->guest.port);
		wr_u16(w, flow->remote.port);
		wr_u32(w, seq);
		return TCP_HLEN;
	case IP_PROTO_UDP:
		udp_emit(w, &(struct udp){
				.sport = flow->guest.port,
				.dport = flow->remote.port,
				.len = (uint16_t)udp_len,
			    });
		return udp_len;
	default:
		icmp_emit(w,
			  &(struct icmp){.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST, .rest = seq});
		return ICMP_HLEN;
	}
}

void
stack_send_error_flow(struct stack *st, enum icmp_error err, uint32_t arg, const struct addr *from,
		      const struct tuple *flow, uint32_t seq, usec_t now)
{
	uint8_t first[8], buf[IP6_HLEN + sizeof(first)];
	struct wr top = wr_of(first, sizeof(first)), w = wr_of(buf, sizeof(buf));
	struct ip about = {
	    .src = flow->guest.addr,
	    .dst = flow->remote.addr,
	    .proto = flow->proto,
	    .ttl = TTL_DEFAULT,
	    .df = true,
	    .len = rebuild_transport(&top, flow, seq),
	};

	about.hlen = (uint16_t)ip_emit_len(&about);
	ip_emit(&w, &about);
	wr_bytes(&w, first, sizeof(first));
	assert(!w.bad && !top.bad);
	send_error(st, err, arg, from, &about, view_of(buf, (size_t)(w.p - buf)), now);
}

uint32_t
icmp6_next_header_at(struct view net, const struct ip *h)
{
	uint32_t at = AT_IP6_NEXT, header = IP6_HLEN;
	struct rd r = rd_of(net);

	rd_take(&r, AT_IP6_NEXT);
	uint8_t kind = rd_u8(&r);

	/* The chain was walked once already, when h was read: every length in it is right. */
	while (header < h->hlen) {
		r = rd_of(net);
		rd_take(&r, header);
		uint8_t next = rd_u8(&r);
		uint8_t units = rd_u8(&r);

		at = header;
		header += kind == IP_PROTO_FRAGMENT ? IP6_FRAG_HLEN : (units + 1u) * 8;
		kind = next;
	}
	return at;
}

/* --- from the guest -------------------------------------------------------------------------------- */

/* What the quoted packet, one of ours, was about; turned round, so that guest is the guest. */
static bool
read_quoted(const struct stack *st, const struct inbound *in, struct view quote, struct icmp_report *out)
{
	struct ip q;
	struct icmp echo;

	if (!parse_quote(quote, &q) || addr_family(&q.src) != addr_family(&in->ip.src))
		return false;
	if (q.frag_off > 0 || !addr_eq(&q.src, &in->ip.dst) || !stack_is_guest(st, &q.dst))
		return false;
	out->flow.remote.addr = q.src;
	out->flow.guest.addr = q.dst;
	out->flow.proto = q.proto;
	out->seq = 0;

	struct rd r = rd_of(quote);

	rd_take(&r, q.hlen);
	switch (q.proto) {
	case IP_PROTO_TCP:
	case IP_PROTO_UDP:
		out->flow.remote.port = rd_u16(&r);
		out->flow.guest.port = rd_u16(&r);
		out->seq = rd_u32(&r);
		if (q.proto == IP_PROTO_UDP)
			out->seq = 0;
		return !r.bad;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMPV6:
		out->flow.remote.port = 0;
		if (!icmp_parse(&r, &echo))
			return false;
		out->flow.guest.port = (uint16_t)(echo.rest >> 16);
		return echo.type == (addr_is_v4(&q.src) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
	default:
		return false;
	}
}

static enum stack_result
error_input(struct stack *st, const struct inbound *in, const struct icmp *h, struct view quote,
	    struct packet *pkt)
{
	bool v4 = addr_is_v4(&in->ip.src);
	uint32_t mtu = 0;

	if (v4 && h->type == ICMP4_UNREACHABLE && h->code == 4)
		mtu = h->rest & 0xffff;
	else if (!v4 && h->type == ICMP6_TOO_BIG)
		mtu = h->rest;
	else
		mtu = UINT32_MAX;
	/* We end the path, and the guest's link takes this much: smaller claims are not believed. */
	if (mtu < (v4 ? PMTU_V4_MIN : IP6_MIN_MTU))
		return drop(st, COUNT_ICMP_IGNORED);
	if (!read_quoted(st, in, quote, &pkt->error))
		return drop(st, COUNT_ICMP_BAD);
	pkt->error.type = h->type;
	pkt->error.code = h->code;
	pkt->error.mtu = mtu == UINT32_MAX ? 0 : mtu;
	packet_open(pkt, in);
	pkt->len = 0;
	pkt->npay = 0;
	return STACK_ICMP_ERROR;
}

static enum stack_result
echo_input(struct stack *st, const struct inbound *in, const struct icmp *h, struct view data,
	   bool borrowable, struct packet *pkt)
{
	if (addr_is_multicast(&in->ip.dst))
		return drop(st, COUNT_ICMP_IGNORED);
	enum family fam = addr_family(&in->ip.dst);
	bool judged = st->echo_judged[fam] && addr_eq(&in->ip.dst, &st->cfg.net[fam].gateway);
	if (stack_is_ours(st, &in->ip.dst) && !judged) {
		stack_send_echo_reply(st, &in->ip.dst, &in->ip.src, h->rest, data, 0, in->ip.tos);
		if (!borrowable)
			output_now(st);
		return STACK_DONE;
	}
	pkt->icmp = *h;
	packet_open(pkt, in);
	pkt->borrowable = borrowable;
	pkt->len = (uint32_t)data.len;
	pkt->npay = data.len > 0;
	pkt->pay[0] = data;
	return STACK_ECHO;
}

enum stack_result
icmp_input(struct stack *st, const struct inbound *in, struct view msg, bool borrowable, struct packet *pkt,
	   usec_t now)
{
	bool v4 = addr_is_v4(&in->ip.src);
	struct rd r = rd_of(msg);
	struct icmp h;

	if (!icmp_parse(&r, &h))
		return drop(st, COUNT_ICMP_BAD);
	if (!v4 && h.type >= ICMP6_RS && h.type <= ICMP6_REDIRECT)
		return ndp_input(st, in, msg, now);
	if (!v4 && addr_is_unspecified(&in->ip.src))
		return drop(st, COUNT_IP_SOURCE);
	if (h.type == (v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST))
		return echo_input(st, in, &h, rd_rest(&r), borrowable, pkt);
	if (v4 ? h.type == ICMP4_UNREACHABLE || h.type == ICMP4_TIME_EXCEEDED || h.type == ICMP4_PARAM_PROBLEM
	       : h.type >= ICMP6_UNREACHABLE && h.type <= ICMP6_PARAM_PROBLEM)
		return error_input(st, in, &h, rd_rest(&r), pkt);
	return drop(st, COUNT_ICMP_IGNORED);
}
