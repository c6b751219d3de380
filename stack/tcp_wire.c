/*
 * tcp_wire.c - TCP headers and options on the wire
 *
 * Four options are known: MSS, window scale, SACK-permitted and SACK.  Everything else, timestamps, TCP
 * fast open and authentication included, is stepped over by its length (RFC 9293 3.1, MUST-6) and never
 * kept.  A known option whose length is not its own is stepped over likewise.
 */
#include "stack/tcp_wire.h"

#include <assert.h>

enum { /* option kinds */
       OPT_END = 0,
       OPT_NOP = 1,
       OPT_MSS = 2,
       OPT_WSCALE = 3,
       OPT_SACK_OK = 4,
       OPT_SACK = 5,
};

enum { /* option lengths, kind and length bytes included */
       LEN_MSS = 4,
       LEN_WSCALE = 3,
       LEN_SACK_OK = 2,
       LEN_SACK = 2, /* and 8 for each block */
};

static void
parse_sack(struct rd *body, struct tcp_hdr *h)
{
	if (rd_left(body) % 8 != 0)
		return;
	while (rd_left(body) > 0 && h->nsack < TCP_SACK_BLOCKS) {
		struct tcp_sack *block = &h->sack[h->nsack++];

		block->left = rd_u32(body);
		block->right = rd_u32(body);
	}
}

static void
parse_option(uint8_t kind, struct rd *body, struct tcp_hdr *h)
{
	size_t len = rd_left(body) + 2;

	if (kind == OPT_MSS && len == LEN_MSS) {
		h->mss = rd_u16(body);
	} else if (kind == OPT_WSCALE && len == LEN_WSCALE) {
		h->has_wscale = true;
		h->wscale = rd_u8(body);
	} else if (kind == OPT_SACK_OK && len == LEN_SACK_OK) {
		h->sack_ok = true;
	} else if (kind == OPT_SACK) {
		parse_sack(body, h);
	}
}

/* The walk ends at its end, at END, or at a length that cannot be (MUST-7); what came before stands. */
static void
parse_options(struct rd r, struct tcp_hdr *h)
{
	while (rd_left(&r) > 0) {
		uint8_t kind = rd_u8(&r);

		if (kind == OPT_END)
			return;
		if (kind == OPT_NOP)
			continue;

		uint8_t len = rd_u8(&r);

		if (len < 2)
			return;

		struct rd body = rd_of(rd_take(&r, len - 2u));

		if (r.bad)
			return;
		parse_option(kind, &body, h);
	}
}

bool
tcp_parse(struct rd *r, struct tcp_hdr *h)
{
	memset(h, 0, sizeof(*h));
	h->sport = rd_u16(r);
	h->dport = rd_u16(r);
	h->seq = rd_u32(r);
	h->ack = rd_u32(r);
	h->hlen = (uint8_t)(rd_u8(r) >> 4 << 2);
	h->flags = rd_u8(r);
	h->wnd = rd_u16(r);
	h->csum = rd_u16(r);
	h->urp = rd_u16(r);
	if (r->bad || h->hlen < TCP_HLEN)
		return false;

	struct rd options = rd_of(rd_take(r, h->hlen - TCP_HLEN));

	parse_options(options, h);
	return !r->bad;
}

size_t
tcp_emit_len(const struct tcp_hdr *h)
{
	size_t options = (h->mss ? LEN_MSS : 0u) + (h->has_wscale ? LEN_WSCALE : 0u) +
			 (h->sack_ok ? LEN_SACK_OK : 0u) + (h->nsack ? LEN_SACK + 8u * h->nsack : 0u);

	return TCP_HLEN + (options + 3) / 4 * 4;
}

static void
emit_options(struct wr *w, const struct tcp_hdr *h)
{
	if (h->mss) {
		wr_u8(w, OPT_MSS);
		wr_u8(w, LEN_MSS);
		wr_u16(w, h->mss);
	}
	if (h->has_wscale) {
		wr_u8(w, OPT_WSCALE);
		wr_u8(w, LEN_WSCALE);
		wr_u8(w, h->wscale);
	}
	if (h->sack_ok) {
		wr_u8(w, OPT_SACK_OK);
		wr_u8(w, LEN_SACK_OK);
	}
	if (h->nsack) {
		wr_u8(w, OPT_SACK);
		wr_u8(w, (uint8_t)(LEN_SACK + 8 * h->nsack));
	}
	for (unsigned i = 0; i < h->nsack; i++) {
		wr_u32(w, h->sack[i].left);
		wr_u32(w, h->sack[i].right);
	}
}

void
tcp_emit(struct wr *w, const struct tcp_hdr *h)
{
	size_t len = tcp_emit_len(h);
	uint8_t header[TCP_HLEN_MAX] = {0};
	struct wr in = wr_of(header, sizeof(header));

	assert(h->nsack <= TCP_SACK_BLOCKS && len <= TCP_HLEN_MAX);
	wr_u16(&in, h->sport);
	wr_u16(&in, h->dport);
	wr_u32(&in, h->seq);
	wr_u32(&in, h->ack);
	wr_u8(&in, (uint8_t)(len / 4 << 4));
	wr_u8(&in, h->flags);
	wr_u16(&in, h->wnd);
	wr_u16(&in, 0); /* the checksum is the caller's: it covers the payload */
	wr_u16(&in, h->urp);
	emit_options(&in, h);
	wr_bytes(w, header, len);
}
